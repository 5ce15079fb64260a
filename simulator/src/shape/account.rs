//! Account details, balances and lists of accounts.
//!
//! Source: Mono docs, "Account Details", 2025-09-16, and its earlier versions.

use serde_json::{Map, Value, json};

use super::Era;
use crate::{
    clock::iso,
    world::{account::Account, mint::Mint, status::DataStatus},
};

/// What session ids are drawn from, apart from everything else of an account.
const SESSIONS: u64 = 3;

/// What `GET /accounts/{id}` has in `data`, or as its whole body in the legacy era.
pub(crate) fn details(era: Era, account: &Account) -> Value {
    match era {
        Era::V2_2026 => {
            let mut meta = json!({
                "data_status": account.data_status, "auth_method": account.auth_method,
                "retrieved_data": account.retrieved_data,
                "data_request_id": account.data_request_id,
                "session_id": Mint::of(&account.id, SESSIONS).token(16),
            });
            link_meta(&mut meta, account);
            json!({
                "account": core(era, account), "customer": { "id": account.customer },
                "meta": meta,
            })
        }
        Era::V2_2024 => json!({
            "account": core(era, account),
            "meta": {
                "data_status": status(era, &account.data_status),
                "auth_method": account.auth_method, "subscribed_to_data_sync": true,
            },
        }),
        Era::V1 => {
            let mut data = core(era, account);
            data["data_status"] = json!(status(era, &account.data_status));
            data["institution"]["auth_method"] = json!(account.auth_method);
            data["created_at"] = json!(iso(account.created_at));
            data["updated_at"] = json!(iso(account.updated_at));
            data
        }
        Era::Legacy => json!({
            "meta": {
                "data_status": status(era, &account.data_status),
                "auth_method": account.auth_method,
            },
            "account": core(era, account),
        }),
    }
}

/// Adds what the account's link held: its reference, and whatever else was sent with it.
pub(crate) fn link_meta(meta: &mut Value, account: &Account) {
    for (name, value) in &account.meta {
        if meta.get(name).is_none() {
            meta[name] = value.clone();
        }
    }
    if let Some(reference) = &account.reference {
        meta["ref"] = json!(reference);
    }
}

/// The account itself, as details and lists show it.
pub(crate) fn core(era: Era, account: &Account) -> Value {
    let (id, number) = match era {
        Era::V2_2026 | Era::V2_2024 | Era::V1 => ("id", "account_number"),
        Era::Legacy => ("_id", "accountNumber"),
    };
    let mut shown = Map::new();
    shown.insert(id.to_owned(), json!(account.id));
    shown.insert("name".to_owned(), json!(account.name));
    shown.insert(number.to_owned(), json!(account.account_number));
    shown.insert("currency".to_owned(), json!(currency(era, account)));
    shown.insert("balance".to_owned(), json!(account.shown_balance()));
    shown.insert("type".to_owned(), json!(account.kind));
    shown.insert("bvn".to_owned(), last_four(account.bvn.as_deref()));
    shown.insert("institution".to_owned(), institution(era, account));
    Value::Object(shown)
}

fn institution(era: Era, account: &Account) -> Value {
    let bank = &account.institution;
    let camel_case = bank.camel_case || matches!(era, Era::V2_2024 | Era::Legacy);
    let code = if camel_case { "bankCode" } else { "bank_code" };
    let kind = if era == Era::V1 { bank.kind.to_lowercase() } else { bank.kind.clone() };
    json!({ "name": bank.name, code: bank.bank_code, "type": kind })
}

/// What `GET /accounts/{id}/balance` has in `data`.
pub(crate) fn balance(era: Era, account: &Account) -> Value {
    json!({
        "id": account.id, "name": account.name, "account_number": account.account_number,
        "balance": account.shown_balance(), "currency": currency(era, account),
    })
}

/// The currency as `era` spells it.
pub(crate) fn currency(era: Era, account: &Account) -> String {
    match era {
        Era::V1 => account.currency.to_lowercase(),
        Era::V2_2026 | Era::V2_2024 | Era::Legacy => account.currency.clone(),
    }
}

/// The status as `era` spells it. Before September 2025 every trouble was FAILED.
fn status(era: Era, status: &DataStatus) -> String {
    let known = match status {
        DataStatus::Partial | DataStatus::Unavailable => &DataStatus::Failed,
        DataStatus::Available
        | DataStatus::Processing
        | DataStatus::Failed
        | DataStatus::Other(_) => status,
    };
    match era {
        Era::V2_2026 => status.as_str().to_owned(),
        Era::V1 => known.as_str().to_lowercase(),
        Era::V2_2024 | Era::Legacy => known.as_str().to_owned(),
    }
}

/// The last four digits of a BVN, which is all that the API shows of it.
pub(crate) fn last_four(bvn: Option<&str>) -> Value {
    bvn.map_or(Value::Null, |bvn| json!(&bvn[bvn.len().saturating_sub(4)..]))
}
