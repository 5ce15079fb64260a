//! Fetching again: real-time sessions and the manual sync that came before them.
//!
//! Source: Mono docs, "Real-Time Data", 2026-03-10, and "Manual Data Sync", 2022-05-19.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::World;
use crate::{
    behaviour::{Realtime, SyncCode},
    clock::now,
    webhooks::{
        Kind, Webhook,
        queue::{Effect, Queued},
    },
};

/// A real-time session.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) name: &'static str,
    /// `processing`, `finished` or `failed`.
    pub(crate) status: &'static str,
    started_at: DateTime<Utc>,
    /// Whether a re-authorisation has made it old: the next read starts another.
    pub(crate) over: bool,
}

/// What a real-time read says besides its body.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) job: String,
    pub(crate) status: &'static str,
    pub(crate) new_data: bool,
    pub(crate) reauth_required: bool,
}

impl World {
    /// Opens a real-time session for `part` of account `id`, or joins the one that is recent.
    pub(crate) fn realtime(&mut self, id: &str, part: &str) -> Session {
        let reauth_required = self.account(id).is_some_and(|account| account.needs_reauth);
        if let Some(job) = self.recent_job(id) {
            return Session {
                job: job.id.clone(),
                status: job.status,
                new_data: false,
                reauth_required,
            };
        }
        let (status, new_data) = match self.behaviour.realtime {
            Realtime::Finished | Realtime::NothingNew | Realtime::Enqueued | Realtime::Failed
                if reauth_required =>
            {
                ("failed", false)
            }
            Realtime::Failed => ("failed", false),
            Realtime::Enqueued => ("processing", false),
            Realtime::NothingNew => ("finished", false),
            Realtime::Finished => ("finished", self.fetch_part(id, part)),
        };
        let job = self.mint.id();
        let name = match part {
            "balance" => "jobs.accounts.sync_balance",
            _ => "jobs.accounts.sync_statement",
        };
        self.jobs.push(Job {
            id: job.clone(),
            account: id.to_owned(),
            name,
            status,
            started_at: now(),
            over: false,
        });
        self.tell_of(id, &job, status, new_data, reauth_required);
        Session { job, status, new_data, reauth_required }
    }

    fn recent_job(&self, id: &str) -> Option<&Job> {
        let every = i64::try_from(self.behaviour.realtime_every_ms).unwrap_or(i64::MAX);
        let every = Duration::try_milliseconds(every).unwrap_or(Duration::MAX);
        let now = now();
        self.jobs
            .iter()
            .rev()
            .find(|job| job.account == id && !job.over && now - job.started_at < every)
    }

    fn fetch_part(&mut self, id: &str, part: &str) -> bool {
        let now = now();
        let Some(at) = self.accounts.iter().position(|each| each.id == id) else {
            return false;
        };
        let account = &mut self.accounts[at];
        account.fetched_part(part);
        account.updated_at = now;
        account.receive(&mut self.mint, now);
        true
    }

    /// Queues the webhooks of a session: its job, then the account.
    fn tell_of(&mut self, id: &str, job: &str, status: &'static str, new: bool, reauth: bool) {
        let about = |kind| Webhook { job_id: Some(job.to_owned()), ..Webhook::new(kind, id) };
        let later = status == "processing";
        let end = if later { "finished" } else { status };
        let ends = Effect::JobEnds { job: job.to_owned(), status: end };
        self.post(Queued::new(about(Kind::JobUpdate).sync_status(end), ends));
        let mut updated = about(Kind::AccountUpdated);
        updated.has_new_data = new;
        if reauth {
            updated = updated.sync_status("REAUTHORISATION_REQUIRED");
        } else if status == "failed" {
            updated = updated.sync_status("FAILED");
        }
        let effect =
            if later { Effect::DataIn { status: None, fresh: true } } else { Effect::None };
        self.post(Queued::new(updated, effect));
    }

    /// Syncs account `id` by hand and returns the flat body that says how it went.
    pub(crate) fn sync(&mut self, id: &str) -> Value {
        let needs_reauth = self.account(id).is_some_and(|account| account.needs_reauth);
        let code = match self.behaviour.sync_code {
            Some(code) => code,
            None if needs_reauth => SyncCode::ReauthorisationRequired,
            None => SyncCode::SyncSuccessful,
        };
        let (status, message) = match code {
            SyncCode::SyncSuccessful | SyncCode::SyncedSuccessful => {
                let new = self.data_in(id, None, true);
                let updated =
                    Webhook { has_new_data: new, ..Webhook::new(Kind::AccountUpdated, id) };
                self.post(Queued::new(updated, Effect::None));
                return json!({
                    "status": "successful", "hasNewData": new, "code": code, "message": null,
                });
            }
            SyncCode::ReauthorisationRequired => {
                self.announce(Kind::ReauthorisationRequired, id);
                ("failed", "Reauthorisation is required for this account")
            }
            SyncCode::SyncError => ("failed", "The account could not be synced, try again later"),
            SyncCode::IncompleteStatementError => {
                ("failed", "The bank returned fewer transactions than before")
            }
        };
        json!({ "status": status, "hasNewData": false, "code": code, "message": message })
    }
}
