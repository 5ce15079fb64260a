//! Codes and tokens: a widget's code becomes an account id, and the legacy re-authorisation token.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{initiate::body, reply, unknown_account};
use crate::{
    Simulator,
    behaviour::{Exchange, RefusedAs},
    shape::{Answer, Era, completed, failed, ok},
    world::{World, link::Link},
};

/// `POST /v2/accounts/auth`, in either of its documented shapes.
pub(crate) async fn exchange(State(simulator): State<Simulator>, text: String) -> Response {
    simulator.with(|world| {
        let bare = world.behaviour.exchange == Exchange::Bare || world.era == Era::Legacy;
        exchanged(world, &text, bare)
    })
}

/// `POST /account/auth`, the legacy path: always the bare shape.
pub(crate) async fn exchange_bare(State(simulator): State<Simulator>, text: String) -> Response {
    simulator.with(|world| exchanged(world, &text, true))
}

fn exchanged(world: &mut World, text: &str, bare: bool) -> Response {
    let era = world.era;
    let refuse = |message: &str| reply(failed(era, StatusCode::BAD_REQUEST, message));
    let fields = match body(text) {
        Ok(fields) => fields,
        Err(message) => return refuse(&message),
    };
    let Some(code) = fields.get("code").and_then(Value::as_str) else {
        return refuse("code is required and must be a string");
    };
    match world.exchange(code) {
        None => refuse("You are using an invalid or expired code."),
        Some(id) if bare => Json(json!({ "id": id })).into_response(),
        Some(id) => reply(ok(era, completed(era), json!({ "id": id }))),
    }
}

/// `POST /accounts/{id}/reauthorise`: a token for the widget, good for ten minutes. It also opens
/// a hosted page, since the widget itself is not simulated.
pub(crate) async fn token(State(simulator): State<Simulator>, Path(id): Path<String>) -> Response {
    reply(simulator.with(|world| {
        let Some(account) = world.account(&id) else {
            return unknown_account(world.era);
        };
        if !account.reauthorisable {
            return not_reauthorisable(world);
        }
        let customer = account.customer.clone();
        let token = world.mint.token(20);
        world.links.push(Link {
            lifetime_ms: Some(world.behaviour.token_lifetime_ms),
            ..Link::reauth(token.clone(), &id, customer)
        });
        let answer = json!({ "token": token });
        match world.behaviour.token {
            Exchange::Bare => (StatusCode::OK, answer),
            Exchange::Envelope => ok(world.era, completed(world.era), answer),
        }
    }))
}

/// What an account that can not be re-authorised is answered, in either of the ways seen.
pub(crate) fn not_reauthorisable(world: &World) -> Answer {
    let message = "This account can not be re-authorised.";
    match world.behaviour.refusal {
        RefusedAs::Error => failed(world.era, StatusCode::BAD_REQUEST, message),
        RefusedAs::Success => ok(world.era, message, Value::Null),
    }
}
