//! The bodies of webhooks, one shape for each that Mono has printed.
//!
//! Source: Mono docs, "Webhooks" and the four event pages, 2022 to 2026.

use serde_json::{Value, json};

use super::{Kind, Variant, Webhook, products};
use crate::{
    clock::iso,
    shape::{Era, account as shape},
    world::{
        account::Account,
        job::{Job, JobKind},
    },
};

/// Mono's id of the application, the same in every world.
pub(crate) const APP: &str = "67cc00000000000000000001";
/// Mono's id of the business, the same in every world.
pub(crate) const BUSINESS: &str = "60bb00000000000000000001";

/// What a payload is made of besides the webhook itself.
pub(crate) struct Context<'a> {
    pub(crate) era: Era,
    /// Whether events of products have a name of their own in the sandbox.
    pub(crate) sandbox: bool,
    pub(crate) account: &'a Account,
    pub(crate) event_id: &'a str,
    pub(crate) job_id: &'a str,
    /// The job itself, if there is one.
    pub(crate) job: Option<&'a Job>,
    pub(crate) now: String,
}

/// The body of `webhook`. Its variant must be one that [`super::variants`] lists for its kind.
pub(crate) fn body(webhook: &Webhook, context: &Context<'_>) -> Value {
    let id = context.account.id.as_str();
    let variant =
        webhook.variant.unwrap_or_else(|| super::variants::usual(webhook.kind, context.era));
    let data = match webhook.kind {
        Kind::AccountConnected => connected(variant, webhook, context),
        Kind::AccountUpdated if variant == Variant::D => return pasted(webhook, context),
        Kind::AccountUpdated => updated(variant, webhook, context),
        Kind::ReauthorisationRequired | Kind::AccountReauthorized | Kind::SyncFailed => {
            match variant {
                Variant::B => json!({ "account": { "id": id } }),
                Variant::C => json!({ "id": id }),
                Variant::E => json!({ "account": id }),
                Variant::Old | Variant::A | Variant::D | Variant::F => {
                    json!({ "account": { "_id": id } })
                }
            }
        }
        Kind::AccountUnlinked => match variant {
            Variant::A => json!({ "account": { "_id": id } }),
            Variant::Old | Variant::B | Variant::C | Variant::D | Variant::E | Variant::F => {
                json!({ "account": { "id": id } })
            }
        },
        Kind::JobUpdate => job(variant, webhook, context),
        Kind::Test => json!({}),
        Kind::AccountIncome
        | Kind::AccountCreditWorthiness
        | Kind::TransactionCategorisation
        | Kind::TransactionMetadata
        | Kind::StatementInsights => products::data(webhook, context),
        Kind::AccountSynced | Kind::Unknown => json!({ "account": { "_id": id } }),
    };
    let mut event = json!({ "event": name(webhook, context), "data": data });
    if webhook.kind == Kind::AccountCreditWorthiness && variant == Variant::B {
        // Sic: the page nests the whole event when the product fails.
        return json!({ "data": event });
    }
    if variant == Variant::F {
        event["event_id"] = json!(context.event_id);
        event["timestamp"] = json!(context.now);
        if webhook.kind != Kind::ReauthorisationRequired {
            event["data"]["app"] = json!(APP);
            event["data"]["business"] = json!(BUSINESS);
        }
    }
    event
}

/// The event's name: the usual one, unless another was asked for or it is still that of a sandbox.
fn name(webhook: &Webhook, context: &Context<'_>) -> String {
    let usual = webhook.kind.event();
    let prefixed = matches!(webhook.kind, Kind::AccountIncome | Kind::AccountCreditWorthiness);
    match &webhook.event {
        Some(name) => name.clone(),
        None if prefixed && context.sandbox => usual.replace(".account_", ".sandbox_account_"),
        None => usual.to_owned(),
    }
}

fn connected(variant: Variant, webhook: &Webhook, context: &Context<'_>) -> Value {
    let account = context.account;
    match variant {
        Variant::Old | Variant::A => json!({ "id": account.id }),
        Variant::C => json!({ "account": account.id, "meta": {} }),
        Variant::B | Variant::D | Variant::E => {
            json!({ "id": account.id, "customer": account.customer, "meta": {} })
        }
        Variant::F => {
            let status = webhook.data_status.as_ref().unwrap_or(&account.data_status);
            let mut meta = json!({ "data_status": status, "auth_method": account.auth_method });
            shape::link_meta(&mut meta, account);
            json!({ "id": account.id, "customer": account.customer, "meta": meta })
        }
    }
}

fn updated(variant: Variant, webhook: &Webhook, context: &Context<'_>) -> Value {
    let from = context.account;
    let status = webhook.data_status.as_ref().unwrap_or(&from.data_status);
    let mut meta = json!({ "data_status": status });
    let mut account = json!({
        "_id": from.id, "name": from.name, "accountNumber": from.account_number,
        "balance": from.shown_balance(), "type": from.kind, "bvn": from.bvn,
        "currency": from.currency, "institution": {
            "name": from.institution.name, "bankCode": from.institution.bank_code,
            "type": from.institution.kind,
        },
        "created_at": iso(from.created_at), "updated_at": iso(from.updated_at),
    });
    if matches!(variant, Variant::Old | Variant::A) {
        account["institution"] = json!({ "name": from.institution.name });
        account["__v"] = json!(0);
        if from.currency == "NGN" {
            account["currency"] = json!("Naira");
        }
        return json!({ "account": account, "meta": meta });
    }
    meta["auth_method"] = json!(from.auth_method);
    if matches!(variant, Variant::B | Variant::C) {
        account["scope"] = json!(["financial_data"]);
        account["liveMode"] = json!(false);
        account["accessType"] = json!("PERSISTENT");
    }
    if variant != Variant::B {
        account["authMethod"] = json!(from.auth_method);
    }
    if variant == Variant::C {
        account["bvn"] = shape::last_four(from.bvn.as_deref());
    }
    if matches!(variant, Variant::E | Variant::F) {
        let usual = status.sync_status();
        meta["sync_status"] = json!(webhook.sync_status.as_deref().unwrap_or(usual));
        meta["job_id"] = json!(context.job_id);
        meta["retrieved_data"] = json!(from.retrieved_data);
        meta["data_request_id"] = json!(from.data_request_id);
        shape::link_meta(&mut meta, from);
        if webhook.has_new_data {
            meta["has_new_data"] = json!(true);
        }
    }
    if let (Variant::F, Some(matches)) = (variant, from.account_match) {
        account["account_match"] = json!(matches);
    }
    json!({ "account": account, "meta": meta })
}

/// Variant D: the details response in place of an event, as the re-authorisation guide has it.
fn pasted(webhook: &Webhook, context: &Context<'_>) -> Value {
    let from = context.account;
    let status = webhook.data_status.as_ref().unwrap_or(&from.data_status);
    json!({
        "status": "successful",
        "message": "Request was succesfully completed",
        "timestamp": context.now,
        "data": {
            "account": {
                "id": from.id, "name": from.name, "account_number": from.account_number,
                "currency": from.currency, "balance": from.shown_balance(), "type": from.kind,
                "institution": {
                    "name": from.institution.name, "bankCode": from.institution.bank_code,
                    "type": from.institution.kind,
                },
                "bvn": null,
            },
            "meta": { "data_status": status, "auth_method": from.auth_method },
        },
    })
}

fn job(variant: Variant, webhook: &Webhook, context: &Context<'_>) -> Value {
    let id = context.account.id.as_str();
    let name = context.job.map_or(JobKind::Transactions, |job| job.kind).session_name();
    let status = webhook.sync_status.as_deref();
    if variant == Variant::B {
        return json!({
            "account": { "_id": id }, "job_id": context.job_id, "name": name,
            "data_request_id": context.account.data_request_id,
            "status": status.unwrap_or("RUNNING"),
        });
    }
    let usual = if variant == Variant::A { "SUCCESSFUL" } else { "finished" };
    json!({
        "account": id, "app": APP, "business": BUSINESS, "id": context.job_id, "name": name,
        "status": status.unwrap_or(usual),
    })
}
