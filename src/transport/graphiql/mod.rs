//! GraphiQL from our own address: no foreign request, a strict content security policy.
//!
//! The files are built by `graphiql/build` from the sources beside it, and are only carried here.

mod assets;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{
            ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
            CONTENT_TYPE, ETAG, VARY,
        },
    },
    response::{Html, IntoResponse as _, Response},
    routing::get,
};
use serde_json::json;

/// A file of the explorer.
struct Asset {
    name: &'static str,
    content_type: &'static str,
    gzip: &'static [u8],
    /// Of the uncompressed bytes, in hexadecimal digits.
    sha256: &'static str,
}

/// Everything from here and nothing from elsewhere. Monaco sets styles on elements as it goes.
const POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; \
    style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

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
    secured(Html(assets::PAGE).into_response(), "no-cache")
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
    secured(Json(config).into_response(), "no-store")
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = assets::ASSETS.iter().find(|asset| asset.name == name) else {
        return secured(StatusCode::NOT_FOUND.into_response(), "no-store");
    };
    let takes_gzip = headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|text| text.contains("gzip") || text.contains('*'));
    if !takes_gzip {
        // Every browser takes it; what does not is told so instead of being sent noise.
        let text = "this file is kept compressed; send Accept-Encoding: gzip";
        return secured((StatusCode::NOT_ACCEPTABLE, text).into_response(), "no-store");
    }
    let mut response = asset.gzip.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", asset.sha256)) {
        headers.insert(ETAG, tag);
    }
    // A name never stands for other bytes.
    secured(response, "public, max-age=31536000, immutable")
}

fn secured(mut response: Response, caching: &'static str) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    response
}
