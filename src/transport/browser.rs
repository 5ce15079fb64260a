//! What a browser may be made to do by a page that is not ours: nothing.
//!
//! A browser tells of the page behind a request by `Origin` and by Fetch Metadata (`Sec-Fetch-*`).
//! What a program sends has neither, and needs neither. Source: W3C Fetch Metadata, WHATWG Fetch.
//!
//! What is left: browsers of before 2023, and all of them where the gateway is called by plain HTTP
//! and another name than a loopback one, send no Fetch Metadata, and with a GET for an image or a
//! script no `Origin` either. Such a GET looks like a program's and runs its query; its page can
//! read nothing of the answer, and can change nothing. Where tokens are asked for it has none.

use std::net::IpAddr;

use axum::http::{
    HeaderMap, HeaderValue, Uri,
    header::{HOST, HeaderName, ORIGIN},
};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// What a page does when it sends a GraphQL request by itself, and can read the answer; anything
/// else is a navigation, a form, or a resource of a page.
const MODES: [&str; 3] = ["cors", "same-origin", "websocket"];
const DESTINATIONS: [&str; 2] = ["empty", "websocket"];

/// Which pages may talk to the gateway, and by which names it may be called.
#[derive(Clone, Debug)]
pub struct Pages {
    /// Origins of pages that may talk to it, beside its own, written as browsers write them.
    pub origins: Vec<String>,
    /// Names by which it may be called, beside those of loopback; any if it asks for tokens.
    pub hosts: Option<Vec<String>>,
    /// Whether its public name is reached by HTTPS.
    pub https: bool,
}

/// Why a browser's request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A page of another origin.
    #[error(
        "pages of this origin may not call the gateway; GATEWAY_ALLOWED_ORIGINS lists those that may"
    )]
    Origin,
    /// Not by a script.
    #[error("a GraphQL request is sent by a script, not by a link, a form or a resource of a page")]
    Destination,
    /// By a name that is not ours.
    #[error(
        "the gateway asks for no token, so it answers to loopback names and GATEWAY_PUBLIC_URL only"
    )]
    Host,
}

impl Pages {
    /// Whether a GraphQL request with these headers may be answered.
    ///
    /// # Errors
    /// [`Refusal::Origin`], [`Refusal::Destination`].
    pub fn admit(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
        let text = |name: &HeaderName| single(headers, name).map_err(|Unclear| Refusal::Origin);
        let listed = self.listed(headers).is_some();
        if let Some(origin) = text(&ORIGIN)?
            && !listed
            && !self.is_own(origin, called(headers, uri))
        {
            return Err(Refusal::Origin);
        }
        match text(&FETCH_SITE)? {
            // `none` is the person's own doing: an address typed, a bookmark.
            None | Some("same-origin" | "none") => {}
            Some(_) if listed => {}
            Some(_) => return Err(Refusal::Origin),
        }
        let by_script = text(&FETCH_MODE)?.is_none_or(|mode| MODES.contains(&mode))
            && text(&FETCH_DEST)?.is_none_or(|destination| DESTINATIONS.contains(&destination));
        if by_script { Ok(()) } else { Err(Refusal::Destination) }
    }

    /// The origin of the page that asks, if it is one of those that may.
    #[must_use]
    pub fn listed<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let origin = single(headers, &ORIGIN).ok()??;
        let listed = self.origins.iter().any(|known| known == origin);
        headers.get(ORIGIN).filter(|_| listed)
    }

    /// Whether the gateway is called by a name of its own: a foreign page can make its name lead
    /// to 127.0.0.1.
    ///
    /// # Errors
    /// [`Refusal::Host`].
    pub fn admit_host(&self, host: Option<&str>) -> Result<(), Refusal> {
        let Some(hosts) = &self.hosts else { return Ok(()) };
        let name = host.map(host_name).ok_or(Refusal::Host)?;
        let is_known = |known: &String| known.eq_ignore_ascii_case(name);
        if is_loopback(name) || hosts.iter().any(is_known) { Ok(()) } else { Err(Refusal::Host) }
    }

    /// Whether `origin` is that of the gateway's own pages, as the caller knows it by `host`.
    fn is_own(&self, origin: &str, host: Option<&str>) -> bool {
        let (Some((scheme, authority)), Some(host)) = (origin.split_once("://"), host) else {
            return false;
        };
        // Browsers leave the usual port out; a proxy may put it back.
        let usual_port = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => return false,
        };
        let host = host.strip_suffix(usual_port).unwrap_or(host);
        // Where a listed origin tells the scheme of this name, a page that came by the other one,
        // which anybody on the way may have written, is not ours.
        let by_another_scheme = self.origins.iter().any(|known| {
            known.split_once("://").is_some_and(|(s, a)| s != scheme && a == authority)
        });
        host.eq_ignore_ascii_case(authority) && !by_another_scheme
    }
}

/// By which name and port the gateway is called: `Host`, or `:authority` of HTTP/2.
#[must_use]
pub fn called<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    host.or_else(|| uri.authority().map(|authority| authority.as_str()))
}

/// A header that is there twice, or is no text: whichever of its readings is safe is not taken.
struct Unclear;

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Unclear> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Unclear),
        (Some(_), Some(_)) => Err(Unclear),
    }
}

/// A host without its port.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

/// Whether this name leads to this machine whatever a name server says: an address cannot be made
/// to lead elsewhere.
fn is_loopback(name: &str) -> bool {
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(given: &[(&'static str, &[u8])]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(*name, HeaderValue::from_bytes(value).expect("a header's value"));
        }
        headers
    }

    fn pages() -> Pages {
        Pages {
            origins: vec!["https://app.example.test".into(), "https://gw.example.test".into()],
            hosts: Some(vec!["gw.example.test".into()]),
            https: true,
        }
    }

    fn admit(given: &[(&'static str, &str)]) -> Result<(), Refusal> {
        let given: Vec<_> = given.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        pages().admit(&headers(&given), &Uri::from_static("/graphql"))
    }

    const HERE: (&str, &str) = ("host", "127.0.0.1:8080");

    #[test]
    fn programs_own_pages_and_listed_pages_pass() {
        assert_eq!(admit(&[HERE]), Ok(()));
        assert_eq!(admit(&[HERE, ("origin", "http://127.0.0.1:8080")]), Ok(()));
        let listed = ("origin", "https://app.example.test");
        for site in ["cross-site", "same-site"] {
            let site = ("sec-fetch-site", site);
            assert_eq!(admit(&[HERE, listed, site]), Ok(()));
            let script = [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")];
            assert_eq!(admit(&[&[HERE, listed, site][..], &script].concat()), Ok(()));
            let socket = [("sec-fetch-mode", "websocket"), ("sec-fetch-dest", "websocket")];
            assert_eq!(admit(&[&[HERE, listed, site][..], &socket].concat()), Ok(()));
        }
    }

    #[test]
    fn an_origin_is_compared_to_the_letter() {
        for foreign in [
            "null",
            "",
            "https://evil.test",
            "https://app.example.test.",
            "https://app.example.test:443",
            "https://app.example.test:8443",
            "https://app.example.test/",
            "https://app.example.test.evil.test",
            "https://evil.app.example.test",
            "https://user@app.example.test",
            "https://APP.example.test",
            "http://app.example.test",
            "https://app.example.test, https://evil.test",
            "http://user@127.0.0.1:8080",
            "http://127.0.0.1:8081",
            "http://127.0.0.1",
            "http://localhost:8080",
            "chrome-extension://127.0.0.1:8080",
            "127.0.0.1:8080",
        ] {
            assert_eq!(admit(&[HERE, ("origin", foreign)]), Err(Refusal::Origin), "{foreign}");
        }
    }

    #[test]
    fn an_origin_that_is_there_twice_or_is_no_text_is_foreign() {
        let listed = ("origin", "https://app.example.test");
        assert_eq!(admit(&[HERE, listed, listed]), Err(Refusal::Origin));
        let uri = Uri::from_static("/graphql");
        for name in ["origin", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"] {
            let noise = headers(&[("host", b"127.0.0.1:8080"), (name, b"same-\xffrigin")]);
            assert_eq!(pages().admit(&noise, &uri), Err(Refusal::Origin), "{name}");
        }
        let twice = headers(&[("origin", b"https://app.example.test"), ("origin", b"null")]);
        assert_eq!(pages().listed(&twice), None);
    }

    #[test]
    fn a_page_that_came_by_another_scheme_is_not_ours() {
        let named = ("host", "gw.example.test");
        let secure = ("origin", "https://gw.example.test");
        assert_eq!(admit(&[named, secure]), Ok(()));
        assert_eq!(admit(&[("host", "gw.example.test:443"), secure]), Ok(()));
        let plain = ("origin", "http://gw.example.test");
        assert_eq!(admit(&[named, plain]), Err(Refusal::Origin));
        // Without a listed origin of this name nobody knows its scheme.
        assert_eq!(admit(&[("host", "localhost"), ("origin", "http://localhost")]), Ok(()));
        assert_eq!(admit(&[("host", "localhost:80"), ("origin", "http://localhost")]), Ok(()));
        let other_port = [("host", "localhost:80"), ("origin", "https://localhost")];
        assert_eq!(admit(&other_port), Err(Refusal::Origin));
    }

    #[test]
    fn http_2_names_the_gateway_in_its_uri() {
        let uri = Uri::from_static("http://127.0.0.1:8080/graphql");
        let own = headers(&[("origin", b"http://127.0.0.1:8080")]);
        assert_eq!(pages().admit(&own, &uri), Ok(()));
    }

    #[test]
    fn any_site_but_the_gateway_s_own_is_foreign() {
        for site in ["cross-site", "same-site", "some-new-word", ""] {
            assert_eq!(admit(&[HERE, ("sec-fetch-site", site)]), Err(Refusal::Origin), "{site}");
        }
        for site in ["same-origin", "none"] {
            assert_eq!(admit(&[HERE, ("sec-fetch-site", site)]), Ok(()), "{site}");
        }
        // Whatever the rest says, a foreign origin stays one.
        let foreign = ("origin", "https://evil.test");
        let both = [HERE, foreign, ("sec-fetch-site", "same-origin")];
        assert_eq!(admit(&both), Err(Refusal::Origin));
    }

    #[test]
    fn what_no_script_sent_is_refused_from_listed_pages_too() {
        let listed = ("origin", "https://app.example.test");
        for own in [&[HERE, ("sec-fetch-site", "same-origin")][..], &[HERE, listed]] {
            for destination in [
                "audio",
                "document",
                "embed",
                "fencedframe",
                "font",
                "frame",
                "iframe",
                "image",
                "json",
                "manifest",
                "object",
                "report",
                "script",
                "serviceworker",
                "sharedworker",
                "style",
                "track",
                "video",
                "webidentity",
                "worker",
                "xslt",
                "",
            ] {
                let request = [own, &[("sec-fetch-dest", destination)]].concat();
                assert_eq!(admit(&request), Err(Refusal::Destination), "{destination}");
            }
            for mode in ["navigate", "no-cors", "nested-navigate", ""] {
                let request = [own, &[("sec-fetch-mode", mode)]].concat();
                assert_eq!(admit(&request), Err(Refusal::Destination), "{mode}");
            }
        }
    }

    #[test]
    fn a_foreign_name_for_loopback_is_refused() {
        let pages = pages();
        for good in [
            "localhost:8080",
            "LOCALHOST",
            "127.0.0.1",
            "127.0.0.1:8080",
            "127.1.2.3:8080",
            "[::1]:9",
            "[::1]",
            "gw.example.test:443",
            "GW.example.test",
        ] {
            assert_eq!(pages.admit_host(Some(good)), Ok(()), "{good}");
        }
        for bad in [
            "evil.test:8080",
            "127.0.0.1.evil.test",
            "127.0.0.1@evil.test",
            "evil.test@127.0.0.1",
            "localhost.evil.test",
            "evil.localhost",
            "0.0.0.0:8080",
            "192.168.0.7",
            "gw.example.test.evil.test",
            "localhost:80:80",
            "[::1",
            "",
            ":8080",
        ] {
            assert_eq!(pages.admit_host(Some(bad)), Err(Refusal::Host), "{bad}");
        }
        assert_eq!(pages.admit_host(None), Err(Refusal::Host));
    }
}
