//! What becomes of a replay, decided in the transaction that records it: behind the lock of its
//! account nobody else applies the same, or learns something newer.

use std::collections::BTreeSet;

use sea_orm::DatabaseTransaction;

use super::{Batch, Entry};
use crate::{
    clock::Time,
    ids::{AccountId, EventId, JobId},
    lifecycle::{
        fact::Fact,
        job::JobKind,
        replay::{is_outrun, job_of},
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
        // Retention takes a delivery before the facts that came since: they cannot be asked now.
        if !deliveries::is_kept(db, original).await? {
            return Ok(Some(Outcome::Ignored));
        }
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
        let known = store::facts_since(db, &replayed.account, replayed.at, original).await?;
        if !known.are_all {
            return Ok(true);
        }
        let mut facts = known.facts;
        for row in self.facts.iter().filter(|row| row.is_about(&replayed.account)) {
            facts.push(row.fact()?);
        }
        facts.retain(|fact| fact.at >= replayed.at);
        let refreshes = self.refreshes(db, &replayed.account, &facts).await?;
        let is_newer =
            |fact: &Fact| is_outrun(&replayed.what, &fact.what, |job| refreshes.contains(&job));
        Ok(facts.iter().any(is_newer))
    }

    /// Which of the jobs that these facts name are refreshes.
    async fn refreshes(
        &self,
        db: &DatabaseTransaction,
        account: &AccountId,
        facts: &[Fact],
    ) -> Result<BTreeSet<JobId>, StoreError> {
        let named: BTreeSet<JobId> = facts.iter().filter_map(|fact| job_of(&fact.what)).collect();
        let state = self.states.get(account);
        let mut refreshes = BTreeSet::new();
        for id in named {
            let known = state.and_then(|state| state.all_jobs().find(|job| job.id == id));
            let kind = match known {
                Some(job) => Some(job.kind),
                None => store::job_by_id(db, id).await?.map(|job| job.kind),
            };
            // One that nobody knows any more may have been one.
            if kind.is_none_or(|kind| kind == JobKind::Refresh) {
                refreshes.insert(id);
            }
        }
        Ok(refreshes)
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
