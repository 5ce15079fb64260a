//! Asks Mono after jobs that run: what is due of them when no webhook came.

use super::{
    deadlines::{Asked, look},
    fact::{JobWord, What},
    job::{Job, JobKind, JobNews, JobStage, Personal},
    service::{Lifecycle, RecordError},
};
use crate::mono::{Client, MonoError, jobs::PdfState};

/// Asks Mono how this job stands, or looks at what a refresh brought, and records it. If Mono is
/// not asked nothing is recorded, unless the job's time is up.
///
/// # Errors
/// [`RecordError`]; then it stays due.
pub(super) async fn ask_after(
    lifecycle: &Lifecycle,
    mono: &Client,
    job: &Job,
) -> Result<Asked, RecordError> {
    let runs = matches!(job.stage, JobStage::Processing { .. });
    let (word, result) = match job.kind {
        JobKind::Refresh if runs && job.mono_job.is_some() => (refresh(mono, job).await, None),
        JobKind::Refresh => (look_at(lifecycle, mono, job).await?, None),
        JobKind::Statement => match statement(mono, job).await {
            Ok((word, url)) => (Ok(Some(word)), url),
            Err(error) => (Err(error), None),
        },
        JobKind::Categorisation => (enrichment(mono, job).await, None),
        // Only a webhook tells of these.
        JobKind::Income | JobKind::Creditworthiness => (Ok(None), None),
    };
    if matches!(word, Err(MonoError::NotAsked { .. })) && !job.is_overdue(lifecycle.clock().now()) {
        return Ok(Asked::MonoIsDown);
    }
    if let Err(error) = &word {
        tracing::info!(account = %job.account, job = %job.id, %error, "Mono does not say how a job stands");
    }
    let word = word.ok().flatten();
    let news = JobNews::Polled { id: job.id, word, result: Personal(result) };
    lifecycle.record(job.account.clone(), What::Job(news)).await?;
    Ok(Asked::Yes)
}

/// Looks at what a refresh brought. A look that fails otherwise is none.
async fn look_at(
    lifecycle: &Lifecycle,
    mono: &Client,
    job: &Job,
) -> Result<Result<Option<JobWord>, MonoError>, RecordError> {
    let asked_at = lifecycle.clock().now();
    match mono.account(&job.account).await {
        Ok(details) => {
            let shown = look(lifecycle.recogniser(), &job.account, &details, asked_at, false);
            lifecycle.record(job.account.clone(), What::Looked(shown)).await?;
            Ok(Ok(None))
        }
        Err(error @ MonoError::NotAsked { .. }) => Ok(Err(error)),
        Err(_) => Ok(Ok(None)),
    }
}

async fn refresh(mono: &Client, job: &Job) -> Result<Option<JobWord>, MonoError> {
    let id = job.mono_job.as_deref().unwrap_or_default();
    Ok(JobWord::from_mono(&mono.job_status(&job.account, id).await?))
}

async fn enrichment(mono: &Client, job: &Job) -> Result<Option<JobWord>, MonoError> {
    let id = job.mono_job.as_deref().unwrap_or_default();
    Ok(JobWord::from_mono(&mono.enrichment_status(id).await?))
}

async fn statement(mono: &Client, job: &Job) -> Result<(JobWord, Option<String>), MonoError> {
    let id = job.mono_job.as_deref().unwrap_or_default();
    Ok(match mono.statement_job(&job.account, id).await?.state {
        PdfState::Building => (JobWord::Processing, None),
        PdfState::Built(url) => (JobWord::Finished, Some(url)),
        PdfState::Failed => (JobWord::Failed, None),
    })
}
