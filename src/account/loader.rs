//! One request's reads: each account, page and session is asked for once, however often a
//! document names it, and what is wanted at the same moment is asked for together.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_graphql::{
    dataloader::{DataLoader, HashMapCache, Loader},
    runtime::{Timer, TokioSpawner},
};
use futures_util::{
    future::{BoxFuture, join_all},
    task::{FutureObj, Spawn, SpawnError},
};
use tokio::{runtime::Handle, sync::OnceCell, task::JoinSet};

use super::{
    read::Read,
    service::{Accounts, Observed},
};
use crate::{
    caller::Caller,
    error::{ApiError, Result},
    ids::{AccountId, ReauthId},
    lifecycle::{AccountState, session::Session},
    mono::{Amount, MonoError},
    transaction::{
        PageRequest,
        service::{Page, Transactions},
    },
};

/// Collects what is wanted at the same moment by letting everybody else run first, a few times,
/// instead of waiting for a clock: tens of microseconds, not one or two milliseconds.
struct YieldTimer;

impl Timer for YieldTimer {
    fn delay(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async {
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
        })
    }
}

/// What the loaders of a request are made from. Clones share it.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Details.
    pub accounts: Accounts,
    /// Pages.
    pub transactions: Transactions,
}

/// One request's reads. Clones share what was read.
#[derive(Clone)]
pub struct Loaders(Arc<Inner>);

struct Inner {
    caller: Caller,
    sources: Sources,
    states: DataLoader<StateLoader, HashMapCache>,
    details: DataLoader<DetailsLoader, HashMapCache>,
    pages: DataLoader<PageLoader, HashMapCache>,
    sessions: DataLoader<SessionLoader, HashMapCache>,
    owned: DataLoader<OwnedLoader, HashMapCache>,
    reads: DataLoader<ReadLoader, HashMapCache>,
    alike: DataLoader<AlikeLoader, HashMapCache>,
    live: Mutex<HashMap<AccountId, Arc<OnceCell<Result<Live>>>>>,
}

/// Accounts with their states.
pub type Alike = Arc<Vec<(AccountId, Arc<AccountState>)>>;

/// A balance that the bank has just told, in minor units, and its currency.
pub type Live = (Amount, Option<String>);

impl std::fmt::Debug for Loaders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaders").field("caller", &self.0.caller).finish_non_exhaustive()
    }
}

/// Runs reads of Mono for as long as the request is there that wants them: nobody hears the answers
/// to one whose caller went away.
struct Tied {
    handle: Handle,
    reads: Mutex<JoinSet<()>>,
}

impl Spawn for Tied {
    fn spawn_obj(&self, read: FutureObj<'static, ()>) -> std::result::Result<(), SpawnError> {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        while reads.try_join_next().is_some() {}
        reads.spawn_on(read, &self.handle);
        Ok(())
    }
}

fn loader<L: Send + Sync + 'static>(loader: L) -> DataLoader<L, HashMapCache> {
    let cache = HashMapCache::default();
    DataLoader::with_cache(loader, TokioSpawner::current(), YieldTimer, cache)
}

/// The same, for what asks Mono.
fn tied<L: Send + Sync + 'static>(loader: L) -> DataLoader<L, HashMapCache> {
    let tied = Tied { handle: Handle::current(), reads: Mutex::default() };
    DataLoader::with_cache(loader, tied, YieldTimer, HashMapCache::default())
}

impl Loaders {
    /// Nothing read yet, for this caller.
    #[must_use]
    pub fn new(sources: Sources, caller: Caller) -> Self {
        let accounts = sources.accounts.clone();
        Self(Arc::new(Inner {
            states: loader(StateLoader(accounts.clone())),
            details: tied(DetailsLoader(accounts.clone())),
            pages: tied(PageLoader(sources.transactions.clone())),
            sessions: loader(SessionLoader(accounts.clone())),
            alike: loader(AlikeLoader { accounts: accounts.clone(), caller: caller.clone() }),
            owned: loader(OwnedLoader { accounts: accounts.clone(), caller: caller.clone() }),
            reads: tied(ReadLoader(accounts)),
            live: Mutex::default(),
            caller,
            sources,
        }))
    }

    /// The same, with nothing read: for the next event of a subscription.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self::new(self.0.sources.clone(), self.0.caller.clone())
    }

    /// Who asks.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.0.caller
    }

    /// Whether the caller may see this account. One statement, whether it exists or not, and whoever
    /// it belongs to.
    ///
    /// # Errors
    /// `INTERNAL` if the database fails.
    pub async fn may_see(&self, id: &AccountId) -> Result<bool> {
        Ok(self.0.caller.may_see(id) || self.0.owned.load_one(id.clone()).await?.is_some())
    }

    /// The accounts of the caller's that are one account at the bank, oldest first.
    ///
    /// # Errors
    /// `INTERNAL` if the database fails.
    pub async fn alike(&self, digest: &str) -> Result<Alike> {
        Ok(self.0.alike.load_one(digest.to_owned()).await?.unwrap_or_default())
    }

    /// The balance that `ask` has the bank tell: asked once in a request, however often it is named,
    /// since each time is billed.
    ///
    /// # Errors
    /// What `ask` fails with.
    pub async fn live<F>(&self, id: &AccountId, ask: impl FnOnce() -> F) -> Result<Live>
    where
        F: Future<Output = Result<Live>>,
    {
        let cell = {
            let mut live = self.0.live.lock().unwrap_or_else(PoisonError::into_inner);
            live.entry(id.clone()).or_default().clone()
        };
        cell.get_or_init(ask).await.clone()
    }

    /// Where they read from.
    #[must_use]
    pub fn sources(&self) -> &Sources {
        &self.0.sources
    }

    /// The state of an account, if the gateway knows it.
    ///
    /// # Errors
    /// `INTERNAL` if the database fails.
    pub async fn state(&self, id: &AccountId) -> Result<Option<Arc<AccountState>>> {
        self.0.states.load_one(id.clone()).await
    }

    /// Takes over a state that was read otherwise.
    pub async fn know(&self, id: &AccountId, state: Arc<AccountState>) {
        self.0.states.feed_one(id.clone(), state).await;
    }

    /// The details of an account.
    ///
    /// # Errors
    /// What Mono answered, or `INTERNAL` if the database fails.
    pub async fn details(&self, id: &AccountId) -> Result<Arc<Observed>> {
        let known = self.state(id).await?;
        let key = DetailsKey { id: id.clone(), known };
        match self.0.details.load_one(key).await? {
            Some(observed) => Ok(observed?),
            None => Err(MonoError::NotFound.into()),
        }
    }

    /// A page of an account's transactions.
    ///
    /// # Errors
    /// What Mono answered.
    pub async fn page(&self, id: &AccountId, request: &PageRequest) -> Result<Arc<Page>> {
        match self.0.pages.load_one((id.clone(), request.clone())).await? {
            Some(page) => Ok(page?),
            None => Err(MonoError::NotFound.into()),
        }
    }

    /// What costs one call of Mono's.
    ///
    /// # Errors
    /// What Mono answered.
    pub async fn read<R: Read>(&self, read: R) -> Result<Arc<R::Answer>> {
        match self.0.reads.load_one(read).await? {
            Some(answer) => Ok(answer?),
            None => Err(MonoError::NotFound.into()),
        }
    }

    /// A session.
    ///
    /// # Errors
    /// `INTERNAL` if the database fails.
    pub async fn session(&self, id: ReauthId) -> Result<Option<Arc<Session>>> {
        self.0.sessions.load_one(id).await
    }
}

struct StateLoader(Accounts);

impl Loader<AccountId> for StateLoader {
    type Value = Arc<AccountState>;
    type Error = ApiError;

    async fn load(&self, ids: &[AccountId]) -> Result<HashMap<AccountId, Self::Value>> {
        let states = self.0.lifecycle().states(ids).await.map_err(ApiError::from)?;
        Ok(states.into_iter().map(|(id, state)| (id, Arc::new(state))).collect())
    }
}

/// An account whose details are wanted. What is known of it goes along and makes no difference.
#[derive(Clone)]
struct DetailsKey {
    id: AccountId,
    known: Option<Arc<AccountState>>,
}

impl PartialEq for DetailsKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for DetailsKey {}

impl std::hash::Hash for DetailsKey {
    fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
        self.id.hash(hasher);
    }
}

struct DetailsLoader(Accounts);

impl Loader<DetailsKey> for DetailsLoader {
    type Value = std::result::Result<Arc<Observed>, MonoError>;
    type Error = ApiError;

    async fn load(&self, keys: &[DetailsKey]) -> Result<HashMap<DetailsKey, Self::Value>> {
        let one = |key: DetailsKey| async move {
            let details = self.0.details(&key.id, key.known.as_deref()).await.map(Arc::new);
            (key, details)
        };
        Ok(join_all(keys.iter().cloned().map(one)).await.into_iter().collect())
    }
}

struct PageLoader(Transactions);

impl Loader<(AccountId, PageRequest)> for PageLoader {
    type Value = std::result::Result<Arc<Page>, MonoError>;
    type Error = ApiError;

    async fn load(
        &self,
        keys: &[(AccountId, PageRequest)],
    ) -> Result<HashMap<(AccountId, PageRequest), Self::Value>> {
        let one = |key: (AccountId, PageRequest)| async move {
            let page = self.0.page(&key.0, &key.1).await.map(Arc::new);
            (key, page)
        };
        Ok(join_all(keys.iter().cloned().map(one)).await.into_iter().collect())
    }
}

struct ReadLoader(Accounts);

impl<R: Read> Loader<R> for ReadLoader {
    type Value = std::result::Result<Arc<R::Answer>, MonoError>;
    type Error = ApiError;

    async fn load(&self, reads: &[R]) -> Result<HashMap<R, Self::Value>> {
        let one = |read: R| async move {
            let answer = self.0.read(&read).await.map(Arc::new);
            (read, answer)
        };
        Ok(join_all(reads.iter().cloned().map(one)).await.into_iter().collect())
    }
}

struct SessionLoader(Accounts);

impl Loader<ReauthId> for SessionLoader {
    type Value = Arc<Session>;
    type Error = ApiError;

    async fn load(&self, ids: &[ReauthId]) -> Result<HashMap<ReauthId, Self::Value>> {
        let sessions = self.0.lifecycle().sessions(ids).await.map_err(ApiError::from)?;
        Ok(sessions.into_iter().map(|session| (session.id, Arc::new(session))).collect())
    }
}

/// Which accounts the caller linked through the gateway.
struct OwnedLoader {
    accounts: Accounts,
    caller: Caller,
}

impl Loader<AccountId> for OwnedLoader {
    type Value = ();
    type Error = ApiError;

    async fn load(&self, ids: &[AccountId]) -> Result<HashMap<AccountId, ()>> {
        let lifecycle = self.accounts.lifecycle();
        let owned = lifecycle.owned(&self.caller, ids).await.map_err(ApiError::from)?;
        Ok(owned.into_iter().map(|id| (id, ())).collect())
    }
}

/// Which accounts are one account at the bank.
struct AlikeLoader {
    accounts: Accounts,
    caller: Caller,
}

impl Loader<String> for AlikeLoader {
    type Value = Alike;
    type Error = ApiError;

    async fn load(&self, digests: &[String]) -> Result<HashMap<String, Alike>> {
        let lifecycle = self.accounts.lifecycle();
        let alike = lifecycle.same_bank_account(&self.caller, digests).await;
        let shared = |accounts: Vec<(AccountId, AccountState)>| {
            Arc::new(accounts.into_iter().map(|(id, state)| (id, Arc::new(state))).collect())
        };
        let alike = alike.map_err(ApiError::from)?.into_iter();
        Ok(alike.map(|(digest, accounts)| (digest, shared(accounts))).collect())
    }
}
