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
    behaviour::Exchange,
    clock::now,
    shape::{Era, completed, failed, ok},
    world::{
        World,
        link::{Link, LinkState, Scope},
    },
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

fn exchanged(world: &World, text: &str, bare: bool) -> Response {
    let refuse = |message: &str| reply(failed(world.era, StatusCode::BAD_REQUEST, message));
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
        Some(id) => reply(ok(world.era, completed(world.era), json!({ "id": id }))),
    }
}

/// `POST /accounts/{id}/reauthorise`: a token for the widget, good for ten minutes. It also opens
/// a hosted page, since the widget itself is not simulated.
pub(crate) async fn token(State(simulator): State<Simulator>, Path(id): Path<String>) -> Response {
    simulator.with(|world| {
        let Some(account) = world.account(&id) else {
            return reply(unknown_account(world.era));
        };
        if !account.reauthorisable {
            let message = "This account can not be re-authorised.";
            return reply(failed(world.era, StatusCode::BAD_REQUEST, message));
        }
        let customer = account.customer.clone();
        let token = world.mint.token(20);
        world.links.push(Link {
            code: token.clone(),
            scope: Scope::Reauth,
            account: Some(id),
            customer,
            customer_name: None,
            meta: serde_json::Map::new(),
            redirect_url: None,
            expected_number: None,
            created_at: now(),
            lifetime_ms: Some(600_000),
            state: LinkState::Open,
        });
        Json(json!({ "token": token })).into_response()
    })
}
