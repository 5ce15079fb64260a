//! What callers hand over with a customer who is sent to the bank: a reference, a place to return
//! to, a key to repeat a wish by. Checked once, here, for links and re-authorisations alike.

use rand::{Rng as _, distr::Alphanumeric};
use url::{Origin, Url};

use crate::{
    error::{ApiError, ErrorCode},
    lifecycle::{fact::IdempotencyKey, recogniser::Recogniser},
};

/// How long a reference may be, in characters.
const LONGEST_REFERENCE: usize = 64;

/// How long ours are. Mono's pages show 6 to 12, integrators tell of at least 10.
const OUR_REFERENCE: usize = 20;

/// How long a redirect URL may be, in bytes.
const LONGEST_REDIRECT: usize = 2048;

/// How long an idempotency key may be, in bytes.
const LONGEST_KEY: usize = 255;

/// What goes along with a wish cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandoverError {
    /// Not a reference.
    #[error("a reference has 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'")]
    Reference,
    /// Not a URL that a browser can be sent to.
    #[error("redirectUrl must be an http(s) URL of at most 2048 characters, without a user name")]
    Redirect,
    /// Not one of ours.
    #[error("redirectUrl leads to an origin that GATEWAY_REDIRECT_ORIGINS does not list")]
    ForeignRedirect,
    /// Not a key.
    #[error("idempotencyKey has 1 to 255 characters of printable ASCII; a UUID serves well")]
    Key,
}

impl From<HandoverError> for ApiError {
    fn from(error: HandoverError) -> Self {
        Self::shown(ErrorCode::BadUserInput, &error)
    }
}

/// A caller's key for `operation` on `arguments`, checked. The arguments may be personal, so they
/// are kept as a keyed digest.
///
/// # Errors
/// [`HandoverError::Key`].
pub fn key(
    digests: &Recogniser,
    given: Option<String>,
    operation: &str,
    arguments: &[&str],
) -> Result<Option<IdempotencyKey>, HandoverError> {
    let Some(key) = given else { return Ok(None) };
    let plain = key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if !plain || !(1..=LONGEST_KEY).contains(&key.len()) {
        return Err(HandoverError::Key);
    }
    let parts: Vec<&str> = std::iter::once(operation).chain(arguments.iter().copied()).collect();
    Ok(Some(IdempotencyKey { key, fingerprint: digests.of(&parts) }))
}

/// Checks a caller's reference, or makes one up.
///
/// # Errors
/// [`HandoverError::Reference`].
pub fn reference(given: Option<String>) -> Result<String, HandoverError> {
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
        Err(HandoverError::Reference)
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
    /// [`HandoverError::Redirect`], [`HandoverError::ForeignRedirect`].
    pub fn check(&self, text: &str) -> Result<(), HandoverError> {
        // Readers of URLs differ on these; what one takes for our host another takes for a name.
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let lower = text.to_ascii_lowercase();
        let spelled_out = lower.starts_with("https://") || lower.starts_with("http://");
        let odd = text.len() > LONGEST_REDIRECT || !plain || !spelled_out;
        let url = Url::parse(text).ok().filter(|_| !odd).ok_or(HandoverError::Redirect)?;
        let web = matches!(url.scheme(), "http" | "https") && url.has_host();
        if !web || !url.username().is_empty() || url.password().is_some() {
            return Err(HandoverError::Redirect);
        }
        match self {
            Self::Anywhere => Ok(()),
            Self::Only(origins) if origins.contains(&url.origin()) => Ok(()),
            Self::Only(_) => Err(HandoverError::ForeignRedirect),
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
            assert!(matches!(reference(Some(bad.into())), Err(HandoverError::Reference)), "{bad}");
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
                matches!(redirects.check(foreign), Err(HandoverError::ForeignRedirect)),
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
                matches!(Redirects::Anywhere.check(bad), Err(HandoverError::Redirect)),
                "{bad}"
            );
        }
        assert!(Redirects::Anywhere.check("http://localhost:3000/back").is_ok());
    }
}
