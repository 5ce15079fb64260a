//! Whether Mono is asked at all: while all of it is down, calls fail at once instead of waiting.
//!
//! Pure, and takes the time as an argument. Opens only when nothing whatever comes back, over many
//! accounts and for a while, so that one bank's trouble never cuts off the others. Open, it lets one
//! call through now and then; an answer to any call closes it.

use std::{
    hash::{BuildHasher as _, RandomState},
    num::NonZeroU64,
};

use chrono::Duration;

use crate::{clock::Time, ids::AccountId};

/// How long nothing may have come back before it opens.
const SILENCE: Duration = Duration::seconds(10);

/// How many calls must have failed in a row.
const FAILURES: u32 = 20;

/// About how many accounts they must have been.
const ACCOUNTS: usize = 5;

/// How long no call is let through once it is open, and after each probe that failed.
const PAUSE: Duration = Duration::seconds(2);

/// How long Mono's own word for when to come back is heeded at most.
const LONGEST_PAUSE: Duration = Duration::seconds(30);

/// Lets calls through, or not.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    /// Tells accounts apart without keeping their ids.
    hasher: RandomState,
}

#[derive(Debug)]
enum State {
    /// Calls are let through. Holds what failed since the last sign of life.
    Closed(Option<Run>),
    /// None is.
    Open { since: Time, until: Time },
    /// One is under way, which will show whether Mono is back.
    Probing,
}

/// Failures with no sign of life between them.
#[derive(Debug)]
struct Run {
    since: Time,
    failures: u32,
    accounts: [Option<NonZeroU64>; ACCOUNTS],
}

/// How a call was let through. Handed back with what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// As any call.
    Usual,
    /// To see whether Mono is back: there is one of these at a time.
    Probe,
}

/// Not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// When the next call may be let through, in milliseconds from now.
    pub(super) retry_after_ms: u64,
}

/// What a call came to, as far as it tells whether Mono lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// An answer, whatever it says: any status below 500 but 429.
    Life,
    /// No answer, or one of 500 and above.
    Failure,
    /// 429, with the milliseconds that Mono asks to be left alone for. Says neither: what limits
    /// stands before what works, and its limits may be one account's.
    Limited(Option<u64>),
    /// The caller went away before anything could be seen.
    Nothing,
}

/// What changed, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Calls fail at once from now on.
    Opened,
    /// Calls are let through again.
    Closed,
}

impl Breaker {
    /// One that lets calls through.
    pub(super) fn new() -> Self {
        Self { state: State::Closed(None), hasher: RandomState::new() }
    }

    /// Asks to be let through at `now`. Whoever is owes [`Breaker::settle`].
    pub(super) fn admit(&mut self, now: Time) -> Result<Leave, Refused> {
        if let Some(refused) = self.refusal(now) {
            return Err(refused);
        }
        match self.state {
            State::Closed(_) => Ok(Leave::Usual),
            State::Open { .. } | State::Probing => {
                self.state = State::Probing;
                Ok(Leave::Probe)
            }
        }
    }

    /// Whether a call would be refused at `now`.
    pub(super) fn refusal(&self, now: Time) -> Option<Refused> {
        let wait = match self.state {
            State::Closed(_) => return None,
            // A clock that was set back must not keep it open.
            State::Open { since, until } if now < since || now >= until => return None,
            State::Open { until, .. } => until - now,
            State::Probing => PAUSE,
        };
        Some(Refused { retry_after_ms: wait.num_milliseconds().max(1).unsigned_abs() })
    }

    /// Notes what came of a call that was let through as `leave`.
    pub(super) fn settle(
        &mut self,
        now: Time,
        leave: Leave,
        account: Option<&AccountId>,
        outcome: Outcome,
    ) -> Option<Turn> {
        // A call from before may still be answered when it is open: that is life as well.
        if outcome == Outcome::Life {
            let was_closed = matches!(self.state, State::Closed(_));
            self.state = State::Closed(None);
            return (!was_closed).then_some(Turn::Closed);
        }
        match (&mut self.state, leave) {
            (State::Closed(run), Leave::Usual) if outcome == Outcome::Failure => {
                let account = account.map(|account| {
                    let hash = self.hasher.hash_one(account);
                    NonZeroU64::new(hash).unwrap_or(NonZeroU64::MIN)
                });
                let run = run.get_or_insert(Run::new(now));
                run.add(now, account);
                if !run.is_enough(now) {
                    return None;
                }
                self.state = State::Open { since: now, until: now + PAUSE };
                Some(Turn::Opened)
            }
            (State::Probing, Leave::Probe) => {
                let pause = match outcome {
                    Outcome::Limited(Some(ms)) => {
                        let asked = i64::try_from(ms).unwrap_or(i64::MAX);
                        Duration::milliseconds(
                            asked.clamp(PAUSE.num_milliseconds(), LONGEST_PAUSE.num_milliseconds()),
                        )
                    }
                    // Nothing was learnt: the next caller may see at once.
                    Outcome::Nothing => Duration::zero(),
                    Outcome::Life | Outcome::Failure | Outcome::Limited(None) => PAUSE,
                };
                self.state = State::Open { since: now, until: now + pause };
                None
            }
            // Calls from before it opened fail later, and a probe from before it closed proves
            // nothing about a Mono that has answered since.
            (State::Closed(_) | State::Open { .. } | State::Probing, _) => None,
        }
    }

    /// Its state as a number: 0 closed, 1 while a probe is under way, 2 open.
    pub(super) fn level(&self) -> f64 {
        match self.state {
            State::Closed(_) => 0.0,
            State::Probing => 1.0,
            State::Open { .. } => 2.0,
        }
    }
}

impl Run {
    fn new(since: Time) -> Self {
        Self { since, failures: 0, accounts: [None; ACCOUNTS] }
    }

    fn add(&mut self, now: Time, account: Option<NonZeroU64>) {
        self.since = self.since.min(now);
        self.failures = self.failures.saturating_add(1);
        if account.is_some() && !self.accounts.contains(&account) {
            let free = self.accounts.iter_mut().find(|place| place.is_none());
            if let Some(place) = free {
                *place = account;
            }
        }
    }

    fn is_enough(&self, now: Time) -> bool {
        self.failures >= FAILURES
            && self.accounts.iter().all(Option::is_some)
            && now - self.since >= SILENCE
    }
}

#[cfg(test)]
mod tests;
