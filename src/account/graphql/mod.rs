//! Accounts as a client sees them: `account`, `accounts`.

mod query;
mod state;
mod wanted;

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use futures_util::future::join_all;

pub use query::AccountQuery;
pub use state::SyncFailureView;

use super::{loader::Loaders, service::Observed};
use crate::{
    access::require,
    caller::Scope,
    error::{ApiError, ErrorCode, Fallible, Result},
    ids::AccountId,
    job::graphql::Job,
    lifecycle::{AccountState, DataStatus, RetrievedData, job},
    money::{Money, NO_CURRENCY},
    mono,
    transaction::{
        Filter, Freshness, FreshnessState, PageRequest,
        graphql::{TransactionConnection, TransactionFilter},
    },
};
use state::{ReauthState, SyncState};
use wanted::{Wanted, names_currency};

/// A linked bank account.
#[derive(Clone, Debug)]
pub struct Account {
    id: AccountId,
    state: Arc<AccountState>,
    loaders: Loaders,
}

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
        // A page that fails is its own field's failure, told there: here it is only read ahead.
        let pages = join_all(wanted.pages.iter().map(|page| loaders.page(&id, page)));
        let details = loaders.details(&id);
        let observed = read_side_by_side(details, pages).await;
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
    async fn alike(&self) -> Result<Vec<Account>> {
        let Some(digest) = &self.state.bank_account else { return Ok(Vec::new()) };
        let lifecycle = self.loaders.sources().accounts.lifecycle();
        let alike = lifecycle.same_bank_account(self.loaders.caller(), digest).await;
        let view = |(id, state)| Self::new(id, Arc::new(state), self.loaders.clone());
        Ok(alike.map_err(ApiError::hidden)?.into_iter().map(view).collect())
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

    async fn details(&self) -> Result<Arc<Observed>> {
        // Mono was told to forget it, and so were we.
        if self.state.unlinked {
            return Err(not_found());
        }
        self.loaders.details(&self.id).await
    }

    /// One of Mono's details: absent, there, or failed for the same reason as all of them.
    async fn detail<T>(&self, pick: impl FnOnce(&mono::Details) -> Option<T>) -> Fallible<T> {
        match self.details().await {
            Ok(observed) => pick(&observed.details).map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    fn currency_of(&self, details: Option<&mono::Details>) -> Option<String> {
        details.and_then(|details| details.currency.clone()).or_else(|| self.state.currency.clone())
    }
}

/// Waits for both, but not for pages of an account that does not exist.
async fn read_side_by_side<T>(
    details: impl Future<Output = Result<Arc<Observed>>>,
    pages: impl Future<Output = T>,
) -> Result<Arc<Observed>> {
    tokio::pin!(details, pages);
    tokio::select! {
        observed = &mut details => {
            if observed.is_ok() {
                pages.await;
            }
            observed
        }
        _ = &mut pages => details.await,
    }
}

/// The answer for an account that does not exist, and for somebody else's.
fn not_found() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "there is no such account")
}

/// A bank account that a customer linked through Mono.
#[Object]
impl Account {
    /// Mono's id of the account.
    pub async fn id(&self) -> ID {
        ID(self.id.as_str().to_owned())
    }

    /// The holder's name.
    async fn name(&self) -> Fallible<String> {
        self.detail(|details| details.name.clone()).await
    }

    /// The account's number at its bank. Its last 4 digits only without the scope pii:read.
    async fn account_number(&self) -> Fallible<String> {
        let whole = self.loaders.caller().may(Scope::PiiRead);
        let shown = |number: &String| if whole { number.clone() } else { masked(number) };
        self.detail(|details| details.account_number.as_ref().map(shown)).await
    }

    /// The holder's bank verification number (Nigeria): its last 4 digits; null where there is none
    /// and without the scope pii:read.
    async fn bvn(&self) -> Fallible<String> {
        if !self.loaders.caller().may(Scope::PiiRead) {
            return None;
        }
        // Details promise four digits; other places of Mono's print all eleven.
        let last_four =
            |bvn: &String| bvn.chars().skip(bvn.chars().count().saturating_sub(4)).collect();
        self.detail(|details| details.bvn.as_ref().map(last_four)).await
    }

    /// The bank's own word for the kind of account, for example SAVINGS_ACCOUNT. An open list.
    #[graphql(name = "type")]
    async fn kind(&self) -> Fallible<String> {
        self.detail(|details| details.kind.clone()).await
    }

    /// How the customer logs in: internet_banking or mobile_banking. An open list.
    async fn auth_method(&self) -> Fallible<String> {
        self.detail(|details| details.auth_method.clone()).await
    }

    /// ISO 4217 code; null if Mono does not tell.
    async fn currency(&self) -> Fallible<String> {
        self.detail(|details| self.currency_of(Some(details))).await
    }

    /// The balance when Mono last fetched it; null if it was not fetched.
    async fn balance(&self) -> Fallible<Money> {
        let observed = match self.details().await {
            Ok(observed) => observed,
            Err(error) => return Some(Err(error)),
        };
        let details = &observed.details;
        let currency = self.currency_of(Some(details)).unwrap_or_else(|| NO_CURRENCY.to_owned());
        let money = |minor| Money { minor, currency };
        details.balance.map(|amount| amount.map(money).map_err(ApiError::from))
    }

    /// The bank.
    async fn institution(&self) -> Fallible<Institution> {
        self.detail(|details| details.institution.clone().map(Institution)).await
    }

    /// Mono's id of the customer who linked it.
    async fn customer_id(&self) -> Fallible<ID> {
        self.detail(|details| details.customer.clone().map(ID)).await
    }

    /// How far Mono's copy of the data is. What the gateway knows is answered without asking Mono.
    async fn data_status(&self) -> Fallible<DataStatus> {
        match self.state.data.status {
            Some(status) => Some(Ok(status)),
            None => match self.details().await {
                Ok(observed) => Some(Ok(observed.state.data.status.unwrap_or(DataStatus::Unknown))),
                Err(error) => Some(Err(error)),
            },
        }
    }

    /// Mono's own word for it; null if the gateway concluded it from something else.
    async fn data_status_raw(&self) -> Option<&str> {
        self.state.data.raw.as_deref()
    }

    /// What Mono fetched; null if it does not tell.
    async fn retrieved_data(&self) -> Fallible<Vec<RetrievedData>> {
        let read = |details: &mono::Details| {
            let words = details.retrieved_data.as_ref()?;
            Some(words.iter().filter_map(|word| RetrievedData::from_mono(word)).collect())
        };
        self.detail(read).await
    }

    /// Whether Mono's Data Sync is on for it; null if Mono does not tell.
    async fn subscribed_to_data_sync(&self) -> Fallible<bool> {
        self.detail(|details| details.subscribed_to_data_sync).await
    }

    /// Whether it is the account whose number was given when it was linked, if checkAccountMatch
    /// was; null until Mono says so.
    async fn account_match(&self) -> Option<bool> {
        self.state.account_match
    }

    /// The other accounts of yours that are the same account at the bank, oldest first, 20 at most:
    /// Mono gives a new id each time that a customer links it. Empty until the gateway has seen
    /// the numbers of both.
    async fn same_bank_account(&self) -> Result<Vec<Account>> {
        let others = self.alike().await?.into_iter().filter(|other| other.id != self.id);
        Ok(others.collect())
    }

    /// The newest account of yours that is the same account at the bank, if it was linked after
    /// this one: use that one.
    async fn replaced_by(&self) -> Option<Result<Account>> {
        let alike = match self.alike().await {
            Ok(alike) => alike,
            Err(error) => return Some(Err(error)),
        };
        alike.into_iter().next_back().filter(|newest| newest.id != self.id).map(Ok)
    }

    /// How its refreshes went.
    async fn sync(&self) -> SyncState {
        SyncState(self.state.clone())
    }

    /// The newest job of each kind, live or ended.
    async fn jobs(&self) -> Vec<Job> {
        let view = |job: &job::Job| Job::new(job.clone(), self.loaders.clone());
        self.state.jobs.iter().map(view).collect()
    }

    /// Whether the customer must authorise again, and the attempts at it.
    async fn reauth(&self) -> ReauthState {
        ReauthState { account: self.clone() }
    }

    /// A page of its transactions. Each answer says how fresh it is.
    async fn transactions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The page, from 1 on; not together with after.")] page: Option<i32>,
        #[graphql(desc = "How many at most, from 1 to 100; Mono's own page size if left out.")]
        first: Option<i32>,
        #[graphql(desc = "Begin behind this cursor; not together with page.")] after: Option<
            String,
        >,
        #[graphql(desc = "Only these.")] filter: Option<TransactionFilter>,
        #[graphql(
            default_with = "Some(false)",
            desc = "Rather nothing, with the error DATA_NOT_READY, than data that is not fresh."
        )]
        require_fresh: Option<bool>,
    ) -> Fallible<TransactionConnection> {
        Some(self.page(ctx, page, first, after, filter, require_fresh == Some(true)).await)
    }

    /// Counts what changed in what the gateway keeps of this account.
    async fn version(&self) -> i64 {
        self.state.version
    }
}

impl Account {
    async fn page(
        &self,
        ctx: &Context<'_>,
        page: Option<i32>,
        first: Option<i32>,
        after: Option<String>,
        filter: Option<TransactionFilter>,
        require_fresh: bool,
    ) -> Result<TransactionConnection> {
        let clock = self.loaders.sources().accounts.lifecycle().clock();
        let filter = Filter::from(filter.unwrap_or_default());
        let filter = filter.checked(clock.now().date_naive())?;
        let request = PageRequest::new(page, first, after.as_deref(), filter)?;
        if self.state.unlinked {
            return Err(not_found());
        }
        let freshness = Freshness::of_transactions(&self.state);
        if require_fresh && freshness.state != FreshnessState::Fresh {
            return Err(not_fresh(&self.state));
        }
        // Mono's transactions carry no currency; it is asked for only if it is wanted.
        let wants_currency = self.state.currency.is_none() && names_currency(&ctx.field());
        let currency = async { if wants_currency { self.details().await.ok() } else { None } };
        let (page, details) = tokio::join!(self.loaders.page(&self.id, &request), currency);
        let currency = self.currency_of(details.as_ref().map(|observed| &observed.details));
        Ok(TransactionConnection { page: page?, freshness, currency })
    }
}

/// A number of which only the last 4 digits show.
fn masked(number: &str) -> String {
    let hidden = number.chars().count().saturating_sub(4);
    number.chars().enumerate().map(|(at, c)| if at < hidden { '*' } else { c }).collect()
}

fn not_fresh(state: &AccountState) -> ApiError {
    let status = state.data.status.map_or("not known", DataStatus::as_mono);
    let text = if state.need.is_some() {
        "the customer must authorise again before there is fresh data".to_owned()
    } else {
        format!("there is no fresh data: its status is {status}")
    };
    ApiError::new(ErrorCode::DataNotReady, text)
}

/// A bank.
struct Institution(mono::Institution);

/// The bank that keeps an account.
#[Object]
impl Institution {
    /// Mono's id of the bank, where it tells it.
    async fn id(&self) -> Option<ID> {
        self.0.id.clone().map(ID)
    }

    /// Its name.
    async fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Its code, with leading zeros: 3 digits of the Central Bank's, or 6 of NIBSS's.
    async fn bank_code(&self) -> Option<&str> {
        self.0.bank_code.as_deref()
    }

    /// PERSONAL_BANKING or BUSINESS_BANKING. An open list.
    #[graphql(name = "type")]
    async fn kind(&self) -> Option<&str> {
        self.0.kind.as_deref()
    }
}
