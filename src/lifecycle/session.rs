//! One attempt to have a customer authorise again.
//!
//! What a session knows depends on how far it is, so its stage carries its data. A move that its
//! stage does not allow leaves it as it is.

use std::fmt;

use async_graphql::Enum;
use chrono::Duration;
use serde::{Deserialize, Serialize};

use super::SyncFailure;
use crate::{
    clock::Time,
    ids::{AccountId, ReauthId},
};

/// How long a hosted link is taken to live. Mono documents no life time; this one is assumed.
pub const LINK_LIFE: Duration = Duration::minutes(30);

/// How long a widget's token lives. Source: Mono docs, "Re-authorisation", read May 2022.
pub const TOKEN_LIFE: Duration = Duration::minutes(10);

/// How long a session may wait for Mono's answer to our request, which has a deadline of 15 s,
/// before it is taken for one that a crash interrupted.
pub const REQUEST_LIFE: Duration = Duration::seconds(60);

/// How the customer is sent to the bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReauthMethod {
    /// A page of Mono's, opened by its URL.
    HostedLink,
    /// Mono's widget in your own page, opened with the account's id: connect.js from 2.1 on, mobile
    /// SDKs of 2025. Mono is not asked for anything.
    Widget,
    /// Mono's widget in your own page, opened with a token that Mono gives for 10 minutes: older
    /// widgets.
    WidgetToken,
}

/// What opens a bank's door for a customer. Whoever prints it sees which kind it is and no more:
/// links and tokens are secrets.
#[derive(Clone, PartialEq, Eq)]
pub enum Handover {
    /// The URL of Mono's page.
    Link(String),
    /// Nothing but the account's id, which Mono's widget takes.
    Widget,
    /// The token that Mono's widget takes.
    Token(String),
}

impl fmt::Debug for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Link(_) => "Link",
            Self::Widget => "Widget",
            Self::Token(_) => "Token",
        })
    }
}

/// How far a re-authorisation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReauthStatus {
    /// Mono is being asked for the link or the token: for a minute at most, and then it has failed.
    Requested,
    /// The link is out, or the widget may be opened; the customer has not finished.
    LinkIssued,
    /// The customer has finished; the data is on its way.
    Authorized,
    /// The data is there.
    Completed,
    /// No link, or no data; failure says why. A later success still repairs it.
    Failed,
    /// The customer did not finish in time.
    Expired,
    /// The page told us that the customer gave up.
    Cancelled,
    /// A newer session took its place.
    Superseded,
}

/// What showed that a session's data has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CompletionEvidence {
    /// Webhook account_updated.
    AccountUpdated,
    /// The account's details differed from what they were before.
    DetailsRead,
    /// Time ran out while the details said that the data is there, unchanged.
    Deadline,
}

/// What the expiry of a session rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExpiryBasis {
    /// Mono documents no life time; the gateway assumes one.
    Assumed,
    /// Mono documents it.
    Documented,
}

/// How far a session is, with what is known at that stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Mono is being asked.
    Requested,
    /// The link is out, or the widget may be opened.
    LinkIssued {
        /// What opens the bank's door.
        handover: Handover,
        /// When it is taken for dead.
        expires_at: Time,
    },
    /// The customer has finished.
    Authorized {
        /// When we heard.
        at: Time,
        /// Mono asked for the customer again since.
        asked_again: bool,
    },
    /// The data is there.
    Completed {
        /// When the customer had finished, if we heard of it.
        authorized_at: Option<Time>,
        /// When the data was there.
        at: Time,
        /// What showed it.
        via: CompletionEvidence,
    },
    /// No link, or no data.
    Failed {
        /// When the customer had finished, if they did.
        authorized_at: Option<Time>,
        /// Why.
        failure: SyncFailure,
    },
    /// The customer did not finish in time.
    Expired {
        /// When.
        at: Time,
    },
    /// The customer gave up.
    Cancelled {
        /// When.
        at: Time,
    },
    /// A newer one took its place.
    Superseded {
        /// When.
        at: Time,
    },
}

/// One attempt to have a customer authorise again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: ReauthId,
    /// Whose account.
    pub account: AccountId,
    /// In whose name it was asked for.
    pub owner: String,
    /// The caller's or our name for it, passed on to Mono.
    pub reference: String,
    /// How the customer is sent to the bank.
    pub method: ReauthMethod,
    /// Where the customer returns to.
    pub redirect_url: Option<String>,
    /// When it was asked for.
    pub created_at: Time,
    /// How far it is.
    pub stage: Stage,
}

impl Session {
    /// How far it is, in one word.
    #[must_use]
    pub fn status(&self) -> ReauthStatus {
        match &self.stage {
            Stage::Requested => ReauthStatus::Requested,
            Stage::LinkIssued { .. } => ReauthStatus::LinkIssued,
            Stage::Authorized { .. } => ReauthStatus::Authorized,
            Stage::Completed { .. } => ReauthStatus::Completed,
            Stage::Failed { .. } => ReauthStatus::Failed,
            Stage::Expired { .. } => ReauthStatus::Expired,
            Stage::Cancelled { .. } => ReauthStatus::Cancelled,
            Stage::Superseded { .. } => ReauthStatus::Superseded,
        }
    }

    /// Whether asking again returns this one. An account has at most one such.
    #[must_use]
    pub fn is_live(&self) -> bool {
        match &self.stage {
            Stage::Requested | Stage::LinkIssued { .. } => true,
            Stage::Authorized { asked_again, .. } => !asked_again,
            Stage::Completed { .. }
            | Stage::Failed { .. }
            | Stage::Expired { .. }
            | Stage::Cancelled { .. }
            | Stage::Superseded { .. } => false,
        }
    }

    /// Whether the customer may be at the bank right now.
    #[must_use]
    pub fn is_out(&self) -> bool {
        matches!(self.stage, Stage::Requested | Stage::LinkIssued { .. })
    }

    /// Whether it ever got a link, so that its reference is known to Mono.
    #[must_use]
    pub fn keeps_reference(&self) -> bool {
        !matches!(&self.stage, Stage::Failed { authorized_at: None, .. })
    }

    /// The link, while it is of use.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        match self.handover()? {
            Handover::Link(url) => Some(url),
            Handover::Widget | Handover::Token(_) => None,
        }
    }

    /// What opens the bank's door, while it is of use.
    #[must_use]
    pub fn handover(&self) -> Option<&Handover> {
        if let Stage::LinkIssued { handover, .. } = &self.stage { Some(handover) } else { None }
    }

    /// When the link, the widget or its token is taken for dead, while it is out.
    #[must_use]
    pub fn expires_at(&self) -> Option<Time> {
        if let Stage::LinkIssued { expires_at, .. } = &self.stage {
            Some(*expires_at)
        } else {
            None
        }
    }

    /// What that rests on.
    #[must_use]
    pub fn expiry_basis(&self) -> Option<ExpiryBasis> {
        self.expires_at().map(|_| match self.method {
            ReauthMethod::HostedLink | ReauthMethod::Widget => ExpiryBasis::Assumed,
            ReauthMethod::WidgetToken => ExpiryBasis::Documented,
        })
    }

    /// When the data was there, and what showed it.
    #[must_use]
    pub fn completion(&self) -> Option<(Time, CompletionEvidence)> {
        if let Stage::Completed { at, via, .. } = &self.stage { Some((*at, *via)) } else { None }
    }

    /// Why there is no link, or no data.
    #[must_use]
    pub fn failure(&self) -> Option<&SyncFailure> {
        if let Stage::Failed { failure, .. } = &self.stage { Some(failure) } else { None }
    }

    /// When the customer finished, if they did.
    #[must_use]
    pub fn authorized_at(&self) -> Option<Time> {
        match &self.stage {
            Stage::Authorized { at, .. } => Some(*at),
            Stage::Completed { authorized_at, .. } | Stage::Failed { authorized_at, .. } => {
                *authorized_at
            }
            Stage::Requested
            | Stage::LinkIssued { .. }
            | Stage::Expired { .. }
            | Stage::Cancelled { .. }
            | Stage::Superseded { .. } => None,
        }
    }

    /// When it ends by itself if nothing is heard. An authorised one ends with its waiting.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        match &self.stage {
            Stage::Requested => Some(self.created_at + REQUEST_LIFE),
            Stage::LinkIssued { expires_at, .. } => Some(*expires_at),
            Stage::Authorized { .. }
            | Stage::Completed { .. }
            | Stage::Failed { .. }
            | Stage::Expired { .. }
            | Stage::Cancelled { .. }
            | Stage::Superseded { .. } => None,
        }
    }

    /// The customer can go to the bank. A session that is past asking keeps its stage.
    pub(super) fn handed_over(&mut self, handover: Handover, at: Time) {
        if self.stage == Stage::Requested {
            let expires_at = match &handover {
                Handover::Link(_) | Handover::Widget => at + LINK_LIFE,
                // Mono made it some time after it was asked: rather early than dead.
                Handover::Token(_) => self.created_at + TOKEN_LIFE,
            };
            self.stage = Stage::LinkIssued { handover, expires_at };
        }
    }

    /// The customer has finished. Mono's word beats our clock and the page's: a link that we took
    /// for dead may still have worked.
    pub(super) fn authorized(&mut self, at: Time) {
        match &self.stage {
            Stage::Requested
            | Stage::LinkIssued { .. }
            | Stage::Expired { .. }
            | Stage::Cancelled { .. }
            | Stage::Failed { authorized_at: Some(_), .. } => {
                self.stage = Stage::Authorized { at, asked_again: false };
            }
            Stage::Authorized { at, .. } => {
                self.stage = Stage::Authorized { at: *at, asked_again: false };
            }
            Stage::Failed { authorized_at: None, .. }
            | Stage::Completed { .. }
            | Stage::Superseded { .. } => {}
        }
    }

    /// Mono asks for the customer again, so asking us again must give a new link.
    pub(super) fn asked_again(&mut self) {
        if let Stage::Authorized { asked_again, .. } = &mut self.stage {
            *asked_again = true;
        }
    }

    /// The data is there.
    pub(super) fn completed(&mut self, at: Time, via: CompletionEvidence) {
        self.stage = Stage::Completed { authorized_at: self.authorized_at(), at, via };
    }

    /// There will be no link, or no data.
    pub(super) fn failed(&mut self, failure: SyncFailure) {
        self.stage = Stage::Failed { authorized_at: self.authorized_at(), failure };
    }

    /// Whether a look showed that the customer had finished, and nothing was heard of that yet.
    pub(super) fn was_found_finished(&self) -> bool {
        let via = CompletionEvidence::DetailsRead;
        matches!(self.stage, Stage::Completed { authorized_at: None, via: by, .. } if by == via)
    }

    /// News of that came.
    pub(super) fn heard_finished(&mut self, heard_at: Time) {
        if let Stage::Completed { authorized_at, .. } = &mut self.stage {
            authorized_at.get_or_insert(heard_at);
        }
    }

    /// Whether data that arrives now belongs to this session: the customer has finished.
    pub(super) fn awaits_data(&self) -> bool {
        matches!(
            &self.stage,
            Stage::Authorized { .. } | Stage::Failed { authorized_at: Some(_), .. }
        )
    }
}
