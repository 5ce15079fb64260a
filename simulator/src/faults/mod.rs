//! Things that go wrong on purpose: which requests they hit, and how often.

pub(crate) mod bodies;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::control::Refusal;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// An error answer with the HTTP status in `status`.
    Status,
    /// The right answer, `delay_ms` late.
    Slow,
    /// The connection is reset: before any answer, or after `after_bytes` of the right one.
    Reset,
    /// The right answer, cut off in the middle of its body; with `chunked`, of unstated length.
    Truncated,
    /// The right answer, a byte of its body every `delay_ms`.
    Drip,
    /// An answer that is not JSON although it says so.
    Garbage,
    /// A success whose `data` is null.
    DataNull,
    /// A success without a body.
    Empty,
    /// A page of HTML, as a proxy in between has for an outage, with the HTTP status in `status` (200
    /// if left out).
    Html,
    /// A redirect to `location`, with the HTTP status in `status` (302 if left out).
    Redirect,
    /// A success with a body of `size_bytes` (16 MiB if left out) and no stated length.
    Huge,
    /// The same, packed with gzip to a thousandth of that.
    Bomb,
    /// "This account can not be re-authorised.", to requests for a re-authorisation only.
    NotReauthorisable,
}

/// One thing to go wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// The HTTP status: of `status` (needed), of `not_reauthorisable` (400 if left out), of `html` and
    /// `redirect`.
    #[serde(default)]
    pub status: Option<u16>,
    /// The message of `status`; if left out, one that fits.
    #[serde(default)]
    pub message: Option<String>,
    /// `Retry-After` of `status`, in seconds.
    #[serde(default)]
    pub retry_after: Option<u64>,
    /// The same as a text: a date, or nonsense.
    #[serde(default)]
    pub retry_after_text: Option<String>,
    /// How long `slow` waits, and `drip` after each byte, in milliseconds.
    #[serde(default)]
    pub delay_ms: Option<u64>,
    /// How much of the right answer, head and body, goes out before a `reset`.
    #[serde(default)]
    pub after_bytes: Option<u64>,
    /// Whether what is `truncated` comes in chunks, without a length.
    #[serde(default)]
    pub chunked: bool,
    /// How large a body is that is `huge` or a `bomb`, unpacked.
    #[serde(default)]
    pub size_bytes: Option<u64>,
    /// Where `redirect` leads.
    #[serde(default)]
    pub location: Option<String>,
    /// Only requests with this in their path.
    #[serde(default)]
    pub path: Option<String>,
    /// Only requests about this account, in their path or body.
    #[serde(default)]
    pub account: Option<String>,
    /// How many requests it hits; 1 if left out.
    #[serde(default = "once")]
    pub count: u32,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// A fault that hits the next request of any kind.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            status: None,
            message: None,
            retry_after: None,
            retry_after_text: None,
            delay_ms: None,
            after_bytes: None,
            chunked: false,
            size_bytes: None,
            location: None,
            path: None,
            account: None,
            count: once(),
        }
    }

    /// An error answer with this HTTP status.
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), ..Self::new(FaultKind::Status) }
    }

    /// The right answer, this many milliseconds late.
    pub fn slow(delay_ms: u64) -> Self {
        Self { delay_ms: Some(delay_ms), ..Self::new(FaultKind::Slow) }
    }

    /// The right answer, a byte of its body every so many milliseconds.
    pub fn drip(delay_ms: u64) -> Self {
        Self { delay_ms: Some(delay_ms), ..Self::new(FaultKind::Drip) }
    }

    /// A reset after this much of the right answer.
    pub fn reset_after(bytes: u64) -> Self {
        Self { after_bytes: Some(bytes), ..Self::new(FaultKind::Reset) }
    }

    /// A body of this size, unpacked: `huge` or `bomb`.
    pub fn of_size(kind: FaultKind, bytes: u64) -> Self {
        Self { size_bytes: Some(bytes), ..Self::new(kind) }
    }

    /// A redirect to `location`.
    pub fn redirect(location: &str) -> Self {
        Self { location: Some(location.to_owned()), ..Self::new(FaultKind::Redirect) }
    }

    /// The same with this message.
    #[must_use]
    pub fn message(mut self, message: &str) -> Self {
        self.message = Some(message.to_owned());
        self
    }

    /// The same with `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The same with `Retry-After` as this text.
    #[must_use]
    pub fn retry_after_text(mut self, text: &str) -> Self {
        self.retry_after_text = Some(text.to_owned());
        self
    }

    /// The same with another HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// The same in chunks, without a length.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// The same for paths that contain `part` only.
    #[must_use]
    pub fn path(mut self, part: &str) -> Self {
        self.path = Some(part.to_owned());
        self
    }

    /// The same for one account only.
    #[must_use]
    pub fn account(mut self, id: &str) -> Self {
        self.account = Some(id.to_owned());
        self
    }

    /// The same for this many requests.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.count = count;
        self
    }

    /// Whether it can happen as it is described.
    ///
    /// # Errors
    /// [`Refusal::Invalid`], naming what is missing.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let missing = match self.kind {
            FaultKind::Status if !self.status.is_some_and(|code| (400..600).contains(&code)) => {
                "a fault of kind `status` needs `status`, from 400 to 599"
            }
            FaultKind::NotReauthorisable
                if self.status.is_some_and(|code| !(200..500).contains(&code)) =>
            {
                "`not_reauthorisable` takes a `status` from 200 to 499"
            }
            FaultKind::Slow if self.delay_ms.is_none() => "a fault of kind `slow` needs `delay_ms`",
            FaultKind::Drip if self.delay_ms.is_none() => "a fault of kind `drip` needs `delay_ms`",
            FaultKind::Redirect if self.status.is_some_and(|code| !(300..400).contains(&code)) => {
                "a fault of kind `redirect` takes a `status` from 300 to 399"
            }
            FaultKind::Html if self.status.is_some_and(|code| !(200..600).contains(&code)) => {
                "a fault of kind `html` takes a `status` from 200 to 599"
            }
            FaultKind::Redirect if self.location.is_none() => {
                "a fault of kind `redirect` needs `location`"
            }
            FaultKind::Status
            | FaultKind::Slow
            | FaultKind::Reset
            | FaultKind::Truncated
            | FaultKind::Drip
            | FaultKind::Html
            | FaultKind::Bomb
            | FaultKind::Garbage
            | FaultKind::DataNull
            | FaultKind::Empty
            | FaultKind::Redirect
            | FaultKind::Huge
            | FaultKind::NotReauthorisable => {
                if self.count > 0 {
                    return Ok(());
                }
                "`count` must be at least 1"
            }
        };
        Err(Refusal::Invalid(missing.to_owned()))
    }

    fn hits(&self, path: &str, body: &Value) -> bool {
        let asked = body["account"].as_str();
        let reauth = path.ends_with("/reauthorise")
            || (path.ends_with("/initiate") && body["scope"] == "reauth");
        self.path.as_ref().is_none_or(|part| path.contains(part.as_str()))
            && self.account.as_deref().is_none_or(|id| asked == Some(id) || path.contains(id))
            && (self.kind != FaultKind::NotReauthorisable || reauth)
    }
}

/// Takes what goes wrong with a request from `faults`: at most one delay, then one other thing.
pub(crate) fn take(faults: &mut Vec<Fault>, path: &str, body: &Value) -> Vec<Fault> {
    let mut taken = Vec::new();
    for slow in [true, false] {
        let hit = faults
            .iter_mut()
            .find(|fault| (fault.kind == FaultKind::Slow) == slow && fault.hits(path, body));
        if let Some(fault) = hit {
            fault.count -= 1;
            taken.push(fault.clone());
        }
    }
    faults.retain(|fault| fault.count > 0);
    taken
}
