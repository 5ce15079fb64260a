//! The log of webhooks: what Mono delivered, what became of it, and what is kept of the bodies.

use std::{collections::BTreeMap, sync::Arc};

use super::{readable, redact::redact};
use crate::{
    database::Database,
    ids::EventId,
    lifecycle::{
        service::Lifecycle,
        store::{
            StoreError,
            deliveries::{self, EventFilter, EventPage, KeptDelivery},
        },
    },
    seal::{DataKeys, Place, SealError, is_sealed},
};

/// Where bodies stand.
const COLUMN: &str = "webhook_event.body";

/// A body cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BodyError {
    /// It does not open.
    #[error("the body of webhook {0} does not open")]
    Sealed(EventId, #[source] SealError),
    /// The database failed.
    #[error("the log of webhooks cannot be read")]
    Store(#[source] Arc<StoreError>),
}

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
    keys: DataKeys,
}

/// How many bodies of webhooks are sealed with keys that are not among these, by the ids of those
/// keys in hexadecimal. Reads a part of every body that is kept.
///
/// # Errors
/// [`StoreError`].
pub async fn unopenable(
    database: &Database,
    keys: &DataKeys,
) -> Result<BTreeMap<String, i64>, StoreError> {
    let sealed = deliveries::sealed(database.reader()).await?;
    Ok(sealed
        .iter()
        .filter_map(|(opening, count)| Some((keys.missing(opening)?, *count)))
        .collect())
}

impl Events {
    /// The log behind this door, whose bodies are sealed with these keys.
    #[must_use]
    pub fn new(lifecycle: Lifecycle, keys: DataKeys) -> Self {
        Self { lifecycle, keys }
    }

    /// A body as it is kept: whole and sealed if there is a key, else without what is personal.
    ///
    /// # Errors
    /// [`SealError`] if it cannot be sealed.
    pub(super) fn to_keep(&self, id: EventId, body: &[u8]) -> Result<Vec<u8>, SealError> {
        let row = id.to_string();
        let sealed = self.keys.seal(Place { column: COLUMN, row: &row }, body)?;
        Ok(sealed.unwrap_or_else(|| redact(readable(body).as_bytes())))
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
        if event.opening.is_empty() {
            BodyState::Removed
        } else if !is_sealed(&event.opening) {
            BodyState::Redacted
        } else if self.keys.can_open(&event.opening) {
            BodyState::Whole
        } else {
            BodyState::Sealed
        }
    }

    /// The body as far as it is kept; nothing if it is removed.
    ///
    /// # Errors
    /// [`BodyError`].
    pub async fn body(&self, event: &KeptDelivery) -> Result<Option<Vec<u8>>, BodyError> {
        let body = self.lifecycle.event_body(event).await;
        let body = body.map_err(|error| BodyError::Store(Arc::new(error)))?;
        if !is_sealed(&body) {
            return Ok(Some(body).filter(|body| !body.is_empty()));
        }
        let row = event.original().to_string();
        let opened = self.keys.open(Place { column: COLUMN, row: &row }, &body);
        opened.map(Some).map_err(|error| BodyError::Sealed(event.original(), error))
    }

    /// The same; nothing, too, if it is sealed with a key that is not here.
    ///
    /// # Errors
    /// [`BodyError`].
    pub async fn body_if_open(&self, event: &KeptDelivery) -> Result<Option<Vec<u8>>, BodyError> {
        match self.state(event) {
            BodyState::Whole | BodyState::Redacted => self.body(event).await,
            BodyState::Sealed | BodyState::Removed => Ok(None),
        }
    }
}
