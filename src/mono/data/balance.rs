//! A balance, as the read of it alone answers.
//!
//! Source: Mono docs, "Real-Time Data", read Mar 2026; changelog, "v2 balance".

use super::{Amount, inside_object};
use crate::{
    money::currency_code,
    mono::{MonoError, model::amount, wire::AccountBody},
};

/// An account's balance as the bank has just told it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveBalance {
    /// In minor units.
    pub balance: Amount,
    /// ISO 4217.
    pub currency: Option<String>,
}

impl LiveBalance {
    /// Decodes the body of `GET /v2/accounts/{id}/balance`.
    ///
    /// # Errors
    /// [`MonoError::BadResponse`] if there is no balance in it: the bank may still be asked.
    pub fn decode(body: &[u8]) -> Result<Self, MonoError> {
        if super::is_nothing(body) {
            return Err(MonoError::BadResponse("there is no balance in it"));
        }
        let account: AccountBody = inside_object(body)?;
        if account.balance.is_none() && account.id().is_none() {
            return Err(MonoError::BadResponse("there is no balance in it"));
        }
        Ok(Self {
            balance: amount(&account.balance),
            currency: account.currency.get().and_then(currency_code),
        })
    }
}
