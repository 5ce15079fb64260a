//! Finding an account, and reading ahead what a selection wants of Mono.

use std::sync::Arc;

use async_graphql::Context;
use futures_util::future::join_all;

use super::{
    Account, not_found,
    wanted::{Ahead, Wanted},
};
use crate::{
    access::require,
    account::{loader::Loaders, read, service::Observed},
    caller::Scope,
    error::{ErrorCode, Fallible, Result},
    ids::AccountId,
    lifecycle::{AccountState, DataStatus},
    mono,
};

impl Account {
    /// An account in this state.
    #[must_use]
    pub fn new(id: AccountId, state: Arc<AccountState>, loaders: Loaders) -> Self {
        Self { id, state, loaders }
    }

    /// The account of this id for a field that hangs on something we keep.
    ///
    /// # Errors
    /// `INTERNAL` if the database fails.
    pub async fn of(id: &AccountId, loaders: &Loaders) -> Result<Self> {
        let state = loaders.state(id).await?.unwrap_or_default();
        Ok(Self::new(id.clone(), state, loaders.clone()))
    }

    /// Finds an account and reads ahead what the selection wants of Mono: the details and the
    /// transactions side by side, since both need only the id.
    ///
    /// # Errors
    /// `NOT_FOUND` if there is none, or if it is not the caller's; what Mono answered if the
    /// gateway does not know the account and cannot ask.
    pub async fn find(ctx: &Context<'_>, id: AccountId) -> Result<Self> {
        let loaders = ctx.data_unchecked::<Loaders>().clone();
        require(loaders.caller(), Scope::AccountsRead)?;
        if !loaders.may_see(&id).await? {
            return Err(not_found());
        }
        let state = loaders.state(&id).await?;
        if state.as_ref().is_some_and(|state| state.unlinked) {
            return Err(not_found());
        }
        let today = loaders.sources().accounts.lifecycle().clock().now().date_naive();
        let wanted = Wanted::of(ctx.field(), today);
        let known = state.filter(|state| {
            let status = state.data.status.is_some_and(|status| status != DataStatus::Unknown);
            !wanted.details && (status || !wanted.status)
        });
        if let Some(state) = known {
            return Ok(Self::new(id, state, loaders));
        }
        // What fails is its own field's failure, told there: here it is only read ahead.
        let ahead = join_all(wanted.ahead.iter().map(|ahead| read_ahead(&loaders, &id, ahead)));
        let observed = read_side_by_side(loaders.details(&id), ahead).await;
        let state = match observed {
            Ok(observed) => observed.state.clone(),
            Err(error) => match loaders.state(&id).await? {
                // Known to us: what we keep is answered, and each field of Mono's says what failed.
                Some(state) => state,
                None if error.code() == ErrorCode::NotFound => return Err(not_found()),
                None => return Err(error),
            },
        };
        Ok(Self::new(id, state, loaders))
    }

    /// Whether it is the account that its link asked for.
    #[must_use]
    pub fn matches(&self) -> Option<bool> {
        self.state.account_match
    }

    /// The accounts that are the same account at the bank, this one among them, oldest first.
    pub(super) async fn alike(&self) -> Result<Vec<Account>> {
        let Some(digest) = &self.state.bank_account else { return Ok(Vec::new()) };
        let alike = self.loaders.alike(digest).await?;
        let view = |(id, state): &(AccountId, Arc<AccountState>)| {
            Self::new(id.clone(), state.clone(), self.loaders.clone())
        };
        Ok(alike.iter().map(view).collect())
    }

    /// The account that was linked before this one and is the same account at the bank.
    ///
    /// # Errors
    /// `INTERNAL` if the database fails.
    pub async fn predecessor(&self) -> Result<Option<Account>> {
        let alike = self.alike().await?;
        let older = alike.into_iter().take_while(|other| other.id != self.id);
        Ok(older.last())
    }

    /// Whether Mono's data of it may be read: payloads and events lead here, too, for callers who may
    /// only start something.
    pub(super) fn may_be_read(&self) -> Result<()> {
        require(self.loaders.caller(), Scope::AccountsRead)?;
        // Mono was told to forget it, and so were we.
        if self.state.unlinked { Err(not_found()) } else { Ok(()) }
    }

    pub(super) async fn details(&self) -> Result<Arc<Observed>> {
        self.may_be_read()?;
        self.loaders.details(&self.id).await
    }

    /// One of Mono's details: absent, there, or failed for the same reason as all of them.
    pub(super) async fn detail<T>(
        &self,
        pick: impl FnOnce(&mono::Details) -> Option<T>,
    ) -> Fallible<T> {
        match self.details().await {
            Ok(observed) => pick(&observed.details).map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    pub(super) fn currency_of(&self, details: Option<&mono::Details>) -> Option<String> {
        details.and_then(|details| details.currency.clone()).or_else(|| self.state.currency.clone())
    }
}

async fn read_ahead(loaders: &Loaders, id: &AccountId, ahead: &Ahead) {
    let id = id.clone();
    let personal = loaders.caller().may(Scope::PiiRead);
    match ahead {
        Ahead::Page(request) => drop(loaders.page(&id, request).await),
        Ahead::Identity if personal => drop(loaders.read(read::Identity(id)).await),
        Ahead::IncomeRecords if personal => drop(loaders.read(read::IncomeRecords(id)).await),
        Ahead::Identity | Ahead::IncomeRecords => {}
        Ahead::Credits => drop(loaders.read(read::Credits(id)).await),
        Ahead::Debits => drop(loaders.read(read::Debits(id)).await),
        Ahead::Assets => drop(loaders.read(read::Assets(id)).await),
        Ahead::Earnings => drop(loaders.read(read::Earnings(id)).await),
        Ahead::Statement(months) => {
            drop(loaders.read(read::Statement { account: id, months: *months }).await);
        }
    }
}

/// Waits for both, but not for what else is read of an account that does not exist.
async fn read_side_by_side<T>(
    details: impl Future<Output = Result<Arc<Observed>>>,
    others: impl Future<Output = T>,
) -> Result<Arc<Observed>> {
    tokio::pin!(details, others);
    tokio::select! {
        observed = &mut details => {
            if observed.is_ok() {
                others.await;
            }
            observed
        }
        _ = &mut others => details.await,
    }
}
