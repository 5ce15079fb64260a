//! One checked newtype per id, so that an id that reaches a query or a path was looked at once.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Time;

/// The longest id of an account that is accepted, in bytes. Mono's have 24.
const LONGEST_ACCOUNT_ID: usize = 128;

/// What was wrong with an id.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdError {
    /// Nothing in it.
    #[error("an account id must not be empty")]
    Empty,
    /// Longer than any id of Mono's.
    #[error("an account id has at most {LONGEST_ACCOUNT_ID} bytes")]
    TooLong,
    /// A character that no id has and that no log line should carry.
    #[error("an account id has no control characters")]
    ControlCharacter,
    /// Not one of ours.
    #[error("the id of a {0} looks like {1}…, followed by 32 hexadecimal digits")]
    Shape(&'static str, &'static str),
}

/// Mono's id of a linked account, unchanged: an opaque string.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// Takes any id that Mono might have given.
    ///
    /// # Errors
    /// [`IdError`] if it is empty, longer than 128 bytes or has a control character.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if text.is_empty() {
            Err(IdError::Empty)
        } else if text.len() > LONGEST_ACCOUNT_ID {
            Err(IdError::TooLong)
        } else if text.chars().any(char::is_control) {
            Err(IdError::ControlCharacter)
        } else {
            Ok(Self(text.into()))
        }
    }

    /// The id as Mono spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AccountId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        Self::parse(&text)
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Declares an id of ours: a prefix and a UUIDv7, so that ids sort by time of birth.
macro_rules! prefixed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// What every such id starts with.
            pub const PREFIX: &'static str = $prefix;

            /// A new one, born at `now`.
            #[must_use]
            pub fn new(now: Time) -> Self {
                Self(uuid_at(now))
            }

            /// Reads an id as [`fmt::Display`] prints it.
            ///
            /// # Errors
            /// [`IdError::Shape`] if it is not of this kind.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                text.strip_prefix($prefix)
                    .filter(|rest| rest.len() == 32)
                    .and_then(|rest| Uuid::try_parse(rest).ok())
                    .map(Self)
                    .ok_or(IdError::Shape($what, $prefix))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

prefixed_id!(
    /// The id of a re-authorisation session.
    ReauthId,
    "reauth_",
    "re-authorisation session"
);
prefixed_id!(
    /// The id of a link session.
    LinkId,
    "link_",
    "link session"
);
prefixed_id!(
    /// The id of a job: a refresh, a statement, an assessment.
    JobId,
    "job_",
    "job"
);
prefixed_id!(
    /// The id of a webhook delivery in our log.
    EventId,
    "evt_",
    "webhook event"
);
prefixed_id!(
    /// The id of one request to the gateway, sent back as `x-request-id` and in every error.
    RequestId,
    "req_",
    "request"
);

impl EventId {
    /// What every id that was born at `at` or later is not before, as text.
    #[must_use]
    pub fn not_before(at: Time) -> String {
        format!("{}{:012x}", Self::PREFIX, at.timestamp_millis().max(0))
    }
}

fn uuid_at(now: Time) -> Uuid {
    let ms = now.timestamp_millis().max(0).unsigned_abs();
    uuid::Builder::from_unix_timestamp_millis(ms, &rand::random()).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_ours_survives_being_printed_and_read() {
        let id = ReauthId::new(Time::default());
        assert_eq!(ReauthId::parse(&id.to_string()), Ok(id));
        assert!(ReauthId::parse("reauth_1").is_err());
        assert!(ReauthId::parse(&id.to_string().replace("reauth_", "evt_")).is_err());
    }

    #[test]
    fn an_account_id_is_opaque_but_bounded() {
        for good in ["65aa00000000000000000abc", "663127dedfbd0", "../x", "Ada & Söhne"] {
            assert_eq!(
                AccountId::parse(good).map(|id| id.as_str().to_owned()),
                Ok(good.to_owned())
            );
        }
        assert_eq!(AccountId::parse(""), Err(IdError::Empty));
        assert_eq!(AccountId::parse(&"x".repeat(129)), Err(IdError::TooLong));
        assert_eq!(AccountId::parse("a\u{0}b"), Err(IdError::ControlCharacter));
    }
}
