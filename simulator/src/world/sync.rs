//! The manual sync that came before real-time sessions.
//!
//! Source: Mono docs, "Manual Data Sync", 2022-05-19.

use chrono::Duration;
use serde_json::{Value, json};

use super::World;
use crate::{
    behaviour::{Realtime, SyncCode},
    clock::now,
    webhooks::{
        Kind, Webhook,
        queue::{Effect, Queued},
    },
};

/// How many transactions a bank with an incomplete statement keeps back.
const KEPT_BACK: usize = 5;

impl World {
    /// Syncs account `id` by hand and returns the flat body that says how it went; `None` if the
    /// last time was too recent. An incomplete statement is accepted if `incomplete`.
    pub(crate) fn sync(&mut self, id: &str, incomplete: bool) -> Option<Value> {
        let every = i64::try_from(self.behaviour.sync_every_ms).unwrap_or(i64::MAX);
        let every = Duration::try_milliseconds(every).unwrap_or(Duration::MAX);
        if self.synced.get(id).is_some_and(|last| now() - last < every) {
            return None;
        }
        self.synced.insert(id.to_owned(), now());
        let code = match self.behaviour.sync_code {
            Some(SyncCode::IncompleteStatementError) if incomplete => {
                if let Some(account) = self.account_mut(id) {
                    let kept = account.transactions.len().saturating_sub(KEPT_BACK);
                    account.transactions.truncate(kept);
                }
                SyncCode::SyncSuccessful
            }
            Some(code) => code,
            None if self.needs_reauth(id) => SyncCode::ReauthorisationRequired,
            None => SyncCode::SyncSuccessful,
        };
        let (status, message) = match code {
            SyncCode::SyncSuccessful | SyncCode::SyncedSuccessful => {
                let fresh = self.behaviour.realtime != Realtime::NothingNew;
                let new = self.data_in(id, None, fresh);
                let updated =
                    Webhook { has_new_data: new, ..Webhook::new(Kind::AccountUpdated, id) };
                self.post(Queued::new(updated, Effect::None));
                return Some(json!({
                    "status": "successful", "hasNewData": new, "code": code, "message": null,
                }));
            }
            SyncCode::ReauthorisationRequired => {
                if let Some(account) = self.account_mut(id) {
                    account.needs_reauth = true;
                }
                self.announce(Kind::ReauthorisationRequired, id);
                ("failed", "Reauthorisation is required for this account")
            }
            SyncCode::SyncError => ("failed", "The account could not be synced, try again later"),
            SyncCode::IncompleteStatementError => {
                let successful = self.behaviour.incomplete_is_successful;
                let status = if successful { "successful" } else { "failed" };
                (status, "The bank returned fewer transactions than before")
            }
        };
        let body =
            json!({ "status": status, "hasNewData": false, "code": code, "message": message });
        Some(body)
    }
}
