//! Tells a kept delivery again, as today's code understands it.
//!
//! The old row stays as it is: a replay is a delivery of its own, without a body of its own. What
//! was removed from the body is missing to the replay as well; where that would matter it is refused.

use std::sync::Arc;

use super::{
    decode,
    events::{BodyError, BodyState, Events},
};
use crate::{
    error::{ApiError, ErrorCode},
    ids::{AccountId, EventId},
    lifecycle::{
        fact::What,
        job::{JobNews, Personal},
        service::RecordError,
        store::{Delivery, Outcome, StoreError, deliveries::KeptDelivery},
    },
};

/// A webhook cannot be replayed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReplayError {
    /// No such webhook.
    #[error("there is no such webhook")]
    Unknown,
    /// Nothing is kept of its body.
    #[error("nothing is kept of its body, so there is nothing to replay")]
    BodyRemoved,
    /// What it told of a job's result was removed.
    #[error(
        "what the job brought was removed from its body when it came; ask for the job again, and set GATEWAY_DATA_KEY to keep bodies whole"
    )]
    BodyRedacted,
    /// Its body is sealed with another key.
    #[error(
        "its body is sealed with a key that this gateway does not have; add that key to GATEWAY_DATA_KEY"
    )]
    BodySealed,
    /// Its body was changed.
    #[error("its body does not open")]
    BodyDamaged(#[source] BodyError),
    /// Too much is waiting.
    #[error("the gateway has more to write than it can")]
    Busy,
    /// The database failed.
    #[error("the log of webhooks cannot be read or written")]
    Store(#[source] Arc<StoreError>),
}

impl From<StoreError> for ReplayError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<BodyError> for ReplayError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Sealed(..) => Self::BodyDamaged(error),
            BodyError::Store(error) => Self::Store(error),
        }
    }
}

impl From<RecordError> for ReplayError {
    fn from(error: RecordError) -> Self {
        match error {
            // A delivery has no reference of a session's, and no key.
            RecordError::Busy | RecordError::ReferenceInUse | RecordError::KeyReused => Self::Busy,
            RecordError::Store(error) => Self::Store(error),
        }
    }
}

impl From<ReplayError> for ApiError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Unknown => Self::shown(ErrorCode::NotFound, &error),
            ReplayError::BodyRemoved | ReplayError::BodyRedacted | ReplayError::BodySealed => {
                Self::shown(ErrorCode::BadUserInput, &error)
            }
            ReplayError::Busy => Self::shown(ErrorCode::Overloaded, &error).after_ms(Some(1000)),
            ReplayError::BodyDamaged(_) => Self::hidden(error),
            ReplayError::Store(error) => error.into(),
        }
    }
}

/// A replay that was recorded.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The id of the replay.
    pub id: EventId,
    /// What became of it.
    pub outcome: Outcome,
    /// The account whose details would show which link session it came by.
    pub unproven: Option<AccountId>,
}

impl Events {
    /// Replays a webhook, or what it is itself a replay of. When this returns `Ok` the replay is on the
    /// disk with all that it changed.
    ///
    /// # Errors
    /// [`ReplayError`]; then nothing of it was recorded.
    pub async fn replay(&self, id: EventId) -> Result<Replayed, ReplayError> {
        let named = self.find(id).await?.ok_or(ReplayError::Unknown)?;
        let event = match named.replay_of {
            Some(original) => self.find(original).await?.ok_or(ReplayError::BodyRemoved)?,
            None => named,
        };
        let is_whole = match self.state(&event) {
            BodyState::Whole => true,
            BodyState::Redacted => false,
            BodyState::Sealed => return Err(ReplayError::BodySealed),
            BodyState::Removed => return Err(ReplayError::BodyRemoved),
        };
        let body = self.body(&event).await?.ok_or(ReplayError::BodyRemoved)?;
        let lifecycle = self.lifecycle();
        let mut decoded = decode(&body, lifecycle.recogniser());
        if let Some(what) = &mut decoded.what {
            as_it_came(what, &event, is_whole)?;
        }
        let received_at = lifecycle.clock().now();
        let replay = Delivery {
            id: EventId::new(received_at),
            event: decoded.event,
            mono_event_id: decoded.mono_event_id,
            account: decoded.account.clone(),
            digest: event.digest.clone(),
            body: Vec::new(),
            received_at,
            replay_of: Some(event.id),
        };
        let (id, original) = (replay.id, event.id);
        let what = decoded.account.zip(decoded.what);
        let came_at = event.received_at;
        let done = lifecycle.record_replay(replay, came_at, what, decoded.otherwise).await?;
        let outcome = done.outcome.as_str();
        metrics::counter!("mono_gateway_webhook_replays_total", "outcome" => outcome).increment(1);
        tracing::info!(%id, %original, outcome, "a webhook was replayed");
        Ok(Replayed { id, outcome: done.outcome, unproven: done.unproven })
    }
}

/// Copies are known by the body as it came, of which some may be removed by now.
fn as_it_came(what: &mut What, event: &KeptDelivery, is_whole: bool) -> Result<(), ReplayError> {
    let came = &event.digest;
    if let What::Updated(update) = what {
        update.digest.clone_from(came);
    } else if let What::Required { digest, .. } | What::SyncFailed { digest, .. } = what {
        digest.clone_from(came);
    } else if let What::Job(JobNews::Told { digest, result, .. }) = what {
        digest.clone_from(came);
        if *result != Personal(None) && !is_whole {
            return Err(ReplayError::BodyRedacted);
        }
    }
    Ok(())
}
