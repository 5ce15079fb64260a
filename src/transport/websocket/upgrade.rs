//! The request that becomes a WebSocket. Source: RFC 6455, section 4.2.
//!
//! Extensions that a client offers are not taken: what is compressed can unpack to anything.

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version,
        header::{
            CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
            SEC_WEBSOCKET_VERSION, UPGRADE,
        },
        request::Parts,
    },
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::upgrade::OnUpgrade;
use sha1::{Digest as _, Sha1};

/// Why a request is not upgraded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoUpgrade {
    /// The version of the protocol is not ours.
    #[error("the WebSocket's version is 13, in the header Sec-WebSocket-Version")]
    Version,
    /// There is no key, or it is not one.
    #[error("the header Sec-WebSocket-Key must be 16 bytes in base64")]
    Key,
    /// The connection is not asked to change.
    #[error("a WebSocket is asked for over HTTP/1.1 with the header Connection: Upgrade")]
    Connection,
}

impl NoUpgrade {
    /// The answer's status.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::Key | Self::Connection => StatusCode::BAD_REQUEST,
        }
    }

    /// The headers that say what would be right.
    #[must_use]
    pub fn headers(self) -> Vec<(HeaderName, HeaderValue)> {
        match self {
            Self::Version => vec![
                (SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
                (UPGRADE, HeaderValue::from_static("websocket")),
                (CONNECTION, HeaderValue::from_static("upgrade")),
            ],
            Self::Key | Self::Connection => Vec::new(),
        }
    }
}

/// Whether a request asks for a WebSocket. Other upgrades may be passed over, and are.
#[must_use]
pub fn is_asked_for(parts: &Parts) -> bool {
    parts.method == Method::GET && words(&parts.headers, &UPGRADE).any(is("websocket"))
}

/// What a good request agrees to.
pub(super) struct Agreed {
    /// The connection, once the answer is written.
    pub(super) connection: OnUpgrade,
    /// The answer.
    pub(super) response: Response,
    /// Whether the client offered our sub-protocol.
    pub(super) speaks: bool,
}

pub(super) fn agree(parts: &mut Parts, protocol: &'static str) -> Result<Agreed, NoUpgrade> {
    let headers = &parts.headers;
    if parts.version != Version::HTTP_11 || !words(headers, &CONNECTION).any(is("upgrade")) {
        return Err(NoUpgrade::Connection);
    }
    let mut versions = headers.get_all(SEC_WEBSOCKET_VERSION).iter();
    if versions.next().is_none_or(|version| version != "13") || versions.next().is_some() {
        return Err(NoUpgrade::Version);
    }
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let key = keys.next().filter(|key| is_key(key.as_bytes())).ok_or(NoUpgrade::Key)?;
    if keys.next().is_some() {
        return Err(NoUpgrade::Key);
    }
    let accept = HeaderValue::try_from(accept(key.as_bytes())).map_err(|_| NoUpgrade::Key)?;
    let speaks = words(headers, &SEC_WEBSOCKET_PROTOCOL).any(|offered| offered == protocol);
    let connection = parts.extensions.remove::<OnUpgrade>().ok_or(NoUpgrade::Connection)?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if speaks {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    }
    Ok(Agreed { connection, response, speaks })
}

/// What shows a client that its request was understood. Source: RFC 6455, section 4.2.2.
fn accept(key: &[u8]) -> String {
    let digest = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(digest.finalize())
}

/// The words of a header that is a list, however many times it stands there.
fn words<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn is(wanted: &'static str) -> impl Fn(&str) -> bool {
    move |word| word.eq_ignore_ascii_case(wanted)
}

/// 16 bytes in base64: 22 characters, of which the last has four bits left over, and two signs.
fn is_key(text: &[u8]) -> bool {
    let Some(body) = text.strip_suffix(b"==") else { return false };
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    body.len() == 22 && body.iter().all(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_sixteen_bytes_in_base64() {
        assert!(is_key(b"dGhlIHNhbXBsZSBub25jZQ=="));
        for bad in
            ["", "==", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25j!Q=="]
        {
            assert!(!is_key(bad.as_bytes()), "{bad}");
        }
    }
}
