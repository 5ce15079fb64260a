//! Accounts as a client sees them: `account`, `accounts`.

use std::sync::Arc;

use async_graphql::{
    Context, ID, InputObject, InputType, Name, Object, SelectionField, SimpleObject, Value,
};
use chrono::NaiveDate;
use futures_util::future::join_all;

use super::{loader::Loaders, service::Observed};
use crate::{
    access::require,
    caller::Scope,
    clock::Time,
    error::{ApiError, ErrorCode, Fallible, Result},
    ids::{AccountId, ReauthId},
    lifecycle::{
        AccountState, DataStatus, ReauthReason, RetrievedData, SyncFailure, SyncFailureCode,
        session::Session, store,
    },
    money::{Money, NO_CURRENCY},
    mono,
    paging::{PageInfo, checked_first},
    reauth::graphql::ReauthSession,
    scalar::DateTime,
    transaction::{
        Filter, Freshness, FreshnessState, PageRequest,
        graphql::{TransactionConnection, TransactionFilter},
    },
};

/// The fields of an account that only Mono can tell.
const OF_MONO: [&str; 11] = [
    "name",
    "accountNumber",
    "bvn",
    "type",
    "authMethod",
    "currency",
    "balance",
    "institution",
    "customerId",
    "subscribedToDataSync",
    "retrievedData",
];

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
        if !loaders.caller().may_see(&id) {
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

/// What a selection wants of Mono.
#[derive(Default)]
struct Wanted {
    details: bool,
    status: bool,
    pages: Vec<PageRequest>,
}

impl Wanted {
    fn of(field: SelectionField<'_>, today: NaiveDate) -> Self {
        let mut wanted = Self::default();
        for field in field.selection_set().filter(is_included) {
            match field.name() {
                name if OF_MONO.contains(&name) => wanted.details = true,
                "dataStatus" | "dataStatusRaw" => wanted.status = true,
                "transactions" => {
                    if let Some(page) = page_request(&field, today) {
                        wanted.pages.push(page);
                    }
                }
                _ => {}
            }
        }
        wanted
    }
}

/// Whether the field's own `@skip` and `@include` let it be.
fn is_included(field: &SelectionField<'_>) -> bool {
    let directives = field.directives().unwrap_or_default();
    directives.iter().all(|directive| {
        let condition = directive.arguments.iter().find(|(name, _)| name.node == "if");
        let holds = condition.is_some_and(|(_, value)| value.node == true.into());
        match directive.name.node.as_str() {
            "skip" => !holds,
            "include" => holds,
            _ => true,
        }
    })
}

/// The page that a `transactions` field will ask for. Nothing if its arguments are wrong, which
/// the field says itself, or if it may not ask at all.
fn page_request(field: &SelectionField<'_>, today: NaiveDate) -> Option<PageRequest> {
    let arguments = field.arguments().ok()?;
    fn argument<T: InputType>(arguments: &[(Name, Value)], name: &str) -> Option<T> {
        let (_, value) = arguments.iter().find(|(argument, _)| argument == name)?;
        T::parse(Some(value.clone())).ok()
    }
    let argument_filter: Option<Option<TransactionFilter>> = argument(&arguments, "filter");
    if argument::<Option<bool>>(&arguments, "requireFresh").flatten() == Some(true) {
        return None;
    }
    let after: Option<String> = argument::<Option<String>>(&arguments, "after").flatten();
    let filter = Filter::from(argument_filter.flatten().unwrap_or_default());
    PageRequest::new(
        argument::<Option<i32>>(&arguments, "page").flatten(),
        argument::<Option<i32>>(&arguments, "first").flatten(),
        after.as_deref(),
        filter.checked(today).ok()?,
    )
    .ok()
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

    /// How its refreshes went.
    async fn sync(&self) -> SyncState {
        SyncState(self.state.clone())
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

fn names_currency(field: &SelectionField<'_>) -> bool {
    field
        .selection_set()
        .any(|inner| matches!(inner.name(), "currency" | "decimal") || names_currency(&inner))
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

/// How an account's refreshes went.
struct SyncState(Arc<AccountState>);

/// How an account's refreshes went, by the gateway's clock.
#[Object]
impl SyncState {
    /// When readable data last arrived; null if none ever did.
    async fn as_of(&self) -> Option<DateTime> {
        self.0.data.as_of.map(DateTime)
    }

    /// When a refresh last succeeded.
    async fn last_success_at(&self) -> Option<DateTime> {
        self.0.sync.last_success_at.map(DateTime)
    }

    /// When a refresh last failed.
    async fn last_failure_at(&self) -> Option<DateTime> {
        self.0.sync.last_failure_at.map(DateTime)
    }

    /// Why the newest refresh failed; null once one succeeds.
    async fn failure(&self) -> Option<SyncFailureView> {
        self.0.sync.failure.clone().map(SyncFailureView)
    }

    /// While the data is awaited: when the gateway stops waiting at the latest.
    async fn waiting_until(&self) -> Option<DateTime> {
        self.0.waiting.as_ref().map(|waiting| DateTime(waiting.until))
    }
}

/// Why there is no data.
pub struct SyncFailureView(pub SyncFailure);

/// Why a refresh or a re-authorisation brought no data.
#[Object(name = "SyncFailure")]
impl SyncFailureView {
    /// The reason as a code.
    async fn code(&self) -> SyncFailureCode {
        self.0.code
    }

    /// The reason as a sentence.
    async fn message(&self) -> &str {
        &self.0.message
    }

    /// The status that came instead of data.
    async fn data_status(&self) -> Option<DataStatus> {
        self.0.status
    }

    /// When, by the gateway's clock.
    async fn at(&self) -> DateTime {
        DateTime(self.0.at)
    }
}

/// An account's consent.
struct ReauthState {
    account: Account,
}

/// Whether the customer must authorise again, and the attempts at it.
#[Object]
impl ReauthState {
    /// Whether the customer must authorise again.
    async fn required(&self) -> bool {
        self.account.state.need.is_some()
    }

    /// When the gateway heard of it.
    async fn since(&self) -> Option<DateTime> {
        let since = |need: &crate::lifecycle::Need| -> Time { need.since };
        self.account.state.need.as_ref().map(since).map(DateTime)
    }

    /// How Mono said so.
    async fn reason(&self) -> Option<ReauthReason> {
        self.account.state.need.as_ref().map(|need| need.reason)
    }

    /// The session that initiateReauth would return now, if there is one.
    async fn active(&self) -> Option<ReauthSession> {
        let session = self.account.state.live_session()?.clone();
        Some(ReauthSession::new(session, self.account.loaders.clone()))
    }

    /// All attempts, newest first.
    async fn sessions(
        &self,
        #[graphql(default = 10, desc = "How many at most, from 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Begin behind this cursor.")] after: Option<String>,
    ) -> Result<ReauthSessionConnection> {
        let first = checked_first(first, 10)?;
        let after = after.as_deref().map(ReauthId::parse).transpose().map_err(|_| {
            let text = "after is what an earlier answer carried in endCursor, unchanged";
            ApiError::new(ErrorCode::BadUserInput, text)
        })?;
        let account = &self.account;
        let lifecycle = account.loaders.sources().accounts.lifecycle();
        let mut sessions =
            lifecycle.sessions_of(&account.id, after, first + 1).await.map_err(ApiError::hidden)?;
        let has_next_page = sessions.len() as u64 > first;
        sessions.truncate(usize::try_from(first).unwrap_or(usize::MAX));
        Ok(ReauthSessionConnection::new(sessions, has_next_page, &account.loaders))
    }
}

/// The attempts to have a customer authorise again.
#[derive(SimpleObject)]
struct ReauthSessionConnection {
    /// The sessions with their cursors.
    edges: Vec<ReauthSessionEdge>,
    /// The sessions.
    nodes: Vec<ReauthSession>,
    /// Where this page lies in the whole.
    page_info: PageInfo,
}

/// A session with its place in the list.
#[derive(SimpleObject)]
struct ReauthSessionEdge {
    /// What to pass as after for what lies behind it.
    cursor: String,
    /// The session.
    node: ReauthSession,
}

impl ReauthSessionConnection {
    fn new(sessions: Vec<Session>, has_next_page: bool, loaders: &Loaders) -> Self {
        let cursor = |session: Option<&Session>| session.map(|session| session.id.to_string());
        let page_info = PageInfo {
            has_next_page,
            has_previous_page: false,
            start_cursor: cursor(sessions.first()),
            end_cursor: cursor(sessions.last()),
        };
        let view = |session: &Session| ReauthSession::new(session.clone(), loaders.clone());
        let edge = |s: &Session| ReauthSessionEdge { cursor: s.id.to_string(), node: view(s) };
        Self {
            edges: sessions.iter().map(edge).collect(),
            nodes: sessions.iter().map(view).collect(),
            page_info,
        }
    }
}

/// Which accounts.
#[derive(Clone, Debug, Default, InputObject)]
pub struct AccountFilter {
    /// Only those whose customer must authorise again, or only those whose need not.
    needs_reauth: Option<bool>,
    /// Only those in one of these.
    data_status: Option<Vec<DataStatus>>,
}

/// A page of the accounts that the gateway knows.
#[derive(SimpleObject)]
struct AccountConnection {
    /// The accounts with their cursors.
    edges: Vec<AccountEdge>,
    /// The accounts.
    nodes: Vec<Account>,
    /// Where this page lies in the whole.
    page_info: PageInfo,
    /// How many there are in all.
    total_count: Option<u64>,
}

/// An account with its place in the list.
#[derive(SimpleObject)]
struct AccountEdge {
    /// What to pass as after for what lies behind it.
    cursor: String,
    /// The account.
    node: Account,
}

/// The queries about accounts.
#[derive(Debug, Default)]
pub struct AccountQuery;

/// Everything that can be asked.
#[Object]
impl AccountQuery {
    /// One account. Null with the error NOT_FOUND if there is no such account, or if it is not
    /// yours.
    async fn account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Mono's id of the account.")] id: ID,
    ) -> Fallible<Account> {
        let id = match AccountId::parse(&id) {
            Ok(id) => id,
            Err(error) => return Some(Err(error.into())),
        };
        Some(Account::find(ctx, id).await)
    }

    /// The accounts that the gateway knows and that you may see, by id.
    async fn accounts(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many at most, from 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Begin behind this cursor.")] after: Option<String>,
        #[graphql(desc = "Only these.")] filter: Option<AccountFilter>,
    ) -> Result<AccountConnection> {
        let loaders = ctx.data_unchecked::<Loaders>();
        require(loaders.caller(), Scope::AccountsRead)?;
        let first = checked_first(first, 20)?;
        let after = after.as_deref().map(AccountId::parse).transpose().map_err(|_| {
            let text = "after is what an earlier answer carried in endCursor, unchanged";
            ApiError::new(ErrorCode::BadUserInput, text)
        })?;
        let filter = filter.unwrap_or_default();
        let filter = store::AccountFilter {
            needs_reauth: filter.needs_reauth,
            data_status: filter.data_status,
        };
        let lifecycle = loaders.sources().accounts.lifecycle();
        let page = lifecycle
            .list(loaders.caller(), &filter, after.as_ref(), first)
            .await
            .map_err(ApiError::hidden)?;
        let mut nodes = Vec::with_capacity(page.accounts.len());
        for (id, state) in page.accounts {
            let state = Arc::new(state);
            loaders.know(&id, state.clone()).await;
            nodes.push(Account::new(id, state, loaders.clone()));
        }
        let cursor = |account: Option<&Account>| account.map(|a| a.id.as_str().to_owned());
        let edge = |account: &Account| AccountEdge {
            cursor: account.id.as_str().to_owned(),
            node: account.clone(),
        };
        Ok(AccountConnection {
            page_info: PageInfo {
                has_next_page: page.has_next,
                has_previous_page: false,
                start_cursor: cursor(nodes.first()),
                end_cursor: cursor(nodes.last()),
            },
            edges: nodes.iter().map(edge).collect(),
            nodes,
            total_count: Some(page.total),
        })
    }
}
