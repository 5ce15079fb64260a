//! The one reader of the wall clock, and the way that Mono writes a time.

use chrono::{DateTime, SecondsFormat, Utc};

/// The time now.
#[expect(clippy::disallowed_methods, reason = "the simulator's only reader of the clock")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// ISO 8601 in UTC with milliseconds and `Z`, as in all of Mono's answers.
pub(crate) fn iso(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
