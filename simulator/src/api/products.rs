//! Starting what takes a while: income, creditworthiness and enrichments, and reading the last.

use std::collections::HashMap;

use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::Response,
};
use chrono::Duration;
use serde_json::{Map, Value};

use super::{
    initiate::{body, is_bvn, text},
    reply, unknown_account,
};
use crate::{
    Simulator,
    clock::now,
    shape::{Answer, Era, completed, enrichment, failed, income as shape, ok},
    world::{World, job::JobKind},
};

type Here = State<Simulator>;

/// `GET /accounts/{id}/income`: the first API answered at once, today's tells by webhook.
pub(crate) async fn income(
    State(simulator): Here,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    reply(simulator.act(|world| {
        let era = world.era;
        let Some(account) = world.account(&id) else {
            return unknown_account(era);
        };
        let months = match query.get("period").map(|text| (text, months(text))) {
            None => None,
            Some((_, Some(months))) => Some(months),
            Some((text, None)) => {
                let message = format!("period must be a number of months from 1 to 12, not {text}");
                return failed(era, StatusCode::BAD_REQUEST, &message);
            }
        };
        if matches!(era, Era::V1 | Era::Legacy) {
            return ok(era, completed(era), shape::at_once(account));
        }
        if !world.hears() {
            return no_webhook(era);
        }
        world.start(&id, JobKind::Income, months);
        let message = "The income of this account will be sent to your webhook";
        ok(era, message, Value::Null)
    }))
}

/// `6` or `last6months`: from one to twelve months.
pub(crate) fn months(text: &str) -> Option<u32> {
    let number = match text.strip_prefix("last") {
        Some(rest) => rest.strip_suffix("months")?,
        None => text,
    };
    number.parse().ok().filter(|months| (1..=12).contains(months))
}

fn no_webhook(era: Era) -> Answer {
    failed(era, StatusCode::NOT_FOUND, "No webhook found for app")
}

/// `POST /v2/accounts/{id}/creditworthiness`: nothing is told until the webhook.
pub(crate) async fn creditworthiness(
    State(simulator): Here,
    Path(id): Path<String>,
    text: String,
) -> Response {
    reply(simulator.act(|world| {
        let era = world.era;
        if world.account(&id).is_none() {
            return unknown_account(era);
        }
        if let Err(message) = body(&text).and_then(|fields| affordable(&fields)) {
            return failed(era, StatusCode::BAD_REQUEST, &message);
        }
        if !world.hears() {
            return no_webhook(era);
        }
        world.start(&id, JobKind::Creditworthiness, None);
        let message = "The creditworthiness of this account will be sent to your webhook";
        ok(era, message, Value::Null)
    }))
}

/// Whether `fields` say what is to be afforded.
fn affordable(fields: &Map<String, Value>) -> Result<(), String> {
    if !text(fields, "bvn")?.is_some_and(|bvn| is_bvn(&bvn)) {
        return Err("\"bvn\" is required and must have 11 digits".to_owned());
    }
    for name in ["principal", "term"] {
        if fields.get(name).and_then(Value::as_i64).is_none_or(|number| number < 1) {
            return Err(format!("\"{name}\" is required and must be a positive whole number"));
        }
    }
    if !fields.get("interest_rate").and_then(Value::as_f64).is_some_and(|rate| rate >= 0.0) {
        return Err("\"interest_rate\" is required and must be a number".to_owned());
    }
    if !fields.get("run_credit_check").is_some_and(Value::is_boolean) {
        return Err("\"run_credit_check\" is required and must be a boolean".to_owned());
    }
    if !fields.get("existing_loans").is_none_or(Value::is_array) {
        return Err("\"existing_loans\" must be an array".to_owned());
    }
    Ok(())
}

/// `POST /v2/accounts/{id}/transactions/categorise`.
pub(crate) async fn categorise(state: Here, id: Path<String>) -> Response {
    enrich(state, id, JobKind::Categorisation)
}

/// `POST /v2/accounts/{id}/transactions/metadata`.
pub(crate) async fn metadata(state: Here, id: Path<String>) -> Response {
    enrich(state, id, JobKind::Metadata)
}

/// `GET /v2/accounts/{id}/statement/insights`.
pub(crate) async fn insights(state: Here, id: Path<String>) -> Response {
    enrich(state, id, JobKind::Insights)
}

fn enrich(State(simulator): Here, Path(id): Path<String>, kind: JobKind) -> Response {
    reply(simulator.act(|world| {
        if world.account(&id).is_none() {
            return unknown_account(world.era);
        }
        let job = world.start(&id, kind, None);
        enrichment::running(world.era, &job)
    }))
}

/// `GET /v2/enrichments/record/{job}`: kept for an hour.
pub(crate) async fn record(State(simulator): Here, Path(job): Path<String>) -> Response {
    reply(simulator.with(|world| {
        let kept = kept(world);
        let Some(job) =
            world.jobs.iter_mut().find(|each| each.id == job && each.kind.is_enrichment())
        else {
            return enrichment::gone(world.era);
        };
        job.polls += 1;
        let job = job.clone();
        let over = job.ended_at.is_some_and(|ended| now() - ended >= kept);
        match world.account(&job.account).filter(|_| !over) {
            Some(account) => enrichment::record(world.era, &job, account),
            None => enrichment::gone(world.era),
        }
    }))
}

fn kept(world: &World) -> Duration {
    let kept = i64::try_from(world.behaviour.enrichment_lifetime_ms).unwrap_or(i64::MAX);
    Duration::try_milliseconds(kept).unwrap_or(Duration::MAX)
}
