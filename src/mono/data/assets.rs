//! What an investment account holds, and what it earned.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Amount, average, inside, is_nothing, list, object};
use crate::{
    clock::Time,
    money::currency_code,
    mono::{
        MonoError,
        model::{amount, time},
        wire::{Id, Raw, Text},
    },
};

/// What an investment account holds.
///
/// Source: Mono docs, "Assets", read Apr 2024. The path of v2 is inferred.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assets {
    /// Money that is not invested, by currency (ISO 4217 where it can be told), in minor units.
    pub balances: Vec<(String, Amount)>,
    /// What is held.
    pub assets: Vec<Asset>,
}

/// Something that is held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asset {
    /// Its name.
    pub name: Option<String>,
    /// Its kind, in Mono's words.
    pub kind: Option<String>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// What was paid for it, in minor units.
    pub cost: Amount,
    /// What it is worth now, in minor units. Mono calls it the return.
    pub returns: Amount,
    /// How much of it, as a decimal number.
    pub quantity: Option<String>,
    /// Its sign at the exchange.
    pub symbol: Option<String>,
    /// The price of one, in minor units.
    pub price: Amount,
    /// Money in it, in minor units.
    pub current_balance: Amount,
}

/// Something that was earned.
///
/// Source: Mono docs, "Earnings", read May 2024, and its legacy page, where an amount of 37.19
/// dollars stands as 3719.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Earning {
    /// Mono's id.
    pub id: Option<String>,
    /// In minor units.
    pub amount: Amount,
    /// How it came.
    pub narration: Option<String>,
    /// When it came.
    pub date: Option<Time>,
    /// What it came from.
    pub asset_name: Option<String>,
    /// Its sign at the exchange.
    pub asset_symbol: Option<String>,
    /// The price of one that was sold, in minor units.
    pub sale_price: Amount,
    /// How many were sold, as a decimal number.
    pub quantity_sold: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    balances: Raw,
    assets: Raw,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AssetBody {
    name: Text,
    #[serde(rename = "type")]
    kind: Text,
    currency: Text,
    cost: Raw,
    #[serde(rename = "return")]
    returns: Raw,
    quantity: Raw,
    symbol: Text,
    details: Raw,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    symbol: Text,
    price: Raw,
    current_balance: Raw,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EarningBody {
    _id: Id,
    id: Id,
    amount: Raw,
    narration: Text,
    date: Text,
    asset: Raw,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SoldBody {
    symbol: Text,
    name: Text,
    sale_price: Raw,
    quantity_sold: Raw,
}

/// A number of shares. A part of one is sold, too.
fn quantity(raw: &Raw) -> Option<String> {
    average(raw).and_then(Result::ok)
}

impl Assets {
    /// Decodes the body of `GET /v2/accounts/{id}/assets`. Nothing is held if `data` is null: the
    /// account is none of investments.
    ///
    /// # Errors
    /// [`MonoError::BadResponse`] if there is neither a list of assets nor a balance in it.
    pub fn decode(body: &[u8]) -> Result<Self, MonoError> {
        if is_nothing(body) {
            return Ok(Self::default());
        }
        // A list alone, or with the balances beside it.
        let whole: Raw = inside(body)?;
        let body: Body = object(&whole).unwrap_or_default();
        let assets: Option<Vec<AssetBody>> = list(&body.assets).or_else(|| list(&whole));
        let balances: Option<BTreeMap<String, Raw>> = object(&body.balances);
        if assets.is_none() && balances.is_none() {
            return Err(MonoError::BadResponse("there are no assets in it"));
        }
        let balances = balances.unwrap_or_default();
        Ok(Self {
            balances: balances.iter().map(|(key, raw)| (currency(key), amount(raw))).collect(),
            assets: assets.unwrap_or_default().into_iter().map(asset).collect(),
        })
    }
}

/// A currency as the key of a balance: `_u_s_d`, sic, is the dollar.
fn currency(key: &str) -> String {
    let letters: String = key.chars().filter(|c| *c != '_').take(12).collect();
    currency_code(&letters).unwrap_or_else(|| letters.to_ascii_uppercase())
}

fn asset(body: AssetBody) -> Asset {
    let details: Details = object(&body.details).unwrap_or_default();
    Asset {
        currency: body.currency.get().and_then(currency_code),
        cost: amount(&body.cost),
        returns: amount(&body.returns),
        quantity: quantity(&body.quantity),
        price: amount(&details.price),
        current_balance: amount(&details.current_balance),
        symbol: details.symbol.take().or(body.symbol.take()),
        name: body.name.take(),
        kind: body.kind.take(),
    }
}

impl Earning {
    /// Decodes the body of `GET /v2/accounts/{id}/earnings`. Nothing was earned if `data` is null.
    ///
    /// # Errors
    /// [`MonoError::BadResponse`] if there is no list in it.
    pub fn decode_list(body: &[u8]) -> Result<Vec<Self>, MonoError> {
        if is_nothing(body) {
            return Ok(Vec::new());
        }
        let whole: Raw = inside(body)?;
        let list: Option<Vec<EarningBody>> = list(&whole);
        let list = list.ok_or(MonoError::BadResponse("there are no earnings in it"))?;
        Ok(list.into_iter().map(earning).collect())
    }
}

fn earning(body: EarningBody) -> Earning {
    let sold: SoldBody = object(&body.asset).unwrap_or_default();
    Earning {
        amount: amount(&body.amount),
        date: body.date.get().and_then(time),
        sale_price: amount(&sold.sale_price),
        quantity_sold: quantity(&sold.quantity_sold),
        asset_name: sold.name.take(),
        asset_symbol: sold.symbol.take(),
        narration: body.narration.take(),
        id: body.id.take().or(body._id.take()),
    }
}
