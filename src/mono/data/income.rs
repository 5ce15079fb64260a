//! What Mono concluded of an account's income.

use chrono::NaiveDate;
use serde::Deserialize;

use super::{Amount, Fraction, average, count, day, inside, is_nothing, list, object};
use crate::{
    clock::Time,
    money::currency_code,
    mono::{
        MonoError,
        model::{amount, time},
        wire::{Id, Raw, Text, part},
    },
};

/// What Mono concluded of an account's income at one time.
///
/// Source: Mono docs, "Income" and "Income Records", read Jun 2024 and Feb 2025 (which renames
/// `monthly_average*` to `aggregated_monthly_average*`); the shape of a record is seen in
/// integrators' code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Income {
    /// Mono's id of the record.
    pub id: Option<String>,
    /// When Mono made it.
    pub created_at: Option<Time>,
    /// Who pays, if Mono knows.
    pub employer: Option<String>,
    /// `BANK`, as far as is known.
    pub source_type: Option<String>,
    /// How long a time it covers, in Mono's words.
    pub period: Option<String>,
    /// The day of the first transaction that it rests on.
    pub first_transaction_on: Option<NaiveDate>,
    /// The day of the last one.
    pub last_transaction_on: Option<NaiveDate>,
    /// How many sources there are.
    pub stream_count: Option<i32>,
    /// In all.
    pub total: Amount,
    /// Of what comes regularly.
    pub total_regular: Amount,
    /// Of what does not.
    pub total_irregular: Amount,
    /// In a year, estimated.
    pub annual: Fraction,
    /// In a month, estimated.
    pub monthly: Fraction,
    /// On average in a month.
    pub monthly_average: Fraction,
    /// Of what comes regularly.
    pub monthly_average_regular: Fraction,
    /// Of what does not.
    pub monthly_average_irregular: Fraction,
    /// Where it comes from.
    pub streams: Vec<IncomeStream>,
}

/// One source of income.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncomeStream {
    /// `SALARY`, `WAGES` and others.
    pub kind: Option<String>,
    /// `MONTHLY`, `WEEKLY`, `VARIABLE` and others.
    pub frequency: Option<String>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// On average in a month.
    pub monthly_average: Fraction,
    /// On average each time.
    pub average_amount: Fraction,
    /// How steady it is, from 0 to 1, as a decimal number.
    pub stability: Option<String>,
    /// The day on which it first came.
    pub first_on: Option<NaiveDate>,
    /// The day on which it last came.
    pub last_on: Option<NaiveDate>,
    /// How much came then.
    pub last_amount: Amount,
    /// The bank's text of that.
    pub last_description: Option<String>,
    /// In how many periods it came.
    pub periods_with_income: Option<i32>,
    /// How many times it came.
    pub payment_count: Option<i32>,
    /// Over how many months.
    pub month_count: Option<i32>,
}

/// What stands around the figures. In an older form the figures stand here themselves.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Record {
    _id: Id,
    id: Id,
    created_at: Text,
    income: Raw,
    income_summary: Raw,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    employer: Text,
    income_source_type: Text,
    period: Text,
    first_transaction_date: Text,
    last_transaction_date: Text,
    number_of_income_streams: Raw,
    total_income: Raw,
    total_regular_income_amount: Raw,
    total_irregular_income_amount: Raw,
    annual_income: Raw,
    monthly_income: Raw,
    aggregated_monthly_average: Raw,
    monthly_average: Raw,
    aggregated_monthly_average_regular: Raw,
    monthly_average_regular: Raw,
    aggregated_monthly_average_irregular: Raw,
    monthly_average_irregular: Raw,
    income_streams: Raw,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Stream {
    income_type: Text,
    frequency: Text,
    currency: Text,
    monthly_average: Raw,
    average_income_amount: Raw,
    stability: Raw,
    first_income_date: Text,
    last_income_date: Text,
    last_income_amount: Raw,
    last_income_description: Text,
    periods_with_income: Raw,
    number_of_incomes: Raw,
    number_of_months: Raw,
}

impl Income {
    /// Decodes the body of `GET /v2/accounts/{id}/income-records`: newest first. Empty if Mono was
    /// never asked to look.
    ///
    /// # Errors
    /// [`MonoError::BadResponse`] if there is neither a list nor a record in it.
    pub fn decode_records(body: &[u8]) -> Result<Vec<Self>, MonoError> {
        if is_nothing(body) {
            return Ok(Vec::new());
        }
        let inside = inside(body)?;
        let records: Vec<Raw> = part(&inside).unwrap_or_else(|| vec![inside]);
        let mut all: Vec<_> = records.iter().filter_map(one).collect();
        if all.is_empty() && !records.is_empty() {
            return Err(MonoError::BadResponse("there are no income records in it"));
        }
        // Stable: those that do not say when they were made keep Mono's order.
        all.sort_by_key(|income: &Self| std::cmp::Reverse(income.created_at));
        Ok(all)
    }
}

/// One record; nothing if it says nothing of income.
fn one(raw: &Raw) -> Option<Income> {
    let record: Record = object(raw)?;
    let summary: Body = object(&record.income_summary).unwrap_or_default();
    let body: Body = object(&record.income).or_else(|| object(raw))?;
    let or = |here: &Raw, there: &Raw| amount(here).or_else(|| amount(there));
    let income = Income {
        total: or(&body.total_income, &summary.total_income),
        total_regular: amount(&body.total_regular_income_amount),
        total_irregular: amount(&body.total_irregular_income_amount),
        annual: average(&body.annual_income),
        monthly: average(&body.monthly_income),
        monthly_average: renamed(&body.aggregated_monthly_average, &body.monthly_average),
        monthly_average_regular: renamed(
            &body.aggregated_monthly_average_regular,
            &body.monthly_average_regular,
        ),
        monthly_average_irregular: renamed(
            &body.aggregated_monthly_average_irregular,
            &body.monthly_average_irregular,
        ),
        first_transaction_on: day(&body.first_transaction_date),
        last_transaction_on: day(&body.last_transaction_date),
        stream_count: count(&body.number_of_income_streams),
        streams: list(&body.income_streams).unwrap_or_default().into_iter().map(stream).collect(),
        employer: body.employer.take().or(summary.employer.take()),
        source_type: body.income_source_type.take(),
        period: body.period.take(),
        ..Income::default()
    };
    (income != Income::default()).then(|| Income {
        created_at: record.created_at.get().and_then(time),
        id: record.id.take().or(record._id.take()),
        ..income
    })
}

/// A figure under its name of today, or under the one that it had before Mar 10 2025. While Mono
/// renames both may be there.
fn renamed(now: &Raw, before: &Raw) -> Fraction {
    average(now).or_else(|| average(before))
}

fn stream(stream: Stream) -> IncomeStream {
    IncomeStream {
        currency: stream.currency.get().and_then(currency_code),
        monthly_average: average(&stream.monthly_average),
        average_amount: average(&stream.average_income_amount),
        stability: average(&stream.stability).and_then(Result::ok),
        first_on: day(&stream.first_income_date),
        last_on: day(&stream.last_income_date),
        last_amount: amount(&stream.last_income_amount),
        periods_with_income: count(&stream.periods_with_income),
        payment_count: count(&stream.number_of_incomes),
        month_count: count(&stream.number_of_months),
        kind: stream.income_type.take(),
        frequency: stream.frequency.take(),
        last_description: stream.last_income_description.take(),
    }
}
