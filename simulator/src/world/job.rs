//! Work that Mono does in the background: real-time sessions and the products that take a while.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What a job is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// A real-time session begun by reading the balance.
    Balance,
    /// A real-time session begun by reading transactions.
    Transactions,
    /// A statement as PDF.
    Statement,
    /// `GET …/income`.
    Income,
    /// `POST …/creditworthiness`.
    Creditworthiness,
    /// `POST …/transactions/categorise`.
    Categorisation,
    /// `POST …/transactions/metadata`.
    Metadata,
    /// `GET …/statement/insights`.
    Insights,
}

impl JobKind {
    /// Whether it is a real-time session.
    pub fn is_session(self) -> bool {
        matches!(self, Self::Balance | Self::Transactions)
    }

    /// Whether its result can be read as an enrichment record.
    pub fn is_enrichment(self) -> bool {
        matches!(self, Self::Categorisation | Self::Metadata | Self::Insights)
    }

    /// Mono's name of a real-time session's job.
    pub(crate) fn session_name(self) -> &'static str {
        match self {
            Self::Balance => "jobs.accounts.sync_balance",
            Self::Transactions
            | Self::Statement
            | Self::Income
            | Self::Creditworthiness
            | Self::Categorisation
            | Self::Metadata
            | Self::Insights => "jobs.accounts.sync_statement",
        }
    }
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It runs.
    Processing,
    /// It went well, whether or not anything was new.
    Finished,
    /// It did not.
    Failed,
}

impl JobState {
    /// The word of the job endpoint and of `x-job-status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Finished => "finished",
            Self::Failed => "failed",
        }
    }
}

/// A job.
#[derive(Clone, Debug, Serialize)]
pub struct Job {
    /// 24 hexadecimal digits.
    pub id: String,
    /// The account that it is about.
    pub account: String,
    /// What it is for.
    pub kind: JobKind,
    /// How far it is.
    pub state: JobState,
    /// How many months it looks back over, if it was told.
    pub months: Option<u32>,
    /// How often its state was asked for.
    pub polls: u32,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Whether a re-authorisation has made it old: the next real-time read starts another.
    pub over: bool,
}

/// How a job is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobOutcome {
    /// Well; a real-time session finds something new.
    Finished,
    /// Well, and there was nothing new.
    NothingNew,
    /// The bank, or Mono, did not manage.
    Failed,
    /// Only of real-time sessions: the bank asks for the customer.
    ReauthorisationRequired,
    /// Not yet: a webhook says that it still runs.
    Processing,
}

impl JobOutcome {
    pub(crate) fn state(self) -> JobState {
        match self {
            Self::Finished | Self::NothingNew => JobState::Finished,
            Self::Failed | Self::ReauthorisationRequired => JobState::Failed,
            Self::Processing => JobState::Processing,
        }
    }
}

/// An outcome, and whether anybody hears of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobEnd {
    /// How it ends.
    pub outcome: JobOutcome,
    /// Whether no webhook tells of it.
    #[serde(default)]
    pub silent: bool,
}

impl JobEnd {
    /// The same without a webhook.
    #[must_use]
    pub fn silent(mut self) -> Self {
        self.silent = true;
        self
    }
}

impl From<JobOutcome> for JobEnd {
    fn from(outcome: JobOutcome) -> Self {
        Self { outcome, silent: false }
    }
}
