//! Remembers what callers asked for, so that a test can count upstream calls and read them.

use std::collections::{BTreeMap, VecDeque};

use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

/// How many calls are kept; older ones are forgotten, though still counted.
const KEPT: usize = 10_000;

/// The request headers that are worth remembering.
const OF_INTEREST: [&str; 9] = [
    "accept",
    "accept-encoding",
    "content-type",
    "mono-sec-key",
    "traceparent",
    "user-agent",
    "x-real-time",
    "x-realtime",
    "x-request-id",
];

/// One request that reached the API.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path without its query.
    pub path: String,
    /// The query as it was sent, without `?`; empty if there was none.
    pub query: String,
    /// The headers of interest, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The body; `null` if there was none, a string if it was not JSON.
    pub body: Value,
    /// When it arrived.
    pub at: DateTime<Utc>,
}

/// The calls so far.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    kept: VecDeque<Call>,
    counts: BTreeMap<String, u64>,
    in_flight: usize,
    most_in_flight: usize,
}

impl Calls {
    /// Notes `call`, which is in flight until [`Calls::done`].
    pub(crate) fn begin(&mut self, call: Call) {
        *self.counts.entry(format!("{} {}", call.method, pattern(&call.path))).or_default() += 1;
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(call);
        self.in_flight += 1;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
    }

    /// Notes that one call was answered.
    pub(crate) fn done(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    pub(crate) fn all(&self) -> Vec<Call> {
        self.kept.iter().cloned().collect()
    }

    /// How often each method and path pattern was called.
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        self.counts.clone()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn most_in_flight(&self) -> usize {
        self.most_in_flight
    }

    /// Forgets all calls, except that those in flight are still in flight.
    pub(crate) fn reset(&mut self) {
        let in_flight = self.in_flight;
        *self = Self { in_flight, most_in_flight: in_flight, ..Self::default() };
    }
}

/// The headers of interest among `headers`.
pub(crate) fn of_interest(headers: &HeaderMap) -> BTreeMap<String, String> {
    OF_INTEREST
        .iter()
        .filter_map(|name| {
            let value = headers.get(*name)?.to_str().ok()?;
            Some(((*name).to_owned(), value.to_owned()))
        })
        .collect()
}

/// `path` with `{id}` in place of whatever follows `accounts/`, `jobs/`,
/// `customers/` and `record/`.
fn pattern(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        let variable =
            matches!(parts.last(), Some(&("accounts" | "jobs" | "customers" | "record")));
        let named = matches!(part, "initiate" | "auth");
        parts.push(if variable && !named { "{id}" } else { part });
    }
    parts.join("/")
}
