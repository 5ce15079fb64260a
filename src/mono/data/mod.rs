//! The other data of an account, and what stands around accounts, as Mono tells it: one shape for
//! all of its generations.
//!
//! v2 puts everything under `data`; older generations write it bare, with camelCase names and `_id`.
//! What Mono's pages leave open is read in each way that was seen; what cannot be read is absent.

pub mod assets;
pub mod balance;
pub mod customer;
pub mod flow;
pub mod identity;
pub mod income;
pub mod institutions;
pub mod statement;

use chrono::NaiveDate;
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    Client, MonoError,
    model::{decode, time},
    segment,
    wire::{Raw, Said, Text, part},
};
use crate::{ids::AccountId, money::fraction};

pub use super::model::Amount;
pub use assets::{Asset, Assets, Earning};
pub use balance::LiveBalance;
pub use customer::Customer;
pub use flow::{Flow, FlowPeriod};
pub use identity::Identity;
pub use income::{Income, IncomeStream};
pub use institutions::{InstitutionQuery, LoginField, LoginMethod};
pub use statement::Statement;

/// An amount in minor units that may have a fraction, as a plain decimal number, and that may be
/// missing or none.
pub type Fraction = Option<Result<String, crate::money::BadAmount>>;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Outside {
    data: Said,
}

/// What an answer is about: what stands under `data`, or the body itself if there is no such name.
///
/// # Errors
/// [`MonoError::BadResponse`] if it is not JSON, or if `data` is null.
fn inside(body: &[u8]) -> Result<Raw, MonoError> {
    let whole: Raw = decode(body)?;
    let data = match object::<Outside>(&whole) {
        Some(Outside { data: Said(Some(data)) }) => Some(data),
        Some(Outside { data: Said(None) }) | None => whole,
    };
    let data = data.filter(|data| data.get() != "null");
    data.map(Some).ok_or(MonoError::BadResponse("there is nothing in it"))
}

/// The same, if it is an object.
///
/// # Errors
/// [`MonoError::BadResponse`] if it is none.
fn inside_object<T: DeserializeOwned>(body: &[u8]) -> Result<T, MonoError> {
    object(&inside(body)?).ok_or(MonoError::BadResponse("it is not the object expected"))
}

/// An object: the library would fill one from a list as well, by position.
fn object<T: DeserializeOwned>(raw: &Raw) -> Option<T> {
    raw.as_deref().filter(|raw| raw.get().starts_with('{'))?;
    part(raw)
}

/// Whether an answer says in so many words that there is nothing: `data` is null.
fn is_nothing(body: &[u8]) -> bool {
    let whole: Option<Raw> = decode(body).ok();
    let outside = whole.as_ref().and_then(object::<Outside>);
    outside.and_then(|outside| outside.data.0).is_some_and(|data| data.get() == "null")
}

/// A list of objects, of which what is not of this shape is left out.
fn list<T: DeserializeOwned>(raw: &Raw) -> Option<Vec<T>> {
    let items: Vec<Raw> = part(raw)?;
    Some(items.iter().filter_map(object).collect())
}

/// A day in the orders that Mono prints: `1990-02-09` (v2), `09-02-1990` (legacy), and the word for
/// the month that bank verification numbers carry, `09-Feb-1990`.
fn day(text: &Text) -> Option<NaiveDate> {
    let text = text.get()?.trim();
    ["%Y-%m-%d", "%d-%m-%Y", "%Y/%m/%d", "%d/%m/%Y", "%d-%b-%Y"]
        .iter()
        .find_map(|format| NaiveDate::parse_from_str(text, format).ok())
        .filter(|day| (1..=9999).contains(&chrono::Datelike::year(day)))
        .or_else(|| time(text).map(|at| at.date_naive()))
}

/// A number of things: not negative, and small enough for GraphQL's Int.
fn count(raw: &Raw) -> Option<i32> {
    part::<f64>(raw).filter(|n| n.fract() == 0.0 && *n >= 0.0)?;
    part::<i32>(raw)
}

fn average(raw: &Raw) -> Fraction {
    match raw.as_deref()?.get() {
        "null" => None,
        text => Some(fraction(text)),
    }
}

impl Client {
    /// `GET /v2/accounts/{id}/{what}`, and nothing else in the path.
    async fn read_of(&self, id: &AccountId, what: &str) -> Result<bytes::Bytes, MonoError> {
        self.read(Some(id), &format!("/v2/accounts/{}/{what}", segment(id.as_str())?)).await
    }

    /// `GET /v2/accounts/{id}/identity`. Nothing if the bank does not tell.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn identity(&self, id: &AccountId) -> Result<Option<Identity>, MonoError> {
        Identity::decode(&self.read_of(id, "identity").await?)
    }

    /// `GET /v2/accounts/{id}/income-records`: what Mono found before, newest first.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn income_records(&self, id: &AccountId) -> Result<Vec<Income>, MonoError> {
        Income::decode_records(&self.read_of(id, "income-records").await?)
    }

    /// `GET /v2/accounts/{id}/credits`: money that came in, by month.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn credits(&self, id: &AccountId) -> Result<Flow, MonoError> {
        Flow::decode(&self.read_of(id, "credits").await?)
    }

    /// `GET /v2/accounts/{id}/debits`: money that went out, by month.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn debits(&self, id: &AccountId) -> Result<Flow, MonoError> {
        Flow::decode(&self.read_of(id, "debits").await?)
    }

    /// `GET /v2/accounts/{id}/assets`: what an investment account holds.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn assets(&self, id: &AccountId) -> Result<Assets, MonoError> {
        Assets::decode(&self.read_of(id, "assets").await?)
    }

    /// `GET /v2/accounts/{id}/earnings`: what an investment account earned.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn earnings(&self, id: &AccountId) -> Result<Vec<Earning>, MonoError> {
        Earning::decode_list(&self.read_of(id, "earnings").await?)
    }

    /// `GET /v2/accounts/{id}/statement`: the transactions of the last `months` months in one body.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn statement(&self, id: &AccountId, months: u8) -> Result<Statement, MonoError> {
        // Sic: plural even for one.
        let what = format!("statement?period=last{months}months&output=json");
        Statement::decode(&self.read_of(id, &what).await?)
    }

    /// `GET /v2/customers/{id}`.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn customer(&self, id: &str) -> Result<Customer, MonoError> {
        Customer::decode(&self.read(None, &format!("/v2/customers/{}", segment(id)?)).await?)
    }

    /// `GET /v3/institutions`: the banks that can be linked.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn institutions(
        &self,
        query: &InstitutionQuery,
    ) -> Result<Vec<super::Institution>, MonoError> {
        let path = format!("/v3/institutions?{}", query.encode());
        institutions::decode_list(&self.read(None, path.trim_end_matches('?')).await?)
    }
}

#[cfg(test)]
mod tests;
