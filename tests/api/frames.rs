//! WebSockets to the byte: what RFC 6455 asks of a server, of frames that no library would send.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    time::timeout,
};

use crate::support::*;

/// The largest message that the gateway takes, in bytes.
const LARGEST: usize = 256 * 1024;

/// First bytes of frames.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;
pub(crate) const BEGIN: u8 = 0x01;
const MIDDLE: u8 = 0x00;
const END: u8 = 0x80;

/// A client that writes what it is told to.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
}

/// How a request to upgrade was answered: its status and its head.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) head: String,
}

impl Raw {
    /// Sends a request with these lines beside Host.
    pub(crate) async fn request(world: &World, line: &str, headers: &[&str]) -> (Answered, Self) {
        let address = world.gateways[0].address;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let head = format!("{line}\r\nHost: {address}\r\n{}\r\n\r\n", headers.join("\r\n"));
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(timeout(DEADLINE, stream.read_u8()).await.expect("a head").unwrap());
        }
        let head = String::from_utf8(answer).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (Answered { status, head }, Self { stream })
    }

    pub(crate) async fn open_with(world: &World, headers: &[&str]) -> (Answered, Self) {
        let key = STANDARD.encode(rand::random::<[u8; 16]>());
        let key = format!("Sec-WebSocket-Key: {key}");
        let mut all =
            vec!["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", &key];
        all.extend(headers);
        Self::request(world, "GET /graphql HTTP/1.1", &all).await
    }

    pub(crate) async fn open(world: &World) -> Self {
        let (answered, raw) =
            Self::open_with(world, &["Sec-WebSocket-Protocol: graphql-transport-ws"]).await;
        assert_eq!(answered.status, 101, "{}", answered.head);
        raw
    }

    /// Opens and says hello.
    pub(crate) async fn hello(world: &World) -> Self {
        let mut raw = Self::open(world).await;
        raw.message(json!({ "type": "connection_init" })).await;
        assert_eq!(raw.json().await["type"], "connection_ack");
        raw
    }

    pub(crate) fn bytes(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        let length = payload.len();
        match length {
            0..=125 => frame.push(0x80 | length as u8),
            126..=0xffff => {
                frame.push(0x80 | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        let mask = [0x12, 0x34, 0x56, 0x78];
        frame.extend(mask);
        frame.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
        frame
    }

    /// Writes bytes; a connection that is gone is no failure.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    pub(crate) async fn frame(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        self.write(&Self::bytes(first, payload.as_ref())).await;
    }

    pub(crate) async fn message(&mut self, message: Value) {
        self.frame(TEXT, message.to_string()).await;
    }

    pub(crate) async fn subscribe(&mut self, id: &str, query: &str) {
        let payload = json!({ "query": query });
        self.message(json!({ "id": id, "type": "subscribe", "payload": payload })).await;
    }

    /// The next frame: its first byte and what it carries. Nothing once the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        timeout(DEADLINE, self.read()).await.expect("a frame or the end comes")
    }

    async fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = self.stream.read_u8().await.ok()?;
        let length = match self.stream.read_u8().await.ok()? {
            126 => usize::from(self.stream.read_u16().await.ok()?),
            127 => self.stream.read_u64().await.ok()? as usize,
            length => usize::from(length),
        };
        assert!(length < 64 * 1024 * 1024, "a server masks nothing");
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some((first, payload))
    }

    /// The next message of text, put together from its frames.
    pub(crate) async fn text(&mut self) -> String {
        let mut text = Vec::new();
        loop {
            let (first, payload) = self.next().await.expect("a message comes");
            match first {
                PING | PONG => continue,
                TEXT | BEGIN | MIDDLE | END => text.extend(payload),
                _ => panic!("a message was expected: {first:#x} {payload:?}"),
            }
            if first & 0x80 != 0 {
                return String::from_utf8(text).unwrap();
            }
        }
    }

    pub(crate) async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// The code and the reason of the server's close frame, whatever it still sends before; nothing
    /// if the connection ends without one. After it there must be an end, and not a reset.
    pub(crate) async fn closed(&mut self) -> Option<(u16, String)> {
        while let Some((first, payload)) = self.next().await {
            if first == CLOSE {
                let code = u16::from_be_bytes([payload[0], payload[1]]);
                let reason = String::from_utf8(payload[2..].to_vec()).unwrap();
                let mut rest = Vec::new();
                let end = timeout(DEADLINE, self.stream.read_to_end(&mut rest)).await;
                let end = end.expect("the connection ends");
                assert!(end.is_ok() && rest.is_empty(), "{code}: {end:?} {rest:?}");
                return Some((code, reason));
            }
        }
        None
    }

    async fn code(&mut self) -> u16 {
        self.closed().await.expect("a close frame").0
    }
}

/// A message of exactly this many bytes that is answered with a pong.
fn ping_of(bytes: usize) -> String {
    let text = json!({ "type": "ping" }).to_string();
    format!("{text}{}", " ".repeat(bytes - text.len()))
}

#[tokio::test]
async fn a_message_has_a_largest_size_and_beyond_it_the_close_code_is_1009() {
    let world = World::new().await;
    let mut raw = Raw::hello(&world).await;
    raw.frame(TEXT, ping_of(LARGEST)).await;
    assert_eq!(raw.json().await["type"], "pong");
    raw.frame(TEXT, ping_of(LARGEST + 1)).await;
    let (code, reason) = raw.closed().await.unwrap();
    assert_eq!((code, reason.as_str()), (1009, "a message has at most 262144 bytes"));
    // In pieces, none of which is too large, however many there are.
    let mut raw = Raw::hello(&world).await;
    let (first, rest) = (vec![b' '; LARGEST / 2], vec![b' '; LARGEST / 2]);
    raw.frame(BEGIN, &first).await;
    raw.frame(MIDDLE, &rest).await;
    raw.frame(END, b" ").await;
    assert_eq!(raw.code().await, 1009);
    // A client that is still sending is not reset, which could cost it the code.
    let mut raw = Raw::hello(&world).await;
    let frame = Raw::bytes(TEXT, &vec![b' '; 3 * LARGEST]);
    let (first, rest) = frame.split_at(LARGEST);
    assert!(raw.write(first).await);
    raw.stream.readable().await.unwrap();
    for piece in rest.chunks(4096) {
        assert!(raw.write(piece).await);
        tokio::task::yield_now().await;
    }
    assert_eq!(raw.code().await, 1009);
    // A length that no machine has.
    let mut raw = Raw::hello(&world).await;
    raw.write(&[TEXT, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4]).await;
    assert_eq!(raw.code().await, 1009);
    world.stop().await;
}

#[tokio::test]
async fn text_that_is_not_utf_8_closes_with_1007() {
    let world = World::new().await;
    for bad in [&b"\xff"[..], b"\"\xc3\x28\"", b"\xed\xa0\x80", b"\xf0\x9f\x98"] {
        let mut raw = Raw::hello(&world).await;
        raw.frame(TEXT, bad).await;
        assert_eq!(raw.code().await, 1007, "{bad:?}");
    }
    let mut raw = Raw::hello(&world).await;
    raw.frame(BEGIN, b"\"\xc3").await;
    raw.frame(END, b"\x28\"").await;
    assert_eq!(raw.code().await, 1007);
    // A character may be cut by the frames of its message.
    let mut raw = Raw::hello(&world).await;
    raw.frame(BEGIN, b"{\"type\":\"ping\",\"payload\":{\"a\":\"\xc3").await;
    raw.frame(END, b"\xa9\"}}").await;
    assert_eq!(raw.json().await, json!({ "type": "pong", "payload": { "a": "é" } }));
    world.stop().await;
}

#[tokio::test]
async fn frames_that_no_client_may_send_close_with_1002() {
    let world = World::new().await;
    let unmasked = [&[TEXT, 15][..], b"{\"type\":\"ping\"}"].concat();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("unmasked", unmasked),
        ("first reserved bit, as compression has it", Raw::bytes(0xc1, b"x")),
        ("second reserved bit", Raw::bytes(0xa1, b"x")),
        ("third reserved bit", Raw::bytes(0x91, b"x")),
        ("reserved kind of data", Raw::bytes(0x83, b"x")),
        ("reserved kind of control", Raw::bytes(0x8b, b"x")),
        ("a ping in pieces", Raw::bytes(0x09, b"x")),
        ("a ping of 126 bytes", Raw::bytes(PING, &[0; 126])),
        ("a middle without a beginning", Raw::bytes(MIDDLE, b"x")),
        ("an end without a beginning", Raw::bytes(END, b"x")),
        ("two beginnings", [Raw::bytes(BEGIN, b"x"), Raw::bytes(BEGIN, b"x")].concat()),
        ("a close of one byte", Raw::bytes(CLOSE, b"x")),
        ("a close with a code that is none", Raw::bytes(CLOSE, &999_u16.to_be_bytes())),
        ("a close with a code that is never sent", Raw::bytes(CLOSE, &1006_u16.to_be_bytes())),
    ];
    for (name, bytes) in cases {
        let mut raw = Raw::hello(&world).await;
        raw.write(&bytes).await;
        assert_eq!(raw.code().await, 1002, "{name}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_client_s_goodbye_is_answered_with_its_own_code() {
    let world = World::new().await;
    for code in [1000_u16, 1001, 3000, 4999] {
        let mut raw = Raw::hello(&world).await;
        raw.frame(CLOSE, code.to_be_bytes()).await;
        assert_eq!(raw.code().await, code);
    }
    let mut raw = Raw::hello(&world).await;
    raw.frame(CLOSE, b"").await;
    assert_eq!(raw.next().await, Some((CLOSE, Vec::new())));
    assert_eq!(raw.next().await, None);
    world.stop().await;
}

#[tokio::test]
async fn a_message_in_many_tiny_pieces_is_one_message() {
    let world = World::new().await;
    let mut raw = Raw::hello(&world).await;
    let text = ping_of(3000);
    raw.frame(BEGIN, b"").await;
    for byte in text.bytes() {
        raw.frame(MIDDLE, [byte]).await;
        raw.frame(MIDDLE, b"").await;
    }
    // What controls the connection may stand between pieces.
    raw.frame(PING, b"between").await;
    assert_eq!(raw.next().await, Some((PONG, b"between".to_vec())));
    raw.frame(END, b"").await;
    assert_eq!(raw.json().await["type"], "pong");
    world.stop().await;
}

#[tokio::test]
async fn an_answer_larger_than_a_frame_is_one_message() {
    let world = World::new().await;
    let mut raw = Raw::hello(&world).await;
    // Characters of three bytes, so that some are cut by frames.
    let payload = json!({ "a": "€".repeat(60_000) });
    raw.message(json!({ "type": "ping", "payload": payload.clone() })).await;
    assert_eq!(raw.json().await, json!({ "type": "pong", "payload": payload }));
    world.stop().await;
}

#[tokio::test]
async fn whoever_pings_without_reading_is_read_no_further_and_goes_on_once_it_reads() {
    /// More than the buffers of both systems hold: beyond it the gateway would be buffering.
    const BUFFERS: usize = 32 * 1024 * 1024;
    let world = World::new().await;
    let raw = Raw::hello(&world).await;
    let (mut reader, mut writer) = raw.stream.into_split();
    let (progress, mut written) = watch::channel(0);
    let is_enough = Arc::new(AtomicBool::new(false));
    let stop = is_enough.clone();
    let flood = tokio::spawn(async move {
        let pings = Raw::bytes(PING, &[b'x'; 125]).repeat(500);
        while !stop.load(Ordering::Relaxed) {
            writer.write_all(&pings).await.unwrap();
            progress.send_modify(|written| *written += pings.len());
        }
        writer.write_all(&Raw::bytes(TEXT, b"{\"type\":\"ping\"}")).await.unwrap();
        writer
    });
    while timeout(Duration::from_secs(1), written.changed()).await.is_ok() {
        assert!(*written.borrow() < BUFFERS, "the gateway reads on and on");
    }
    assert!(!flood.is_finished());
    let data = world.data("{ gateway { mode } }", Value::Null).await;
    assert_eq!(data["gateway"]["mode"], "LIVE");
    is_enough.store(true, Ordering::Relaxed);
    let pong = async {
        let mut tail = Vec::new();
        let mut piece = vec![0; 64 * 1024];
        while !tail.windows(6).any(|at| at == b"\"pong\"") {
            tail.drain(..tail.len().saturating_sub(6));
            let read = reader.read(&mut piece).await.unwrap();
            assert_ne!(read, 0, "the connection ended");
            tail.extend_from_slice(&piece[..read]);
        }
    };
    timeout(DEADLINE, pong).await.expect("the connection goes on");
    flood.await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn a_request_that_is_no_upgrade_is_told_what_would_be_right() {
    let world = World::new().await;
    let good = [
        "Connection: keep-alive, Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol: graphql-transport-ws",
    ];
    let (answered, _) = Raw::request(&world, "GET /graphql HTTP/1.1", &good).await;
    assert_eq!(answered.status, 101);
    // RFC 6455's own example.
    let accept = "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n";
    assert!(answered.head.contains(accept), "{}", answered.head);
    let with = |at: usize, line: &'static str| {
        let mut headers = good;
        headers[at] = line;
        headers
    };
    for (headers, status) in [
        (with(0, "Connection: keep-alive"), 400),
        (with(2, "Sec-WebSocket-Version: 8"), 426),
        (with(2, "X-Nothing: 1"), 426),
        (with(3, "X-Nothing: 1"), 400),
        (with(3, "Sec-WebSocket-Key: short"), 400),
        (with(4, "Origin: https://evil.example"), 403),
    ] {
        let (answered, _) = Raw::request(&world, "GET /graphql HTTP/1.1", &headers).await;
        assert_eq!(answered.status, status, "{headers:?}: {}", answered.head);
        let names_the_version = answered.head.contains("sec-websocket-version: 13\r\n");
        assert_eq!(names_the_version, status == 426, "{}", answered.head);
    }
    // Of HTTP/2 only that its way to a WebSocket is not taken as a query.
    let (answered, _) = Raw::request(&world, "CONNECT /graphql HTTP/1.1", &good).await;
    assert!(answered.status >= 400, "{}", answered.head);
    world.stop().await;
}

#[tokio::test]
async fn our_sub_protocol_is_chosen_wherever_it_stands_and_no_other() {
    let world = World::new().await;
    for headers in [
        &["Sec-WebSocket-Protocol: graphql-transport-ws"][..],
        &["Sec-WebSocket-Protocol: graphql-ws, graphql-transport-ws"],
        &["Sec-WebSocket-Protocol: graphql-transport-ws,graphql-ws"],
        &["Sec-WebSocket-Protocol: graphql-ws", "Sec-WebSocket-Protocol: graphql-transport-ws"],
    ] {
        let (answered, mut raw) = Raw::open_with(&world, headers).await;
        let chosen = "sec-websocket-protocol: graphql-transport-ws\r\n";
        assert!(answered.head.contains(chosen), "{headers:?}: {}", answered.head);
        raw.message(json!({ "type": "connection_init" })).await;
        assert_eq!(raw.json().await["type"], "connection_ack");
    }
    for headers in [
        &[][..],
        &["Sec-WebSocket-Protocol: graphql-ws"],
        &["Sec-WebSocket-Protocol: GraphQL-Transport-WS"],
        &["Sec-WebSocket-Protocol: graphql-transport-ws2, xgraphql-transport-ws"],
    ] {
        let (answered, mut raw) = Raw::open_with(&world, headers).await;
        assert_eq!(answered.status, 101, "{headers:?}");
        assert!(!answered.head.contains("sec-websocket-protocol"), "{}", answered.head);
        assert_eq!(raw.code().await, 4406, "{headers:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn compression_is_not_taken_so_nothing_small_can_unpack_to_something_large() {
    let world = World::new().await;
    let offer = [
        "Sec-WebSocket-Protocol: graphql-transport-ws",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    ];
    let (answered, mut raw) = Raw::open_with(&world, &offer).await;
    assert_eq!(answered.status, 101);
    assert!(!answered.head.contains("sec-websocket-extensions"), "{}", answered.head);
    raw.message(json!({ "type": "connection_init" })).await;
    assert_eq!(raw.json().await["type"], "connection_ack");
    // A client that compresses all the same.
    raw.frame(TEXT | 0x40, b"\xab\x56\x2a\xa9").await;
    assert_eq!(raw.code().await, 1002);
    world.stop().await;
}
