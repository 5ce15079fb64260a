//! What Mono is asked to do for an account that outlasts the asking: refreshes, statements,
//! assessments.

pub mod graphql;
pub mod result;
pub mod service;

use std::sync::Arc;

use crate::{
    clock::{Time, rfc3339},
    error::{ApiError, ErrorCode},
    handover::HandoverError,
    lifecycle::{service::RecordError, store::StoreError},
    mono::MonoError,
};

/// A job cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JobError {
    /// No such account, or not the caller's.
    #[error("there is no such account")]
    UnknownAccount,
    /// No such job, or not the caller's.
    #[error("there is no such job")]
    UnknownJob,
    /// Not a key.
    #[error(transparent)]
    Handover(#[from] HandoverError),
    /// Not a number of months.
    #[error("months is a number from 1 to 12")]
    BadMonths,
    /// Not a loan.
    #[error("{0}")]
    BadLoan(&'static str),
    /// Mono takes one refresh of an account for all others for a while.
    #[error("this account was refreshed a short while ago; it can be again at {}", rfc3339(*.at))]
    TooSoon {
        /// When it can be again.
        at: Time,
        /// How long that is from now, in milliseconds.
        retry_after_ms: u64,
    },
    /// The key was used with other arguments.
    #[error("the idempotencyKey was used for another request; use one of its own for each")]
    KeyReused,
    /// One of this kind runs for other arguments.
    #[error("another job of this kind runs for this account; ask again once it has ended")]
    UnderWay,
    /// It is not a statement.
    #[error("this job makes no statement; takeStatement is for jobs of the kind STATEMENT")]
    NoStatement,
    /// It is not there yet, or will not be.
    #[error("the statement is not there; its link can be taken once the job is FINISHED")]
    NotReady,
    /// It was handed on, or its time is up.
    #[error("the link was handed on before or its hour is up; request the statement again")]
    Taken,
    /// The work ended before the answer came.
    #[error("the gateway stops")]
    Stopped,
    /// The same request came before, and got this.
    #[error("the request with this idempotencyKey failed: {1}")]
    OtherFailed(ErrorCode, String),
    /// The same request came before, and Mono did not begin for a reason that passes.
    #[error(
        "Mono did not begin with the request that was under way by this idempotencyKey: {1}; ask again"
    )]
    OtherNotTaken(ErrorCode, String),
    /// The same request came before, and it is not known what became of it.
    #[error("the gateway stopped before it heard Mono's answer to this request; ask again")]
    Interrupted,
    /// Mono failed.
    #[error("Mono did not take the request")]
    Mono(#[source] MonoError),
    /// Too much is waiting.
    #[error("the gateway has more to write than it can")]
    Busy,
    /// The database failed.
    #[error("a job cannot be read or written")]
    Store(#[source] Arc<StoreError>),
}

impl JobError {
    /// When it is worth asking again, in milliseconds from now.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        if let Self::TooSoon { retry_after_ms, .. } = self { Some(*retry_after_ms) } else { None }
    }
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<RecordError> for JobError {
    fn from(error: RecordError) -> Self {
        match error {
            // Of a reference no job has any.
            RecordError::Busy | RecordError::ReferenceInUse => Self::Busy,
            RecordError::KeyReused => Self::KeyReused,
            RecordError::Store(error) => Self::Store(error),
        }
    }
}

impl From<JobError> for ApiError {
    fn from(error: JobError) -> Self {
        match error {
            JobError::UnknownAccount | JobError::UnknownJob => {
                Self::shown(ErrorCode::NotFound, &error)
            }
            JobError::Handover(error) => error.into(),
            // The key stands for this answer.
            JobError::OtherFailed(code, _) => Self::shown(code, &error).for_good(),
            JobError::OtherNotTaken(code, _) => Self::shown(code, &error),
            JobError::Interrupted => Self::shown(ErrorCode::UpstreamUnavailable, &error),
            JobError::BadMonths
            | JobError::BadLoan(_)
            | JobError::TooSoon { .. }
            | JobError::KeyReused
            | JobError::UnderWay
            | JobError::NoStatement
            | JobError::NotReady
            | JobError::Taken => Self::shown(ErrorCode::BadUserInput, &error),
            JobError::Mono(MonoError::NotFound) => {
                Self::shown(ErrorCode::NotFound, &JobError::UnknownAccount)
            }
            JobError::Mono(error) => error.into(),
            JobError::Stopped => Self::shown(ErrorCode::UpstreamUnavailable, &error),
            JobError::Busy => Self::shown(ErrorCode::Overloaded, &error).after_ms(Some(1000)),
            JobError::Store(error) => error.into(),
        }
    }
}
