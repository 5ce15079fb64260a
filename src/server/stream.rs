//! A socket that tells what happens on it.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
};

use super::pulse::Pulse;

/// How much of what the peer still sends is read and dropped after the last answer, in bytes.
/// More than any body that is taken, so that whoever sends too much learns that from the answer.
const LARGEST_REST: usize = 16 * 1024 * 1024;

/// A socket, and its place among the connections for as long as it is open.
#[derive(Debug)]
pub(super) struct Stream {
    socket: TcpStream,
    pulse: Arc<Pulse>,
    /// Whether the peer writes no more.
    has_ended: bool,
    /// Whether we write no more, and how much of the peer's was dropped since.
    rest: Option<usize>,
    _slot: OwnedSemaphorePermit,
}

impl Stream {
    pub(super) fn new(socket: TcpStream, slot: OwnedSemaphorePermit, pulse: Arc<Pulse>) -> Self {
        Self { socket, pulse, has_ended: false, rest: None, _slot: slot }
    }

    fn written(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(_) => self.pulse.wrote(),
            Poll::Pending => self.pulse.blocked(),
        }
        result
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.has_ended {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.socket).poll_read(cx, buffer))?;
            if buffer.filled().len() > before {
                this.pulse.read();
                return Poll::Ready(Ok(()));
            }
            this.has_ended = true;
        }
        if this.pulse.tells_of_end(cx.waker()) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.written(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write_vectored(cx, parts);
        self.written(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    /// Ends our side, then reads what the peer still sends, until it has seen that and ends too.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut dropped = match this.rest {
            Some(dropped) => dropped,
            None => {
                ready!(Pin::new(&mut this.socket).poll_shutdown(cx))?;
                this.pulse.done();
                0
            }
        };
        let mut unread = [0; 4096];
        while !this.has_ended && dropped < LARGEST_REST && this.pulse.may_linger() {
            this.rest = Some(dropped);
            let mut buffer = ReadBuf::new(&mut unread);
            if ready!(Pin::new(&mut this.socket).poll_read(cx, &mut buffer)).is_err() {
                break;
            }
            this.has_ended = buffer.filled().is_empty();
            dropped += buffer.filled().len();
        }
        Poll::Ready(Ok(()))
    }
}
