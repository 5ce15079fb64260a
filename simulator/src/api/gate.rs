//! What every request to the API passes: it is recorded, its key is compared, and whatever is to
//! go wrong with it goes wrong.

use std::time::Duration;

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
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
    match wrong {
        None => next.run(request).await,
        Some(fault) if fault.kind == FaultKind::Truncated => {
            truncated(next.run(request).await).await
        }
        Some(fault) => instead(era, &fault, &switch),
    }
}

/// What is answered in place of the truth.
fn instead(era: Era, fault: &Fault, switch: &Switch) -> Response {
    let json_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    match fault.kind {
        FaultKind::Reset => {
            switch.cut();
            StatusCode::OK.into_response()
        }
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
            (StatusCode::FOUND, [(header::LOCATION, location)]).into_response()
        }
        FaultKind::Huge => (json_type, bodies::huge()).into_response(),
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
        // The first two never come here: they let the truth through.
        FaultKind::Slow | FaultKind::Truncated | FaultKind::Empty => {
            (json_type, Body::empty()).into_response()
        }
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
    response
}

/// `response` with its true length and half of its body.
async fn truncated(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    Response::from_parts(parts, bodies::half(&whole))
}
