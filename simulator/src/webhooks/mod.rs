//! What Mono would tell the application, and in which of its many ways.

pub(crate) mod payload;
pub(crate) mod products;
pub(crate) mod queue;
pub(crate) mod sender;
pub(crate) mod variants;

use serde::{Deserialize, Serialize};

use crate::world::status::DataStatus;

/// What a webhook is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A link was finished.
    AccountConnected,
    /// Data came in, or did not.
    AccountUpdated,
    /// The bank asks for the customer again.
    ReauthorisationRequired,
    /// The customer came back.
    AccountReauthorized,
    /// An automatic sync failed.
    SyncFailed,
    /// An automatic sync succeeded; on no page of Mono's, yet handled by integrators.
    AccountSynced,
    /// The account was unlinked.
    AccountUnlinked,
    /// `mono.accounts.jobs.update`.
    JobUpdate,
    /// The income of an account, which was asked for.
    AccountIncome,
    /// What its customer can afford.
    AccountCreditWorthiness,
    /// Categories are in.
    TransactionCategorisation,
    /// Metadata is in.
    TransactionMetadata,
    /// Insights are in.
    StatementInsights,
    /// An event that no documentation names.
    Unknown,
    /// `mono.events.webhook_test`.
    Test,
}

impl Kind {
    /// The event's name on the wire.
    pub fn event(self) -> &'static str {
        match self {
            Self::AccountConnected => "mono.events.account_connected",
            Self::AccountUpdated => "mono.events.account_updated",
            Self::ReauthorisationRequired => "mono.events.reauthorisation_required",
            Self::AccountReauthorized => "mono.events.account_reauthorized",
            Self::SyncFailed => "mono.events.sync_failed",
            Self::AccountSynced => "mono.events.account_synced",
            Self::AccountUnlinked => "mono.events.account_unlinked",
            Self::JobUpdate => "mono.accounts.jobs.update",
            Self::AccountIncome => "mono.events.account_income",
            Self::AccountCreditWorthiness => "mono.events.account_credit_worthiness",
            Self::TransactionCategorisation => "mono.events.transaction_categorisation",
            Self::TransactionMetadata => "mono.events.transaction_metadata",
            Self::StatementInsights => "mono.events.statement_insights",
            Self::Unknown => "mono.events.something_unheard_of",
            Self::Test => "mono.events.webhook_test",
        }
    }
}

/// Which of the payloads that Mono has printed or sent over the years.
///
/// `account_updated` knows all of them; of the others each knows some, and
/// `Simulator::send_webhook` refuses the rest with a message that lists what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Variant {
    /// The first, of 2020 to 2022.
    #[serde(rename = "old")]
    Old,
    /// `account_updated` of 2020 to 2022, currency `Naira`.
    A,
    /// `account_updated` of the Data Sync page of 2024.
    B,
    /// `account_updated` of the Account Update page of 2024.
    C,
    /// The details response without an event name, as the re-authorisation guide prints it.
    D,
    /// With `sync_status`, `job_id` and `has_new_data`.
    E,
    /// E with `event_id`, `timestamp`, `app` and `business`, of 2026.
    F,
}

/// What goes wrong with a webhook on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oddity {
    /// Nothing.
    #[default]
    None,
    /// It is sent twice, the same to the byte.
    Duplicate,
    /// It overtakes whatever already waits.
    Reversed,
    /// It stays behind until all others have left, though its timestamp is from now.
    Late,
    /// It is never sent.
    Lost,
    /// It carries another secret.
    WrongSecret,
    /// It has no `event_id`.
    NoEventId,
    /// Its body is not JSON.
    Garbage,
}

/// One webhook to send. Sending one says something; it does not make it true.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// The account that it is about, known here or not; only `unknown` and `test` do without.
    #[serde(default)]
    pub account: Option<String>,
    /// What it is about.
    pub kind: Kind,
    /// Its shape; if left out, that of the era.
    #[serde(default)]
    pub variant: Option<Variant>,
    /// `meta.data_status`; if left out, what is true.
    #[serde(default)]
    pub data_status: Option<DataStatus>,
    /// `meta.sync_status`, or the `status` of a job; if left out, what goes with the rest.
    #[serde(default)]
    pub sync_status: Option<String>,
    /// `meta.has_new_data`, which is only ever sent when true.
    #[serde(default)]
    pub has_new_data: bool,
    /// The id of the job that it belongs to.
    #[serde(default)]
    pub job_id: Option<String>,
    /// Its `event_id`; drawn if left out.
    #[serde(default)]
    pub event_id: Option<String>,
    /// Its name, in place of the usual one: Mono's pages print several for some events.
    #[serde(default)]
    pub event: Option<String>,
    /// What goes wrong with it.
    #[serde(default)]
    pub oddity: Oddity,
}

impl Webhook {
    /// A webhook of `kind` about `account` in which everything else is as usual.
    pub fn new(kind: Kind, account: &str) -> Self {
        Self {
            account: Some(account.to_owned()),
            kind,
            variant: None,
            data_status: None,
            sync_status: None,
            has_new_data: false,
            job_id: None,
            event_id: None,
            event: None,
            oddity: Oddity::None,
        }
    }

    /// The same in another shape.
    #[must_use]
    pub fn variant(mut self, variant: Variant) -> Self {
        self.variant = Some(variant);
        self
    }

    /// The same under another name, such as `mono.events.unlinked`.
    #[must_use]
    pub fn named(mut self, event: &str) -> Self {
        self.event = Some(event.to_owned());
        self
    }

    /// The same, belonging to this job.
    #[must_use]
    pub fn job_id(mut self, id: &str) -> Self {
        self.job_id = Some(id.to_owned());
        self
    }

    /// The same with something going wrong.
    #[must_use]
    pub fn oddity(mut self, oddity: Oddity) -> Self {
        self.oddity = oddity;
        self
    }

    /// The same with this `meta.data_status`.
    #[must_use]
    pub fn data_status(mut self, status: DataStatus) -> Self {
        self.data_status = Some(status);
        self
    }

    /// The same with this `meta.sync_status`, or this job status.
    #[must_use]
    pub fn sync_status(mut self, status: &str) -> Self {
        self.sync_status = Some(status.to_owned());
        self
    }
}

/// In which order an approval's webhooks leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// As Mono documents it: `account_reauthorized`, then `account_updated`.
    #[default]
    Normal,
    /// The other way round.
    Reversed,
}

/// What approvals send from now on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// In which order.
    pub order: Order,
    /// How many more copies of each.
    pub duplicates: u32,
    /// Which of them are never sent; what they would announce happens all the same.
    pub drop: Vec<Kind>,
    /// How much longer each waits, in milliseconds, at the automatic pace.
    pub delay_ms: u64,
    /// The shape of `account_updated`; if left out, that of the era.
    pub variant: Option<Variant>,
    /// The shape of `account_connected` or `account_reauthorized`; if left out, that of the era.
    pub first_variant: Option<Variant>,
}
