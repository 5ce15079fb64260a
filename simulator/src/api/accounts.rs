//! Reading and unlinking accounts.

use std::collections::HashMap;

use axum::{
    extract::{Path, Query, State},
    http::HeaderMap,
    response::Response,
};
use serde_json::{Value, json};

use super::{
    refresh::{realtime, with_session, wording},
    reply, unknown_account,
};
use crate::{
    Simulator,
    shape::{account as shape, completed, ok},
    webhooks::Kind,
    world::job::JobKind,
};

/// `GET /accounts/{id}`.
pub(crate) async fn details(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
) -> Response {
    reply(simulator.with(|world| match world.account(&id) {
        Some(account) => ok(world.era, completed(world.era), shape::details(world.era, account)),
        None => unknown_account(world.era),
    }))
}

/// `GET /v2/accounts`, narrowed by `name` and `account_number`.
pub(crate) async fn list(
    State(simulator): State<Simulator>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    reply(simulator.with(|world| {
        let name = query.get("name").map(|name| name.to_lowercase());
        let number = query.get("account_number");
        let shown: Vec<Value> = world
            .accounts
            .iter()
            .filter(|each| name.as_ref().is_none_or(|part| each.name.to_lowercase().contains(part)))
            .filter(|each| number.is_none_or(|number| each.account_number == *number))
            .map(|account| shape::core(world.era, account))
            .collect();
        ok(world.era, completed(world.era), json!(shown))
    }))
}

/// `GET /accounts/{id}/balance`.
pub(crate) async fn balance(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (words, answer, session) = simulator.act(|world| {
        let (era, words) = (world.era, wording(world));
        if world.account(&id).is_none() {
            return (words, unknown_account(era), None);
        }
        let session = realtime(era, &headers).then(|| world.realtime(&id, JobKind::Balance));
        let answer = match world.account(&id) {
            Some(account) => ok(era, completed(era), shape::balance(era, account)),
            None => unknown_account(era),
        };
        (words, answer, session)
    });
    with_session(words, answer, session)
}

/// `GET /users/stats/wallet`: what is left to pay for live calls, in minor units.
pub(crate) async fn wallet(State(simulator): State<Simulator>) -> Response {
    let era = simulator.with(|world| world.era);
    reply(ok(era, completed(era), json!({ "balance": 5_000_000 })))
}

/// `POST /accounts/{id}/unlink`: the account is gone for good.
pub(crate) async fn unlink(State(simulator): State<Simulator>, Path(id): Path<String>) -> Response {
    reply(simulator.act(|world| {
        if world.account(&id).is_none() {
            return unknown_account(world.era);
        }
        world.forget(&id);
        world.announce(Kind::AccountUnlinked, &id);
        ok(world.era, "Account successfully unlinked", Value::Null)
    }))
}
