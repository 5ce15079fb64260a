//! The products that take a while: each is a job that ends with its webhook, and a lever that ends
//! any job otherwise.

use super::{
    World,
    job::{Job, JobEnd, JobKind, JobOutcome, JobState},
};
use crate::{
    control::Refusal,
    webhooks::{
        Kind, Webhook,
        queue::{Effect, Queued},
    },
};

impl World {
    /// Whether a product that ends by webhook can be started: somebody has to hear of its end.
    pub(crate) fn hears(&self) -> bool {
        self.webhook_url.is_some() && !self.behaviour.no_webhook_found
    }

    /// Starts a product for account `id`, which ends with its webhook unless jobs are held.
    pub(crate) fn start(&mut self, id: &str, kind: JobKind, months: Option<u32>) -> Job {
        let job = self.begin(id, kind, months);
        if let Some(webhook) = ended(&job, JobOutcome::Finished)
            && !self.behaviour.hold_jobs
        {
            let ends = Effect::ProductEnds { job: job.id.clone() };
            self.post(Queued::new(webhook, ends));
        }
        job
    }

    /// Ends job `id` now, as `end` says.
    ///
    /// # Errors
    /// [`Refusal`] if there is no such job, it has ended, or it cannot end so.
    pub(crate) fn end_job(&mut self, id: &str, end: JobEnd) -> Result<Job, Refusal> {
        let unknown = || {
            Refusal::NotFound(format!("no job has the id `{id}`; GET /_simulator/state lists them"))
        };
        let job = self.jobs.iter().find(|job| job.id == id).cloned().ok_or_else(unknown)?;
        if job.state != JobState::Processing {
            let state = job.state.as_str();
            return Err(Refusal::Invalid(format!("the job `{id}` is {state} already")));
        }
        let session = job.kind.is_session();
        if !session && end.outcome == JobOutcome::ReauthorisationRequired {
            let message = "`reauthorisation_required` is for real-time sessions; take `failed`";
            return Err(Refusal::Invalid(message.to_owned()));
        }
        if end.outcome == JobOutcome::Processing {
            if session && !end.silent {
                let update = self.job_update(&job, JobOutcome::Processing);
                self.post(Queued::new(update, Effect::None));
            }
            return Ok(job);
        }
        // What it would have said by itself.
        self.queue.retain(|item| !item.effect.ends(id));
        if session {
            self.end_session(&job, end.outcome, end.silent);
        } else {
            self.end_product(id, end.outcome.state());
            if let Some(webhook) = ended(&job, end.outcome).filter(|_| !end.silent) {
                self.post(Queued::new(webhook, Effect::None));
            }
        }
        self.jobs.iter().find(|job| job.id == id).cloned().ok_or_else(unknown)
    }

    /// The newest job of `kind` about account `id` that still runs.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if none runs.
    pub(crate) fn running(&self, id: &str, kind: JobKind) -> Result<String, Refusal> {
        let fits =
            |job: &&Job| job.account == id && job.kind == kind && job.state == JobState::Processing;
        let none = || {
            Refusal::NotFound(format!(
                "no job of kind {kind:?} runs for the account `{id}`; `hold_jobs` lets them wait"
            ))
        };
        self.jobs.iter().rev().find(fits).map(|job| job.id.clone()).ok_or_else(none)
    }

    /// Notes that the product of job `id` is done, and what it changes.
    pub(crate) fn end_product(&mut self, id: &str, state: JobState) {
        self.close_job(id, state);
        let Some(job) = self.jobs.iter().find(|job| job.id == id).cloned() else {
            return;
        };
        if job.kind == JobKind::Categorisation
            && state == JobState::Finished
            && let Some(account) = self.account_mut(&job.account)
        {
            for transaction in &mut account.transactions {
                transaction.category.get_or_insert_with(|| "transfer".to_owned());
            }
        }
    }
}

/// The webhook of a product that ended so; none for one that has to be polled.
fn ended(job: &Job, outcome: JobOutcome) -> Option<Webhook> {
    let kind = match job.kind {
        JobKind::Income => Kind::AccountIncome,
        JobKind::Creditworthiness => Kind::AccountCreditWorthiness,
        JobKind::Categorisation => Kind::TransactionCategorisation,
        JobKind::Metadata => Kind::TransactionMetadata,
        JobKind::Insights => Kind::StatementInsights,
        JobKind::Balance | JobKind::Transactions | JobKind::Statement => return None,
    };
    let webhook = Webhook::new(kind, &job.account).job_id(&job.id);
    let failed = outcome.state() == JobState::Failed;
    Some(if failed { webhook.sync_status("failed") } else { webhook })
}
