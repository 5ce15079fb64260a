//! A webhook's turn: what it announces becomes true, and it is written down to be sent.

use serde_json::{Value, json};

use super::{
    World,
    account::Account,
    job::{JobOutcome, JobState},
    status::DataStatus,
};
use crate::{
    clock::{iso, now},
    shape::Era,
    webhooks::{
        Oddity, Webhook,
        payload::{self, Context},
        queue::{Delivery, Effect, Letter, Queued},
    },
};

impl World {
    /// Takes the turn of `item`: its effect, its log entries, and a letter for each copy that is
    /// to be sent.
    pub(crate) fn turn(&mut self, item: Queued) -> Vec<(u64, Option<Letter>)> {
        let Queued { mut webhook, effect, copies, lost, caused_at, .. } = item;
        self.apply(&effect, &mut webhook);
        let event_id = webhook.event_id.clone().unwrap_or_else(|| self.new_event_id());
        let job_id = webhook.job_id.clone().unwrap_or_else(|| self.fresh_id());
        let account = self.account_or_stranger(webhook.account.as_deref().unwrap_or_default());
        let context = Context {
            era: self.era,
            sandbox: self.behaviour.sandbox_prefix.unwrap_or(self.era != Era::V2_2026),
            account: &account,
            event_id: &event_id,
            job_id: &job_id,
            job: self.jobs.iter().find(|job| job.id == job_id),
            now: iso(caused_at.unwrap_or_else(now)),
        };
        let mut body = payload::body(&webhook, &context);
        if webhook.oddity == Oddity::NoEventId
            && let Some(fields) = body.as_object_mut()
        {
            fields.remove("event_id");
        }
        (0..copies).map(|_| self.log(&webhook, &body, lost)).collect()
    }

    /// An id that no event had before, in no earlier run either: receivers remember them.
    fn new_event_id(&mut self) -> String {
        let drawn = self.mint.token(20);
        format!("{}{:x}", &drawn[..9], now().timestamp_millis())
    }

    /// An id that nothing had before, in no earlier run either. What the seed makes keeps its id.
    pub(crate) fn fresh_id(&mut self) -> String {
        let drawn = self.mint.id();
        format!("{}{:011x}", &drawn[..13], now().timestamp_millis() & 0xfff_ffff_ffff)
    }

    /// The log entry of delivery `number`; none if the world was reset since.
    pub(crate) fn delivery(&mut self, number: u64) -> Option<&mut Delivery> {
        let at = self.deliveries.binary_search_by_key(&number, |each| each.number).ok()?;
        self.deliveries.get_mut(at)
    }

    fn log(&mut self, webhook: &Webhook, body: &Value, lost: bool) -> (u64, Option<Letter>) {
        let number = self.number();
        let mut text = body.to_string();
        if webhook.oddity == Oddity::Garbage {
            text.truncate(text.len() / 2);
        }
        let url = self.webhook_url.clone();
        self.deliveries.push(Delivery {
            number,
            kind: webhook.kind,
            account: webhook.account.clone(),
            event_id: body["event_id"].as_str().map(str::to_owned),
            body: serde_json::from_str(&text).unwrap_or_else(|_| json!(text)),
            url: url.clone(),
            tries: 0,
            last_status: None,
            acknowledged: false,
            lost,
            at: now(),
        });
        let secret = match webhook.oddity {
            Oddity::WrongSecret => format!("not-{}", self.webhook_secret),
            Oddity::None
            | Oddity::Duplicate
            | Oddity::Reversed
            | Oddity::Late
            | Oddity::Lost
            | Oddity::NoEventId
            | Oddity::Garbage => self.webhook_secret.clone(),
        };
        let letter =
            url.filter(|_| !lost).map(|url| Letter { delivery: number, url, secret, body: text });
        (number, letter)
    }

    fn apply(&mut self, effect: &Effect, webhook: &mut Webhook) {
        let id = webhook.account.clone().unwrap_or_default();
        match effect {
            Effect::None => {}
            Effect::SessionEnds { job } => {
                let Some(job) = self.jobs.iter().find(|each| each.id == *job).cloned() else {
                    return;
                };
                let outcome = if self.needs_reauth(&id) {
                    JobOutcome::ReauthorisationRequired
                } else {
                    JobOutcome::Finished
                };
                self.close_job(&job.id, outcome.state());
                webhook.sync_status = self.job_update(&job, outcome).sync_status;
            }
            Effect::PartIn { kind, .. } if !self.needs_reauth(&id) => {
                webhook.has_new_data |= self.fetch_part(&id, *kind);
            }
            Effect::PartIn { .. } => {
                webhook.sync_status = Some("REAUTHORISATION_REQUIRED".to_owned());
            }
            Effect::ProductEnds { job } => self.end_product(job, JobState::Finished),
            Effect::DataIn { status, fresh } => {
                webhook.has_new_data |= self.data_in(&id, status.clone(), *fresh);
            }
        }
    }

    /// Lets data of account `id` come in and end in `status`, with a new transaction if `fresh`.
    /// Returns whether there is anything new.
    pub(crate) fn data_in(&mut self, id: &str, status: Option<DataStatus>, fresh: bool) -> bool {
        let Some(at) = self.accounts.iter().position(|each| each.id == id) else {
            return false;
        };
        let now = now();
        let account: &mut Account = &mut self.accounts[at];
        account.updated_at = now;
        match status {
            Some(status) => account.enter(status, None),
            None => account.fetched(),
        }
        let new = fresh && account.holds("balance");
        if new {
            account.receive(&mut self.mint, now);
        }
        new
    }
}
