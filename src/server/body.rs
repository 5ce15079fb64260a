//! Bodies: each has a time to arrive in and a size, and is taken as it is, never unpacked.

use std::{
    error::Error,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::{
    HeaderMap,
    body::{Body, Frame, Incoming, SizeHint},
    header::CONTENT_ENCODING,
};
use tokio::time::{Instant, Sleep, sleep_until};

use super::pulse::{Exchange, Pulse};

/// Any error.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The body was not there in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body did not arrive in time")]
struct TooSlow;

/// Why a body cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is larger than it may be. Told by its length, if it has one, before any of it is read.
    TooLarge,
    /// It did not arrive in time.
    TooSlow,
    /// It broke off, or its chunks are none.
    Broken,
}

/// Reads a body of at most `largest` bytes.
///
/// # Errors
/// [`BodyError`].
pub async fn read<B>(body: B, largest: usize) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    // Asked first: reading a byte would tell a client that waits for leave to go on sending.
    if usize::try_from(body.size_hint().lower()).is_ok_and(|length| length <= largest) {
        let body = Limited::new(body, largest).collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|error| BodyError::of(&*error))
    } else {
        Err(BodyError::TooLarge)
    }
}

impl BodyError {
    fn of(error: &(dyn Error + 'static)) -> Self {
        let mut causes = std::iter::successors(Some(error), |&error| error.source());
        let found = causes.find_map(|cause| {
            let too_slow = cause.is::<TooSlow>().then_some(Self::TooSlow);
            too_slow.or(cause.is::<LengthLimitError>().then_some(Self::TooLarge))
        });
        found.unwrap_or(Self::Broken)
    }
}

/// What a client is told whose body is packed.
pub const PACKED: &str =
    "a body is sent as it is: without Content-Encoding, or with the encoding identity";

/// Whether a body is packed. A small one could unpack to anything, so none is taken.
#[must_use]
pub fn is_packed(headers: &HeaderMap) -> bool {
    let names = headers.get_all(CONTENT_ENCODING);
    !names.iter().all(|name| name.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"))
}

/// A request's body, which fails if it is not there in time.
#[derive(Debug)]
pub struct Arriving {
    body: Incoming,
    until: Instant,
    /// Set once it has to be waited for, which most never have.
    timer: Option<Pin<Box<Sleep>>>,
    pulse: Arc<Pulse>,
    id: u64,
}

impl Arriving {
    pub(super) fn new(body: Incoming, until: Instant, pulse: Arc<Pulse>, id: u64) -> Self {
        Self { body, until, timer: None, pulse, id }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let frame = match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                let timer = this.timer.get_or_insert_with(|| Box::pin(sleep_until(this.until)));
                return timer.as_mut().poll(cx).map(|()| Some(Err(TooSlow.into())));
            }
        };
        if frame.is_none() || this.body.is_end_stream() {
            this.pulse.arrived(this.id);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body, under way until it is dropped.
#[derive(Debug)]
pub(super) struct Leaving<B> {
    body: B,
    _exchange: Exchange,
}

impl<B> Leaving<B> {
    pub(super) fn new(body: B, exchange: Exchange) -> Self {
        Self { body, _exchange: exchange }
    }
}

impl<B: Body + Unpin> Body for Leaving<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
