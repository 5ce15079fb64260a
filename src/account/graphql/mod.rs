//! Accounts as a client sees them: `account`, `accounts`.

mod data;
mod find;
mod institution;
mod query;
mod state;
mod wanted;

use std::sync::Arc;

use async_graphql::{Context, ID, Object};

pub use query::AccountQuery;
pub use state::SyncFailureView;

use super::loader::Loaders;
use crate::{
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
use data::{Assets, Customer, Earnings, Flow, Identity, Income, IncomeRecords, Statement, Way};
use institution::Institution;
use state::{ReauthState, SyncState};

/// A linked bank account.
#[derive(Clone, Debug)]
pub struct Account {
    id: AccountId,
    state: Arc<AccountState>,
    loaders: Loaders,
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
    async fn balance(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default_with = "Some(false)",
            desc = "Rather ask the bank now, as syncAccount does: Mono takes up to 30 s and bills it. For 5 minutes after that answers with what the bank told then. Null with the error DATA_NOT_READY if the bank takes longer or does not tell. Needs the scope reauth:write."
        )]
        live: Option<bool>,
    ) -> Fallible<Money> {
        if live == Some(true) {
            return self.live_balance(ctx).await.transpose();
        }
        let observed = match self.details().await {
            Ok(observed) => observed,
            Err(error) => return Some(Err(error)),
        };
        let details = &observed.details;
        let currency = self.currency_of(Some(details)).unwrap_or_else(|| NO_CURRENCY.to_owned());
        let money = |minor| Money { minor, currency };
        details.balance.map(|amount| amount.map(money).map_err(ApiError::from))
    }

    /// How fresh the balance is that is not live.
    #[graphql(name = "balanceFreshness")]
    async fn balance_freshness_(&self) -> Freshness {
        self.balance_freshness()
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

    /// All its transactions of the last months in one answer, at one call of Mono's.
    async fn statement(
        &self,
        ctx: &Context<'_>,
        #[graphql(default_with = "Some(1)", desc = "How many months, from 1 to 12.")]
        months: Option<i32>,
    ) -> Fallible<Statement> {
        Some(self.statement_of(ctx, months).await)
    }

    /// Who holds it, as the bank tells; null if the bank does not. Needs the scope pii:read: null
    /// with the error FORBIDDEN without it. One call of Mono's.
    async fn identity(&self) -> Fallible<Identity> {
        self.who().await.transpose()
    }

    /// What Mono last concluded of its income, the newest of incomeRecords; null if it was never
    /// asked to look (requestIncome). Needs the scope pii:read. One call of Mono's, with
    /// incomeRecords.
    async fn income(&self, ctx: &Context<'_>) -> Fallible<Income> {
        self.all_income(ctx).await.map(IncomeRecords::newest).transpose()
    }

    /// All that Mono concluded of its income. Needs the scope pii:read. One call of Mono's.
    async fn income_records(&self, ctx: &Context<'_>) -> Fallible<IncomeRecords> {
        Some(self.all_income(ctx).await)
    }

    /// Money that came in, by period. One call of Mono's.
    async fn credits(&self, ctx: &Context<'_>) -> Fallible<Flow> {
        Some(self.flow(ctx, Way::In).await)
    }

    /// Money that went out, by period. One call of Mono's.
    async fn debits(&self, ctx: &Context<'_>) -> Fallible<Flow> {
        Some(self.flow(ctx, Way::Out).await)
    }

    /// What it holds, if it is an account of investments. One call of Mono's.
    async fn assets(&self) -> Fallible<Assets> {
        Some(self.held().await)
    }

    /// What it earned, if it is an account of investments. One call of Mono's.
    async fn earnings(&self, ctx: &Context<'_>) -> Fallible<Earnings> {
        Some(self.earned(ctx).await)
    }

    /// Who linked it, as your business told Mono; null if Mono does not tell. One call of Mono's
    /// behind the account's details.
    async fn customer(&self) -> Fallible<Customer> {
        self.linked_by().await.transpose()
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
        self.may_be_read()?;
        let freshness = Freshness::of_transactions(&self.state);
        if require_fresh && freshness.state != FreshnessState::Fresh {
            return Err(not_fresh(&self.state));
        }
        let page = self.loaders.page(&self.id, &request);
        let (page, currency) = tokio::join!(page, self.wanted_currency(ctx));
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
