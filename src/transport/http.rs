//! GraphQL over HTTP: which request is one, and which status and media type its answer has.
//!
//! Source: the GraphQL over HTTP draft of Aug 2026 as its audit suite checks it.

use axum::{
    body::{Body, Bytes},
    extract::{FromRequestParts as _, Request, State, ws::WebSocketUpgrade},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{
            ACCEPT, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, UPGRADE, VARY,
            WWW_AUTHENTICATE,
        },
    },
    response::{IntoResponse as _, Response},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::{
    Engine,
    browser::{Pages, Refusal},
    message::{Answer, BadRequest, GraphqlRequest, from_query_string},
    overloaded, sse, websocket,
};
use crate::{
    access::AccessError,
    caller::Caller,
    error::{ApiError, ErrorCode},
    ids::RequestId,
    schema::refusal,
};
use async_graphql::parser::types::OperationType;

/// The largest body, in bytes.
const LARGEST_BODY: usize = 256 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What the endpoint needs.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Runs documents.
    pub engine: Engine,
    /// Which pages may call.
    pub pages: Pages,
}

/// What an answer is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Media {
    /// `application/json`.
    Json,
    /// `application/graphql-response+json`.
    GraphqlResponse,
    /// `text/event-stream`.
    Events,
}

impl Media {
    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Events => "text/event-stream",
        })
    }

    /// The best of what the client takes; nothing if it takes none of ours. A media range without
    /// a name of ours is answered with plain JSON, for clients of before the draft.
    fn negotiate(headers: &HeaderMap) -> Option<Self> {
        let mut best: Option<(f32, u8, Self)> = None;
        let mut named_any = false;
        for range in headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
            for range in range.split(',') {
                let mut parts = range.split(';').map(str::trim);
                let name = parts.next().unwrap_or_default().to_ascii_lowercase();
                if name.is_empty() {
                    continue;
                }
                named_any = true;
                let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
                let weight: f32 = weight.unwrap_or(1.0);
                let (rank, media) = match name.as_str() {
                    "text/event-stream" => (3, Self::Events),
                    "application/graphql-response+json" => (2, Self::GraphqlResponse),
                    "application/json" => (1, Self::Json),
                    "application/*" | "*/*" => (0, Self::Json),
                    _ => continue,
                };
                let better = best.is_none_or(|(w, r, _)| (weight, rank) > (w, r));
                if weight > 0.0 && better {
                    best = Some((weight, rank, media));
                }
            }
        }
        match best {
            Some((_, _, media)) => Some(media),
            None if named_any => None,
            None => Some(Self::Json),
        }
    }
}

/// Answers whatever comes to `/graphql`.
pub async fn handle(State(endpoint): State<Endpoint>, request: Request) -> Response {
    let id = endpoint.engine.request_id();
    let mut response = answer(&endpoint, request, id).await;
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(REQUEST_ID, value);
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.append(VARY, HeaderValue::from_static("accept, origin"));
    response
}

async fn answer(endpoint: &Endpoint, request: Request, id: RequestId) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Err(refused) = endpoint.pages.admit(&parts.headers) {
        return refused_page(refused, id);
    }
    let upgrade = parts.headers.get(UPGRADE).and_then(|value| value.to_str().ok());
    // Other upgrades (h2c) may be passed over, and are.
    let to_websocket = upgrade.is_some_and(|text| text.trim().eq_ignore_ascii_case("websocket"));
    if parts.method == Method::GET && to_websocket {
        return match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => websocket::upgrade(endpoint.engine.clone(), upgrade),
            Err(rejection) => rejection.into_response(),
        };
    }
    let Some(media) = Media::negotiate(&parts.headers) else {
        let text = "the answer can be application/graphql-response+json, application/json or text/event-stream";
        return plain(StatusCode::NOT_ACCEPTABLE, ErrorCode::BadUserInput, text, id);
    };
    let asked = match parts.method {
        Method::POST => read_post(&parts.headers, body).await,
        Method::GET => read_get(&parts.headers, parts.uri.query()),
        _ => {
            let text = "GraphQL is asked by GET and POST";
            let mut response =
                plain(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::BadUserInput, text, id);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, POST"));
            return response;
        }
    };
    let authorization = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let caller = match endpoint.engine.caller(authorization) {
        Ok(caller) => caller,
        Err(refused) => return unknown_caller(refused, id),
    };
    match asked {
        Ok(asked) => run(endpoint, parts.method, &parts.headers, asked, media, (caller, id)).await,
        Err(refused) => plain(refused.status, refused.code, &refused.text, id),
    }
}

async fn run(
    endpoint: &Endpoint,
    method: Method,
    headers: &HeaderMap,
    asked: GraphqlRequest,
    media: Media,
    (caller, id): (Caller, RequestId),
) -> Response {
    let engine = &endpoint.engine;
    let after = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok());
    let after = after.filter(|text| !text.is_empty()).map(str::to_owned);
    let prepared = match engine.prepare(asked, after, id) {
        Ok(prepared) => prepared,
        Err(answer) if media == Media::Events => return sse::refuse(&answer),
        Err(answer) => return written(&answer, media),
    };
    if method == Method::GET && prepared.operation == OperationType::Mutation {
        let text = "a mutation is sent by POST";
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::BadUserInput, text, id);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    if media == Media::Events {
        return match engine.connect("sse") {
            Some(connection) => sse::stream(engine.clone(), prepared, caller, id, connection),
            None => busy(id),
        };
    }
    if prepared.operation == OperationType::Subscription {
        let text = "a subscription is asked for over WebSocket, or with Accept: text/event-stream";
        let error = ApiError::new(ErrorCode::BadUserInput, text);
        return written(&Answer::new(refusal(error), id), media);
    }
    written(&engine.execute(prepared, caller, id).await, media)
}

/// Why a request is not one.
struct NoRequest {
    status: StatusCode,
    code: ErrorCode,
    text: String,
}

impl NoRequest {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, code: ErrorCode::BadUserInput, text: text.into() }
    }
}

impl From<BadRequest> for NoRequest {
    fn from(error: BadRequest) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.to_string())
    }
}

/// Whether this content type is JSON in UTF-8.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(text)) = headers.get(CONTENT_TYPE).map(HeaderValue::to_str) else { return false };
    let mut parts = text.split(';').map(str::trim);
    let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("application/json"));
    let utf8 = parts.filter_map(|part| part.split_once('=')).all(|(name, value)| {
        !name.trim().eq_ignore_ascii_case("charset")
            || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    named && utf8
}

async fn read_post(headers: &HeaderMap, body: Body) -> Result<GraphqlRequest, NoRequest> {
    if !is_json(headers) {
        let text = "the body's content type must be application/json in UTF-8";
        return Err(NoRequest::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    let bytes: Bytes = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(NoRequest {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                code: ErrorCode::PayloadTooLarge,
                text: format!("a body has at most {LARGEST_BODY} bytes"),
            });
        }
        Err(_) => return Err(NoRequest::new(StatusCode::BAD_REQUEST, "the body broke off")),
    };
    let json = serde_json::from_slice(&bytes).map_err(|error| {
        let text =
            format!("the body is not JSON: see line {}, column {}", error.line(), error.column());
        NoRequest::new(StatusCode::BAD_REQUEST, text)
    })?;
    Ok(GraphqlRequest::from_json(json)?)
}

fn read_get(headers: &HeaderMap, query: Option<&str>) -> Result<GraphqlRequest, NoRequest> {
    // A GET with another content type can pass a browser's checks as if it had none.
    if headers.contains_key(CONTENT_TYPE) && !is_json(headers) {
        let text = "a GET has no content type, or application/json";
        return Err(NoRequest::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    Ok(from_query_string(query.unwrap_or_default())?)
}

/// An answer with its status: a request that was refused is 400 where the media type is GraphQL's
/// own, and 200 where it is plain JSON, as clients of before the draft expect.
fn written(answer: &Answer, media: Media) -> Response {
    let refused = answer.is_request_error() && media == Media::GraphqlResponse;
    let status = if refused { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    (status, [(CONTENT_TYPE, media.content_type())], answer.to_json()).into_response()
}

/// A refusal before there was a request: always with its own status.
fn plain(status: StatusCode, code: ErrorCode, text: &str, id: RequestId) -> Response {
    let answer = Answer::new(refusal(ApiError::new(code, text)), id);
    (status, [(CONTENT_TYPE, Media::Json.content_type())], answer.to_json()).into_response()
}

fn refused_page(refused: Refusal, id: RequestId) -> Response {
    plain(StatusCode::FORBIDDEN, ErrorCode::Forbidden, &refused.to_string(), id)
}

fn unknown_caller(refused: AccessError, id: RequestId) -> Response {
    let text = refused.to_string();
    let mut response = plain(StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated, &text, id);
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

fn busy(id: RequestId) -> Response {
    let answer = Answer::new(refusal(overloaded()), id);
    let headers = [
        (CONTENT_TYPE, Media::Json.content_type()),
        (axum::http::header::RETRY_AFTER, HeaderValue::from_static("1")),
    ];
    (StatusCode::SERVICE_UNAVAILABLE, headers, answer.to_json()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_what_the_client_takes() {
        let negotiate = |accept: &'static str| {
            Media::negotiate(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]))
        };
        assert_eq!(Media::negotiate(&HeaderMap::new()), Some(Media::Json));
        assert_eq!(negotiate("*/*"), Some(Media::Json));
        assert_eq!(negotiate("application/json"), Some(Media::Json));
        let both = "application/graphql-response+json, application/json;q=0.9";
        assert_eq!(negotiate(both), Some(Media::GraphqlResponse));
        assert_eq!(
            negotiate("application/json, application/graphql-response+json;q=0.5"),
            Some(Media::Json)
        );
        assert_eq!(negotiate("text/event-stream"), Some(Media::Events));
        assert_eq!(negotiate("text/html"), None);
        assert_eq!(negotiate("application/json;q=0"), None);
    }
}
