//! From the log to the subscribers: what lies behind a cursor, then what comes.
//!
//! One task a replica reads each committed change once and hands it to whoever listens. A
//! subscriber attaches before it reads the log, so nothing falls between; what it hears
//! twice it knows by its number. One that is too slow for its queue is not cut and loses nothing:
//! it goes back to reading the log from where it was.

use std::{
    collections::HashMap,
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::broadcast::{self, error::RecvError};

use super::{
    AccountState, LoggedChange, Subject,
    store::{self, Head, Piece, StoreError},
};
use crate::{database::Database, events::EventBus, ids::AccountId};

/// How often the log is read without being woken.
const PERIOD: Duration = Duration::from_secs(1);

/// How many changes are read at once.
const PAGE: u64 = 500;

/// How far a subscriber to everything may fall behind before it reads the log again.
const QUEUE_OF_ALL: usize = 1024;

/// The same for a subscriber to one account, which changes seldom.
const QUEUE_OF_ONE: usize = 16;

/// A place in the log, as subscribers hand it back. Opaque to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Which log.
    pub epoch: String,
    /// The last change seen.
    pub seq: i64,
}

/// A cursor that no gateway gave.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("a cursor is what an earlier event carried in its field cursor, unchanged")]
pub struct BadCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.seq)
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;
    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let (epoch, seq) = text.split_once('.').ok_or(BadCursor)?;
        let plain = !epoch.is_empty()
            && epoch.len() <= 64
            && epoch.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let digits = seq.bytes().all(|byte| byte.is_ascii_digit());
        let seq = seq.parse().ok().filter(|_: &i64| digits);
        match seq {
            Some(seq) if plain => Ok(Self { epoch: epoch.to_owned(), seq }),
            _ => Err(BadCursor),
        }
    }
}

/// Where a subscription leaves the cursor of the event that it told last, for transports that send
/// it beside the event, and takes the cursor to begin behind if the document names none.
#[derive(Clone, Debug, Default)]
pub struct CursorSlot {
    after: Option<String>,
    last: Arc<Mutex<Option<String>>>,
}

impl CursorSlot {
    /// Begins behind `after`, unless the document says otherwise.
    #[must_use]
    pub fn new(after: Option<String>) -> Self {
        Self { after, last: Arc::default() }
    }

    /// What to begin behind.
    #[must_use]
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    pub(super) fn set(&self, cursor: &Cursor) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(cursor.to_string());
    }

    /// The cursor of the event that was told last.
    #[must_use]
    pub fn take(&self) -> Option<String> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

type Sender = broadcast::Sender<Arc<LoggedChange>>;

/// Hands changes to subscribers. Clones share it.
#[derive(Clone)]
pub struct Feed {
    database: Database,
    all: Sender,
    of_one: Arc<Mutex<HashMap<Subject, Sender>>>,
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("listening_to_all", &self.all.receiver_count())
            .finish_non_exhaustive()
    }
}

impl Feed {
    /// A feed of this database's log. [`Feed::run`] must run for anything to be heard.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database, all: broadcast::Sender::new(QUEUE_OF_ALL), of_one: Arc::default() }
    }

    /// Reads the log as it grows, for ever.
    pub async fn run(self, bus: Arc<dyn EventBus>, start: i64) {
        let mut position = start;
        loop {
            // Waking is not news, so being woken once for many changes is as good as once for each.
            let _ = tokio::time::timeout(PERIOD, bus.woken()).await;
            match self.go_on(&mut position).await {
                Ok(()) => {}
                Err(error) => {
                    tracing::error!(cause = %crate::error::chain(&error), "the log of changes cannot be read; trying again");
                }
            }
            self.forget_idle();
            metrics::gauge!("mono_gateway_feed_listeners").set(self.listeners() as f64);
        }
    }

    /// Hands out what lies behind `position`, to the end of the log.
    async fn go_on(&self, position: &mut i64) -> Result<(), StoreError> {
        let db = self.database.reader();
        loop {
            if self.listeners() == 0 {
                let last = store::last_change(db).await?;
                // Whoever attaches from now on reads the log first, and finds all of this there; for
                // whoever came while its end was looked for, it is read below.
                if self.listeners() == 0 {
                    *position = last.unwrap_or(*position).max(*position);
                    return Ok(());
                }
            }
            let Piece { changes, through } = store::changes_after(db, *position, PAGE).await?;
            let Some(through) = through else { return Ok(()) };
            *position = through;
            for change in changes {
                self.hand_out(Arc::new(change));
            }
        }
    }

    /// How many subscribers are attached.
    #[must_use]
    pub fn listeners(&self) -> usize {
        let of_one: usize = self.subjects().values().map(broadcast::Sender::receiver_count).sum();
        self.all.receiver_count() + of_one
    }

    fn hand_out(&self, change: Arc<LoggedChange>) {
        let one = self.subjects().get(&change.subject).cloned();
        // Nobody listening is no failure.
        if let Some(one) = one {
            let _ = one.send(change.clone());
        }
        let _ = self.all.send(change);
    }

    fn subjects(&self) -> std::sync::MutexGuard<'_, HashMap<Subject, Sender>> {
        self.of_one.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the queues that nobody listens to any more.
    fn forget_idle(&self) {
        self.subjects().retain(|_, sender| sender.receiver_count() > 0);
    }

    /// Where the log stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn head(&self) -> Result<Head, StoreError> {
        store::head(self.database.reader()).await
    }

    /// An account's state and the place in the log at which it was so.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn state_at(
        &self,
        account: &AccountId,
    ) -> Result<(Option<AccountState>, Head), StoreError> {
        // In a task of its own: a subscriber that goes away meanwhile must not leave the connection
        // in the middle of a transaction, where the next one to have it would meet an error.
        let (feed, account) = (self.clone(), account.clone());
        match tokio::spawn(async move { feed.read_state_at(&account).await }).await {
            Ok(read) => read,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime stops, and with it whoever asked.
                Err(_) => std::future::pending().await,
            },
        }
    }

    async fn read_state_at(
        &self,
        account: &AccountId,
    ) -> Result<(Option<AccountState>, Head), StoreError> {
        // One moment for both.
        let transaction = self.database.moment().await?;
        let head = store::head(&transaction).await?;
        let state = store::load(&transaction, std::slice::from_ref(account)).await?.remove(account);
        transaction.commit().await?;
        Ok((state, head))
    }

    /// Attaches to the changes of one subject, or of all. Say where to begin before listening.
    #[must_use]
    pub fn attach(&self, subject: Option<Subject>) -> Listener {
        let receiver = match &subject {
            Some(subject) => self
                .subjects()
                .entry(subject.clone())
                .or_insert_with(|| broadcast::Sender::new(QUEUE_OF_ONE))
                .subscribe(),
            None => self.all.subscribe(),
        };
        let feed = self.clone();
        Listener { feed, subject, receiver, position: 0, reading: true, resuming: false }
    }
}

/// What a subscriber hears next.
#[derive(Clone, Debug)]
pub enum Heard {
    /// Changes, in order.
    Changes(Vec<Arc<LoggedChange>>),
    /// What lay behind its place was removed before it was read. The log stands here now, and what
    /// comes behind that follows.
    Gap(Head),
}

/// A subscriber's place in the log.
#[derive(Debug)]
pub struct Listener {
    feed: Feed,
    subject: Option<Subject>,
    receiver: broadcast::Receiver<Arc<LoggedChange>>,
    position: i64,
    /// The log is to be read before the queue.
    reading: bool,
    /// It is behind by as much as a client was away: that may be removed while it is read.
    resuming: bool,
}

impl Listener {
    /// Begins behind this change, the last one.
    pub fn begin_after(&mut self, seq: i64) {
        self.position = seq;
        self.reading = true;
        self.resuming = false;
    }

    /// Begins behind this change, of whenever.
    pub fn resume_after(&mut self, seq: i64) {
        self.begin_after(seq);
        self.resuming = true;
    }

    /// The next changes, in order, each once. Waits for one if there is none.
    ///
    /// # Errors
    /// [`StoreError`]; asking again goes on where this failed.
    pub async fn next(&mut self) -> Result<Heard, StoreError> {
        loop {
            if self.reading {
                let db = self.feed.database.reader();
                // A statement on its way is large; a subscriber that waits is not to hold its room.
                let piece = match &self.subject {
                    Some(subject) => {
                        Box::pin(store::changes_of_after(db, subject, self.position, PAGE)).await?
                    }
                    None => Box::pin(store::changes_after(db, self.position, PAGE)).await?,
                };
                if self.resuming {
                    // Asked behind the reading: what was missing then is marked as removed by now.
                    let head = Box::pin(store::head(db)).await?;
                    if head.trimmed_through > self.position {
                        self.begin_after(head.last);
                        return Ok(Heard::Gap(head));
                    }
                }
                match piece.through {
                    Some(through) => self.position = through,
                    None => (self.reading, self.resuming) = (false, false),
                }
                if !piece.changes.is_empty() {
                    return Ok(Heard::Changes(piece.changes.into_iter().map(Arc::new).collect()));
                }
                continue;
            }
            match self.receiver.recv().await {
                Ok(change) if change.seq > self.position => {
                    self.position = change.seq;
                    return Ok(Heard::Changes(vec![change]));
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => {
                    metrics::counter!("mono_gateway_subscriptions_lagged_total").increment(1);
                    self.reading = true;
                }
                // The feed's own end is held by this listener, so it does not come.
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_being_printed_and_read() {
        let cursor = Cursor { epoch: "5f0a".into(), seq: 17 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for bad in ["", "17", "5f0a.", "5f0a.-1", ".3", "a b.1", "5f0a.1.2"] {
            assert_eq!(bad.parse::<Cursor>(), Err(BadCursor), "{bad}");
        }
    }
}
