//! One attempt to link a bank account: from the link that we ask Mono for to the account's data.
//!
//! A link session has no account before its customer finishes, so it is a state of its own, folded
//! from facts of its own by one pure function, as an account's is.

use async_graphql::Enum;
use serde::{Deserialize, Serialize};

use super::{
    Change, ChangeCause, DataStatus, SyncFailure, SyncFailureCode,
    fact::IdempotencyKey,
    fold::{Ignored, RETRY_WINDOW, Verdict},
    session::{CompletionEvidence, LINK_LIFE, REQUEST_LIFE},
};
use crate::{
    caller::Caller,
    clock::Time,
    ids::{AccountId, LinkId},
};

/// How far a link session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LinkStatus {
    /// Mono is being asked for the link: for a minute at most, and then it has failed.
    Requested,
    /// The link is out; the customer has not finished.
    LinkIssued,
    /// The customer has finished and the account is known; its data is on its way.
    Connected,
    /// The account's data is there.
    Completed,
    /// No link, or no data; failure says why. A later success still repairs it.
    Failed,
    /// The customer did not finish in time.
    Expired,
    /// The page told us that the customer gave up.
    Cancelled,
}

/// An account that a link led to, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Mono's id of it.
    pub account: AccountId,
    /// When we heard, by our clock.
    pub at: Time,
}

/// How far a session is, with what is known at that stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkStage {
    /// Mono is being asked.
    Requested,
    /// The link is out.
    Issued {
        /// Where the customer goes.
        url: String,
        /// When the link is taken for dead.
        expires_at: Time,
    },
    /// The account is known.
    Connected(Connection),
    /// Its data is there.
    Completed {
        /// Which account.
        connection: Connection,
        /// When its data was there.
        at: Time,
        /// What showed it.
        via: CompletionEvidence,
    },
    /// No link, or no data.
    Failed {
        /// The account, if the customer finished.
        connection: Option<Connection>,
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
}

/// One attempt to link a bank account. Holds nothing of the customer but Mono's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSession {
    /// Its id.
    pub id: LinkId,
    /// In whose name it was asked for: the account will be theirs.
    pub owner: String,
    /// The caller's or our name for it, passed on to Mono.
    pub reference: String,
    /// Where the customer returns to.
    pub redirect_url: Option<String>,
    /// Mono's id of the customer, once it told it.
    pub customer: Option<String>,
    /// When Mono made the link, by Mono's clock.
    pub issued_stamp: Option<Time>,
    /// When it was asked for.
    pub created_at: Time,
    /// How far it is.
    pub stage: LinkStage,
}

/// A link that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRequest {
    /// In whose name.
    pub owner: String,
    /// Its name towards Mono.
    pub reference: String,
    /// Where the customer returns to.
    pub redirect_url: Option<String>,
    /// The caller's word for this wish.
    #[serde(default)]
    pub key: Option<IdempotencyKey>,
}

/// What happened to a link session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LinkWhat {
    /// Somebody asks for a link.
    Requested(LinkRequest),
    /// Mono gave it.
    Issued {
        /// The link.
        url: String,
        /// Mono's id of the customer.
        customer: Option<String>,
        /// When Mono made it, by Mono's clock.
        stamp: Option<Time>,
    },
    /// Mono did not give it.
    Refused {
        /// The code of the error that the caller got.
        told: String,
        /// The reason as a sentence.
        message: String,
    },
    /// The customer finished: this is the account.
    Connected {
        /// Mono's id of it.
        account: AccountId,
    },
    /// The fetch of that account's data ended.
    Arrived {
        /// With this status.
        status: DataStatus,
        /// As this shows.
        via: CompletionEvidence,
    },
    /// The account was unlinked.
    Unlinked,
    /// The page says that the customer gave up.
    Cancelled,
    /// Time passed.
    TimePassed,
}

/// Something that happened to a link session, with the moment at which we learned of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkFact {
    /// Which session.
    pub link: LinkId,
    /// When we learned of it, by our clock.
    pub at: Time,
    /// What happened.
    pub what: LinkWhat,
}

/// A link session after a fact, and what changed.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkFolded {
    /// The session now; none if there is still none.
    pub session: Option<LinkSession>,
    /// What subscribers are told.
    pub change: Option<Change>,
    /// What became of the fact.
    pub verdict: Verdict,
}

impl LinkSession {
    /// How far it is, in one word.
    #[must_use]
    pub fn status(&self) -> LinkStatus {
        match &self.stage {
            LinkStage::Requested => LinkStatus::Requested,
            LinkStage::Issued { .. } => LinkStatus::LinkIssued,
            LinkStage::Connected(_) => LinkStatus::Connected,
            LinkStage::Completed { .. } => LinkStatus::Completed,
            LinkStage::Failed { .. } => LinkStatus::Failed,
            LinkStage::Expired { .. } => LinkStatus::Expired,
            LinkStage::Cancelled { .. } => LinkStatus::Cancelled,
        }
    }

    /// The account that it led to.
    #[must_use]
    pub fn connection(&self) -> Option<&Connection> {
        match &self.stage {
            LinkStage::Connected(connection) | LinkStage::Completed { connection, .. } => {
                Some(connection)
            }
            LinkStage::Failed { connection, .. } => connection.as_ref(),
            LinkStage::Requested
            | LinkStage::Issued { .. }
            | LinkStage::Expired { .. }
            | LinkStage::Cancelled { .. } => None,
        }
    }

    /// Mono's id of that account.
    #[must_use]
    pub fn account(&self) -> Option<&AccountId> {
        self.connection().map(|connection| &connection.account)
    }

    /// Whether it ever got a link, so that its reference is known to Mono.
    #[must_use]
    pub fn keeps_reference(&self) -> bool {
        !matches!(&self.stage, LinkStage::Failed { connection: None, .. })
    }

    /// The link and when it is taken for dead, while it is of use.
    #[must_use]
    pub fn link(&self) -> Option<(&str, Time)> {
        if let LinkStage::Issued { url, expires_at } = &self.stage {
            Some((url, *expires_at))
        } else {
            None
        }
    }

    /// Why there is no link, or no data.
    #[must_use]
    pub fn failure(&self) -> Option<&SyncFailure> {
        if let LinkStage::Failed { failure, .. } = &self.stage { Some(failure) } else { None }
    }

    /// When the data was there, and what showed it.
    #[must_use]
    pub fn completion(&self) -> Option<(Time, CompletionEvidence)> {
        if let LinkStage::Completed { at, via, .. } = &self.stage {
            Some((*at, *via))
        } else {
            None
        }
    }

    /// Whether data of its account belongs to it.
    #[must_use]
    pub fn awaits_data(&self) -> bool {
        matches!(
            &self.stage,
            LinkStage::Connected(_) | LinkStage::Failed { connection: Some(_), .. }
        )
    }

    /// When it ends by itself if nothing is heard. A connected one ends with its account's waiting.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        match &self.stage {
            LinkStage::Requested => Some(self.created_at + REQUEST_LIFE),
            LinkStage::Issued { expires_at, .. } => Some(*expires_at),
            LinkStage::Connected(_)
            | LinkStage::Completed { .. }
            | LinkStage::Failed { .. }
            | LinkStage::Expired { .. }
            | LinkStage::Cancelled { .. } => None,
        }
    }

    /// Whether `caller` may see it.
    #[must_use]
    pub fn is_seen_by(&self, caller: &Caller) -> bool {
        caller.sees_all() || self.owner == caller.owner()
    }

    /// How it stands, as subscribers are told.
    #[must_use]
    pub fn as_change(&self, cause: ChangeCause) -> Change {
        Change::Link {
            link: self.id,
            status: self.status(),
            account: self.account().cloned(),
            cause,
            owner: self.owner.clone(),
        }
    }

    /// Whether an account that Mono connected for this customer, or made at this time, may have
    /// come by this link, as we learn at `now`. What nobody told speaks neither for nor against. A
    /// customer may choose several accounts in one visit, which is over when the link would be.
    #[must_use]
    pub fn may_lead_to(&self, customer: Option<&str>, created: Option<Time>, now: Time) -> bool {
        let other_customer = matches!((&self.customer, customer), (Some(a), Some(b)) if a != b);
        let is_older = matches!((created, self.issued_stamp), (Some(a), Some(b)) if a < b);
        // Mono tries to deliver for a while; what comes later is about another link.
        let late = now - self.created_at > LINK_LIFE + RETRY_WINDOW;
        let is_over = late || self.connection().is_some_and(|first| now - first.at > LINK_LIFE);
        !is_over && !other_customer && !is_older
    }
}

/// Folds `fact` into `before`.
#[must_use]
pub fn fold(before: Option<&LinkSession>, fact: &LinkFact) -> LinkFolded {
    let mut session = before.cloned();
    let verdict = match (&mut session, &fact.what) {
        (None, LinkWhat::Requested(request)) => {
            session = Some(requested(fact, request));
            Verdict::Applied
        }
        (Some(_), LinkWhat::Requested(_)) => Verdict::Ignored(Ignored::Duplicate),
        (None, _) => Verdict::Refused,
        (Some(session), what) => apply(session, what, fact.at),
    };
    let moved =
        session.as_ref().filter(|now| before.map(LinkSession::status) != Some(now.status()));
    let change = moved.map(|session| session.as_change(cause(&fact.what)));
    LinkFolded { session, change, verdict }
}

fn requested(fact: &LinkFact, request: &LinkRequest) -> LinkSession {
    LinkSession {
        id: fact.link,
        owner: request.owner.clone(),
        reference: request.reference.clone(),
        redirect_url: request.redirect_url.clone(),
        customer: None,
        issued_stamp: None,
        created_at: fact.at,
        stage: LinkStage::Requested,
    }
}

fn apply(session: &mut LinkSession, what: &LinkWhat, at: Time) -> Verdict {
    let before = session.clone();
    let failure = |code, message: &str, status, told| SyncFailure {
        code,
        message: message.to_owned(),
        status,
        told,
        at,
    };
    match what {
        LinkWhat::Requested(_) => {}
        LinkWhat::Issued { url, customer, stamp } => {
            session.customer = session.customer.take().or_else(|| customer.clone());
            session.issued_stamp = session.issued_stamp.or(*stamp);
            if session.stage == LinkStage::Requested {
                let url = url.clone();
                session.stage = LinkStage::Issued { url, expires_at: at + LINK_LIFE };
            }
        }
        LinkWhat::Refused { told, message } => {
            if session.stage == LinkStage::Requested {
                let code = SyncFailureCode::LinkRefused;
                let failure = failure(code, message, None, Some(told.clone()));
                session.stage = LinkStage::Failed { connection: None, failure };
            }
        }
        // Mono's word beats our clock and the page's: a link that we took for dead may have worked.
        LinkWhat::Connected { account } => {
            if session.connection().is_none() {
                let account = account.clone();
                session.stage = LinkStage::Connected(Connection { account, at });
            }
        }
        LinkWhat::Arrived { status, via } => arrived(session, *status, *via, at, failure),
        LinkWhat::Unlinked => {
            if let LinkStage::Connected(connection) = &session.stage {
                let text = "the account was unlinked before its data came";
                let failure = failure(SyncFailureCode::Unlinked, text, None, None);
                let connection = Some(connection.clone());
                session.stage = LinkStage::Failed { connection, failure };
            }
        }
        LinkWhat::Cancelled => match &session.stage {
            LinkStage::Requested | LinkStage::Issued { .. } => {
                session.stage = LinkStage::Cancelled { at };
            }
            LinkStage::Cancelled { .. } => return Verdict::Ignored(Ignored::Duplicate),
            LinkStage::Connected(_)
            | LinkStage::Completed { .. }
            | LinkStage::Failed { .. }
            | LinkStage::Expired { .. } => return Verdict::Refused,
        },
        LinkWhat::TimePassed => {
            if session.deadline().is_some_and(|due| due <= at) {
                session.stage = if session.stage == LinkStage::Requested {
                    let text = "the gateway stopped before it heard Mono's answer; ask again";
                    let failure = failure(SyncFailureCode::Interrupted, text, None, None);
                    LinkStage::Failed { connection: None, failure }
                } else {
                    LinkStage::Expired { at }
                };
            }
        }
    }
    if *session == before { Verdict::Ignored(Ignored::NothingNew) } else { Verdict::Applied }
}

fn arrived(
    session: &mut LinkSession,
    status: DataStatus,
    via: CompletionEvidence,
    at: Time,
    failure: impl Fn(SyncFailureCode, &str, Option<DataStatus>, Option<String>) -> SyncFailure,
) {
    let Some(connection) = session.connection().cloned().filter(|_| session.awaits_data()) else {
        return;
    };
    if status.is_readable() {
        session.stage = LinkStage::Completed { connection, at, via };
    } else if status.is_outcome() && matches!(session.stage, LinkStage::Connected(_)) {
        let (code, text) = if status == DataStatus::Unavailable {
            (SyncFailureCode::DataUnavailable, "the account is linked, but the bank gave no data")
        } else if via == CompletionEvidence::Deadline {
            (SyncFailureCode::TimedOut, "the account is linked, but no data came in 30 minutes")
        } else {
            (
                SyncFailureCode::DataFailed,
                "the account is linked, but Mono failed to fetch its data",
            )
        };
        let failure = failure(code, text, Some(status), None);
        session.stage = LinkStage::Failed { connection: Some(connection), failure };
    }
}

fn cause(what: &LinkWhat) -> ChangeCause {
    match what {
        LinkWhat::Requested(_)
        | LinkWhat::Issued { .. }
        | LinkWhat::Refused { .. }
        | LinkWhat::Cancelled => ChangeCause::Mutation,
        LinkWhat::Connected { .. } => ChangeCause::AccountConnected,
        LinkWhat::Arrived { via, .. } => match via {
            CompletionEvidence::AccountUpdated => ChangeCause::AccountUpdated,
            CompletionEvidence::DetailsRead => ChangeCause::DetailsRead,
            CompletionEvidence::Deadline => ChangeCause::Deadline,
        },
        LinkWhat::Unlinked => ChangeCause::AccountUnlinked,
        LinkWhat::TimePassed => ChangeCause::Deadline,
    }
}

#[cfg(test)]
mod tests;
