//! Obtaining a customer's consent again: what may be asked for.

pub mod graphql;
pub mod service;

use rand::{Rng as _, distr::Alphanumeric};
use url::{Origin, Url};

use crate::{
    error::{ApiError, ErrorCode},
    ids::ReauthId,
    lifecycle::{service::RecordError, store::StoreError},
    mono::MonoError,
};

/// How long a reference may be, in characters.
const LONGEST_REFERENCE: usize = 64;

/// How long ours are. Mono's pages show 6 to 12, integrators tell of at least 10.
const OUR_REFERENCE: usize = 20;

/// How long a redirect URL may be, in bytes.
const LONGEST_REDIRECT: usize = 2048;

/// A re-authorisation cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReauthError {
    /// No such account, or not the caller's.
    #[error("there is no such account")]
    UnknownAccount,
    /// No such session, or not the caller's.
    #[error("there is no such re-authorisation session")]
    UnknownSession,
    /// Not a reference.
    #[error("a reference has 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'")]
    BadReference,
    /// Not a URL that a browser can be sent to.
    #[error("redirectUrl must be an http(s) URL of at most 2048 characters, without a user name")]
    BadRedirect,
    /// Not one of ours.
    #[error("redirectUrl leads to an origin that GATEWAY_REDIRECT_ORIGINS does not list")]
    ForeignRedirect,
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
            ReauthError::BadReference
            | ReauthError::BadRedirect
            | ReauthError::ForeignRedirect
            | ReauthError::ReferenceInUse
            | ReauthError::NotActive(_) => Self::shown(ErrorCode::BadUserInput, &error),
            ReauthError::NotReauthorisable => Self::shown(ErrorCode::UpstreamRejected, &error),
            ReauthError::OtherFailed(code, _) => Self::shown(code, &error),
            ReauthError::Mono(MonoError::NotFound) => {
                Self::shown(ErrorCode::NotFound, &ReauthError::UnknownAccount)
            }
            ReauthError::Mono(error) => error.into(),
            ReauthError::Busy => Self::shown(ErrorCode::Overloaded, &error).after_ms(Some(1000)),
            ReauthError::Store(_) => Self::hidden(error),
        }
    }
}

/// Checks a caller's reference, or makes one up.
///
/// # Errors
/// [`ReauthError::BadReference`].
pub fn reference(given: Option<String>) -> Result<String, ReauthError> {
    let Some(text) = given else {
        return Ok(rand::rng()
            .sample_iter(Alphanumeric)
            .take(OUR_REFERENCE)
            .map(char::from)
            .collect());
    };
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if plain && (1..=LONGEST_REFERENCE).contains(&text.len()) {
        Ok(text)
    } else {
        Err(ReauthError::BadReference)
    }
}

/// Where customers may be sent back to.
#[derive(Clone, Debug)]
pub enum Redirects {
    /// To any web page: demo mode.
    Anywhere,
    /// To pages of these origins.
    Only(Vec<Origin>),
}

impl Redirects {
    /// Checks where a customer is to be sent back to.
    ///
    /// # Errors
    /// [`ReauthError::BadRedirect`], [`ReauthError::ForeignRedirect`].
    pub fn check(&self, text: &str) -> Result<(), ReauthError> {
        // Readers of URLs differ on these; what one takes for our host another takes for a name.
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let lower = text.to_ascii_lowercase();
        let spelled_out = lower.starts_with("https://") || lower.starts_with("http://");
        let odd = text.len() > LONGEST_REDIRECT || !plain || !spelled_out;
        let url = Url::parse(text).ok().filter(|_| !odd).ok_or(ReauthError::BadRedirect)?;
        let web = matches!(url.scheme(), "http" | "https") && url.has_host();
        if !web || !url.username().is_empty() || url.password().is_some() {
            return Err(ReauthError::BadRedirect);
        }
        match self {
            Self::Anywhere => Ok(()),
            Self::Only(origins) if origins.contains(&url.origin()) => Ok(()),
            Self::Only(_) => Err(ReauthError::ForeignRedirect),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_checked_or_made_up() {
        assert!(reference(None).is_ok_and(|text| text.len() == OUR_REFERENCE));
        assert_eq!(reference(Some("a.B_9-".into())).ok().as_deref(), Some("a.B_9-"));
        for bad in ["", "a b", "a/b", "é", &"x".repeat(65)] {
            assert!(matches!(reference(Some(bad.into())), Err(ReauthError::BadReference)), "{bad}");
        }
    }

    #[test]
    fn a_customer_is_sent_back_to_listed_origins_only() {
        let listed = Url::parse("https://app.example.test").map(|url| vec![url.origin()]);
        let redirects = Redirects::Only(listed.unwrap());
        assert!(redirects.check("https://app.example.test/back?x=1").is_ok());
        for foreign in [
            "https://app.example.test.evil.test/",
            "http://app.example.test/",
            "https://app.example.test:8443/",
        ] {
            assert!(
                matches!(redirects.check(foreign), Err(ReauthError::ForeignRedirect)),
                "{foreign}"
            );
        }
        for bad in [
            "",
            "app.example.test",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://app.example.test/",
            "https://app.example.test@evil.test/",
            "https://u:p@app.example.test/",
            "https:// x/",
            "https://a/\n",
        ] {
            assert!(
                matches!(Redirects::Anywhere.check(bad), Err(ReauthError::BadRedirect)),
                "{bad}"
            );
        }
        assert!(Redirects::Anywhere.check("http://localhost:3000/back").is_ok());
    }
}
