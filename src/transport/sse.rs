//! GraphQL over server-sent events, one operation a connection.
//!
//! Source: graphql-sse's PROTOCOL.md, distinct connections mode. Beside it every event of a
//! subscription carries its cursor as `id`, so that a browser that reconnects resumes there.
//! The frames are written here: `complete` must have a line of data, be it empty, or browsers do
//! not tell of it.

use axum::body::Bytes;

use super::{media::Media, message::Answer, streams::Framing};
use crate::{error::ApiError, ids::RequestId};

/// Writes server-sent events.
#[derive(Clone, Copy, Debug)]
pub struct Events;

impl Framing for Events {
    const NAME: &'static str = "sse";
    const MEDIA: Media = Media::Events;
    const OPEN: &'static [u8] = b":\n\n";
    const ALIVE: &'static [u8] = b":\n\n";
    const DONE: &'static [u8] = b"event: complete\ndata:\n\n";

    fn next(answer: &Answer, cursor: Option<String>) -> Bytes {
        let mut frame = b"event: next\n".to_vec();
        if let Some(cursor) = cursor {
            frame.extend_from_slice(format!("id: {cursor}\n").as_bytes());
        }
        // JSON has no bare line ends, which is all that a line of data must not have.
        frame.extend_from_slice(b"data: ");
        frame.extend_from_slice(&answer.to_json());
        frame.extend_from_slice(b"\n\n");
        frame.into()
    }

    /// A stream that ends without `complete` is one whose client comes back.
    fn cut(_: ApiError, _: RequestId) -> Option<Bytes> {
        None
    }
}
