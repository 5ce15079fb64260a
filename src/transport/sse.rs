//! GraphQL over server-sent events, one operation a connection.
//!
//! Source: graphql-sse's PROTOCOL.md, distinct connections mode. Beside it every event of a
//! subscription carries its cursor as `id`, so that a browser that reconnects resumes there.
//! The frames are written here: `complete` must have a line of data, be it empty, or browsers do
//! not tell of it.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{
        HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::time::{MissedTickBehavior, interval_at};
use tokio_stream::wrappers::IntervalStream;

use super::{Connection, Engine, Prepared, message::Answer};
use crate::{caller::Caller, ids::RequestId};

/// How often a stream says that it is alive.
const ALIVE: Duration = Duration::from_secs(12);

const OPEN: Bytes = Bytes::from_static(b":\n\n");
const COMPLETE: Bytes = Bytes::from_static(b"event: complete\ndata:\n\n");

/// Runs an operation and sends each of its answers as an event.
pub fn stream(
    engine: Engine,
    prepared: Prepared,
    caller: Caller,
    id: RequestId,
    connection: Connection,
) -> Response {
    let cursors = prepared.cursors.clone();
    let asking = caller.clone();
    let answers = engine
        .stream(prepared, caller, id)
        .map(move |answer| {
            let _open = &connection;
            Some(next(&answer, cursors.take()))
        })
        .chain(stream::iter([Some(COMPLETE), None]));
    let mut ticks = interval_at(tokio::time::Instant::now() + ALIVE, ALIVE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let alive = IntervalStream::new(ticks).map(|_| Some(OPEN));
    // A stream that ends because the gateway stops ends without `complete`: its client comes back.
    let ends = async move {
        tokio::select! {
            () = engine.until_ended(&asking) => {}
            () = engine.draining() => tokio::time::sleep(engine.drain_delay()).await,
        }
    };
    let frames = stream::select(answers, alive)
        .take_while(|frame| std::future::ready(frame.is_some()))
        .filter_map(std::future::ready);
    respond(stream::iter([OPEN]).chain(frames).take_until(Box::pin(ends)))
}

/// Answers a request that cannot run: its errors as an event, then the end.
pub fn refuse(answer: &Answer) -> Response {
    respond(stream::iter([next(answer, None), COMPLETE]))
}

fn next(answer: &Answer, cursor: Option<String>) -> Bytes {
    let mut frame = b"event: next\n".to_vec();
    if let Some(cursor) = cursor {
        frame.extend_from_slice(format!("id: {cursor}\n").as_bytes());
    }
    // JSON has no bare line ends, which is all that a line of data must not have.
    frame.extend_from_slice(b"data: ");
    frame.extend_from_slice(&answer.to_json());
    frame.extend_from_slice(b"\n\n");
    frame.into()
}

fn respond(frames: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // Proxies that gather an answer before they pass it on would hold events back.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, Body::from_stream(frames.map(Ok::<_, Infallible>))).into_response()
}
