//! The banks to choose from.
//!
//! Source: the answer of `/v3/institutions`; the shape of `/coverage` is that of its time, made up
//! where no client reads it.

use serde_json::{Value, json};

use crate::world::bank::Bank;

/// A bank as `/v3/institutions` lists it.
pub(crate) fn listed(bank: &Bank) -> Value {
    let methods: Vec<Value> = bank
        .auth_methods
        .iter()
        .map(|method| {
            json!({
                "type": method,
                "ui": {
                    "title": format!("Log in with {}", method.replace('_', " ")),
                    "form": [
                        field("elements.username", "User name", "text"),
                        field("elements.password", "Password", "password"),
                    ],
                },
            })
        })
        .collect();
    json!({
        "_id": bank.id, "name": bank.name, "type": bank.kind, "icon": icon(bank),
        "identifier": bank.name.to_lowercase().replace(' ', "-"), "nip_code": bank.nip_code,
        "bank_code": bank.code, "country": bank.country, "primary_color": "#0b5cd6",
        "scope": ["financial_data"], "auth_methods": methods,
    })
}

/// A bank as `/coverage` lists it.
pub(crate) fn covered(bank: &Bank) -> Value {
    json!({
        "_id": bank.id, "name": bank.name, "type": bank.kind, "icon": icon(bank),
        "bankCode": bank.code, "country": bank.country, "primaryColor": "#0b5cd6",
        "authMethods": bank.auth_methods,
    })
}

fn icon(bank: &Bank) -> String {
    format!("https://images.example.test/{}.png", bank.code)
}

fn field(kind: &str, name: &str, content: &str) -> Value {
    json!({ "type": kind, "name": name, "hint": "", "contentType": content })
}
