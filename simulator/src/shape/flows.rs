//! Money in and out by the month, and investments.
//!
//! Credits and debits have the shape that was seen before they moved to v2; v2 wraps it. Assets and
//! earnings are printed nowhere that was read: their shapes are made up, as plain as possible.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    clock::iso,
    world::{account::Account, mint::Mint},
};

/// What investments are drawn from, apart from everything else of an account.
const INVESTMENTS: u64 = 2;

/// All transactions of `kind`, added up by the month, the newest month first.
pub(crate) fn flow(account: &Account, kind: &str) -> Value {
    let mut months: BTreeMap<String, (i64, u64)> = BTreeMap::new();
    for each in account.shown_transactions().iter().filter(|each| each.kind == kind) {
        let month = months.entry(each.date.format("%Y-%m").to_string()).or_default();
        *month = (month.0.saturating_add(each.amount), month.1 + 1);
    }
    let total = months.values().fold(0_i64, |sum, (amount, _)| sum.saturating_add(*amount));
    let count: u64 = months.values().map(|(_, count)| count).sum();
    let history: Vec<Value> = months
        .iter()
        .rev()
        .map(|(period, (amount, count))| {
            json!({ "period": period, "amount": amount, "transactions_count": count })
        })
        .collect();
    json!({ "total": total, "transactions_count": count, "history": history })
}

/// What the holder of `account` has invested.
pub(crate) fn assets(account: &Account) -> Value {
    let assets: Vec<Value> = holdings(account)
        .into_iter()
        .map(|Holding { symbol, name, quantity, price, cost }| {
            let worth = price * quantity;
            json!({
                "name": name, "symbol": symbol, "type": "stock", "quantity": quantity,
                "cost": cost, "return": worth - cost, "currency": "NGN",
                "details": { "symbol": symbol, "price": price, "current_balance": worth },
            })
        })
        .collect();
    json!({ "id": account.id, "balances": { "NGN": account.shown_balance() }, "assets": assets })
}

/// What the holder of `account` made of selling investments.
pub(crate) fn earnings(account: &Account) -> Value {
    let earned = |holding: Holding| {
        json!({
            "id": Mint::of(holding.symbol, INVESTMENTS).id(), "amount": holding.price,
            "narration": format!("Sale of {}", holding.name), "date": iso(account.updated_at),
            "asset": {
                "symbol": holding.symbol, "name": holding.name, "sale_price": holding.price,
                "quantity_sold": 1,
            },
        })
    };
    json!(holdings(account).into_iter().map(earned).collect::<Vec<Value>>())
}

/// Amounts in minor units.
struct Holding {
    symbol: &'static str,
    name: &'static str,
    quantity: i64,
    price: i64,
    cost: i64,
}

fn holdings(account: &Account) -> Vec<Holding> {
    let mut mint = Mint::of(&account.id, INVESTMENTS);
    [("EXMP", "Example Plc"), ("SPCM", "Specimen Holdings")]
        .into_iter()
        .map(|(symbol, name)| {
            let (quantity, price) = (mint.between(1, 40), mint.between(1_000, 90_000));
            Holding { symbol, name, quantity, price, cost: price * quantity * 9 / 10 }
        })
        .collect()
}
