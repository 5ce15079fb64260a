//! Routes and layers: which address leads where.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Redirect, Response},
    routing::{any, get},
};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use tokio::{sync::watch, task::AbortHandle, time::timeout};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    database::Database,
    events::EventBus,
    head,
    transport::{
        browser::{Pages, called},
        cors,
        graphiql::{self, Explorer},
        http::{Endpoint, handle},
        security::harden,
        starter,
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
    let https = pages.https;
    let graphql = Router::new()
        .route("/graphql", any(handle))
        .layer(head::compression())
        .layer(middleware::map_request(head::gzip_or_plain));
    let mut guarded = graphql.with_state(public.endpoint);
    if let Some(explorer) = public.explorer {
        guarded = guarded
            .merge(graphiql::routes(explorer))
            .route("/", get(|| async { Redirect::temporary("/graphiql") }));
    }
    if public.mode == "demo" {
        guarded = guarded.merge(starter::routes());
    }
    // Webhooks come through tunnels of any name, and carry a secret; health is asked by whatever
    // name a supervisor knows, and tells nothing of anybody.
    let mut routes = named(guarded.fallback(nothing_here), pages.clone())
        .merge(public.webhooks)
        .merge(health(public.health))
        .layer(CatchPanicLayer::custom(after_a_panic));
    if public.mode == "demo" {
        routes = routes.layer(middleware::map_response(mark_as_demo));
    }
    let routes = routes.layer(middleware::from_fn(head::check));
    hardened(readable(routes, pages), https)
}

/// The admin routes. `pages` says by which names they may be called.
pub fn admin(health_of: Health, metrics: PrometheusHandle, pages: Pages) -> Router {
    let render = move || {
        let metrics = metrics.clone();
        async move {
            metrics.run_upkeep();
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render())
        }
    };
    let routes = Router::new()
        .route("/metrics", get(render))
        .merge(health(health_of))
        .fallback(nothing_here);
    let routes = named(routes, Arc::new(pages)).layer(middleware::from_fn(head::check));
    hardened(routes, false)
}

/// Lets listed pages read whatever GraphQL answers, be it that a request was refused before it got
/// there, or that answering it failed.
fn readable(routes: Router, pages: Arc<Pages>) -> Router {
    routes.layer(middleware::from_fn_with_state(pages, share_graphql))
}

async fn share_graphql(pages: State<Arc<Pages>>, request: Request, next: Next) -> Response {
    if request.uri().path() == "/graphql" {
        cors::share(pages, request, next).await
    } else {
        next.run(request).await
    }
}

fn named(routes: Router, pages: Arc<Pages>) -> Router {
    routes.layer(middleware::from_fn_with_state(pages, own_names_only))
}

fn hardened(routes: Router, https: bool) -> Router {
    let harden = move |response: Response| async move { harden(response, https) };
    routes.layer(middleware::map_response(harden))
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

async fn own_names_only(State(pages): State<Arc<Pages>>, request: Request, next: Next) -> Response {
    match pages.admit_host(called(request.headers(), request.uri())) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listed_page_can_read_that_the_gateway_failed() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let pages =
            Pages { origins: vec!["https://app.example.test".into()], hosts: None, https: false };
        let fail = || async { std::hint::black_box(None::<Response>).expect("nothing") };
        let routes = Router::new().route("/graphql", get(fail));
        let routes = routes.layer(CatchPanicLayer::custom(after_a_panic));
        let routes = readable(routes, Arc::new(pages));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(async move { axum::serve(listener, routes).await });
        let client = reqwest::ClientBuilder::new().no_proxy().build().expect("a client");
        let request = client.get(format!("http://{address}/graphql"));
        let answer = request.header("origin", "https://app.example.test").send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), 500);
        assert_eq!(
            answer.headers().get("access-control-allow-origin").map(HeaderValue::as_bytes),
            Some(&b"https://app.example.test"[..])
        );
        server.abort();
    }
}
