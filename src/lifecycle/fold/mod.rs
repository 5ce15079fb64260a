//! The rules: one fact folded into an account's state. Pure and total; the fact says the time.
//!
//! Deliveries of Mono's come in any order and any number of copies. What carries a stamp is held
//! against the newest stamp of its kind and never against our clock; what carries none is taken
//! in the order in which it came, with copies known by their digest.
//!
//! Source: the state machine and its ambiguous cases are described in `ARCHITECTURE.md`.

mod consent;
mod data;
mod deliveries;
mod early;
mod jobs;
mod linking;
mod looks;
mod refresh;
mod sessions;

use chrono::Duration;

use super::{
    AccountState, BlankUpdate, Change, ChangeCause, DataStatus, LastUpdate, LinkLooks, Linked,
    Marks, Need, ReauthReason, Seen, SyncFailure, SyncFailureCode,
    fact::{Fact, JobWord, Look, Reported, Request, SyncStatus, Update, What},
    job::{JobNews, Personal, Refresh},
    session::{
        CompletionEvidence, Handover, LINK_LIFE, ReauthMethod, ReauthStatus, Session, Stage,
    },
    waiting::{Evidence, Waiting, WaitingFor},
};
use crate::{
    clock::Time,
    ids::{JobId, LinkId, ReauthId},
};

/// How long a delivery without id and stamp is taken for a copy of an identical one.
const COPY_WINDOW: Duration = Duration::hours(1);

/// How long Mono goes on trying to deliver. Source: an integrator's notes, unconfirmed by Mono.
pub(super) const RETRY_WINDOW: Duration = Duration::hours(48);

/// How many stamps of a kind are kept, to place news that comes late.
const STAMPS_KEPT: usize = 8;

/// Why a fact changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// A copy of one that was applied.
    Duplicate,
    /// Something newer was applied before.
    Stale,
    /// The account is unlinked.
    Unlinked,
    /// It says nothing that was not known.
    NothingNew,
}

/// What became of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Applied,
    /// It changes nothing.
    Ignored(Ignored),
    /// A session was asked for, and this live one will do.
    Reused(ReauthId),
    /// The same was asked for before by the same key: that is the answer. In `fold` it does not come.
    Repeated(Repeated),
    /// A job was asked for, and this one answers the request.
    UnderWay(JobId),
    /// A refresh was asked for, and may not be before this.
    TooSoon(Time),
    /// A session or job was asked for or meant that cannot be had: the account is unlinked, the
    /// session is past that, or a job of this kind runs for other arguments.
    Refused,
}

/// What a wish with this key was answered first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeated {
    /// The id of what it led to.
    pub id: String,
    /// Whether that was there before.
    pub reused: bool,
}

/// The state after a fact, and what changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// The state now.
    pub state: AccountState,
    /// What changed, in the order in which it is told.
    pub changes: Vec<Change>,
    /// A session that gave way to a newer one.
    pub superseded: Option<Session>,
    /// What a job brought.
    pub result: Option<(JobId, Personal)>,
    /// What became of the fact.
    pub verdict: Verdict,
}

/// Folds `fact` into `before`.
#[must_use]
pub fn fold(before: &AccountState, fact: &Fact) -> Folded {
    let mut fold = Fold {
        state: before.clone(),
        at: fact.at,
        superseded: None,
        result: None,
        refreshed: false,
        is_old_data: false,
    };
    let verdict = if before.unlinked { fold.after_unlinking(&fact.what) } else { fold.apply(fact) };
    fold.settle_link();
    let changes = fold.changes(before, fact);
    if fold.state != *before {
        fold.state.version += 1;
        fold.state.first_seen_at.get_or_insert(fact.at);
    }
    let result = fold.result.filter(|(_, result)| result.0.is_some());
    Folded { state: fold.state, changes, superseded: fold.superseded, result, verdict }
}

/// A fold under way.
struct Fold {
    state: AccountState,
    at: Time,
    superseded: Option<Session>,
    result: Option<(JobId, Personal)>,
    /// Data of a re-authorisation arrived under a status that does not move.
    refreshed: bool,
    /// The refresh failed: whatever status is told is that of older data.
    is_old_data: bool,
}

impl Fold {
    fn apply(&mut self, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Connected { reported, customer, reference } => {
                let before = self.state.clone();
                self.announced(customer.as_deref(), reference.as_deref());
                let verdict = self.connected(reported.as_ref());
                let is_news = self.state != before;
                if is_news && matches!(verdict, Verdict::Ignored(_)) {
                    Verdict::Applied
                } else {
                    verdict
                }
            }
            What::Linked { link, owner } => self.linked(*link, owner),
            What::Updated(update) => self.updated(update),
            What::Required { stamp, digest } => self.required(*stamp, digest),
            What::Reauthorized { stamp } => self.reauthorized(*stamp),
            What::SyncFailed { stamp, digest } => self.sync_failed(*stamp, digest),
            What::JobUpdated { stamp, status, job } => {
                self.job_updated(*stamp, *status, job.as_deref())
            }
            What::Job(news) => self.job_news(&fact.account, news),
            What::Unlinked => self.unlinked(),
            What::Looked(look) => self.looked(look),
            What::LookFailed { .. } => self.look_failed(),
            What::Requested(request) => self.requested(fact, request),
            What::LinkIssued { id, url } => {
                let at = self.at;
                self.on_session(*id, |session| session.handed_over(Handover::Link(url.clone()), at))
            }
            What::TokenIssued { id, token } => {
                let (at, token) = (self.at, Handover::Token(token.0.clone()));
                self.on_session(*id, |session| session.handed_over(token, at))
            }
            What::LinkRefused { id, code, told, message } => {
                let failure = SyncFailure {
                    told: Some(told.clone()),
                    ..self.failure(*code, message.clone(), None)
                };
                self.on_session(*id, |session| {
                    if session.stage == Stage::Requested {
                        session.failed(failure);
                    }
                })
            }
            What::Cancelled { id } => self.cancelled(*id),
            What::TimePassed => self.time_passed(),
        }
    }

    /// An unlinked account is dead: late deliveries are kept in the log and change nothing.
    fn after_unlinking(&self, what: &What) -> Verdict {
        match what {
            What::Requested(_) | What::Cancelled { .. } | What::Job(JobNews::Requested(_)) => {
                Verdict::Refused
            }
            What::Unlinked => Verdict::Ignored(Ignored::Duplicate),
            What::Connected { .. }
            | What::Linked { .. }
            | What::Updated(_)
            | What::Required { .. }
            | What::Reauthorized { .. }
            | What::SyncFailed { .. }
            | What::JobUpdated { .. }
            | What::Job(_)
            | What::Looked(_)
            | What::LookFailed { .. }
            | What::LinkIssued { .. }
            | What::TokenIssued { .. }
            | What::LinkRefused { .. }
            | What::TimePassed => Verdict::Ignored(Ignored::Unlinked),
        }
    }

    /// What subscribers are told: the difference between the states, not what was done to them.
    fn changes(&self, before: &AccountState, fact: &Fact) -> Vec<Change> {
        let after = &self.state;
        let cause = fact.what.cause();
        let session = after.session.as_ref();
        let moved = session.filter(|now| {
            before.session.as_ref().map(|then| (then.id, then.status()))
                != Some((now.id, now.status()))
        });
        let mut changes = Vec::new();
        let to = after.data.status.unwrap_or(DataStatus::Unknown);
        let from = before.data.status;
        // To forget a status that said nothing is no news.
        if (from != after.data.status && from != Some(to)) || self.refreshed {
            let waits = session.filter(|session| session.awaits_data());
            let reauth = moved.or(waits).map(|session| session.id);
            changes.push(Change::DataStatus { from, to, cause, reauth });
        }
        if before.need.is_some() != after.need.is_some() || moved.is_some() {
            changes.push(Change::Reauth {
                required: after.need.is_some(),
                reason: after.need.as_ref().map(|need| need.reason),
                cause,
                reauth: moved.map(|session| session.id),
                status: moved.map(Session::status),
            });
        }
        changes.extend(jobs::job_changes(before, after, cause));
        if let Some(old) = &self.superseded {
            changes.insert(
                0,
                Change::Reauth {
                    required: after.need.is_some(),
                    reason: after.need.as_ref().map(|need| need.reason),
                    cause,
                    reauth: Some(old.id),
                    status: Some(ReauthStatus::Superseded),
                },
            );
        }
        changes
    }
}

/// Whether `stamp` is known to be older than `than`. Without both nothing is known.
fn is_older(stamp: Option<Time>, than: Option<Time>) -> bool {
    matches!((stamp, than), (Some(stamp), Some(than)) if stamp < than)
}

/// Keeps `stamp` among the newest of its kind, in order.
fn remember(stamps: &mut Vec<Time>, stamp: Time) {
    if let Err(place) = stamps.binary_search(&stamp) {
        stamps.insert(place, stamp);
        let surplus = stamps.len().saturating_sub(STAMPS_KEPT);
        stamps.drain(..surplus);
    }
}

/// Whether a delivery is a copy of the last one of its kind.
fn is_copy(last: Option<&Seen>, digest: &str, now: Time) -> bool {
    last.is_some_and(|last| last.digest == digest && now - last.at < COPY_WINDOW)
}

#[cfg(test)]
mod tests;
