//! What subscribers read of a job's event.

use async_graphql::Object;

use super::{ChangeKind, follow::Told};
use crate::{
    account::graphql::Account,
    error::{ApiError, Fallible},
    job::graphql::Job,
    lifecycle::{
        Change, ChangeCause,
        job::{JobKind, JobStatus},
    },
    scalar::DateTime,
};

/// A job was asked for, or moved.
pub(super) struct JobChange(pub(super) Told);

/// A job was asked for, or moved.
#[Object]
impl JobChange {
    /// Where this stands in the log. Pass it as after to hear what comes behind it, each once.
    async fn cursor(&self) -> String {
        self.0.cursor.to_string()
    }

    /// What this event is.
    async fn kind(&self) -> ChangeKind {
        self.0.kind
    }

    /// What the job does; null for RESYNC, and for SNAPSHOT if there is no job.
    async fn job_kind(&self) -> Option<JobKind> {
        let Some(Change::Job { product, .. }) = self.0.change else { return None };
        Some(product)
    }

    /// How far the job was once this happened; null for RESYNC, and for SNAPSHOT if there is no job.
    async fn status(&self) -> Option<JobStatus> {
        let Some(Change::Job { status, .. }) = self.0.change else { return None };
        Some(status)
    }

    /// What caused it; null for SNAPSHOT and RESYNC.
    async fn cause(&self) -> Option<ChangeCause> {
        self.0.cause()
    }

    /// The job as it is when this is told; SNAPSHOT tells the newest of the account.
    async fn job(&self) -> Fallible<Job> {
        let Some(Change::Job { job, .. }) = self.0.change else { return None };
        let lifecycle = self.0.loaders.sources().accounts.lifecycle();
        let found = lifecycle.job(job).await.map_err(ApiError::from).transpose()?;
        Some(found.map(|job| Job::new(job, self.0.loaders.clone())))
    }

    /// The account as it is when this is told; null for RESYNC.
    async fn account(&self) -> Fallible<Account> {
        self.0.account().await.transpose()
    }

    /// When it was recorded, by the gateway's clock.
    async fn occurred_at(&self) -> DateTime {
        DateTime(self.0.at)
    }
}
