//! Media types: which of them a client takes, and which of those its answer comes in.
//!
//! What is best depends on the operation: a subscription needs a type that streams, anything else
//! is answered in one piece unless the client takes nothing but streams.
//!
//! Source: RFC 9110 on `Accept`; the GraphQL over HTTP draft; Apollo's multipart subscriptions.

use axum::http::{HeaderMap, HeaderValue, header::ACCEPT};

/// What an answer is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/json`.
    Json,
    /// `application/graphql-response+json`.
    GraphqlResponse,
    /// `text/event-stream`.
    Events,
    /// `multipart/mixed`.
    Multipart,
}

/// The types in one piece, then those that stream. Of two that a client likes equally well the
/// earlier is taken.
const WHOLE: [Media; 2] = [Media::GraphqlResponse, Media::Json];
const STREAMS: [Media; 2] = [Media::Events, Media::Multipart];

impl Media {
    /// What `Content-Type` says.
    #[must_use]
    pub const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Events => "text/event-stream",
            // Unquoted, though the protocol's own examples quote: some clients, such as Python's gql,
            // compare these parameters to the letter.
            Self::Multipart => "multipart/mixed;boundary=graphql;subscriptionSpec=1.0",
        })
    }

    /// How closely a media range without parameters names this type; nothing if it does not.
    ///
    /// `*/*` and `application/*` mean plain JSON: clients that write so are of before the draft. A
    /// stream is for those who ask for one: others would wait for its end.
    fn named_by(self, range: &str) -> Option<u8> {
        let closeness = match (self, range) {
            (Self::Json, "application/json")
            | (Self::GraphqlResponse, "application/graphql-response+json")
            | (Self::Events, "text/event-stream")
            | (Self::Multipart, "multipart/mixed") => 3,
            (Self::Json, "application/*")
            | (Self::Events, "text/*")
            | (Self::Multipart, "multipart/*") => 2,
            (Self::Json, "*/*") => 1,
            _ => return None,
        };
        Some(closeness)
    }

    /// Whether these parameters of a media range leave this type in it. Unknown ones are passed
    /// over, as the boundary is: the server chooses it.
    fn fits(self, range: &Range) -> bool {
        match self {
            Self::Json | Self::GraphqlResponse | Self::Events => {
                range.parameter("charset").is_none_or(|name| name.eq_ignore_ascii_case("utf-8"))
            }
            // Parts that patch one answer are another protocol under the same name.
            Self::Multipart => match range.parameter("subscriptionspec") {
                Some(version) => version == "1.0",
                None => range.parameter("deferspec").is_none(),
            },
        }
    }
}

/// What a client takes, at best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepts {
    whole: Option<Media>,
    stream: Option<Media>,
}

impl Accepts {
    /// Reads a request's headers. Nothing if the client takes none of ours.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(ACCEPT).iter().map(|line| line.to_str().unwrap_or("?"));
        let listed: Vec<_> = lines.flat_map(|line| split(line, ',')).collect();
        if listed.is_empty() {
            return Some(Self { whole: Some(Media::Json), stream: None });
        }
        let ranges: Vec<_> = listed.into_iter().map(Range::read).collect();
        let accepts = Self { whole: best(&ranges, WHOLE), stream: best(&ranges, STREAMS) };
        (accepts.whole.is_some() || accepts.stream.is_some()).then_some(accepts)
    }

    /// For an operation that answers once.
    #[must_use]
    pub fn for_one(self) -> Media {
        self.whole.or(self.stream).unwrap_or(Media::Json)
    }

    /// For an operation that answers again and again; nothing if no stream is taken.
    #[must_use]
    pub fn for_many(self) -> Option<Media> {
        self.stream
    }
}

/// The type that the client likes best of these.
fn best(ranges: &[Range<'_>], types: [Media; 2]) -> Option<Media> {
    let mut best = None;
    for media in types {
        // The range that names a type most closely decides about it, be it by refusing it.
        let named = ranges.iter().filter(|range| media.fits(range));
        let named = named.filter_map(|range| Some((media.named_by(&range.name)?, range.weight)));
        let weight = named.max_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let Some((_, weight)) = weight.filter(|(_, weight)| *weight > 0.0) else { continue };
        if best.is_none_or(|(least, _)| weight > least) {
            best = Some((weight, media));
        }
    }
    best.map(|(_, media)| media)
}

/// One of the ranges that an `Accept` lists.
struct Range<'a> {
    name: String,
    parameters: Vec<(String, &'a str)>,
    /// From 0, which refuses, to 1.
    weight: f32,
}

impl<'a> Range<'a> {
    fn read(text: &'a str) -> Self {
        let mut pieces = split(text, ';').into_iter();
        let name = pieces.next().unwrap_or_default().to_ascii_lowercase();
        let parameters = pieces.filter_map(|piece| piece.split_once('='));
        let parameters: Vec<_> = parameters
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), unquoted(value.trim())))
            .collect();
        let mut range = Self { name, parameters, weight: 1.0 };
        // A weight that is none is as good as no weight.
        let weight = range.parameter("q").and_then(|text| text.parse().ok());
        range.weight = weight.filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or(1.0);
        range
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

/// The pieces between separators that are in no quoted text, without those that are empty.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let pieces = text.split(|c| {
        let was_escaped = std::mem::take(&mut escaped);
        match c {
            '\\' if quoted && !was_escaped => escaped = true,
            '"' if !was_escaped => quoted = !quoted,
            _ => {}
        }
        c == separator && !quoted
    });
    pieces.map(str::trim).filter(|piece| !piece.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a query and a subscription are answered in.
    fn negotiated(lines: &[&'static str]) -> Option<(Media, Option<Media>)> {
        let headers = lines.iter().map(|line| (ACCEPT, HeaderValue::from_static(line)));
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(name, value);
        }
        Accepts::of(&all).map(|accepts| (accepts.for_one(), accepts.for_many()))
    }

    #[test]
    fn what_real_clients_send_gets_what_they_read() {
        use Media::{Events, GraphqlResponse, Json, Multipart};
        let cases: [(&str, &[&'static str], Media, Option<Media>); 9] = [
            ("nothing", &[], Json, None),
            ("curl", &["*/*"], Json, None),
            (
                "graphql-http",
                &["application/graphql-response+json, application/json"],
                GraphqlResponse,
                None,
            ),
            (
                "Apollo Client, a query",
                &["application/graphql-response+json,application/json;q=0.9"],
                GraphqlResponse,
                None,
            ),
            (
                "Apollo Client, a subscription",
                &[
                    "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9",
                ],
                GraphqlResponse,
                Some(Multipart),
            ),
            (
                "Apollo Client, a query that may be deferred",
                &["multipart/mixed;deferSpec=20220824, application/json"],
                Json,
                None,
            ),
            (
                "urql",
                &[
                    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed",
                ],
                GraphqlResponse,
                Some(Events),
            ),
            ("EventSource and graphql-sse", &["text/event-stream"], Events, Some(Events)),
            (
                "a browser's address bar",
                &["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
                Json,
                None,
            ),
        ];
        for (who, lines, one, many) in cases {
            assert_eq!(negotiated(lines), Some((one, many)), "{who}");
        }
    }

    #[test]
    fn weights_ranges_and_several_headers_are_read() {
        use Media::{Events, GraphqlResponse, Json, Multipart};
        let cases: [(&[&'static str], Media, Option<Media>); 13] = [
            (&["application/graphql-response+json;q=0.5, application/json"], Json, None),
            (&["application/graphql-response+json;q=0.5, */*;q=0.4"], GraphqlResponse, None),
            (
                &["application/graphql-response+json ; Q=0.1 , application/json;q=0"],
                GraphqlResponse,
                None,
            ),
            (
                &["application/json;q=0.2", "application/graphql-response+json"],
                GraphqlResponse,
                None,
            ),
            (&["text/event-stream", "application/json;q=0.1"], Json, Some(Events)),
            (&["application/json;q=0, */*, text/event-stream"], Events, Some(Events)),
            (&["application/*"], Json, None),
            (&["APPLICATION/JSON; charset=UTF-8"], Json, None),
            (&["text/*;q=0.5, multipart/*"], Multipart, Some(Multipart)),
            (&["text/event-stream;q=0, text/*, multipart/mixed;q=0.1"], Multipart, Some(Multipart)),
            (&["multipart/mixed, text/event-stream"], Events, Some(Events)),
            // A weight that is none.
            (&["application/json;q=often, application/graphql-response+json;q=0.9"], Json, None),
            (&["application/json;q=NaN, application/graphql-response+json;q=0.9"], Json, None),
        ];
        for (lines, one, many) in cases {
            assert_eq!(negotiated(lines), Some((one, many)), "{lines:?}");
        }
    }

    #[test]
    fn multipart_is_taken_in_every_form_that_means_subscriptions() {
        for line in [
            "multipart/mixed",
            "multipart/mixed;subscriptionSpec=1.0",
            "multipart/mixed; subscriptionSpec=\"1.0\"",
            "multipart/mixed;boundary=\"graphql\";subscriptionSpec=\"1.0\"",
            "multipart/mixed;boundary=-;subscriptionspec=1.0",
            "Multipart/Mixed; boundary=\"a,b;c\\\"d\"; subscriptionSpec=1.0; deferSpec=20220824",
        ] {
            let taken = Some((Media::Multipart, Some(Media::Multipart)));
            assert_eq!(negotiated(&[line]), taken, "{line}");
        }
        for line in ["multipart/mixed;deferSpec=20220824", "multipart/mixed;subscriptionSpec=2.0"] {
            assert_eq!(negotiated(&[line]), None, "{line}");
        }
    }

    #[test]
    fn what_cannot_be_met_or_read_is_nothing() {
        for line in [
            "text/html",
            "application/json;q=0",
            "application/json;charset=utf-16",
            "*/*;q=0",
            "application",
            ";;;q=1",
            "\"application/json",
            "image/*, nonsense",
        ] {
            assert_eq!(negotiated(&[line]), None, "{line}");
        }
        for line in ["", " , ,"] {
            assert_eq!(negotiated(&[line]), Some((Media::Json, None)), "{line:?}");
        }
    }
}
