//! Who asks, and what they may see.

use std::{collections::BTreeSet, sync::Arc};

use crate::ids::AccountId;

/// Which accounts a caller may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All of them.
    All,
    /// These, and no others.
    Only(Arc<BTreeSet<AccountId>>),
}

/// Who asks: one value for the life of a request or of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    owner: Arc<str>,
    reach: Reach,
}

impl Caller {
    /// The caller of a gateway that listens on loopback and asks for no token: may do everything.
    #[must_use]
    pub fn local() -> Self {
        Self { owner: "".into(), reach: Reach::All }
    }

    /// Somebody of whom a token says who they are and what they may see.
    #[must_use]
    pub fn new(owner: &str, reach: Reach) -> Self {
        Self { owner: owner.into(), reach }
    }

    /// In whose name sessions are opened and references kept apart; empty for the local caller.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Which accounts they may see.
    #[must_use]
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Whether they may see this account. Somebody else's account is answered like an unknown one.
    #[must_use]
    pub fn may_see(&self, account: &AccountId) -> bool {
        match &self.reach {
            Reach::All => true,
            Reach::Only(accounts) => accounts.contains(account),
        }
    }
}
