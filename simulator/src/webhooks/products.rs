//! What webhooks of products hold. Their field names are Mono's where its pages or an integrator
//! show them; how income and enrichments fail is nowhere shown and made up here.
//!
//! Source: Mono docs, "Credit Worthiness", 2025-10-17; an integrator's tests for income.

use serde_json::{Value, json};

use super::{
    Kind, Webhook,
    payload::{APP, BUSINESS, Context},
};
use crate::shape::income;

/// `data` of `webhook`, which is about a product.
pub(crate) fn data(webhook: &Webhook, context: &Context<'_>) -> Value {
    let account = context.account;
    let failed = webhook.sync_status.as_deref() == Some("failed");
    let mut data = match webhook.kind {
        Kind::AccountIncome if failed => json!({ "message": "Unable to process account income" }),
        Kind::AccountIncome => {
            income::summary(context.era, account, context.job.and_then(|job| job.months))
        }
        Kind::AccountCreditWorthiness if failed => {
            json!({ "message": "Unable to process account credit worthiness" })
        }
        Kind::AccountCreditWorthiness => income::affordability(account),
        Kind::TransactionCategorisation
        | Kind::TransactionMetadata
        | Kind::StatementInsights
        | Kind::AccountConnected
        | Kind::AccountUpdated
        | Kind::ReauthorisationRequired
        | Kind::AccountReauthorized
        | Kind::SyncFailed
        | Kind::AccountSynced
        | Kind::AccountUnlinked
        | Kind::JobUpdate
        | Kind::Unknown
        | Kind::Test => json!({
            "jobId": context.job_id, "jobStatus": if failed { "failed" } else { "successful" },
        }),
    };
    data["account"] = json!(account.id);
    data["app"] = json!(APP);
    data["business"] = json!(BUSINESS);
    data
}
