//! The token of Mono's older widget.

use serde::Deserialize;

use super::{
    Client, MonoError,
    model::{decode, is_not_reauthorisable},
    segment,
    wire::{Id, Raw, part},
};
use crate::ids::AccountId;

/// The longest token that is taken, in bytes. Mono prints ones of 20 to 30.
const LONGEST: usize = 1024;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    token: Id,
    data: Raw,
}

impl Client {
    /// `POST /accounts/{id}/reauthorise`, with an empty body: a token that opens the widget for
    /// this account, for 10 minutes.
    ///
    /// Source: Mono docs, "Re-authorisation", read May 2022; its path has no version.
    ///
    /// # Errors
    /// [`MonoError`]; [`MonoError::NotReauthorisable`] if Mono says so, in an answer of success
    /// or in an error.
    pub async fn reauth_token(&self, id: &AccountId) -> Result<String, MonoError> {
        let path = format!("/accounts/{}/reauthorise", segment(id.as_str())?);
        token(&self.write(Some(id), &path, None).await?)
    }
}

/// Decodes a token, bare or in an envelope.
pub(super) fn token(body: &[u8]) -> Result<String, MonoError> {
    let body_of: Body = decode(body)?;
    let inside: Body = part(&body_of.data).unwrap_or_default();
    match body_of.token.take().or(inside.token.take()) {
        Some(token) if is_plain(&token) => Ok(token),
        Some(_) => Err(MonoError::BadResponse("its token is none that a page can carry")),
        None if is_not_reauthorisable(body) => Err(MonoError::NotReauthorisable),
        None => Err(MonoError::BadResponse("there is no token in it")),
    }
}

fn is_plain(token: &str) -> bool {
    token.len() <= LONGEST && token.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{fixture, index},
        *,
    };

    #[test]
    fn every_form_of_a_widget_s_token_is_read() {
        let fixtures = index("reauthorise__");
        assert!(fixtures.len() >= 4, "{} fixtures", fixtures.len());
        for (file, expect) in fixtures {
            assert_eq!(token(&fixture(&file)).ok().as_deref(), expect["token"].as_str(), "{file}");
        }
    }

    #[test]
    fn a_refusal_inside_an_answer_of_success_is_one() {
        let fixtures = index("not_reauthorisable__");
        assert!(fixtures.len() >= 5, "{} fixtures", fixtures.len());
        for (file, _) in fixtures {
            assert_eq!(token(&fixture(&file)), Err(MonoError::NotReauthorisable), "{file}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let long = format!(r#"{{"token":"{}"}}"#, "x".repeat(LONGEST + 1));
        let odd = ["", "null", "[]", "{}", r#"{"token":""}"#, r#"{"token":7}"#, r#"{"data":null}"#];
        let unplain = [r#"{"token":"a b"}"#, r#"{"token":"a\u0000"}"#, &long];
        for body in odd.into_iter().chain(unplain) {
            assert!(matches!(token(body.as_bytes()), Err(MonoError::BadResponse(_))), "{body}");
        }
    }
}
