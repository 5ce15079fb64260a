//! Linking a customer's bank account, and forgetting one: what may be asked for.

pub mod graphql;
pub mod service;

use std::sync::Arc;

use crate::{
    error::{ApiError, ErrorCode},
    handover::HandoverError,
    ids::LinkId,
    lifecycle::{service::RecordError, store::StoreError},
    mono::MonoError,
};

/// A link cannot be had, used or ended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LinkError {
    /// No such account, or not the caller's.
    #[error("there is no such account")]
    UnknownAccount,
    /// No such session, or not the caller's.
    #[error("there is no such link session")]
    UnknownSession,
    /// What goes along cannot be taken.
    #[error(transparent)]
    Handover(#[from] HandoverError),
    /// Somebody else's.
    #[error("there is no such customer of yours; give a name and an email address")]
    UnknownCustomer,
    /// Nobody that Mono could know.
    #[error("customer needs an id of Mono's, or a name and an email address")]
    Customer,
    /// Not a text that Mono would take.
    #[error("{0} has 1 to {1} characters, none of them a control character")]
    Text(&'static str, usize),
    /// Not a bank verification number.
    #[error("bvn has 11 digits")]
    Bvn,
    /// Nothing to compare with.
    #[error("checkAccountMatch needs institution.accountNumber, which is what Mono compares with")]
    NothingToMatch,
    /// A session and a reference that are not one's.
    #[error("give linkId or reference, not both")]
    TwoSessions,
    /// The reference names another session.
    #[error("the reference is in use by another session; choose another, or leave it out")]
    ReferenceInUse,
    /// The idempotency key stands for something else.
    #[error("the idempotency key was used for another request; choose another")]
    KeyReused,
    /// Mono does not take the code.
    #[error("Mono does not take this code: it is good for 10 minutes; link the account again")]
    InvalidCode,
    /// It has ended otherwise.
    #[error("session {0} cannot be cancelled: the customer has finished, or it has ended")]
    NotActive(LinkId),
    /// The first request with this key failed.
    #[error("the first request with this idempotency key failed: {1}")]
    FirstFailed(ErrorCode, String),
    /// Mono failed.
    #[error("Mono did not do it")]
    Mono(#[source] MonoError),
    /// The gateway stops.
    #[error("the gateway stops")]
    Stopping,
    /// Too much is waiting.
    #[error("the gateway has more to write than it can")]
    Busy,
    /// The database failed.
    #[error("a link session cannot be read or written")]
    Store(#[source] Arc<StoreError>),
}

impl From<StoreError> for LinkError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<RecordError> for LinkError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Busy => Self::Busy,
            RecordError::ReferenceInUse => Self::ReferenceInUse,
            RecordError::KeyReused => Self::KeyReused,
            RecordError::Store(error) => Self::Store(error),
        }
    }
}

impl From<LinkError> for ApiError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::UnknownAccount | LinkError::UnknownSession | LinkError::UnknownCustomer => {
                Self::shown(ErrorCode::NotFound, &error)
            }
            LinkError::Handover(error) => error.into(),
            LinkError::Customer
            | LinkError::Text(..)
            | LinkError::Bvn
            | LinkError::NothingToMatch
            | LinkError::TwoSessions
            | LinkError::ReferenceInUse
            | LinkError::KeyReused
            | LinkError::InvalidCode
            | LinkError::NotActive(_) => Self::shown(ErrorCode::BadUserInput, &error),
            LinkError::FirstFailed(code, _) => Self::shown(code, &error),
            LinkError::Mono(error) => error.into(),
            LinkError::Stopping => Self::shown(ErrorCode::Overloaded, &error),
            LinkError::Busy => Self::shown(ErrorCode::Overloaded, &error).after_ms(Some(1000)),
            LinkError::Store(error) => error.into(),
        }
    }
}
