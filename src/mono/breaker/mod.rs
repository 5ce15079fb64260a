//! Whether Mono is asked at all: while all of it is down, calls fail at once instead of waiting.
//!
//! Pure, and takes the time as an argument. Opens only when nothing whatever comes back, over many
//! accounts and for a while. Open, it lets a call through now and then; an answer to any call closes
//! it. Calls about accounts that are not known to fail have a turn of their own: what is down may be
//! one bank of many accounts, and theirs must not take all the turns.

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
};

use chrono::Duration;

use crate::{clock::Time, ids::AccountId};

/// How long nothing may have come back before it opens.
const SILENCE: Duration = Duration::seconds(10);

/// How many calls must have failed in a row.
const FAILURES: u32 = 20;

/// About how many accounts they must have been.
const ACCOUNTS: usize = 5;

/// How many accounts are known to fail at most. More have their turn with the others.
const KNOWN: usize = 4096;

/// How long no call is let through once it is open, while one is under way, and after one that failed.
const PAUSE: Duration = Duration::seconds(2);

/// How long Mono's own word for when to come back is heeded at most.
const LONGEST_PAUSE: Duration = Duration::seconds(30);

/// Lets calls through, or not.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    /// Tells accounts apart without keeping their ids.
    hasher: RandomState,
    /// How many probes there were.
    probes: u64,
}

#[derive(Debug)]
enum State {
    /// Calls are let through. Holds what failed since the last sign of life.
    Closed(Option<Run>),
    /// One is now and then.
    Open {
        /// The accounts that are known to fail.
        failing: HashSet<u64>,
        /// When one about these is let through.
        theirs: Turns,
        /// When another is.
        others: Turns,
    },
}

/// When a call may see whether Mono is back.
#[derive(Clone, Copy, Debug)]
struct Turns {
    /// When this was decided.
    since: Time,
    /// Not before this.
    until: Time,
    /// The newest that was let through, while it is under way.
    probe: Option<u64>,
}

/// Failures with no sign of life between them.
#[derive(Debug)]
struct Run {
    since: Time,
    failures: u32,
    accounts: HashSet<u64>,
}

/// How a call was let through. Handed back with what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// As any call.
    Usual,
    /// To see whether Mono is back, as the probe of this number.
    Probe(u64),
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
        Self { state: State::Closed(None), hasher: RandomState::new(), probes: 0 }
    }

    /// Asks to be let through at `now` with a call about this account. Whoever is owes
    /// [`Breaker::settle`].
    pub(super) fn admit(
        &mut self,
        now: Time,
        account: Option<&AccountId>,
    ) -> Result<Leave, Refused> {
        if let Some(refused) = self.refusal(now, account) {
            return Err(refused);
        }
        let account = self.known_as(account);
        let State::Open { failing, theirs, others } = &mut self.state else {
            return Ok(Leave::Usual);
        };
        self.probes += 1;
        *turns(failing, theirs, others, account) = Turns::after(now, PAUSE, Some(self.probes));
        Ok(Leave::Probe(self.probes))
    }

    /// Whether a call about this account would be refused at `now`.
    pub(super) fn refusal(&self, now: Time, account: Option<&AccountId>) -> Option<Refused> {
        let State::Open { failing, theirs, others } = &self.state else { return None };
        let Turns { since, until, .. } = *turns(failing, theirs, others, self.known_as(account));
        // A clock that was set back must not keep it open.
        if now < since || now >= until {
            return None;
        }
        let wait = until - now;
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
        let account = self.known_as(account);
        match &mut self.state {
            State::Closed(run) => {
                // A probe from before it closed proves nothing about a Mono that has answered since.
                if outcome != Outcome::Failure || leave != Leave::Usual {
                    return None;
                }
                let run = run.get_or_insert_with(|| Run::new(now));
                run.add(now, account);
                if !run.is_enough(now) {
                    return None;
                }
                let (failing, soon) =
                    (std::mem::take(&mut run.accounts), Turns::after(now, PAUSE, None));
                self.state = State::Open { failing, theirs: soon, others: soon };
                Some(Turn::Opened)
            }
            State::Open { failing, theirs, others } => {
                if outcome == Outcome::Failure {
                    note(failing, account);
                }
                let Leave::Probe(number) = leave else { return None };
                let asked = if let Outcome::Limited(Some(ms)) = outcome { ms } else { 0 };
                let asked = Duration::milliseconds(i64::try_from(asked).unwrap_or(i64::MAX));
                for turns in [theirs, others] {
                    // Mono's own word counts for all: its limits may be those of all calls.
                    turns.wait(now, asked.min(LONGEST_PAUSE));
                    // One that hung until the next had its turn moves nothing any more.
                    if turns.probe == Some(number) {
                        turns.probe = None;
                        if outcome == Outcome::Nothing {
                            // Nothing was learnt: the next caller may see at once.
                            *turns = Turns::after(now, Duration::zero(), None);
                        } else {
                            turns.wait(now, PAUSE);
                        }
                    }
                }
                None
            }
        }
    }

    /// Its state as a number: 0 closed, 1 while a probe is under way, 2 open.
    pub(super) fn level(&self) -> f64 {
        match &self.state {
            State::Closed(_) => 0.0,
            State::Open { theirs, others, .. } => {
                let probes = theirs.probe.is_some() || others.probe.is_some();
                if probes { 1.0 } else { 2.0 }
            }
        }
    }

    fn known_as(&self, account: Option<&AccountId>) -> Option<u64> {
        account.map(|account| self.hasher.hash_one(account))
    }
}

impl Turns {
    /// The next comes `pause` after `now`.
    fn after(now: Time, pause: Duration, probe: Option<u64>) -> Self {
        Self { since: now, until: now + pause, probe }
    }

    /// The next comes `pause` after `now` at the earliest.
    fn wait(&mut self, now: Time, pause: Duration) {
        self.until = self.until.max(now + pause);
    }
}

/// Whose turn it is with a call about this account.
fn turns<T>(failing: &HashSet<u64>, theirs: T, others: T, account: Option<u64>) -> T {
    if account.is_some_and(|account| failing.contains(&account)) { theirs } else { others }
}

/// Notes that this account fails.
fn note(failing: &mut HashSet<u64>, account: Option<u64>) {
    if failing.len() < KNOWN {
        failing.extend(account);
    }
}

impl Run {
    fn new(since: Time) -> Self {
        Self { since, failures: 0, accounts: HashSet::new() }
    }

    fn add(&mut self, now: Time, account: Option<u64>) {
        self.since = self.since.min(now);
        self.failures = self.failures.saturating_add(1);
        note(&mut self.accounts, account);
    }

    fn is_enough(&self, now: Time) -> bool {
        self.failures >= FAILURES && self.accounts.len() >= ACCOUNTS && now - self.since >= SILENCE
    }
}

#[cfg(test)]
mod tests;
