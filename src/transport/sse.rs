//! GraphQL over server-sent events, one operation a connection.
//!
//! Source: graphql-sse's PROTOCOL.md, distinct connections mode. Beside it every event of a
//! subscription carries its cursor as `id`, so that a browser that reconnects resumes there.

use std::{convert::Infallible, time::Duration};

use axum::{
    http::{HeaderName, HeaderValue, header::CACHE_CONTROL},
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, StreamExt as _, stream};

use super::{Connection, Engine, Prepared, message::Answer};
use crate::{caller::Caller, ids::RequestId};

/// How often an idle stream says that it is alive.
const ALIVE: Duration = Duration::from_secs(12);

/// Runs an operation and sends each of its answers as an event.
pub fn stream(
    engine: Engine,
    prepared: Prepared,
    caller: Caller,
    id: RequestId,
    connection: Connection,
) -> Response {
    let cursors = prepared.cursors.clone();
    let answers = engine.stream(prepared, caller, id).map(move |answer| {
        let _open = &connection;
        next(&answer, cursors.take())
    });
    // A stream that ends because the gateway stops ends without `complete`: its client comes back.
    let ends = async move {
        engine.draining().await;
        tokio::time::sleep(engine.drain_delay()).await;
    };
    let whole = answers.chain(stream::once(async { complete() }));
    respond(stream::once(async { Event::default().comment("open") }).chain(whole).take_until(ends))
}

/// Answers a request that cannot run: its errors as an event, then the end.
pub fn refuse(answer: &Answer) -> Response {
    respond(stream::iter([next(answer, None), complete()]))
}

fn next(answer: &Answer, cursor: Option<String>) -> Event {
    // JSON has no bare line ends, which is all that an event's data must not have.
    let data = String::from_utf8(answer.to_json()).unwrap_or_default();
    let event = Event::default().event("next").data(data);
    match cursor {
        Some(cursor) => event.id(cursor),
        None => event,
    }
}

fn complete() -> Event {
    Event::default().event("complete").data("")
}

fn respond(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let events = events.map(Ok::<_, Infallible>);
    let mut response =
        Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE).text("alive")).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that gather an answer before they pass it on would hold events back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
