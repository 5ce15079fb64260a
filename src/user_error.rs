//! Errors that stand in a mutation's payload: what the caller's choice can mend, one type each.

use async_graphql::{Interface, Object};

/// Something that the caller's choice can mend.
#[derive(Interface)]
#[graphql(
    field(name = "code", ty = "&str", desc = "What it is, as a code."),
    field(name = "message", ty = "String", desc = "What it is, and what would be right."),
    field(name = "retryable", ty = "bool", desc = "Whether the same may succeed later."),
    field(name = "retry_after_ms", ty = "Option<i32>", desc = "When, in milliseconds, if known.")
)]
pub enum UserError {
    /// The reference is taken.
    ReferenceInUse(ReferenceInUseError),
    /// It can not be re-authorised.
    NotReauthorisable(NotReauthorisableError),
    /// It cannot be cancelled.
    ReauthNotActive(ReauthNotActiveError),
    /// The key stands for another request.
    IdempotencyKeyReused(IdempotencyKeyReusedError),
    /// It is no code, or no longer.
    InvalidCode(InvalidCodeError),
    /// It cannot be cancelled.
    LinkNotActive(LinkNotActiveError),
    /// Another one runs.
    JobUnderWay(JobUnderWayError),
    /// Not yet.
    SyncTooSoon(SyncTooSoonError),
    /// The link was handed on.
    StatementTaken(StatementTakenError),
    /// There is no link.
    StatementNotReady(StatementNotReadyError),
    /// There is nothing to replay.
    WebhookBodyRemoved(WebhookBodyRemovedError),
    /// What matters was removed.
    WebhookBodyRedacted(WebhookBodyRedactedError),
    /// The key is missing.
    WebhookBodySealed(WebhookBodySealedError),
}

/// Declares a user error: a type of its own, so that a client can tell them apart by type.
macro_rules! user_error {
    ($(#[$doc:meta])* $name:ident, $code:literal) => {
        user_error!($(#[$doc])* $name, $code, false);
    };
    ($(#[$doc:meta])* $name:ident, $code:literal, $retryable:literal) => {
        /// An error that the caller's choice can mend.
        pub struct $name(pub String);

        $(#[$doc])*
        #[Object]
        impl $name {
            /// What it is, as a code.
            async fn code(&self) -> &str {
                $code
            }

            /// What it is, and what would be right.
            async fn message(&self) -> String {
                self.0.clone()
            }

            /// Whether the same may succeed later.
            async fn retryable(&self) -> bool {
                $retryable
            }

            /// When, in milliseconds, if known.
            async fn retry_after_ms(&self) -> Option<i32> {
                None
            }
        }
    };
}

user_error!(
    /// Another session of yours has this reference (code REFERENCE_IN_USE).
    ReferenceInUseError,
    "REFERENCE_IN_USE"
);
user_error!(
    /// Mono will not re-authorise this account, or it is unlinked (code NOT_REAUTHORISABLE).
    NotReauthorisableError,
    "NOT_REAUTHORISABLE"
);
user_error!(
    /// The customer has finished, or the session has ended otherwise (code REAUTH_NOT_ACTIVE).
    ReauthNotActiveError,
    "REAUTH_NOT_ACTIVE"
);
user_error!(
    /// You used this idempotency key for another request (code IDEMPOTENCY_KEY_REUSED).
    IdempotencyKeyReusedError,
    "IDEMPOTENCY_KEY_REUSED"
);
user_error!(
    /// Mono does not take this code: it is good for 10 minutes and perhaps for one use (code
    /// INVALID_CODE).
    InvalidCodeError,
    "INVALID_CODE"
);
user_error!(
    /// The customer has finished, or the link session has ended otherwise (code LINK_NOT_ACTIVE).
    LinkNotActiveError,
    "LINK_NOT_ACTIVE"
);
user_error!(
    /// A job of this kind runs for this account with other arguments (code JOB_UNDER_WAY). Ask
    /// again once jobChanged tells of its end; account.jobs names it.
    JobUnderWayError,
    "JOB_UNDER_WAY",
    true
);
user_error!(
    /// The statement's link was handed on before, or its hour is up (code ALREADY_TAKEN).
    StatementTakenError,
    "ALREADY_TAKEN"
);
user_error!(
    /// The statement is not there: its job runs, or failed (code STATEMENT_NOT_READY).
    StatementNotReadyError,
    "STATEMENT_NOT_READY",
    true
);

user_error!(
    /// Nothing is kept of the webhook's body, so there is nothing to replay (code BODY_REMOVED).
    WebhookBodyRemovedError,
    "BODY_REMOVED"
);
user_error!(
    /// The gateway had no GATEWAY_DATA_KEY when the webhook came, and what it removed from the body
    /// then is what the replay would be about (code BODY_REDACTED).
    WebhookBodyRedactedError,
    "BODY_REDACTED"
);
user_error!(
    /// The webhook's body is sealed with a key that is not in GATEWAY_DATA_KEY (code BODY_SEALED).
    WebhookBodySealedError,
    "BODY_SEALED"
);

/// It is too soon for another refresh (code SYNC_TOO_SOON).
pub struct SyncTooSoonError {
    /// What it is, and what would be right.
    pub message: String,
    /// How long to wait, in milliseconds.
    pub retry_after_ms: Option<i32>,
}

/// Mono takes one refresh of an account every 5 minutes, or 2 in legacy mode (code SYNC_TOO_SOON).
#[Object]
impl SyncTooSoonError {
    /// What it is, as a code.
    async fn code(&self) -> &str {
        "SYNC_TOO_SOON"
    }

    /// What it is, and what would be right.
    async fn message(&self) -> String {
        self.message.clone()
    }

    /// Whether the same may succeed later.
    async fn retryable(&self) -> bool {
        true
    }

    /// When, in milliseconds, if known.
    async fn retry_after_ms(&self) -> Option<i32> {
        self.retry_after_ms
    }
}
