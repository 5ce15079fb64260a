//! What enrichments find. The pages show how one starts and that its result is kept for an hour;
//! the results themselves are made up here.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Answer, Era, completed, failed, ok};
use crate::world::{
    account::Account,
    job::{Job, JobKind, JobState},
};

/// The answer to whoever starts, or asks for, an enrichment that runs.
pub(crate) fn running(era: Era, job: &Job) -> Answer {
    let data = json!({ "jobId": job.id, "jobStatus": "processing" });
    let (status, mut body) = ok(era, "The request is processing", data);
    // The flat era has no envelope to say it in.
    if era != Era::Legacy {
        body["status"] = json!("processing");
    }
    (status, body)
}

/// The record of `job`, which is about `account`.
pub(crate) fn record(era: Era, job: &Job, account: &Account) -> Answer {
    let (word, found) = match job.state {
        JobState::Processing => return running(era, job),
        JobState::Finished => ("successful", found(job.kind, account)),
        JobState::Failed => ("failed", Value::Null),
    };
    let mut data = json!({ "jobId": job.id, "jobStatus": word, "account": account.id });
    if let Some(found) = found.as_object() {
        for (name, value) in found {
            data[name] = value.clone();
        }
    }
    ok(era, completed(era), data)
}

/// What is answered once a record is not there any more.
pub(crate) fn gone(era: Era) -> Answer {
    failed(era, StatusCode::NOT_FOUND, "This record does not exist or is no longer kept.")
}

fn found(kind: JobKind, account: &Account) -> Value {
    let rows = account.shown_transactions().iter();
    match kind {
        JobKind::Categorisation => {
            let row = |each: &crate::Transaction| {
                json!({
                    "id": each.id, "narration": each.narration, "amount": each.amount,
                    "type": each.kind, "category": each.category,
                })
            };
            json!({ "transactions": rows.map(row).collect::<Vec<Value>>() })
        }
        JobKind::Metadata => {
            let row = |each: &crate::Transaction| {
                let channel = each.narration.split(' ').next().unwrap_or_default();
                json!({
                    "id": each.id, "narration": each.narration,
                    "metadata": { "channel": channel.to_lowercase() },
                })
            };
            json!({ "transactions": rows.map(row).collect::<Vec<Value>>() })
        }
        JobKind::Insights
        | JobKind::Balance
        | JobKind::Transactions
        | JobKind::Statement
        | JobKind::Income
        | JobKind::Creditworthiness => {
            json!({ "insights": {
                "transactions_count": rows.len(), "closing_balance": account.shown_balance(),
            } })
        }
    }
}
