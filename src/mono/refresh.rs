//! Asking Mono to fetch from the bank now: real-time reads, and the manual sync that came before.
//!
//! Source: Mono docs, "Real-Time Data", read Apr 2024 to Mar 2026; "Manual Data Sync", May 2022;
//! fixtures `enqueued__*.json`, `sync__*.json`.

use std::time::Duration;

use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};

use super::{
    Amount, Client, MonoError,
    data::LiveBalance,
    model::decode,
    segment,
    wire::{Envelope, Raw, SyncBody, part},
};
use crate::ids::AccountId;

/// How long a real-time read or a sync may take: Mono gives up waiting for the bank at 30 s.
const REFRESH: Duration = Duration::from_secs(35);

const REALTIME: HeaderName = HeaderName::from_static("x-realtime");

/// What a real-time read answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Realtime {
    /// Mono's id of the job (`x-job-id`, since Sep 2024).
    pub job: Option<String>,
    /// Mono's word for how the job stands (`x-job-status`, since Sep 2024).
    pub status: Option<String>,
    /// Whether there is new data (`x-has-new-data`). Since Sep 2025 only sent if there is.
    pub new_data: Option<bool>,
    /// Whether the bank wants the customer (`x-reauth-required`, until Apr 2024).
    pub reauth_required: bool,
    /// The bank has not answered yet: the data comes later.
    pub enqueued: bool,
    /// The balance, in minor units, if that was read.
    pub balance: Amount,
    /// Its currency, as ISO 4217 has it.
    pub currency: Option<String>,
}

/// What a manual sync answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// How it went.
    pub code: SyncedCode,
    /// Whether there is new data.
    pub new_data: Option<bool>,
}

/// How a manual sync went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncedCode {
    /// It is done.
    Successful,
    /// The bank wants the customer.
    ReauthorisationRequired,
    /// Data Sync is not enabled for the business, or the bank is down.
    Error,
    /// The bank gave fewer transactions than before.
    IncompleteStatement,
}

impl Client {
    /// `GET /v2/accounts/{id}/balance` or `…/transactions` with `x-realtime: true`: has the bank
    /// asked now. Tried again only if nothing was sent: a session may be billed.
    ///
    /// # Errors
    /// [`MonoError`]; [`MonoError::Timeout`] after 35 s.
    pub async fn realtime(&self, id: &AccountId, part: &str) -> Result<Realtime, MonoError> {
        let path = format!("/v2/accounts/{}/{part}", segment(id.as_str())?);
        let headers = HeaderMap::from_iter([(REALTIME, HeaderValue::from_static("true"))]);
        let reply = self.start(Method::GET, Some(id), &path, headers, None, REFRESH).await?;
        let read = Realtime::read(&reply.headers);
        if reply.status.is_success() {
            return read.with_body(&reply.body);
        }
        // What the bank's wanting its customer looks like is not documented; headers say it anyhow.
        if reply.status.is_client_error() && read.reauth_required {
            return Ok(read);
        }
        Err(reply.refusal())
    }

    /// `POST /accounts/{id}/sync`: has everything fetched again, in the way of before Oct 2023.
    ///
    /// # Errors
    /// [`MonoError`]; [`MonoError::Timeout`] after 35 s.
    pub async fn sync(&self, id: &AccountId, allow_incomplete: bool) -> Result<Synced, MonoError> {
        let query = if allow_incomplete { "?allow_incomplete_statement=true" } else { "" };
        let path = format!("/accounts/{}/sync{query}", segment(id.as_str())?);
        let body = Some("{}".to_owned());
        let (method, headers) = (Method::POST, HeaderMap::new());
        let reply = self.start(method, Some(id), &path, headers, body, REFRESH).await?;
        if !reply.status.is_success() {
            // Documented as 2xx by inference only: a code is a code.
            return match Synced::decode(&reply.body) {
                Ok(synced) if reply.status.is_client_error() => Ok(synced),
                Ok(_) | Err(_) => Err(reply.refusal()),
            };
        }
        Synced::decode(&reply.body)
    }
}

impl Realtime {
    /// What the headers say, in the spellings and values of every year.
    fn read(headers: &HeaderMap) -> Self {
        let text = |name: &str| {
            let text = headers.get(name)?.to_str().ok()?.trim();
            (!text.is_empty()).then(|| text.chars().take(128).collect::<String>())
        };
        let flag = |name: &str| text(name).and_then(|text| text.to_ascii_lowercase().parse().ok());
        Self {
            job: text("x-job-id"),
            status: text("x-job-status"),
            new_data: flag("x-has-new-data"),
            reauth_required: flag("x-reauth-required") == Some(true),
            ..Self::default()
        }
    }

    fn with_body(mut self, body: &[u8]) -> Result<Self, MonoError> {
        let envelope: Envelope = decode(body)?;
        let data: &Raw = &envelope.data;
        self.enqueued = data.as_deref().is_none_or(|data| data.get() == "null");
        // A page of transactions is a list, and nothing of it is wanted here.
        if let Ok(read) = LiveBalance::decode(body) {
            self.enqueued = false;
            self.balance = read.balance;
            self.currency = read.currency;
        }
        Ok(self)
    }
}

impl Synced {
    /// Decodes the body of a manual sync, flat or in an envelope.
    ///
    /// # Errors
    /// [`MonoError::BadResponse`] without a code that is known.
    pub fn decode(body: &[u8]) -> Result<Self, MonoError> {
        let flat: SyncBody = decode(body)?;
        let sync = if flat.code.get().is_some() {
            flat
        } else {
            part(&flat.data).ok_or(MonoError::BadResponse("there is no code in it"))?
        };
        let word = sync.code.get().map(|code| code.trim().to_ascii_uppercase());
        let code = match word.as_deref() {
            // Two spellings: SYNC_SUCCESSFUL, SYNCED_SUCCESSFUL.
            Some(word) if word.starts_with("SYNC") && word.ends_with("SUCCESSFUL") => {
                SyncedCode::Successful
            }
            Some("REAUTHORISATION_REQUIRED" | "REAUTHORIZATION_REQUIRED") => {
                SyncedCode::ReauthorisationRequired
            }
            Some("SYNC_ERROR") => SyncedCode::Error,
            Some("INCOMPLETE_STATEMENT_ERROR") => SyncedCode::IncompleteStatement,
            Some(_) | None => {
                return Err(MonoError::BadResponse("its code is none that Mono documents"));
            }
        };
        Ok(Self { code, new_data: part(&sync.has_new_data).or_else(|| part(&sync.new_data)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn the_headers_of_every_year_are_read() {
        let of_2023 = headers(&[("x-has-new-data", "False"), ("x-reauth-required", "TRUE")]);
        let read = Realtime::read(&of_2023);
        assert_eq!((read.new_data, read.reauth_required, read.status), (Some(false), true, None));
        let of_2026 = headers(&[("x-job-id", " 66f0 "), ("x-job-status", "FINISHED")]);
        let read = Realtime::read(&of_2026);
        assert_eq!((read.job.as_deref(), read.status.as_deref()), (Some("66f0"), Some("FINISHED")));
        assert_eq!((read.new_data, read.reauth_required), (None, false));
        assert_eq!(Realtime::read(&headers(&[("x-job-id", "")])), Realtime::default());
    }

    #[test]
    fn an_enqueued_read_is_told_from_one_with_data() {
        let body = |text: &str| Realtime::default().with_body(text.as_bytes());
        assert!(body(r#"{"data":null,"message":"enqueued"}"#).is_ok_and(|read| read.enqueued));
        assert!(body(r#"{"message":"enqueued"}"#).is_ok_and(|read| read.enqueued));
        assert!(body(r#"{"data":[]}"#).is_ok_and(|read| !read.enqueued));
        let read = body(r#"{"data":{"id":"a","balance":5376900,"currency":"ngn"}}"#);
        let read = read.expect("a balance");
        assert_eq!((read.balance, read.currency.as_deref()), (Some(Ok(5_376_900)), Some("NGN")));
        assert!(body("<html>").is_err());
    }
}
