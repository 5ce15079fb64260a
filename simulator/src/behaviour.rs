//! The points on which Mono's documentation is silent or contradicts itself, as switches.

use serde::{Deserialize, Serialize};

use crate::{shape::transactions::NextLinks, world::status::DataStatus};

/// How the world behaves where nothing fixes it. `Default` is what today's Mono most likely does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// How links between pages are written.
    pub next_links: NextLinks,
    /// How `POST /v2/accounts/auth` answers.
    pub exchange: Exchange,
    /// How a real-time read of a healthy account ends.
    pub realtime: Realtime,
    /// How long one real-time session stands for all others of its account, in milliseconds.
    pub realtime_every_ms: u64,
    /// What a manual sync answers; if left out, what is true.
    pub sync_code: Option<SyncCode>,
    /// The status between a re-authorisation and its data; if left out, the old one stays.
    pub until_updated: Option<DataStatus>,
    /// How long a hosted link works, in milliseconds; if left out, for ever.
    pub link_lifetime_ms: Option<u64>,
    /// How often a webhook is tried until it is answered with exactly 200.
    pub webhook_tries: u32,
    /// The wait before the second try, in milliseconds; it doubles with each.
    pub webhook_wait_ms: u64,
    /// Whether a `meta.ref` of less than ten characters is refused, as two integrators met it.
    pub long_references: bool,
    /// Whether a first link needs a `redirect_url`, as the newer page has it.
    pub redirect_needed: bool,
    /// Whether the way back from the bank has no `code`, although the visit went well.
    pub redirect_without_code: bool,
    /// Whether initiating answers 201 in place of 200.
    pub initiate_answers_201: bool,
    /// Whether a code can be exchanged only once.
    pub codes_work_once: bool,
    /// How long a code can be exchanged, in milliseconds. Documented: ten minutes.
    pub code_lifetime_ms: u64,
    /// Where the legacy re-authorisation token stands in its answer.
    pub token: Exchange,
    /// How long such a token works, in milliseconds. Documented: ten minutes.
    pub token_lifetime_ms: u64,
    /// How an account that can not be re-authorised is refused.
    pub refusal: RefusedAs,
    /// How long after a manual sync the next is refused with 429, in milliseconds.
    pub sync_every_ms: u64,
    /// Whether a manual sync answers inside an envelope, as one client reads it.
    pub sync_in_envelope: bool,
    /// Whether `INCOMPLETE_STATEMENT_ERROR` comes with `status` `successful`.
    pub incomplete_is_successful: bool,
    /// Whether a real-time read that failed has `data` null, in place of what is cached: Mono's page
    /// on it has a section whose sample nobody captured.
    pub failed_without_data: bool,
    /// Whether `x-job-status` is in capitals, as Mono's prose has it.
    pub job_status_in_capitals: bool,
    /// In which words and shape `mono.accounts.jobs.update` tells of a real-time session.
    pub job_words: JobWords,
    /// Whether jobs run until a lever ends them. If not, each ends with its webhook, and a PDF is
    /// built after `statement_polls`.
    pub hold_jobs: bool,
    /// How many polls a PDF that nobody holds takes: they are answered `BUILDING`.
    pub statement_polls: u32,
    /// Whether the products that end by webhook answer "No webhook found for app". They do so
    /// anyway if no address is known.
    pub no_webhook_found: bool,
    /// What the bank gives of its customer's identity.
    pub identity: IdentityGiven,
    /// Whether webhooks of products are named `sandbox_…`, as before October 2025; if left out,
    /// as the era has it.
    pub sandbox_prefix: Option<bool>,
    /// How long the result of an enrichment is kept, in milliseconds. Documented: one hour.
    pub enrichment_lifetime_ms: u64,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            next_links: NextLinks::Documented,
            exchange: Exchange::Envelope,
            realtime: Realtime::Finished,
            realtime_every_ms: 300_000,
            sync_code: None,
            until_updated: None,
            link_lifetime_ms: None,
            webhook_tries: 5,
            webhook_wait_ms: 200,
            long_references: false,
            redirect_needed: false,
            redirect_without_code: false,
            initiate_answers_201: false,
            codes_work_once: false,
            code_lifetime_ms: 600_000,
            token: Exchange::Bare,
            token_lifetime_ms: 600_000,
            refusal: RefusedAs::Error,
            sync_every_ms: 120_000,
            sync_in_envelope: false,
            incomplete_is_successful: false,
            failed_without_data: false,
            job_status_in_capitals: false,
            job_words: JobWords::Documented,
            hold_jobs: false,
            statement_polls: 1,
            no_webhook_found: false,
            identity: IdentityGiven::Whole,
            sandbox_prefix: None,
            enrichment_lifetime_ms: 3_600_000,
        }
    }
}

/// Where the answer to an exchanged code, or to a request for a token, has what was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exchange {
    /// In `data`.
    #[default]
    Envelope,
    /// At the top, as Mono's guides still print it.
    Bare,
}

/// How a real-time read ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Realtime {
    /// At once, with new data.
    #[default]
    Finished,
    /// At once, and there was nothing new. A manual sync finds nothing new either.
    NothingNew,
    /// Later: `data` is null, and the data comes with a webhook.
    Enqueued,
    /// The bank did not answer; what is cached is served.
    Failed,
}

/// `code` of a manual sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SyncCode {
    /// Done.
    SyncSuccessful,
    /// Done, in the other documented spelling.
    SyncedSuccessful,
    /// The bank asks for the customer.
    ReauthorisationRequired,
    /// Not enabled, or the bank is down.
    SyncError,
    /// The bank returned fewer transactions than before. Done, if `allow_incomplete_statement`.
    IncompleteStatementError,
}

/// How "This account can not be re-authorised." is said. Both have been handled by integrators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedAs {
    /// As an error: 400.
    #[default]
    Error,
    /// As the message of a success.
    Success,
}

/// How `mono.accounts.jobs.update` tells of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobWords {
    /// `finished`, `processing`, `failed`: as the page has it.
    #[default]
    Documented,
    /// `SUCCESSFUL`, `FAILED`, `REAUTHORISATION_REQUIRED`: as the changelog has it.
    Changelog,
    /// The changelog's words, with the account as an object and the job in `job_id`.
    Object,
}

/// What a bank gives of its customer's identity: not every bank does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityGiven {
    /// All of it.
    #[default]
    Whole,
    /// The name and nulls.
    Name,
    /// Nothing: `data` is null.
    Null,
    /// Nothing: 404.
    NotFound,
}
