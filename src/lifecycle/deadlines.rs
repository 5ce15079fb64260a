//! Does what is due when nothing is heard: looks at accounts that are being fetched, lets links
//! expire. Each deadline stands in the database, so it survives a restart, and is claimed, so one
//! replica takes it.

use std::{sync::Arc, time::Duration};

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
    backlog::{Backlog, Due},
    fact::{Look, Reported, What},
    job::Job,
    link::LinkWhat,
    polls::ask_after,
    recogniser::Recogniser,
    service::Lifecycle,
    store::{self, Deadline},
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

/// How long an account is let be about which Mono could not be asked because all of it is down.
const PUT_OFF: chrono::Duration = chrono::Duration::seconds(5);

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
            () = worker.freed.notified(), if backlog.waits_for_room() => {
                worker.go_on(&mut backlog, &mut under_way).await;
                continue;
            }
        }
        worker.round(&mut backlog, &mut under_way).await;
        // A place may have become free without a look: another replica was faster.
        worker.go_on(&mut backlog, &mut under_way).await;
        while worker.end_links().await {}
        worker.forget_keys(&mut keys_kept_until).await;
        if let Err(error) = worker.erase_old_results().await {
            tracing::error!(cause = %chain(&error), "what jobs brought was not erased in time; trying again");
        }
    }
}

/// What became of a deadline that was come to.
enum Met {
    /// It needs nothing more of this replica.
    Done,
    /// Mono is to be asked, and cannot be now: it stays due.
    Waits {
        /// When there is something to do about it all the same.
        again_at: Option<Time>,
        /// Whether it is room that it waits for, and not a Mono that is down.
        for_room: bool,
    },
    /// Mono is to be asked.
    Ask(Box<Question>),
}

/// What Mono is to be asked about an account.
struct Question {
    deadline: Deadline,
    /// Since when it has waited to be asked.
    since: Time,
    /// Whether its details are looked at, by the schedule of its waiting.
    look: bool,
    /// Whether they are once before its link ends.
    look_at_link: bool,
    /// The jobs that are asked after.
    jobs: Vec<Job>,
    /// Whether something else is over, which must not end what has yet to be looked at.
    then_time: bool,
    /// How long it is claimed for.
    until: Time,
    place: OwnedSemaphorePermit,
}

/// Those that Mono is being asked about. What Mono turned out to be down for comes back, with since
/// when it has waited.
type UnderWay = JoinSet<Option<(Deadline, Time)>>;

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
    /// Comes to what is due now, except where it is known that only asking Mono is left, and that
    /// Mono cannot be asked yet.
    async fn round(&self, backlog: &mut Backlog, under_way: &mut UnderWay) {
        let now = self.lifecycle.clock().now();
        while let Some(asked) = under_way.try_join_next() {
            if let Ok(Some((deadline, since))) = asked {
                backlog.keep(deadline, since, Some(now + PUT_OFF), false);
            }
        }
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
            let last = due.last().filter(|_| is_full);
            backlog.after = last.map(|deadline| (deadline.at, deadline.account.clone()));
            let fresh: Vec<_> = due
                .into_iter()
                .filter(|deadline| backlog.is_to_be_met(deadline, now))
                .map(|deadline| {
                    let since = backlog.since(&deadline.account).unwrap_or(now);
                    (deadline, since)
                })
                .collect();
            let met = stream::iter(fresh)
                .map(|(deadline, since)| async move {
                    let met = self.meet(&deadline, since).await;
                    (deadline, since, met)
                })
                .buffered(AT_ONCE);
            let met: Vec<_> = met.collect().await;
            for (deadline, since, met) in met {
                self.begin(deadline, since, met, backlog, under_way);
            }
            if !is_full {
                break;
            }
        }
        backlog.forget_gone(now);
    }

    /// Looks at those that wait for room, as far as there is some.
    async fn go_on(&self, backlog: &mut Backlog, under_way: &mut UnderWay) {
        while self.looks.available_permits() > 0
            && let Some((deadline, since)) = backlog.next()
        {
            let met = self.meet(&deadline, since).await;
            self.begin(deadline, since, met, backlog, under_way);
        }
    }

    /// Begins to ask Mono, if that is to be. A look, which may take long, goes on by itself: one
    /// bank that is slow must not hold up the others' deadlines.
    fn begin(
        &self,
        deadline: Deadline,
        since: Time,
        met: Result<Met, Failure>,
        backlog: &mut Backlog,
        under_way: &mut UnderWay,
    ) {
        match met {
            Ok(Met::Waits { again_at, for_room }) => {
                backlog.keep(deadline, since, again_at, for_room);
            }
            Ok(Met::Done) => backlog.forget(&deadline.account),
            Ok(Met::Ask(question)) => {
                backlog.forget(&deadline.account);
                let worker = self.clone();
                under_way.spawn(async move {
                    let asked = worker.ask_mono(&question).await;
                    let Question { deadline, since, place, .. } = *question;
                    drop(place);
                    worker.freed.notify_one();
                    match asked {
                        Ok(Asked::Yes) => None,
                        Ok(Asked::MonoIsDown) => Some((deadline, since)),
                        Err(error) => {
                            let account = &deadline.account;
                            tracing::error!(%account, cause = %chain(error.as_ref()), "a look was not recorded; it stays due");
                            None
                        }
                    }
                });
            }
            Err(error) => {
                let account = &deadline.account;
                tracing::error!(%account, cause = %chain(error.as_ref()), "a deadline was not met; it stays due");
                backlog.forget(account);
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
    /// `since` is since when it has waited to be asked about.
    async fn meet(&self, deadline: &Deadline, since: Time) -> Result<Met, Failure> {
        let account = &deadline.account;
        let now = self.lifecycle.clock().now();
        let state = self.lifecycle.states(std::slice::from_ref(account)).await?.remove(account);
        let due = Due::of(state.unwrap_or_default(), now);
        if due.is_over && !due.cuts() {
            self.lifecycle.record(account.clone(), What::TimePassed).await?;
        }
        if !due.asks() {
            return Ok(Met::Done);
        }
        let is_down = self.mono.is_down_for(account);
        // Before it is claimed: what cannot be asked for now is another replica's, too.
        let place = if is_down { None } else { self.looks.clone().try_acquire_owned().ok() };
        let Some(place) = place else {
            if due.is_out_of_patience(since) {
                // It has waited for its last look for as long as anything may.
                self.lifecycle.record(account.clone(), What::TimePassed).await?;
                return Ok(Met::Done);
            }
            let again_at = due.again_at(since);
            let again_at = if is_down {
                Some(again_at.map_or(now + PUT_OFF, |at| at.min(now + PUT_OFF)))
            } else {
                again_at
            };
            return Ok(Met::Waits { again_at, for_room: !is_down });
        };
        let until = now + CLAIM;
        if !store::claim(self.database.writer(), account, now, until).await? {
            return Ok(Met::Done);
        }
        let then_time = due.is_over && due.cuts();
        let (deadline, Due { look, look_at_link, jobs, .. }) = (deadline.clone(), due);
        let question =
            Question { deadline, since, look, look_at_link, jobs, then_time, until, place };
        Ok(Met::Ask(Box::new(question)))
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

    async fn ask_mono(&self, question: &Question) -> Result<Asked, Failure> {
        let Question { deadline, look, look_at_link, jobs, then_time, until, .. } = question;
        let account = &deadline.account;
        let mut looked =
            if *look || *look_at_link { self.look(account, *look).await } else { Ok(Asked::Yes) };
        // Its one look was made, whatever it showed.
        let link_ends = *look_at_link && matches!(looked, Ok(Asked::Yes));
        for job in jobs {
            let asked = ask_after(&self.lifecycle, &self.mono, job).await.map_err(Failure::from);
            looked = looked.and_then(|looked| asked.map(|asked| looked.and(asked)));
        }
        // Whatever became of the asking, a job does not run for ever.
        let now = self.lifecycle.clock().now();
        if *then_time || link_ends || jobs.iter().any(|job| job.is_overdue(now)) {
            self.lifecycle.record(account.clone(), What::TimePassed).await?;
        }
        let looked = looked?;
        // Given back if Mono is down, too: what else is due about the account is not to wait.
        store::release(self.database.writer(), account, *until).await?;
        Ok(looked)
    }

    async fn look(&self, account: &AccountId, scheduled: bool) -> Result<Asked, Failure> {
        let asked_at = self.lifecycle.clock().now();
        let what = match self.mono.account(account).await {
            Ok(details) => {
                let banks = self.lifecycle.recogniser();
                What::Looked(look(banks, account, &details, asked_at, scheduled))
            }
            // No look. If it is the last one, the account's patience ends it.
            Err(MonoError::NotAsked { .. }) => return Ok(Asked::MonoIsDown),
            Err(_) if !scheduled => return Ok(Asked::Yes),
            Err(error) => What::LookFailed { code: error.code().as_str().to_owned() },
        };
        self.lifecycle.record(account.clone(), what).await?;
        Ok(Asked::Yes)
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
