//! Speaks to Mono; knows nothing of us.
//!
//! Whatever Mono does, a call ends within its deadline with an answer or a [`MonoError`]. The key
//! goes to the configured host and nowhere else: redirects and `next` links are not followed.
//!
//! Source: Mono docs, read 2026; every shape has a fixture in `tests/fixtures/mono`.

mod breaker;
pub mod data;
pub mod error;
pub mod jobs;
pub mod link;
pub mod model;
pub mod refresh;
mod transport;
mod widget;
pub mod wire;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use reqwest::{
    Method,
    header::{ACCEPT, HeaderMap, HeaderName, HeaderValue},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

pub use error::MonoError;
pub use model::{Amount, Details, HostedLink, Institution, Next, Transaction, TransactionPage};

use crate::{clock::Clock, ids::AccountId};
use transport::{Again, Call, Reply, Transport};

const KEY: HeaderName = HeaderName::from_static("mono-sec-key");

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);

/// How long a read may take in all, retries included.
const READ: Duration = Duration::from_secs(10);

/// How long a request that changes something may take.
const WRITE: Duration = Duration::from_secs(15);

/// The client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The address is not one.
    #[error(
        "MONO_BASE_URL must be an http(s) address without a version, as in https://api.withmono.com"
    )]
    BaseUrl,
    /// The key cannot be sent in a header.
    #[error("MONO_SECRET_KEY has characters that no key has")]
    Key,
    /// No TLS.
    #[error("the HTTP client cannot be built; are CA certificates installed?")]
    Http(#[source] reqwest::Error),
}

/// Which transactions to ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TransactionQuery {
    /// From 1 on.
    pub page: Option<i64>,
    /// How many on a page.
    pub limit: Option<i64>,
    /// Not before this day.
    pub start: Option<chrono::NaiveDate>,
    /// Not after this day.
    pub end: Option<chrono::NaiveDate>,
    /// `debit` or `credit`.
    pub kind: Option<&'static str>,
    /// A part of the narration.
    pub narration: Option<String>,
}

/// Asks Mono. Clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    transport: Arc<Transport>,
}

impl Client {
    /// A client of the Mono at `base_url`, known to it by `key`.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn new(base_url: &str, key: &SecretString, clock: Clock) -> Result<Self, BuildError> {
        let url = url::Url::parse(base_url).map_err(|_| BuildError::BaseUrl)?;
        let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        let versioned = url.path().trim_end_matches('/').rsplit('/').next().is_some_and(|last| {
            last.strip_prefix('v')
                .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        });
        let web = matches!(url.scheme(), "http" | "https") && url.has_host();
        if !web || !plain || versioned {
            return Err(BuildError::BaseUrl);
        }
        let mut key = HeaderValue::from_str(key.expose_secret()).map_err(|_| BuildError::Key)?;
        key.set_sensitive(true);
        let headers = HeaderMap::from_iter([
            (KEY, key),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        // Fails only if there is one already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(Duration::from_secs(60))
            .tcp_nodelay(true)
            .no_proxy()
            .user_agent(concat!("mono-gateway/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(BuildError::Http)?;
        let base = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { transport: Arc::new(Transport::new(http, base, clock)) })
    }

    /// Whether a call about this account would not be made now, since all of Mono is down.
    #[must_use]
    pub fn is_down_for(&self, account: &AccountId) -> bool {
        self.transport.is_down_for(account)
    }

    /// `GET /v2/accounts/{id}`: the account's details and how far its data is.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn account(&self, id: &AccountId) -> Result<Details, MonoError> {
        let path = format!("/v2/accounts/{}", segment(id.as_str())?);
        Details::decode(&self.read(Some(id), &path).await?)
    }

    /// `GET /v2/accounts/{id}/transactions`: one page of its transactions.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn transactions(
        &self,
        id: &AccountId,
        query: &TransactionQuery,
    ) -> Result<TransactionPage, MonoError> {
        let mut path = format!("/v2/accounts/{}/transactions", segment(id.as_str())?);
        let query = query.encode();
        if !query.is_empty() {
            path.push('?');
            path.push_str(&query);
        }
        TransactionPage::decode(&self.read(Some(id), &path).await?)
    }

    /// `POST /v2/accounts/initiate`, scope `reauth`: a link that the customer opens.
    ///
    /// Source: Mono docs, "Reauth Link Initiation Guide", read Mar 2024 and Jan 2026. Optional
    /// parts that are not given are left out.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn initiate_reauth(
        &self,
        id: &AccountId,
        reference: &str,
        redirect_url: Option<&str>,
    ) -> Result<HostedLink, MonoError> {
        let mut body = json!({
            "account": id.as_str(),
            "scope": "reauth",
            "meta": { "ref": reference },
        });
        if let Some(url) = redirect_url {
            body["redirect_url"] = json!(url);
        }
        let body = Some(body.to_string());
        HostedLink::decode(&self.write(Some(id), "/v2/accounts/initiate", body).await?)
    }

    /// Whether Mono answers and takes our key.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn probe(&self) -> Result<(), MonoError> {
        match self.read(None, "/v2/accounts?limit=1").await {
            // The path is known from clients' code only: any answer but a refusal of the key is one.
            Ok(_) | Err(MonoError::NotFound | MonoError::Rejected(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A read, tried again while that is of use and fits the deadline. `account` is the one that it
    /// is about.
    async fn read(&self, account: Option<&AccountId>, path: &str) -> Result<Bytes, MonoError> {
        let (method, headers) = (Method::GET, HeaderMap::new());
        let (within, again) = (READ, Again::WhilePassing);
        let call = Call { method, path, headers, body: None, account, within, again };
        self.transport.send(&call).await?.success()
    }

    /// A request that changes something: tried again only if nothing of it was sent.
    async fn write(
        &self,
        account: Option<&AccountId>,
        path: &str,
        body: Option<String>,
    ) -> Result<Bytes, MonoError> {
        self.start(Method::POST, account, path, HeaderMap::new(), body, WRITE).await?.success()
    }

    /// A GET that starts something: tried again only if nothing of it was sent.
    async fn start_by_get(&self, account: &AccountId, path: &str) -> Result<Bytes, MonoError> {
        let headers = HeaderMap::new();
        self.start(Method::GET, Some(account), path, headers, None, WRITE).await?.success()
    }

    /// A request that starts something, whatever its method: tried again only if nothing of it was
    /// sent. The answer comes whole, whatever its status.
    async fn start(
        &self,
        method: Method,
        account: Option<&AccountId>,
        path: &str,
        headers: HeaderMap,
        body: Option<String>,
        within: Duration,
    ) -> Result<Reply, MonoError> {
        let again = Again::IfUnsent;
        self.transport.send(&Call { method, path, headers, body, account, within, again }).await
    }
}

/// An id as one segment of a path: everything but letters and digits is escaped.
fn segment(id: &str) -> Result<String, MonoError> {
    // These two are steps through a path however they are escaped; nothing has them.
    if matches!(id, "" | "." | "..") {
        return Err(MonoError::NotFound);
    }
    Ok(id.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
        text
    }))
}

impl TransactionQuery {
    /// As Mono's parameters. Dates are DD-MM-YYYY there.
    fn encode(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let mut put = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        };
        let day =
            |day: Option<chrono::NaiveDate>| day.map(|day| day.format("%d-%m-%Y").to_string());
        put("page", self.page.map(|page| page.to_string()));
        put("limit", self.limit.map(|limit| limit.to_string()));
        put("start", day(self.start));
        put("end", day(self.end));
        put("type", self.kind.map(str::to_owned));
        put("narration", self.narration.clone());
        query.finish()
    }
}

#[cfg(test)]
mod tests;
