//! How one answer looked over the years: envelopes, and the casing of what is in them.
//!
//! The era shapes every answer, whatever path it was asked at.

pub(crate) mod account;
pub(crate) mod enrichment;
pub(crate) mod flows;
pub(crate) mod income;
pub(crate) mod institutions;
pub(crate) mod person;
pub(crate) mod statement;
pub(crate) mod transactions;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::{iso, now};

/// A generation of Mono's API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Era {
    /// Today's: PARTIAL, UNAVAILABLE, `retrieved_data`, `event_id`.
    #[default]
    #[serde(rename = "v2-2026", alias = "V2_2026", alias = "v2_2026")]
    V2_2026,
    /// The first v2, as in the re-authorisation guide of 2024.
    #[serde(rename = "v2-2024", alias = "V2_2024", alias = "v2_2024")]
    V2_2024,
    /// The account itself in `data`, lower-case words.
    #[serde(rename = "v1", alias = "V1")]
    V1,
    /// No envelope, camelCase, `_id`.
    #[serde(rename = "legacy", alias = "Legacy")]
    Legacy,
}

/// An HTTP status and a JSON body.
pub(crate) type Answer = (StatusCode, Value);

/// The message of most successes.
pub(crate) fn completed(era: Era) -> &'static str {
    match era {
        // Sic: the samples of 2024 have one s too few.
        Era::V2_2024 => "Request was succesfully completed",
        Era::V2_2026 | Era::V1 | Era::Legacy => "Request was successfully completed",
    }
}

/// A success with `data`.
pub(crate) fn ok(era: Era, message: &str, data: Value) -> Answer {
    let body = match era {
        Era::V2_2026 | Era::V2_2024 => json!({
            "status": "successful", "message": message, "timestamp": iso(now()), "data": data,
        }),
        Era::V1 => json!({ "status": "successful", "message": message, "data": data }),
        Era::Legacy if data.is_null() => json!({ "message": message }),
        Era::Legacy => data,
    };
    (StatusCode::OK, body)
}

/// A failure.
pub(crate) fn failed(era: Era, status: StatusCode, message: &str) -> Answer {
    let body = match era {
        Era::V2_2026 | Era::V2_2024 => json!({
            "status": "failed", "message": message, "timestamp": iso(now()), "data": null,
        }),
        Era::V1 => json!({ "status": "failed", "message": message, "data": null }),
        Era::Legacy => json!({ "message": message }),
    };
    (status, body)
}
