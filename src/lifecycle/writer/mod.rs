//! The only task that writes: takes whatever is waiting, folds it, and commits it as one
//! transaction. If a batch fails because of something in it, it is divided until that stands alone;
//! if the database fails, all of it is refused at once. What is about an account whose row
//! somebody else keeps locked is left out and tried again, so that it holds up nobody else.

mod division;
mod erasing;
mod linking;
mod replays;
mod wishes;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbBackend};
use tokio::{
    runtime::Handle,
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
    time::Instant,
};

use super::{
    AccountState, Change, Subject,
    fact::{Fact, IdempotencyKey, What},
    fold::{Ignored, Repeated, Verdict, fold},
    job::JobNews,
    link::{LinkFact, LinkSession},
    service::{RecordError, Recorded, RecordedLink},
    session::Session,
    store::{self, Delivery, FactRow, JobRows, Locked, Outcome, StoreError, keys::Known},
};
use crate::{
    clock::Time,
    database::Database,
    error::chain,
    events::EventBus,
    ids::{AccountId, EventId, LinkId},
    seal::DataKeys,
};

/// How many entries share a commit.
const BATCH: usize = 500;

/// The stack of the thread that writes, in bytes. Memory is used only as far as it was ever deep.
const STACK: usize = 8 * 1024 * 1024;

/// How long that thread goes on when all is written.
const LINGERS: Duration = Duration::from_secs(2);

/// How long waking the replicas may take.
const WAKE_WITHIN: Duration = Duration::from_secs(1);

/// How long an entry waits for the row of its account while somebody else keeps it locked, and how
/// long the writer rests before it tries again if there is nothing else to do. Mono waits for an
/// answer for 10 s.
const LOCKED_FOR: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);

/// What an entry tells.
#[derive(Clone, Debug)]
pub(super) enum News {
    /// Something about an account.
    Account(Fact),
    /// Something about a link session.
    Link(LinkFact),
}

/// One thing to write.
pub(super) struct Entry {
    pub(super) delivery: Option<(Delivery, Outcome)>,
    pub(super) news: Option<News>,
    pub(super) reply: oneshot::Sender<Result<Written, RecordError>>,
    /// Since when it waits for its account's row.
    pub(super) locked_since: Option<Instant>,
}

/// What became of an entry.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) outcome: Outcome,
    pub(super) recorded: Option<Recorded>,
    pub(super) link: Option<RecordedLink>,
    /// The account whose details would show which link it came by.
    pub(super) unproven: Option<AccountId>,
}

/// The only task that writes.
pub(super) struct Writer {
    pub(super) database: Database,
    pub(super) bus: Arc<dyn EventBus>,
    pub(super) closing: Arc<Notify>,
    pub(super) keys: DataKeys,
    /// Where those who brought something wait.
    pub(super) callers: Handle,
}

impl Writer {
    /// Runs on a thread of its own: among the tasks of thousands of connections each of its steps
    /// would wait for its turn, and all of them for it. The task that is given back ends when it
    /// does.
    pub(super) fn spawn(self, entries: mpsc::Receiver<Entry>) -> JoinHandle<()> {
        let (running, ended) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("writer".into()).stack_size(STACK);
        let thread = thread.spawn(move || {
            match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(async move {
                    self.run(entries).await;
                    drop(running);
                    // Whoever closes the database closes what was opened here.
                    tokio::time::sleep(LINGERS).await;
                }),
                Err(error) => tracing::error!(%error, "the writer does not start"),
            }
        });
        if let Err(error) = thread {
            tracing::error!(%error, "the writer does not start");
        }
        tokio::spawn(async move {
            // Never sent: dropped with the thread, however that ends.
            let _ = ended.await;
        })
    }

    async fn run(self, mut entries: mpsc::Receiver<Entry>) {
        // Begins with what was left out: of one account, what came first is written first.
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let left_out = batch.len();
            tokio::select! {
                biased;
                () = self.closing.notified() => entries.close(),
                taken = entries.recv_many(&mut batch, BATCH) => {
                    if taken == 0 && left_out == 0 {
                        return;
                    }
                    if taken == 0 {
                        tokio::time::sleep(PAUSE).await;
                    }
                    batch = self.take(std::mem::replace(&mut batch, Vec::with_capacity(BATCH))).await;
                }
                () = tokio::time::sleep(PAUSE), if left_out > 0 => {
                    batch = self.take(std::mem::take(&mut batch)).await;
                }
            }
        }
    }

    /// Writes a batch, answers those of it that are written or refused, wakes the replicas if there
    /// is news, and gives back those that are to be tried again.
    async fn take(&self, batch: Vec<Entry>) -> Vec<Entry> {
        let (mut left_out, told) = match self.write(&batch, Locked::LeaveOut).await {
            Ok((results, told)) => (self.answer(batch, results), told),
            Err(error) if error.is_of_database() => {
                self.refuse(batch, error);
                (Vec::new(), false)
            }
            Err(error) => {
                tracing::warn!(cause = %chain(&error), entries = batch.len(), "a batch failed; dividing it");
                self.divide(batch).await
            }
        };
        if told {
            self.wake().await;
        }
        if !left_out.is_empty() {
            // Mostly it is another replica's, which needs it for as long as a commit takes.
            match self.write(&left_out, Locked::Wait).await {
                Ok((results, told)) => {
                    left_out = self.answer(left_out, results);
                    if told {
                        self.wake().await;
                    }
                }
                Err(error) => {
                    tracing::debug!(cause = %chain(&error), "an account's row is still locked");
                }
            }
        }
        wait_or_refuse(left_out)
    }

    /// Refuses all of these: the database takes nothing.
    fn refuse(&self, entries: Vec<Entry>, error: StoreError) {
        self.database.took_nothing();
        tracing::error!(cause = %chain(&error), entries = entries.len(), "the database takes nothing");
        let error = RecordError::Store(Arc::new(error));
        let results = entries.iter().map(|_| Some(Err(error.clone()))).collect();
        self.answer(entries, results);
    }

    /// Answers everybody who is written or refused, and gives back the others. Waking hundreds
    /// takes long enough not to be waited for.
    pub(super) fn answer(&self, batch: Vec<Entry>, results: Results) -> Vec<Entry> {
        let (mut answered, mut left_out) = (Vec::with_capacity(batch.len()), Vec::new());
        for (entry, result) in batch.into_iter().zip(results) {
            match result {
                Some(result) => answered.push((entry.reply, result)),
                None => left_out.push(entry),
            }
        }
        self.callers.spawn(async move {
            for (reply, result) in answered {
                // Whoever brought it may have gone; it is written all the same.
                let _ = reply.send(result);
            }
        });
        left_out
    }

    /// Tells everybody that there is news. What was written is answered for by then: news may come
    /// late, and not hold up others.
    async fn wake(&self) {
        match tokio::time::timeout(WAKE_WITHIN, self.bus.publish()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(cause = %chain(&error), "news will wait for the periodic read");
            }
            Err(_) => tracing::warn!("news will wait for the periodic read"),
        }
    }

    /// Writes these entries in one transaction. Beside what became of each: is there news?
    async fn write(
        &self,
        entries: &[Entry],
        locked: Locked,
    ) -> Result<(Results, bool), StoreError> {
        let transaction = self.database.begin().await?;
        match write_in(&transaction, entries, &self.keys, locked).await {
            Ok(written) => {
                self.database.commit(transaction).await?;
                Ok(written)
            }
            Err(error) => {
                if let Err(rollback) = transaction.rollback().await {
                    tracing::warn!(cause = %chain(&rollback), "a transaction was not rolled back");
                }
                Err(error)
            }
        }
    }
}

/// Refuses those that have waited for long enough. The others are tried again.
fn wait_or_refuse(mut left_out: Vec<Entry>) -> Vec<Entry> {
    let now = Instant::now();
    for entry in &mut left_out {
        entry.locked_since.get_or_insert(now);
    }
    let has_waited = |entry: &mut Entry| {
        entry.locked_since.is_some_and(|since| now.duration_since(since) >= LOCKED_FOR)
    };
    for entry in left_out.extract_if(.., has_waited) {
        let account = entry.fact().map(|fact| fact.account.to_string());
        tracing::error!(account, "somebody keeps the account's row locked; news of it is refused");
        let _ = entry.reply.send(Err(RecordError::Busy));
    }
    left_out
}

/// What became of each entry; nothing of those that were left out.
type Results = Vec<Option<Result<Written, RecordError>>>;

async fn write_in(
    db: &DatabaseTransaction,
    entries: &[Entry],
    keys: &DataKeys,
    locked: Locked,
) -> Result<(Results, bool), StoreError> {
    let now = entries.iter().filter_map(Entry::at).max().unwrap_or_default();
    let accounts: BTreeSet<AccountId> =
        entries.iter().filter_map(|entry| Some(entry.fact()?.account.clone())).collect();
    let accounts: Vec<_> = accounts.into_iter().collect();
    if locked == Locked::Wait {
        store::wait_briefly(db).await?;
    }
    let before = async {
        if accounts.is_empty() {
            return Ok(store::Loaded::default());
        }
        store::load_for_update(db, &accounts, now, locked).await
    };
    let ids: Vec<_> = entries.iter().filter_map(Entry::mono_event_id).collect();
    let known = store::known_event_ids(db, &ids);
    let (before, mut known) = if db.get_database_backend() == DbBackend::Sqlite {
        // Its transaction is the lock: the rows of one are read while the other runs.
        tokio::try_join!(before, known)?
    } else {
        // Looked for behind the locks: what another replica is writing is there by then.
        (before.await?, known.await?)
    };
    let is_taken =
        |entry: &&Entry| entry.fact().is_none_or(|fact| !before.locked.contains(&fact.account));
    let taken: Vec<&Entry> = entries.iter().filter(is_taken).collect();
    // Links behind accounts, always: two replicas that want the same rows queue up.
    let links = linking::load(db, &taken, now, &before.states).await?;
    let mut batch = Batch::new(&before.states, &links);
    let mut results = Vec::with_capacity(entries.len());
    for entry in entries {
        if !is_taken(&entry) {
            results.push(None);
            continue;
        }
        // Mono's id shows that it came before, or in this batch.
        let copy = entry.mono_event_id().is_some_and(|id| !known.insert(id.to_owned()));
        results.push(Some(batch.take(db, entry, copy).await?));
    }
    batch.save(db, now, keys).await?;
    Ok((results, !batch.changes.is_empty()))
}

impl Entry {
    /// Mono's id by which a copy is known. A replay is meant to be one.
    fn mono_event_id(&self) -> Option<&str> {
        let (delivery, _) = self.delivery.as_ref()?;
        delivery.mono_event_id.as_deref().filter(|_| delivery.replay_of.is_none())
    }

    fn at(&self) -> Option<Time> {
        match (&self.delivery, &self.news) {
            (Some((delivery, _)), _) => Some(delivery.received_at),
            (None, Some(News::Account(fact))) => Some(fact.at),
            (None, Some(News::Link(fact))) => Some(fact.at),
            (None, None) => None,
        }
    }

    fn fact(&self) -> Option<&Fact> {
        match &self.news {
            Some(News::Account(fact)) => Some(fact),
            Some(News::Link(_)) | None => None,
        }
    }
}

/// What a transaction is going to write.
struct Batch<'a> {
    before: &'a BTreeMap<AccountId, AccountState>,
    states: BTreeMap<AccountId, AccountState>,
    links_before: &'a BTreeMap<LinkId, LinkSession>,
    links: BTreeMap<LinkId, LinkSession>,
    superseded: Vec<Session>,
    ended: Vec<Session>,
    jobs: JobRows,
    facts: Vec<FactRow>,
    changes: Vec<(Subject, Change, Time)>,
    deliveries: Vec<(&'a Delivery, Outcome, bool)>,
    unproven: BTreeSet<AccountId>,
}

impl<'a> Batch<'a> {
    fn new(
        before: &'a BTreeMap<AccountId, AccountState>,
        links_before: &'a BTreeMap<LinkId, LinkSession>,
    ) -> Self {
        Self {
            before,
            states: before.clone(),
            links_before,
            links: links_before.clone(),
            superseded: Vec::new(),
            ended: Vec::new(),
            jobs: JobRows::default(),
            facts: Vec::new(),
            changes: Vec::new(),
            deliveries: Vec::new(),
            unproven: BTreeSet::new(),
        }
    }

    /// Folds one entry into the batch.
    async fn take(
        &mut self,
        db: &DatabaseTransaction,
        entry: &'a Entry,
        copy: bool,
    ) -> Result<Result<Written, RecordError>, StoreError> {
        let outcome = entry.delivery.as_ref().map_or(Outcome::Applied, |(_, outcome)| *outcome);
        let mut written = Written { outcome, recorded: None, link: None, unproven: None };
        let delivery = entry.delivery.as_ref().map(|(delivery, _)| delivery.id);
        let settled = if copy { Some(Outcome::Duplicate) } else { self.settled(db, entry).await? };
        let (facts, changes) = (self.facts.len(), self.changes.len());
        match (settled, &entry.news) {
            (Some(outcome), _) => written.outcome = outcome,
            (None, Some(News::Account(fact))) => match self.tell(db, fact, delivery).await? {
                Ok(recorded) => {
                    written.unproven = self.unproven.take(&fact.account);
                    written.outcome = outcome_of(&recorded.verdict);
                    written.recorded = Some(recorded);
                }
                Err(error) => return Ok(Err(error)),
            },
            (None, Some(News::Link(fact))) => match self.tell_link(db, fact, delivery).await? {
                Ok(recorded) => written.link = Some(recorded),
                Err(error) => return Ok(Err(error)),
            },
            (None, None) => {}
        }
        if let Some((replay, _)) = entry.replay() {
            self.tell_now(facts, changes, replay.received_at);
        }
        if let Some((delivery, _)) = &entry.delivery {
            self.deliveries.push((delivery, written.outcome, !copy));
        }
        Ok(Ok(written))
    }

    /// Folds a fact about an account, and what follows from it for the link that it came by.
    async fn tell(
        &mut self,
        db: &DatabaseTransaction,
        fact: &Fact,
        delivery: Option<EventId>,
    ) -> Result<Result<Recorded, RecordError>, StoreError> {
        if let Some((owner, key)) = key_of(&fact.what) {
            match store::keys::find(db, owner, key, fact.at).await? {
                Known::New => {}
                Known::Same(answer) => {
                    let state = self.states.get(&fact.account).cloned().unwrap_or_default();
                    return Ok(Ok(Recorded { verdict: Verdict::Repeated(answer), state }));
                }
                Known::Other => return Ok(Err(RecordError::KeyReused)),
            }
        }
        let asked_for = wishes::asked_for(self.states.get(&fact.account), &fact.what);
        let mut recorded = match self.fold(db, fact, delivery).await? {
            Ok(recorded) => recorded,
            Err(error) => return Ok(Err(error)),
        };
        wishes::forget_keys(db, &asked_for, &recorded.state).await?;
        if let Some((owner, key)) = key_of(&fact.what) {
            let answer = match (&recorded.verdict, &fact.what) {
                (Verdict::Applied, What::Requested(request)) => {
                    Some((request.id.to_string(), false))
                }
                (Verdict::Applied, What::Job(JobNews::Requested(request))) => {
                    Some((request.id.to_string(), false))
                }
                (Verdict::Reused(id), _) => Some((id.to_string(), true)),
                (Verdict::UnderWay(id), _) => Some((id.to_string(), true)),
                (
                    Verdict::Applied
                    | Verdict::Repeated(_)
                    | Verdict::TooSoon(_)
                    | Verdict::Ignored(_)
                    | Verdict::Refused,
                    _,
                ) => None,
            };
            if let Some((id, reused)) = answer {
                store::keys::save(db, owner, key, &Repeated { id, reused }, fact.at).await?;
            }
        }
        if let Some(state) = self.join(db, fact, delivery).await? {
            recorded.state = state;
        }
        Ok(Ok(recorded))
    }

    async fn fold(
        &mut self,
        db: &DatabaseTransaction,
        fact: &Fact,
        delivery: Option<EventId>,
    ) -> Result<Result<Recorded, RecordError>, StoreError> {
        let before = self.states.remove(&fact.account).unwrap_or_default();
        let folded = fold(&before, fact);
        if let What::Requested(request) = &fact.what
            && folded.verdict == Verdict::Applied
        {
            let here = |session: &Session| {
                session.owner == request.owner
                    && session.reference == request.reference
                    && session.keeps_reference()
            };
            let in_batch =
                self.states.values().chain([&before]).filter_map(|s| s.session.as_ref()).any(here);
            if in_batch || store::reference_is_taken(db, &request.owner, &request.reference).await?
            {
                self.states.insert(fact.account.clone(), before);
                return Ok(Err(RecordError::ReferenceInUse));
            }
        }
        if folded.state.unlinked && !before.unlinked {
            // It is forgotten: what came in this batch is not to be written after that.
            self.facts.retain(|row| !row.is_about(&fact.account));
        }
        // The log derives the state again: whatever moved it is in the log, asked for or not.
        let moved = folded.verdict == Verdict::Applied || folded.state != before;
        if (delivery.is_some() && !before.unlinked) || moved {
            self.facts.push(FactRow::of_account(fact, delivery)?);
        }
        let at = fact.at;
        let subject = Subject::Account(fact.account.clone());
        let changes = folded.changes.into_iter().map(|change| (subject.clone(), change, at));
        self.changes.extend(changes);
        self.superseded.extend(folded.superseded);
        self.jobs.note(&fact.account, &before, &folded.state, folded.result, at);
        // A session that ended without giving way, and is now replaced by a newer one within this
        // same batch, must not be lost.
        if let Some(old) = &before.session
            && folded.state.session.as_ref().is_none_or(|new| new.id != old.id)
        {
            self.ended.push(old.clone());
        }
        self.states.insert(fact.account.clone(), folded.state.clone());
        Ok(Ok(Recorded { verdict: folded.verdict, state: folded.state }))
    }

    async fn save(
        &self,
        db: &DatabaseTransaction,
        now: Time,
        keys: &DataKeys,
    ) -> Result<(), StoreError> {
        let empty = AccountState::default();
        let changed: Vec<_> = self
            .states
            .iter()
            .filter(|(id, state)| self.before.get(*id).unwrap_or(&empty) != *state)
            .collect();
        let gone: Vec<&Session> = self
            .ended
            .iter()
            .filter(|old| !self.superseded.iter().any(|newer| newer.id == old.id))
            .chain(&self.superseded)
            .collect();
        store::save_sessions(db, &gone).await?;
        let sessions: Vec<&Session> = changed
            .iter()
            .filter_map(|(id, state)| {
                let before = self.before.get(*id).and_then(|before| before.session.as_ref());
                state.session.as_ref().filter(|session| before != Some(session))
            })
            .collect();
        store::save_sessions(db, &sessions).await?;
        let links = self.links.iter().filter(|(id, link)| self.links_before.get(id) != Some(link));
        store::links::save(db, &links.map(|(_, link)| link).collect::<Vec<_>>()).await?;
        for (account, state) in &changed {
            if state.unlinked && !self.before.get(*account).is_some_and(|before| before.unlinked) {
                store::forget_account(db, account).await?;
                store::forget_customer_of_sessions(db, account).await?;
                store::links::forget_customer(db, account).await?;
            }
        }
        self.jobs.save(db, keys).await?;
        // In the order of the index that two replicas may both be adding to.
        let erased = self.erased(db).await?;
        let mut deliveries = self.deliveries.clone();
        for (delivery, ..) in &mut deliveries {
            *delivery = erased.get(&delivery.id).unwrap_or(delivery);
        }
        deliveries.sort_by(|(a, ..), (b, ..)| a.mono_event_id.cmp(&b.mono_event_id));
        // One is made while another runs; the connection takes one at a time. If one fails the others
        // are given up before they send anything: SQLite may have ended the transaction by itself, and
        // what comes after that would be kept.
        tokio::try_join!(
            store::save(db, self.before, &changed, now),
            store::append_facts(db, &self.facts),
            store::save_deliveries(db, &deliveries),
        )?;
        if !self.changes.is_empty() {
            // Last, so that others are held back for as short as can be.
            store::lock_log(db).await?;
            store::append_changes(db, &self.changes).await?;
        }
        Ok(())
    }
}

/// The key that a wish came with, and whose it is.
fn key_of(what: &What) -> Option<(&str, &IdempotencyKey)> {
    if let What::Requested(request) = what {
        return Some((&request.owner, request.key.as_ref()?));
    }
    let What::Job(JobNews::Requested(request)) = what else { return None };
    Some((&request.owner, request.key.as_ref()?))
}

fn outcome_of(verdict: &Verdict) -> Outcome {
    match verdict {
        Verdict::Applied | Verdict::Reused(_) | Verdict::Repeated(_) | Verdict::UnderWay(_) => {
            Outcome::Applied
        }
        Verdict::Ignored(Ignored::Duplicate) => Outcome::Duplicate,
        Verdict::Ignored(Ignored::Stale | Ignored::Unlinked | Ignored::NothingNew)
        | Verdict::Refused
        | Verdict::TooSoon(_) => Outcome::Ignored,
    }
}
