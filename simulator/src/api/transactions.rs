//! Reading transactions: the query, checked word by word.

use std::collections::HashMap;

use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};

use super::{
    refresh::{realtime, with_session, wording},
    unknown_account,
};
use crate::{
    Simulator,
    shape::{
        failed,
        transactions::{self as shape, day},
    },
    world::job::JobKind,
};

/// How many transactions a page has if nobody says otherwise.
const USUAL: usize = 20;
/// How many transactions a page has at most.
const MOST: usize = 100;

/// `GET /accounts/{id}/transactions`.
pub(crate) async fn page(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    Query(raw): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let query = parse(&raw);
    let (words, answer, session) = simulator.act(|world| {
        let (era, words) = (world.era, wording(world));
        let query = match &query {
            Ok(query) => query,
            Err(message) => return (words, failed(era, StatusCode::BAD_REQUEST, message), None),
        };
        if world.account(&id).is_none() {
            return (words, unknown_account(era), None);
        }
        let session = realtime(era, &headers).then(|| world.realtime(&id, JobKind::Transactions));
        let links = world.behaviour.next_links;
        let answer = match world.account(&id) {
            Some(account) => shape::page(era, account, query, links, &world.base),
            None => unknown_account(era),
        };
        (words, answer, session)
    });
    with_session(words, answer, session)
}

fn parse(raw: &HashMap<String, String>) -> Result<shape::Query, String> {
    let number = |name: &str, usual: usize| match raw.get(name) {
        None => Ok(usual),
        Some(text) => text
            .parse::<usize>()
            .ok()
            .filter(|number| *number > 0)
            .ok_or(format!("{name} must be a positive number")),
    };
    let date = |name: &str| match raw.get(name) {
        None => Ok(None),
        Some(text) => day(text).map(Some).ok_or(format!("{name} must be a date as DD-MM-YYYY")),
    };
    let between = match (date("start")?, date("end")?) {
        (Some(start), Some(end)) => Some((start, end)),
        (None, None) => None,
        (Some(_), None) => return Err("end is required with start".to_owned()),
        (None, Some(_)) => return Err("start is required with end".to_owned()),
    };
    let kind = raw.get("type").cloned();
    if kind.as_deref().is_some_and(|kind| !matches!(kind, "debit" | "credit")) {
        return Err("type must be one of debit, credit".to_owned());
    }
    let paginate = match raw.get("paginate").map(String::as_str) {
        None | Some("true") => true,
        Some("false") => false,
        Some(_) => return Err("paginate must be one of true, false".to_owned()),
    };
    Ok(shape::Query {
        between,
        kind,
        narration: raw.get("narration").cloned(),
        paginate,
        limit: number("limit", USUAL)?.min(MOST),
        page: number("page", 1)?,
        repeated: repeated(raw),
    })
}

/// The filters again, for links that work.
fn repeated(raw: &HashMap<String, String>) -> String {
    let mut repeated = String::new();
    for name in ["start", "end", "type", "narration", "limit"] {
        if let Some(value) = raw.get(name) {
            let escaped: String = value.bytes().map(escape).collect();
            repeated.push_str(&format!("&{name}={escaped}"));
        }
    }
    repeated
}

fn escape(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}
