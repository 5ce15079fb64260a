//! What went wrong between us and Mono, and whether trying again helps.

use crate::error::{ApiError, ErrorCode};

/// A call to Mono did not bring what it should have.
///
/// Holds nothing that Mono wrote: its texts may repeat a key, a link or personal data.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum MonoError {
    /// 401.
    #[error("Mono refuses the gateway's key; check MONO_SECRET_KEY")]
    Unauthorized,
    /// 404.
    #[error("Mono does not know this")]
    NotFound,
    /// 400, 402, 403, 409, 422 and other 4xx.
    #[error("Mono refuses this request (HTTP {0})")]
    Rejected(u16),
    /// There is nowhere to send the webhook that would tell of the end.
    #[error(
        "Mono has no webhook URL for this app, so it could not tell of the end; set it on Mono's dashboard"
    )]
    NoWebhook,
    /// It can not be re-authorised, in Mono's words.
    #[error("this account can not be re-authorised")]
    NotReauthorisable,
    /// 429.
    #[error("Mono limits the gateway's requests")]
    RateLimited {
        /// When Mono says it is worth trying again, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// 5xx, refused, reset.
    #[error("Mono is not available")]
    Unavailable {
        /// When Mono says it is worth trying again, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// It was not asked: all of it is down, and calls fail at once until it answers again.
    #[error("Mono is not available; it is asked again in a moment")]
    NotAsked {
        /// When it may be asked again, in milliseconds.
        retry_after_ms: u64,
    },
    /// No answer within the deadline.
    #[error("Mono did not answer in time")]
    Timeout,
    /// Undecodable, a redirect, too large, or without what it must have.
    #[error("Mono's answer cannot be used: {0}")]
    BadResponse(&'static str),
}

impl MonoError {
    /// The code that a client reads.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Unauthorized => ErrorCode::UpstreamUnauthorized,
            Self::NotFound => ErrorCode::NotFound,
            Self::Rejected(_) | Self::NoWebhook | Self::NotReauthorisable => {
                ErrorCode::UpstreamRejected
            }
            Self::RateLimited { .. } => ErrorCode::UpstreamRateLimited,
            Self::Unavailable { .. } | Self::NotAsked { .. } => ErrorCode::UpstreamUnavailable,
            Self::Timeout => ErrorCode::UpstreamTimeout,
            Self::BadResponse(_) => ErrorCode::UpstreamBadResponse,
        }
    }
}

impl From<MonoError> for ApiError {
    fn from(error: MonoError) -> Self {
        let retry_after_ms = match error {
            MonoError::RateLimited { retry_after_ms }
            | MonoError::Unavailable { retry_after_ms } => retry_after_ms,
            MonoError::NotAsked { retry_after_ms } => Some(retry_after_ms),
            MonoError::Unauthorized
            | MonoError::NotFound
            | MonoError::Rejected(_)
            | MonoError::NoWebhook
            | MonoError::NotReauthorisable
            | MonoError::Timeout
            | MonoError::BadResponse(_) => None,
        };
        Self::shown(error.code(), &error).after_ms(retry_after_ms)
    }
}
