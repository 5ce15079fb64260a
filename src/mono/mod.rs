//! Speaks to Mono; knows nothing of us.
//!
//! Whatever Mono does, a call ends within its deadline with an answer or a [`MonoError`]. The key
//! goes to the configured host and nowhere else: redirects and `next` links are not followed.
//!
//! Source: Mono docs, read 2026; every shape has a fixture in `tests/fixtures/mono`.

pub mod data;
pub mod error;
pub mod jobs;
pub mod link;
pub mod model;
pub mod refresh;
mod widget;
pub mod wire;

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use reqwest::{
    Method, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio::{sync::Semaphore, time::Instant};

pub use error::MonoError;
pub use model::{Amount, Details, HostedLink, Institution, Next, Transaction, TransactionPage};

use crate::ids::AccountId;

const KEY: HeaderName = HeaderName::from_static("mono-sec-key");

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);

/// How long a read may take in all, retries included.
const READ: Duration = Duration::from_secs(10);

/// How long a request that changes something may take.
const WRITE: Duration = Duration::from_secs(15);

/// The largest body that is read.
const LARGEST_BODY: usize = 8 * 1024 * 1024;

/// How many calls may be under way at once.
const AT_ONCE: usize = 128;

/// How often a read is tried.
const TRIES: u32 = 3;

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
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    base: String,
    permits: Semaphore,
}

impl Client {
    /// A client of the Mono at `base_url`, known to it by `key`.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn new(base_url: &str, key: &SecretString) -> Result<Self, BuildError> {
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
        Ok(Self { inner: Arc::new(Inner { http, base, permits: Semaphore::new(AT_ONCE) }) })
    }

    /// `GET /v2/accounts/{id}`: the account's details and how far its data is.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn account(&self, id: &AccountId) -> Result<Details, MonoError> {
        Details::decode(&self.read(&format!("/v2/accounts/{}", segment(id.as_str())?)).await?)
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
        TransactionPage::decode(&self.read(&path).await?)
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
        HostedLink::decode(&self.write("/v2/accounts/initiate", Some(body.to_string())).await?)
    }

    /// Whether Mono answers and takes our key.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn probe(&self) -> Result<(), MonoError> {
        match self.read("/v2/accounts?limit=1").await {
            // The path is known from clients' code only: any answer but a refusal of the key is one.
            Ok(_) | Err(MonoError::NotFound | MonoError::Rejected(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A read, tried again while that is of use and fits the deadline.
    async fn read(&self, path: &str) -> Result<Bytes, MonoError> {
        let deadline = Instant::now() + READ;
        let mut tried = 0;
        loop {
            tried += 1;
            let result =
                tokio::time::timeout_at(deadline, self.send(Method::GET, path, None)).await;
            let error = match result.unwrap_or(Err(Failure::of(MonoError::Timeout))) {
                Ok(body) => return Ok(body),
                Err(failure) => failure.error,
            };
            let pause = pause(error, tried);
            if tried == TRIES || !error.is_passing() || Instant::now() + pause >= deadline {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// A request that changes something: tried again only if nothing of it was sent.
    async fn write(&self, path: &str, body: Option<String>) -> Result<Bytes, MonoError> {
        let deadline = Instant::now() + WRITE;
        let mut tried = 0;
        loop {
            tried += 1;
            let send = self.send(Method::POST, path, body.clone());
            let result = tokio::time::timeout_at(deadline, send).await;
            let failure = match result.unwrap_or(Err(Failure::of(MonoError::Timeout))) {
                Ok(body) => return Ok(body),
                Err(failure) => failure,
            };
            let pause = pause(failure.error, tried);
            if tried == TRIES || failure.sent || Instant::now() + pause >= deadline {
                return Err(failure.error);
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// A GET that starts something: tried again only if nothing of it was sent.
    async fn start_by_get(&self, path: &str) -> Result<Bytes, MonoError> {
        let reply = self.once(Method::GET, path, HeaderMap::new(), None, WRITE).await?;
        if reply.status.is_success() { Ok(reply.body) } else { Err(reply.refusal()) }
    }

    /// A request that starts something, whatever its method: tried again only if nothing of it was
    /// sent. The answer comes whole, whatever its status.
    async fn once(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Option<String>,
        within: Duration,
    ) -> Result<Reply, MonoError> {
        let deadline = Instant::now() + within;
        let mut tried = 0;
        loop {
            tried += 1;
            let send = self.ask(method.clone(), path, headers.clone(), body.clone());
            let result = tokio::time::timeout_at(deadline, send).await;
            let failure = match result.unwrap_or(Err(Failure::of(MonoError::Timeout))) {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            let pause = pause(failure.error, tried);
            if tried == TRIES || failure.sent || Instant::now() + pause >= deadline {
                return Err(failure.error);
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Bytes, Failure> {
        let reply = self.ask(method, path, HeaderMap::new(), body).await?;
        if reply.status.is_success() { Ok(reply.body) } else { Err(Failure::of(reply.refusal())) }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Option<String>,
    ) -> Result<Reply, Failure> {
        let _permit = self.inner.permits.acquire().await;
        metrics::counter!("mono_gateway_upstream_calls_total", "method" => method.to_string())
            .increment(1);
        let mut request = self.inner.http.request(method, format!("{}{path}", self.inner.base));
        request = request.headers(headers);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let mut response = request.send().await.map_err(|error| Failure {
            // A connection that does not come about is worth another try; silence is not.
            error: if error.is_timeout() && !error.is_connect() {
                MonoError::Timeout
            } else {
                MonoError::Unavailable
            },
            sent: !error.is_connect(),
        })?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let mut bytes = BytesMut::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() > LARGEST_BODY => {
                    return Err(Failure::of(MonoError::BadResponse("it is larger than 8 MiB")));
                }
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(_) if status.is_success() => {
                    return Err(Failure::of(MonoError::BadResponse("it broke off")));
                }
                Err(_) => break,
            }
        }
        Ok(Reply { status, headers, body: bytes.freeze() })
    }
}

/// An answer of Mono's, whatever its status.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Reply {
    /// What an answer that is no success means.
    fn refusal(&self) -> MonoError {
        refusal(self.status, retry_after(&self.headers), &self.body)
    }
}

/// A call that failed, and whether Mono may have heard it.
struct Failure {
    error: MonoError,
    sent: bool,
}

impl Failure {
    fn of(error: MonoError) -> Self {
        Self { error, sent: true }
    }
}

fn refusal(status: StatusCode, retry_after_ms: Option<u64>, body: &[u8]) -> MonoError {
    match status.as_u16() {
        401 => MonoError::Unauthorized,
        400..=499 if jobs::is_no_webhook(body) => MonoError::NoWebhook,
        404 if !model::is_not_reauthorisable(body) => MonoError::NotFound,
        429 => MonoError::RateLimited { retry_after_ms },
        400..=499 if model::is_not_reauthorisable(body) => MonoError::NotReauthorisable,
        code @ 400..=499 => MonoError::Rejected(code),
        500..=599 => MonoError::Unavailable,
        300..=399 => MonoError::BadResponse("it is a redirect"),
        _ => MonoError::BadResponse("its status is none that Mono documents"),
    }
}

/// How long to wait before trying again: what Mono asks for, or longer each time, never quite the
/// same, so that callers that failed together do not come back together.
fn pause(error: MonoError, tried: u32) -> Duration {
    if let MonoError::RateLimited { retry_after_ms: Some(ms) } = error {
        return Duration::from_millis(ms);
    }
    let most = 100 * 2_u64.pow(tried);
    Duration::from_millis(rand::random_range(most / 2..=most))
}

fn retry_after(headers: &HeaderMap) -> Option<u64> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    // Longer than a day is no advice.
    (seconds <= 86_400).then_some(seconds * 1000)
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
