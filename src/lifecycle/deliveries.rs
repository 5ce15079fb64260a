//! The log of webhooks behind the one door: what is kept of deliveries.

use super::{
    fact::{Fact, What},
    service::{Delivered, Lifecycle, RecordError},
    store::{
        Delivery, Outcome, StoreError,
        deliveries::{self, EventFilter, EventPage, KeptDelivery},
    },
    writer::News,
};
use crate::{
    clock::Time,
    ids::{AccountId, EventId},
};

impl Lifecycle {
    /// A page of deliveries, newest first: at most `first` behind `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn events(
        &self,
        filter: &EventFilter,
        after: Option<EventId>,
        first: u64,
    ) -> Result<EventPage, StoreError> {
        deliveries::list(self.database().reader(), filter, after, first).await
    }

    /// The delivery of this id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn event(&self, id: EventId) -> Result<Option<KeptDelivery>, StoreError> {
        deliveries::by_id(self.database().reader(), id).await
    }

    /// The body that is kept of a delivery, or of the one that it repeats; empty if none is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn event_body(&self, event: &KeptDelivery) -> Result<Vec<u8>, StoreError> {
        let body = deliveries::body(self.database().reader(), event.original()).await?;
        Ok(body.unwrap_or_default())
    }

    /// The newest replays of a delivery, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replays_of(&self, id: EventId) -> Result<Vec<EventId>, StoreError> {
        deliveries::replays_of(self.database().reader(), id).await
    }

    /// Records a replay of a delivery that came at `came_at`, with the fact that it tells, if it tells
    /// one. What is known to be newer stands, and what was applied is not applied again.
    ///
    /// # Errors
    /// [`RecordError`]; then nothing of it was recorded.
    pub async fn record_replay(
        &self,
        replay: Delivery,
        came_at: Time,
        what: Option<(AccountId, What)>,
        otherwise: Outcome,
    ) -> Result<Delivered, RecordError> {
        let fact = |(account, what)| News::Account(Fact { account, at: came_at, what });
        let written = self.enter(Some((replay, otherwise)), what.map(fact)).await?;
        Ok(Delivered { outcome: written.outcome, unproven: written.unproven })
    }
}
