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
        }
    }
}

/// Where the account id stands in the answer to an exchanged code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exchange {
    /// In `data.id`.
    #[default]
    Envelope,
    /// In `id`, as Mono's guides still print it.
    Bare,
}

/// How a real-time read ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Realtime {
    /// At once, with new data.
    #[default]
    Finished,
    /// At once, and there was nothing new.
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
    /// The bank returned fewer transactions than before.
    IncompleteStatementError,
}
