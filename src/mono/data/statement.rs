//! A statement: all transactions of some months in one body.

use serde::Deserialize;

use super::{count, inside, object};
use crate::mono::{
    MonoError, Transaction,
    model::{decode, transaction},
    wire::{Raw, TransactionBody, part},
};

/// All transactions of some months.
///
/// Source: clients' code for the legacy shape, `{meta: {count}, data: […]}`; the body of v2 is not
/// documented and read tolerantly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// How many transactions Mono says there are.
    pub count: Option<i32>,
    /// The transactions.
    pub transactions: Vec<Transaction>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    meta: Raw,
    count: Raw,
    data: Raw,
    statement: Raw,
    transactions: Raw,
}

impl Statement {
    /// Decodes the body of `GET /v2/accounts/{id}/statement?output=json`.
    ///
    /// # Errors
    /// [`MonoError::BadResponse`] if there is no list of transactions in it.
    pub fn decode(body: &[u8]) -> Result<Self, MonoError> {
        let data = inside(body)?;
        let outer: Body = object(&decode(body)?).unwrap_or_default();
        let inner: Body = object(&data).unwrap_or_default();
        let lists = [&data, &inner.data, &inner.transactions, &inner.statement];
        let list: Option<Vec<TransactionBody>> = lists.into_iter().find_map(part);
        let list = list.ok_or(MonoError::BadResponse("there are no transactions in it"))?;
        let transactions: Option<Vec<_>> = list.into_iter().map(transaction).collect();
        let counts = [&outer.meta, &inner.meta]
            .map(|meta| object::<Body>(meta).and_then(|m| count(&m.count)));
        Ok(Self {
            count: counts.into_iter().flatten().next().or_else(|| count(&inner.count)),
            transactions: transactions.ok_or(MonoError::BadResponse("a transaction has no id"))?,
        })
    }
}
