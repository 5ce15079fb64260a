//! What else can be read of an account at once.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use serde_json::Value;

use super::{reply, unknown_account};
use crate::{
    Simulator,
    behaviour::IdentityGiven,
    shape::{Answer, Era, completed, failed, flows, income, ok, person},
    world::{
        World,
        account::Account,
        job::{JobKind, JobState},
    },
};

type Here = State<Simulator>;

/// What `read` makes of account `id`, as the data of an answer.
fn told(simulator: &Simulator, id: &str, read: impl FnOnce(&World, &Account) -> Value) -> Response {
    reply(simulator.with(|world| match world.account(id) {
        Some(account) => told_by(world.era, read(world, account)),
        None => unknown_account(world.era),
    }))
}

fn told_by(era: Era, data: Value) -> Answer {
    ok(era, completed(era), data)
}

/// `GET /accounts/{id}/identity`.
pub(crate) async fn identity(State(simulator): Here, Path(id): Path<String>) -> Response {
    reply(simulator.with(|world| {
        let (era, given) = (world.era, world.behaviour.identity);
        match world.account(&id) {
            Some(_) if given == IdentityGiven::NotFound => {
                failed(era, StatusCode::NOT_FOUND, "The identity of this account is not available.")
            }
            Some(account) => told_by(era, person::identity(era, account, given)),
            None => unknown_account(era),
        }
    }))
}

/// `GET /v2/accounts/{id}/income-records`.
pub(crate) async fn income_records(State(simulator): Here, Path(id): Path<String>) -> Response {
    told(&simulator, &id, |world, account| {
        let ended = world.jobs.iter().filter(|job| {
            job.account == account.id
                && job.kind == JobKind::Income
                && job.state == JobState::Finished
        });
        income::records(world.era, account, ended)
    })
}

/// `GET /accounts/{id}/credits`.
pub(crate) async fn credits(State(simulator): Here, Path(id): Path<String>) -> Response {
    told(&simulator, &id, |_, account| flows::flow(account, "credit"))
}

/// `GET /accounts/{id}/debits`.
pub(crate) async fn debits(State(simulator): Here, Path(id): Path<String>) -> Response {
    told(&simulator, &id, |_, account| flows::flow(account, "debit"))
}

/// `GET /accounts/{id}/assets`.
pub(crate) async fn assets(State(simulator): Here, Path(id): Path<String>) -> Response {
    told(&simulator, &id, |_, account| flows::assets(account))
}

/// `GET /accounts/{id}/earnings`.
pub(crate) async fn earnings(State(simulator): Here, Path(id): Path<String>) -> Response {
    told(&simulator, &id, |_, account| flows::earnings(account))
}
