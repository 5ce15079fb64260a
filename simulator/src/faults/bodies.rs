//! Response bodies that end too early or hardly end at all.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body::Frame;

/// What is left of a body that comes in `times` equal pieces, then ends or breaks.
struct Pieces {
    first: Option<Bytes>,
    piece: Bytes,
    times: usize,
    last: Option<Bytes>,
    breaks: bool,
    flushed: bool,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if self.times > 0 {
            self.times -= 1;
            return Poll::Ready(Some(Ok(Frame::data(self.piece.clone()))));
        }
        if let Some(last) = self.last.take() {
            return Poll::Ready(Some(Ok(Frame::data(last))));
        }
        if !self.breaks {
            return Poll::Ready(None);
        }
        // What was sent so far is written out before the connection breaks.
        if !std::mem::replace(&mut self.flushed, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())))
    }
}

/// The first half of `whole`, after which the connection breaks.
pub(crate) fn half(whole: &Bytes) -> Body {
    Body::new(Pieces {
        first: Some(whole.slice(..whole.len() / 2)),
        piece: Bytes::new(),
        times: 0,
        last: None,
        breaks: true,
        flushed: false,
    })
}

/// 16 MiB of well-formed JSON, of unknown length to whoever reads it.
pub(crate) fn huge() -> Body {
    Body::new(Pieces {
        first: Some(Bytes::from_static(b"{\"status\":\"successful\",\"data\":null,\"message\":\"")),
        piece: Bytes::from(vec![b'a'; 64 * 1024]),
        times: 256,
        last: Some(Bytes::from_static(b"\"}")),
        breaks: false,
        flushed: false,
    })
}
