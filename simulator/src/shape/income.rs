//! What an account's credits say of its customer's income.
//!
//! Source: Mono docs, "Income", 2025-02-28. The listing of records is not printed anywhere: it is
//! made here of what the webhook holds.

use serde_json::{Value, json};

use super::Era;
use crate::{
    clock::iso,
    world::{
        account::{Account, Transaction},
        job::Job,
    },
};

const EMPLOYER: &str = "EXAMPLE LIMITED";
/// How many months income is looked at, unless told.
const MONTHS: u32 = 12;

struct Figures {
    /// In minor units.
    total: i64,
    regular: i64,
    months: u32,
    count: usize,
    newest: Option<Transaction>,
}

impl Figures {
    fn of(account: &Account, months: Option<u32>) -> Self {
        let credits = account.shown_transactions().iter().filter(|each| each.kind == "credit");
        let salary = credits.clone().filter(|each| each.narration.starts_with("SALARY"));
        Self {
            total: credits.map(|each| each.amount).fold(0, i64::saturating_add),
            regular: salary.clone().map(|each| each.amount).fold(0, i64::saturating_add),
            months: months.unwrap_or(MONTHS),
            count: salary.clone().count(),
            newest: salary.clone().next().cloned(),
        }
    }

    /// `total` by the month, which is rarely a whole number.
    fn monthly(&self, total: i64) -> f64 {
        (total as f64 / f64::from(self.months) * 100.0).round() / 100.0
    }
}

/// What the webhook and a record hold of `account` over `months`. Averages may have a fraction.
/// In March 2025 they were renamed.
pub(crate) fn summary(era: Era, account: &Account, months: Option<u32>) -> Value {
    let figures = Figures::of(account, months);
    let prefix = if era == Era::V2_2026 { "aggregated_monthly_average" } else { "monthly_average" };
    let average = figures.monthly(figures.total);
    let mut stream = json!({
        "income_type": "SALARY", "frequency": "MONTHLY", "currency": account.currency,
        "last_income_amount": figures.newest.as_ref().map(|each| each.amount),
        "last_income_date": figures.newest.as_ref().map(|each| iso(each.date)),
        "last_income_description": figures.newest.as_ref().map(|each| each.narration.clone()),
        "number_of_incomes": figures.count, "number_of_months": figures.months, "stability": 0.87,
    });
    stream[prefix] = json!(figures.monthly(figures.regular));
    let mut summary = json!({
        "account_name": account.name, "account_number": account.account_number,
        "income_summary": { "total_income": figures.total, "employer": EMPLOYER },
        "income_streams": if figures.count > 0 { json!([stream]) } else { json!([]) },
        "annual_income": figures.total, "monthly_income": average,
    });
    summary[prefix] = json!(average);
    summary[format!("{prefix}_regular")] = json!(figures.monthly(figures.regular));
    summary[format!("{prefix}_irregular")] =
        json!(figures.monthly(figures.total - figures.regular));
    summary
}

/// The records of `account`, newest first: of each job that ended, and one of before.
pub(crate) fn records<'a>(
    era: Era,
    account: &Account,
    ended: impl DoubleEndedIterator<Item = &'a Job>,
) -> Value {
    let record = |id: &str, months, at| {
        let mut record = summary(era, account, months);
        record["id"] = json!(id);
        record["account"] = json!(account.id);
        record["period"] = json!(months.unwrap_or(MONTHS));
        record["created_at"] = json!(iso(at));
        record
    };
    let mut records: Vec<Value> =
        ended.rev().map(|job| record(&job.id, job.months, job.started_at)).collect();
    if !account.shown_transactions().is_empty() {
        let id: String = account.id.chars().rev().collect();
        records.push(record(&id, None, account.created_at));
    }
    json!(records)
}

/// The answer of the first API, which did not make anybody wait.
pub(crate) fn at_once(account: &Account) -> Value {
    let figures = Figures::of(account, None);
    json!({
        "type": if figures.count > 0 { "INCOME" } else { "AVG_INCOME" },
        "amount": figures.total / i64::from(figures.months), "employer": EMPLOYER, "confidence": 0.95,
    })
}

/// What the customer of `account` can afford.
pub(crate) fn affordability(account: &Account) -> Value {
    let transactions = account.shown_transactions();
    let day = |each: Option<&Transaction>| each.map(|each| each.date.date_naive().to_string());
    let debt = account.shown_balance() / 4;
    json!({
        "months_assessed": { "start": day(transactions.last()), "end": day(transactions.first()) },
        "summary": { "can_afford": debt > 0, "monthly_payment": account.shown_balance() / 10 },
        "debt": {
            "credit_check": true, "total_debt": debt,
            "debt_by_institution": [{ "institution": "Outline Lender", "amount_owed": debt }],
        },
    })
}
