//! Fetching again: real-time sessions.
//!
//! Source: Mono docs, "Real-Time Data", 2026-03-10.

use chrono::Duration;

use super::{
    World,
    job::{Job, JobKind, JobOutcome, JobState},
};
use crate::{
    behaviour::{JobWords, Realtime},
    clock::now,
    webhooks::{
        Kind, Variant, Webhook,
        queue::{Effect, Queued},
    },
};

/// What a real-time read says besides its body.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) job: String,
    pub(crate) state: JobState,
    pub(crate) new_data: bool,
    pub(crate) reauth_required: bool,
}

impl World {
    /// Opens a real-time session of `kind` for account `id`, or joins the one that is recent.
    pub(crate) fn realtime(&mut self, id: &str, kind: JobKind) -> Session {
        if let Some(job) = self.recent_session(id) {
            let (job, state) = (job.id.clone(), job.state);
            let reauth_required = self.needs_reauth(id) && state == JobState::Failed;
            return Session { job, state, new_data: false, reauth_required };
        }
        let outcome = match self.behaviour.realtime {
            Realtime::Finished | Realtime::NothingNew | Realtime::Enqueued | Realtime::Failed
                if self.needs_reauth(id) =>
            {
                JobOutcome::ReauthorisationRequired
            }
            Realtime::Finished => JobOutcome::Finished,
            Realtime::NothingNew => JobOutcome::NothingNew,
            Realtime::Enqueued => JobOutcome::Processing,
            Realtime::Failed => JobOutcome::Failed,
        };
        let job = self.begin(id, kind, None);
        let new_data = if outcome == JobOutcome::Processing {
            if !self.behaviour.hold_jobs {
                self.end_later(&job);
            }
            false
        } else {
            self.end_session(&job, outcome, false)
        };
        Session {
            job: job.id,
            state: outcome.state(),
            new_data,
            reauth_required: outcome == JobOutcome::ReauthorisationRequired,
        }
    }

    pub(crate) fn needs_reauth(&self, id: &str) -> bool {
        self.account(id).is_some_and(|account| account.needs_reauth)
    }

    fn recent_session(&self, id: &str) -> Option<&Job> {
        let every = i64::try_from(self.behaviour.realtime_every_ms).unwrap_or(i64::MAX);
        let every = Duration::try_milliseconds(every).unwrap_or(Duration::MAX);
        let now = now();
        self.jobs.iter().rev().find(|job| {
            job.account == id && job.kind.is_session() && !job.over && now - job.started_at < every
        })
    }

    /// Begins a job.
    pub(crate) fn begin(&mut self, id: &str, kind: JobKind, months: Option<u32>) -> Job {
        let job = Job {
            id: self.fresh_id(),
            account: id.to_owned(),
            kind,
            state: JobState::Processing,
            months,
            polls: 0,
            started_at: now(),
            ended_at: None,
            over: false,
        };
        self.jobs.push(job.clone());
        job
    }

    /// Ends a real-time session now and queues its webhooks. Returns whether anything was new.
    pub(crate) fn end_session(&mut self, job: &Job, outcome: JobOutcome, silent: bool) -> bool {
        self.close_job(&job.id, outcome.state());
        if outcome == JobOutcome::ReauthorisationRequired
            && let Some(account) = self.account_mut(&job.account)
        {
            account.needs_reauth = true;
        }
        let new = outcome == JobOutcome::Finished && self.fetch_part(&job.account, job.kind);
        if !silent {
            let update = self.job_update(job, outcome);
            self.post(Queued::new(update, Effect::None));
            if let Some(mut updated) = session_updated(job, outcome) {
                updated.has_new_data = new;
                self.post(Queued::new(updated, Effect::None));
            }
        }
        new
    }

    /// Queues the webhooks of a session that runs: it ends with the first, its data comes in with
    /// the second.
    fn end_later(&mut self, job: &Job) {
        let update = self.job_update(job, JobOutcome::Finished);
        self.post(Queued::new(update, Effect::SessionEnds { job: job.id.clone() }));
        let updated = session_updated(job, JobOutcome::Finished);
        let effect = Effect::PartIn { job: job.id.clone(), kind: job.kind };
        self.post_all(updated, effect);
    }

    fn post_all(&mut self, webhook: Option<Webhook>, effect: Effect) {
        if let Some(webhook) = webhook {
            self.post(Queued::new(webhook, effect));
        }
    }

    /// Notes that job `id` is in `state`.
    pub(crate) fn close_job(&mut self, id: &str, state: JobState) {
        if let Some(job) = self.jobs.iter_mut().find(|job| job.id == id) {
            job.state = state;
            job.ended_at = (state != JobState::Processing).then(now);
        }
    }

    /// `mono.accounts.jobs.update` in the words that are in use.
    pub(crate) fn job_update(&self, job: &Job, outcome: JobOutcome) -> Webhook {
        let (variant, capitals) = match self.behaviour.job_words {
            JobWords::Documented => (Variant::Old, false),
            JobWords::Changelog => (Variant::A, true),
            JobWords::Object => (Variant::B, true),
        };
        let status = match (capitals, outcome) {
            (false, outcome) => outcome.state().as_str(),
            (true, JobOutcome::Finished | JobOutcome::NothingNew) => "SUCCESSFUL",
            (true, JobOutcome::Failed) => "FAILED",
            (true, JobOutcome::ReauthorisationRequired) => "REAUTHORISATION_REQUIRED",
            (true, JobOutcome::Processing) => "RUNNING",
        };
        let about = Webhook::new(Kind::JobUpdate, &job.account).variant(variant);
        about.sync_status(status).job_id(&job.id)
    }

    /// Lets what a real-time read of `kind` asks for come in. Returns whether it did.
    pub(crate) fn fetch_part(&mut self, id: &str, kind: JobKind) -> bool {
        let now = now();
        let Some(at) = self.accounts.iter().position(|each| each.id == id) else {
            return false;
        };
        let part = if kind == JobKind::Balance { "balance" } else { "transactions" };
        let account = &mut self.accounts[at];
        account.fetched_part(part);
        account.updated_at = now;
        if !account.holds(part) {
            return false;
        }
        account.receive(&mut self.mint, now);
        true
    }
}

/// `account_updated` after a session that ended so; none while it runs.
fn session_updated(job: &Job, outcome: JobOutcome) -> Option<Webhook> {
    let updated = Webhook::new(Kind::AccountUpdated, &job.account).job_id(&job.id);
    match outcome {
        JobOutcome::Finished | JobOutcome::NothingNew => Some(updated.sync_status("SUCCESSFUL")),
        JobOutcome::Failed => Some(updated.sync_status("FAILED")),
        JobOutcome::ReauthorisationRequired => {
            Some(updated.sync_status("REAUTHORISATION_REQUIRED"))
        }
        JobOutcome::Processing => None,
    }
}
