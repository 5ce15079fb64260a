//! A subscriber of bare bytes: it can be cut in the middle of a frame, and stop reading.

use std::net::SocketAddr;

use rand::{Rng as _, rngs::StdRng};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

/// By which protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    WebSocket,
    Events,
}

/// What is subscribed to, and as whom.
#[derive(Clone, Debug, Default)]
pub(super) struct Wish {
    pub(super) account: Option<String>,
    pub(super) token: Option<String>,
    pub(super) after: Option<String>,
}

const QUERY: &str = "subscription ($id: ID, $after: String) { dataStatusChanged(accountId: $id, \
    after: $after) { cursor kind from to account { id } } }";

/// An open subscription.
pub(super) struct Reader {
    way: Way,
    socket: TcpStream,
    /// What came and was not understood yet.
    bytes: Vec<u8>,
    /// The body of the response, without its chunks' sizes.
    body: Vec<u8>,
    has_begun: bool,
}

impl Reader {
    /// Subscribes. `room` is how many bytes the system keeps for this reader, if not as many as usual.
    pub(super) async fn open(
        address: SocketAddr,
        way: Way,
        wish: &Wish,
        room: Option<u32>,
    ) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(room) = room {
            socket.set_recv_buffer_size(room).unwrap();
        }
        let mut socket = socket.connect(address).await.unwrap();
        let variables = json!({ "id": wish.account, "after": wish.after });
        let operation = json!({ "query": QUERY, "variables": variables });
        let head = match way {
            Way::WebSocket => format!(
                "GET /graphql HTTP/1.1\r\nhost: {address}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                 sec-websocket-protocol: graphql-transport-ws\r\n\r\n"
            ),
            Way::Events => {
                // What was seen last goes into the header, as browsers have it.
                let mut head = format!(
                    "POST /graphql HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\n\
                     content-type: application/json\r\n"
                );
                if let Some(after) = &wish.after {
                    head += &format!("last-event-id: {after}\r\n");
                }
                if let Some(token) = &wish.token {
                    head += &format!("authorization: Bearer {token}\r\n");
                }
                let variables = json!({ "id": wish.account });
                let body = json!({ "query": QUERY, "variables": variables }).to_string();
                head + &format!("content-length: {}\r\n\r\n{body}", body.len())
            }
        };
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut reader =
            Self { way, socket, bytes: Vec::new(), body: Vec::new(), has_begun: false };
        reader.skip_head().await;
        if way == Way::WebSocket {
            let authorization = wish.token.as_ref().map(|token| format!("Bearer {token}"));
            let init = json!({ "type": "connection_init",
                "payload": { "authorization": authorization } });
            reader.say(init.to_string().as_bytes()).await;
            let subscribe = json!({ "id": "1", "type": "subscribe", "payload": operation });
            while !reader.has_begun {
                assert!(reader.more(4096).await, "the socket was closed as it began");
                reader.events();
            }
            reader.say(subscribe.to_string().as_bytes()).await;
        }
        reader
    }

    async fn skip_head(&mut self) {
        let end = loop {
            let found = self.bytes.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(found) = found {
                break found + 4;
            }
            assert!(self.more(4096).await, "the answer has a head");
        };
        let head: Vec<u8> = self.bytes.drain(..end).collect();
        let head = String::from_utf8(head).unwrap();
        let wanted = if self.way == Way::WebSocket { " 101 " } else { " 200 " };
        assert!(head.lines().next().unwrap().contains(wanted), "{head}");
    }

    async fn say(&mut self, payload: &[u8]) {
        self.socket.write_all(&masked(1, payload)).await.unwrap();
    }

    /// Reads at most so many bytes; false at the end.
    async fn more(&mut self, most: usize) -> bool {
        let mut buffer = vec![0; most.max(1)];
        let read = self.socket.read(&mut buffer).await.unwrap_or(0);
        self.bytes.extend(&buffer[..read]);
        read > 0
    }

    /// Waits for more, and takes what is whole of it. Nothing at the end.
    pub(super) async fn read(&mut self, most: usize) -> Option<Vec<Value>> {
        // Some may have come with the head.
        let mut events = self.events();
        if events.is_empty() {
            if !self.more(most).await {
                return None;
            }
            events = self.events();
        }
        while let Some(payload) = self.ping() {
            // One that has hung up meanwhile is met at the next read.
            let _ = self.socket.write_all(&masked(10, &payload)).await;
            events.extend(self.events());
        }
        Some(events)
    }

    /// A ping that is next among what came.
    fn ping(&mut self) -> Option<Vec<u8>> {
        if self.way == Way::Events {
            return None;
        }
        let (kind, payload, _) = frame(&self.bytes)?;
        if kind != 9 {
            return None;
        }
        let payload = payload.to_vec();
        self.bytes.drain(..2 + payload.len());
        Some(payload)
    }

    /// The events that have come whole.
    fn events(&mut self) -> Vec<Value> {
        let mut found = Vec::new();
        match self.way {
            Way::WebSocket => {
                while let Some((kind, payload, end)) = frame(&self.bytes) {
                    if kind == 9 {
                        break;
                    }
                    assert_eq!(kind, 1, "{}", String::from_utf8_lossy(payload));
                    let message: Value = serde_json::from_slice(payload).unwrap();
                    self.bytes.drain(..end);
                    if message["type"] == "connection_ack" {
                        self.has_begun = true;
                    } else {
                        assert_eq!(message["type"], "next", "{message}");
                        found.push(event(&message["payload"]));
                    }
                }
            }
            Way::Events => {
                while let Some(end) = self.chunk() {
                    self.bytes.drain(..end);
                }
                while let Some(end) = self.body.windows(2).position(|two| two == b"\n\n") {
                    let text: Vec<u8> = self.body.drain(..end + 2).collect();
                    let text = String::from_utf8(text).unwrap();
                    let field = |name: &str| {
                        text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
                    };
                    let Some(data) = field("data:").filter(|data| !data.is_empty()) else {
                        continue;
                    };
                    let told = event(&serde_json::from_str(data).unwrap());
                    assert_eq!(field("id:"), told["cursor"].as_str(), "{text}");
                    found.push(told);
                }
            }
        }
        found
    }

    /// Takes a chunk's content into the body, if it is whole; where it ends.
    fn chunk(&mut self) -> Option<usize> {
        let line = self.bytes.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&self.bytes[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        let end = line + 2 + size + 2;
        if self.bytes.len() < end {
            return None;
        }
        self.body.extend(&self.bytes[line + 2..line + 2 + size]);
        Some(end)
    }

    /// Tears the connection: no goodbye, not even the system's, wherever it is in a frame.
    pub(super) async fn cut(mut self, dice: &mut StdRng) {
        // What it had begun to read of the next event is lost with it.
        let some = dice.random_range(1..200);
        let begun = self.more(some);
        let _ = tokio::time::timeout(std::time::Duration::from_millis(2), begun).await;
        // Unread bytes and no lingering: the other side meets a reset.
        #[expect(deprecated, reason = "to linger for no time does not block")]
        self.socket.set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }
}

/// A client's frame, which is masked.
fn masked(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | kind];
    match u16::try_from(payload.len()).unwrap() {
        short @ 0..126 => frame.push(0x80 | short as u8),
        long => {
            frame.push(0x80 | 126);
            frame.extend(long.to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// The first frame: its kind, what it says, and where it ends, if it has come whole.
fn frame(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let [first, second, rest @ ..] = bytes else { return None };
    assert_eq!(first & 0xf0, 0x80, "these frames come in one piece");
    let (begin, length) = match second {
        127 => {
            (10, usize::try_from(u64::from_be_bytes(rest.get(..8)?.try_into().unwrap())).unwrap())
        }
        126 => (4, usize::from(u16::from_be_bytes(rest.get(..2)?.try_into().unwrap()))),
        short => (2, usize::from(*short)),
    };
    let end = begin + length;
    Some((first & 0x0f, bytes.get(begin..end)?, end))
}

fn event(payload: &Value) -> Value {
    assert!(payload.get("errors").is_none(), "{payload}");
    payload["data"]["dataStatusChanged"].clone()
}
