//! The balance of this moment.
//!
//! Source: Mono docs, "Real-Time Data", read Mar 2026; changelog, "v2 balance".

use std::time::Duration;

use reqwest::{
    Method,
    header::{HeaderMap, HeaderValue},
};
use tokio::time::Instant;

use super::{Amount, inside_object};
use crate::{
    ids::AccountId,
    money::currency_code,
    mono::{
        Client, MonoError,
        model::{amount, decode},
        segment,
        wire::{AccountBody, Envelope},
    },
};

/// How long Mono may take to ask the bank: it gives up waiting after 30 s.
const LIVE: Duration = Duration::from_secs(35);

/// What to wait for, if the bank takes longer.
const ENQUEUED: &str =
    "the bank is still being asked; wait for dataStatusChanged, then read balance without live";

const NOT_GIVEN: &str = "the bank did not give it; balance without live is the last known, reauth says whether the \
     customer is wanted";

/// An account's balance as the bank has just told it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveBalance {
    /// In minor units.
    pub balance: Amount,
    /// ISO 4217.
    pub currency: Option<String>,
}

impl LiveBalance {
    /// Decodes the body of `GET /v2/accounts/{id}/balance`.
    ///
    /// # Errors
    /// [`MonoError::NotReady`] if the bank is still being asked; [`MonoError::BadResponse`] if there
    /// is no balance in it.
    pub fn decode(body: &[u8]) -> Result<Self, MonoError> {
        if super::is_nothing(body) {
            let message = decode::<Envelope>(body)?.message.take().unwrap_or_default();
            let enqueued = message.to_ascii_lowercase().contains("enqueued");
            let nothing = MonoError::BadResponse("there is no balance in it");
            return Err(if enqueued { MonoError::NotReady(ENQUEUED) } else { nothing });
        }
        let account: AccountBody = inside_object(body)?;
        if account.balance.is_none() && account.id().is_none() {
            return Err(MonoError::BadResponse("there is no balance in it"));
        }
        Ok(Self {
            balance: amount(&account.balance),
            currency: account.currency.get().and_then(currency_code),
        })
    }
}

/// Whether the headers say that what comes with them is what the bank has just told. A session that
/// still runs or that failed may come with the old balance.
fn judge(headers: &HeaderMap) -> Result<(), MonoError> {
    let word = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().trim().to_ascii_lowercase()
    };
    if word("x-reauth-required") == "true" {
        return Err(MonoError::NotReady(NOT_GIVEN));
    }
    match word("x-job-status").as_str() {
        "processing" => Err(MonoError::NotReady(ENQUEUED)),
        "failed" | "reauthorisation_required" => Err(MonoError::NotReady(NOT_GIVEN)),
        _ => Ok(()),
    }
}

impl Client {
    /// `GET /v2/accounts/{id}/balance` with `x-realtime: true`: the bank is asked now, which Mono
    /// bills and allows once in five minutes for an account. Never tried twice.
    ///
    /// # Errors
    /// [`MonoError`]; [`MonoError::NotReady`] if the bank takes longer than 30 s or does not tell.
    pub async fn live_balance(&self, id: &AccountId) -> Result<LiveBalance, MonoError> {
        let path = format!("/v2/accounts/{}/balance", segment(id.as_str())?);
        let live = HeaderMap::from_iter([(super::super::LIVE, HeaderValue::from_static("true"))]);
        let send = self.ask(Method::GET, &path, live, None);
        let answer = tokio::time::timeout_at(Instant::now() + LIVE, send).await;
        let reply = answer.map_err(|_| MonoError::Timeout)?.map_err(|failure| failure.error)?;
        if !reply.status.is_success() {
            return Err(reply.refusal());
        }
        judge(&reply.headers)?;
        LiveBalance::decode(&reply.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_session_that_finished_brings_a_live_balance() {
        let judged = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            judge(&headers)
        };
        for word in ["finished", "FINISHED", "SUCCESSFUL", ""] {
            assert_eq!(judged("x-job-status", word), Ok(()), "{word}");
        }
        for word in ["processing", "Processing"] {
            assert_eq!(judged("x-job-status", word), Err(MonoError::NotReady(ENQUEUED)), "{word}");
        }
        for word in ["failed", "FAILED", "REAUTHORISATION_REQUIRED"] {
            assert_eq!(judged("x-job-status", word), Err(MonoError::NotReady(NOT_GIVEN)), "{word}");
        }
        assert_eq!(judged("x-reauth-required", "true"), Err(MonoError::NotReady(NOT_GIVEN)));
        assert_eq!(judged("x-reauth-required", "false"), Ok(()));
        assert_eq!(judge(&HeaderMap::new()), Ok(()));
    }
}
