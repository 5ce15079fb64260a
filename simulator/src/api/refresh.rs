//! Asking for fresh data: real-time headers, the job behind them, and the manual sync.

use std::collections::HashMap;

use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode},
    response::Response,
};
use serde_json::{Value, json};

use super::{reply, unknown_account};
use crate::{
    Simulator,
    shape::{Answer, Era, completed, failed, ok},
    webhooks::payload::{APP, BUSINESS},
    world::{
        World,
        job::{Job, JobState},
        refresh::Session,
    },
};

/// Whether fresh data is asked for, in either of the spellings that Mono prints. The first API had
/// no such thing.
pub(crate) fn realtime(era: Era, headers: &HeaderMap) -> bool {
    let asked = |name: &&str| {
        headers.get(*name).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
    };
    era != Era::Legacy && ["x-realtime", "x-real-time"].iter().any(asked)
}

/// How a real-time read is answered just now.
pub(crate) fn wording(world: &World) -> Wording {
    Wording {
        era: world.era,
        capitals: world.behaviour.job_status_in_capitals,
        failed_without_data: world.behaviour.failed_without_data,
    }
}

/// How a real-time read is answered.
pub(crate) struct Wording {
    era: Era,
    capitals: bool,
    failed_without_data: bool,
}

/// `answer` with the headers of `session`; its `data` is null while the session runs.
pub(crate) fn with_session(
    Wording { era, capitals, failed_without_data }: Wording,
    answer: Answer,
    session: Option<Session>,
) -> Response {
    let Some(session) = session else {
        return reply(answer);
    };
    let enqueued =
        "Account transaction sync is enqueued, please try again once notified via webhook";
    let running = session.state == JobState::Processing;
    let answer = match session.state {
        JobState::Processing => ok(era, enqueued, Value::Null),
        JobState::Failed if failed_without_data && session.reauth_required => {
            ok(era, "Reauthorisation is required for this account", Value::Null)
        }
        JobState::Failed if failed_without_data => {
            ok(era, "The account could not be synced, try again later", Value::Null)
        }
        JobState::Finished | JobState::Failed => answer,
    };
    let mut response = reply(answer);
    let headers = response.headers_mut();
    let word = |yes: bool| HeaderValue::from_static(if yes { "true" } else { "false" });
    // Jobs came in September 2024; until then there was no more than the two words.
    if era != Era::V1 {
        if let Ok(job) = HeaderValue::from_str(&session.job) {
            headers.insert("x-job-id", job);
        }
        headers.insert("x-job-status", HeaderValue::from_static(state_word(&session, capitals)));
    }
    let earlier = matches!(era, Era::V2_2024 | Era::V1);
    if session.new_data || (earlier && !running) {
        headers.insert("x-has-new-data", word(session.new_data));
    }
    if earlier {
        headers.insert("x-reauth-required", word(session.reauth_required));
    }
    response
}

fn state_word(session: &Session, capitals: bool) -> &'static str {
    match (session.state, capitals) {
        (state, false) => state.as_str(),
        (JobState::Processing, true) => "PROCESSING",
        (JobState::Finished, true) => "FINISHED",
        (JobState::Failed, true) => "FAILED",
    }
}

/// `GET /v2/accounts/{id}/jobs/{job}`.
pub(crate) async fn job(
    State(simulator): State<Simulator>,
    Path((id, job)): Path<(String, String)>,
) -> Response {
    reply(simulator.with(|world| {
        if world.account(&id).is_none() {
            return unknown_account(world.era);
        }
        let asked = |each: &&mut Job| each.id == job && each.account == id;
        match world.jobs.iter_mut().find(asked).filter(|job| job.kind.is_session()) {
            Some(job) => {
                job.polls += 1;
                let data = json!({
                    "id": job.id, "status": job.state.as_str(), "name": job.kind.session_name(),
                    "account": job.account, "business": BUSINESS, "app": APP,
                });
                // Sic: "completed" even while it is processing.
                ok(world.era, "Job execution completed", data)
            }
            None => failed(world.era, StatusCode::NOT_FOUND, "This job does not exist."),
        }
    }))
}

/// `POST` or `GET /accounts/{id}/sync`: a flat body, and 200 whatever came of it.
pub(crate) async fn sync(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let incomplete = query.get("allow_incomplete_statement").is_some_and(|word| word == "true");
    reply(simulator.act(|world| {
        let era = world.era;
        if world.account(&id).is_none() {
            return unknown_account(era);
        }
        let Some(body) = world.sync(&id, incomplete) else {
            let message = "This account was synced less than 2 minutes ago, please try again later";
            return failed(era, StatusCode::TOO_MANY_REQUESTS, message);
        };
        if world.behaviour.sync_in_envelope {
            return ok(Era::V2_2024, completed(Era::V2_2026), body);
        }
        (StatusCode::OK, body)
    }))
}
