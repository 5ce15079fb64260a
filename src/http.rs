//! Routes and layers: which address leads where.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Redirect, Response},
    routing::{any, get},
};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use tokio::{sync::watch, task::AbortHandle, time::timeout};
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{AllowOrigin, CorsLayer},
};

use crate::{
    database::Database,
    events::EventBus,
    head,
    transport::{
        browser::Pages,
        graphiql::{self, Explorer},
        http::{Endpoint, handle},
    },
};

/// How long the database may take to show that it is well.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// What the public address serves.
pub struct Public {
    /// GraphQL.
    pub endpoint: Endpoint,
    /// Mono's webhooks.
    pub webhooks: Router,
    /// The explorer, where it is on.
    pub explorer: Option<Explorer>,
    /// Whether the gateway is well.
    pub health: Health,
    /// `demo` or `live`.
    pub mode: &'static str,
}

/// What health is judged by.
#[derive(Clone, Debug)]
pub struct Health {
    /// The database that must answer.
    pub database: Database,
    /// What other replicas are heard by.
    pub bus: Arc<dyn EventBus>,
    /// What must be running for anything to be kept and told.
    pub tasks: Vec<AbortHandle>,
    /// True once the gateway stops.
    pub draining: watch::Receiver<bool>,
    /// `demo` or `live`.
    pub mode: &'static str,
}

/// The public routes.
pub fn public(public: Public) -> Router {
    let pages = Arc::new(public.endpoint.pages.clone());
    let cors = cors(&pages);
    let mut guarded =
        Router::new().route("/graphql", any(handle)).with_state(public.endpoint).layer(cors);
    guarded =
        guarded.layer(head::compression()).layer(middleware::map_request(head::gzip_or_plain));
    if let Some(explorer) = public.explorer {
        guarded = guarded
            .merge(graphiql::routes(explorer))
            .route("/", get(|| async { Redirect::temporary("/graphiql") }));
    }
    let mut routes = guarded
        .layer(middleware::from_fn_with_state(pages, own_names_only))
        .merge(public.webhooks)
        .merge(health(public.health))
        .fallback(nothing_here);
    if public.mode == "demo" {
        routes = routes.layer(middleware::map_response(mark_as_demo));
    }
    routes.layer(middleware::from_fn(head::check)).layer(CatchPanicLayer::custom(after_a_panic))
}

/// The admin routes.
pub fn admin(health_of: Health, metrics: PrometheusHandle) -> Router {
    let render = move || {
        let metrics = metrics.clone();
        async move {
            metrics.run_upkeep();
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render())
        }
    };
    Router::new()
        .route("/metrics", get(render))
        .merge(health(health_of))
        .fallback(nothing_here)
        .layer(middleware::from_fn(head::check))
}

fn health(health: Health) -> Router {
    Router::new()
        .route("/health/live", get(|| async { Json(json!({ "status": "ok" })) }))
        .route("/health/ready", get(ready))
        .with_state(health)
}

async fn ready(State(health): State<Health>) -> Response {
    // A database that is gone is waited for long elsewhere; whoever asks for health wants to know.
    let ping = timeout(ANSWERS_WITHIN, health.database.ping()).await;
    let database = matches!(ping, Ok(Ok(())));
    let migrated = database
        && matches!(timeout(ANSWERS_WITHIN, health.database.require_migrated()).await, Ok(Ok(())));
    let draining = *health.draining.borrow();
    let word = |good: bool| if good { "ok" } else { "failed" };
    let bus = health.bus.is_connected();
    let running = !health.tasks.iter().any(AbortHandle::is_finished);
    let is_ready = migrated && bus && running && !draining;
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "status": if draining { "stopping" } else { word(is_ready) },
        "mode": health.mode,
        "checks": { "database": word(database), "migrations": word(migrated), "bus": word(bus), "tasks": word(running) },
    });
    (status, Json(body)).into_response()
}

fn cors(pages: &Pages) -> CorsLayer {
    let origins = pages.origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::ACCEPT,
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([HeaderName::from_static("x-request-id")])
}

async fn own_names_only(State(pages): State<Arc<Pages>>, request: Request, next: Next) -> Response {
    // There is one at most, and it is what the address says, too.
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    match pages.admit_host(host) {
        Ok(()) => next.run(request).await,
        Err(refused) => {
            let body = Json(json!({ "message": refused.to_string() }));
            (StatusCode::MISDIRECTED_REQUEST, body).into_response()
        }
    }
}

async fn mark_as_demo(mut response: Response) -> Response {
    let name = HeaderName::from_static("x-mono-gateway-mode");
    response.headers_mut().insert(name, HeaderValue::from_static("demo"));
    response
}

async fn nothing_here() -> Response {
    let text = "nothing is here; GraphQL is at /graphql";
    (StatusCode::NOT_FOUND, Json(json!({ "message": text }))).into_response()
}

fn after_a_panic(_: Box<dyn std::any::Any + Send>) -> Response {
    let body = json!({ "errors": [{
        "message": "the gateway failed to answer this; its log has the reason",
        "extensions": { "code": "INTERNAL" },
    }] });
    (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
}
