//! Lets the pages of listed origins read answers, and nobody else's.
//!
//! Source: WHATWG Fetch, "CORS protocol". There are no cookies, so none are allowed; an origin is
//! named only if it is listed, never `*`. A request for access to a private network
//! (`Access-Control-Request-Private-Network`) gets no consent: whether a page of the internet may
//! reach this machine is for its user's browser to ask.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderValue, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
            ACCESS_CONTROL_REQUEST_METHOD, VARY,
        },
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::browser::Pages;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");

/// What we read, and what common clients add by themselves: Apollo's and other servers' proofs that
/// there was a preflight, names of clients and operations, and trace contexts.
const TAKEN: HeaderValue = HeaderValue::from_static(
    "accept, authorization, content-type, last-event-id, x-graphql-cost, \
     apollo-require-preflight, graphql-preflight, graphql-require-preflight, x-requested-with, \
     x-apollo-operation-name, x-apollo-operation-id, x-apollo-operation-type, \
     apollographql-client-name, apollographql-client-version, traceparent, tracestate",
);

const SHOWN: HeaderValue =
    HeaderValue::from_static("x-request-id, x-graphql-cost, retry-after, x-mono-gateway-mode");

/// How long a browser may remember what it was told, in seconds; the longest that any heeds is a
/// day, and Chromium's is this.
const REMEMBERED_S: HeaderValue = HeaderValue::from_static("7200");

/// Answers the preflights of listed pages, and marks every other answer to them as theirs to read.
/// A page that is not listed gets whatever lies below, unmarked.
pub async fn share(State(pages): State<Arc<Pages>>, request: Request, next: Next) -> Response {
    let listed = pages.listed(request.headers()).cloned();
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response =
        if listed.is_some() && is_preflight { preflight() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = listed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN);
    }
    response
}

fn preflight() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, TAKEN),
        (ACCESS_CONTROL_MAX_AGE, REMEMBERED_S),
        (VARY, HeaderValue::from_static("access-control-request-method")),
        (VARY, HeaderValue::from_static("access-control-request-headers")),
    ];
    (StatusCode::NO_CONTENT, axum::response::AppendHeaders(headers)).into_response()
}
