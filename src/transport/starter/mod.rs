//! The starter page of demo mode: what a front end may look like, from our own address.
//!
//! The files are built by `examples/web/build` from the sources beside it, and are only carried
//! here. Live mode does not serve it: it knows nothing of tokens.

mod assets;

use axum::{Router, extract::Path, http::HeaderMap, response::Response, routing::get};

use super::bundle::{Asset, Bundle};

/// Scripts, styles and requests from here alone; nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const BUNDLE: Bundle = Bundle { page: assets::PAGE, assets: assets::ASSETS, policy: POLICY };

/// The starter page's routes.
pub fn routes() -> Router {
    Router::new()
        .route("/demo", get(page))
        .route("/demo/", get(page))
        .route("/demo/assets/{name}", get(asset))
}

async fn page() -> Response {
    BUNDLE.page()
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    BUNDLE.asset(&name, &headers)
}
