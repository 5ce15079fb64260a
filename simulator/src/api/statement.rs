//! Statements, as JSON at once and as a PDF after a while.

use std::collections::HashMap;

use axum::{
    Router,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use super::{products::months, reply, unknown_account};
use crate::{
    Simulator,
    shape::{failed, statement as shape},
    world::{
        World,
        job::{Job, JobKind, JobState},
    },
};

/// Where finished files are: behind an address that nobody can guess, and no key.
pub(crate) fn files() -> Router<Simulator> {
    Router::new().route("/statements/{file}", get(file))
}

/// `GET /accounts/{id}/statement`.
pub(crate) async fn statement(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    reply(simulator.with(|world| {
        let era = world.era;
        let Some(account) = world.account(&id) else {
            return unknown_account(era);
        };
        let refused = |message: &str| failed(era, StatusCode::BAD_REQUEST, message);
        let period = query.get("period").map_or("last1months", String::as_str);
        let Some(months) = months(period).filter(|_| period.starts_with("last")) else {
            return refused("period must be one of last1months to last12months");
        };
        match query.get("output").map(String::as_str) {
            None | Some("json") => shape::json(era, account, months),
            Some("pdf") => {
                let job = world.start(&id, JobKind::Statement, Some(months));
                shape::job(era, &job, &path(world, &job))
            }
            Some(_) => refused("output must be one of json, pdf"),
        }
    }))
}

/// `GET /accounts/{id}/statement/jobs/{job}`. Unless jobs are held, it is done after some polls.
pub(crate) async fn job(
    State(simulator): State<Simulator>,
    Path((id, job)): Path<(String, String)>,
) -> Response {
    reply(simulator.with(|world| {
        if world.account(&id).is_none() {
            return unknown_account(world.era);
        }
        let (held, polls) = (world.behaviour.hold_jobs, world.behaviour.statement_polls);
        let asked = |each: &&mut Job| {
            each.id == job && each.account == id && each.kind == JobKind::Statement
        };
        let Some(job) = world.jobs.iter_mut().find(asked) else {
            return failed(world.era, StatusCode::NOT_FOUND, "This job does not exist.");
        };
        job.polls += 1;
        let built = job.state == JobState::Processing && !held && job.polls > polls;
        let (id, mut job) = (job.id.clone(), job.clone());
        if built {
            world.close_job(&id, JobState::Finished);
            job.state = JobState::Finished;
        }
        shape::job(world.era, &job, &path(world, &job))
    }))
}

/// The file's address, known from the start though there is nothing at it until it is built.
fn path(world: &World, job: &Job) -> String {
    format!("{}/statements/{}.pdf", world.base, job.id)
}

async fn file(State(simulator): State<Simulator>, Path(file): Path<String>) -> Response {
    let id = file.strip_suffix(".pdf").unwrap_or_default();
    let built = simulator.with(|world| {
        let job = world.jobs.iter().find(|job| {
            job.id == id && job.kind == JobKind::Statement && job.state == JobState::Finished
        })?;
        Some(shape::pdf(world.account(&job.account)?, job.months.unwrap_or(1)))
    });
    match built {
        Some(file) => ([(header::CONTENT_TYPE, "application/pdf")], file).into_response(),
        None => (StatusCode::NOT_FOUND, "There is no such statement.").into_response(),
    }
}
