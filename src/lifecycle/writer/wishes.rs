//! Which wishes came to nothing, so that the keys that they came with may be used again.

use sea_orm::DatabaseTransaction;

use crate::lifecycle::{
    AccountState,
    fact::What,
    job::{Job, JobNews, JobStage},
    session::{Session, Stage},
    store::{self, StoreError},
};

/// The ids of what Mono is being asked for in this state, if this may be the end of it.
pub(super) fn asked_for(state: Option<&AccountState>, what: &What) -> Vec<String> {
    let mut ids = Vec::new();
    if let What::LinkRefused { id, .. } = what {
        ids.push(id.to_string());
    }
    if let What::Job(JobNews::Refused { id, .. }) = what {
        ids.push(id.to_string());
    }
    if *what == What::TimePassed
        && let Some(state) = state
    {
        let session = state.session.as_ref().filter(|session| session.stage == Stage::Requested);
        ids.extend(session.map(|session| session.id.to_string()));
        let jobs = state.jobs.iter().filter(|job| job.stage == JobStage::Requested);
        ids.extend(jobs.map(|job| job.id.to_string()));
    }
    ids
}

/// Forgets the keys of those of them of which nothing came: whoever repeats the wish tries again.
pub(super) async fn forget_keys(
    db: &DatabaseTransaction,
    asked_for: &[String],
    state: &AccountState,
) -> Result<(), StoreError> {
    for id in asked_for {
        let is_alive = |session: &Session| session.id.to_string() == *id && session.is_out();
        // What Mono may have begun, or refused for good, stands for its key.
        let stands = |job: &Job| {
            job.id.to_string() == *id && !job.is_interrupted() && !job.is_worth_repeating()
        };
        if !state.session.as_ref().is_some_and(is_alive) && !state.jobs.iter().any(stands) {
            store::keys::forget(db, id).await?;
        }
    }
    Ok(())
}
