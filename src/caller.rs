//! Who asks, and what they may see.

use std::{collections::BTreeSet, sync::Arc};

use crate::{clock::Time, ids::AccountId};

/// Something that a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Read accounts and their transactions, and listen to them.
    AccountsRead,
    /// Start and give up re-authorisations.
    ReauthWrite,
    /// Read bank verification numbers, and account numbers whole.
    PiiRead,
    /// Look after the gateway.
    Operator,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] =
        [Self::AccountsRead, Self::ReauthWrite, Self::PiiRead, Self::Operator];

    /// The word in a token.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccountsRead => "accounts:read",
            Self::ReauthWrite => "reauth:write",
            Self::PiiRead => "pii:read",
            Self::Operator => "operator",
        }
    }
}

/// Which accounts a caller may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All of them.
    All,
    /// These, and no others.
    Only(BTreeSet<AccountId>),
}

/// Who asks: one value for the life of a request or of a connection. Clones are cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(Arc<Rights>);

#[derive(Debug, PartialEq, Eq)]
struct Rights {
    owner: String,
    reach: Reach,
    scopes: BTreeSet<Scope>,
    ends_at: Option<Time>,
}

impl Caller {
    /// The caller of a gateway that listens on loopback and asks for no token: may do everything.
    #[must_use]
    pub fn local() -> Self {
        Self::new(String::new(), Reach::All, Scope::ALL.into(), None)
    }

    /// Somebody of whom a token says who they are, what they may do, and until when.
    #[must_use]
    pub fn new(
        owner: String,
        reach: Reach,
        scopes: BTreeSet<Scope>,
        ends_at: Option<Time>,
    ) -> Self {
        Self(Arc::new(Rights { owner, reach, scopes, ends_at }))
    }

    /// In whose name sessions are opened and references kept apart; empty for the local caller.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.0.owner
    }

    /// Which accounts they may see.
    #[must_use]
    pub fn reach(&self) -> &Reach {
        &self.0.reach
    }

    /// Whether they may do this.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.0.scopes.contains(&scope)
    }

    /// When they cease to be who they are.
    #[must_use]
    pub fn ends_at(&self) -> Option<Time> {
        self.0.ends_at
    }

    /// Whether another token of theirs says the same, but for its end.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        let (a, b) = (&self.0, &other.0);
        (&a.owner, &a.reach, &a.scopes) == (&b.owner, &b.reach, &b.scopes)
    }

    /// Whether every account is theirs to see.
    #[must_use]
    pub fn sees_all(&self) -> bool {
        self.0.reach == Reach::All
    }

    /// Whether their token alone lets them see this account; accounts that they linked through the
    /// gateway are theirs besides. Somebody else's account is answered like an unknown one.
    #[must_use]
    pub fn may_see(&self, account: &AccountId) -> bool {
        match &self.0.reach {
            Reach::All => true,
            Reach::Only(accounts) => accounts.contains(account),
        }
    }
}
