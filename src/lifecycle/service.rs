//! The one door through which facts become state.
//!
//! Behind it a single writer takes what is waiting and commits it as one transaction: the
//! deliveries, the facts, the states, the sessions and the changes. Whoever brought something is
//! answered after the commit, so what was acknowledged is on the disk.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
    time::Instant,
};

use super::{
    AccountState,
    fact::{Fact, What},
    feed::Feed,
    fold::Verdict,
    job::Job,
    link::{LinkFact, LinkSession, LinkWhat},
    recogniser::Recogniser,
    session::Session,
    store::{self, Delivery, Kept, Outcome, StoreError},
    writer::{Entry, News, Writer, Written},
};
use crate::{
    caller::Caller,
    clock::Clock,
    database::Database,
    error::chain,
    events::EventBus,
    ids::{AccountId, JobId, LinkId, ReauthId},
    seal::DataKeys,
};

/// How many entries wait for the writer before more are refused.
const QUEUE: usize = 4096;

/// For how long, and how long apart, Mono's answer is tried to be recorded.
const RECORD_WITHIN: Duration = Duration::from_secs(30);
const RECORD_PAUSE: Duration = Duration::from_millis(500);

/// How many of a caller's accounts are searched for a customer at once.
const CUSTOMERS_AT_ONCE: u64 = 200;

/// A fact could not be recorded. Nothing of it was.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RecordError {
    /// Too much is waiting.
    #[error("the gateway has more to write than it can")]
    Busy,
    /// Another session of this owner has the reference.
    #[error("the reference is in use by another session")]
    ReferenceInUse,
    /// The owner asked for something else by this key.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The database failed.
    #[error("the state of the account cannot be written")]
    Store(#[source] Arc<StoreError>),
}

impl RecordError {
    /// Whether the same may be recorded a moment later.
    fn may_pass(&self) -> bool {
        match self {
            Self::Busy => true,
            Self::ReferenceInUse | Self::KeyReused => false,
            Self::Store(error) => {
                error.is_of_database() || error.is_conflict() || error.is_locked()
            }
        }
    }
}

/// What became of a fact.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Whether it holds, and if not, why.
    pub verdict: Verdict,
    /// The state of its account now.
    pub state: AccountState,
}

/// What became of a delivery.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// In one word.
    pub outcome: Outcome,
    /// The account whose details would show which link session it came by.
    pub unproven: Option<AccountId>,
}

/// What became of a fact about a link session.
#[derive(Clone, Debug)]
pub struct RecordedLink {
    /// Whether it holds, and if not, why.
    pub verdict: Verdict,
    /// The session now.
    pub session: Option<LinkSession>,
}

/// What runs behind the door.
#[derive(Debug)]
pub struct Tasks {
    /// Writes. Ends once the door is closed and all that was brought is written.
    pub writer: JoinHandle<()>,
    /// Reads the log for subscribers, for ever.
    pub reader: JoinHandle<()>,
    closing: Arc<Notify>,
}

impl Tasks {
    /// Closes the door: whoever brings something from now on is refused.
    pub fn close(&self) {
        self.closing.notify_one();
    }
}

/// The one door. Clones share it.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    queue: mpsc::Sender<Entry>,
    database: Database,
    clock: Clock,
    feed: Feed,
    recogniser: Recogniser,
    keys: DataKeys,
}

impl Lifecycle {
    /// Reads where the log stands, beginning it in this mode if it is new.
    ///
    /// # Errors
    /// [`StoreError`] if the log cannot be read.
    pub async fn log(database: &Database, mode: &str) -> Result<store::Head, StoreError> {
        let epoch = format!("{:016x}", rand::random::<u64>());
        store::begin_log(database.writer(), &epoch, mode).await?;
        store::head(database.reader()).await
    }

    /// Opens the door: starts the writer and the feed. What jobs bring is sealed with `keys`.
    #[must_use]
    pub fn start(
        database: Database,
        clock: Clock,
        bus: Arc<dyn EventBus>,
        head: &store::Head,
        recogniser: Recogniser,
        keys: DataKeys,
    ) -> (Self, Tasks) {
        let feed = Feed::new(database.clone());
        let reader = tokio::spawn(feed.clone().run(bus.clone(), head.last));
        let (queue, entries) = mpsc::channel(QUEUE);
        let closing = Arc::new(Notify::new());
        let writer = Writer {
            database: database.clone(),
            bus,
            closing: closing.clone(),
            keys: keys.clone(),
            callers: Handle::current(),
        };
        let writer = writer.spawn(entries);
        (Self { queue, database, clock, feed, recogniser, keys }, Tasks { writer, reader, closing })
    }

    /// Records a fact and answers when it is on the disk.
    ///
    /// # Errors
    /// [`RecordError`]; then nothing of it was recorded.
    pub async fn record(&self, account: AccountId, what: What) -> Result<Recorded, RecordError> {
        let fact = Fact { account, at: self.clock.now(), what };
        let written = self.enter(None, Some(News::Account(fact))).await?;
        written.recorded.ok_or(RecordError::Busy)
    }

    /// Records a fact about a link session and answers when it is on the disk.
    ///
    /// # Errors
    /// [`RecordError`]; then nothing of it was recorded.
    pub async fn record_link(
        &self,
        link: LinkId,
        what: LinkWhat,
    ) -> Result<RecordedLink, RecordError> {
        let fact = LinkFact { link, at: self.clock.now(), what };
        let written = self.enter(None, Some(News::Link(fact))).await?;
        written.link.ok_or(RecordError::Busy)
    }

    /// Records what Mono answered, with patience: it answers once, and that the writer is busy or
    /// the database away for a moment must not lose it.
    ///
    /// # Errors
    /// [`RecordError`] of the try that is under way after half a minute (a database that is locked
    /// keeps one for some seconds), or at once if trying again is of no use.
    pub async fn patiently<T, F>(record: impl Fn() -> F) -> Result<T, RecordError>
    where
        F: Future<Output = Result<T, RecordError>>,
    {
        Self::patiently_within(RECORD_WITHIN, RECORD_PAUSE, record).await
    }

    async fn patiently_within<T, F>(
        within: Duration,
        pause: Duration,
        record: impl Fn() -> F,
    ) -> Result<T, RecordError>
    where
        F: Future<Output = Result<T, RecordError>>,
    {
        let until = Instant::now() + within;
        loop {
            match record().await {
                Err(error) if error.may_pass() && Instant::now() + pause < until => {
                    tracing::warn!(cause = %chain(&error), "Mono's answer is not recorded yet; trying again");
                    tokio::time::sleep(pause).await;
                }
                result => return result,
            }
        }
    }

    /// Records a delivery with the fact that it told, if it told one, and answers when both are on
    /// the disk. `otherwise` is what becomes of it without a fact.
    ///
    /// # Errors
    /// [`RecordError`]; then nothing of it was recorded.
    pub async fn record_delivery(
        &self,
        delivery: Delivery,
        what: Option<(AccountId, What)>,
        otherwise: Outcome,
    ) -> Result<Delivered, RecordError> {
        let at = delivery.received_at;
        let news = what.map(|(account, what)| News::Account(Fact { account, at, what }));
        let written = self.enter(Some((delivery, otherwise)), news).await?;
        Ok(Delivered { outcome: written.outcome, unproven: written.unproven })
    }

    pub(super) async fn enter(
        &self,
        delivery: Option<(Delivery, Outcome)>,
        news: Option<News>,
    ) -> Result<Written, RecordError> {
        let (reply, answer) = oneshot::channel();
        // A full queue is refused at once: Mono tries again, and memory stays bounded.
        let entry = Entry { delivery, news, reply, locked_since: None };
        self.queue.try_send(entry).map_err(|_| RecordError::Busy)?;
        answer.await.map_err(|_| RecordError::Busy)?
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// The states of these accounts; one that the gateway does not know is absent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn states(
        &self,
        accounts: &[AccountId],
    ) -> Result<BTreeMap<AccountId, AccountState>, StoreError> {
        store::load(self.database.reader(), accounts).await
    }

    /// A page of the accounts that `caller` may see.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(
        &self,
        caller: &Caller,
        filter: &store::AccountFilter,
        after: Option<&AccountId>,
        first: u64,
    ) -> Result<store::AccountPage, StoreError> {
        store::list(self.database.reader(), caller, filter, after, first).await
    }

    /// Whether `caller` may see this account. Asks the same of the database whether it exists or
    /// not, and whoever it belongs to.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn may_see(&self, caller: &Caller, account: &AccountId) -> Result<bool, StoreError> {
        if caller.may_see(account) {
            return Ok(true);
        }
        let accounts = std::slice::from_ref(account);
        Ok(!store::owned(self.database.reader(), caller.owner(), accounts).await?.is_empty())
    }

    /// Which of these accounts `caller` linked through the gateway.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn owned(
        &self,
        caller: &Caller,
        accounts: &[AccountId],
    ) -> Result<Vec<AccountId>, StoreError> {
        store::owned(self.database.reader(), caller.owner(), accounts).await
    }

    /// The accounts that are the same account at the bank as one known by one of these digests, by
    /// digest, oldest first, as far as `caller` may see them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn same_bank_account(
        &self,
        caller: &Caller,
        digests: &[String],
    ) -> Result<BTreeMap<String, Vec<(AccountId, AccountState)>>, StoreError> {
        store::same_bank_account(self.database.reader(), caller, digests).await
    }

    /// Whether `caller` may link more accounts for Mono's customer `customer`: they linked one for
    /// them before, or may see an account of theirs.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn knows_customer(
        &self,
        caller: &Caller,
        customer: &str,
    ) -> Result<bool, StoreError> {
        let db = self.database.reader();
        if caller.sees_all() || store::links::has_customer(db, caller.owner(), customer).await? {
            return Ok(true);
        }
        let mut after: Option<AccountId> = None;
        loop {
            let any = store::AccountFilter::default();
            let page = store::list(db, caller, &any, after.as_ref(), CUSTOMERS_AT_ONCE).await?;
            let theirs = |state: &AccountState| state.customer.as_deref() == Some(customer);
            if page.accounts.iter().any(|(_, state)| theirs(state)) {
                return Ok(true);
            }
            match page.accounts.last().filter(|_| page.has_next) {
                Some((last, _)) => after = Some(last.clone()),
                None => return Ok(false),
            }
        }
    }

    /// The link session of this id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn link(&self, id: LinkId) -> Result<Option<LinkSession>, StoreError> {
        store::links::by_id(self.database.reader(), id).await
    }

    /// The link session of `caller` that has this reference.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn link_by_reference(
        &self,
        caller: &Caller,
        reference: &str,
    ) -> Result<Option<LinkSession>, StoreError> {
        store::links::by_reference(self.database.reader(), caller, reference).await
    }

    /// The session of this id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn session(&self, id: ReauthId) -> Result<Option<Session>, StoreError> {
        store::session_by_id(self.database.reader(), id).await
    }

    /// The sessions of these ids; unknown ones are absent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sessions(&self, ids: &[ReauthId]) -> Result<Vec<Session>, StoreError> {
        store::sessions_by_ids(self.database.reader(), ids).await
    }

    /// The session that `caller` may see and that has this reference.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn session_by_reference(
        &self,
        caller: &Caller,
        reference: &str,
    ) -> Result<Option<Session>, StoreError> {
        store::session_by_reference(self.database.reader(), caller, reference).await
    }

    /// The sessions of an account, newest first: `first` of them behind `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sessions_of(
        &self,
        account: &AccountId,
        after: Option<ReauthId>,
        first: u64,
    ) -> Result<Vec<Session>, StoreError> {
        store::sessions_of_account(self.database.reader(), account, after, first).await
    }

    /// The job of this id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        store::job_by_id(self.database.reader(), id).await
    }

    /// What the job of this id brought, as far as it is still kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn job_result(&self, id: JobId) -> Result<Kept, StoreError> {
        let kept = store::job_result(self.database.reader(), id, self.clock.now()).await?;
        store::opened_result(id, kept, &self.keys)
    }

    /// Hands on what the job of this id brought, and erases it: only one who asks gets it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_job_result(&self, id: JobId) -> Result<Kept, StoreError> {
        // What does not open is not erased.
        self.job_result(id).await?;
        let kept = store::take_job_result(self.database.writer(), id, self.clock.now()).await?;
        store::opened_result(id, kept, &self.keys)
    }

    /// Where changes are heard.
    #[must_use]
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// What knows a bank's account again.
    #[must_use]
    pub fn recogniser(&self) -> &Recogniser {
        &self.recogniser
    }

    /// The clock that facts are dated by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn an_answer_is_tried_to_be_recorded_for_so_long_however_long_a_try_takes() {
        let (within, pause) = (Duration::from_millis(200), Duration::from_millis(10));
        let (tries, a_try) = (AtomicU32::new(0), Duration::from_millis(90));
        // As a database that is locked.
        let record = || async {
            tries.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(a_try).await;
            Err::<(), _>(RecordError::Busy)
        };
        let result = Lifecycle::patiently_within(within, pause, record).await;
        assert!(matches!(result, Err(RecordError::Busy)));
        assert!((1..=2).contains(&tries.load(Ordering::Relaxed)), "{tries:?}");
    }

    #[tokio::test]
    async fn what_is_of_no_use_to_try_again_is_not() {
        let tries = AtomicU32::new(0);
        let record = || async {
            tries.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(RecordError::KeyReused)
        };
        assert!(matches!(Lifecycle::patiently(record).await, Err(RecordError::KeyReused)));
        assert_eq!(tries.load(Ordering::Relaxed), 1);
    }
}
