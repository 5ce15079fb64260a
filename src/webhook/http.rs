//! `POST /webhooks/mono`.
//!
//! The secret is compared before a byte of the body is parsed. 200 means that the delivery is on
//! the disk; anything that Mono should send again is answered otherwise.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse as _, Response},
    routing::post,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};
use tokio::time::timeout;

use super::service::Webhooks;
use crate::server::body::{self, BodyError};

const SECRET: &str = "mono-webhook-secret";

/// The largest body that is taken, in bytes.
const LARGEST_BODY: usize = 1024 * 1024;

/// How long Mono waits for an answer at most. What is written after that is a copy's first one.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// The secrets that a webhook may carry: several while one is being replaced.
#[derive(Clone)]
pub struct Secrets(Vec<[u8; 32]>);

impl Secrets {
    /// Takes these secrets; empty ones would let anybody in and are dropped.
    #[must_use]
    pub fn new(secrets: &[SecretString]) -> Self {
        let secrets = secrets.iter().map(SecretString::expose_secret);
        Self(secrets.filter(|secret| !secret.is_empty()).map(hash).collect())
    }

    /// Whether `given` is one of them. Takes the same time whatever is wrong with it.
    #[must_use]
    pub fn contain(&self, given: &[u8]) -> bool {
        // Digests have one length, so comparing them does not tell a secret's.
        let given = Sha256::digest(given);
        let none = Choice::from(0);
        self.0.iter().fold(none, |found, secret| found | secret[..].ct_eq(&given[..])).into()
    }
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

struct Receiver {
    webhooks: Webhooks,
    secrets: Secrets,
}

/// The route at which Mono's webhooks arrive.
pub fn routes(webhooks: Webhooks, secrets: Secrets) -> Router {
    // Shared: it is handed to every request through several layers.
    let receiver = Arc::new(Receiver { webhooks, secrets });
    Router::new().route("/webhooks/mono", post(receive)).with_state(receiver)
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut given = headers.get_all(SECRET).iter();
    // Two secrets are none: which of them a proxy in front saw is anybody's guess.
    let admitted = match (given.next(), given.next()) {
        (Some(secret), None) => receiver.secrets.contain(secret.as_bytes()),
        (Some(_), Some(_)) | (None, _) => false,
    };
    if !admitted {
        metrics::counter!("mono_gateway_webhooks_total", "outcome" => "UNAUTHORIZED").increment(1);
        tracing::warn!("a webhook without the right secret was refused");
        let text = "the header mono-webhook-secret does not hold this app's webhook secret";
        return answer(StatusCode::UNAUTHORIZED, text);
    }
    if body::is_packed(&headers) {
        return answer(StatusCode::UNSUPPORTED_MEDIA_TYPE, body::PACKED);
    }
    let body = match body::read(body, LARGEST_BODY).await {
        Ok(body) => body,
        Err(error) => return unread(error),
    };
    // Not cancelled if Mono hangs up: a delivery is written whole or not at all.
    let work = tokio::spawn(async move { receiver.webhooks.receive(&body).await });
    match timeout(ANSWERED_WITHIN, work).await {
        Ok(Ok(Ok(_))) => answer(StatusCode::OK, "kept"),
        Ok(Ok(Err(_)) | Err(_)) | Err(_) => {
            let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, "not kept; send it again");
            response.headers_mut().insert(RETRY_AFTER, 1.into());
            response
        }
    }
}

fn unread(error: BodyError) -> Response {
    match error {
        BodyError::TooLarge => answer(StatusCode::PAYLOAD_TOO_LARGE, "a webhook has at most 1 MiB"),
        BodyError::TooSlow => {
            answer(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time; send it again")
        }
        BodyError::Broken => answer(StatusCode::BAD_REQUEST, "the body broke off"),
    }
}

fn answer(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_secret_lets_nobody_in() {
        let secrets = Secrets::new(&[SecretString::from("")]);
        assert!(!secrets.contain(b""));
        let secrets = Secrets::new(&[SecretString::from("old"), SecretString::from("new")]);
        assert!(secrets.contain(b"old") && secrets.contain(b"new"));
        assert!(!secrets.contain(b"") && !secrets.contain(b"ol") && !secrets.contain(b"older"));
    }
}
