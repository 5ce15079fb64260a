//! Work of Mono's that outlasts the request for it: refreshes, statements, assessments.
//!
//! The newest job of each kind is part of its account's state; at most one of a kind is live. What
//! a job brought is personal: it never enters a state, a fact or a change, but a column of the
//! job's row for a while.

use std::fmt;

use async_graphql::Enum;
use chrono::Duration;
use serde::{Deserialize, Serialize};

use super::{
    ReauthReason, SyncFailure, SyncFailureCode,
    fact::{IdempotencyKey, JobWord},
    waiting::Evidence,
};
use crate::{
    clock::Time,
    error::ErrorCode,
    ids::{AccountId, JobId},
};

/// How long a job may wait for Mono's answer to our request, which has a deadline of 35 s, before
/// it is taken for one that a crash interrupted.
pub const REQUEST_LIFE: Duration = Duration::minutes(2);

/// How long a look or a question that is due may take before the deadline is given up.
pub const SLACK: Duration = Duration::minutes(2);

/// When Mono is asked after a job that runs, in seconds after it was taken. The last one ends it.
const POLLS_S: [i64; 11] = [15, 30, 60, 120, 240, 300, 600, 900, 1200, 1500, 1800];

/// How long after a refresh the details are looked at, if no webhook told of them before. While
/// they show nothing new they are looked at again, as often as Mono is asked after a job.
pub const LOOK_AFTER: Duration = Duration::seconds(POLLS_S[0]);

/// What a job does.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enum, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobKind {
    /// Fetches the balance or the transactions from the bank again.
    Refresh,
    /// Makes a PDF of the account's statement.
    Statement,
    /// Finds the customer's income in the transactions.
    Income,
    /// Assesses whether the customer can afford a loan.
    Creditworthiness,
    /// Gives the transactions their categories.
    Categorisation,
}

impl JobKind {
    /// How long what it brought is kept: personal data is not kept for longer than it is of use.
    #[must_use]
    pub fn result_life(self) -> Duration {
        match self {
            Self::Statement => Duration::hours(1),
            Self::Refresh | Self::Income | Self::Creditworthiness | Self::Categorisation => {
                Duration::hours(24)
            }
        }
    }
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    /// Mono is being asked.
    Requested,
    /// Mono is at work on it.
    Processing,
    /// It is done.
    Finished,
    /// It failed, or nothing was heard of it; failure says why.
    Failed,
}

/// What a refresh fetches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SyncPart {
    /// The balance.
    Balance,
    /// The transactions.
    Transactions,
}

/// By which of Mono's generations a refresh is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SyncVia {
    /// A read with `x-realtime`.
    Realtime,
    /// `POST /accounts/{id}/sync`, which fetches everything.
    Legacy,
}

impl SyncVia {
    /// How long Mono takes one refresh of an account for all others.
    ///
    /// Source: Mono docs, "Real-Time Data", Mar 2026 (5 minutes); Mono's blog, "A beginner's guide
    /// to Mono Data Sync" (2 minutes).
    #[must_use]
    pub fn every(self) -> Duration {
        match self {
            Self::Realtime => Duration::minutes(5),
            Self::Legacy => Duration::minutes(2),
        }
    }
}

/// How far a job is, with what is known at that stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStage {
    /// Mono is being asked.
    Requested,
    /// Mono is at work.
    Processing {
        /// When Mono took it.
        since: Time,
        /// When Mono is asked after it next.
        next_at: Time,
        /// When it is given up.
        until: Time,
    },
    /// It is done.
    Finished {
        /// When.
        at: Time,
    },
    /// It failed.
    Failed {
        /// Why, and when.
        failure: SyncFailure,
    },
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Whose account.
    pub account: AccountId,
    /// What it does.
    pub kind: JobKind,
    /// In whose name it was asked for.
    pub owner: String,
    /// What a refresh fetches.
    pub part: Option<SyncPart>,
    /// How a refresh is asked for.
    pub via: Option<SyncVia>,
    /// How many months it covers.
    pub months: Option<u32>,
    /// What it was asked for with, as a keyed digest: arguments may be personal.
    #[serde(default)]
    pub arguments: Option<String>,
    /// Mono's id of it.
    pub mono_job: Option<String>,
    /// When it was asked for.
    pub created_at: Time,
    /// How far it is.
    pub stage: JobStage,
    /// News of Mono's about a job that came before we knew the id of ours.
    pub early: Option<(String, JobWord)>,
    /// What the details showed before a refresh.
    pub baseline: Option<Evidence>,
    /// When the details are looked at next, after a refresh whose data nobody told of yet.
    pub look_at: Option<Time>,
}

impl Job {
    /// How far it is, in one word.
    #[must_use]
    pub fn status(&self) -> JobStatus {
        match &self.stage {
            JobStage::Requested => JobStatus::Requested,
            JobStage::Processing { .. } => JobStatus::Processing,
            JobStage::Finished { .. } => JobStatus::Finished,
            JobStage::Failed { .. } => JobStatus::Failed,
        }
    }

    /// Whether asking again returns this one.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.stage, JobStage::Requested | JobStage::Processing { .. })
    }

    /// Why it failed.
    #[must_use]
    pub fn failure(&self) -> Option<&SyncFailure> {
        if let JobStage::Failed { failure } = &self.stage { Some(failure) } else { None }
    }

    /// Whether it was given up without Mono's word of its end: late news of it repairs that.
    #[must_use]
    pub fn is_given_up(&self) -> bool {
        self.failure().is_some_and(|failure| {
            matches!(
                failure.code,
                SyncFailureCode::TimedOut
                    | SyncFailureCode::Interrupted
                    | SyncFailureCode::RequestUnanswered
            )
        })
    }

    /// Whether it was given up because Mono's answer to the request for it was never heard.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.failure().is_some_and(|failure| failure.code == SyncFailureCode::Interrupted)
    }

    /// Whether nothing was begun for a reason that passes, Mono being down or limiting us: whoever
    /// repeats the request has it tried anew.
    #[must_use]
    pub fn is_worth_repeating(&self) -> bool {
        let passes = |told: &str| {
            [ErrorCode::UpstreamUnavailable, ErrorCode::UpstreamRateLimited]
                .iter()
                .any(|code| code.as_str() == told)
        };
        self.failure().is_some_and(|failure| {
            failure.code == SyncFailureCode::RequestRefused
                && failure.told.as_deref().is_some_and(passes)
        })
    }

    /// Whether Mono probably runs it, or ran it, though it was given up: a server that is not
    /// available has as a rule begun nothing.
    #[must_use]
    pub fn is_probably_taken(&self) -> bool {
        let told = self.failure().and_then(|failure| failure.told.as_deref());
        self.is_given_up() && told != Some(ErrorCode::UpstreamUnavailable.as_str())
    }

    /// Whether it should have ended by `now`, whoever was to ask after it.
    #[must_use]
    pub fn is_overdue(&self, now: Time) -> bool {
        let is_asked = self.is_asked_after() && self.mono_was_asked();
        let slack = if is_asked { SLACK } else { Duration::zero() };
        self.waiting_until().is_some_and(|until| until + slack <= now)
    }

    /// When it ended.
    #[must_use]
    pub fn ended_at(&self) -> Option<Time> {
        match &self.stage {
            JobStage::Finished { at } => Some(*at),
            JobStage::Failed { failure } => Some(failure.at),
            JobStage::Requested | JobStage::Processing { .. } => None,
        }
    }

    /// When it is given up if nothing is heard of it.
    #[must_use]
    pub fn waiting_until(&self) -> Option<Time> {
        match &self.stage {
            JobStage::Requested => Some(self.created_at + REQUEST_LIFE),
            JobStage::Processing { until, .. } => Some(*until),
            JobStage::Finished { .. } | JobStage::Failed { .. } => None,
        }
    }

    /// Whether Mono can be asked how it stands; of the others only a webhook tells.
    #[must_use]
    pub fn is_asked_after(&self) -> bool {
        match self.kind {
            // Without an id of Mono's the details say whether there is new data.
            JobKind::Refresh => true,
            JobKind::Statement | JobKind::Categorisation => self.mono_job.is_some(),
            JobKind::Income | JobKind::Creditworthiness => false,
        }
    }

    /// Whether Mono's answer to the request is known.
    #[must_use]
    pub fn mono_was_asked(&self) -> bool {
        self.stage != JobStage::Requested
    }

    /// The next moment at which something must be done about it.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        match &self.stage {
            JobStage::Processing { next_at, .. } if self.is_asked_after() => Some(*next_at),
            JobStage::Requested | JobStage::Processing { .. } => self.waiting_until(),
            JobStage::Finished { .. } | JobStage::Failed { .. } => self.look_at,
        }
    }

    /// The details were looked at, at `at`, and showed nothing new. Looks that were missed are not
    /// made up for.
    pub(super) fn looked(&mut self, at: Time) {
        let next = |ended: Time| {
            POLLS_S.iter().map(|s| ended + Duration::seconds(*s)).find(|due| *due > at)
        };
        self.look_at = self.ended_at().and_then(next);
    }

    /// News of Mono's about the job `mono_job`, while the id of ours is not known.
    pub(super) fn heard_early(&mut self, mono_job: &str, word: JobWord) {
        // That it runs is no news, and may come behind its end.
        if word != JobWord::Processing {
            self.early = Some((mono_job.to_owned(), word));
        }
    }

    /// Mono took it at `at`.
    pub(super) fn taken(&mut self, at: Time) {
        let last = POLLS_S[POLLS_S.len() - 1];
        self.stage = JobStage::Processing {
            since: at,
            next_at: at + Duration::seconds(POLLS_S[0]),
            until: at + Duration::seconds(last),
        };
    }

    /// Mono was asked after it at `at`, and it still runs.
    pub(super) fn asked_after(&mut self, at: Time) {
        if let JobStage::Processing { since, next_at, until } = &mut self.stage {
            let next = POLLS_S.iter().map(|s| *since + Duration::seconds(*s)).find(|t| *t > at);
            *next_at = next.unwrap_or(*until);
        }
    }
}

/// A webhook that told of a job's end, remembered to know its copies and older ones by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldEnd {
    /// Of which kind of job.
    pub kind: JobKind,
    /// A digest of its body.
    pub digest: String,
    /// Mono's time of sending it.
    pub stamp: Option<Time>,
    /// When it was applied, by our clock.
    pub at: Time,
}

/// When an account may be refreshed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refresh {
    /// Not before this.
    pub next_allowed_at: Time,
    /// Mono's id of the refresh before the newest: an answer that names it starts nothing.
    pub previous: Option<String>,
}

/// What a job brought, and what nobody but its caller is to read: it is in no log, no fact and no
/// state.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Personal(pub Option<String>);

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Personal(…)" } else { "Personal(none)" })
    }
}

/// A job that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRequest {
    /// The id it will have.
    pub id: JobId,
    /// What it does.
    pub product: JobKind,
    /// In whose name.
    pub owner: String,
    /// The caller's word for this wish.
    #[serde(default)]
    pub key: Option<IdempotencyKey>,
    /// What a refresh fetches.
    pub part: Option<SyncPart>,
    /// How a refresh is asked for.
    pub via: Option<SyncVia>,
    /// How many months it covers.
    pub months: Option<u32>,
    /// What it is asked for with, as a keyed digest; nothing if one running will do for all.
    #[serde(default)]
    pub arguments: Option<String>,
}

/// How Mono answered a request for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Answer {
    /// It works on it.
    Taken,
    /// It is done.
    Finished {
        /// Whether it brought something, if Mono said so.
        new_data: Option<bool>,
    },
    /// It failed.
    Failed {
        /// Why.
        code: SyncFailureCode,
    },
}

/// What we learn of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "news", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobNews {
    /// Somebody asks for it; Mono is asked afterwards.
    Requested(JobRequest),
    /// Mono answered.
    Answered {
        /// Which job.
        id: JobId,
        /// Mono's id of it.
        mono_job: Option<String>,
        /// How it stands.
        answer: Answer,
        /// Mono wants the customer, and said so in this way.
        asks: Option<ReauthReason>,
        /// What it brought, if it was done at once.
        #[serde(skip)]
        result: Personal,
    },
    /// Mono did not take the request.
    Refused {
        /// Which job.
        id: JobId,
        /// The reason as a code.
        code: SyncFailureCode,
        /// The code of the error that the caller got.
        told: String,
        /// The reason as a sentence.
        message: String,
        /// When Mono may be asked again, if it limits us.
        again_at: Option<Time>,
    },
    /// Mono was asked how it stands.
    Polled {
        /// Which job.
        id: JobId,
        /// Mono's word, if it gave one that we know.
        word: Option<JobWord>,
        /// What it brought.
        #[serde(skip)]
        result: Personal,
    },
    /// A webhook told that a job of this kind ended.
    Told {
        /// Of which kind.
        product: JobKind,
        /// Mono's id of it, if it said so.
        mono_job: Option<String>,
        /// Whether it failed.
        failed: bool,
        /// Mono's time of sending it.
        #[serde(default)]
        stamp: Option<Time>,
        /// A digest of its body, to know a copy by.
        #[serde(default)]
        digest: String,
        /// What it brought.
        #[serde(skip)]
        result: Personal,
    },
}
