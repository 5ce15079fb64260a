//! From the feed to one subscription: where it begins, what it may hear, and where it is.

use std::{collections::VecDeque, sync::Arc};

use async_graphql::Context;
use futures_util::{Stream, stream};

use super::ChangeKind;
use crate::{
    access::require,
    account::{graphql::Account, loader::Loaders},
    caller::Scope,
    clock::Time,
    error::{ApiError, ErrorCode, Result, chain},
    ids::ReauthId,
    lifecycle::{
        AccountState, Change, ChangeCause, DataStatus, LoggedChange, Subject,
        feed::{BadCursor, Cursor, CursorSlot, Heard, Listener},
        link::LinkSession,
        store::Head,
    },
    reauth::graphql::ReauthSession,
};

/// What a subscription is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    /// Data statuses.
    DataStatus,
    /// Consent.
    Reauth,
    /// Link sessions.
    Link,
    /// Jobs.
    Job,
}

impl Topic {
    fn of(change: &Change) -> Self {
        match change {
            Change::DataStatus { .. } => Self::DataStatus,
            Change::Reauth { .. } => Self::Reauth,
            Change::Link { .. } => Self::Link,
            Change::Job { .. } => Self::Job,
        }
    }
}

/// An event on its way to a subscriber.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) cursor: Cursor,
    pub(super) kind: ChangeKind,
    pub(super) subject: Option<Subject>,
    pub(super) change: Option<Change>,
    pub(super) at: Time,
    pub(super) loaders: Loaders,
}

impl Told {
    /// An event of its own, that is no change: told at this place in the log.
    fn at(
        head: &Head,
        kind: ChangeKind,
        about: Option<(Subject, Change)>,
        loaders: &Loaders,
    ) -> Self {
        let (subject, change) = about.unzip();
        Self {
            cursor: Cursor { epoch: head.epoch.clone(), seq: head.last },
            kind,
            subject,
            change,
            at: loaders.sources().accounts.lifecycle().clock().now(),
            loaders: loaders.fresh(),
        }
    }

    /// What caused it, if something did.
    pub(super) fn cause(&self) -> Option<ChangeCause> {
        self.change.as_ref().filter(|_| self.kind == ChangeKind::Change).map(Change::cause)
    }

    /// The account that it is about.
    pub(super) async fn account(&self) -> Result<Option<Account>> {
        match &self.subject {
            Some(Subject::Account(id)) => Account::of(id, &self.loaders).await.map(Some),
            Some(Subject::Link(_)) | None => Ok(None),
        }
    }

    /// A re-authorisation that it names.
    pub(super) async fn session(&self, id: Option<ReauthId>) -> Result<Option<ReauthSession>> {
        let Some(id) = id else { return Ok(None) };
        let session = self.loaders.session(id).await?;
        Ok(session.map(|session| ReauthSession::new((*session).clone(), self.loaders.clone())))
    }
}

/// A subscriber's place: what was told of it already, and where the rest comes from.
struct Follower {
    topic: Topic,
    epoch: String,
    listener: Listener,
    /// What comes first, then what was read of the log and not told yet.
    first: VecDeque<Told>,
    ready: VecDeque<Arc<LoggedChange>>,
    loaders: Loaders,
    slot: CursorSlot,
}

/// Finds where to begin, attaches, then streams. The library keeps the room of whatever
/// begins a stream for as long as the stream lives: this is large, so put it into a box.
pub(super) async fn follow(
    ctx: &Context<'_>,
    topic: Topic,
    subject: Option<Subject>,
    after: Option<String>,
    snapshot: bool,
) -> Result<impl Stream<Item = Told> + use<>> {
    let loaders = ctx.data_unchecked::<Loaders>().clone();
    require(loaders.caller(), Scope::AccountsRead)?;
    let slot = ctx.data_opt::<CursorSlot>().cloned().unwrap_or_default();
    // A client that reconnects repeats its document, cursor and all; what it saw last is newer.
    let after: Option<Cursor> = slot
        .after()
        .map(str::to_owned)
        .or(after)
        .map(|text| text.parse())
        .transpose()
        .map_err(|error: BadCursor| ApiError::shown(ErrorCode::BadUserInput, &error))?;
    let feed = loaders.sources().accounts.lifecycle().feed().clone();
    let (standing, head) = match &subject {
        Some(subject) if snapshot && after.is_none() => {
            as_it_stands(&loaders, topic, subject).await?
        }
        Some(_) | None => (None, feed.head().await.map_err(ApiError::from)?),
    };
    // Whoever is counted as a listener has its place: a listener reads the log from there before
    // it hears what is handed out, so nothing falls between.
    let mut listener = feed.attach(subject.clone());
    let is_kept = after.as_ref().map(|cursor| is_kept(cursor, &head));
    match after {
        Some(cursor) if is_kept == Some(true) => listener.resume_after(cursor.seq),
        Some(_) | None => listener.begin_after(head.last),
    }
    let mut first = VecDeque::new();
    if is_kept == Some(false) {
        first.push_back(Told::at(&head, ChangeKind::Resync, None, &loaders));
    }
    if let Some(standing) = standing {
        let about = subject.map(|subject| (subject, standing));
        first.push_back(Told::at(&head, ChangeKind::Snapshot, about, &loaders));
    }
    let follower = Follower {
        topic,
        epoch: head.epoch,
        listener,
        first,
        ready: VecDeque::new(),
        loaders,
        slot,
    };
    Ok(stream::unfold(follower, |mut follower| async {
        let told = follower.next().await?;
        Some((told, follower))
    }))
}

/// Whether what comes behind this cursor can be told.
fn is_kept(cursor: &Cursor, head: &Head) -> bool {
    cursor.epoch == head.epoch && (head.trimmed_through..=head.last).contains(&cursor.seq)
}

/// How things stand, if the gateway knows the subject and the caller may see it, and the place in
/// the log at which it was so.
async fn as_it_stands(
    loaders: &Loaders,
    topic: Topic,
    subject: &Subject,
) -> Result<(Option<Change>, Head)> {
    let lifecycle = loaders.sources().accounts.lifecycle();
    match subject {
        Subject::Account(account) => {
            if !loaders.may_see(account).await? {
                return Ok((None, lifecycle.feed().head().await.map_err(ApiError::from)?));
            }
            let read = lifecycle.feed().state_at(account).await;
            let (state, head) = read.map_err(ApiError::from)?;
            let known = state.filter(|state| !state.unlinked);
            Ok((known.and_then(|state| of_account(topic, &state)), head))
        }
        Subject::Link(link) => {
            // The place first: what moves between the two is told twice, and never not at all.
            let head = lifecycle.feed().head().await.map_err(ApiError::from)?;
            let session = lifecycle.link(*link).await.map_err(ApiError::from)?;
            let theirs = |session: &LinkSession| session.is_seen_by(loaders.caller());
            Ok((
                session.filter(theirs).map(|session| session.as_change(ChangeCause::Mutation)),
                head,
            ))
        }
    }
}

fn of_account(topic: Topic, state: &AccountState) -> Option<Change> {
    let session = state.live_session();
    match topic {
        Topic::DataStatus => Some(Change::DataStatus {
            from: None,
            to: state.data.status.unwrap_or(DataStatus::Unknown),
            cause: ChangeCause::Mutation,
            reauth: session.map(|session| session.id),
        }),
        Topic::Reauth => Some(Change::Reauth {
            required: state.need.is_some(),
            reason: state.need.as_ref().map(|need| need.reason),
            cause: ChangeCause::Mutation,
            reauth: session.map(|session| session.id),
            status: session.map(|session| session.status()),
        }),
        Topic::Link => None,
        Topic::Job => {
            state.jobs.iter().max_by_key(|job| job.created_at).map(|newest| Change::Job {
                job: newest.id,
                product: newest.kind,
                status: newest.status(),
                cause: ChangeCause::Mutation,
            })
        }
    }
}

impl Follower {
    /// The next event that is of this subscription and that its caller may see.
    async fn next(&mut self) -> Option<Told> {
        loop {
            let told = match self.first.pop_front() {
                Some(told) => Some(told),
                None => self.ready.pop_front().map(|change| self.told(&change)),
            };
            if let Some(told) = told {
                self.slot.set(&told.cursor);
                return Some(told);
            }
            match self.listener.next().await {
                Ok(Heard::Gap(head)) => {
                    self.first.push_back(Told::at(&head, ChangeKind::Resync, None, &self.loaders));
                    self.epoch = head.epoch;
                }
                Ok(Heard::Changes(changes)) => {
                    let wanted = changes.into_iter().filter(|change| self.wants(change));
                    let wanted: Vec<_> = wanted.collect();
                    self.ready.extend(wanted);
                }
                Err(error) => {
                    // Nothing is lost: the subscriber comes back with its last cursor.
                    tracing::error!(cause = %chain(&error), "a subscription ends because the log cannot be read");
                    return None;
                }
            }
        }
    }

    fn wants(&self, logged: &LoggedChange) -> bool {
        // Asked for every event: rights end while subscriptions run.
        Topic::of(&logged.change) == self.topic && logged.is_seen_by(self.loaders.caller())
    }

    fn told(&self, logged: &LoggedChange) -> Told {
        Told {
            cursor: Cursor { epoch: self.epoch.clone(), seq: logged.seq },
            kind: ChangeKind::Change,
            subject: Some(logged.subject.clone()),
            change: Some(logged.change.clone()),
            at: logged.at,
            loaders: self.loaders.fresh(),
        }
    }
}
