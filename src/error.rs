//! The only way a failure reaches a client: with a code of the contract and a text that is safe.

use std::{error::Error, sync::Arc};

use async_graphql::ErrorExtensions as _;

/// What went wrong, in the words of the contract (`extensions.code`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// No valid token.
    Unauthenticated,
    /// A valid token without the right.
    Forbidden,
    /// An argument is malformed, or a variable does not fit its type.
    BadUserInput,
    /// No such thing, or not yours.
    NotFound,
    /// Fresh data was required and there is none yet.
    DataNotReady,
    /// The document does not parse.
    GraphqlParseFailed,
    /// The document parses but does not fit the schema.
    GraphqlValidationFailed,
    /// The document asks for too much.
    DocumentTooComplex,
    /// No document is known by this id or hash; the client may send its text.
    PersistedQueryNotFound,
    /// The body is too large.
    PayloadTooLarge,
    /// Too many requests of this caller.
    RateLimited,
    /// Mono is down or cannot be reached.
    UpstreamUnavailable,
    /// Mono did not answer in time.
    UpstreamTimeout,
    /// Mono limits us.
    UpstreamRateLimited,
    /// Mono refuses this request.
    UpstreamRejected,
    /// Mono answered something that cannot be understood.
    UpstreamBadResponse,
    /// Mono refuses our key.
    UpstreamUnauthorized,
    /// The gateway is too busy.
    Overloaded,
    /// A fault of the gateway's own.
    Internal,
}

impl ErrorCode {
    /// Every code, in the order of the contract.
    pub const ALL: [Self; 19] = [
        Self::Unauthenticated,
        Self::Forbidden,
        Self::BadUserInput,
        Self::NotFound,
        Self::DataNotReady,
        Self::GraphqlParseFailed,
        Self::GraphqlValidationFailed,
        Self::DocumentTooComplex,
        Self::PersistedQueryNotFound,
        Self::PayloadTooLarge,
        Self::RateLimited,
        Self::UpstreamUnavailable,
        Self::UpstreamTimeout,
        Self::UpstreamRateLimited,
        Self::UpstreamRejected,
        Self::UpstreamBadResponse,
        Self::UpstreamUnauthorized,
        Self::Overloaded,
        Self::Internal,
    ];

    /// The code as a client reads it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::NotFound => "NOT_FOUND",
            Self::DataNotReady => "DATA_NOT_READY",
            Self::GraphqlParseFailed => "GRAPHQL_PARSE_FAILED",
            Self::GraphqlValidationFailed => "GRAPHQL_VALIDATION_FAILED",
            Self::DocumentTooComplex => "DOCUMENT_TOO_COMPLEX",
            Self::PersistedQueryNotFound => "PERSISTED_QUERY_NOT_FOUND",
            Self::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Self::RateLimited => "RATE_LIMITED",
            Self::UpstreamUnavailable => "UPSTREAM_UNAVAILABLE",
            Self::UpstreamTimeout => "UPSTREAM_TIMEOUT",
            Self::UpstreamRateLimited => "UPSTREAM_RATE_LIMITED",
            Self::UpstreamRejected => "UPSTREAM_REJECTED",
            Self::UpstreamBadResponse => "UPSTREAM_BAD_RESPONSE",
            Self::UpstreamUnauthorized => "UPSTREAM_UNAUTHORIZED",
            Self::Overloaded => "OVERLOADED",
            Self::Internal => "INTERNAL",
        }
    }

    /// The code that is spelled so.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// Whether the same request may succeed later without anything being changed in it.
    #[must_use]
    pub const fn retryable(self) -> bool {
        matches!(
            self,
            Self::DataNotReady
                | Self::RateLimited
                | Self::UpstreamUnavailable
                | Self::UpstreamTimeout
                | Self::UpstreamRateLimited
                | Self::Overloaded
        )
    }
}

/// An error on its way to a client.
///
/// Has no `Display`, on purpose: async-graphql turns anything printable into an error without a
/// code, so leaving it out makes an uncoded error a compile error.
#[derive(Clone, Debug)]
pub struct ApiError {
    code: ErrorCode,
    message: String,
    retry_after_ms: Option<u64>,
    for_good: bool,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

/// What a resolver returns.
pub type Result<T> = std::result::Result<T, ApiError>;

/// What a nullable field that may fail returns: the library nulls only this field for `Some(Err)`,
/// but its whole parent for `Err`.
pub type Fallible<T> = Option<Result<T>>;

impl ApiError {
    /// An error whose text the caller can act on.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after_ms: None, for_good: false, cause: None }
    }

    /// A domain error whose own text the caller can act on.
    #[must_use]
    pub fn shown(code: ErrorCode, error: &dyn Error) -> Self {
        Self::new(code, error.to_string())
    }

    /// A fault of ours: the caller sees one fixed sentence, the log has the cause.
    #[must_use]
    pub fn hidden(error: impl Error + Send + Sync + 'static) -> Self {
        Self {
            code: ErrorCode::Internal,
            message:
                "the gateway failed to answer this; the request id finds the reason in its log"
                    .into(),
            retry_after_ms: None,
            for_good: false,
            cause: Some(Arc::new(error)),
        }
    }

    /// What the gateway needs is away for a moment, as its database may be: the caller sees that it
    /// is worth trying again, the log has the cause.
    #[must_use]
    pub fn away(error: impl Error + Send + Sync + 'static) -> Self {
        let text = "the gateway's database cannot be used at the moment; try again in a second";
        let away = Self::new(ErrorCode::Overloaded, text).after_ms(Some(1000));
        Self { cause: Some(Arc::new(error)), ..away }
    }

    /// The same, saying when it is worth trying again.
    #[must_use]
    pub fn after_ms(mut self, retry_after_ms: Option<u64>) -> Self {
        self.retry_after_ms = retry_after_ms;
        self
    }

    /// The same, saying that the same request will get it again, whatever its code.
    #[must_use]
    pub fn for_good(mut self) -> Self {
        self.for_good = true;
        self
    }

    /// Its code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// When it is worth trying again, in milliseconds from now.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        self.retry_after_ms
    }
}

impl From<ApiError> for async_graphql::Error {
    fn from(error: ApiError) -> Self {
        if let Some(cause) = &error.cause {
            tracing::error!(cause = %chain(cause.as_ref()), "a request failed");
        }
        Self { message: error.message, source: None, extensions: None }.extend_with(
            |_, extensions| {
                extensions.set("code", error.code.as_str());
                if error.for_good {
                    extensions.set("retryable", false);
                } else if error.code.retryable() {
                    extensions.set("retryable", true);
                }
                if let Some(ms) = error.retry_after_ms {
                    extensions.set("retryAfterMs", ms);
                }
            },
        )
    }
}

/// An error and what caused it, in one line for the log.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

impl From<crate::ids::IdError> for ApiError {
    fn from(error: crate::ids::IdError) -> Self {
        Self::shown(ErrorCode::BadUserInput, &error)
    }
}
