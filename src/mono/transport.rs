//! One request to Mono and its answer, whatever becomes of either.
//!
//! A call ends within its deadline, reads at most 8 MiB, goes to one host and follows nothing. It is
//! given up as soon as whoever asked goes away: who must not be, asks from a task.

use std::{
    error::Error,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use chrono::DateTime;
use reqwest::{
    Method, Response, StatusCode,
    header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER},
};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout_at},
};

use super::{
    MonoError,
    breaker::{Breaker, Leave, Outcome, Refused, Turn},
    jobs, model,
};
use crate::{
    clock::{Clock, Time},
    ids::AccountId,
};

/// The largest body that is read, in bytes, unpacked.
const LARGEST_BODY: usize = 8 * 1024 * 1024;

/// How much is read of the body of an error, in bytes, and for how long: only a few of its words
/// matter.
const LARGEST_ERROR: usize = 64 * 1024;
const ERROR_WITHIN: Duration = Duration::from_secs(1);

/// How many calls may be under way at once.
const AT_ONCE: usize = 128;

/// How often a call is tried.
const TRIES: u32 = 3;

/// Longer than a day is no advice, in milliseconds.
const LONGEST_ADVICE: i64 = 24 * 60 * 60 * 1000;

/// When a call that failed is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// While that is of use: it only reads.
    WhilePassing,
    /// Only if nothing of it was sent: it changes something.
    IfUnsent,
}

/// A request.
pub(super) struct Call<'a> {
    /// Its method.
    pub(super) method: Method,
    /// Its path and query.
    pub(super) path: &'a str,
    /// Headers beside those of every request.
    pub(super) headers: HeaderMap,
    /// Its body, in JSON.
    pub(super) body: Option<String>,
    /// Which account it is about.
    pub(super) account: Option<&'a AccountId>,
    /// How long it may take in all.
    pub(super) within: Duration,
    /// When it is tried again.
    pub(super) again: Again,
}

/// An answer of Mono's, whatever its status.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    retry_after_ms: Option<u64>,
}

impl Reply {
    /// What an answer that is no success means.
    pub(super) fn refusal(&self) -> MonoError {
        refusal(self.status, self.retry_after_ms, &self.body)
    }

    /// Its body, if it is a success.
    pub(super) fn success(self) -> Result<Bytes, MonoError> {
        if self.status.is_success() { Ok(self.body) } else { Err(self.refusal()) }
    }
}

/// A try that brought no answer.
struct Failure {
    error: MonoError,
    /// Mono may have heard it.
    sent: bool,
    /// The same read may succeed a moment later.
    passing: bool,
}

impl Failure {
    fn at_last(error: MonoError) -> Self {
        Self { error, sent: true, passing: false }
    }
}

/// Sends calls.
#[derive(Debug)]
pub(super) struct Transport {
    http: reqwest::Client,
    base: String,
    permits: Semaphore,
    breaker: Mutex<Breaker>,
    clock: Clock,
}

impl Transport {
    /// Sends calls to `base`, an address without a slash at its end.
    pub(super) fn new(http: reqwest::Client, base: String, clock: Clock) -> Self {
        show(&Breaker::new());
        let breaker = Mutex::new(Breaker::new());
        Self { http, base, permits: Semaphore::new(AT_ONCE), breaker, clock }
    }

    /// The answer to `call`, whatever its status.
    ///
    /// # Errors
    /// [`MonoError::NotAsked`], [`MonoError::Unavailable`], [`MonoError::Timeout`] or
    /// [`MonoError::BadResponse`].
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Reply, MonoError> {
        let deadline = Instant::now() + call.within;
        let mut pass = self.admit(call.account)?;
        let mut tried = 0;
        loop {
            tried += 1;
            let result = self.attempt(call, deadline, &mut pass).await;
            let (again, advice) = match &result {
                Ok(reply) => {
                    let later = reply.status.is_server_error()
                        || reply.status == StatusCode::TOO_MANY_REQUESTS;
                    (later && call.again == Again::WhilePassing, reply.retry_after_ms)
                }
                Err(failure) => {
                    let reads = call.again == Again::WhilePassing && failure.passing;
                    (reads || !failure.sent, None)
                }
            };
            let pause = pause(advice, tried);
            // Nothing is tried again that could not be answered in time, and one probe is one request.
            let left = deadline.saturating_duration_since(Instant::now());
            if tried == TRIES || !again || pause >= left || matches!(pass.leave, Leave::Probe(_)) {
                return result.map_err(|failure| failure.error);
            }
            sleep(pause).await;
        }
    }

    /// One try.
    async fn attempt(
        &self,
        call: &Call<'_>,
        deadline: Instant,
        pass: &mut Pass<'_>,
    ) -> Result<Reply, Failure> {
        pass.lives = false;
        let late = |_| Failure::at_last(MonoError::Timeout);
        let _permit = timeout_at(deadline, self.permits.acquire()).await.map_err(late)?;
        // Whoever waited may have waited for a Mono that is down.
        pass.check().map_err(Failure::at_last)?;
        let result = match timeout_at(deadline, self.exchange(call, deadline, pass)).await {
            Ok(result) => result,
            Err(elapsed) => Err(late(elapsed)),
        };
        pass.outcome = match &result {
            Ok(reply) if reply.status == StatusCode::TOO_MANY_REQUESTS => {
                Outcome::Limited(reply.retry_after_ms)
            }
            Ok(_) | Err(_) if pass.lives => Outcome::Life,
            Ok(_) | Err(_) => Outcome::Failure,
        };
        result
    }

    async fn exchange(
        &self,
        call: &Call<'_>,
        deadline: Instant,
        pass: &mut Pass<'_>,
    ) -> Result<Reply, Failure> {
        let method = call.method.to_string();
        metrics::counter!("mono_gateway_upstream_calls_total", "method" => method).increment(1);
        let url = format!("{}{}", self.base, call.path);
        let mut request = self.http.request(call.method.clone(), url).headers(call.headers.clone());
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        let mut response = request.send().await.map_err(|error| Failure {
            error: MonoError::Unavailable { retry_after_ms: None },
            // A connection that does not come about is worth another try, whatever is asked.
            sent: !error.is_connect(),
            passing: true,
        })?;
        let status = response.status();
        if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS {
            pass.lives();
        }
        let headers = std::mem::take(response.headers_mut());
        let body = if status.is_success() {
            whole(response).await?
        } else {
            beginning(response, deadline).await
        };
        let retry_after_ms = retry_after(&headers, self.clock.now());
        Ok(Reply { status, headers, body, retry_after_ms })
    }

    fn admit<'a>(&'a self, account: Option<&'a AccountId>) -> Result<Pass<'a>, MonoError> {
        let now = self.clock.now();
        let mut breaker = self.breaker();
        let leave = breaker.admit(now, account).map_err(not_asked)?;
        show(&breaker);
        Ok(Pass { transport: self, account, leave, lives: false, outcome: Outcome::Nothing })
    }

    /// Whether a call about this account would not be made now.
    pub(super) fn is_down_for(&self, account: &AccountId) -> bool {
        self.breaker().refusal(self.clock.now(), Some(account)).is_some()
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, leave: Leave, account: Option<&AccountId>, outcome: Outcome) {
        let now = self.clock.now();
        let turn = {
            let mut breaker = self.breaker();
            let turn = breaker.settle(now, leave, account, outcome);
            show(&breaker);
            turn
        };
        match turn {
            Some(Turn::Opened) => {
                tracing::warn!(
                    "Mono is down: nothing came back for some time; calls fail at once until it answers again"
                );
            }
            Some(Turn::Closed) => tracing::info!("Mono answers again"),
            None => {}
        }
    }
}

/// The leave to make a call. Given back with what came of it, also if whoever asked goes away.
struct Pass<'a> {
    transport: &'a Transport,
    account: Option<&'a AccountId>,
    leave: Leave,
    lives: bool,
    outcome: Outcome,
}

impl Pass<'_> {
    /// Notes an answer as soon as there is one: others may be waiting for a sign of life.
    fn lives(&mut self) {
        self.lives = true;
        // Whoever leaves from here on has seen life, whatever an earlier try saw.
        self.outcome = Outcome::Life;
        self.transport.settle(self.leave, self.account, Outcome::Life);
    }

    fn check(&self) -> Result<(), MonoError> {
        if matches!(self.leave, Leave::Probe(_)) {
            return Ok(());
        }
        let now = self.transport.clock.now();
        let refusal = self.transport.breaker().refusal(now, self.account);
        refusal.map_or(Ok(()), |refused| Err(not_asked(refused)))
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        // Life was noted when it showed; since then others may have failed.
        if self.outcome != Outcome::Life {
            self.transport.settle(self.leave, self.account, self.outcome);
        }
    }
}

fn not_asked(refused: Refused) -> MonoError {
    MonoError::NotAsked { retry_after_ms: refused.retry_after_ms }
}

fn show(breaker: &Breaker) {
    metrics::gauge!("mono_gateway_upstream_breaker").set(breaker.level());
}

/// The body of a success.
async fn whole(mut response: Response) -> Result<Bytes, Failure> {
    let too_large = || Failure::at_last(MonoError::BadResponse("it is larger than 8 MiB"));
    if response.content_length().is_some_and(|length| length > LARGEST_BODY as u64) {
        return Err(too_large());
    }
    let mut bytes = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > LARGEST_BODY => {
                return Err(too_large());
            }
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Ok(bytes.freeze()),
            Err(error) => {
                let error = if is_reset(&error) {
                    MonoError::Unavailable { retry_after_ms: None }
                } else {
                    MonoError::BadResponse("it broke off")
                };
                return Err(Failure { error, sent: true, passing: true });
            }
        }
    }
}

/// What of the body of an error comes soon. Its status counts, whatever becomes of the body.
async fn beginning(mut response: Response, deadline: Instant) -> Bytes {
    let until = deadline.min(Instant::now() + ERROR_WITHIN);
    let mut bytes = BytesMut::new();
    while bytes.len() < LARGEST_ERROR {
        match timeout_at(until, response.chunk()).await {
            Ok(Ok(Some(chunk))) => {
                let room = LARGEST_ERROR - bytes.len();
                bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
            Ok(Ok(None) | Err(_)) | Err(_) => break,
        }
    }
    bytes.freeze()
}

/// Whether the connection was torn down, as against a body that ended too early or is packed wrongly.
fn is_reset(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>()
            && matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
            )
        {
            return true;
        }
        cause = error.source();
    }
    false
}

/// What an answer that is no success means.
pub(super) fn refusal(status: StatusCode, retry_after_ms: Option<u64>, body: &[u8]) -> MonoError {
    match status.as_u16() {
        401 => MonoError::Unauthorized,
        400..=499 if jobs::is_no_webhook(body) => MonoError::NoWebhook,
        404 if !model::is_not_reauthorisable(body) => MonoError::NotFound,
        429 => MonoError::RateLimited { retry_after_ms },
        400..=499 if model::is_not_reauthorisable(body) => MonoError::NotReauthorisable,
        code @ 400..=499 => MonoError::Rejected(code),
        500..=599 => MonoError::Unavailable { retry_after_ms },
        300..=399 => MonoError::BadResponse("it is a redirect"),
        _ => MonoError::BadResponse("its status is none that Mono documents"),
    }
}

/// How long to wait before trying again: longer each time, never quite the same, so that callers
/// that failed together do not come back together, and not before Mono asks to.
fn pause(advice_ms: Option<u64>, tried: u32) -> Duration {
    let most = 100 * 2_u64.pow(tried);
    let own = rand::random_range(most / 2..=most);
    Duration::from_millis(advice_ms.map_or(own, |advice| advice.saturating_add(own / 4).max(own)))
}

/// For how long Mono asks to be left alone, in milliseconds: given in seconds, or as a moment of
/// Mono's own clock, which stands beside it. Source: RFC 9110, section 10.2.3.
fn retry_after(headers: &HeaderMap, now: Time) -> Option<u64> {
    let text = |name: HeaderName| Some(headers.get(name)?.to_str().ok()?.trim());
    let moment = |text: &str| DateTime::parse_from_rfc2822(text).ok();
    let advice = text(RETRY_AFTER)?;
    let ms = if advice.bytes().all(|byte| byte.is_ascii_digit()) {
        advice.parse::<i64>().ok()?.checked_mul(1000)?
    } else {
        let theirs = text(DATE).and_then(moment).map_or(now, |date| date.to_utc());
        (moment(advice)?.to_utc() - theirs).num_milliseconds()
    };
    u64::try_from(ms).ok().filter(|_| ms <= LONGEST_ADVICE)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;
    use crate::clock::from_ms;

    fn advice(date: Option<&'static str>, retry_after: &'static str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(retry_after));
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_static(date));
        }
        // 2026-01-02 03:04:05
        super::retry_after(&headers, from_ms(1_767_323_045_000).expect("a time"))
    }

    #[test]
    fn the_time_to_be_left_alone_is_read_in_both_forms() {
        assert_eq!(advice(None, "0"), Some(0));
        assert_eq!(advice(None, " 7 "), Some(7_000));
        assert_eq!(advice(None, "86400"), Some(86_400_000));
        assert_eq!(advice(None, "Fri, 02 Jan 2026 03:04:35 GMT"), Some(30_000));
        // Held against Mono's own clock, whatever ours says.
        let date = Some("Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(advice(date, "Thu, 01 Jan 1970 00:00:05 GMT"), Some(5_000));
    }

    #[test]
    fn what_is_no_advice_is_none() {
        let absurd =
            ["", "-1", "1.5", "soon", "86401", "99999999999999999999", "9223372036854775807"];
        for text in absurd {
            assert_eq!(advice(None, text), None, "{text}");
        }
        for text in
            ["Fri, 02 Jan 2026 03:04:04 GMT", "Sun, 06 Nov 2594 08:49:37 GMT", "Fri, 99 Jan"]
        {
            assert_eq!(advice(None, text), None, "{text}");
        }
    }

    #[test]
    fn whether_mono_is_asked_is_a_metric() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let shown = recorder.handle();
        let level = |breaker: &Breaker| {
            metrics::with_local_recorder(&recorder, || show(breaker));
            let text = shown.render();
            let line = text.lines().find(|line| line.starts_with("mono_gateway_upstream_breaker"));
            line.map(str::to_owned)
        };
        let (mut breaker, now) = (Breaker::new(), Clock::default().now());
        assert_eq!(level(&breaker).as_deref(), Some("mono_gateway_upstream_breaker 0"));
        for second in 0..20 {
            let account = AccountId::parse(&format!("a{}", second % 5)).ok();
            let at = now + chrono::Duration::seconds(second);
            breaker.settle(at, Leave::Usual, account.as_ref(), Outcome::Failure);
        }
        assert_eq!(level(&breaker).as_deref(), Some("mono_gateway_upstream_breaker 2"));
        assert!(matches!(breaker.admit(now, None), Ok(Leave::Probe(_))));
        assert_eq!(level(&breaker).as_deref(), Some("mono_gateway_upstream_breaker 1"));
    }

    #[test]
    fn nobody_comes_back_before_mono_asks_to_nor_all_at_once() {
        for tried in 1..TRIES {
            for advice in [None, Some(0), Some(2_000)] {
                let pauses: Vec<_> = (0..50).map(|_| pause(advice, tried)).collect();
                let least = Duration::from_millis(advice.unwrap_or_default().max(100));
                assert!(pauses.iter().all(|pause| *pause >= least), "{pauses:?}");
                assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{pauses:?}");
            }
        }
        assert!(pause(Some(u64::MAX), 1) > Duration::from_secs(1));
    }
}
