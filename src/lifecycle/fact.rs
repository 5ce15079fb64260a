//! What we can be told about an account, in our words.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    ChangeCause, DataStatus, RetrievedData, SyncFailureCode, job::JobNews, session::ReauthMethod,
};
use crate::{
    clock::Time,
    ids::{AccountId, LinkId, ReauthId},
};

/// Something that happened, with the moment at which we learned of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// Whose it is.
    pub account: AccountId,
    /// When we learned of it, by our clock.
    pub at: Time,
    /// What happened.
    pub what: What,
}

/// A caller's word for one wish, so that repeating it gives the first answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyKey {
    /// The caller's text.
    pub key: String,
    /// A digest of what was asked for: the same key for something else is refused.
    pub fingerprint: String,
}

/// How Mono says that a refresh ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SyncStatus {
    /// The bank gave its data.
    Successful,
    /// It did not.
    Failed,
    /// It wants the customer.
    ReauthorisationRequired,
}

/// How a job of Mono's stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobWord {
    /// It runs.
    Processing,
    /// It is done.
    Finished,
    /// It failed, for whatever reason.
    Failed,
    /// The bank wants the customer.
    ReauthorisationRequired,
}

impl JobWord {
    /// Reads Mono's word, of both of its vocabularies, in any case.
    ///
    /// Source: Mono docs, "Real-Time Data" (finished, processing, failed) and changelog of Sep 2024
    /// (SUCCESSFUL, FAILED, REAUTHORISATION_REQUIRED); RUNNING is an integrator's.
    #[must_use]
    pub fn from_mono(word: &str) -> Option<Self> {
        match word.trim().to_ascii_uppercase().as_str() {
            "FINISHED" | "SUCCESSFUL" => Some(Self::Finished),
            "PROCESSING" | "RUNNING" => Some(Self::Processing),
            "FAILED" => Some(Self::Failed),
            "REAUTHORISATION_REQUIRED" | "REAUTHORIZATION_REQUIRED" => {
                Some(Self::ReauthorisationRequired)
            }
            _ => None,
        }
    }
}

/// A status as Mono told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// What it means to us.
    pub status: DataStatus,
    /// Mono's own word.
    pub raw: String,
}

impl Reported {
    /// Reads Mono's word.
    #[must_use]
    pub fn from_mono(raw: &str) -> Self {
        // A word of Mono's is short; what is not, is not worth keeping whole.
        Self { status: DataStatus::from_mono(raw), raw: raw.chars().take(64).collect() }
    }
}

/// What `account_updated` told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// Mono's time of sending it.
    pub stamp: Option<Time>,
    /// A digest of its body.
    pub digest: String,
    /// The status, if it told one.
    pub reported: Option<Reported>,
    /// How the refresh ended, if it told that.
    pub sync: Option<SyncStatus>,
    /// What was fetched.
    pub retrieved: Option<Vec<RetrievedData>>,
    /// A digest of the balance, as a look at the details has it.
    pub balance: Option<String>,
    /// Mono's id of the fetch behind it.
    pub request_id: Option<String>,
    /// The reference of the link that the account came by.
    #[serde(default)]
    pub reference: Option<String>,
    /// Whether it is the account that the link asked for, if the link asked.
    #[serde(default)]
    pub account_match: Option<bool>,
    /// When the account came to be at Mono, by Mono's clock.
    #[serde(default)]
    pub account_created: Option<Time>,
    /// What the bank's own account is known by.
    #[serde(default)]
    pub bank_account: Option<String>,
    /// Mono's id of the job behind it.
    #[serde(default)]
    pub job: Option<String>,
}

/// What a look at the account's details showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// When we asked: news that came since is newer than this.
    pub asked_at: Time,
    /// One of our scheduled looks, so the next one is due.
    pub scheduled: bool,
    /// The status.
    pub reported: Option<Reported>,
    /// A digest of the balance.
    pub balance: Option<String>,
    /// Mono's id of the fetch behind it.
    pub request_id: Option<String>,
    /// What was fetched.
    pub retrieved: Option<Vec<RetrievedData>>,
    /// The currency.
    pub currency: Option<String>,
    /// The reference of the link that the account came by.
    #[serde(default)]
    pub reference: Option<String>,
    /// Mono's id of the customer.
    #[serde(default)]
    pub customer: Option<String>,
    /// What the bank's own account is known by.
    #[serde(default)]
    pub bank_account: Option<String>,
}

/// A re-authorisation that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The id it will have.
    pub id: ReauthId,
    /// In whose name.
    pub owner: String,
    /// Its name towards Mono.
    pub reference: String,
    /// How the customer is sent to the bank.
    pub method: ReauthMethod,
    /// Where the customer returns to.
    pub redirect_url: Option<String>,
    /// Whether a live session will do.
    pub reuse_active: bool,
    /// The caller's word for this wish.
    #[serde(default)]
    pub key: Option<IdempotencyKey>,
}

/// A token that Mono's widget takes: never printed, never written with the fact.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum What {
    /// Webhook `account_connected`.
    Connected {
        /// The status, if it told one.
        reported: Option<Reported>,
        /// The reference of the link that it came by.
        #[serde(default)]
        reference: Option<String>,
        /// Mono's id of the customer.
        #[serde(default)]
        customer: Option<String>,
    },
    /// A link session of ours led to this account.
    Linked {
        /// Which one, if it is known.
        link: Option<LinkId>,
        /// In whose name: the account is theirs.
        owner: String,
    },
    /// Webhook `account_updated`.
    Updated(Update),
    /// Webhook `reauthorisation_required`.
    Required {
        /// Mono's time of sending it.
        stamp: Option<Time>,
        /// A digest of its body.
        digest: String,
    },
    /// Webhook `account_reauthorized`.
    Reauthorized {
        /// Mono's time of sending it.
        stamp: Option<Time>,
    },
    /// Webhook `sync_failed`.
    SyncFailed {
        /// Mono's time of sending it.
        stamp: Option<Time>,
        /// A digest of its body.
        digest: String,
    },
    /// Webhook of a job.
    JobUpdated {
        /// Mono's time of sending it.
        stamp: Option<Time>,
        /// How it stands.
        status: JobWord,
        /// Mono's id of it.
        #[serde(default)]
        job: Option<String>,
    },
    /// Something about a job.
    Job(JobNews),
    /// Webhook `account_unlinked`.
    Unlinked,
    /// The account's details were read.
    Looked(Look),
    /// The account's details could not be read when a look was due.
    LookFailed {
        /// The code of the failure.
        code: String,
    },
    /// Somebody asks for a re-authorisation.
    Requested(Request),
    /// Mono gave the link.
    LinkIssued {
        /// For which session.
        id: ReauthId,
        /// The link.
        url: String,
    },
    /// Mono gave the token that its widget takes.
    TokenIssued {
        /// For which session.
        id: ReauthId,
        /// The token. It opens a bank's door, so no log has it.
        #[serde(skip)]
        token: Token,
    },
    /// Mono did not give the link or the token.
    LinkRefused {
        /// For which session.
        id: ReauthId,
        /// The reason as a code.
        code: SyncFailureCode,
        /// The code of the error that the caller got.
        told: String,
        /// The reason as a sentence.
        message: String,
    },
    /// The page says that the customer gave up.
    Cancelled {
        /// Which session.
        id: ReauthId,
    },
    /// Time passed.
    TimePassed,
}

impl What {
    /// The cause that subscribers read.
    #[must_use]
    pub fn cause(&self) -> ChangeCause {
        match self {
            Self::Connected { .. } => ChangeCause::AccountConnected,
            Self::Linked { .. } => ChangeCause::Linked,
            Self::Updated(_) => ChangeCause::AccountUpdated,
            Self::Required { .. } => ChangeCause::ReauthorisationRequired,
            Self::Reauthorized { .. } => ChangeCause::AccountReauthorized,
            Self::SyncFailed { .. } => ChangeCause::SyncFailed,
            Self::JobUpdated { .. } | Self::Job(JobNews::Told { .. }) => ChangeCause::JobUpdated,
            Self::Job(JobNews::Polled { .. }) => ChangeCause::JobRead,
            Self::Unlinked => ChangeCause::AccountUnlinked,
            Self::Looked(_) => ChangeCause::DetailsRead,
            Self::LookFailed { .. } | Self::TimePassed => ChangeCause::Deadline,
            Self::Requested(_)
            | Self::LinkIssued { .. }
            | Self::TokenIssued { .. }
            | Self::LinkRefused { .. }
            | Self::Cancelled { .. }
            | Self::Job(
                JobNews::Requested(_) | JobNews::Answered { .. } | JobNews::Refused { .. },
            ) => ChangeCause::Mutation,
        }
    }
}
