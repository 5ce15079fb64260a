//! Webhooks that wait for their turn. What one announces becomes true when its turn comes,
//! whether or not it reaches anybody.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::{Kind, Oddity, Webhook};
use crate::world::{job::JobKind, status::DataStatus};

/// What happens in the world when a webhook's turn comes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Effect {
    /// Nothing.
    #[default]
    None,
    /// The account's data comes in, or fails to.
    DataIn { status: Option<DataStatus>, fresh: bool },
    /// A real-time session ends: well, unless the bank has come to ask for the customer.
    SessionEnds { job: String },
    /// What a real-time session fetches comes in.
    PartIn { job: String, kind: JobKind },
    /// A product is done.
    ProductEnds { job: String },
}

impl Effect {
    /// Whether it is an end of job `id`.
    pub(crate) fn ends(&self, id: &str) -> bool {
        match self {
            Self::None | Self::DataIn { .. } => false,
            Self::SessionEnds { job } | Self::PartIn { job, .. } | Self::ProductEnds { job } => {
                job == id
            }
        }
    }
}

/// A webhook that waits.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub(crate) number: u64,
    pub(crate) webhook: Webhook,
    pub(crate) effect: Effect,
    pub(crate) copies: u32,
    pub(crate) lost: bool,
    pub(crate) delay_ms: u64,
    /// When its cause happened; `None`: its turn is its cause.
    pub(crate) caused_at: Option<DateTime<Utc>>,
}

impl Queued {
    /// `webhook`, with `effect` when its turn comes.
    pub(crate) fn new(webhook: Webhook, effect: Effect) -> Self {
        let copies = if webhook.oddity == Oddity::Duplicate { 2 } else { 1 };
        let lost = webhook.oddity == Oddity::Lost;
        Self { number: 0, webhook, effect, copies, lost, delay_ms: 0, caused_at: None }
    }
}

/// One webhook that left, or was lost.
#[derive(Clone, Debug, Serialize)]
pub struct Delivery {
    /// Counts up over everything that was ever sent.
    pub number: u64,
    /// What it was about.
    pub kind: Kind,
    /// The account that it was about.
    pub account: Option<String>,
    /// Its `event_id`, the same in every try.
    pub event_id: Option<String>,
    /// Its body; a string if it was not JSON.
    pub body: Value,
    /// Where it went; `None` if no address was known.
    pub url: Option<String>,
    /// How often it was sent.
    pub tries: u32,
    /// The last answer's status; `None` if there was no answer.
    pub last_status: Option<u16>,
    /// Whether it was answered with exactly 200.
    pub acknowledged: bool,
    /// Whether it was lost on purpose.
    pub lost: bool,
    /// When it first left.
    pub at: DateTime<Utc>,
}

/// A delivery on its way: what each try sends.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) delivery: u64,
    pub(crate) url: String,
    pub(crate) secret: String,
    pub(crate) body: String,
}

/// What waits, in the order in which it will leave.
#[derive(Debug, Default)]
pub(crate) struct Queue(VecDeque<Queued>);

impl Queue {
    /// Lets `item` wait where its oddity puts it.
    pub(crate) fn push(&mut self, item: Queued) {
        let late = |queued: &Queued| queued.webhook.oddity == Oddity::Late;
        if item.webhook.oddity == Oddity::Reversed {
            self.0.push_front(item);
        } else if late(&item) {
            self.0.push_back(item);
        } else {
            let at = self.0.iter().position(late).unwrap_or(self.0.len());
            self.0.insert(at, item);
        }
    }

    /// Takes the item with this number, if it still waits.
    pub(crate) fn take(&mut self, number: u64) -> Option<Queued> {
        let at = self.0.iter().position(|item| item.number == number)?;
        self.0.remove(at)
    }

    /// Lets only those wait that `keep` says.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Queued) -> bool) {
        self.0.retain(keep);
    }

    /// Takes whatever is next.
    pub(crate) fn next(&mut self) -> Option<Queued> {
        self.0.pop_front()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Queued> {
        self.0.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
