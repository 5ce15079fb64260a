//! Waiting for data without waiting for ever: when to look again, and what counts as news.

use chrono::Duration;
use serde::{Deserialize, Serialize};

use super::{DataStatus, RetrievedData};
use crate::clock::Time;

/// When an account that is being fetched is looked at, in seconds after the waiting began. The
/// last one ends it.
///
/// Source: Mono docs, "Data status": 0.1 seconds to a couple of minutes, older text 5 minutes;
/// the rest is patience.
const LOOKS_S: [i64; 11] = [15, 30, 60, 120, 240, 300, 600, 900, 1200, 1500, 1800];

/// What an account's fetch was started by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WaitingFor {
    /// Its first link, or a fetch that Mono began by itself: whatever comes is news. A refresh that
    /// somebody asked for is a job, with deadlines of its own.
    Fetch,
    /// A re-authorisation: details may show the old data for a while.
    Reauth,
}

/// An account's data is on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// What started it.
    pub what: WaitingFor,
    /// When it began, by our clock.
    pub since: Time,
    /// When the account is looked at next.
    pub next_at: Time,
    /// When the waiting ends at the latest.
    pub until: Time,
    /// What the details showed before; a look that shows the same proves nothing.
    pub baseline: Option<Evidence>,
    /// What the last look that succeeded showed.
    pub last_look: Option<DataStatus>,
}

impl Waiting {
    /// Begins to wait at `now`.
    #[must_use]
    pub fn new(what: WaitingFor, now: Time, baseline: Option<Evidence>) -> Self {
        Self {
            what,
            since: now,
            next_at: now + Duration::seconds(LOOKS_S[0]),
            until: now + Duration::seconds(LOOKS_S[LOOKS_S.len() - 1]),
            baseline,
            last_look: None,
        }
    }

    /// Whether nothing is left to be waited for at `now`.
    #[must_use]
    pub fn is_over(&self, now: Time) -> bool {
        now >= self.until
    }

    /// Sets the next look after one at `now`. Looks that were missed are not made up for.
    pub(super) fn looked(&mut self, now: Time) {
        let next = LOOKS_S.iter().map(|s| self.since + Duration::seconds(*s)).find(|at| *at > now);
        self.next_at = next.unwrap_or(self.until);
    }
}

/// What an account's details showed, kept as digests: enough to see that they changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The status.
    pub status: DataStatus,
    /// A digest of the balance.
    pub balance: Option<String>,
    /// Mono's id of the fetch behind it.
    pub request_id: Option<String>,
    /// What was fetched.
    pub retrieved: Option<Vec<RetrievedData>>,
}

impl Evidence {
    /// Takes over what `later` tells and this does not: an update without a balance is a baseline
    /// of which the first look supplies the rest.
    pub(super) fn complete_from(&mut self, later: &Self) {
        self.balance = self.balance.take().or_else(|| later.balance.clone());
        self.request_id = self.request_id.take().or_else(|| later.request_id.clone());
        self.retrieved = self.retrieved.take().or_else(|| later.retrieved.clone());
    }

    /// Whether this proves a fetch since `earlier`. What only one of the two tells proves nothing:
    /// Mono leaves fields out at times.
    #[must_use]
    pub fn differs_from(&self, earlier: &Self) -> bool {
        fn changed<T: PartialEq>(now: Option<&T>, then: Option<&T>) -> bool {
            matches!((now, then), (Some(now), Some(then)) if now != then)
        }
        self.status != earlier.status
            || changed(self.balance.as_ref(), earlier.balance.as_ref())
            || changed(self.request_id.as_ref(), earlier.request_id.as_ref())
            || changed(self.retrieved.as_ref(), earlier.retrieved.as_ref())
    }
}
