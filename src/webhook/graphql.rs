//! The log of webhooks as an operator sees it: `webhookEvents`, `webhookEvent`,
//! `replayWebhookEvent`.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};

use super::{
    events::{BodyState, Events},
    replay::ReplayError,
    service::Webhooks,
};
use crate::{
    access::require,
    account::{graphql::Account, loader::Loaders},
    caller::Scope,
    error::{ApiError, ErrorCode, Fallible, Result},
    ids::{AccountId, EventId},
    lifecycle::store::{
        Outcome,
        deliveries::{EventFilter, KeptDelivery},
    },
    paging::{PageInfo, checked_first},
    scalar::DateTime,
    user_error::{
        UserError, WebhookBodyRedactedError, WebhookBodyRemovedError, WebhookBodySealedError,
    },
};

/// How much the bodies of one page may be together, in bytes. One alone is at most 8 MiB.
const BODIES: u64 = 8 * 1024 * 1024;

fn log<'a>(ctx: &Context<'a>) -> &'a Events {
    ctx.data_unchecked::<Webhooks>().events()
}

/// What became of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "Outcome")]
pub enum WebhookOutcome {
    /// It told something new.
    Applied,
    /// A copy of one that had come before.
    Duplicate,
    /// It told nothing new, came too late, or is about an account that was unlinked.
    Ignored,
    /// An event that the gateway has no use for.
    Unknown,
    /// It names no account.
    NoAccount,
    /// It is not JSON.
    Undecodable,
}

/// What is kept of a webhook's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum WebhookBodyState {
    /// All of it, sealed in the database and opened for you.
    Whole,
    /// All but what is personal: the gateway had no GATEWAY_DATA_KEY when it came.
    Redacted,
    /// All of it, but sealed: with a key that this gateway does not have, or your token lacks the
    /// scope pii:read.
    Sealed,
    /// Nothing: its account was unlinked, or there was none.
    Removed,
}

/// A webhook of Mono's that was delivered, or a replay of one.
#[derive(Clone, Debug)]
pub struct WebhookEvent {
    event: KeptDelivery,
    loaders: Loaders,
    /// How much of the bodies of its page may still be shown, in bytes.
    room: Arc<AtomicU64>,
}

impl WebhookEvent {
    fn new(event: KeptDelivery, loaders: Loaders, room: Arc<AtomicU64>) -> Self {
        Self { event, loaders, room }
    }

    fn alone(event: KeptDelivery, loaders: Loaders) -> Self {
        Self::new(event, loaders, Arc::new(AtomicU64::new(u64::MAX)))
    }

    /// What the caller may see of the body.
    fn state(&self, ctx: &Context<'_>) -> WebhookBodyState {
        match log(ctx).state(&self.event) {
            BodyState::Whole if !self.loaders.caller().may(Scope::PiiRead) => {
                WebhookBodyState::Sealed
            }
            BodyState::Whole => WebhookBodyState::Whole,
            BodyState::Redacted => WebhookBodyState::Redacted,
            BodyState::Sealed => WebhookBodyState::Sealed,
            BodyState::Removed => WebhookBodyState::Removed,
        }
    }

    async fn bytes(&self, ctx: &Context<'_>) -> Result<Option<Vec<u8>>> {
        match self.state(ctx) {
            WebhookBodyState::Whole | WebhookBodyState::Redacted => {}
            WebhookBodyState::Sealed | WebhookBodyState::Removed => return Ok(None),
        }
        let length = self.event.length;
        let taken = self
            .room
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(length));
        if taken.is_err() {
            let text = "the bodies of one page are at most 8 MiB together; ask for fewer events, or \
                        for this one by webhookEvent";
            return Err(ApiError::new(ErrorCode::DocumentTooComplex, text));
        }
        log(ctx).body(&self.event).await.map_err(ApiError::hidden)
    }
}

/// A webhook of Mono's that was delivered, or a replay of one. For operators.
#[Object]
impl WebhookEvent {
    /// The gateway's id of it: evt_ and 32 hexadecimal digits, in the order of time.
    pub async fn id(&self) -> ID {
        ID(self.event.id.to_string())
    }

    /// Mono's name of the event, as Mono spelled it; null if it told none.
    async fn event(&self) -> Option<&str> {
        self.event.event.as_deref()
    }

    /// Mono's id of the delivery; null if it told none, for a copy, and for a replay.
    async fn mono_event_id(&self) -> Option<&str> {
        self.event.mono_event_id.as_deref()
    }

    /// Mono's id of the account that it is about; null if it names none.
    async fn account_id(&self) -> Option<ID> {
        self.event.account.as_ref().map(|id| ID(id.as_str().to_owned()))
    }

    /// The account that it is about; null if it names none, or if that is not yours to see.
    async fn account(&self) -> Fallible<Account> {
        let id = self.event.account.as_ref()?;
        if !self.loaders.caller().may(Scope::AccountsRead) {
            return None;
        }
        match self.loaders.may_see(id).await {
            Ok(true) => Some(Account::of(id, &self.loaders).await),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// What became of it.
    async fn outcome(&self) -> WebhookOutcome {
        self.event.outcome.into()
    }

    /// When it came, or was replayed.
    async fn received_at(&self) -> DateTime {
        DateTime(self.event.received_at)
    }

    /// The body as far as it is kept and yours to see; bodyState says how far that is. Bytes that are
    /// no UTF-8 stand in it as U+FFFD. A replay shows the body that was replayed. The bodies of one
    /// page are at most 8 MiB together.
    async fn body(&self, ctx: &Context<'_>) -> Fallible<String> {
        let text = |body: Vec<u8>| String::from_utf8_lossy(&body).into_owned();
        self.bytes(ctx).await.map(|body| body.map(text)).transpose()
    }

    /// Whether body leaves bytes out that are no UTF-8; null where body is.
    async fn body_is_lossy(&self, ctx: &Context<'_>) -> Fallible<bool> {
        let lossy = |body: Vec<u8>| std::str::from_utf8(&body).is_err();
        self.bytes(ctx).await.map(|body| body.map(lossy)).transpose()
    }

    /// What is kept of the body.
    async fn body_state(&self, ctx: &Context<'_>) -> WebhookBodyState {
        self.state(ctx)
    }

    /// The id of the delivery of Mono's that this one repeats; null for one of Mono's.
    async fn replay_of(&self) -> Option<ID> {
        self.event.replay_of.map(|id| ID(id.to_string()))
    }

    /// The ids of its replays, newest first: the newest 100.
    async fn replays(&self, ctx: &Context<'_>) -> Result<Vec<ID>> {
        let replays = log(ctx).replays_of(self.event.id).await;
        let ids = replays.map_err(ApiError::hidden)?;
        Ok(ids.into_iter().map(|id| ID(id.to_string())).collect())
    }
}

/// Which webhooks.
#[derive(Clone, Debug, Default, InputObject)]
pub struct WebhookEventFilter {
    /// Only those about this account, by Mono's id of it.
    account_id: Option<ID>,
    /// Only those of this name, as Mono spelled it: mono.events.account_updated.
    event: Option<String>,
    /// Only those of which this became.
    outcome: Option<WebhookOutcome>,
    /// Only those that came then or later.
    received_from: Option<DateTime>,
    /// Only those that came before that.
    received_before: Option<DateTime>,
}

/// A page of the log of webhooks, newest first. It may hold fewer than asked for although there are
/// more: hasNextPage says so.
#[derive(SimpleObject)]
pub struct WebhookEventConnection {
    /// The webhooks with their cursors.
    edges: Vec<WebhookEventEdge>,
    /// The webhooks.
    nodes: Vec<WebhookEvent>,
    /// Where this page lies in the whole.
    page_info: PageInfo,
}

/// A webhook with its place in the log.
#[derive(SimpleObject)]
pub struct WebhookEventEdge {
    /// What to pass as after for what lies behind it.
    cursor: String,
    /// The webhook.
    node: WebhookEvent,
}

/// The queries about the log of webhooks.
#[derive(Debug, Default)]
pub struct WebhookQuery;

/// Everything that can be asked.
#[Object]
impl WebhookQuery {
    /// The log of webhooks, newest first. For operators: FORBIDDEN without the scope operator.
    async fn webhook_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many at most, from 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Begin behind this cursor.")] after: Option<String>,
        #[graphql(desc = "Only these.")] filter: Option<WebhookEventFilter>,
    ) -> Result<WebhookEventConnection> {
        list(ctx, first, after, filter.unwrap_or_default()).await
    }

    /// One webhook of the log; null if there is none. For operators: FORBIDDEN without the scope
    /// operator.
    async fn webhook_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The webhook's id: evt_ and 32 hexadecimal digits.")] id: ID,
    ) -> Fallible<WebhookEvent> {
        find_event(ctx, &id).await.transpose()
    }
}

async fn list(
    ctx: &Context<'_>,
    first: Option<i32>,
    after: Option<String>,
    filter: WebhookEventFilter,
) -> Result<WebhookEventConnection> {
    let loaders = ctx.data_unchecked::<Loaders>();
    require(loaders.caller(), Scope::Operator)?;
    let first = checked_first(first, 20)?;
    let after = after.as_deref().map(EventId::parse).transpose().map_err(|_| {
        let text = "after is what an earlier answer carried in endCursor, unchanged";
        ApiError::new(ErrorCode::BadUserInput, text)
    })?;
    if filter.event.as_ref().is_some_and(|name| name.chars().any(char::is_control)) {
        let text = "an event's name has no control characters; one looks like \
                    mono.events.account_updated";
        return Err(ApiError::new(ErrorCode::BadUserInput, text));
    }
    let filter = EventFilter {
        account: filter.account_id.map(|id| AccountId::parse(&id)).transpose()?,
        event: filter.event,
        outcome: filter.outcome.map(Outcome::from),
        received_from: filter.received_from.map(|at| at.0),
        received_before: filter.received_before.map(|at| at.0),
    };
    let page = log(ctx).list(&filter, after, first).await;
    let page = page.map_err(ApiError::hidden)?;
    let room = Arc::new(AtomicU64::new(BODIES));
    let view = |event| WebhookEvent::new(event, loaders.clone(), room.clone());
    let nodes: Vec<_> = page.events.into_iter().map(view).collect();
    let cursor = |event: Option<&WebhookEvent>| event.map(|event| event.event.id.to_string());
    let edge = |node: &WebhookEvent| WebhookEventEdge {
        cursor: node.event.id.to_string(),
        node: node.clone(),
    };
    Ok(WebhookEventConnection {
        page_info: PageInfo {
            has_next_page: page.next.is_some(),
            has_previous_page: false,
            start_cursor: cursor(nodes.first()),
            end_cursor: page.next.map(|id| id.to_string()).or_else(|| cursor(nodes.last())),
        },
        edges: nodes.iter().map(edge).collect(),
        nodes,
    })
}

/// The webhook of this id, if it is one.
///
/// # Errors
/// `FORBIDDEN` for whoever is no operator, `INTERNAL` if the database fails.
pub async fn find_event(ctx: &Context<'_>, id: &str) -> Result<Option<WebhookEvent>> {
    let loaders = ctx.data_unchecked::<Loaders>();
    require(loaders.caller(), Scope::Operator)?;
    // No webhook has an id of another shape.
    let Ok(id) = EventId::parse(id) else { return Ok(None) };
    let event = log(ctx).find(id).await.map_err(ApiError::hidden)?;
    Ok(event.map(|event| WebhookEvent::alone(event, loaders.clone())))
}

/// A webhook to replay.
#[derive(Clone, Debug, InputObject)]
pub struct ReplayWebhookEventInput {
    /// The webhook's id: evt_ and 32 hexadecimal digits. That of a replay stands for what it repeats.
    id: ID,
}

/// A webhook that was replayed, or why not.
#[derive(SimpleObject)]
pub struct ReplayWebhookEventPayload {
    /// The replay, as a webhook of its own; null if there are errors.
    webhook_event: Option<WebhookEvent>,
    /// What became of it: APPLIED if it told something new, DUPLICATE if it was applied before, IGNORED
    /// if what is known of the account is newer. Null if there are errors.
    outcome: Option<WebhookOutcome>,
    /// What stands against it.
    errors: Vec<UserError>,
}

/// The mutations about the log of webhooks.
#[derive(Debug, Default)]
pub struct WebhookMutation;

/// Everything that can be changed.
#[Object]
impl WebhookMutation {
    /// Has a webhook of the log told again, as this version of the gateway understands it. What was
    /// applied before changes nothing, and what was learned of the account since stands. For
    /// operators: FORBIDDEN without the scope operator.
    async fn replay_webhook_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to replay.")] input: ReplayWebhookEventInput,
    ) -> Fallible<ReplayWebhookEventPayload> {
        Some(replay(ctx, input).await)
    }
}

async fn replay(
    ctx: &Context<'_>,
    input: ReplayWebhookEventInput,
) -> Result<ReplayWebhookEventPayload> {
    let loaders = ctx.data_unchecked::<Loaders>();
    require(loaders.caller(), Scope::Operator)?;
    let id = EventId::parse(&input.id)?;
    let webhooks = ctx.data_unchecked::<Webhooks>();
    match webhooks.replay(id).await {
        Ok(replayed) => {
            let event = log(ctx).find(replayed.id).await.map_err(ApiError::hidden)?;
            Ok(ReplayWebhookEventPayload {
                webhook_event: event.map(|event| WebhookEvent::alone(event, loaders.fresh())),
                outcome: Some(replayed.outcome.into()),
                errors: Vec::new(),
            })
        }
        Err(error) => match user_error(&error) {
            Some(error) => Ok(ReplayWebhookEventPayload {
                webhook_event: None,
                outcome: None,
                errors: vec![error],
            }),
            None => Err(error.into()),
        },
    }
}

/// The errors that belong into a payload; the others are the field's own.
fn user_error(error: &ReplayError) -> Option<UserError> {
    let text = error.to_string();
    match error {
        ReplayError::BodyRemoved => {
            Some(UserError::WebhookBodyRemoved(WebhookBodyRemovedError(text)))
        }
        ReplayError::BodyRedacted => {
            Some(UserError::WebhookBodyRedacted(WebhookBodyRedactedError(text)))
        }
        ReplayError::BodySealed => Some(UserError::WebhookBodySealed(WebhookBodySealedError(text))),
        ReplayError::Unknown
        | ReplayError::BodyDamaged(_)
        | ReplayError::Busy
        | ReplayError::Store(_) => None,
    }
}
