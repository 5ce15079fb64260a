//! Takes a delivery in: keep it, fold what it tells, commit, and only then say so.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::{
    decode, digest,
    events::Events,
    replay::{ReplayError, Replayed},
};
use crate::{
    account::service::Accounts,
    error::chain,
    ids::{AccountId, EventId},
    lifecycle::{
        service::{Lifecycle, RecordError},
        store::{Delivery, Outcome},
    },
    seal::DataKeys,
};

/// How much deliveries that wait may take, in KiB.
const ROOM_KIB: usize = 256 * 1024;

/// When an account's details are asked for, one after the other until they are there.
const PROOF_AFTER: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_secs(2),
    Duration::from_secs(15),
    Duration::from_secs(60),
    Duration::from_secs(300),
];

/// What Mono tells us. Clones share it.
#[derive(Clone, Debug)]
pub struct Webhooks {
    events: Events,
    lifecycle: Lifecycle,
    accounts: Accounts,
    room: Arc<Semaphore>,
}

impl Webhooks {
    /// Deliveries that go through this door, and are kept sealed with these keys.
    #[must_use]
    pub fn new(accounts: Accounts, keys: DataKeys) -> Self {
        let lifecycle = accounts.lifecycle().clone();
        let events = Events::new(lifecycle.clone(), keys);
        Self { events, lifecycle, accounts, room: Arc::new(Semaphore::new(ROOM_KIB)) }
    }

    /// The log of what came.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Replays a webhook. When this returns `Ok` the replay is on the disk with all that it changed.
    ///
    /// # Errors
    /// [`ReplayError`]; then nothing of it was recorded.
    pub async fn replay(&self, id: EventId) -> Result<Replayed, ReplayError> {
        let replayed = self.events.replay(id).await?;
        self.prove_later(replayed.unproven.clone());
        Ok(replayed)
    }

    /// Takes one delivery in. When this returns `Ok` it is on the disk with all that it changed.
    ///
    /// # Errors
    /// [`RecordError`]; then nothing of it was kept and Mono must send it again.
    pub async fn receive(&self, body: &[u8]) -> Result<Outcome, RecordError> {
        // What waits for the writer stays bounded in bytes, too: a body may grow as it is redacted.
        let kib = u32::try_from(1 + body.len() / 128).unwrap_or(u32::MAX);
        let _room = self.room.try_acquire_many(kib).map_err(|_| RecordError::Busy)?;
        let decoded = decode(body, self.lifecycle.recogniser());
        let received_at = self.lifecycle.clock().now();
        let id = EventId::new(received_at);
        let kept = self.events.to_keep(id, body).map_err(|error| {
            tracing::error!(cause = %chain(&error), "a webhook cannot be sealed; it is refused");
            RecordError::Busy
        })?;
        let delivery = Delivery {
            id,
            event: decoded.event,
            mono_event_id: decoded.mono_event_id,
            account: decoded.account.clone(),
            digest: digest(body),
            body: kept,
            received_at,
            replay_of: None,
        };
        let what = decoded.account.zip(decoded.what);
        let event = delivery.event.clone().unwrap_or_default();
        let delivered = self.lifecycle.record_delivery(delivery, what, decoded.otherwise).await?;
        self.prove_later(delivered.unproven);
        let outcome = delivered.outcome;
        let label = outcome.as_str();
        metrics::counter!("mono_gateway_webhooks_total", "outcome" => label).increment(1);
        if matches!(outcome, Outcome::NoAccount | Outcome::Undecodable) {
            tracing::warn!(%id, %event, outcome = label, "a webhook could not be used; it is kept");
        } else {
            tracing::info!(%id, %event, outcome = label, "webhook");
        }
        Ok(outcome)
    }

    /// Not awaited: whoever brought the news is answered at once.
    fn prove_later(&self, account: Option<AccountId>) {
        if let Some(account) = account {
            let this = self.clone();
            tokio::spawn(async move { this.prove(&account).await });
        }
    }

    /// Reads the details of an account that may have come by a link session: they show whose customer's
    /// it is. If Mono tells that by itself meanwhile, or never, nothing is lost: the code decides.
    async fn prove(&self, account: &AccountId) {
        for pause in PROOF_AFTER {
            tokio::time::sleep(pause).await;
            let known = self.lifecycle.states(std::slice::from_ref(account)).await;
            let known = known.ok().and_then(|mut states| states.remove(account));
            if known.as_ref().is_some_and(|state| state.linked.is_some() || state.unlinked) {
                return;
            }
            match self.accounts.prove(account).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::info!(%account, cause = %chain(&error), "which link an account came by is not known yet");
                }
            }
        }
    }
}
