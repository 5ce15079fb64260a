//! Transactions as a client sees them.

use std::sync::Arc;

use async_graphql::{ID, InputObject, Object};

use super::{
    Filter, Freshness, FreshnessReason, FreshnessState, Place, RequestError, TransactionType,
    service::Page,
};
use crate::{
    error::{ApiError, ErrorCode, Fallible, Result},
    money::{BadAmount, Money, NO_CURRENCY},
    mono,
    paging::{Items, PageInfo},
    scalar::{Date, DateTime},
};

/// Which transactions, of all.
#[derive(Clone, Debug, Default, InputObject)]
pub struct TransactionFilter {
    /// Not before this day.
    pub start: Option<Date>,
    /// Not after this day; needs start. Today if only start is given.
    pub end: Option<Date>,
    /// Only money in, or only money out.
    #[graphql(name = "type")]
    pub kind: Option<TransactionType>,
    /// Only those with this text in their narration; at most 200 characters.
    pub narration: Option<String>,
}

impl From<TransactionFilter> for Filter {
    fn from(filter: TransactionFilter) -> Self {
        Self {
            start: filter.start.map(|day| day.0),
            end: filter.end.map(|day| day.0),
            kind: filter.kind,
            narration: filter.narration,
        }
    }
}

impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> Self {
        Self::shown(ErrorCode::BadUserInput, &error)
    }
}

impl From<BadAmount> for ApiError {
    fn from(error: BadAmount) -> Self {
        Self::shown(ErrorCode::UpstreamBadResponse, &error)
    }
}

/// How fresh data is.
#[Object(name = "Freshness")]
impl Freshness {
    /// Whether it is.
    #[graphql(name = "state")]
    async fn state_(&self) -> FreshnessState {
        self.state
    }

    /// When readable data last arrived, by the gateway's clock; null if none ever did.
    #[graphql(name = "asOf")]
    async fn as_of_(&self) -> Option<DateTime> {
        self.as_of.map(DateTime)
    }

    /// Why it is not fresh; null if it is.
    #[graphql(name = "reason")]
    async fn reason_(&self) -> Option<FreshnessReason> {
        self.reason
    }
}

/// A page of transactions with the currency of their account.
#[derive(Clone, Debug)]
pub struct TransactionConnection {
    /// The page.
    pub page: Arc<Page>,
    /// How fresh it is.
    pub freshness: Freshness,
    /// ISO 4217, if it is known.
    pub currency: Option<String>,
}

/// A page of an account's transactions, in Mono's order: newest first, as a rule.
#[Object]
impl TransactionConnection {
    /// The transactions with their cursors.
    async fn edges(&self) -> Items<TransactionEdge> {
        let edge = |(index, (place, _)): (usize, &(Place, mono::Transaction))| TransactionEdge {
            cursor: place.cursor(),
            node: self.transaction(index),
        };
        Items(self.page.transactions.iter().enumerate().map(edge).collect())
    }

    /// The transactions.
    async fn nodes(&self) -> Items<Transaction> {
        self.items()
    }

    /// Where this page lies in the whole.
    async fn page_info(&self) -> PageInfo {
        let cursor =
            |entry: Option<&(Place, mono::Transaction)>| entry.map(|(place, _)| place.cursor());
        PageInfo {
            has_next_page: self.page.has_more,
            has_previous_page: self.page.previous.is_some(),
            start_cursor: cursor(self.page.transactions.first()),
            end_cursor: cursor(self.page.transactions.last()),
        }
    }

    /// The number of this page, from 1 on.
    #[graphql(name = "page")]
    async fn number(&self) -> i64 {
        self.page.number
    }

    /// The number of the page behind this one; null on the last.
    async fn next_page(&self) -> Option<i64> {
        self.page.next
    }

    /// The number of the page before this one; null on the first.
    async fn previous_page(&self) -> Option<i64> {
        self.page.previous
    }

    /// How many transactions there are in all; null if Mono did not say.
    async fn total_count(&self) -> Option<i64> {
        self.page.total
    }

    /// How fresh they are.
    #[graphql(name = "freshness")]
    async fn freshness_(&self) -> Freshness {
        self.freshness
    }
}

impl TransactionConnection {
    /// The transactions.
    #[must_use]
    pub fn items(&self) -> Items<Transaction> {
        Items((0..self.page.transactions.len()).map(|index| self.transaction(index)).collect())
    }

    fn transaction(&self, index: usize) -> Transaction {
        Transaction { page: self.page.clone(), index, currency: self.currency.clone() }
    }
}

/// A transaction with its place in the list.
#[derive(Clone, Debug)]
pub struct TransactionEdge {
    cursor: String,
    node: Transaction,
}

/// A transaction with its place in the list.
#[Object]
impl TransactionEdge {
    /// What to pass as after for what lies behind it.
    async fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The transaction.
    async fn node(&self) -> &Transaction {
        &self.node
    }
}

/// One transaction of a page.
#[derive(Clone, Debug)]
pub struct Transaction {
    page: Arc<Page>,
    index: usize,
    currency: Option<String>,
}

/// Money that went into or out of an account.
#[Object]
impl Transaction {
    /// Mono's id.
    async fn id(&self) -> Result<ID> {
        Ok(ID(self.inner()?.id.clone()))
    }

    /// The bank's text.
    async fn narration(&self) -> Result<Option<&str>> {
        Ok(self.inner()?.narration.as_deref())
    }

    /// How much, always positive; type says which way.
    async fn amount(&self) -> Result<Money> {
        let inner = self.inner()?;
        Ok(self.money(inner.amount?))
    }

    /// Which way it went.
    #[graphql(name = "type")]
    async fn kind(&self) -> Result<TransactionType> {
        let word = self.inner()?.kind.as_deref().and_then(TransactionType::from_mono);
        word.ok_or_else(|| bad("Mono sent a transaction that is neither debit nor credit"))
    }

    /// The account's balance after it; null if the bank does not tell.
    async fn balance(&self) -> Fallible<Money> {
        let balance = self.inner().map(|inner| inner.balance).transpose()?;
        Some(balance.and_then(|amount| Ok(self.money(amount?))))
    }

    /// When it was.
    async fn date(&self) -> Result<DateTime> {
        let date = self.inner()?.date.map(DateTime);
        date.ok_or_else(|| bad("Mono sent a transaction without a date that can be read"))
    }

    /// Mono's category, an open list; null until Mono was asked to categorise.
    async fn category(&self) -> Result<Option<&str>> {
        Ok(self.inner()?.category.as_deref())
    }
}

impl Transaction {
    fn inner(&self) -> Result<&mono::Transaction> {
        let entry = self.page.transactions.get(self.index).map(|(_, transaction)| transaction);
        entry.ok_or_else(|| bad("a transaction is missing from its page"))
    }

    fn money(&self, minor: i64) -> Money {
        let own = self.page.transactions.get(self.index).and_then(|(_, t)| t.currency.clone());
        let currency = own.or_else(|| self.currency.clone());
        Money { minor, currency: currency.unwrap_or_else(|| NO_CURRENCY.to_owned()) }
    }
}

fn bad(message: &str) -> ApiError {
    ApiError::new(ErrorCode::UpstreamBadResponse, message)
}
