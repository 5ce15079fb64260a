//! What the head of every request must be like, whatever is asked: of bounded length, and for one
//! host.

use axum::{
    Json,
    extract::Request,
    http::{
        HeaderMap, HeaderValue, StatusCode, Version,
        header::{ACCEPT_ENCODING, CONTENT_TYPE, HOST},
        uri::Authority,
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use serde_json::json;
use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer,
        predicate::{Predicate, SizeAbove},
    },
};

/// The longest address, in bytes. A GET carries its document in it.
const LONGEST_URI: usize = 32 * 1024;

/// The most header fields, and the most bytes of their names and values together.
const MOST_FIELDS: usize = 100;
const LARGEST_FIELDS: usize = 16 * 1024;

/// From how many bytes on an answer is compressed: a smaller one fits one packet as it is.
const WORTH_COMPRESSING: u64 = 1024;

/// Why a request's head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("the address has at most {LONGEST_URI} bytes; a longer document is sent by POST")]
    Uri,
    #[error("a request has at most {MOST_FIELDS} header fields of {LARGEST_FIELDS} bytes in all")]
    Fields,
    #[error("a request names one host, by exactly one Host header with a name and perhaps a port")]
    Host,
    #[error("the Host header and the address name different hosts; one of them would be believed")]
    OtherHost,
}

impl Refusal {
    fn status(self) -> StatusCode {
        match self {
            Self::Uri => StatusCode::URI_TOO_LONG,
            Self::Fields => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Host | Self::OtherHost => StatusCode::BAD_REQUEST,
        }
    }
}

/// Refuses a request whose head is too large or names no host or several. Behind it a request has
/// exactly one `Host`, in small letters, whichever way and over whichever version it was named, or,
/// over HTTP/1.0, none.
pub async fn check(mut request: Request, next: Next) -> Response {
    match bounded(&request).and_then(|()| one_host(&request)) {
        Ok(host) => {
            if let Some(host) = host {
                request.headers_mut().insert(HOST, host);
            }
            next.run(request).await
        }
        Err(refusal) => {
            let body = Json(json!({ "message": refusal.to_string() }));
            (refusal.status(), body).into_response()
        }
    }
}

fn bounded(request: &Request) -> Result<(), Refusal> {
    let uri = request.uri();
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    if path + uri.authority().map_or(0, |authority| authority.as_str().len()) > LONGEST_URI {
        return Err(Refusal::Uri);
    }
    let fields = request.headers();
    let bytes: usize = fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if fields.len() > MOST_FIELDS || bytes > LARGEST_FIELDS {
        return Err(Refusal::Fields);
    }
    Ok(())
}

/// The host that a request is for. Source: RFC 9112, section 3.2; RFC 9113, section 8.3.1.
fn one_host(request: &Request) -> Result<Option<HeaderValue>, Refusal> {
    let mut given = request.headers().get_all(HOST).iter();
    let host = match (given.next(), given.next()) {
        (Some(host), None) => Some(authority(host.as_bytes())?),
        (None, _) => None,
        (Some(_), Some(_)) => return Err(Refusal::Host),
    };
    let target = request.uri().authority().map(|named| authority(named.as_str().as_bytes()));
    let named = match (target.transpose()?, host) {
        (Some(target), Some(host)) if target != host => return Err(Refusal::OtherHost),
        (Some(target), _) => Some(target),
        (None, Some(host)) => Some(host),
        (None, None) if request.version() == Version::HTTP_10 => None,
        (None, None) => return Err(Refusal::Host),
    };
    // Names of hosts have no case; in small letters there is one spelling to know.
    let named = named.map(|named| named.as_str().to_ascii_lowercase());
    named.map(|named| named.parse().map_err(|_| Refusal::Host)).transpose()
}

/// A name and perhaps a port, without a user: `localhost@evil.test` looks like what it is not.
fn authority(text: &[u8]) -> Result<Authority, Refusal> {
    let authority = Authority::try_from(text).map_err(|_| Refusal::Host)?;
    let is_plain = !authority.as_str().contains('@') && !authority.host().is_empty();
    if is_plain { Ok(authority) } else { Err(Refusal::Host) }
}

/// Compresses answers in JSON that are worth it, for clients that take gzip.
///
/// That the length of a compressed answer tells what is in it (BREACH) needs a secret that stands
/// beside a text of the attacker's choosing, asked for by the victim's browser. No answer holds
/// such a secret, foreign pages cannot ask, and there are no cookies by which they would be the
/// victim. Streams and webhooks are left as they are: an event that waits in a compressor is late.
pub fn compression() -> CompressionLayer<impl Predicate> {
    let is_json = |_: StatusCode, _: Version, headers: &HeaderMap, _: &axum::http::Extensions| {
        let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let name = media.and_then(|text| text.split(';').next()).unwrap_or_default();
        ["application/json", "application/graphql-response+json"].contains(&name.trim())
    };
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(WORTH_COMPRESSING).and(is_json))
}

/// Forgets what a client takes unless gzip is part of it. The library would answer 406 to whoever
/// takes neither gzip nor plain text, but only after the request was carried out.
pub async fn gzip_or_plain(mut request: Request) -> Request {
    let takes_gzip = request
        .headers()
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
            named && weight.is_none_or(|weight| weight > 0.0)
        });
    let headers = request.headers_mut();
    headers.remove(ACCEPT_ENCODING);
    if takes_gzip {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    request
}
