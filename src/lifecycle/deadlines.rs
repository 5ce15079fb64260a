//! Does what is due when nothing is heard: looks at accounts that are being fetched, lets links
//! expire. Each deadline stands in the database, so it survives a restart, and is claimed, so one
//! replica takes it.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures_util::{
    future,
    stream::{self, StreamExt as _},
};
use sha2::{Digest as _, Sha256};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::MissedTickBehavior,
};

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

/// How many accounts are read at once of those about which something is due, and how often in one
/// round: however many there are, a round ends soon.
const PAGE: u64 = 256;
const PAGES: usize = 16;

/// How many of them are come to at once: what is written of them shares commits.
const AT_ONCE: usize = 32;

/// How many link sessions are ended in one round.
const ROUND: u64 = 64;

/// How many accounts are looked at at once.
const LOOKS: usize = 16;

/// How long a replica may take over one deadline before another may.
const CLAIM: chrono::Duration = chrono::Duration::seconds(60);

/// How often old idempotency keys are forgotten.
const KEYS_EVERY: chrono::Duration = chrono::Duration::hours(1);

/// Looks after deadlines, for ever.
pub async fn run(lifecycle: Lifecycle, mono: Client, database: Database) {
    let (looks, freed) = (Arc::new(Semaphore::new(LOOKS)), Arc::default());
    let worker = Worker { lifecycle, mono, database, looks, freed };
    let mut under_way = JoinSet::new();
    let mut backlog = Backlog::default();
    let mut keys_kept_until = Time::default();
    let mut period = tokio::time::interval(PERIOD);
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = period.tick() => {}
            () = worker.lifecycle.clock().moved() => {}
            () = worker.freed.notified(), if !backlog.queue.is_empty() => {
                worker.go_on(&mut backlog, &mut under_way).await;
                continue;
            }
        }
        worker.round(&mut backlog, &mut under_way).await;
        while worker.end_links().await {}
        worker.forget_keys(&mut keys_kept_until).await;
        if let Err(error) = worker.erase_old_results().await {
            tracing::error!(cause = %chain(&error), "what jobs brought was not erased in time; trying again");
        }
        while under_way.try_join_next().is_some() {}
    }
}

/// Accounts that are to be looked at once there is room, so that they hold up nobody whose
/// deadline needs no look.
#[derive(Default)]
struct Backlog {
    /// Since when each of them is due.
    known: HashMap<AccountId, Time>,
    /// The order in which they are come to.
    queue: VecDeque<AccountId>,
    /// Where the last round stopped, if it did not come to the end.
    after: Option<(Time, AccountId)>,
}

/// What became of a deadline that was come to.
enum Met {
    /// It needs nothing more of this replica.
    Done,
    /// There is no room to look at the account now: it stays due.
    NoRoom,
    /// Mono is to be asked.
    Ask(Box<Question>),
}

/// What Mono is to be asked about an account.
struct Question {
    account: AccountId,
    /// Whether its details are looked at.
    look: bool,
    /// The jobs that are asked after.
    jobs: Vec<Job>,
    /// Whether something else is over, which must not end what has yet to be looked at.
    then_time: bool,
    /// How long it is claimed for.
    until: Time,
    place: OwnedSemaphorePermit,
}

#[derive(Clone)]
struct Worker {
    lifecycle: Lifecycle,
    mono: Client,
    database: Database,
    looks: Arc<Semaphore>,
    /// Told when a look has ended.
    freed: Arc<Notify>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Worker {
    /// Comes to what is due now, except what is known to wait for room.
    async fn round(&self, backlog: &mut Backlog, under_way: &mut JoinSet<()>) {
        let now = self.lifecycle.clock().now();
        for _ in 0..PAGES {
            let after = backlog.after.take();
            let due = store::next_deadlines(self.database.reader(), now, after, PAGE).await;
            let due = match due {
                Ok(due) => due,
                Err(error) => {
                    tracing::error!(cause = %chain(&error), "deadlines cannot be read; trying again");
                    return;
                }
            };
            let is_full = due.len() as u64 == PAGE;
            let last = due.last().cloned().filter(|_| is_full);
            backlog.after = last.map(|(account, at)| (at, account));
            let waits = |(account, at): &(AccountId, Time)| backlog.known.get(account) == Some(at);
            let fresh: Vec<_> = due.into_iter().filter(|due| !waits(due)).collect();
            let met = stream::iter(fresh)
                .map(|(account, at)| async move {
                    let met = self.meet(&account).await;
                    (account, at, met)
                })
                .buffered(AT_ONCE);
            let met: Vec<_> = met.collect().await;
            for (account, at, met) in met {
                if matches!(self.begin(&account, met, under_way), Met::NoRoom)
                    && backlog.known.insert(account.clone(), at).is_none()
                {
                    backlog.queue.push_back(account);
                }
            }
            if !is_full {
                return;
            }
        }
    }

    /// Looks at those that wait for room, as far as there is some.
    async fn go_on(&self, backlog: &mut Backlog, under_way: &mut JoinSet<()>) {
        while self.looks.available_permits() > 0
            && let Some(account) = backlog.queue.pop_front()
        {
            backlog.known.remove(&account);
            let met = self.meet(&account).await;
            // Found due again by the next round, if it is.
            self.begin(&account, met, under_way);
        }
    }

    /// Begins to ask Mono, if that is to be. A look, which may take long, goes on by itself: one
    /// bank that is slow must not hold up the others' deadlines.
    fn begin(
        &self,
        account: &AccountId,
        met: Result<Met, Failure>,
        under_way: &mut JoinSet<()>,
    ) -> Met {
        match met {
            Ok(Met::Ask(question)) => {
                let worker = self.clone();
                under_way.spawn(async move {
                    if let Err(error) = worker.ask_mono(&question).await {
                        let account = &question.account;
                        tracing::error!(%account, cause = %chain(error.as_ref()), "a look was not recorded; it stays due");
                    }
                    drop(question.place);
                    worker.freed.notify_one();
                });
                Met::Done
            }
            Ok(met) => met,
            Err(error) => {
                tracing::error!(%account, cause = %chain(error.as_ref()), "a deadline was not met; it stays due");
                Met::Done
            }
        }
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
        let end = |link| async move {
            let ended = self.lifecycle.record_link(link, LinkWhat::TimePassed).await;
            if let Err(error) = &ended {
                tracing::error!(%link, cause = %chain(error), "a deadline was not met; it stays due");
            }
            ended.is_ok()
        };
        let ended = future::join_all(due.into_iter().map(end)).await.into_iter().any(|is| is);
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

    /// Does what is due about an account as far as time alone decides it, and says what Mono is to
    /// be asked for. Only asking is claimed: of two that do the rest the second changes nothing.
    async fn meet(&self, account: &AccountId) -> Result<Met, Failure> {
        let now = self.lifecycle.clock().now();
        let state = self.lifecycle.states(std::slice::from_ref(account)).await?.remove(account);
        let state = state.unwrap_or_default();
        let session_is_due = state.session.as_ref().and_then(Session::deadline);
        let due_jobs: Vec<Job> = state
            .jobs
            .into_iter()
            .filter(|job| job.deadline().is_some_and(|at| at <= now))
            .collect();
        // The others are asked after, or what they brought is looked at.
        let (jobs, ran_out): (Vec<_>, Vec<_>) =
            due_jobs.into_iter().partition(|job| job.is_asked_after() && job.mono_was_asked());
        let look = state.waiting.as_ref().is_some_and(|waiting| waiting.next_at <= now);
        let is_last = state.waiting.is_some_and(|waiting| look && waiting.is_over(now))
            || jobs.iter().any(|job| job.is_overdue(now));
        let is_over = session_is_due.is_some_and(|at| at <= now) || !ran_out.is_empty();
        if is_over && !is_last {
            self.lifecycle.record(account.clone(), What::TimePassed).await?;
        }
        if !look && jobs.is_empty() {
            return Ok(Met::Done);
        }
        // Before it is claimed: what there is no room for now is another replica's, too.
        let Ok(place) = self.looks.clone().try_acquire_owned() else { return Ok(Met::NoRoom) };
        let until = now + CLAIM;
        if !store::claim(self.database.writer(), account, now, until).await? {
            return Ok(Met::Done);
        }
        let (account, then_time) = (account.clone(), is_over && is_last);
        Ok(Met::Ask(Box::new(Question { account, look, jobs, then_time, until, place })))
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

    async fn ask_mono(&self, question: &Question) -> Result<(), Failure> {
        let Question { account, look, jobs, then_time, until, place: _ } = question;
        let mut looked = if *look { self.look(account).await } else { Ok(Asked::Yes) };
        for job in jobs {
            let asked = ask_after(&self.lifecycle, &self.mono, job).await.map_err(Failure::from);
            looked = looked.and_then(|looked| asked.map(|asked| looked.and(asked)));
        }
        // Whatever became of the asking, a job does not run for ever.
        let now = self.lifecycle.clock().now();
        if *then_time || jobs.iter().any(|job| job.is_overdue(now)) {
            self.lifecycle.record(account.clone(), What::TimePassed).await?;
        }
        match looked? {
            Asked::Yes => Ok(store::release(self.database.writer(), account, *until).await?),
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
