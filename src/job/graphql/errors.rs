//! What stands against a job and can be mended by choosing otherwise.

use crate::{
    job::JobError,
    user_error::{
        IdempotencyKeyReusedError, JobUnderWayError, StatementNotReadyError, StatementTakenError,
        SyncTooSoonError, UserError,
    },
};

/// The errors that belong into a payload; the others are the field's own.
pub(super) fn user_error(error: &JobError) -> Option<UserError> {
    let message = error.to_string();
    match error {
        JobError::TooSoon { retry_after_ms, .. } => {
            let retry_after_ms = Some(i32::try_from(*retry_after_ms).unwrap_or(i32::MAX));
            Some(UserError::SyncTooSoon(SyncTooSoonError { message, retry_after_ms }))
        }
        JobError::KeyReused => {
            Some(UserError::IdempotencyKeyReused(IdempotencyKeyReusedError(message)))
        }
        JobError::UnderWay => Some(UserError::JobUnderWay(JobUnderWayError(message))),
        JobError::Taken => Some(UserError::StatementTaken(StatementTakenError(message))),
        JobError::NotReady => Some(UserError::StatementNotReady(StatementNotReadyError(message))),
        JobError::UnknownAccount
        | JobError::UnknownJob
        | JobError::Handover(_)
        | JobError::OtherFailed(..)
        | JobError::OtherNotTaken(..)
        | JobError::Interrupted
        | JobError::BadMonths
        | JobError::BadLoan(_)
        | JobError::NoStatement
        | JobError::Stopped
        | JobError::Mono(_)
        | JobError::Busy
        | JobError::Store(_) => None,
    }
}
