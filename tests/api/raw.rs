//! A client that sends bytes as they are, and a gateway with bounds that a test can wait for.

use std::{net::SocketAddr, time::Duration};

use mono_gateway::{config::Config, server::Bounds};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::support::*;

/// A time that passes soon.
pub(crate) const SOON: Duration = Duration::from_millis(500);

/// Longer than any test waits.
const LONG: Duration = Duration::from_secs(60);

/// Bounds that no test meets.
pub(crate) const PATIENT: Bounds = Bounds {
    head: LONG,
    idle: LONG,
    body: LONG,
    answer: LONG,
    listens: LONG,
    linger: LONG,
    headroom: 1000,
};

/// A world whose only gateway was started with other settings.
pub(crate) async fn world_with(change: impl FnOnce(&mut Config)) -> World {
    let mut world = World::with_replicas(1).await;
    let mut config = world.config();
    change(&mut config);
    let gateway = world.try_start(config).await.unwrap();
    std::mem::replace(&mut world.gateways[0], gateway).stop().await;
    world
}

pub(crate) async fn world_within(bounds: Bounds) -> World {
    world_with(|config| config.bounds = bounds).await
}

/// A request's lines as one text, with their line ends.
pub(crate) fn lines(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\r\n")).collect()
}

/// A POST of `body` with these headers beside the usual ones.
pub(crate) fn post(path: &str, headers: &[&str], body: &str) -> String {
    let length = format!("content-length: {}", body.len());
    let first = format!("POST {path} HTTP/1.1");
    let usual = ["host: localhost", "content-type: application/json", length.as_str()];
    lines(&[&[first.as_str()][..], &usual, headers, &[""]].concat()) + body
}

/// A query as a request.
pub(crate) fn ask(query: &str) -> String {
    post("/graphql", &[], &serde_json::json!({ "query": query }).to_string())
}

pub(crate) const MODE: &str = "{ gateway { mode } }";

/// An answer as it stood on the wire.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The text of a refusal in JSON, of GraphQL's form or not.
    pub(crate) fn message(&self) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        let message = json["message"].as_str().or(json["errors"][0]["message"].as_str());
        message.unwrap_or_else(|| panic!("no message: {json}")).to_owned()
    }
}

/// A connection of bare bytes.
pub(crate) struct Raw {
    socket: TcpStream,
    read: Vec<u8>,
}

impl Raw {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self { socket: TcpStream::connect(address).await.unwrap(), read: Vec::new() }
    }

    pub(crate) async fn open(world: &World) -> Self {
        Self::to(world.gateways[0].address).await
    }

    /// Sends, as far as the other side takes it.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        timeout(DEADLINE, self.socket.write_all(bytes)).await.expect("it is taken in time")
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.try_send(text.as_bytes()).await.unwrap();
    }

    /// Writes no more.
    pub(crate) async fn half_close(&mut self) {
        self.socket.shutdown().await.unwrap();
    }

    /// Reads more; whether there was more.
    async fn more(&mut self) -> std::io::Result<bool> {
        let read = timeout(DEADLINE, self.socket.read_buf(&mut self.read)).await;
        Ok(read.expect("something comes before the deadline")? > 0)
    }

    /// Reads until this text has come, and takes all up to its end.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        loop {
            let found =
                (0..=self.read.len()).find(|&at| self.read[at..].starts_with(text.as_bytes()));
            if let Some(at) = found {
                let taken = self.read.drain(..at + text.len()).collect();
                return String::from_utf8(taken).unwrap();
            }
            let so_far = String::from_utf8_lossy(&self.read).into_owned();
            assert!(self.more().await.unwrap(), "it ended without {text:?}: {so_far}");
        }
    }

    /// Reads this many bytes.
    pub(crate) async fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count {
            assert!(self.more().await.unwrap(), "it ended after {} bytes", self.read.len());
        }
        self.read.drain(..count).collect()
    }

    /// The next answer, whose body has a length or ends with the connection.
    pub(crate) async fn reply(&mut self) -> Reply {
        let head = self.until("\r\n\r\n").await;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut reply = Reply { status, head, body: Vec::new() };
        if let Some(length) = reply.header("content-length") {
            let length = length.parse().unwrap();
            reply.body = self.exactly(length).await;
        } else if reply.header("transfer-encoding").is_some() {
            loop {
                let size = self.until("\r\n").await;
                let size = usize::from_str_radix(size.trim(), 16).unwrap();
                reply.body.extend(self.exactly(size).await);
                self.until("\r\n").await;
                if size == 0 {
                    break;
                }
            }
        } else if status >= 200 {
            while self.more().await.unwrap() {}
            reply.body = std::mem::take(&mut self.read);
        }
        reply
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn exchange(&mut self, request: &str) -> Reply {
        self.send(request).await;
        self.reply().await
    }

    /// Waits for the end of the connection, and says what came before it. A reset is an end, too.
    pub(crate) async fn ended(&mut self) -> String {
        while self.more().await.unwrap_or(false) {}
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }

    /// Waits for the end of the connection, which must be no reset.
    pub(crate) async fn ended_in_order(&mut self) -> String {
        while self.more().await.expect("it ends without a reset") {}
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }
}

/// Waits until the gateway has a place for a connection: those before it are gone.
pub(crate) async fn until_there_is_place(world: &World) -> Raw {
    let wait = async {
        loop {
            let mut raw = Raw::open(world).await;
            let _ = raw.try_send(ask(MODE).as_bytes()).await;
            if raw.reply().await.status == 200 {
                return raw;
            }
        }
    };
    timeout(DEADLINE, wait).await.expect("a place becomes free")
}
