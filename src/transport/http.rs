//! GraphQL over HTTP: which request is one, and which status and media type its answer has.
//!
//! Source: the GraphQL over HTTP draft of Aug 2026 as its audit suite checks it.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{
            ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
        },
        request,
    },
    response::{IntoResponse as _, Response},
};

use super::{
    Engine, Prepared,
    browser::{Pages, Refusal},
    media::{Accepts, Media},
    message::{Answer, BadRequest, GraphqlRequest, from_query_string},
    multipart::Multipart,
    overloaded,
    sse::Events,
    status::{Outcome, Statuses},
    streams::{self, Framing},
    websocket::{self, NoUpgrade},
};
use crate::{
    access::AccessError,
    caller::Caller,
    error::{ApiError, ErrorCode},
    ids::RequestId,
    schema::refusal,
    server::body::{self, BodyError},
};
use async_graphql::parser::types::OperationType;

/// The largest body, in bytes.
const LARGEST_BODY: usize = 256 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What an operation costs; asked for in the answer by `report`.
const COST: HeaderName = HeaderName::from_static("x-graphql-cost");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What the endpoint needs.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Runs documents.
    pub engine: Engine,
    /// Which pages may call.
    pub pages: Pages,
    /// Which statuses answers have.
    pub statuses: Statuses,
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
    headers.append(VARY, HeaderValue::from_static("accept"));
    response
}

async fn answer(endpoint: &Endpoint, request: Request, id: RequestId) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Err(refused) = endpoint.pages.admit(&parts.headers, &parts.uri) {
        return refused_page(refused, id);
    }
    if websocket::is_asked_for(&parts) {
        return websocket::upgrade(endpoint.engine.clone(), &mut parts)
            .unwrap_or_else(|refused| not_upgraded(refused, id));
    }
    let Some(accepts) = Accepts::of(&parts.headers) else {
        return plain(
            StatusCode::NOT_ACCEPTABLE,
            ErrorCode::BadUserInput,
            "the answer can be application/graphql-response+json, application/json, \
             text/event-stream or multipart/mixed;subscriptionSpec=1.0",
            id,
        );
    };
    let asked = match parts.method {
        Method::POST => read_post(&parts.headers, body).await,
        Method::GET => read_get(&parts.headers, parts.uri.query()),
        _ => return wrong_method("GraphQL is asked by GET and POST", "GET, POST", id),
    };
    let authorization = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let caller = match endpoint.engine.caller(authorization) {
        Ok(caller) => caller,
        Err(refused) => return unknown_caller(refused, accepts, id),
    };
    match asked {
        Ok(asked) => run(endpoint, &parts, asked, accepts, (caller, id)).await,
        Err(refused) => refused.answer(endpoint.statuses, accepts, id),
    }
}

async fn run(
    endpoint: &Endpoint,
    parts: &request::Parts,
    asked: GraphqlRequest,
    accepts: Accepts,
    (caller, id): (Caller, RequestId),
) -> Response {
    let engine = &endpoint.engine;
    let after = parts.headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok());
    let after = after.filter(|text| !text.is_empty()).map(str::to_owned);
    let prepared = match engine.prepare(asked, after, id) {
        Ok(prepared) => prepared,
        Err(answer) => return refused(&answer, accepts, endpoint.statuses),
    };
    if parts.method == Method::GET && prepared.operation == OperationType::Mutation {
        return wrong_method("a mutation is sent by POST", "POST", id);
    }
    let cost = prepared.cost;
    let mut response = begin(endpoint, parts, prepared, accepts, (caller, id)).await;
    response.headers_mut().insert(COST, HeaderValue::from(cost));
    response
}

async fn begin(
    endpoint: &Endpoint,
    parts: &request::Parts,
    prepared: Prepared,
    accepts: Accepts,
    (caller, id): (Caller, RequestId),
) -> Response {
    let engine = &endpoint.engine;
    let media = match prepared.operation {
        OperationType::Subscription => accepts.for_many(),
        OperationType::Query | OperationType::Mutation => Some(accepts.for_one()),
    };
    let begun = match media {
        Some(Media::Events) => stream::<Events>(engine, prepared, caller, id),
        Some(Media::Multipart) => stream::<Multipart>(engine, prepared, caller, id),
        Some(media @ (Media::Json | Media::GraphqlResponse)) => {
            let cost = prepared.cost;
            let mut answer = engine.execute(prepared, caller, id).await;
            if parts.headers.get(COST).is_some_and(|wanted| wanted == "report") {
                answer.tell_cost(cost);
            }
            return written(&answer, media, endpoint.statuses);
        }
        None => {
            let text = "a subscription is asked for over WebSocket, or with Accept: \
                        text/event-stream or multipart/mixed;subscriptionSpec=1.0";
            return plain(StatusCode::NOT_ACCEPTABLE, ErrorCode::BadUserInput, text, id);
        }
    };
    begun.unwrap_or_else(|answer| refused(&answer, accepts, endpoint.statuses))
}

fn stream<F: Framing>(
    engine: &Engine,
    prepared: Prepared,
    caller: Caller,
    id: RequestId,
) -> Result<Response, Box<Answer>> {
    match engine.connect(F::NAME) {
        Some(connection) => streams::run::<F>(engine.clone(), prepared, caller, id, connection),
        None => Err(Box::new(Answer::new(refusal(overloaded()), id))),
    }
}

/// What to answer to a request that is refused before anything ran.
fn refused(answer: &Answer, accepts: Accepts, statuses: Statuses) -> Response {
    let media = accepts.for_one();
    // Too much now is not wrong: its status tells whoever is between not to keep the answer.
    let is_later = matches!(Outcome::of(answer), Outcome::Limited | Outcome::Busy);
    if media == Media::Events && !is_later {
        streams::refuse::<Events>(answer)
    } else {
        written(answer, media, statuses)
    }
}

/// Why a request is not one.
struct NoRequest {
    reason: Reason,
    text: String,
}

enum Reason {
    /// The content type.
    NotJsonType,
    /// Its encoding.
    Packed,
    TooLarge,
    TooSlow,
    NotJson,
    WrongParameters,
}

impl NoRequest {
    fn new(reason: Reason, text: impl Into<String>) -> Self {
        Self { reason, text: text.into() }
    }

    /// Has its own status whatever the client takes.
    fn answer(self, statuses: Statuses, accepts: Accepts, id: RequestId) -> Response {
        let media = accepts.for_one();
        let (status, code) = match self.reason {
            Reason::NotJsonType | Reason::Packed => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::BadUserInput)
            }
            Reason::TooSlow => (StatusCode::REQUEST_TIMEOUT, ErrorCode::BadUserInput),
            Reason::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::PayloadTooLarge),
            Reason::NotJson => (statuses.of(Outcome::NotJson, media), ErrorCode::BadUserInput),
            Reason::WrongParameters => {
                (statuses.of(Outcome::WrongParameters, media), ErrorCode::BadUserInput)
            }
        };
        let media = if media == Media::GraphqlResponse { media } else { Media::Json };
        plainly(status, ApiError::new(code, self.text), media, id)
    }
}

impl From<BadRequest> for NoRequest {
    fn from(error: BadRequest) -> Self {
        Self::new(Reason::WrongParameters, error.to_string())
    }
}

impl From<BodyError> for NoRequest {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => {
                Self::new(Reason::TooLarge, format!("a body has at most {LARGEST_BODY} bytes"))
            }
            BodyError::TooSlow => {
                Self::new(Reason::TooSlow, "the body did not arrive in time; send it again")
            }
            BodyError::Broken => Self::new(Reason::NotJson, "the body broke off"),
        }
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
        return Err(NoRequest::new(Reason::NotJsonType, text));
    }
    if body::is_packed(headers) {
        return Err(NoRequest::new(Reason::Packed, body::PACKED));
    }
    let bytes = body::read(body, LARGEST_BODY).await?;
    let json = serde_json::from_slice(&bytes).map_err(|error| {
        let text =
            format!("the body is not JSON: see line {}, column {}", error.line(), error.column());
        NoRequest::new(Reason::NotJson, text)
    })?;
    Ok(GraphqlRequest::from_json(json)?)
}

fn read_get(headers: &HeaderMap, query: Option<&str>) -> Result<GraphqlRequest, NoRequest> {
    // A GET with another content type can pass a browser's checks as if it had none.
    if headers.contains_key(CONTENT_TYPE) && !is_json(headers) {
        let text = "a GET has no content type, or application/json";
        return Err(NoRequest::new(Reason::NotJsonType, text));
    }
    Ok(from_query_string(query.unwrap_or_default())?)
}

/// An answer in one piece. What streams has no media type for that; plain JSON is read by all.
fn written(answer: &Answer, media: Media, statuses: Statuses) -> Response {
    let status = statuses.of(Outcome::of(answer), media);
    let content_type = match media {
        Media::Json | Media::GraphqlResponse => media.content_type(),
        Media::Events | Media::Multipart => Media::Json.content_type(),
    };
    let mut response = (status, [(CONTENT_TYPE, content_type)], answer.to_json()).into_response();
    let is_later =
        [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&status);
    if let Some(ms) = answer.retry_after_ms().filter(|_| is_later) {
        let seconds = HeaderValue::from(ms.div_ceil(1000).max(1));
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    response
}

/// A refusal with a status of its own, for whoever may not even speak GraphQL.
fn plain(status: StatusCode, code: ErrorCode, text: &str, id: RequestId) -> Response {
    plainly(status, ApiError::new(code, text), Media::Json, id)
}

fn plainly(status: StatusCode, error: ApiError, media: Media, id: RequestId) -> Response {
    let answer = Answer::new(refusal(error), id);
    (status, [(CONTENT_TYPE, media.content_type())], answer.to_json()).into_response()
}

fn wrong_method(text: &str, allowed: &'static str, id: RequestId) -> Response {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::BadUserInput, text, id);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

fn refused_page(refused: Refusal, id: RequestId) -> Response {
    plain(StatusCode::FORBIDDEN, ErrorCode::Forbidden, &refused.to_string(), id)
}

fn not_upgraded(refused: NoUpgrade, id: RequestId) -> Response {
    let mut response = plain(refused.status(), ErrorCode::BadUserInput, &refused.to_string(), id);
    response.headers_mut().extend(refused.headers());
    response
}

fn unknown_caller(refused: AccessError, accepts: Accepts, id: RequestId) -> Response {
    // Clients read the code of an answer only in a type that they asked for.
    let media = match accepts.for_one() {
        media @ (Media::Json | Media::GraphqlResponse) => media,
        Media::Events | Media::Multipart => Media::Json,
    };
    let mut response = plainly(StatusCode::UNAUTHORIZED, refused.into(), media, id);
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_now_says_when_to_come_back() {
        let error = ApiError::new(ErrorCode::RateLimited, "slower").after_ms(Some(1500));
        let answer =
            |error| Answer::new(refusal(error), RequestId::new(chrono::DateTime::UNIX_EPOCH));
        for media in [Media::Json, Media::GraphqlResponse, Media::Multipart] {
            for statuses in [Statuses::Audit, Statuses::Draft] {
                let limited = written(&answer(error.clone()), media, statuses);
                assert_eq!(
                    (limited.status().as_u16(), &limited.headers()[RETRY_AFTER]),
                    (429, &HeaderValue::from(2))
                );
                let busy = written(&answer(overloaded()), media, statuses);
                assert_eq!(
                    (busy.status().as_u16(), &busy.headers()[RETRY_AFTER]),
                    (503, &HeaderValue::from(1))
                );
            }
        }
        // Nobody knows when: nothing is promised.
        let limited = written(
            &answer(ApiError::new(ErrorCode::RateLimited, "slower")),
            Media::Json,
            Statuses::Audit,
        );
        assert!(!limited.headers().contains_key(RETRY_AFTER));
        // Also where errors are otherwise told in a stream.
        let events =
            HeaderMap::from_iter([(axum::http::header::ACCEPT, Media::Events.content_type())]);
        let events = Accepts::of(&events).expect("a stream is taken");
        assert_eq!(refused(&answer(error), events, Statuses::Audit).status().as_u16(), 429);
    }
}
