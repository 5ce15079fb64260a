//! Does what is due when nothing is heard: looks at accounts that are being fetched, lets links
//! expire. Each deadline stands in the database, so it survives a restart, and is claimed, so one
//! replica takes it.

use std::{sync::Arc, time::Duration};

use sha2::{Digest as _, Sha256};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    RetrievedData,
    fact::{Look, Reported, What},
    job::Job,
    link::LinkWhat,
    polls::ask_after,
    recogniser::Recogniser,
    service::Lifecycle,
    session::Session,
    store,
};
use crate::{
    clock::Time,
    database::Database,
    error::chain,
    ids::AccountId,
    mono::{Amount, Client, Details, MonoError},
};

/// How often the database is asked for what is due.
const PERIOD: Duration = Duration::from_secs(1);

/// How many accounts are taken in one round.
const ROUND: u64 = 64;

/// How many accounts are looked at at once.
const LOOKS: usize = 16;

/// How long a replica may take over one deadline before another may.
const CLAIM: chrono::Duration = chrono::Duration::seconds(60);

/// How often old idempotency keys are forgotten.
const KEYS_EVERY: chrono::Duration = chrono::Duration::hours(1);

/// Looks after deadlines, for ever.
pub async fn run(lifecycle: Lifecycle, mono: Client, database: Database) {
    let worker = Worker { lifecycle, mono, database, looks: Arc::new(Semaphore::new(LOOKS)) };
    let mut under_way = JoinSet::new();
    let mut keys_kept_until = Time::default();
    loop {
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = worker.lifecycle.clock().moved() => {}
        }
        while worker.round(&mut under_way).await {}
        while worker.end_links().await {}
        worker.forget_keys(&mut keys_kept_until).await;
        if let Err(error) = worker.erase_old_results().await {
            tracing::error!(cause = %chain(&error), "what jobs brought was not erased in time; trying again");
        }
        while under_way.try_join_next().is_some() {}
    }
}

#[derive(Clone)]
struct Worker {
    lifecycle: Lifecycle,
    mono: Client,
    database: Database,
    looks: Arc<Semaphore>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Worker {
    /// Takes what is due now. True if something was taken and there may be more.
    async fn round(&self, under_way: &mut JoinSet<()>) -> bool {
        let now = self.lifecycle.clock().now();
        let due = match store::next_deadlines(self.database.reader(), now, ROUND).await {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(cause = %chain(&error), "deadlines cannot be read; trying again");
                return false;
            }
        };
        let is_full = due.len() as u64 == ROUND;
        let mut taken = false;
        for account in due {
            match self.take(&account, under_way).await {
                Ok(was_taken) => taken |= was_taken,
                Err(error) => {
                    tracing::error!(%account, cause = %chain(error.as_ref()), "a deadline was not met; it stays due");
                }
            }
        }
        taken && is_full
    }

    /// Ends link sessions whose time is over. True if there may be more. Not claimed: whichever
    /// replica comes second changes nothing.
    async fn end_links(&self) -> bool {
        let now = self.lifecycle.clock().now();
        let due = match store::links::due(self.database.reader(), now, ROUND).await {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(cause = %chain(&error), "deadlines cannot be read; trying again");
                return false;
            }
        };
        let is_full = due.len() as u64 == ROUND;
        let mut ended = false;
        for link in due {
            match self.lifecycle.record_link(link, LinkWhat::TimePassed).await {
                Ok(_) => ended = true,
                Err(error) => {
                    tracing::error!(%link, cause = %chain(&error), "a deadline was not met; it stays due");
                }
            }
        }
        ended && is_full
    }

    /// Now and then forgets the keys of wishes that are too old to be repeated.
    async fn forget_keys(&self, until: &mut Time) {
        let now = self.lifecycle.clock().now();
        if now < *until {
            return;
        }
        *until = now + KEYS_EVERY;
        if let Err(error) = store::keys::forget_old(self.database.writer(), now).await {
            tracing::warn!(cause = %chain(&error), "old idempotency keys are kept for longer");
        }
    }

    /// Meets one deadline. A look, which may take long, goes on by itself: one bank that is slow
    /// must not hold up the others' deadlines.
    async fn take(
        &self,
        account: &AccountId,
        under_way: &mut JoinSet<()>,
    ) -> Result<bool, Failure> {
        let now = self.lifecycle.clock().now();
        let until = now + CLAIM;
        // Before it is claimed: what there is no room for now stays due, and another replica's.
        let place = self.looks.clone().try_acquire_owned().ok();
        if place.is_some() && !store::claim(self.database.writer(), account, now, until).await? {
            return Ok(false);
        }
        let state = self.lifecycle.states(std::slice::from_ref(account)).await?.remove(account);
        let state = state.unwrap_or_default();
        let session_is_due = state.session.as_ref().and_then(Session::deadline);
        let due_jobs: Vec<Job> = state
            .jobs
            .into_iter()
            .filter(|job| job.deadline().is_some_and(|at| at <= now))
            .collect();
        // The others are asked after, or what they brought is looked at.
        let (asked_after, ran_out): (Vec<_>, Vec<_>) =
            due_jobs.into_iter().partition(|job| job.is_asked_after() && job.mono_was_asked());
        if session_is_due.is_some_and(|at| at <= now) || !ran_out.is_empty() {
            self.lifecycle.record(account.clone(), What::TimePassed).await?;
        }
        let look = state.waiting.is_some_and(|waiting| waiting.next_at <= now);
        let is_due = look || !asked_after.is_empty();
        let Some(place) = place else { return Ok(!is_due) };
        if is_due {
            let (worker, account) = (self.clone(), account.clone());
            under_way.spawn(async move {
                if let Err(error) = worker.ask_mono(&account, look, &asked_after, until).await {
                    tracing::error!(%account, cause = %chain(error.as_ref()), "a look was not recorded; it stays due");
                }
                drop(place);
            });
        } else {
            store::release(self.database.writer(), account, until).await?;
        }
        Ok(true)
    }

    /// What jobs brought is personal: it is erased when its time is up, asked for or not.
    async fn erase_old_results(&self) -> Result<(), store::StoreError> {
        let now = self.lifecycle.clock().now();
        // Mostly there is none, and SQLite's only writer is not to be held for that.
        if store::is_any_result_old(self.database.reader(), now).await? {
            store::erase_old_results(self.database.writer(), now).await?;
        }
        Ok(())
    }

    async fn ask_mono(
        &self,
        account: &AccountId,
        look: bool,
        jobs: &[Job],
        until: Time,
    ) -> Result<(), Failure> {
        let mut looked = if look { self.look(account).await } else { Ok(Asked::Yes) };
        for job in jobs {
            let asked = ask_after(&self.lifecycle, &self.mono, job).await.map_err(Failure::from);
            looked = looked.and_then(|looked| asked.map(|asked| looked.and(asked)));
        }
        // Whatever became of the asking, a job does not run for ever.
        let now = self.lifecycle.clock().now();
        if jobs.iter().any(|job| job.is_overdue(now)) {
            self.lifecycle.record(account.clone(), What::TimePassed).await?;
        }
        match looked? {
            Asked::Yes => Ok(store::release(self.database.writer(), account, until).await?),
            // It stays due, and is taken again when this claim is over.
            Asked::MonoIsDown => Ok(()),
        }
    }

    async fn look(&self, account: &AccountId) -> Result<Asked, Failure> {
        let asked_at = self.lifecycle.clock().now();
        let what = match self.mono.account(account).await {
            Ok(details) => {
                let banks = self.lifecycle.recogniser();
                What::Looked(look(banks, account, &details, asked_at, true))
            }
            // No look, unless it is the last one: nothing waits for ever.
            Err(MonoError::NotAsked { .. }) if !self.is_over(account, asked_at).await? => {
                return Ok(Asked::MonoIsDown);
            }
            Err(error) => What::LookFailed { code: error.code().as_str().to_owned() },
        };
        self.lifecycle.record(account.clone(), what).await?;
        Ok(Asked::Yes)
    }

    /// Whether the account has waited for as long as it may.
    async fn is_over(&self, account: &AccountId, now: Time) -> Result<bool, Failure> {
        let state = self.lifecycle.states(std::slice::from_ref(account)).await?.remove(account);
        let waiting = state.and_then(|state| state.waiting);
        Ok(waiting.is_none_or(|waiting| waiting.is_over(now)))
    }
}

/// Whether Mono was asked about what is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// It was, whatever it answered.
    Yes,
    /// It was not, since all of it is down.
    MonoIsDown,
}

impl Asked {
    fn and(self, other: Self) -> Self {
        if self == Self::Yes { other } else { self }
    }
}

/// What a balance is known by without being kept: enough to see that it moved.
#[must_use]
pub fn balance_digest(account: &AccountId, balance: Amount) -> Option<String> {
    let minor = balance?.ok()?.to_string();
    let hash = Sha256::new_with_prefix(account.as_str()).chain_update(minor).finalize();
    Some(hash[..8].iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What an account's details show, as evidence: a status, and digests that tell a change.
#[must_use]
pub fn look(
    banks: &Recogniser,
    account: &AccountId,
    details: &Details,
    asked_at: Time,
    scheduled: bool,
) -> Look {
    let retrieved = details.retrieved_data.as_ref().map(|words| {
        let mut kinds: Vec<_> =
            words.iter().filter_map(|word| RetrievedData::from_mono(word)).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    });
    Look {
        asked_at,
        scheduled,
        reported: details.data_status.as_deref().map(Reported::from_mono),
        balance: balance_digest(account, details.balance),
        request_id: details.data_request_id.clone(),
        retrieved,
        currency: details.currency.clone(),
        reference: details.reference.clone(),
        customer: details.customer.clone(),
        bank_account: banks.digest(
            details.institution.as_ref().and_then(|bank| bank.bank_code.as_deref()),
            details.account_number.as_deref(),
        ),
    }
}
