//! What a browser may be made to do by a page that is not ours: nothing.

use axum::http::{
    HeaderMap,
    header::{HOST, HeaderName, ORIGIN},
};
use url::Url;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// What a page does when it sends a GraphQL request by itself; anything else is a navigation, a
/// form, or a resource of a page.
const BY_SCRIPT: [&str; 4] = ["empty", "websocket", "eventsource", "worker"];

/// Which pages may talk to the gateway, and by which names it may be called.
#[derive(Clone, Debug)]
pub struct Pages {
    /// Origins of pages that may talk to it, beside its own.
    pub origins: Vec<String>,
    /// Names by which it may be called; any if it asks for tokens.
    pub hosts: Option<Vec<String>>,
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
    pub fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let origin = text(ORIGIN);
        let listed = origin.is_some_and(|origin| self.origins.iter().any(|o| o == origin));
        let own = origin.is_some_and(|origin| is_own(origin, text(HOST)));
        if origin.is_some() && !listed && !own {
            return Err(Refusal::Origin);
        }
        match text(FETCH_SITE) {
            Some("cross-site" | "same-site") if !listed => return Err(Refusal::Origin),
            Some(_) | None => {}
        }
        match text(FETCH_DEST) {
            Some(destination) if !BY_SCRIPT.contains(&destination) => Err(Refusal::Destination),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the gateway is called by a name of its own: a foreign page can make its name lead
    /// to 127.0.0.1.
    ///
    /// # Errors
    /// [`Refusal::Host`].
    pub fn admit_host(&self, host: Option<&str>) -> Result<(), Refusal> {
        let Some(hosts) = &self.hosts else { return Ok(()) };
        let name = host.map(host_name).ok_or(Refusal::Host)?;
        let is_loopback = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
        if is_loopback || hosts.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            Ok(())
        } else {
            Err(Refusal::Host)
        }
    }
}

/// Whether `origin` is that of the gateway's own pages, as the caller knows it.
fn is_own(origin: &str, host: Option<&str>) -> bool {
    let Ok(url) = Url::parse(origin) else { return false };
    let with_port = match (url.host_str(), url.port()) {
        (Some(name), Some(port)) => format!("{name}:{port}"),
        (Some(name), None) => name.to_owned(),
        (None, _) => return false,
    };
    host.is_some_and(|host| host.eq_ignore_ascii_case(&with_port))
}

/// A host without its port.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(headers: &[(&'static str, &'static str)]) -> Result<(), Refusal> {
        let pages = Pages { origins: vec!["https://app.example.test".into()], hosts: Some(vec![]) };
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (HeaderName::from_static(name), axum::http::HeaderValue::from_static(value))
            })
            .collect();
        pages.admit(&headers)
    }

    #[test]
    fn programs_and_listed_pages_pass_and_others_do_not() {
        let host = ("host", "127.0.0.1:8080");
        assert_eq!(admit(&[host]), Ok(()));
        assert_eq!(admit(&[host, ("origin", "http://127.0.0.1:8080")]), Ok(()));
        assert_eq!(
            admit(&[
                host,
                ("origin", "https://app.example.test"),
                ("sec-fetch-site", "cross-site")
            ]),
            Ok(())
        );
        assert_eq!(admit(&[host, ("origin", "https://evil.test")]), Err(Refusal::Origin));
        assert_eq!(admit(&[host, ("origin", "null")]), Err(Refusal::Origin));
        assert_eq!(admit(&[host, ("sec-fetch-site", "cross-site")]), Err(Refusal::Origin));
        assert_eq!(
            admit(&[host, ("sec-fetch-site", "none"), ("sec-fetch-dest", "document")]),
            Err(Refusal::Destination)
        );
    }

    #[test]
    fn a_foreign_name_for_loopback_is_refused() {
        let pages = Pages { origins: vec![], hosts: Some(vec!["gw.example.test".into()]) };
        for good in ["localhost:8080", "127.0.0.1", "[::1]:9", "[::1]", "gw.example.test:443"] {
            assert_eq!(pages.admit_host(Some(good)), Ok(()), "{good}");
        }
        for bad in [Some("evil.test:8080"), Some("127.0.0.1.evil.test"), Some(""), None] {
            assert_eq!(pages.admit_host(bad), Err(Refusal::Host), "{bad:?}");
        }
    }
}
