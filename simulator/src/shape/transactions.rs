//! Pages of transactions, and the links between them.
//!
//! Source: Mono docs, "Transactions", 2024-04-08. The documented `next` has no `/accounts`.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, Era, ok};
use crate::{
    clock::iso,
    world::account::{Account, Transaction},
};

/// How `previous` and `next` are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NextLinks {
    /// As documented: a path that does not exist, and no filters.
    #[default]
    Documented,
    /// A path that works, with the filters.
    Correct,
}

/// What was asked for, checked.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) between: Option<(NaiveDate, NaiveDate)>,
    pub(crate) kind: Option<String>,
    pub(crate) narration: Option<String>,
    pub(crate) paginate: bool,
    pub(crate) limit: usize,
    pub(crate) page: usize,
    /// The filters as they were sent, ready to be appended to `page=2`.
    pub(crate) repeated: String,
}

impl Query {
    fn wants(&self, transaction: &Transaction) -> bool {
        let day = transaction.date.date_naive();
        let narration = transaction.narration.to_lowercase();
        self.between.is_none_or(|(start, end)| start <= day && day <= end)
            && self.kind.as_ref().is_none_or(|kind| *kind == transaction.kind)
            && self.narration.as_ref().is_none_or(|part| narration.contains(&part.to_lowercase()))
    }
}

/// The page of `account` that `query` asks for.
pub(crate) fn page(
    era: Era,
    account: &Account,
    query: &Query,
    links: NextLinks,
    base: &str,
) -> Answer {
    let wanted: Vec<&Transaction> =
        account.shown_transactions().iter().filter(|each| query.wants(each)).collect();
    let total = wanted.len();
    let skipped = query.page.saturating_sub(1).saturating_mul(query.limit);
    let (skip, take) = if query.paginate { (skipped, query.limit) } else { (0, total) };
    let shown: Vec<Value> =
        wanted.into_iter().skip(skip).take(take).map(|each| row(era, account, each)).collect();
    let link = |page: usize| json!(address(era, account, query, links, base, page));
    let more = total > query.page.saturating_mul(query.limit);
    let paging = json!({
        "total": total,
        "page": query.page,
        "previous": if query.page > 1 { link(query.page - 1) } else { Value::Null },
        "next": if more { link(query.page + 1) } else { Value::Null },
    });
    let message = "Transaction retrieved successfully";
    let (status, mut body) = match era {
        Era::V2_2026 | Era::V2_2024 => ok(era, message, json!(shown)),
        Era::V1 => ok(era, message, json!({ "transactions": shown })),
        Era::Legacy => ok(era, message, json!({ "data": shown })),
    };
    if query.paginate {
        match era {
            Era::V2_2026 | Era::V2_2024 => body["meta"] = paging,
            Era::V1 => body["data"]["paging"] = paging,
            Era::Legacy => body["paging"] = paging,
        }
    }
    (status, body)
}

fn row(era: Era, account: &Account, from: &Transaction) -> Value {
    let id = if era == Era::Legacy { "_id" } else { "id" };
    let mut row = json!({
        id: from.id, "narration": from.narration, "amount": from.amount, "type": from.kind,
        "balance": from.balance, "date": iso(from.date),
    });
    if era != Era::V1 {
        row["category"] = json!(from.category);
    }
    if matches!(era, Era::V1 | Era::Legacy) {
        row["currency"] = json!(super::account::currency(era, account));
    }
    row
}

fn address(
    era: Era,
    account: &Account,
    query: &Query,
    links: NextLinks,
    base: &str,
    page: usize,
) -> String {
    let id = &account.id;
    match (links, era) {
        (NextLinks::Documented, Era::V2_2026 | Era::V2_2024) => {
            format!("{base}/v2/{id}/transactions?page={page}")
        }
        (NextLinks::Documented, Era::V1 | Era::Legacy) => {
            format!("{base}/accounts/{id}/transactions?page={page}")
        }
        (NextLinks::Correct, Era::V2_2026 | Era::V2_2024 | Era::V1 | Era::Legacy) => {
            format!("{base}/v2/accounts/{id}/transactions?page={page}{}", query.repeated)
        }
    }
}

/// Reads `DD-MM-YYYY`, the only form of date that the API takes.
pub(crate) fn day(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%d-%m-%Y").ok().filter(|_| text.len() == 10)
}
