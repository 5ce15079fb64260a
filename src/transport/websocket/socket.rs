//! A WebSocket's connection: frames in and out, each within its time.
//!
//! Whatever is given up midway can be gone on with: what was begun of a frame is written before
//! anything else is. A ping is answered before the next is read, and a long answer goes out in
//! pieces, so nothing grows for a client that does not read.

use std::{future::poll_fn, pin::Pin, task::ready, time::Duration};

use bytes::BytesMut;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead as _, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf},
    time::{Instant, timeout},
};

use super::frame::{self, Frame, Incoming, Kind, LARGEST};

/// How much is read at once, in bytes.
const READ: usize = 4096;

/// The largest frame of ours, in bytes.
const PIECE: usize = 16 * 1024;

/// How much of what comes after the goodbye is read, in bytes.
const AFTER_GOODBYE: usize = 4 * LARGEST;

/// What came.
pub(super) enum Heard {
    /// A message.
    Text(String),
    /// A message that is not text.
    Binary,
    /// A sign of life.
    Sign,
    /// The client's goodbye.
    Close,
}

/// Why a socket can no longer be used for what it is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nobody is there.
    Gone,
    /// What was written was not taken in time.
    Slow,
    /// A message is too large.
    TooLarge,
    /// A text is not UTF-8.
    NotUtf8,
    /// The frames are not those of a client.
    NotWebSocket,
}

/// A WebSocket of a client's.
pub(super) struct Socket {
    connection: TokioIo<Upgraded>,
    incoming: Incoming,
    /// What is to be written.
    outgoing: BytesMut,
    /// When the message began that is coming in.
    within_since: Option<Instant>,
    slowest_frame: Duration,
}

impl Socket {
    /// Takes over a connection on which each frame must be taken within `slowest_frame`.
    pub(super) fn new(connection: Upgraded, slowest_frame: Duration) -> Self {
        Self {
            connection: TokioIo::new(connection),
            incoming: Incoming::default(),
            outgoing: BytesMut::new(),
            within_since: None,
            slowest_frame,
        }
    }

    /// What comes next. May be given up and asked again.
    pub(super) async fn next(&mut self) -> Result<Heard, Fault> {
        loop {
            let frame = self.incoming.next()?;
            if !self.incoming.is_within() || matches!(frame, Some(Frame::Text(_) | Frame::Binary)) {
                self.within_since = None;
            }
            match frame {
                Some(Frame::Text(text)) => return Ok(Heard::Text(text)),
                Some(Frame::Binary) => return Ok(Heard::Binary),
                Some(Frame::Pong) => return Ok(Heard::Sign),
                Some(Frame::Ping(payload)) => {
                    frame::write(&mut self.outgoing, Kind::Pong, true, &payload);
                    return Ok(Heard::Sign);
                }
                Some(Frame::Close(code)) => {
                    let code = code.map(u16::to_be_bytes);
                    let echo = code.as_ref().map_or(&[][..], |code| &code[..]);
                    frame::write(&mut self.outgoing, Kind::Close, true, echo);
                    return Ok(Heard::Close);
                }
                None => self.read().await?,
            }
            self.within_since.get_or_insert_with(Instant::now);
        }
    }

    /// Reads into a buffer that is there only while there is something to read.
    async fn read(&mut self) -> Result<(), Fault> {
        let (connection, incoming) = (&mut self.connection, &mut self.incoming);
        let read = poll_fn(|context| {
            let mut room = [0; READ];
            let mut read = ReadBuf::new(&mut room);
            ready!(Pin::new(&mut *connection).poll_read(context, &mut read))?;
            incoming.extend(read.filled());
            std::task::Poll::Ready(std::io::Result::Ok(read.filled().len()))
        });
        match read.await {
            Ok(0) | Err(_) => Err(Fault::Gone),
            Ok(_) => Ok(()),
        }
    }

    /// Whether a message was begun so long ago that it should be whole.
    pub(super) fn is_stalled(&self) -> bool {
        self.within_since.is_some_and(|since| since.elapsed() > self.slowest_frame)
    }

    /// Writes a message, and waits until it was taken.
    pub(super) async fn send(&mut self, text: &str) -> Result<(), Fault> {
        let mut pieces = text.as_bytes().chunks(PIECE).peekable();
        let mut kind = Kind::Text;
        while let Some(piece) = pieces.next() {
            frame::write(&mut self.outgoing, kind, pieces.peek().is_none(), piece);
            self.flush().await?;
            kind = Kind::More;
        }
        Ok(())
    }

    /// Asks for a sign of life.
    pub(super) async fn ping(&mut self) -> Result<(), Fault> {
        frame::write(&mut self.outgoing, Kind::Ping, true, b"");
        self.flush().await
    }

    /// Writes what is ready, and waits until it was taken.
    pub(super) async fn flush(&mut self) -> Result<(), Fault> {
        match timeout(self.slowest_frame, self.write_out()).await {
            Ok(written) => written,
            Err(_) => Err(Fault::Slow),
        }
    }

    async fn write_out(&mut self) -> Result<(), Fault> {
        while !self.outgoing.is_empty() {
            match self.connection.write_buf(&mut self.outgoing).await {
                Ok(0) | Err(_) => return Err(Fault::Gone),
                Ok(_) => {}
            }
        }
        // Gives the room back, which clearing would not.
        self.outgoing = BytesMut::new();
        self.connection.flush().await.map_err(|_| Fault::Gone)
    }

    /// Says goodbye, with a code and a reason unless the client said it first, and hangs up once
    /// the client has, or within `patience`.
    pub(super) async fn close(mut self, goodbye: Option<(u16, &str)>, patience: Duration) {
        if let Some((code, reason)) = goodbye {
            let payload = [&code.to_be_bytes(), short(reason).as_bytes()].concat();
            frame::write(&mut self.outgoing, Kind::Close, true, &payload);
        }
        let all = async {
            self.write_out().await.ok()?;
            self.connection.shutdown().await.ok()?;
            // Who hangs up while something is unread resets the connection, and the goodbye may
            // be lost with it.
            let mut scrap = vec![0; READ];
            let mut left = AFTER_GOODBYE;
            while left > 0 {
                match self.connection.read(&mut scrap).await.ok()? {
                    0 => break,
                    read => left = left.saturating_sub(read),
                }
            }
            Some(())
        };
        let _ = timeout(patience, all).await;
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
