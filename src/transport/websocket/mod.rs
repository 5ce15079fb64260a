//! `graphql-transport-ws`, to the letter.
//!
//! Source: graphql-ws's PROTOCOL.md. One task a connection: whatever a connection holds ends with
//! it. A reader that does not read is not buffered for: its subscriptions wait, go back to reading
//! the log when it reads again, and lose nothing.

mod frame;
mod operations;
mod socket;
mod upgrade;

use std::{borrow::Cow, time::Duration};

use async_graphql::parser::types::OperationType;
use axum::{http::request::Parts, response::Response};
use serde_json::{Value as Json, json};
use tokio::{
    task::{coop::consume_budget, yield_now},
    time::{Interval, MissedTickBehavior, interval, sleep},
};

use super::{
    Connection, Ended, Engine,
    message::{Answer, GraphqlRequest},
    overloaded,
};
use crate::{
    caller::Caller,
    clock::Time,
    error::{ApiError, ErrorCode},
    schema::refusal,
};
use operations::{Operations, Sent};
use socket::{Fault, Heard, Socket};
pub use upgrade::{NoUpgrade, is_asked_for};

const PROTOCOL: &str = "graphql-transport-ws";

/// The longest id of an operation, in bytes.
const LONGEST_ID: usize = 1024;

/// After how many pings without a sign of life a client is taken for gone.
const SILENT_ROUNDS: u32 = 2;

/// How long a client is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For its hello.
    pub hello: Duration,
    /// Between two pings of ours. One that was silent for two of them is cut.
    pub ping: Duration,
    /// Until it has taken a frame, or brought a message whole.
    pub frame: Duration,
    /// Until it has hung up, once goodbye was said.
    pub goodbye: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(3),
            ping: Duration::from_secs(12),
            frame: Duration::from_secs(30),
            goodbye: Duration::from_secs(5),
        }
    }
}

/// Takes a connection over.
///
/// # Errors
/// [`NoUpgrade`] if the request is not one for a WebSocket.
pub fn upgrade(engine: Engine, parts: &mut Parts) -> Result<Response, NoUpgrade> {
    let agreed = upgrade::agree(parts, PROTOCOL)?;
    let open = engine.connect("websocket");
    tokio::spawn(async move {
        if let Ok(connection) = agreed.connection.await {
            let socket = Socket::new(connection, engine.limits().patience.frame);
            serve(&engine, socket, open, agreed.speaks).await;
        }
    });
    Ok(agreed.response)
}

/// How a connection ends: with a goodbye, by answering the client's, or without.
enum Goodbye {
    Say(u16, Cow<'static, str>),
    Answer,
    None,
}

struct End(Goodbye, Ended);

const fn close(code: u16, reason: &'static str, why: Ended) -> End {
    End(Goodbye::Say(code, Cow::Borrowed(reason)), why)
}

const NOT_A_MESSAGE: End =
    close(4400, "this is no message of graphql-transport-ws", Ended::Protocol);
const LONG_ID: End = close(4400, "an operation's id has at most 1024 bytes", Ended::Protocol);
const UNAUTHORIZED: End = close(4401, "Unauthorized", Ended::Protocol);
const FORBIDDEN: End = close(4403, "Forbidden", Ended::Token);
const WRONG_PROTOCOL: End = close(4406, "Subprotocol not acceptable", Ended::Protocol);
const NO_HELLO: End = close(4408, "Connection initialisation timeout", Ended::Protocol);
const SECOND_HELLO: End = close(4429, "Too many initialisation requests", Ended::Protocol);
const RESTARTING: End = close(1012, "the gateway restarts; come back", Ended::Drain);
const TOO_MANY: End =
    close(1013, "too many connections are open; try again later", Ended::Overload);
// The codes of RFC 6455, section 7.4.1, for what is wrong below the protocol's messages.
const NOT_WEBSOCKET: End =
    close(1002, "these are not a client's WebSocket frames", Ended::Protocol);
const NOT_UTF8: End = close(1007, "a text message must be UTF-8", Ended::Protocol);
const TOO_LARGE: End = close(1009, "a message has at most 262144 bytes", Ended::Protocol);

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Gone => Self(Goodbye::None, Ended::Gone),
            Fault::Slow => Self(Goodbye::None, Ended::Slow),
            Fault::TooLarge => TOO_LARGE,
            Fault::NotUtf8 => NOT_UTF8,
            Fault::NotWebSocket => NOT_WEBSOCKET,
        }
    }
}

async fn serve(engine: &Engine, mut socket: Socket, mut open: Option<Connection>, speaks: bool) {
    let End(goodbye, why) = match &open {
        // What it holds ends here, before the goodbye, which may take a while.
        Some(open) if speaks => Session::new(engine, &mut socket, open).run().await,
        Some(_) => WRONG_PROTOCOL,
        None => TOO_MANY,
    };
    if let Some(open) = &mut open {
        open.ends(why);
    }
    let patience = engine.limits().patience.goodbye;
    match goodbye {
        Goodbye::Say(code, reason) => socket.close(Some((code, &reason)), patience).await,
        Goodbye::Answer => socket.close(None, patience).await,
        Goodbye::None => {}
    }
}

/// Ends when a connection must: without a hello in time, or with its caller's token.
async fn ended(engine: &Engine, caller: Option<Caller>) -> End {
    match caller {
        Some(caller) => {
            engine.until_ended(&caller).await;
            FORBIDDEN
        }
        None => {
            sleep(engine.limits().patience.hello).await;
            NO_HELLO
        }
    }
}

struct Session<'a> {
    engine: &'a Engine,
    socket: &'a mut Socket,
    open: &'a Connection,
    /// Who said hello.
    caller: Option<Caller>,
    operations: Operations,
    pings: Interval,
    /// How many pings went out since the last sign of life.
    unanswered: u32,
}

impl<'a> Session<'a> {
    fn new(engine: &'a Engine, socket: &'a mut Socket, open: &'a Connection) -> Self {
        let mut pings = interval(engine.limits().patience.ping);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pings.reset();
        let operations = Operations::default();
        Self { engine, socket, open, caller: None, operations, pings, unanswered: 0 }
    }

    async fn run(mut self) -> End {
        let engine = self.engine;
        let draining = async {
            engine.draining().await;
            sleep(engine.drain_delay()).await;
        };
        tokio::pin!(draining);
        let ended_of = |caller: &Option<Caller>| ended(engine, caller.clone());
        let ended = ended_of(&self.caller);
        tokio::pin!(ended);
        let mut known_as = self.known_as();
        loop {
            // A frame that is not taken holds up none of these: then the step is given up.
            let end = tokio::select! {
                biased;
                () = &mut draining => RESTARTING,
                end = &mut ended => end,
                step = self.step() => match step {
                    Ok(()) => {
                        if self.known_as() != known_as {
                            known_as = self.known_as();
                            ended.set(ended_of(&self.caller));
                        }
                        continue;
                    }
                    Err(end) => end,
                },
            };
            self.operations.end(end.1);
            return end;
        }
    }

    /// Whether there was a hello, and until when it holds.
    fn known_as(&self) -> Option<Option<Time>> {
        self.caller.as_ref().map(Caller::ends_at)
    }

    /// Does the next thing. Its branches are tried in turn at random, so that no flood of one kind
    /// starves the others.
    async fn step(&mut self) -> Result<(), End> {
        tokio::select! {
            heard = self.socket.next() => {
                self.unanswered = 0;
                // Many small ones may come at once: the other connections get their turn.
                consume_budget().await;
                self.heard(heard?).await
            }
            Some(sent) = self.operations.next() => self.told(sent).await,
            _ = self.pings.tick() => {
                if self.unanswered >= SILENT_ROUNDS {
                    return Err(End(Goodbye::None, Ended::Silent));
                }
                if self.socket.is_stalled() {
                    return Err(Fault::Slow.into());
                }
                self.unanswered += 1;
                Ok(self.socket.ping().await?)
            }
        }
    }

    async fn send_json(&mut self, json: &Json) -> Result<(), End> {
        Ok(self.socket.send(&json.to_string()).await?)
    }

    async fn heard(&mut self, heard: Heard) -> Result<(), End> {
        let text = match heard {
            Heard::Text(text) => text,
            Heard::Binary => return Err(NOT_A_MESSAGE),
            Heard::Sign => return Ok(self.socket.flush().await?),
            Heard::Close => return Err(End(Goodbye::Answer, Ended::Client)),
        };
        let Ok(Json::Object(mut message)) = serde_json::from_str(&text) else {
            return Err(NOT_A_MESSAGE);
        };
        let kind = message.get("type").and_then(Json::as_str).unwrap_or_default().to_owned();
        let payload = message.remove("payload");
        let has_object = payload.as_ref().is_none_or(|p| p.is_object() || p.is_null());
        match kind.as_str() {
            "connection_init" if !has_object => Err(NOT_A_MESSAGE),
            "connection_init" if self.caller.is_some() => Err(SECOND_HELLO),
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
                self.subscribe(id, payload.unwrap_or(Json::Null)).await?;
                // To read a document is work.
                yield_now().await;
                Ok(())
            }
            "complete" => {
                self.operations.remove(id(message.get("id"))?, Ended::Client);
                Ok(())
            }
            _ => Err(NOT_A_MESSAGE),
        }
    }

    async fn subscribe(&mut self, id: &str, payload: Json) -> Result<(), End> {
        let Some(caller) = self.caller.clone() else { return Err(UNAUTHORIZED) };
        if self.operations.has(id) {
            let reason = format!("Subscriber for {id} already exists").into();
            return Err(End(Goodbye::Say(4409, reason), Ended::Protocol));
        }
        let asked = GraphqlRequest::from_json(payload).map_err(|error| {
            End(Goodbye::Say(4400, format!("subscribe: {error}").into()), Ended::Protocol)
        })?;
        let request = self.engine.request_id();
        if self.operations.len() >= self.engine.limits().operations_per_connection {
            let answer = Answer::new(refusal(too_many_operations()), request);
            return self.send_error(id, &answer).await;
        }
        let prepared = match self.engine.prepare(asked, None, request) {
            Ok(prepared) => prepared,
            Err(answer) => return self.send_error(id, &answer).await,
        };
        let is_subscription = prepared.operation == OperationType::Subscription;
        let counted = is_subscription.then(|| self.open.subscription());
        let answers = self.engine.stream(prepared, caller, request);
        self.operations.insert(id, answers, counted);
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
                return Err(FORBIDDEN);
            }
            self.caller = Some(renewed);
        }
        Ok(())
    }

    async fn told(&mut self, sent: Sent) -> Result<(), End> {
        match sent {
            // What cannot start is an error, which ends the operation, never an answer.
            Sent::Answer(id, answer) if answer.is_request_error() => {
                self.operations.remove(&id, Ended::Refused);
                self.send_error(&id, &answer).await
            }
            Sent::Answer(id, answer) => {
                let mut text = String::with_capacity(256);
                text.push_str("{\"id\":");
                text.push_str(&Json::from(&*id).to_string());
                text.push_str(",\"type\":\"next\",\"payload\":");
                text.push_str(&String::from_utf8(answer.to_json()).unwrap_or_default());
                text.push('}');
                self.socket.send(&text).await?;
                self.operations.told(&id);
                Ok(())
            }
            Sent::Done(id) => {
                self.operations.remove(&id, Ended::Complete);
                self.send_json(&json!({ "id": &*id, "type": "complete" })).await?;
                // The next one may be as much work as this one was.
                yield_now().await;
                Ok(())
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

fn id(id: Option<&Json>) -> Result<&str, End> {
    match id.and_then(Json::as_str) {
        Some(id) if id.len() > LONGEST_ID => Err(LONG_ID),
        Some(id) if !id.is_empty() => Ok(id),
        Some(_) | None => Err(NOT_A_MESSAGE),
    }
}

fn too_many_operations() -> ApiError {
    ApiError::new(ErrorCode::RateLimited, "this connection runs as many operations as it may")
        .after_ms(overloaded().retry_after_ms())
}
