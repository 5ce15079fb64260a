//! The logs: deliveries as they came, facts as they were understood, changes as they are told.

use std::collections::BTreeSet;

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait as _, ConnectionTrait, DbBackend, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, Query},
};

use super::{
    StoreError,
    accounts::time,
    checkpoints, deliveries, facts,
    many::{filled, portions},
    owners,
};
use crate::{
    clock::Time,
    error::chain,
    ids::{AccountId, EventId, LinkId},
    lifecycle::{Change, LoggedChange, Subject},
};

/// The kind of changes whose subject is a link session: `account_id` holds its id.
const LINK: &str = "LINK";

/// Appends to the log one after the other, so that numbers become visible in their order.
const LOG_LOCK: i64 = 0x6d6f_6e6f_0002;

mod meta {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "log_meta")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) id: i64,
        pub(super) epoch: String,
        pub(super) mode: String,
        pub(super) trimmed_through: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod change {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "change_log")]
    pub(super) struct Model {
        #[sea_orm(primary_key)]
        pub(super) seq: i64,
        pub(super) account_id: String,
        pub(super) kind: String,
        pub(super) change: String,
        pub(super) at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod delivery {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "webhook_event")]
    pub(in super::super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(in super::super) id: String,
        pub(in super::super) event: Option<String>,
        pub(in super::super) mono_event_id: Option<String>,
        pub(in super::super) account_id: Option<String>,
        pub(in super::super) outcome: String,
        pub(in super::super) digest: String,
        pub(in super::super) body: Vec<u8>,
        pub(in super::super) received_at: i64,
        pub(in super::super) replay_of: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(in super::super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It told something new.
    Applied,
    /// A copy of one that had come before.
    Duplicate,
    /// It told nothing new, or came too late.
    Ignored,
    /// An event that the gateway has no use for.
    Unknown,
    /// It names no account.
    NoAccount,
    /// It is not JSON.
    Undecodable,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 6] = [
        Self::Applied,
        Self::Duplicate,
        Self::Ignored,
        Self::Unknown,
        Self::NoAccount,
        Self::Undecodable,
    ];

    /// The word in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "APPLIED",
            Self::Duplicate => "DUPLICATE",
            Self::Ignored => "IGNORED",
            Self::Unknown => "UNKNOWN",
            Self::NoAccount => "NO_ACCOUNT",
            Self::Undecodable => "UNDECODABLE",
        }
    }

    /// What the word in the log says.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

/// A delivery of Mono's, as it is kept.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Our id for it.
    pub id: EventId,
    /// Mono's name of the event.
    pub event: Option<String>,
    /// Mono's id of the delivery, kept across its retries.
    pub mono_event_id: Option<String>,
    /// Which account it is about.
    pub account: Option<AccountId>,
    /// A digest of the body as it came.
    pub digest: String,
    /// The body without what is personal in it, or sealed.
    pub body: Vec<u8>,
    /// When it came.
    pub received_at: Time,
    /// The delivery of Mono's that it repeats, if an operator asked for that.
    pub replay_of: Option<EventId>,
}

/// Where the log of changes stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which log it is.
    pub epoch: String,
    /// What kind of accounts it is about, in the words of whoever began it.
    pub mode: String,
    /// The last change in it; 0 for none.
    pub last: i64,
    /// The last change that was removed from its beginning; 0 for none.
    pub trimmed_through: i64,
}

/// Begins a log: gives it its epoch and its mode. One that was begun keeps both.
///
/// # Errors
/// [`StoreError`].
pub async fn begin_log(
    db: &impl ConnectionTrait,
    epoch: &str,
    mode: &str,
) -> Result<(), StoreError> {
    let row = meta::ActiveModel {
        id: Set(1),
        epoch: Set(epoch.to_owned()),
        mode: Set(mode.to_owned()),
        trimmed_through: Set(0),
    };
    meta::Entity::insert(row)
        .on_conflict(
            sea_orm::sea_query::OnConflict::column(meta::Column::Id).do_nothing().to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Where the log stands.
///
/// # Errors
/// [`StoreError`].
pub async fn head(db: &impl ConnectionTrait) -> Result<Head, StoreError> {
    let meta = meta::Entity::find_by_id(1)
        .one(db)
        .await?
        .ok_or_else(|| StoreError::row("log_meta", 1, "it is missing"))?;
    let last = last_change(db).await?.unwrap_or(meta.trimmed_through);
    Ok(Head { epoch: meta.epoch, mode: meta.mode, last, trimmed_through: meta.trimmed_through })
}

/// The number of the last change that is in the log, if there is one.
///
/// # Errors
/// [`StoreError`].
pub async fn last_change(db: &impl ConnectionTrait) -> Result<Option<i64>, StoreError> {
    let last = change::Entity::find()
        .select_only()
        .column_as(change::Column::Seq.max(), "last")
        .into_tuple::<Option<i64>>()
        .one(db)
        .await?;
    Ok(last.flatten())
}

/// Holds everybody else back from appending until this transaction ends: a number that is drawn
/// first must not become visible second, or a reader that has passed it would skip it.
///
/// # Errors
/// [`StoreError`].
pub async fn lock_log(db: &impl ConnectionTrait) -> Result<(), StoreError> {
    if db.get_database_backend() == DbBackend::Postgres {
        // However short a time rows are waited for: another replica may be committing.
        let lock =
            format!("SET LOCAL lock_timeout = '5s'; SELECT pg_advisory_xact_lock({LOG_LOCK})");
        db.execute_unprepared(&lock).await.map_err(StoreError::LogHeld)?;
    }
    Ok(())
}

/// Appends changes in this order.
///
/// # Errors
/// [`StoreError`].
pub async fn append_changes(
    db: &impl ConnectionTrait,
    changes: &[(Subject, Change, Time)],
) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    let rows: Result<Vec<_>, StoreError> = changes
        .iter()
        .map(|(subject, change, at)| {
            let json = serde_json::to_string(change)
                .map_err(|error| StoreError::row("change_log", subject, error))?;
            let kind = match change {
                Change::DataStatus { .. } => "DATA_STATUS",
                Change::Reauth { .. } => "REAUTH",
                Change::Link { .. } => LINK,
                Change::Job { .. } => "JOB",
            };
            Ok(change::ActiveModel {
                seq: NotSet,
                account_id: Set(subject.to_string()),
                kind: Set(kind.to_owned()),
                change: Set(json),
                at: Set(at.timestamp_millis()),
            })
        })
        .collect();
    for portion in portions(rows?) {
        change::Entity::insert_many(portion).exec_without_returning(db).await?;
    }
    Ok(())
}

/// Which of these ids of Mono's the log has already.
///
/// # Errors
/// [`StoreError`].
pub async fn known_event_ids(
    db: &impl ConnectionTrait,
    ids: &[&str],
) -> Result<BTreeSet<String>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let known = delivery::Entity::find()
        .select_only()
        .column(delivery::Column::MonoEventId)
        .filter(delivery::Column::MonoEventId.is_in(filled(ids.iter().copied())))
        .into_tuple::<Option<String>>()
        .all(db)
        .await?;
    Ok(known.into_iter().flatten().collect())
}

/// Keeps deliveries with what became of each. A copy and a replay are kept without Mono's id, which
/// the first one has.
///
/// # Errors
/// [`StoreError`].
pub async fn save_deliveries(
    db: &impl ConnectionTrait,
    deliveries: &[(&Delivery, Outcome, bool)],
) -> Result<(), StoreError> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let rows = deliveries.iter().map(|(delivery, outcome, first)| delivery::ActiveModel {
        id: Set(delivery.id.to_string()),
        event: Set(delivery.event.clone()),
        mono_event_id: Set(delivery
            .mono_event_id
            .clone()
            .filter(|_| *first && delivery.replay_of.is_none())),
        account_id: Set(delivery.account.as_ref().map(|id| id.as_str().to_owned())),
        outcome: Set(outcome.as_str().to_owned()),
        digest: Set(delivery.digest.clone()),
        body: Set(delivery.body.clone()),
        received_at: Set(delivery.received_at.timestamp_millis()),
        replay_of: Set(delivery.replay_of.map(|id| id.to_string())),
    });
    for portion in portions(rows) {
        delivery::Entity::insert_many(portion).exec_without_returning(db).await?;
    }
    Ok(())
}

/// Removes what the logs keep of an account that is to be forgotten: the facts that it and its link
/// were folded from, and the bodies of its deliveries. That they came, and what was told, stays.
///
/// # Errors
/// [`StoreError`].
pub async fn forget_account(
    db: &impl ConnectionTrait,
    account: &AccountId,
) -> Result<(), StoreError> {
    facts::forget(db, account).await?;
    checkpoints::forget(db, account).await?;
    deliveries::begin_erasing(db).await?;
    // Whose a delivery is may have been understood by its replay only. Two statements: neither
    // database finds both kinds by an index at once.
    let replayed = Query::select()
        .column(delivery::Column::ReplayOf)
        .from(delivery::Entity)
        .and_where(delivery::Column::AccountId.eq(account.as_str()))
        .and_where(delivery::Column::ReplayOf.is_not_null())
        .to_owned();
    let theirs = delivery::Column::AccountId.eq(account.as_str());
    for which in [theirs, delivery::Column::Id.in_subquery(replayed)] {
        delivery::Entity::update_many()
            .col_expr(delivery::Column::Body, Expr::value(Vec::<u8>::new()))
            .filter(which)
            .exec(db)
            .await?;
    }
    Ok(())
}

/// Removes the oldest changes as far as they are older than `before`, `most` that are and what stands
/// between them dated ahead of `now`, by a clock that was wrong. Marks how far the log is gone: a
/// cursor from there is answered with a `RESYNC`. Says how many there were.
///
/// # Errors
/// [`StoreError`].
pub async fn trim_changes(
    db: &impl ConnectionTrait,
    before: Time,
    now: Time,
    most: u64,
) -> Result<u64, StoreError> {
    let rows = change::Entity::find()
        .select_only()
        .columns([change::Column::Seq, change::Column::At])
        .filter(change::Column::At.lte(now.timestamp_millis()))
        .order_by_asc(change::Column::Seq)
        .limit(most)
        .into_tuple::<(i64, i64)>()
        .all(db)
        .await?;
    let before = before.timestamp_millis();
    let old = rows.iter().take_while(|(_, at)| *at < before).map(|(seq, _)| *seq);
    let Some(through) = old.last() else { return Ok(0) };
    let removed =
        change::Entity::delete_many().filter(change::Column::Seq.lte(through)).exec(db).await?;
    meta::Entity::update_many()
        .col_expr(meta::Column::TrimmedThrough, Expr::value(through))
        .filter(meta::Column::TrimmedThrough.lt(through))
        .exec(db)
        .await?;
    Ok(removed.rows_affected)
}

/// Removes the oldest deliveries, at most `most`, as far as they are older than `before`, and says
/// how many there were.
///
/// # Errors
/// [`StoreError`].
pub async fn trim_deliveries(
    db: &impl ConnectionTrait,
    before: Time,
    most: u64,
) -> Result<u64, StoreError> {
    // Ids hold the time, so one that is dated ahead stands behind the others.
    let old: Vec<String> = delivery::Entity::find()
        .select_only()
        .column(delivery::Column::Id)
        .filter(delivery::Column::Id.lt(EventId::not_before(before)))
        .order_by_asc(delivery::Column::Id)
        .limit(most)
        .into_tuple()
        .all(db)
        .await?;
    if old.is_empty() {
        return Ok(0);
    }
    let removed =
        delivery::Entity::delete_many().filter(delivery::Column::Id.is_in(old)).exec(db).await?;
    Ok(removed.rows_affected)
}

/// A piece of the log.
#[derive(Clone, Debug, Default)]
pub struct Piece {
    /// The changes in it, in order.
    pub changes: Vec<LoggedChange>,
    /// How far it reaches: a row that this version cannot read lies behind nobody's cursor for
    /// ever. Nothing if nothing is there.
    pub through: Option<i64>,
}

/// The changes behind `after`, at most `most` of them, in order.
///
/// # Errors
/// [`StoreError`].
pub async fn changes_after(
    db: &impl ConnectionTrait,
    after: i64,
    most: u64,
) -> Result<Piece, StoreError> {
    let rows = change::Entity::find()
        .filter(change::Column::Seq.gt(after))
        .order_by_asc(change::Column::Seq)
        .limit(most)
        .all(db)
        .await?;
    piece(db, rows).await
}

/// The changes of one subject behind `after`, at most `most` of them, in order.
///
/// # Errors
/// [`StoreError`].
pub async fn changes_of_after(
    db: &impl ConnectionTrait,
    subject: &Subject,
    after: i64,
    most: u64,
) -> Result<Piece, StoreError> {
    let rows = change::Entity::find()
        .filter(change::Column::AccountId.eq(subject.to_string()))
        .filter(change::Column::Seq.gt(after))
        .order_by_asc(change::Column::Seq)
        .limit(most)
        .all(db)
        .await?;
    piece(db, rows).await
}

async fn piece(db: &impl ConnectionTrait, rows: Vec<change::Model>) -> Result<Piece, StoreError> {
    let through = rows.last().map(|row| row.seq);
    let read = |row| match logged(row) {
        Ok(change) => Some(change),
        Err(error) => {
            // Written by a newer gateway, most likely. The others go on.
            tracing::error!(cause = %chain(&error), "a change in the log cannot be read; it is passed over");
            None
        }
    };
    let mut changes: Vec<LoggedChange> = rows.into_iter().filter_map(read).collect();
    let accounts: BTreeSet<&str> = changes.iter().filter_map(account_of).collect();
    // Rights end while subscriptions run, so they are read with the changes, once for all who hear.
    let owners = owners::of(db, &accounts.into_iter().collect::<Vec<_>>()).await?;
    for change in &mut changes {
        let theirs = account_of(change).and_then(|account| owners.get(account));
        change.owners = theirs.cloned().unwrap_or_default();
    }
    Ok(Piece { changes, through })
}

fn account_of(change: &LoggedChange) -> Option<&str> {
    match &change.subject {
        Subject::Account(account) => Some(account.as_str()),
        Subject::Link(_) => None,
    }
}

fn logged(row: change::Model) -> Result<LoggedChange, StoreError> {
    let wrong = |error: &dyn std::fmt::Display| StoreError::row("change_log", row.seq, error);
    let id = &row.account_id;
    Ok(LoggedChange {
        seq: row.seq,
        subject: if row.kind == LINK {
            Subject::Link(LinkId::parse(id).map_err(|error| wrong(&error))?)
        } else {
            Subject::Account(AccountId::parse(id).map_err(|error| wrong(&error))?)
        },
        owners: Vec::new(),
        change: serde_json::from_str(&row.change).map_err(|error| wrong(&error))?,
        at: time("change_log", &row.seq.to_string(), row.at)?,
    })
}
