//! Pages that were built ahead of time and are only carried: their answers, their caching, and a
//! policy under which nothing foreign is asked for.

use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{
            ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
            CONTENT_TYPE, ETAG, VARY,
        },
    },
    response::{Html, IntoResponse as _, Response},
};

/// A file of a page.
pub(super) struct Asset {
    pub(super) name: &'static str,
    pub(super) content_type: &'static str,
    pub(super) gzip: &'static [u8],
    /// Of the uncompressed bytes, in hexadecimal digits.
    pub(super) sha256: &'static str,
}

/// A page with its files.
pub(super) struct Bundle {
    pub(super) page: &'static str,
    pub(super) assets: &'static [Asset],
    /// What the page may do: the value of `content-security-policy`.
    pub(super) policy: &'static str,
}

impl Bundle {
    /// The page itself.
    pub(super) fn page(&self) -> Response {
        self.secured(Html(self.page).into_response(), "no-cache")
    }

    /// The file of this name; 404 if there is none, 406 for those who cannot take gzip.
    pub(super) fn asset(&self, name: &str, headers: &HeaderMap) -> Response {
        let Some(asset) = self.assets.iter().find(|asset| asset.name == name) else {
            return self.secured(StatusCode::NOT_FOUND.into_response(), "no-store");
        };
        let takes_gzip = headers
            .get_all(ACCEPT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|text| text.contains("gzip") || text.contains('*'));
        if !takes_gzip {
            // Every browser takes it; what does not is told so instead of being sent noise.
            let text = "this file is kept compressed; send Accept-Encoding: gzip";
            return self.secured((StatusCode::NOT_ACCEPTABLE, text).into_response(), "no-store");
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
        self.secured(response, "public, max-age=31536000, immutable")
    }

    /// An answer of this page's, under its policy.
    pub(super) fn secured(&self, mut response: Response, caching: &'static str) -> Response {
        let headers = response.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(self.policy));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
        response
    }
}
