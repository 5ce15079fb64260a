//! What Mono concluded of an account's income.

use std::sync::Arc;

use async_graphql::{ID, Object};

use super::{Currency, average, code, money};
use crate::{
    error::Fallible,
    money::{AverageMoney, Money},
    mono::data,
    paging::Items,
    scalar::{Date, DateTime},
    transaction::Freshness,
};

/// All that Mono concluded.
pub(in crate::account::graphql) struct IncomeRecords {
    pub(super) records: Arc<Vec<data::Income>>,
    pub(super) currency: Currency,
    pub(super) freshness: Freshness,
}

impl IncomeRecords {
    /// The newest, if there is one.
    pub(in crate::account::graphql) fn newest(self) -> Option<Income> {
        let income = self.records.first()?.clone();
        Some(Income { income, currency: self.currency, freshness: self.freshness })
    }
}

/// What Mono concluded of an account's income whenever it was asked to look (requestIncome).
#[Object]
impl IncomeRecords {
    /// The records, newest first as far as they say when they were made, else in Mono's order.
    async fn nodes(&self) -> Items<Income> {
        let one = |income: &data::Income| Income {
            income: income.clone(),
            currency: self.currency.clone(),
            freshness: self.freshness,
        };
        Items(self.records.iter().map(one).collect())
    }

    /// How fresh the account's transactions are now. A record rests on those of its own time:
    /// createdAt.
    #[graphql(name = "freshness")]
    async fn freshness_(&self) -> Freshness {
        self.freshness
    }
}

/// What Mono concluded at one time.
pub(in crate::account::graphql) struct Income {
    income: data::Income,
    currency: Currency,
    freshness: Freshness,
}

/// What Mono concluded of an account's income at one time. Totals are exact; averages and estimates
/// may have a fraction of the smallest unit.
#[Object]
impl Income {
    /// Mono's id of the record, where it tells it.
    async fn id(&self) -> Option<ID> {
        self.income.id.clone().map(ID)
    }

    /// When Mono made it, by Mono's clock, where it tells.
    async fn created_at(&self) -> Option<DateTime> {
        self.income.created_at.map(DateTime)
    }

    /// Who pays, where Mono tells.
    async fn employer(&self) -> Option<&str> {
        self.income.employer.as_deref()
    }

    /// What it was concluded from; BANK, as far as is known.
    async fn source_type(&self) -> Option<&str> {
        self.income.source_type.as_deref()
    }

    /// How long a time it covers, in Mono's words, for example 6 months.
    async fn period(&self) -> Option<&str> {
        self.income.period.as_deref()
    }

    /// The day of the first transaction that it rests on.
    async fn first_transaction_on(&self) -> Option<Date> {
        self.income.first_transaction_on.map(Date)
    }

    /// The day of the last transaction that it rests on.
    async fn last_transaction_on(&self) -> Option<Date> {
        self.income.last_transaction_on.map(Date)
    }

    /// How many sources there are.
    async fn stream_count(&self) -> Option<i32> {
        self.income.stream_count
    }

    /// In all.
    async fn total(&self) -> Fallible<Money> {
        money(self.income.total, &self.currency)
    }

    /// In all, of what comes regularly.
    async fn total_regular(&self) -> Fallible<Money> {
        money(self.income.total_regular, &self.currency)
    }

    /// In all, of what does not come regularly.
    async fn total_irregular(&self) -> Fallible<Money> {
        money(self.income.total_irregular, &self.currency)
    }

    /// Estimated for a year.
    async fn annual(&self) -> Fallible<AverageMoney> {
        average(&self.income.annual, &self.currency)
    }

    /// Estimated for a month.
    async fn monthly(&self) -> Fallible<AverageMoney> {
        average(&self.income.monthly, &self.currency)
    }

    /// On average in a month. Mono calls it aggregated_monthly_average; monthly_average before Mar
    /// 2025.
    async fn monthly_average(&self) -> Fallible<AverageMoney> {
        average(&self.income.monthly_average, &self.currency)
    }

    /// On average in a month, of what comes regularly.
    async fn monthly_average_regular(&self) -> Fallible<AverageMoney> {
        average(&self.income.monthly_average_regular, &self.currency)
    }

    /// On average in a month, of what does not come regularly.
    async fn monthly_average_irregular(&self) -> Fallible<AverageMoney> {
        average(&self.income.monthly_average_irregular, &self.currency)
    }

    /// Where it comes from.
    async fn streams(&self) -> Items<IncomeStream> {
        let one = |stream: &data::IncomeStream| IncomeStream {
            currency: Some(code(&stream.currency, &self.currency)),
            stream: stream.clone(),
        };
        Items(self.income.streams.iter().map(one).collect())
    }

    /// How fresh the account's transactions are now. The record rests on those of its own time:
    /// createdAt.
    #[graphql(name = "freshness")]
    async fn freshness_(&self) -> Freshness {
        self.freshness
    }
}

/// One source.
struct IncomeStream {
    stream: data::IncomeStream,
    currency: Currency,
}

/// One source of income.
#[Object]
impl IncomeStream {
    /// SALARY, WAGES or another. An open list.
    #[graphql(name = "type")]
    async fn kind(&self) -> Option<&str> {
        self.stream.kind.as_deref()
    }

    /// How often it comes: MONTHLY, WEEKLY, VARIABLE or another. An open list.
    async fn frequency(&self) -> Option<&str> {
        self.stream.frequency.as_deref()
    }

    /// On average in a month.
    async fn monthly_average(&self) -> Fallible<AverageMoney> {
        average(&self.stream.monthly_average, &self.currency)
    }

    /// On average each time.
    async fn average_amount(&self) -> Fallible<AverageMoney> {
        average(&self.stream.average_amount, &self.currency)
    }

    /// How steady it is, from 0 to 1, as a decimal number.
    async fn stability(&self) -> Option<&str> {
        self.stream.stability.as_deref()
    }

    /// The day on which it first came.
    async fn first_on(&self) -> Option<Date> {
        self.stream.first_on.map(Date)
    }

    /// The day on which it last came.
    async fn last_on(&self) -> Option<Date> {
        self.stream.last_on.map(Date)
    }

    /// How much came the last time.
    async fn last_amount(&self) -> Fallible<Money> {
        money(self.stream.last_amount, &self.currency)
    }

    /// The bank's text of the last time.
    async fn last_description(&self) -> Option<&str> {
        self.stream.last_description.as_deref()
    }

    /// In how many periods it came.
    async fn periods_with_income(&self) -> Option<i32> {
        self.stream.periods_with_income
    }

    /// How many times it came.
    async fn payment_count(&self) -> Option<i32> {
        self.stream.payment_count
    }

    /// Over how many months.
    async fn month_count(&self) -> Option<i32> {
        self.stream.month_count
    }
}
