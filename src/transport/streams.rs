//! Answers as they come, over one HTTP response: what all protocols that stream so have in common.
//!
//! Nothing is buffered here: the next answer is made when the last was taken, and a subscription
//! whose reader does not read waits, reads the log again when it reads again, and loses nothing. A
//! reader that is gone ends its subscription at once, since the server drops the response then.

use std::{convert::Infallible, future::pending, pin::Pin, time::Duration};

use async_graphql::{futures_util::stream::BoxStream, parser::types::OperationType};
use axum::{
    body::{Body, Bytes},
    http::{
        HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
};
use futures_util::{FutureExt as _, Stream, StreamExt as _, stream};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::{Connection, Engine, Prepared, media::Media, message::Answer};
use crate::{
    caller::Caller,
    error::{ApiError, ErrorCode},
    ids::RequestId,
};

/// How often a stream says that it is alive.
const ALIVE: Duration = Duration::from_secs(12);

/// How a protocol writes a stream.
pub trait Framing: 'static {
    /// The name by which its connections are counted.
    const NAME: &'static str;
    /// What its responses are.
    const MEDIA: Media;
    /// What is sent at once, so that proxies and clients see that the stream is open.
    const OPEN: &'static [u8];
    /// What says that the stream is alive.
    const ALIVE: &'static [u8];
    /// The end of an operation that has ended.
    const DONE: &'static [u8];

    /// An answer, with its place in the log if it has one.
    fn next(answer: &Answer, cursor: Option<String>) -> Bytes;

    /// The end of a subscription that has not ended, and why; nothing if the protocol says that by
    /// leaving its end out.
    fn cut(why: ApiError, id: RequestId) -> Option<Bytes>;
}

/// Runs an operation and sends each of its answers.
///
/// # Errors
/// The answer to an operation that is refused as it begins: then there is no stream.
pub fn run<F: Framing>(
    engine: Engine,
    prepared: Prepared,
    caller: Caller,
    id: RequestId,
    connection: Connection,
) -> Result<Response, Box<Answer>> {
    let cursors = prepared.cursors.clone();
    let is_subscription = prepared.operation == OperationType::Subscription;
    let asking = caller.clone();
    let mut answers = engine.stream(prepared, caller, id);
    // Whatever has to wait for something was not refused as it began.
    let first = answers.next().now_or_never().flatten();
    let first = match first {
        Some(answer) if answer.is_request_error() => return Err(Box::new(answer)),
        other => other,
    };
    let answers = stream::iter(first).chain(answers).map(move |answer| {
        let _open = &connection;
        F::next(&answer, cursors.take())
    });
    let ends = async move {
        // What answers once is let finish: its client could not know whether it was done.
        let why = if is_subscription { cut_short(&engine, &asking).await } else { pending().await };
        F::cut(why, id)
    };
    Ok(respond::<F>(frames::<F>(answers.boxed(), Box::pin(ends), ALIVE)))
}

/// Answers a request that cannot run: its errors, then the end.
pub fn refuse<F: Framing>(answer: &Answer) -> Response {
    let frames = [Bytes::from_static(F::OPEN), F::next(answer, None), Bytes::from_static(F::DONE)];
    respond::<F>(stream::iter(frames))
}

/// Ends when a subscription must, and tells why.
async fn cut_short(engine: &Engine, caller: &Caller) -> ApiError {
    tokio::select! {
        () = engine.until_ended(caller) => {
            ApiError::new(ErrorCode::Unauthenticated, "the token has ended; subscribe with a new one")
        }
        () = async {
            engine.draining().await;
            tokio::time::sleep(engine.drain_delay()).await;
        } => {
            let text = "the gateway restarts; subscribe again after the last cursor";
            ApiError::new(ErrorCode::Overloaded, text).after_ms(Some(1000))
        }
    }
}

type Ends = Pin<Box<dyn Future<Output = Option<Bytes>> + Send>>;

struct Running {
    answers: BoxStream<'static, Bytes>,
    ends: Ends,
    ticks: Interval,
}

enum State {
    New(Running),
    Open(Running),
    Over,
}

/// The bytes of a stream, from its first to its last.
fn frames<F: Framing>(
    answers: BoxStream<'static, Bytes>,
    ends: Ends,
    alive: Duration,
) -> impl Stream<Item = Bytes> + Send + 'static {
    let mut ticks = interval_at(Instant::now() + alive, alive);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let new = State::New(Running { answers, ends, ticks });
    stream::unfold(new, |state| async {
        let mut running = match state {
            State::New(running) => {
                return Some((Bytes::from_static(F::OPEN), State::Open(running)));
            }
            State::Open(running) => running,
            State::Over => return None,
        };
        tokio::select! {
            biased;
            last = &mut running.ends => Some((last?, State::Over)),
            answer = running.answers.next() => Some(match answer {
                Some(frame) => (frame, State::Open(running)),
                None => (Bytes::from_static(F::DONE), State::Over),
            }),
            _ = running.ticks.tick() => Some((Bytes::from_static(F::ALIVE), State::Open(running))),
        }
    })
}

fn respond<F: Framing>(frames: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let headers = [
        (CONTENT_TYPE, F::MEDIA.content_type()),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // Proxies that gather an answer before they pass it on would hold events back.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, Body::from_stream(frames.map(Ok::<_, Infallible>))).into_response()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{multipart::Multipart, sse::Events},
        *,
    };
    use crate::schema::refusal;

    const SHORT: Duration = Duration::from_millis(1);
    const LONG: Duration = Duration::from_secs(3600);

    fn never() -> Ends {
        Box::pin(pending())
    }

    async fn written(frames: impl Stream<Item = Bytes>) -> String {
        let all: Vec<_> = frames.collect().await;
        String::from_utf8(all.concat()).unwrap()
    }

    fn answered<F: Framing>() -> BoxStream<'static, Bytes> {
        let error = ApiError::new(ErrorCode::NotFound, "no");
        let id = RequestId::new(crate::clock::Clock::default().now());
        stream::iter([F::next(&Answer::new(refusal(error), id), None)]).boxed()
    }

    #[tokio::test]
    async fn a_quiet_stream_says_that_it_is_open_and_then_that_it_is_alive() {
        let quiet = frames::<Events>(stream::pending().boxed(), never(), SHORT);
        assert_eq!(written(quiet.take(3)).await, ":\n\n:\n\n:\n\n");
        let quiet = frames::<Multipart>(stream::pending().boxed(), never(), SHORT);
        let heartbeat = "\r\nContent-Type: application/json\r\n\r\n{}\r\n--graphql";
        assert_eq!(written(quiet.take(3)).await, format!("\r\n--graphql{heartbeat}{heartbeat}"));
    }

    #[tokio::test]
    async fn what_has_ended_says_so_and_what_is_cut_says_why_or_nothing() {
        let done = written(frames::<Events>(answered::<Events>(), never(), LONG)).await;
        assert!(done.starts_with(":\n\nevent: next\ndata: {"), "{done}");
        assert!(done.ends_with("}\n\nevent: complete\ndata:\n\n"), "{done}");
        let done = written(frames::<Multipart>(answered::<Multipart>(), never(), LONG)).await;
        assert!(done.contains("\r\n\r\n{\"payload\":{\"errors\":[{\"message\":\"no\""), "{done}");
        assert!(done.ends_with("}}\r\n--graphql--\r\n"), "{done}");

        let id = RequestId::new(crate::clock::Clock::default().now());
        let why = || ApiError::new(ErrorCode::Overloaded, "restart");
        let cut = |last| frames::<Events>(stream::pending().boxed(), last, LONG);
        let last = Events::cut(why(), id);
        assert_eq!(written(cut(Box::pin(async { last }))).await, ":\n\n");
        let last = Multipart::cut(why(), id);
        let cut = frames::<Multipart>(stream::pending().boxed(), Box::pin(async { last }), LONG);
        let cut = written(cut).await;
        assert!(cut.contains("{\"payload\":null,\"errors\":[{\"message\":\"restart\""), "{cut}");
        assert!(cut.ends_with("}]}\r\n--graphql--\r\n"), "{cut}");
    }
}
