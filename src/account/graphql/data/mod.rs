//! The other data of an account: each field costs one call of Mono's, and says how fresh it is.

mod income;
mod investments;
mod people;

use std::sync::Arc;

use async_graphql::{Context, Object};

pub(super) use income::{Income, IncomeRecords};
pub(super) use investments::{Assets, Earnings};
pub(super) use people::{Customer, Identity};

use super::{Account, wanted::names_currency};
use crate::{
    access::require,
    account::{
        loader::Live,
        read::{self, Read},
    },
    caller::Scope,
    error::{ApiError, ErrorCode, Fallible, Result},
    job::{
        JobError,
        service::{Jobs, Sync},
    },
    lifecycle::{
        RetrievedData,
        job::{Job, JobStatus, SyncPart, SyncVia},
    },
    money::{AverageMoney, Money, NO_CURRENCY},
    mono::data::{self, Amount, Fraction},
    paging::Items,
    transaction::{
        Freshness,
        graphql::{Transaction, TransactionConnection},
        service::Page,
    },
};

/// The most months of a statement. Source: Mono docs, `last12months`.
const MOST_MONTHS: i32 = 12;

/// ISO 4217, if it is known.
type Currency = Option<String>;

fn code(own: &Currency, of_account: &Currency) -> String {
    own.as_ref().or(of_account.as_ref()).cloned().unwrap_or_else(|| NO_CURRENCY.to_owned())
}

/// An amount in this currency.
fn money(amount: Amount, currency: &Currency) -> Fallible<Money> {
    let money = |minor| Money { minor, currency: code(currency, &None) };
    amount.map(|amount| amount.map(money).map_err(ApiError::from))
}

/// An average in this currency.
fn average(fraction: &Fraction, currency: &Currency) -> Fallible<AverageMoney> {
    let money = |minor| AverageMoney { minor, currency: code(currency, &None) };
    fraction.clone().map(|fraction| fraction.map(money).map_err(ApiError::from))
}

impl Account {
    /// One call of Mono's about this account.
    async fn ask<R: Read>(&self, read: R) -> Result<Arc<R::Answer>> {
        self.may_be_read()?;
        self.loaders.read(read).await
    }

    /// Its currency, if the selection wants it: most of this data does not carry it, and the details
    /// are asked for it only if it is not known yet.
    pub(super) async fn wanted_currency(&self, ctx: &Context<'_>) -> Currency {
        if self.state.currency.is_some() || !names_currency(&ctx.field()) {
            return self.state.currency.clone();
        }
        let details = self.details().await.ok();
        self.currency_of(details.as_ref().map(|observed| &observed.details))
    }

    fn freshness(&self, kind: Option<RetrievedData>) -> Freshness {
        Freshness::of(&self.state, kind)
    }

    pub(super) async fn live_balance(&self, ctx: &Context<'_>) -> Result<Option<Money>> {
        self.may_be_read()?;
        // It is a refresh, with all that belongs to one: billed, and one in 5 minutes for an account.
        require(self.loaders.caller(), Scope::ReauthWrite)?;
        let jobs = ctx.data_unchecked::<Jobs>();
        let live = self.loaders.live(&self.id, || self.refreshed_balance(jobs));
        let (live, currency) = tokio::join!(live, self.wanted_currency(ctx));
        let (balance, own) = live?;
        money(balance, &own.or(currency)).transpose()
    }

    /// The balance that a refresh brings, or that one of the last minutes brought.
    async fn refreshed_balance(&self, jobs: &Jobs) -> Result<Live> {
        let wanted = Sync {
            account: self.id.clone(),
            part: SyncPart::Balance,
            allow_incomplete: false,
            key: None,
        };
        let asked = jobs.sync(self.loaders.caller(), wanted).await?;
        let wait = asked.too_soon.as_ref().and_then(JobError::retry_after_ms);
        let late =
            "the bank is still being asked; wait for jobChanged, then read balance without live";
        let refused = "the bank did not give it; balance without live is the last known, reauth says \
            whether the customer is wanted";
        let other = "a refresh of the transactions ran a short while ago, and the balance may be \
            older; ask again later, or read balance without live";
        // The old kind of refresh fetches everything.
        let is_of_balance =
            |job: &Job| job.part == Some(SyncPart::Balance) || job.via == Some(SyncVia::Legacy);
        let text = match asked.job.as_ref().map(Job::status) {
            Some(JobStatus::Finished) if asked.balance.0.is_some() => return Ok(asked.balance),
            Some(JobStatus::Finished) if !asked.job.as_ref().is_some_and(is_of_balance) => other,
            // Mono's copy is what the bank told then, and reading it is free.
            Some(JobStatus::Finished) => {
                let observed = self.loaders.fresh().details(&self.id).await?;
                return Ok((observed.details.balance, observed.details.currency.clone()));
            }
            Some(JobStatus::Requested | JobStatus::Processing) => late,
            Some(JobStatus::Failed) | None => refused,
        };
        Err(ApiError::new(ErrorCode::DataNotReady, text).after_ms(wait))
    }

    pub(super) fn balance_freshness(&self) -> Freshness {
        self.freshness(Some(RetrievedData::Balance))
    }

    pub(super) async fn who(&self) -> Result<Option<Identity>> {
        require(self.loaders.caller(), Scope::PiiRead)?;
        let identity = self.ask(read::Identity(self.id.clone())).await?;
        let freshness = self.freshness(Some(RetrievedData::Identity));
        Ok(identity.is_some().then_some(Identity { identity, freshness }))
    }

    pub(super) async fn all_income(&self, ctx: &Context<'_>) -> Result<IncomeRecords> {
        require(self.loaders.caller(), Scope::PiiRead)?;
        let read = self.ask(read::IncomeRecords(self.id.clone()));
        let (records, currency) = tokio::join!(read, self.wanted_currency(ctx));
        let freshness = self.freshness(Some(RetrievedData::Transactions));
        Ok(IncomeRecords { records: records?, currency, freshness })
    }

    pub(super) async fn flow(&self, ctx: &Context<'_>, way: Way) -> Result<Flow> {
        let read = async {
            match way {
                Way::In => self.ask(read::Credits(self.id.clone())).await,
                Way::Out => self.ask(read::Debits(self.id.clone())).await,
            }
        };
        let (flow, currency) = tokio::join!(read, self.wanted_currency(ctx));
        let freshness = self.freshness(Some(RetrievedData::Transactions));
        Ok(Flow { flow: flow?, currency, freshness })
    }

    pub(super) async fn held(&self) -> Result<Assets> {
        let assets = self.ask(read::Assets(self.id.clone())).await?;
        // Each asset names its own currency.
        Ok(Assets {
            assets,
            currency: self.state.currency.clone(),
            freshness: self.freshness(None),
        })
    }

    pub(super) async fn earned(&self, ctx: &Context<'_>) -> Result<Earnings> {
        let read = self.ask(read::Earnings(self.id.clone()));
        let (earnings, currency) = tokio::join!(read, self.wanted_currency(ctx));
        Ok(Earnings { earnings: earnings?, currency, freshness: self.freshness(None) })
    }

    pub(super) async fn statement_of(
        &self,
        ctx: &Context<'_>,
        months: Option<i32>,
    ) -> Result<Statement> {
        let read = read::Statement { account: self.id.clone(), months: checked_months(months)? };
        let months = read.months;
        let (statement, currency) = tokio::join!(self.ask(read), self.wanted_currency(ctx));
        let statement = statement?;
        let page = Arc::new(Page::of_statement(statement.transactions.clone()));
        let freshness = self.freshness(Some(RetrievedData::Transactions));
        let list = TransactionConnection { page, freshness, currency };
        Ok(Statement { months, count: statement.count, list })
    }

    pub(super) async fn linked_by(&self) -> Result<Option<Customer>> {
        let Some(id) = self.details().await?.details.customer.clone() else { return Ok(None) };
        let customer = self.ask(read::Customer(id)).await?;
        let shown = self.loaders.caller().may(Scope::PiiRead);
        Ok(Some(Customer { customer, shown }))
    }
}

/// Checks how long a statement is asked for.
///
/// # Errors
/// `BAD_USER_INPUT` unless it is from 1 to 12 months.
pub(super) fn checked_months(months: Option<i32>) -> Result<u8> {
    let months = months.unwrap_or(1);
    let checked = u8::try_from(months).ok().filter(|_| (1..=MOST_MONTHS).contains(&months));
    checked.ok_or_else(|| ApiError::new(ErrorCode::BadUserInput, "months is a number from 1 to 12"))
}

/// Which way money went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Into the account.
    In,
    /// Out of the account.
    Out,
}

/// Money that came in, or that went out.
pub(super) struct Flow {
    flow: Arc<data::Flow>,
    currency: Currency,
    freshness: Freshness,
}

/// Money that came into an account, or that went out of it, as Mono adds it up.
#[Object]
impl Flow {
    /// In all; null if Mono does not tell.
    async fn total(&self) -> Fallible<Money> {
        money(self.flow.total, &self.currency)
    }

    /// By how many transactions; null if Mono does not tell.
    async fn transaction_count(&self) -> Option<i32> {
        self.flow.transaction_count
    }

    /// Period by period, in Mono's order.
    async fn history(&self) -> Items<FlowPeriod> {
        let one = |period: &data::FlowPeriod| FlowPeriod {
            period: period.clone(),
            currency: self.currency.clone(),
        };
        Items(self.flow.history.iter().map(one).collect())
    }

    /// How fresh the transactions are that it rests on.
    #[graphql(name = "freshness")]
    async fn freshness_(&self) -> Freshness {
        self.freshness
    }
}

/// Money of one period.
struct FlowPeriod {
    period: data::FlowPeriod,
    currency: Currency,
}

/// Money that came in or went out in one period.
#[Object]
impl FlowPeriod {
    /// Mono's word for the period, as a rule a month, for example 2026-04.
    async fn period(&self) -> Option<&str> {
        self.period.period.as_deref()
    }

    /// How much; null if Mono does not tell.
    async fn amount(&self) -> Fallible<Money> {
        money(self.period.amount, &self.currency)
    }

    /// By how many transactions; null if Mono does not tell.
    async fn transaction_count(&self) -> Option<i32> {
        self.period.transaction_count
    }
}

/// The transactions of some months.
pub(super) struct Statement {
    months: u8,
    count: Option<i32>,
    list: TransactionConnection,
}

/// All transactions of an account's last months, in one answer. A PDF of it is a job:
/// requestStatement.
#[Object]
impl Statement {
    /// How many months it was asked for.
    async fn months(&self) -> i32 {
        self.months.into()
    }

    /// How many transactions Mono says there are; null if it does not tell.
    async fn count(&self) -> Option<i32> {
        self.count
    }

    /// The transactions, in Mono's order: newest first, as a rule.
    async fn transactions(&self) -> Items<Transaction> {
        self.list.items()
    }

    /// How fresh they are.
    #[graphql(name = "freshness")]
    async fn freshness_(&self) -> Freshness {
        self.list.freshness
    }
}
