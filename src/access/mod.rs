//! Who may see what: a bearer token, checked, becomes a [`Caller`].
//!
//! The algorithm is fixed by the key and never taken from the token. A token must end; what it
//! says of issuer and audience is checked where the settings name them.

use std::collections::BTreeSet;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::{
    caller::{Caller, Reach, Scope},
    clock::from_ms,
    error::{ApiError, ErrorCode},
    ids::AccountId,
};

/// The shortest secret that HS256 is safe with, in bytes. Source: RFC 7518, section 3.2.
pub const SHORTEST_SECRET: usize = 32;

/// How far clocks may differ, in seconds.
const LEEWAY_S: u64 = 5;

/// Whoever asks is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// No token.
    #[error("a bearer token is needed, in the Authorization header or in connection_init")]
    Missing,
    /// Not a good one.
    #[error(
        "the bearer token is not valid: it must be signed for this gateway, and not have ended"
    )]
    Invalid,
}

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        Self::shown(ErrorCode::Unauthenticated, &error)
    }
}

/// How callers show who they are.
#[derive(Clone)]
pub enum Access {
    /// They do not: the gateway listens on loopback.
    Open,
    /// By a token.
    Token(Box<Verifier>),
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::Token(_) => "Token",
        })
    }
}

/// Checks tokens.
#[derive(Clone)]
pub struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

/// What a token says.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    /// Times are read here, too: one of another type must not pass for one that is absent.
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    scope: Words,
    #[serde(default)]
    accounts: Vec<AccountId>,
}

/// Scopes, as RFC 8693 has them (one text, separated by blanks) or as a list.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Words {
    Text(String),
    List(Vec<String>),
    #[default]
    None,
}

impl Verifier {
    /// Takes tokens signed with this secret by HS256.
    #[must_use]
    pub fn hs256(secret: &SecretString, issuer: Option<&str>, audience: Option<&str>) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "sub"]);
        match issuer {
            Some(issuer) => {
                validation.set_issuer(&[issuer]);
                validation.required_spec_claims.insert("iss".into());
            }
            None => validation.iss = None,
        }
        match audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                validation.required_spec_claims.insert("aud".into());
            }
            None => validation.validate_aud = false,
        }
        Self { key: DecodingKey::from_secret(secret.expose_secret().as_bytes()), validation }
    }

    fn caller(&self, token: &str) -> Result<Caller, AccessError> {
        // Why a token is refused is nobody's business but the log's.
        let claims = decode::<Claims>(token, &self.key, &self.validation).map_err(|error| {
            tracing::info!(%error, "a token was refused");
            AccessError::Invalid
        })?;
        let claims = claims.claims;
        let ends_at = claims.exp.checked_mul(1000).and_then(from_ms).ok_or(AccessError::Invalid)?;
        let begins_at = claims.nbf.map_or(Some(0), |nbf| nbf.checked_mul(1000));
        // No database keeps a name with a NUL in it, and no log line should.
        let is_name = !claims.sub.is_empty() && !claims.sub.chars().any(char::is_control);
        if !is_name || begins_at.is_none() {
            return Err(AccessError::Invalid);
        }
        let words = match claims.scope {
            Words::Text(text) => text.split_whitespace().map(str::to_owned).collect(),
            Words::List(words) => words,
            Words::None => Vec::new(),
        };
        let known = Scope::ALL.into_iter();
        let scopes: BTreeSet<_> =
            known.filter(|scope| words.iter().any(|word| word == scope.as_str())).collect();
        let reach = Reach::Only(claims.accounts.into_iter().collect());
        Ok(Caller::new(claims.sub, reach, scopes, Some(ends_at)))
    }
}

impl Access {
    /// Who asks with this `Authorization`.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn caller(&self, authorization: Option<&str>) -> Result<Caller, AccessError> {
        match self {
            Self::Open => Ok(Caller::local()),
            Self::Token(verifier) => {
                let text = authorization.ok_or(AccessError::Missing)?.trim();
                let (scheme, token) = text.split_once(' ').unwrap_or(("bearer", text));
                if !scheme.eq_ignore_ascii_case("bearer") {
                    return Err(AccessError::Missing);
                }
                verifier.caller(token.trim())
            }
        }
    }
}

/// Refuses a caller who may not do this.
///
/// # Errors
/// `FORBIDDEN`.
pub fn require(caller: &Caller, scope: Scope) -> Result<(), ApiError> {
    if caller.may(scope) {
        return Ok(());
    }
    let text = format!("the token does not have the scope {}", scope.as_str());
    Err(ApiError::new(ErrorCode::Forbidden, text))
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &str = "a secret of at least thirty-two bytes";

    fn verify(algorithm: Algorithm, key: &str, claims: &Value) -> Result<Caller, AccessError> {
        let key = EncodingKey::from_secret(key.as_bytes());
        let token = encode(&Header::new(algorithm), claims, &key).unwrap();
        let verifier = Verifier::hs256(&SecretString::from(SECRET), Some("me"), Some("gateway"));
        Access::Token(Box::new(verifier)).caller(Some(&format!("Bearer {token}")))
    }

    #[test]
    fn a_token_is_taken_only_if_all_of_it_is_right() {
        let good = json!({ "sub": "ada", "exp": 4_000_000_000_i64, "iss": "me", "aud": "gateway",
            "scope": "accounts:read pii:read nonsense", "accounts": ["a1"] });
        let caller = verify(Algorithm::HS256, SECRET, &good).unwrap();
        assert_eq!(caller.owner(), "ada");
        assert!(caller.may(Scope::AccountsRead) && !caller.may(Scope::ReauthWrite));
        assert!(AccountId::parse("a1").is_ok_and(|id| caller.may_see(&id)));
        assert!(AccountId::parse("a2").is_ok_and(|id| !caller.may_see(&id)));
        let without = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            claims
        };
        for (name, value) in [
            ("exp", Value::Null),
            ("exp", json!(1_000_000_000)),
            ("nbf", json!(3_999_999_999_i64)),
            ("nbf", json!("4000000000")),
            ("exp", json!("4000000000")),
            ("iss", json!("you")),
            ("iss", Value::Null),
            ("aud", json!("other")),
            ("aud", Value::Null),
            ("sub", Value::Null),
            ("sub", json!("")),
            ("sub", json!("a\u{0}b")),
            ("accounts", json!([""])),
        ] {
            let refused = verify(Algorithm::HS256, SECRET, &without(name, value.clone()));
            assert_eq!(refused, Err(AccessError::Invalid), "{name} {value}");
        }
        assert_eq!(verify(Algorithm::HS512, SECRET, &good), Err(AccessError::Invalid));
        assert_eq!(verify(Algorithm::HS256, "another secret", &good), Err(AccessError::Invalid));
    }
}
