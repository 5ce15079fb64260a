//! What subscribers are told: `dataStatusChanged`, `reauthChanged`.

use std::{collections::VecDeque, sync::Arc};

use async_graphql::{Context, Enum, ID, Object, Subscription};
use futures_util::{Stream, stream};

use super::{
    Change, ChangeCause, DataStatus, LoggedChange, ReauthReason,
    feed::{Cursor, CursorSlot, Listener},
    session::ReauthStatus,
    store::Head,
};
use crate::{
    access::require,
    account::{graphql::Account, loader::Loaders},
    caller::Scope,
    clock::Time,
    error::{ApiError, ErrorCode, Result},
    ids::{AccountId, ReauthId},
    reauth::graphql::ReauthSession,
    scalar::DateTime,
};

/// What an event of a subscription is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum ChangeKind {
    /// How things stand as the subscription begins. Nothing happened.
    Snapshot,
    /// Something became true.
    Change,
    /// The gateway cannot tell what happened since the cursor in after. Read anew, then go on from
    /// here.
    Resync,
}

/// Which of the two subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topic {
    DataStatus,
    Reauth,
}

/// An event on its way to a subscriber.
#[derive(Clone, Debug)]
struct Told {
    cursor: Cursor,
    kind: ChangeKind,
    account: Option<AccountId>,
    change: Option<Change>,
    at: Time,
    loaders: Loaders,
}

impl Told {
    async fn account(&self) -> Result<Option<Account>> {
        match &self.account {
            Some(id) => Account::of(id, &self.loaders).await.map(Some),
            None => Ok(None),
        }
    }

    async fn session(&self, id: Option<ReauthId>) -> Result<Option<ReauthSession>> {
        let Some(id) = id else { return Ok(None) };
        let session = self.loaders.session(id).await?;
        let view = |s: Arc<super::session::Session>| {
            ReauthSession::new((*s).clone(), self.loaders.clone())
        };
        Ok(session.map(view))
    }
}

/// The data status of an account moved.
struct DataStatusChange(Told);

/// The data status of an account moved, or the data of a re-authorisation arrived under the status
/// that it had.
#[Object]
impl DataStatusChange {
    /// Where this stands in the log. Pass it as after to hear what comes behind it, each once.
    async fn cursor(&self) -> String {
        self.0.cursor.to_string()
    }

    /// What this event is.
    async fn kind(&self) -> ChangeKind {
        self.0.kind
    }

    /// The status before; null if it was not known, and for SNAPSHOT and RESYNC.
    async fn from(&self) -> Option<DataStatus> {
        match &self.0.change {
            Some(Change::DataStatus { from, .. }) if self.0.kind == ChangeKind::Change => *from,
            Some(Change::DataStatus { .. } | Change::Reauth { .. }) | None => None,
        }
    }

    /// The status now; null for RESYNC.
    async fn to(&self) -> Option<DataStatus> {
        match &self.0.change {
            Some(Change::DataStatus { to, .. }) => Some(*to),
            Some(Change::Reauth { .. }) | None => None,
        }
    }

    /// What caused it; null for SNAPSHOT and RESYNC.
    async fn cause(&self) -> Option<ChangeCause> {
        match &self.0.change {
            Some(Change::DataStatus { cause, .. }) if self.0.kind == ChangeKind::Change => {
                Some(*cause)
            }
            Some(Change::DataStatus { .. } | Change::Reauth { .. }) | None => None,
        }
    }

    /// The account as it is when this is told; null for RESYNC.
    async fn account(&self) -> Option<Result<Account>> {
        self.0.account().await.transpose()
    }

    /// The re-authorisation that this belongs to, as it is when this is told.
    async fn reauth(&self) -> Option<Result<ReauthSession>> {
        let id = match &self.0.change {
            Some(Change::DataStatus { reauth, .. }) => *reauth,
            Some(Change::Reauth { .. }) | None => None,
        };
        self.0.session(id).await.transpose()
    }

    /// When it was recorded, by the gateway's clock.
    async fn occurred_at(&self) -> DateTime {
        DateTime(self.0.at)
    }
}

/// The customer is wanted or no longer wanted, or a session moved.
struct ReauthChange(Told);

/// The customer must authorise again, or no longer must, or a session moved.
#[Object]
impl ReauthChange {
    /// Where this stands in the log. Pass it as after to hear what comes behind it, each once.
    async fn cursor(&self) -> String {
        self.0.cursor.to_string()
    }

    /// What this event is.
    async fn kind(&self) -> ChangeKind {
        self.0.kind
    }

    /// Whether the customer must authorise again, once this happened; null for RESYNC.
    async fn required(&self) -> Option<bool> {
        match &self.0.change {
            Some(Change::Reauth { required, .. }) => Some(*required),
            Some(Change::DataStatus { .. }) | None => None,
        }
    }

    /// How Mono said so; null if the customer is not wanted.
    async fn reason(&self) -> Option<ReauthReason> {
        match &self.0.change {
            Some(Change::Reauth { reason, .. }) => *reason,
            Some(Change::DataStatus { .. }) | None => None,
        }
    }

    /// What caused it; null for SNAPSHOT and RESYNC.
    async fn cause(&self) -> Option<ChangeCause> {
        match &self.0.change {
            Some(Change::Reauth { cause, .. }) if self.0.kind == ChangeKind::Change => Some(*cause),
            Some(Change::DataStatus { .. } | Change::Reauth { .. }) | None => None,
        }
    }

    /// The account as it is when this is told; null for RESYNC.
    async fn account(&self) -> Option<Result<Account>> {
        self.0.account().await.transpose()
    }

    /// The session that moved, as it is when this is told; null if none moved.
    async fn reauth(&self) -> Option<Result<ReauthSession>> {
        let id = match &self.0.change {
            Some(Change::Reauth { reauth, .. }) => *reauth,
            Some(Change::DataStatus { .. }) | None => None,
        };
        self.0.session(id).await.transpose()
    }

    /// How far that session was once this happened; null if none moved.
    async fn reauth_status(&self) -> Option<ReauthStatus> {
        match &self.0.change {
            Some(Change::Reauth { status, .. }) => *status,
            Some(Change::DataStatus { .. }) | None => None,
        }
    }

    /// When it was recorded, by the gateway's clock.
    async fn occurred_at(&self) -> DateTime {
        DateTime(self.0.at)
    }
}

/// The subscriptions about accounts.
#[derive(Debug, Default)]
pub struct LifecycleSubscription;

/// Everything that can be listened to.
#[Subscription]
impl LifecycleSubscription {
    /// Tells when the data status of an account moves: each change once, in order.
    async fn data_status_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this account; of all that you may see if left out.")]
        account_id: Option<ID>,
        #[graphql(desc = "The cursor of the last event that you saw: tells what came since.")]
        after: Option<String>,
        #[graphql(
            default = true,
            desc = "Begin with how things stand, if accountId is given and after is not."
        )]
        snapshot: bool,
    ) -> Result<impl Stream<Item = DataStatusChange>> {
        let told = Box::pin(follow(ctx, Topic::DataStatus, account_id, after, snapshot)).await?;
        Ok(futures_util::StreamExt::map(told, DataStatusChange))
    }

    /// Tells when a customer must authorise again or no longer must, and when a session moves:
    /// each change once, in order.
    async fn reauth_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this account; of all that you may see if left out.")]
        account_id: Option<ID>,
        #[graphql(desc = "The cursor of the last event that you saw: tells what came since.")]
        after: Option<String>,
        #[graphql(
            default = true,
            desc = "Begin with how things stand, if accountId is given and after is not."
        )]
        snapshot: bool,
    ) -> Result<impl Stream<Item = ReauthChange>> {
        let told = Box::pin(follow(ctx, Topic::Reauth, account_id, after, snapshot)).await?;
        Ok(futures_util::StreamExt::map(told, ReauthChange))
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

/// Attaches first, then finds where to begin, then streams. The library keeps the room of whatever
/// begins a stream for as long as the stream lives: this is large, so put it into a box.
async fn follow(
    ctx: &Context<'_>,
    topic: Topic,
    account_id: Option<ID>,
    after: Option<String>,
    snapshot: bool,
) -> Result<impl Stream<Item = Told> + use<>> {
    let loaders = ctx.data_unchecked::<Loaders>().clone();
    require(loaders.caller(), Scope::AccountsRead)?;
    let account = account_id.map(|id| AccountId::parse(&id)).transpose()?;
    let slot = ctx.data_opt::<CursorSlot>().cloned().unwrap_or_default();
    // A client that reconnects repeats its document, cursor and all; what it saw last is newer.
    let after: Option<Cursor> =
        slot.after().map(str::to_owned).or(after).map(|text| text.parse()).transpose().map_err(
            |error: super::feed::BadCursor| ApiError::shown(ErrorCode::BadUserInput, &error),
        )?;
    let feed = loaders.sources().accounts.lifecycle().feed().clone();
    let mut listener = feed.attach(account.clone());
    let seen = account.filter(|id| snapshot && after.is_none() && loaders.caller().may_see(id));
    let (state, head) = match &seen {
        Some(id) => feed.state_at(id).await.map_err(ApiError::hidden)?,
        None => (None, feed.head().await.map_err(ApiError::hidden)?),
    };
    let mut first = VecDeque::new();
    let now = loaders.sources().accounts.lifecycle().clock().now();
    let at_head = Cursor { epoch: head.epoch.clone(), seq: head.last };
    let told = |kind, account, change| Told {
        cursor: at_head.clone(),
        kind,
        account,
        change,
        at: now,
        loaders: loaders.fresh(),
    };
    match after {
        Some(cursor) if is_kept(&cursor, &head) => listener.begin_after(cursor.seq),
        Some(_) => {
            listener.begin_after(head.last);
            first.push_back(told(ChangeKind::Resync, None, None));
        }
        None => listener.begin_after(head.last),
    }
    if let (Some(id), Some(state)) = (seen, state.filter(|state| !state.unlinked)) {
        first.push_back(told(ChangeKind::Snapshot, Some(id), Some(as_it_stands(topic, &state))));
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

fn as_it_stands(topic: Topic, state: &super::AccountState) -> Change {
    match topic {
        Topic::DataStatus => Change::DataStatus {
            from: None,
            to: state.data.status.unwrap_or(DataStatus::Unknown),
            cause: ChangeCause::Mutation,
            reauth: state.live_session().map(|session| session.id),
        },
        Topic::Reauth => Change::Reauth {
            required: state.need.is_some(),
            reason: state.need.as_ref().map(|need| need.reason),
            cause: ChangeCause::Mutation,
            reauth: state.live_session().map(|session| session.id),
            status: state.live_session().map(super::session::Session::status),
        },
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
                Ok(changes) => {
                    let wanted = changes.into_iter().filter(|change| self.wants(change));
                    let wanted: Vec<_> = wanted.collect();
                    self.ready.extend(wanted);
                }
                Err(error) => {
                    // Nothing is lost: the subscriber comes back with its last cursor.
                    tracing::error!(cause = %crate::error::chain(&error), "a subscription ends because the log cannot be read");
                    return None;
                }
            }
        }
    }

    fn wants(&self, logged: &LoggedChange) -> bool {
        let topic = match &logged.change {
            Change::DataStatus { .. } => Topic::DataStatus,
            Change::Reauth { .. } => Topic::Reauth,
        };
        // Asked for every event: rights end while subscriptions run.
        topic == self.topic && self.loaders.caller().may_see(&logged.account)
    }

    fn told(&self, logged: &LoggedChange) -> Told {
        Told {
            cursor: Cursor { epoch: self.epoch.clone(), seq: logged.seq },
            kind: ChangeKind::Change,
            account: Some(logged.account.clone()),
            change: Some(logged.change.clone()),
            at: logged.at,
            loaders: self.loaders.fresh(),
        }
    }
}
