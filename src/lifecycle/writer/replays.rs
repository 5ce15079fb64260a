//! What becomes of a replay, decided in the transaction that records it: behind the lock of its
//! account nobody else applies the same, or learns something newer.

use sea_orm::DatabaseTransaction;

use super::{Batch, Entry};
use crate::{
    clock::Time,
    ids::EventId,
    lifecycle::{
        fact::Fact,
        replay::is_outrun,
        store::{self, Delivery, Outcome, StoreError, deliveries},
    },
};

impl Entry {
    /// The delivery, if it repeats another one.
    pub(super) fn replay(&self) -> Option<(&Delivery, EventId)> {
        let (delivery, _) = self.delivery.as_ref()?;
        Some((delivery, delivery.replay_of?))
    }
}

impl Batch<'_> {
    /// What becomes of a replay that is not to be folded; nothing if it is, or if it is none.
    pub(super) async fn settled(
        &self,
        db: &DatabaseTransaction,
        entry: &Entry,
    ) -> Result<Option<Outcome>, StoreError> {
        let (Some((delivery, original)), Some(fact)) = (entry.replay(), entry.fact()) else {
            return Ok(None);
        };
        if self.is_applied_here(delivery, original)
            || deliveries::is_applied(db, original, delivery.mono_event_id.as_deref()).await?
        {
            return Ok(Some(Outcome::Duplicate));
        }
        let outrun = self.is_outrun(db, fact, original).await?;
        Ok(outrun.then_some(Outcome::Ignored))
    }

    /// Whether the same was applied earlier in this batch.
    fn is_applied_here(&self, replay: &Delivery, original: EventId) -> bool {
        let id = replay.mono_event_id.as_ref();
        self.deliveries.iter().any(|(delivery, outcome, _)| {
            let is_same = delivery.id == original
                || delivery.replay_of == Some(original)
                || (id.is_some() && delivery.mono_event_id.as_ref() == id);
            *outcome == Outcome::Applied && is_same
        })
    }

    /// Whether something newer than the replayed delivery is known of its account.
    async fn is_outrun(
        &self,
        db: &DatabaseTransaction,
        replayed: &Fact,
        original: EventId,
    ) -> Result<bool, StoreError> {
        let newer = |fact: &Fact| fact.at >= replayed.at && is_outrun(&replayed.what, &fact.what);
        for row in self.facts.iter().filter(|row| row.is_about(&replayed.account)) {
            if newer(&row.fact()?) {
                return Ok(true);
            }
        }
        let known = store::facts_since(db, &replayed.account, replayed.at, original).await?;
        Ok(!known.are_all || known.facts.iter().any(newer))
    }

    /// News of a replay is old, and told now: logs and cursors are in the order of telling.
    pub(super) fn tell_now(&mut self, facts: usize, changes: usize, now: Time) {
        for row in self.facts.iter_mut().skip(facts) {
            row.learned_at(now);
        }
        for (_, _, at) in self.changes.iter_mut().skip(changes) {
            *at = now;
        }
    }
}
