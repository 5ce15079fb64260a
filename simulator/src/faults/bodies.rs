//! Response bodies that end too early, hardly end at all, or hardly begin.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress};
use http_body::Frame;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How large the pieces of large bodies are, unpacked.
const PIECE: usize = 64 * 1024;

/// How a body of well-formed JSON that is all one text begins and ends.
const OPENING: &[u8] = b"{\"status\":\"successful\",\"data\":null,\"message\":\"";
const CLOSING: &[u8] = b"\"}";

/// What is left of a body that comes in `times` equal pieces, then ends or breaks.
struct Pieces {
    first: Option<Bytes>,
    piece: Bytes,
    times: u64,
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

/// Well-formed JSON of about `size` bytes, of unknown length to whoever reads it.
pub(crate) fn huge(size: u64) -> Body {
    Body::new(Pieces {
        first: Some(Bytes::from_static(OPENING)),
        piece: Bytes::from(vec![b'a'; PIECE]),
        times: size / PIECE as u64,
        last: Some(Bytes::from_static(CLOSING)),
        breaks: false,
        flushed: false,
    })
}

/// The same, packed with gzip. Its check sum is wrong; nobody should come so far.
pub(crate) fn bomb(size: u64) -> Body {
    let mut packer = Compress::new(Compression::best(), false);
    let mut pack = |what: &[u8], flush| {
        let mut packed = Vec::with_capacity(PIECE);
        // Cannot fail: there is room for all of it.
        let _done = packer.compress_vec(what, &mut packed, flush);
        packed
    };
    // No name, no time. Source: RFC 1952, section 2.3.
    let mut first = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];
    first.extend(pack(OPENING, FlushCompress::Full));
    // A full flush lets a piece stand for itself, so that it can be sent again and again.
    let piece = pack(&[b'a'; PIECE], FlushCompress::Full);
    let mut last = pack(CLOSING, FlushCompress::Finish);
    last.extend([0; 8]);
    Body::new(Pieces {
        first: Some(first.into()),
        piece: piece.into(),
        times: size / PIECE as u64,
        last: Some(last.into()),
        breaks: false,
        flushed: false,
    })
}

/// What is left of a body that comes a byte at a time.
struct Drops {
    whole: Bytes,
    every: Interval,
}

impl HttpBody for Drops {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.whole.is_empty() {
            return Poll::Ready(None);
        }
        ready!(self.every.poll_tick(cx));
        let drop = self.whole.split_to(1);
        Poll::Ready(Some(Ok(Frame::data(drop))))
    }
}

/// `whole`, a byte every so often.
pub(crate) fn drip(whole: Bytes, every: Duration) -> Body {
    let mut every = interval(every.max(Duration::from_millis(1)));
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Body::new(Drops { whole, every })
}
