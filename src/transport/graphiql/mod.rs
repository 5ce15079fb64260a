//! GraphiQL from our own address: no foreign request, a strict content security policy.
//!
//! The files are built by `graphiql/build` from the sources beside it, and are only carried here.

mod assets;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::json;

use super::bundle::{Asset, Bundle};

/// Everything from here and nothing from elsewhere. Monaco sets styles on elements as it goes.
const POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; \
    style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const BUNDLE: Bundle = Bundle { page: assets::PAGE, assets: assets::ASSETS, policy: POLICY };

/// What the page is told about the gateway.
#[derive(Clone, Debug)]
pub struct Explorer {
    /// `demo` or `live`.
    pub mode: &'static str,
    /// Accounts for the examples: one whose data is there, one whose customer is wanted.
    pub accounts: Option<(String, String)>,
}

/// The explorer's routes.
pub fn routes(explorer: Explorer) -> Router {
    Router::new()
        .route("/graphiql", get(page))
        .route("/graphiql/config.json", get(config))
        .route("/graphiql/assets/{name}", get(asset))
        .with_state(explorer)
}

async fn page() -> Response {
    BUNDLE.page()
}

async fn config(State(explorer): State<Explorer>) -> Response {
    let accounts = explorer
        .accounts
        .map(|(healthy, needs)| json!({ "healthy": healthy, "needsReauth": needs }));
    let config = json!({
        "mode": explorer.mode,
        "subscriptionPath": "/graphql",
        "accounts": accounts,
    });
    BUNDLE.secured(Json(config).into_response(), "no-store")
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    BUNDLE.asset(&name, &headers)
}
