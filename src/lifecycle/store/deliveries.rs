//! `webhook_event`, to look through: pages of it, newest first, and one delivery with its body.
//!
//! Ids are in the order of time, so a page is a piece of an index, read backwards. What a page
//! costs is bounded: of what a filter's index holds, so many entries are looked at and no more.

use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, DbBackend, EntityTrait as _, FromQueryResult,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
    sea_query::{Expr, ExprTrait as _},
};

use super::{
    StoreError,
    accounts::time,
    log::{
        Outcome,
        delivery::{Column, Entity},
    },
};
use crate::{
    clock::Time,
    ids::{AccountId, EventId},
    seal::{MARK, OPENING},
};

const TABLE: &str = "webhook_event";

/// How many entries of an index are looked at for one page.
const SCANNED: u64 = 10_000;

/// How many replays of one delivery are told.
const MOST_REPLAYS: u64 = 100;

/// Between those who keep a body without the lock of its account, and those who erase an account's.
const ERASING_LOCK: i64 = 0x6d6f_6e6f_0003;

/// Which deliveries.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Those about this account.
    pub account: Option<AccountId>,
    /// Those of this name, as Mono spelled it.
    pub event: Option<String>,
    /// Those of which this became.
    pub outcome: Option<Outcome>,
    /// Those that came then or later.
    pub received_from: Option<Time>,
    /// Those that came before that.
    pub received_before: Option<Time>,
}

/// A delivery as it is kept, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptDelivery {
    /// Our id for it.
    pub id: EventId,
    /// Mono's name of the event.
    pub event: Option<String>,
    /// Mono's id of the delivery; a copy has none, nor has a replay.
    pub mono_event_id: Option<String>,
    /// Which account it is about.
    pub account: Option<AccountId>,
    /// What became of it.
    pub outcome: Outcome,
    /// A digest of the body as it came.
    pub digest: String,
    /// When it came.
    pub received_at: Time,
    /// The delivery of Mono's that it repeats.
    pub replay_of: Option<EventId>,
    /// The first bytes of the body that is kept: a replay's is that of what it repeats.
    pub opening: Vec<u8>,
    /// How long that body is, in bytes.
    pub length: u64,
}

impl KeptDelivery {
    /// The delivery of Mono's that this is, or that it repeats.
    #[must_use]
    pub fn original(&self) -> EventId {
        self.replay_of.unwrap_or(self.id)
    }
}

/// A page of deliveries, newest first.
#[derive(Clone, Debug, Default)]
pub struct EventPage {
    /// The deliveries of this page.
    pub events: Vec<KeptDelivery>,
    /// Behind which id the next page begins, if there may be one.
    pub next: Option<EventId>,
}

#[derive(FromQueryResult)]
struct Row {
    id: String,
    event: Option<String>,
    mono_event_id: Option<String>,
    account_id: Option<String>,
    outcome: String,
    digest: String,
    received_at: i64,
    replay_of: Option<String>,
    /// SQLite makes null of a piece of nothing.
    opening: Option<Vec<u8>>,
    length: i64,
}

/// Everything but the body, which may be long.
fn rows() -> Select<Entity> {
    Entity::find()
        .select_only()
        .columns([
            Column::Id,
            Column::Event,
            Column::MonoEventId,
            Column::AccountId,
            Column::Outcome,
            Column::Digest,
            Column::ReceivedAt,
            Column::ReplayOf,
        ])
        .column_as(Expr::cust("substr(body, 1, 8)"), "opening")
        .column_as(Expr::cust("CAST(length(body) AS BIGINT)"), "length")
}

/// A page of deliveries, newest first: at most `first` behind `after`. It may hold fewer although
/// there are more, if few of very many fit.
///
/// # Errors
/// [`StoreError`].
pub async fn list(
    db: &impl ConnectionTrait,
    filter: &EventFilter,
    after: Option<EventId>,
    first: u64,
) -> Result<EventPage, StoreError> {
    let floor = floor(db, filter, after).await?;
    let mut select = rows().filter(range(filter, after)).filter(all_of(filter));
    if let Some(floor) = &floor {
        select = select.filter(Column::Id.gte(floor.as_str()));
    }
    let found = select.order_by_desc(Column::Id).limit(first + 1).into_model::<Row>();
    let mut events = read(db, found.all(db).await?).await?;
    let more = events.len() as u64 > first;
    events.truncate(usize::try_from(first).unwrap_or(usize::MAX));
    let next = if more {
        events.last().map(|event| event.id)
    } else {
        floor.as_deref().map(parse).transpose()?
    };
    Ok(EventPage { events, next })
}

/// The last entry that is looked at for a page, if several things are asked for at once and their
/// best index holds more than is looked at.
async fn floor(
    db: &impl ConnectionTrait,
    filter: &EventFilter,
    after: Option<EventId>,
) -> Result<Option<String>, StoreError> {
    let mut conditions = conditions(filter);
    let best = conditions.next();
    let (Some(best), Some(_)) = (best, conditions.next()) else { return Ok(None) };
    let select = Entity::find().select_only().column(Column::Id);
    let select = select.filter(best).filter(range(filter, after));
    let last = select.order_by_desc(Column::Id).offset(SCANNED - 1).limit(1);
    Ok(last.into_tuple::<String>().one(db).await?)
}

/// What is asked for beside the time, that which most likely says most first.
fn conditions(filter: &EventFilter) -> impl Iterator<Item = Condition> {
    let account = filter.account.as_ref().map(|id| Column::AccountId.eq(id.as_str()));
    let event = filter.event.as_ref().map(|name| Column::Event.eq(name.as_str()));
    let outcome = filter.outcome.map(|outcome| Column::Outcome.eq(outcome.as_str()));
    [account, outcome, event].into_iter().flatten().map(|one| Condition::all().add(one))
}

fn all_of(filter: &EventFilter) -> Condition {
    conditions(filter).fold(Condition::all(), Condition::add)
}

/// Which ids: they hold the time.
fn range(filter: &EventFilter, after: Option<EventId>) -> Condition {
    let from = filter.received_from.map(|at| Column::Id.gte(EventId::not_before(at)));
    let before = filter.received_before.map(|at| Column::Id.lt(EventId::not_before(at)));
    let after = after.map(|id| Column::Id.lt(id.to_string()));
    Condition::all().add_option(from).add_option(before).add_option(after)
}

/// The delivery of this id.
///
/// # Errors
/// [`StoreError`].
pub async fn by_id(
    db: &impl ConnectionTrait,
    id: EventId,
) -> Result<Option<KeptDelivery>, StoreError> {
    let row = rows().filter(Column::Id.eq(id.to_string())).into_model::<Row>().all(db).await?;
    Ok(read(db, row).await?.pop())
}

/// The body that is kept of this delivery of Mono's; nothing if there is no such delivery.
///
/// # Errors
/// [`StoreError`].
pub async fn body(db: &impl ConnectionTrait, id: EventId) -> Result<Option<Vec<u8>>, StoreError> {
    let select = Entity::find().select_only().column(Column::Body);
    let row = select.filter(Column::Id.eq(id.to_string())).into_tuple::<Vec<u8>>();
    Ok(row.one(db).await?)
}

/// Holds erasing back until this transaction ends: what it reads of accounts from now on stays true
/// for the bodies that it keeps. On SQLite nobody else writes anyway.
///
/// # Errors
/// [`StoreError`].
pub async fn hold_back_erasing(db: &impl ConnectionTrait) -> Result<(), StoreError> {
    if db.get_database_backend() == DbBackend::Postgres {
        let sql = format!("SELECT pg_advisory_xact_lock_shared({ERASING_LOCK})");
        db.execute_unprepared(&sql).await?;
    }
    Ok(())
}

/// Waits for those who hold erasing back: what they kept can be seen then.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn begin_erasing(db: &impl ConnectionTrait) -> Result<(), StoreError> {
    if db.get_database_backend() == DbBackend::Postgres {
        db.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({ERASING_LOCK})")).await?;
    }
    Ok(())
}

/// Whether the delivery of this id is still there.
///
/// # Errors
/// [`StoreError`].
pub async fn is_kept(db: &impl ConnectionTrait, id: EventId) -> Result<bool, StoreError> {
    let select = Entity::find().select_only().column(Column::Id);
    let row = select.filter(Column::Id.eq(id.to_string())).into_tuple::<String>();
    Ok(row.one(db).await?.is_some())
}

/// How the bodies that are sealed begin, and how many begin so.
///
/// # Errors
/// [`StoreError`].
pub async fn sealed(db: &impl ConnectionTrait) -> Result<Vec<(Vec<u8>, i64)>, StoreError> {
    let opening = format!("substr(body, 1, {OPENING})");
    let rows = Entity::find()
        .select_only()
        .column_as(Expr::cust(opening.clone()), "opening")
        .column_as(Column::Id.count(), "bodies")
        .filter(Expr::cust("substr(body, 1, 1)").eq(vec![MARK]))
        .group_by(Expr::cust(opening))
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows)
}

/// The newest replays of this delivery, newest first.
///
/// # Errors
/// [`StoreError`].
pub async fn replays_of(
    db: &impl ConnectionTrait,
    id: EventId,
) -> Result<Vec<EventId>, StoreError> {
    let ids = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::ReplayOf.eq(id.to_string()))
        .order_by_desc(Column::Id)
        .limit(MOST_REPLAYS)
        .into_tuple::<String>()
        .all(db)
        .await?;
    ids.iter().map(|id| parse(id)).collect()
}

/// Whether a delivery of Mono's was applied, by itself, by a copy with the same id of Mono's, or by a
/// replay of one of them.
///
/// # Errors
/// [`StoreError`].
pub async fn is_applied(
    db: &impl ConnectionTrait,
    id: EventId,
    mono_event_id: Option<&str>,
) -> Result<bool, StoreError> {
    let mut ids = vec![id.to_string()];
    if let Some(mono_event_id) = mono_event_id {
        let select = Entity::find().select_only().column(Column::Id);
        let same = select.filter(Column::MonoEventId.eq(mono_event_id)).into_tuple::<String>();
        ids.extend(same.one(db).await?);
    }
    let is_one = Condition::any()
        .add(Column::Id.is_in(ids.iter().map(String::as_str)))
        .add(Column::ReplayOf.is_in(ids.iter().map(String::as_str)));
    let applied = Column::Outcome.eq(Outcome::Applied.as_str());
    let select = Entity::find().select_only().column(Column::Id).filter(is_one).filter(applied);
    Ok(select.into_tuple::<String>().one(db).await?.is_some())
}

/// Rows as they are read. A replay keeps no body of its own, so that there is one to erase.
async fn read(db: &impl ConnectionTrait, rows: Vec<Row>) -> Result<Vec<KeptDelivery>, StoreError> {
    let mut events: Vec<KeptDelivery> = rows.into_iter().map(kept).collect::<Result<_, _>>()?;
    let originals: Vec<String> =
        events.iter().filter_map(|event| Some(event.replay_of?.to_string())).collect();
    if originals.is_empty() {
        return Ok(events);
    }
    let bodies = self::rows().filter(Column::Id.is_in(originals)).into_model::<Row>();
    let bodies: Vec<_> = bodies.all(db).await?.into_iter().map(kept).collect::<Result<_, _>>()?;
    for event in events.iter_mut().filter(|event| event.replay_of.is_some()) {
        if let Some(original) = bodies.iter().find(|one| Some(one.id) == event.replay_of) {
            event.opening.clone_from(&original.opening);
            event.length = original.length;
        }
    }
    Ok(events)
}

fn parse(id: &str) -> Result<EventId, StoreError> {
    EventId::parse(id).map_err(|error| StoreError::row(TABLE, id, error))
}

fn kept(row: Row) -> Result<KeptDelivery, StoreError> {
    let wrong = |error: &dyn std::fmt::Display| StoreError::row(TABLE, &row.id, error);
    let account = row.account_id.as_deref().map(AccountId::parse).transpose();
    let outcome = Outcome::parse(&row.outcome);
    Ok(KeptDelivery {
        id: parse(&row.id)?,
        account: account.map_err(|error| wrong(&error))?,
        outcome: outcome.ok_or_else(|| wrong(&format!("{:?} is no outcome", row.outcome)))?,
        received_at: time(TABLE, &row.id, row.received_at)?,
        replay_of: row.replay_of.as_deref().map(parse).transpose()?,
        length: row.length.unsigned_abs(),
        opening: row.opening.unwrap_or_default(),
        event: row.event,
        mono_event_id: row.mono_event_id,
        digest: row.digest,
    })
}
