//! Levers on what Mono does in the background.

use super::Refusal;
use crate::{
    Simulator,
    world::job::{Job, JobEnd, JobKind},
};

impl Simulator {
    /// All jobs, oldest first: real-time sessions and products.
    pub fn jobs(&self) -> Vec<Job> {
        self.with(|world| world.jobs.clone())
    }

    /// Ends job `id` as `end` says, in place of how it would have ended by itself. The change is
    /// true at once; webhooks only tell of it. A job that is only said to be `processing` goes on.
    ///
    /// # Errors
    /// [`Refusal`] if there is no such job, it has ended, or it cannot end so.
    pub fn end_job(&self, id: &str, end: impl Into<JobEnd>) -> Result<Job, Refusal> {
        self.act(|world| world.end_job(id, end.into()))
    }

    /// The same for the newest job of `kind` that runs for account `account`.
    ///
    /// # Errors
    /// [`Refusal`] if none runs, or it cannot end so.
    pub fn end_running_job(
        &self,
        account: &str,
        kind: JobKind,
        end: impl Into<JobEnd>,
    ) -> Result<Job, Refusal> {
        self.act(|world| {
            let id = world.running(account, kind)?;
            world.end_job(&id, end.into())
        })
    }
}
