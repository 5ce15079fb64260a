//! Asking for fresh data: real-time headers, the job behind them, and the manual sync.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{reply, unknown_account};
use crate::{
    Simulator,
    shape::{Answer, Era, failed, ok},
    webhooks::payload::{APP, BUSINESS},
    world::refresh::Session,
};

/// Whether fresh data is asked for, in either of the spellings that Mono prints.
pub(crate) fn realtime(headers: &HeaderMap) -> bool {
    ["x-realtime", "x-real-time"].iter().any(|name| {
        headers.get(*name).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
    })
}

/// `answer` with the headers of `session`; its `data` is null while the session runs.
pub(crate) fn with_session(era: Era, answer: Answer, session: Option<Session>) -> Response {
    let Some(session) = session else {
        return reply(answer);
    };
    let enqueued =
        "Account transaction sync is enqueued, please try again once notified via webhook";
    let running = session.status == "processing";
    let answer = if running { ok(era, enqueued, Value::Null) } else { answer };
    let mut response = reply(answer);
    let headers = response.headers_mut();
    if let Ok(job) = HeaderValue::from_str(&session.job) {
        headers.insert("x-job-id", job);
    }
    headers.insert("x-job-status", HeaderValue::from_static(session.status));
    if session.new_data {
        headers.insert("x-has-new-data", HeaderValue::from_static("true"));
    }
    if matches!(era, Era::V2_2024 | Era::V1) {
        let required = if session.reauth_required { "true" } else { "false" };
        headers.insert("x-reauth-required", HeaderValue::from_static(required));
    }
    response
}

/// `GET /v2/accounts/{id}/jobs/{job}`.
pub(crate) async fn job(
    State(simulator): State<Simulator>,
    Path((id, job)): Path<(String, String)>,
) -> Response {
    reply(simulator.with(|world| {
        match world.jobs.iter().find(|each| each.id == job && each.account == id) {
            Some(job) => {
                let data = json!({
                    "id": job.id, "status": job.status, "name": job.name, "account": job.account,
                    "business": BUSINESS, "app": APP,
                });
                // Sic: "completed" even while it is processing.
                ok(world.era, "Job execution completed", data)
            }
            None => failed(world.era, StatusCode::NOT_FOUND, "This job does not exist."),
        }
    }))
}

/// `POST` or `GET /accounts/{id}/sync`: a flat body, and 200 whatever came of it.
pub(crate) async fn sync(State(simulator): State<Simulator>, Path(id): Path<String>) -> Response {
    simulator.act(|world| {
        if world.account(&id).is_none() {
            return reply(unknown_account(world.era));
        }
        Json(world.sync(&id)).into_response()
    })
}
