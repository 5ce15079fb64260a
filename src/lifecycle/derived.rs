//! What the log of facts makes of one subject, and how that differs from what is stored.

use serde_json::Value;

use super::{
    AccountState,
    fold::fold,
    link::{self, LinkSession, LinkStage},
    session::{Handover, Session, Stage},
    store::Told,
};

/// What facts made of an account or of a link session.
#[derive(Clone, Debug, PartialEq)]
pub enum Derived {
    /// An account.
    Account(Box<AccountState>),
    /// A link session; none before it was asked for.
    Link(Option<Box<LinkSession>>),
}

impl Derived {
    /// What stands before any fact like this one.
    #[must_use]
    pub fn before(told: &Told) -> Self {
        match told {
            Told::Account(_) => Self::Account(Box::default()),
            Told::Link(_) => Self::Link(None),
        }
    }

    /// Takes a fact in. One about another kind of subject changes nothing.
    pub fn tell(&mut self, told: &Told) {
        match (self, told) {
            (Self::Account(state), Told::Account(fact)) => **state = fold(state, fact).state,
            (Self::Link(session), Told::Link(fact)) => {
                *session = link::fold(session.as_deref(), fact).session.map(Box::new);
            }
            (Self::Account(_), Told::Link(_)) | (Self::Link(_), Told::Account(_)) => {}
        }
    }

    /// The parts in which the two differ, by name; none if they are the same. Links and tokens are
    /// in no log, so they are not compared.
    #[must_use]
    pub fn differences(&self, stored: &Self) -> Vec<String> {
        match (self, stored) {
            (Self::Account(derived), Self::Account(stored)) => {
                let mut parts = parts(&json(derived), &json(stored));
                if shown(derived) != shown(stored) {
                    parts.push("session".into());
                }
                parts
            }
            (Self::Link(derived), Self::Link(stored)) => {
                let shown =
                    |session: &Option<Box<LinkSession>>| session.as_deref().map(without_url);
                if shown(derived) == shown(stored) { Vec::new() } else { vec!["session".into()] }
            }
            (Self::Account(_), Self::Link(_)) | (Self::Link(_), Self::Account(_)) => {
                vec!["its kind".into()]
            }
        }
    }
}

fn json(state: &AccountState) -> Value {
    // A state is a struct of plain fields; what could not be written would differ from all.
    serde_json::to_value(state).unwrap_or_default()
}

fn parts(a: &Value, b: &Value) -> Vec<String> {
    let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else { return vec!["state".into()] };
    a.iter()
        .filter(|(name, value)| b.get(*name) != Some(value))
        .map(|(name, _)| name.clone())
        .collect()
}

fn shown(state: &AccountState) -> Option<Session> {
    let mut session = state.session.clone()?;
    if let Stage::LinkIssued { handover, .. } = &mut session.stage {
        match handover {
            Handover::Link(secret) | Handover::Token(secret) => secret.clear(),
            Handover::Widget => {}
        }
    }
    Some(session)
}

fn without_url(session: &LinkSession) -> LinkSession {
    let mut session = session.clone();
    if let LinkStage::Issued { url, .. } = &mut session.stage {
        url.clear();
    }
    session
}
