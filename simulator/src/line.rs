//! Connections that can be cut in the middle, so that a client meets a real reset.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

/// Accepts connections, gives each its [`Switch`] and counts what they write.
pub(crate) struct Door {
    /// Where they come in.
    pub(crate) listener: TcpListener,
    /// How many bytes went out, over all of them.
    pub(crate) written: Arc<AtomicU64>,
}

/// Cuts the connection that it belongs to. Holds how much may still be written.
#[derive(Clone, Debug)]
pub(crate) struct Switch(Arc<AtomicU64>);

impl Default for Switch {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }
}

impl Switch {
    /// Lets this many bytes out and nothing more: the next write resets the connection.
    pub(crate) fn cut_after(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Release);
    }

    fn left(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    fn wrote(&self, bytes: u64) {
        let left = self.left();
        if left != u64::MAX {
            self.cut_after(left.saturating_sub(bytes));
        }
    }
}

impl Connected<IncomingStream<'_, Door>> for Switch {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.io().switch.clone()
    }
}

impl Listener for Door {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        let (stream, from) = Listener::accept(&mut self.listener).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        (Line { stream, switch: Switch::default(), written: self.written.clone() }, from)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection.
pub(crate) struct Line {
    stream: TcpStream,
    switch: Switch,
    written: Arc<AtomicU64>,
}

impl Line {
    /// How much may be written, if anything may.
    fn room(&self) -> io::Result<usize> {
        let left = self.switch.left();
        if left > 0 {
            return Ok(usize::try_from(left).unwrap_or(usize::MAX));
        }
        // Closing without lingering sends RST instead of FIN.
        self.stream.set_zero_linger()?;
        Err(io::ErrorKind::ConnectionReset.into())
    }

    fn count(&self, wrote: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = wrote {
            self.written.fetch_add(bytes as u64, Ordering::Relaxed);
            self.switch.wrote(bytes as u64);
        }
        wrote
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let room = self.room()?;
        let wrote = Pin::new(&mut self.stream).poll_write(cx, &buf[..buf.len().min(room)]);
        self.count(wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let room = self.room()?;
        let stream = Pin::new(&mut self.stream);
        let wrote = if room == usize::MAX {
            stream.poll_write_vectored(cx, bufs)
        } else {
            let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| &**buf);
            stream.poll_write(cx, &first[..first.len().min(room)])
        };
        self.count(wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
