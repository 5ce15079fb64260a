//! What is kept of deliveries about an account that was unlinked, or is being unlinked right now.

use std::collections::BTreeMap;

use sea_orm::DatabaseTransaction;

use super::Batch;
use crate::{
    ids::{AccountId, EventId},
    lifecycle::store::{self, Delivery, StoreError, deliveries},
    seal::is_sealed,
};

impl Batch<'_> {
    /// The deliveries that are kept without their bodies: what is sealed is whole, and nothing
    /// personal is kept of an account that is unlinked. What was redacted says nothing of a person.
    pub(super) async fn erased(
        &self,
        db: &DatabaseTransaction,
    ) -> Result<BTreeMap<EventId, Delivery>, StoreError> {
        let sealed = || {
            let all = self.deliveries.iter().map(|(delivery, ..)| *delivery);
            all.filter(|delivery| is_sealed(&delivery.body))
        };
        // An event that the gateway has no use for is about an account that it need not have read.
        let unread: Vec<AccountId> = sealed()
            .filter_map(|delivery| delivery.account.clone())
            .filter(|account| !self.states.contains_key(account))
            .collect();
        let read = if unread.is_empty() {
            BTreeMap::new()
        } else {
            // Nobody holds the locks of these accounts here: another replica may be unlinking one.
            deliveries::hold_back_erasing(db).await?;
            store::load(db, &unread).await?
        };
        let is_unlinked = |account: &AccountId| {
            self.states.get(account).or(read.get(account)).is_some_and(|state| state.unlinked)
        };
        let erased = sealed().filter(|delivery| delivery.account.as_ref().is_some_and(is_unlinked));
        let without = |delivery: &Delivery| Delivery { body: Vec::new(), ..delivery.clone() };
        Ok(erased.map(|delivery| (delivery.id, without(delivery))).collect())
    }
}
