//! Money that came in or went out, by month.

use serde::Deserialize;

use super::{Amount, count, inside_object, list};
use crate::mono::{
    MonoError,
    model::amount,
    wire::{Raw, Text},
};

/// Money that came in or went out.
///
/// Source: Mono changelog of Jul 2025 (`/v2/accounts/{id}/credits`, `/debits`); its shape is seen in
/// integrators' code, bare before v2 and under `data` since.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// In all, in minor units.
    pub total: Amount,
    /// By how many transactions.
    pub transaction_count: Option<i32>,
    /// Period by period.
    pub history: Vec<FlowPeriod>,
}

/// Money of one period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowPeriod {
    /// Mono's word for the period.
    pub period: Option<String>,
    /// In minor units.
    pub amount: Amount,
    /// By how many transactions.
    pub transaction_count: Option<i32>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    total: Raw,
    #[serde(alias = "transactionsCount")]
    transactions_count: Raw,
    history: Raw,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Period {
    period: Text,
    amount: Raw,
    #[serde(alias = "transactionsCount")]
    transactions_count: Raw,
}

impl Flow {
    /// Decodes the body of `GET /v2/accounts/{id}/credits` or `/debits`.
    ///
    /// # Errors
    /// [`MonoError::BadResponse`] if there is neither a total nor a history in it.
    pub fn decode(body: &[u8]) -> Result<Self, MonoError> {
        let body: Body = inside_object(body)?;
        let history: Option<Vec<Period>> = list(&body.history);
        if body.total.is_none() && history.is_none() {
            return Err(MonoError::BadResponse("there are no amounts in it"));
        }
        let period = |period: Period| FlowPeriod {
            amount: amount(&period.amount),
            transaction_count: count(&period.transactions_count),
            period: period.period.take(),
        };
        Ok(Self {
            total: amount(&body.total),
            transaction_count: count(&body.transactions_count),
            history: history.unwrap_or_default().into_iter().map(period).collect(),
        })
    }
}
