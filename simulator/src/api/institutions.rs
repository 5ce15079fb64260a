//! The banks to choose from, in today's list and in the first.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::reply;
use crate::{
    Simulator,
    shape::{Era, completed, institutions as shape, ok},
    world::bank,
};

/// `GET /v3/institutions`, narrowed by `scope`, `bank_code` and `auth_method`.
pub(crate) async fn list(
    State(simulator): State<Simulator>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let asked = |name: &str| query.get(name).map(String::as_str);
    let shown: Vec<Value> = bank::all()
        .filter(|_| asked("scope").is_none_or(|scope| scope == "financial_data"))
        .filter(|bank| {
            asked("bank_code").is_none_or(|code| bank.code == code || bank.nip_code == Some(code))
        })
        .filter(|bank| asked("auth_method").is_none_or(|each| bank.auth_methods.contains(&each)))
        .map(shape::listed)
        .collect();
    let era = simulator.with(|world| world.era);
    // Younger than every flat answer.
    let era = if era == Era::Legacy { Era::V2_2024 } else { era };
    reply(ok(era, completed(era), json!(shown)))
}

/// `GET /coverage`: a bare list, without a key.
pub(crate) async fn coverage() -> Response {
    Json(bank::all().map(shape::covered).collect::<Vec<Value>>()).into_response()
}
