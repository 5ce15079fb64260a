//! `graphql-transport-ws`, to the letter.
//!
//! Source: graphql-ws's PROTOCOL.md. One task a connection: whatever a connection holds ends with
//! it. A reader that does not read is not buffered for: its subscriptions wait, go back to reading
//! the log when it reads again, and lose nothing.

use std::{collections::HashMap, time::Duration};

use axum::{
    extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    response::{IntoResponse as _, Response},
};
use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{AbortHandle, BoxStream, SelectAll, SplitSink, abortable},
};
use serde_json::{Value as Json, json};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::{
    Connection, Engine,
    message::{Answer, GraphqlRequest},
    overloaded,
};
use crate::{
    caller::Caller,
    error::{ApiError, ErrorCode},
    schema::refusal,
};

const PROTOCOL: &str = "graphql-transport-ws";

/// How long a client may take to say hello.
const HELLO: Duration = Duration::from_secs(3);

/// How often the server pings, and after how many rounds of silence it hangs up.
const PING: Duration = Duration::from_secs(12);
const SILENT_ROUNDS: u32 = 2;

/// How long one frame may take to be accepted by the other side.
const SLOWEST_FRAME: Duration = Duration::from_secs(60);

/// How long saying goodbye may take.
const SLOWEST_GOODBYE: Duration = Duration::from_secs(5);

/// The largest message of a client's, in bytes.
const LARGEST: usize = 256 * 1024;

/// The largest answer, in bytes: a hundred pages of a hundred transactions are far from it.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// What the socket buffers at once: the usual 128 KiB would be most of an idle subscriber.
const BUFFER: usize = 4096;

/// Takes a connection over.
pub fn upgrade(engine: Engine, upgrade: WebSocketUpgrade) -> Response {
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        // Larger than any answer: one that does not fit would end the connection.
        .max_write_buffer_size(LARGEST_ANSWER)
        .max_message_size(LARGEST)
        .max_frame_size(LARGEST);
    upgrade.on_upgrade(move |socket| serve(engine, socket)).into_response()
}

/// Why a connection ends, as its close frame says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Close(u16, &'static str);

const NOT_A_MESSAGE: Close = Close(4400, "this is no message of graphql-transport-ws");
const UNAUTHORIZED: Close = Close(4401, "Unauthorized");
const FORBIDDEN: Close = Close(4403, "Forbidden");
const WRONG_PROTOCOL: Close = Close(4406, "Subprotocol not acceptable");
const NO_HELLO: Close = Close(4408, "Connection initialisation timeout");
const SECOND_HELLO: Close = Close(4429, "Too many initialisation requests");
const RESTARTING: Close = Close(1012, "the gateway restarts; come back");
const TOO_MANY: Close = Close(1013, "too many connections are open; try again later");

/// How a step of a connection ends it.
enum End {
    /// With a close frame.
    Close(u16, String),
    /// As the other side wants it.
    Agreed,
    /// The other side is gone.
    Gone,
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Close(close.0, close.1.to_owned())
    }
}

async fn serve(engine: Engine, socket: WebSocket) {
    let protocol = socket.protocol().map(|name| name.as_bytes().to_vec());
    let (sink, messages) = socket.split();
    let mut connection = Session {
        connection: engine.connect("websocket"),
        engine,
        caller: None,
        sink,
        operations: HashMap::new(),
        answers: SelectAll::new(),
        serial: 0,
    };
    let end = if protocol.as_deref() != Some(PROTOCOL.as_bytes()) {
        WRONG_PROTOCOL.into()
    } else if connection.connection.is_none() {
        TOO_MANY.into()
    } else {
        connection.run(messages).await
    };
    match end {
        End::Close(code, reason) => {
            let frame = CloseFrame { code, reason: short(&reason).into() };
            let _ =
                timeout(SLOWEST_GOODBYE, connection.sink.send(Message::Close(Some(frame)))).await;
            let _ = timeout(SLOWEST_GOODBYE, connection.sink.close()).await;
        }
        // The answer to a close frame is ready and has only to be sent.
        End::Agreed => {
            let _ = timeout(SLOWEST_GOODBYE, connection.sink.close()).await;
        }
        End::Gone => {}
    }
}

/// A reason that fits a close frame: at most 123 bytes, cut between characters.
fn short(reason: &str) -> &str {
    let mut end = reason.len().min(123);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.get(..end).unwrap_or_default()
}

/// What an operation sends.
enum Sent {
    Answer(String, u64, Box<Answer>),
    Done(String, u64),
}

struct Session {
    engine: Engine,
    /// Who said hello.
    caller: Option<Caller>,
    connection: Option<Connection>,
    sink: SplitSink<WebSocket, Message>,
    /// Operations under way, by their id, each with its number: an id may be used again.
    operations: HashMap<String, (u64, AbortHandle)>,
    answers: SelectAll<BoxStream<'static, Sent>>,
    serial: u64,
}

impl Session {
    async fn run(&mut self, mut messages: futures_util::stream::SplitStream<WebSocket>) -> End {
        let clock = self.engine.clone();
        let engine = self.engine.clone();
        let draining = async move {
            engine.draining().await;
            sleep(engine.drain_delay()).await;
        };
        tokio::pin!(draining);
        let hello = sleep(HELLO);
        tokio::pin!(hello);
        let mut pings = interval(PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pings.reset();
        let mut heard_at = Instant::now();
        loop {
            let step = tokio::select! {
                biased;
                () = &mut draining => Err(RESTARTING.into()),
                () = &mut hello, if self.caller.is_none() => Err(NO_HELLO.into()),
                () = ended(&clock, self.caller.clone()) => Err(FORBIDDEN.into()),
                message = messages.next() => match message {
                    Some(Ok(message)) => {
                        heard_at = Instant::now();
                        self.heard(message).await
                    }
                    Some(Err(_)) | None => Err(End::Gone),
                },
                _ = pings.tick() => {
                    if heard_at.elapsed() > PING * SILENT_ROUNDS + PING / 2 {
                        Err(End::Gone)
                    } else {
                        self.send(Message::Ping(Vec::new().into())).await
                    }
                }
                Some(sent) = self.answers.next(), if !self.answers.is_empty() => self.told(sent).await,
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(SLOWEST_FRAME, self.sink.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }

    async fn send_json(&mut self, json: &Json) -> Result<(), End> {
        self.send(Message::Text(json.to_string().into())).await
    }

    async fn heard(&mut self, message: Message) -> Result<(), End> {
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Err(NOT_A_MESSAGE.into()),
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(End::Agreed),
        };
        let Ok(Json::Object(mut message)) = serde_json::from_str(&text) else {
            return Err(NOT_A_MESSAGE.into());
        };
        let kind = message.get("type").and_then(Json::as_str).unwrap_or_default().to_owned();
        let payload = message.remove("payload");
        let has_object = payload.as_ref().is_none_or(|p| p.is_object() || p.is_null());
        match kind.as_str() {
            "connection_init" if !has_object => Err(NOT_A_MESSAGE.into()),
            "connection_init" if self.caller.is_some() => Err(SECOND_HELLO.into()),
            "connection_init" => {
                let caller = self.engine.caller(authorization(payload.as_ref()));
                self.caller = Some(caller.map_err(|_| FORBIDDEN)?);
                self.send_json(&json!({ "type": "connection_ack" })).await
            }
            "ping" if has_object => {
                self.renew(payload.as_ref())?;
                let mut pong = json!({ "type": "pong" });
                if let Some(payload) = payload {
                    pong["payload"] = payload;
                }
                self.send_json(&pong).await
            }
            "pong" if has_object => Ok(()),
            "subscribe" => {
                let id = id(message.get("id"))?;
                self.subscribe(id, payload.unwrap_or(Json::Null)).await
            }
            "complete" => {
                let id = id(message.get("id"))?;
                if let Some((_, operation)) = self.operations.remove(&id) {
                    operation.abort();
                }
                Ok(())
            }
            _ => Err(NOT_A_MESSAGE.into()),
        }
    }

    async fn subscribe(&mut self, id: String, payload: Json) -> Result<(), End> {
        let Some(caller) = self.caller.clone() else { return Err(UNAUTHORIZED.into()) };
        if self.operations.contains_key(&id) {
            return Err(End::Close(4409, format!("Subscriber for {id} already exists")));
        }
        let asked = GraphqlRequest::from_json(payload)
            .map_err(|error| End::Close(4400, format!("subscribe: {error}")))?;
        let request = self.engine.request_id();
        if self.operations.len() >= self.engine.operations_per_connection() {
            return self
                .send_error(&id, &Answer::new(refusal(too_many_operations()), request))
                .await;
        }
        let prepared = match self.engine.prepare(asked, None, request) {
            Ok(prepared) => prepared,
            Err(answer) => return self.send_error(&id, &answer).await,
        };
        self.serial += 1;
        let serial = self.serial;
        let (answers, operation) = abortable(self.engine.stream(prepared, caller, request));
        let done = id.clone();
        let named = id.clone();
        let sent = answers
            .map(move |answer| Sent::Answer(named.clone(), serial, Box::new(answer)))
            .chain(futures_util::stream::once(async move { Sent::Done(done, serial) }));
        self.operations.insert(id, (serial, operation));
        self.answers.push(sent.boxed());
        Ok(())
    }

    /// A ping may carry a new token: the same caller with the same rights, for longer. With other
    /// rights the connection closes, since its subscriptions began under the old ones.
    fn renew(&mut self, payload: Option<&Json>) -> Result<(), End> {
        if let (Some(caller), Some(text)) = (&self.caller, authorization(payload))
            && caller.ends_at().is_some()
        {
            let renewed = self.engine.caller(Some(text)).map_err(|_| FORBIDDEN)?;
            if !renewed.is_same_as(caller) {
                return Err(FORBIDDEN.into());
            }
            self.caller = Some(renewed);
        }
        Ok(())
    }

    /// Whether this operation still runs: one that was completed may have had an answer ready.
    fn is_under_way(&self, id: &str, serial: u64) -> bool {
        self.operations.get(id).is_some_and(|(running, _)| *running == serial)
    }

    async fn told(&mut self, sent: Sent) -> Result<(), End> {
        match sent {
            Sent::Answer(id, serial, answer) => {
                if !self.is_under_way(&id, serial) {
                    return Ok(());
                }
                // What cannot start is an error, which ends the operation, never an answer.
                if answer.is_request_error() {
                    if let Some((_, operation)) = self.operations.remove(&id) {
                        operation.abort();
                    }
                    return self.send_error(&id, &answer).await;
                }
                let mut text = String::with_capacity(256);
                text.push_str("{\"id\":");
                text.push_str(&Json::from(id).to_string());
                text.push_str(",\"type\":\"next\",\"payload\":");
                text.push_str(&String::from_utf8(answer.to_json()).unwrap_or_default());
                text.push('}');
                self.send(Message::Text(text.into())).await
            }
            Sent::Done(id, serial) => {
                if !self.is_under_way(&id, serial) {
                    return Ok(());
                }
                self.operations.remove(&id);
                self.send_json(&json!({ "id": id, "type": "complete" })).await
            }
        }
    }

    async fn send_error(&mut self, id: &str, answer: &Answer) -> Result<(), End> {
        let errors = serde_json::to_value(answer.errors()).unwrap_or_default();
        self.send_json(&json!({ "id": id, "type": "error", "payload": errors })).await
    }
}

/// The token that a payload carries.
fn authorization(payload: Option<&Json>) -> Option<&str> {
    let payload = payload?;
    payload.get("authorization").or_else(|| payload.get("Authorization"))?.as_str()
}

/// Ends when the caller's token does.
async fn ended(engine: &Engine, caller: Option<Caller>) {
    match caller {
        Some(caller) => engine.until_ended(&caller).await,
        None => std::future::pending().await,
    }
}

fn id(id: Option<&Json>) -> Result<String, End> {
    match id.and_then(Json::as_str) {
        Some(id) if !id.is_empty() => Ok(id.to_owned()),
        Some(_) | None => Err(NOT_A_MESSAGE.into()),
    }
}

fn too_many_operations() -> ApiError {
    ApiError::new(ErrorCode::RateLimited, "this connection runs as many operations as it may")
        .after_ms(overloaded().retry_after_ms())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_fits_its_frame() {
        assert_eq!(short("fine"), "fine");
        assert_eq!(short(&"x".repeat(200)).len(), 123);
        assert!(short(&"é".repeat(100)).len() <= 123);
    }
}
