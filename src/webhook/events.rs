//! The log of webhooks: what Mono delivered, what became of it, and what is kept of the bodies.

use crate::{
    ids::EventId,
    lifecycle::{
        service::Lifecycle,
        store::{
            StoreError,
            deliveries::{EventFilter, EventPage, KeptDelivery},
        },
    },
};

/// What is kept of a delivery's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyState {
    /// All of it.
    Whole,
    /// All but what is personal.
    Redacted,
    /// All of it, sealed with a key that this gateway does not have.
    Sealed,
    /// Nothing.
    Removed,
}

/// The log of webhooks. Clones share it.
#[derive(Clone, Debug)]
pub struct Events {
    lifecycle: Lifecycle,
}

impl Events {
    /// The log behind this door.
    #[must_use]
    pub fn new(lifecycle: Lifecycle) -> Self {
        Self { lifecycle }
    }

    pub(super) fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    /// A page of deliveries, newest first: at most `first` behind `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(
        &self,
        filter: &EventFilter,
        after: Option<EventId>,
        first: u64,
    ) -> Result<EventPage, StoreError> {
        self.lifecycle.events(filter, after, first).await
    }

    /// The delivery of this id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find(&self, id: EventId) -> Result<Option<KeptDelivery>, StoreError> {
        self.lifecycle.event(id).await
    }

    /// The newest replays of a delivery, newest first; at most 100.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replays_of(&self, id: EventId) -> Result<Vec<EventId>, StoreError> {
        self.lifecycle.replays_of(id).await
    }

    /// What is kept of its body.
    #[must_use]
    pub fn state(&self, event: &KeptDelivery) -> BodyState {
        if event.opening.is_empty() { BodyState::Removed } else { BodyState::Redacted }
    }

    /// The body as far as it is kept; nothing if it is removed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn body(&self, event: &KeptDelivery) -> Result<Option<Vec<u8>>, StoreError> {
        let body = self.lifecycle.event_body(event).await?;
        Ok(Some(body).filter(|body| !body.is_empty()))
    }
}
