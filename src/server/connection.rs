//! One connection, from its first byte to its last.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    HeaderMap, Request, Response, StatusCode, Version,
    body::{Body, Incoming},
    header::{CONNECTION, CONTENT_TYPE, HeaderValue},
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, sleep_until},
};
use tower::Service;

use super::{
    Bounds,
    body::{Arriving, BoxError, Leaving},
    pulse::{Answer, Pulse, Why},
    stream::Stream,
};

/// The largest head that is read at all, in bytes, over either version. What is smaller and still
/// too large is refused with a text, by whoever serves the request.
const LARGEST_HEAD: usize = 64 * 1024;

/// How many requests an HTTP/2 connection may have under way. Fewer than 100 are discouraged.
/// Source: RFC 9113, section 6.5.2.
const STREAMS: u32 = 100;

/// What an HTTP/2 peer may send before anybody reads it: of one request and of all, in bytes. The
/// first is the protocol's own default.
const WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// How much of an answer is buffered for an HTTP/2 peer, in bytes.
const SEND_BUFFER: usize = 64 * 1024;

/// How many requests an HTTP/2 peer may take back before they were looked at, and how many of its
/// faults are answered; a peer beyond either is flooding and is cut.
/// Source: CVE-2023-44487 and what the library recommends against it.
const TAKEN_BACK: usize = 20;
const FAULTS: usize = 64;

/// How often a silent HTTP/2 peer is asked whether it lives, and how long it may take to say so.
const PING: Duration = Duration::from_secs(20);
const PONG: Duration = Duration::from_secs(10);

// Extended CONNECT stays off: nobody here takes a WebSocket over HTTP/2, so none is offered.
fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // The library's own time for a head runs while a connection is idle, too; ours tells the two
    // apart.
    builder.http1().header_read_timeout(None).max_buf_size(LARGEST_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(LARGEST_HEAD).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(TAKEN_BACK)
        .max_local_error_reset_streams(FAULTS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG);
    builder
}

/// What ends a wait.
enum Event {
    Ended,
    Draining,
    Due,
}

/// Serves one connection to its end.
pub(super) async fn drive<S, B>(
    socket: TcpStream,
    slot: OwnedSemaphorePermit,
    service: S,
    bounds: Bounds,
    mut draining: watch::Receiver<bool>,
) where
    S: Service<Request<Arriving>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let pulse = Arc::new(Pulse::new(bounds));
    let io = TokioIo::new(Stream::new(socket, slot, pulse.clone()));
    let service = TowerToHyperService::new(service);
    let watching = pulse.clone();
    let service = service_fn(move |request| exchange(&service, &watching, bounds, request));
    let builder = builder();
    let mut connection = pin!(builder.serve_connection_with_upgrades(io, service));
    let mut drain = pin!(draining.wait_for(|draining| *draining));
    let mut is_draining = false;
    let mut timer = pin!(sleep_until(pulse.due().0));
    loop {
        let mut next = |cx: &mut Context<'_>| {
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Event::Ended);
            }
            if !is_draining && drain.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Event::Draining);
            }
            // Moved only forward: mostly a connection moves on long before it would be due, and
            // one look a few seconds later costs less than a new time for every request.
            let (due, _) = pulse.due();
            if due < timer.deadline() {
                timer.as_mut().reset(due);
            }
            timer.as_mut().poll(cx).map(|()| Event::Due)
        };
        let event = poll_fn(&mut next).await;
        match event {
            Event::Ended => return,
            Event::Draining => {
                is_draining = true;
                pulse.no_lingering();
                connection.as_mut().graceful_shutdown();
            }
            Event::Due => {
                let (due, why) = pulse.due();
                match why {
                    Some(why) if due <= Instant::now() => {
                        if why == Why::Done {
                            return;
                        }
                        note(why);
                        if why != Why::Idle {
                            return;
                        }
                        pulse.done();
                        connection.as_mut().graceful_shutdown();
                        timer.as_mut().reset(pulse.due().0);
                    }
                    Some(_) | None => timer.as_mut().reset(due),
                }
            }
        }
    }
}

fn note(why: Why) {
    let why = why.as_str();
    tracing::debug!(why, "a connection is ended");
    metrics::counter!("mono_gateway_connections_cut_total", "reason" => why).increment(1);
}

/// Has one request answered, and watches it and its answer on their way.
fn exchange<S, B>(
    service: &TowerToHyperService<S>,
    pulse: &Arc<Pulse>,
    bounds: Bounds,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Leaving<B>>, Infallible>> + use<S, B>
where
    S: Service<Request<Arriving>, Response = Response<B>, Error = Infallible> + Clone,
{
    let is_http2 = request.version() == Version::HTTP_2;
    let exchange = pulse.begin(is_http2, request.body().is_end_stream());
    let until = Instant::now() + bounds.body;
    let request = request.map(|body| Arriving::new(body, until, pulse.clone(), exchange.id()));
    let answer = service.call(request);
    let pulse = pulse.clone();
    async move {
        let mut response = answer.await?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            pulse.no_lingering();
        } else if !is_http2 && !exchange.is_whole() {
            // A body that nobody reads to its end is not worth waiting for.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let is_endless = is_stream(response.headers());
        let since = Instant::now();
        exchange.answered(if is_endless { Answer::Endless } else { Answer::Leaving(since) });
        Ok(response.map(|body| Leaving::new(body, exchange)))
    }
}

/// Whether an answer ends only when somebody ends it.
fn is_stream(headers: &HeaderMap) -> bool {
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media.starts_with("text/event-stream") || media.starts_with("multipart/")
}
