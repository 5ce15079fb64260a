//! What every request to the API passes: it is recorded, its key is compared, and whatever is to
//! go wrong with it goes wrong.

use std::time::Duration;

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, StatusCode, header, response::Parts},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    Simulator,
    calls::{Call, of_interest},
    clock::now,
    faults::{self, Fault, FaultKind, bodies},
    line::Switch,
    shape::{Era, completed, failed, ok},
};

/// The largest request body that is read, in bytes.
const LARGEST_BODY: usize = 1024 * 1024;

/// Counts a request as answered when it is dropped.
struct Flight(Simulator);

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.with(|world| world.calls.done());
    }
}

pub(crate) async fn gate(
    State(simulator): State<Simulator>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let json = match serde_json::from_slice::<Value>(&bytes) {
        Ok(json) => json,
        Err(_) if bytes.is_empty() => Value::Null,
        Err(_) => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
    };
    let path = parts.uri.path().to_owned();
    let call = Call {
        method: parts.method.to_string(),
        path: path.clone(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: of_interest(&parts.headers),
        body: json.clone(),
        at: now(),
    };
    let key = parts.headers.get("mono-sec-key").map(HeaderValue::as_bytes);
    // The widget asks for the list of banks, and has no secret.
    let authorised = path == "/coverage" || key == Some(simulator.secret_key().as_bytes());
    let (era, faults) = simulator.with(|world| {
        world.calls.begin(call);
        let faults =
            if authorised { faults::take(&mut world.faults, &path, &json) } else { Vec::new() };
        (world.era, faults)
    });
    let _flight = Flight(simulator.clone());
    if !authorised {
        let (status, body) =
            failed(era, StatusCode::UNAUTHORIZED, "No valid secret key was sent in mono-sec-key.");
        return (status, Json(body)).into_response();
    }
    let mut wrong = None;
    for fault in faults {
        if fault.kind == FaultKind::Slow {
            simulator.pause(Duration::from_millis(fault.delay_ms.unwrap_or_default())).await;
        } else {
            wrong = Some(fault);
        }
    }
    let request = Request::from_parts(parts, Body::from(bytes));
    let Some(fault) = wrong else { return next.run(request).await };
    match fault.kind {
        FaultKind::Truncated => truncated(next.run(request).await, fault.chunked).await,
        FaultKind::Drip => {
            let every = Duration::from_millis(fault.delay_ms.unwrap_or_default());
            let (mut parts, whole) = taken_apart(next.run(request).await).await;
            parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
            Response::from_parts(parts, bodies::drip(whole, every))
        }
        FaultKind::Reset => {
            switch.cut_after(fault.after_bytes.unwrap_or_default());
            // What is reset before any answer was not done, either.
            match fault.after_bytes {
                Some(_) => next.run(request).await,
                None => StatusCode::OK.into_response(),
            }
        }
        FaultKind::Status
        | FaultKind::Slow
        | FaultKind::Garbage
        | FaultKind::DataNull
        | FaultKind::Empty
        | FaultKind::Html
        | FaultKind::Redirect
        | FaultKind::Huge
        | FaultKind::Bomb
        | FaultKind::NotReauthorisable => instead(era, &fault),
    }
}

/// What is answered in place of the truth.
fn instead(era: Era, fault: &Fault) -> Response {
    let json_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let code = |otherwise: StatusCode| {
        let code = fault.status.and_then(|code| StatusCode::from_u16(code).ok());
        code.unwrap_or(otherwise)
    };
    let size = fault.size_bytes.unwrap_or(16 * 1024 * 1024);
    match fault.kind {
        FaultKind::Status => status(era, fault),
        FaultKind::Garbage => {
            (json_type, "{\"status\": \"successful\", \"data\": {{").into_response()
        }
        FaultKind::DataNull => {
            let body = match era {
                Era::Legacy => Value::Null,
                Era::V2_2026 | Era::V2_2024 | Era::V1 => ok(era, completed(era), Value::Null).1,
            };
            Json(body).into_response()
        }
        FaultKind::Redirect => {
            let location = fault.location.as_deref().unwrap_or_default();
            (code(StatusCode::FOUND), [(header::LOCATION, location)]).into_response()
        }
        FaultKind::Html => {
            let page = "<!doctype html><title>Sorry</title><p>We will be back soon.";
            (code(StatusCode::OK), Html(page)).into_response()
        }
        FaultKind::Huge => (json_type, bodies::huge(size)).into_response(),
        FaultKind::Bomb => {
            let packed = [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
            (json_type, packed, bodies::bomb(size)).into_response()
        }
        FaultKind::NotReauthorisable => {
            let code = StatusCode::from_u16(fault.status.unwrap_or(400));
            let code = code.unwrap_or(StatusCode::BAD_REQUEST);
            let message = "This account can not be re-authorised.";
            if code.is_success() {
                return (code, Json(json!({ "message": message }))).into_response();
            }
            let (status, body) = failed(era, code, message);
            (status, Json(body)).into_response()
        }
        // The others never come here: they let the truth through.
        FaultKind::Empty
        | FaultKind::Slow
        | FaultKind::Reset
        | FaultKind::Truncated
        | FaultKind::Drip => (json_type, Body::empty()).into_response(),
    }
}

fn status(era: Era, fault: &Fault) -> Response {
    let code = fault.status.and_then(|code| StatusCode::from_u16(code).ok());
    let code = code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let fitting = match code.as_u16() {
        429 => "Too many requests, please try again later.",
        500.. => "Something went wrong on our side, please try again later.",
        _ => "The request could not be completed.",
    };
    let message = fault.message.as_deref().unwrap_or(fitting);
    let (status, body) = failed(era, code, message);
    let mut response = (status, Json(body)).into_response();
    if let Some(seconds) = fault.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    let text = fault.retry_after_text.as_deref().map(HeaderValue::from_str);
    if let Some(Ok(text)) = text {
        response.headers_mut().insert(header::RETRY_AFTER, text);
    }
    response
}

async fn taken_apart(response: Response) -> (Parts, Bytes) {
    let (parts, body) = response.into_parts();
    (parts, to_bytes(body, usize::MAX).await.unwrap_or_default())
}

/// `response` with half of its body, and its true length or none.
async fn truncated(response: Response, chunked: bool) -> Response {
    let (mut parts, whole) = taken_apart(response).await;
    if chunked {
        parts.headers.remove(header::CONTENT_LENGTH);
    } else {
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    }
    Response::from_parts(parts, bodies::half(&whole))
}
