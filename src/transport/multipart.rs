//! GraphQL subscriptions over multipart responses, which Apollo's clients ask for.
//!
//! Each part ends with the delimiter of the next, since readers tell of a part only when they see
//! what it ends with. The first delimiter opens the stream; no empty part does, as some readers
//! take the first part for an answer.
//!
//! Source: Apollo's "Multipart HTTP protocol for GraphQL Subscriptions"; RFC 2046, section 5.1.1.

use axum::body::Bytes;

use super::{media::Media, message::Answer, streams::Framing};
use crate::{error::ApiError, ids::RequestId, schema::refusal};

/// Writes multipart responses.
#[derive(Clone, Copy, Debug)]
pub struct Multipart;

const HEADER: &[u8] = b"\r\nContent-Type: application/json\r\n\r\n";
const DELIMITER: &[u8] = b"\r\n--graphql";

impl Framing for Multipart {
    const NAME: &'static str = "multipart";
    const MEDIA: Media = Media::Multipart;
    const OPEN: &'static [u8] = DELIMITER;
    const ALIVE: &'static [u8] = b"\r\nContent-Type: application/json\r\n\r\n{}\r\n--graphql";
    // Two hyphens behind a delimiter make it the closing one.
    const DONE: &'static [u8] = b"--\r\n";

    fn next(answer: &Answer, _: Option<String>) -> Bytes {
        [HEADER, b"{\"payload\":", &answer.to_json(), b"}", DELIMITER].concat().into()
    }

    /// Here an end without a reason is a subscription that has ended, so the reason is told.
    fn cut(why: ApiError, id: RequestId) -> Option<Bytes> {
        let why = Answer::new(refusal(why), id);
        let errors = serde_json::to_vec(&why.errors()).unwrap_or_default();
        let body: [&[u8]; 3] = [b"{\"payload\":null,\"errors\":", &errors, b"}"];
        Some([HEADER, &body.concat(), DELIMITER, Self::DONE].concat().into())
    }
}
