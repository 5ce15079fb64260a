//! Obtaining a customer's consent again: what may be asked for.

pub mod graphql;
pub mod service;

use crate::{
    error::{ApiError, ErrorCode},
    handover::HandoverError,
    ids::ReauthId,
    lifecycle::{service::RecordError, store::StoreError},
    mono::MonoError,
};

/// A re-authorisation cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReauthError {
    /// No such account, or not the caller's.
    #[error("there is no such account")]
    UnknownAccount,
    /// No such session, or not the caller's.
    #[error("there is no such re-authorisation session")]
    UnknownSession,
    /// What goes along cannot be taken.
    #[error(transparent)]
    Handover(#[from] HandoverError),
    /// The idempotency key stands for something else.
    #[error("the idempotency key was used for another request; choose another")]
    KeyReused,
    /// The reference names another session.
    #[error("the reference is in use by another session; choose another, or leave it out")]
    ReferenceInUse,
    /// Mono will not, or we were told to forget the account.
    #[error("this account can not be re-authorised; link it again instead")]
    NotReauthorisable,
    /// It has ended otherwise.
    #[error("session {0} cannot be cancelled: the customer has finished, or it has ended")]
    NotActive(ReauthId),
    /// Another request was asking Mono for the same, and got this.
    #[error("the request that was under way for this account failed: {1}")]
    OtherFailed(ErrorCode, String),
    /// Mono failed.
    #[error("Mono did not give a link")]
    Mono(#[source] MonoError),
    /// Too much is waiting.
    #[error("the gateway has more to write than it can")]
    Busy,
    /// The database failed.
    #[error("a session cannot be read or written")]
    Store(#[source] std::sync::Arc<StoreError>),
}

impl From<StoreError> for ReauthError {
    fn from(error: StoreError) -> Self {
        Self::Store(std::sync::Arc::new(error))
    }
}

impl From<RecordError> for ReauthError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Busy => Self::Busy,
            RecordError::ReferenceInUse => Self::ReferenceInUse,
            RecordError::KeyReused => Self::KeyReused,
            RecordError::Store(error) => Self::Store(error),
        }
    }
}

impl From<ReauthError> for ApiError {
    fn from(error: ReauthError) -> Self {
        match error {
            ReauthError::UnknownAccount | ReauthError::UnknownSession => {
                Self::shown(ErrorCode::NotFound, &error)
            }
            ReauthError::Handover(error) => error.into(),
            ReauthError::KeyReused | ReauthError::ReferenceInUse | ReauthError::NotActive(_) => {
                Self::shown(ErrorCode::BadUserInput, &error)
            }
            ReauthError::NotReauthorisable => Self::shown(ErrorCode::UpstreamRejected, &error),
            ReauthError::OtherFailed(code, _) => Self::shown(code, &error),
            ReauthError::Mono(MonoError::NotFound) => {
                Self::shown(ErrorCode::NotFound, &ReauthError::UnknownAccount)
            }
            ReauthError::Mono(error) => error.into(),
            ReauthError::Busy => Self::shown(ErrorCode::Overloaded, &error).after_ms(Some(1000)),
            ReauthError::Store(error) => error.into(),
        }
    }
}
