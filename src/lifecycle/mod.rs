//! What is true of an account: its data status, its consent, its live re-authorisation.
//!
//! State comes from facts and from nothing else: [`fold::fold`] takes a state and a fact and says
//! what is true now and what changed. It does no I/O and is told the time. Everything that tells
//! us something about an account goes through [`service::Lifecycle::record`], the one door, which
//! locks the account, folds, appends the changes to the log and commits.

mod backlog;
pub mod deadlines;
pub mod deliveries;
pub mod derived;
pub mod fact;
pub mod feed;
pub mod fold;
pub mod graphql;
pub mod job;
pub mod link;
mod polls;
pub mod rebuild;
pub mod recogniser;
mod replay;
pub mod retention;
pub mod service;
pub mod session;
pub mod store;
pub mod waiting;
mod writer;

use std::collections::BTreeSet;

use async_graphql::Enum;
use serde::{Deserialize, Serialize};

use crate::{
    caller::Caller,
    clock::Time,
    ids::{AccountId, JobId, LinkId, ReauthId},
};
use job::{Job, JobKind, JobStatus, Refresh, ToldEnd};
use link::LinkStatus;
use session::{ReauthStatus, Session};
use waiting::{Evidence, Waiting};

/// How far Mono's copy of an account's data is.
///
/// Source: Mono docs, "Account Details" and changelog of Sep 2025.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DataStatus {
    /// Balance and transactions were fetched.
    Available,
    /// One of balance and transactions was fetched; retrievedData says which.
    Partial,
    /// Mono is fetching.
    Processing,
    /// Neither could be fetched, because of the bank or because there is nothing.
    Unavailable,
    /// Fetching failed: on Mono's side, or nothing was heard of it for 30 minutes.
    Failed,
    /// Mono said something that this gateway does not know; dataStatusRaw has its words.
    Unknown,
}

impl DataStatus {
    /// Reads Mono's word in any case. Anything else is [`DataStatus::Unknown`].
    #[must_use]
    pub fn from_mono(raw: &str) -> Self {
        match raw.trim().to_ascii_uppercase().as_str() {
            "AVAILABLE" => Self::Available,
            "PARTIAL" => Self::Partial,
            "PROCESSING" => Self::Processing,
            "UNAVAILABLE" => Self::Unavailable,
            "FAILED" => Self::Failed,
            _ => Self::Unknown,
        }
    }

    /// Mono's word for it.
    #[must_use]
    pub fn as_mono(self) -> &'static str {
        match self {
            Self::Available => "AVAILABLE",
            Self::Partial => "PARTIAL",
            Self::Processing => "PROCESSING",
            Self::Unavailable => "UNAVAILABLE",
            Self::Failed => "FAILED",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// Whether there is data to read.
    #[must_use]
    pub fn is_readable(self) -> bool {
        matches!(self, Self::Available | Self::Partial)
    }

    /// Whether a fetch has ended with this.
    #[must_use]
    pub fn is_outcome(self) -> bool {
        !matches!(self, Self::Processing | Self::Unknown)
    }
}

/// One kind of data that Mono fetches from a bank.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enum, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RetrievedData {
    /// Who holds the account.
    Identity,
    /// The balance.
    Balance,
    /// The transactions.
    Transactions,
}

impl RetrievedData {
    /// Reads Mono's word; a kind that we do not know is left out.
    #[must_use]
    pub fn from_mono(raw: &str) -> Option<Self> {
        match raw.trim().to_ascii_lowercase().as_str() {
            "identity" => Some(Self::Identity),
            "balance" => Some(Self::Balance),
            "transactions" => Some(Self::Transactions),
            _ => None,
        }
    }
}

/// How Mono said that an account's customer must authorise again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReauthReason {
    /// Webhook reauthorisation_required.
    Webhook,
    /// Webhook account_updated with sync_status REAUTHORISATION_REQUIRED.
    SyncStatus,
    /// Webhook of a job that ended with REAUTHORISATION_REQUIRED, or the job itself, read.
    JobStatus,
    /// The answer to a manual sync, with the code REAUTHORISATION_REQUIRED.
    SyncCode,
    /// The answer to a real-time read, with the header x-reauth-required.
    Header,
    /// A webhook without a time that came within 48 hours after a re-authorisation: perhaps an old
    /// one, delivered late. The next good refresh lowers it.
    Unconfirmed,
}

/// What is known of an account's data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Data {
    /// Nothing if nobody ever said.
    pub status: Option<DataStatus>,
    /// Mono's own word for it.
    pub raw: Option<String>,
    /// What was fetched, if Mono said so.
    pub retrieved: Option<Vec<RetrievedData>>,
    /// When the status was last told, by our clock.
    pub told_at: Option<Time>,
    /// When Mono last told of readable data, by our clock.
    pub as_of: Option<Time>,
}

/// Why a refresh or a re-authorisation brought no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SyncFailureCode {
    /// Mono reported that the refresh failed (webhook sync_failed, or sync_status FAILED).
    SyncFailed,
    /// The data came as FAILED: a fault on Mono's side.
    DataFailed,
    /// The data came as UNAVAILABLE: the bank's trouble, or there is none.
    DataUnavailable,
    /// Nothing was heard within 30 minutes and every look at the account failed or said nothing.
    TimedOut,
    /// Mono refused to issue the link.
    LinkRefused,
    /// The account can not be re-authorised.
    NotReauthorisable,
    /// The gateway was stopped between asking Mono and hearing the answer.
    Interrupted,
    /// The bank wants the customer to authorise again.
    ReauthRequired,
    /// The bank gave fewer transactions than before, and that was not allowed.
    IncompleteStatement,
    /// Mono did not take the request.
    RequestRefused,
    /// Mono gave no usable answer, so it may or may not be at work. Late news repairs this.
    RequestUnanswered,
    /// Mono has no webhook URL for this app, so it could not tell of the end.
    NoWebhook,
    /// Mono reported that the job failed.
    JobFailed,
    /// The account was unlinked.
    Unlinked,
}

/// Why a refresh or a re-authorisation brought no data, and when that was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncFailure {
    /// The reason as a code.
    pub code: SyncFailureCode,
    /// The reason as a sentence.
    pub message: String,
    /// The status that came instead of data.
    pub status: Option<DataStatus>,
    /// The code of the error that whoever asked for the link got.
    #[serde(default)]
    pub told: Option<String>,
    /// When, by our clock.
    pub at: Time,
}

/// What is known of an account's refreshes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sync {
    /// When data last arrived, by our clock.
    pub last_success_at: Option<Time>,
    /// When a refresh last failed, by our clock.
    pub last_failure_at: Option<Time>,
    /// Why the newest refresh failed; nothing once one succeeds.
    pub failure: Option<SyncFailure>,
}

/// The customer must authorise again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// When we first heard, by our clock.
    pub since: Time,
    /// How we heard.
    pub reason: ReauthReason,
    /// Mono's time of saying so, if it gave one.
    pub stamp: Option<Time>,
}

/// The last `account_updated` that was applied and told a status that we know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUpdate {
    /// A digest of its body, to know a copy by.
    pub digest: String,
    /// Mono's time of sending it.
    pub stamp: Option<Time>,
    /// The status that it told.
    pub reported: fact::Reported,
    /// How the refresh ended, if it told that.
    pub sync: Option<fact::SyncStatus>,
    /// It brought readable data and did not ask for the customer.
    pub good: bool,
    /// It came while the customer was wanted or a link was out: data of that re-authorisation.
    pub early: bool,
    /// It came while a link was out, or later but sent before its customer had finished.
    pub during_link: bool,
    /// It was sent before the newest re-authorisation and taken for its data all the same.
    pub taken: bool,
    /// It moved the status, so subscribers heard of it.
    pub told: bool,
}

/// The last `account_updated` that told no status that we know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlankUpdate {
    /// A digest of its body, to know a copy by.
    pub digest: String,
    /// Mono's time of sending it.
    pub stamp: Option<Time>,
}

/// A delivery without an id of its own, remembered to know its copies by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// A digest of its body.
    pub digest: String,
    /// When it was applied, by our clock.
    pub at: Time,
}

/// What the details showed while a link was out for a customer who was wanted. Mono fetches nothing
/// without them, so what differs from the first shows that they have finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkLooks {
    /// The session that the link belongs to.
    pub session: ReauthId,
    /// What they showed first.
    pub first: Evidence,
    /// What they showed last.
    pub last: Evidence,
}

/// The newest of each kind of news, which later news is held against.
///
/// Stamps are Mono's, compared only with each other; times are ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// The newest stamps that asked for the customer, in order.
    pub asked: Vec<Time>,
    /// The newest stamp that showed good consent.
    pub lowered: Option<Time>,
    /// When the customer last authorised, by our clock.
    pub reauthorized_at: Option<Time>,
    /// The newest stamps of `account_reauthorized`, in order; none if the last one had no stamp.
    pub reauthorized: Vec<Time>,
    /// When a refresh last showed good consent of a customer who was wanted, by our clock.
    pub refreshed_at: Option<Time>,
    /// The newest stamp that told how a refresh ended.
    pub synced: Option<Time>,
    /// The last `account_updated` with a status that we know.
    pub update: Option<LastUpdate>,
    /// The newest one that told how a fetch ended, where the last told of no end or only asked for
    /// the customer anew.
    #[serde(default)]
    pub hidden_update: Option<LastUpdate>,
    /// The status is not Mono's word: nothing was heard and nothing seen.
    #[serde(default)]
    pub gave_up: bool,
    /// The last `account_updated` without one, unless its place is lost behind a later one.
    pub blank_update: Option<BlankUpdate>,
    /// The last `reauthorisation_required`.
    pub required: Option<Seen>,
    /// The last `sync_failed`.
    pub sync_failed: Option<Seen>,
    /// What looks showed since the newest link is out.
    #[serde(default)]
    pub link_looks: Option<LinkLooks>,
}

/// Everything the gateway keeps of one account. Holds no personal data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountState {
    /// Mono was told to forget this account, or told us so; nothing revives it.
    pub unlinked: bool,
    /// Counts the facts that changed something.
    pub version: i64,
    /// The data.
    pub data: Data,
    /// The refreshes.
    pub sync: Sync,
    /// Whether the customer must authorise again.
    pub need: Option<Need>,
    /// What later news is held against.
    pub marks: Marks,
    /// The account is being looked at until this is over.
    pub waiting: Option<Waiting>,
    /// What the details last showed, as digests.
    pub details: Option<Evidence>,
    /// The currency of the account, once known.
    pub currency: Option<String>,
    /// When the gateway first heard of it.
    #[serde(default)]
    pub first_seen_at: Option<Time>,
    /// When Mono first told of it by itself, and not because it was asked, by our clock.
    #[serde(default)]
    pub announced_at: Option<Time>,
    /// Mono's id of the customer, once it told it.
    #[serde(default)]
    pub customer: Option<String>,
    /// The reference of the link that it came by, once Mono told it.
    #[serde(default)]
    pub reference: Option<String>,
    /// When it came to be at Mono, by Mono's clock.
    #[serde(default)]
    pub created_stamp: Option<Time>,
    /// Whose it is: those who linked it through the gateway. Kept after it is unlinked, so that
    /// they hear of that.
    #[serde(default)]
    pub owners: BTreeSet<String>,
    /// The link session that it came by.
    #[serde(default)]
    pub linked: Option<Linked>,
    /// Whether it is the account that its link asked for, if the link asked.
    #[serde(default)]
    pub account_match: Option<bool>,
    /// What the bank's own account is known by: a keyed digest, no number.
    #[serde(default)]
    pub bank_account: Option<String>,
    /// When it may be refreshed again, once it was.
    #[serde(default)]
    pub refresh: Option<Refresh>,
    /// The newest job of each kind, live or ended, by kind.
    #[serde(default)]
    pub jobs: Vec<Job>,
    /// Jobs before those that were given up a short while ago: late news is theirs.
    #[serde(default)]
    pub given_up: Vec<Job>,
    /// The newest webhooks that told of a job's end.
    #[serde(default)]
    pub told_ends: Vec<ToldEnd>,
    /// The newest re-authorisation, live or ended. Stored in a row of its own.
    #[serde(skip)]
    pub session: Option<Session>,
}

/// How an account came to us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linked {
    /// By this link session.
    pub link: LinkId,
    /// That session has seen its data.
    pub settled: bool,
}

impl AccountState {
    /// Whether `caller` may see the account that is in this state.
    #[must_use]
    pub fn is_seen_by(&self, caller: &Caller, account: &AccountId) -> bool {
        caller.may_see(account) || self.owners.contains(caller.owner())
    }

    /// The next moment at which something must be done about this account, if nothing is heard.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        let session = self.session.as_ref().and_then(Session::deadline);
        let waiting = self.waiting.as_ref().map(|waiting| waiting.next_at);
        let jobs = self.jobs.iter().filter_map(Job::deadline);
        session.into_iter().chain(waiting).chain(jobs).min()
    }

    /// The newest job of this kind.
    #[must_use]
    pub fn job(&self, kind: JobKind) -> Option<&Job> {
        self.jobs.iter().find(|job| job.kind == kind)
    }

    /// Every job that news may still move: the newest of each kind, and those given up before.
    pub fn all_jobs(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().chain(&self.given_up)
    }

    /// When a refresh may be asked for; nothing if at once.
    #[must_use]
    pub fn next_sync_allowed_at(&self, now: Time) -> Option<Time> {
        self.refresh.as_ref().map(|refresh| refresh.next_allowed_at).filter(|at| *at > now)
    }

    /// Whether the customer is wanted for sure, so that Mono fetches nothing without them.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.need.as_ref().is_some_and(|need| need.reason != ReauthReason::Unconfirmed)
    }

    /// Whether a look may show that the customer has used the link that is out, though no webhook
    /// told of it.
    #[must_use]
    pub fn may_have_finished(&self) -> bool {
        let out = self.session.as_ref().filter(|session| session.expires_at().is_some());
        let looks = self.marks.link_looks.as_ref().map(|looks| looks.session);
        self.is_blocked() && out.is_some_and(|session| looks == Some(session.id))
    }

    /// The session that asking again would return.
    #[must_use]
    pub fn live_session(&self) -> Option<&Session> {
        self.session.as_ref().filter(|session| session.is_live())
    }
}

/// What caused a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChangeCause {
    /// Webhook account_connected.
    AccountConnected,
    /// Webhook account_updated.
    AccountUpdated,
    /// Webhook reauthorisation_required.
    ReauthorisationRequired,
    /// Webhook account_reauthorized.
    AccountReauthorized,
    /// Webhook sync_failed.
    SyncFailed,
    /// Webhook of a job.
    JobUpdated,
    /// Webhook account_unlinked.
    AccountUnlinked,
    /// The gateway read the account's details.
    DetailsRead,
    /// A link session of the gateway's led to this account.
    Linked,
    /// The gateway asked Mono how a job stands.
    JobRead,
    /// A mutation.
    Mutation,
    /// Time ran out.
    Deadline,
}

/// One thing that became true, as it stands in the log and is told to subscribers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Change {
    /// The data status moved, or the data of a re-authorisation arrived under the same status.
    DataStatus {
        /// Before; nothing if it was not known.
        from: Option<DataStatus>,
        /// Now.
        to: DataStatus,
        /// Why.
        cause: ChangeCause,
        /// The re-authorisation that this belongs to.
        reauth: Option<ReauthId>,
    },
    /// The need was raised or lowered, or a session moved.
    Reauth {
        /// Whether the customer must authorise again, now.
        required: bool,
        /// How Mono said so.
        reason: Option<ReauthReason>,
        /// Why.
        cause: ChangeCause,
        /// The session that moved.
        reauth: Option<ReauthId>,
        /// What that session is now.
        status: Option<ReauthStatus>,
    },
    /// A link session moved.
    Link {
        /// Which one.
        link: LinkId,
        /// What it is now.
        status: LinkStatus,
        /// The account that it led to.
        account: Option<AccountId>,
        /// Why.
        cause: ChangeCause,
        /// In whose name it was asked for.
        owner: String,
    },
    /// A job was asked for, or moved.
    Job {
        /// Which one.
        job: JobId,
        /// What it does.
        product: JobKind,
        /// How far it is.
        status: JobStatus,
        /// Why.
        cause: ChangeCause,
    },
}

impl Change {
    /// What caused it.
    #[must_use]
    pub fn cause(&self) -> ChangeCause {
        match self {
            Self::DataStatus { cause, .. }
            | Self::Reauth { cause, .. }
            | Self::Link { cause, .. }
            | Self::Job { cause, .. } => *cause,
        }
    }
}

/// What a change is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An account.
    Account(AccountId),
    /// A link session.
    Link(LinkId),
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Account(account) => account.fmt(f),
            Self::Link(link) => link.fmt(f),
        }
    }
}

/// A change with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedChange {
    /// Its place: later changes have larger numbers, without order among accounts implied.
    pub seq: i64,
    /// What it is about.
    pub subject: Subject,
    /// What became true.
    pub change: Change,
    /// When it was recorded, by our clock.
    pub at: Time,
    /// Whose the account is, at the moment of reading the log.
    pub owners: Vec<String>,
}

impl LoggedChange {
    /// Whether `caller` may hear of it.
    #[must_use]
    pub fn is_seen_by(&self, caller: &Caller) -> bool {
        let is_theirs = |account: &AccountId| {
            caller.may_see(account) || self.owners.iter().any(|owner| owner == caller.owner())
        };
        match (&self.subject, &self.change) {
            (Subject::Account(account), _) => is_theirs(account),
            (Subject::Link(_), Change::Link { owner, .. }) => {
                caller.sees_all() || owner == caller.owner()
            }
            (
                Subject::Link(_),
                Change::DataStatus { .. } | Change::Reauth { .. } | Change::Job { .. },
            ) => false,
        }
    }
}
