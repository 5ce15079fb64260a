//! `link_session`: one row a session. Its columns are its stage, taken apart.

use std::collections::BTreeMap;

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, Condition, ConnectionTrait, DbBackend, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, TryIntoModel as _,
    sea_query::{Expr, OnConflict, Query, SelectStatement},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{StoreError, accounts::time};
use crate::{
    caller::Caller,
    clock::Time,
    ids::{AccountId, LinkId},
    lifecycle::link::{Connection, LinkSession, LinkStage, LinkStatus},
};

const TABLE: &str = "link_session";

/// How many sessions are looked at for the references of one batch: owners may choose the same one.
const ALIKE: u64 = 1000;

mod row {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "link_session")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) id: String,
        pub(super) owner: String,
        pub(super) reference: String,
        pub(super) keeps_reference: bool,
        pub(super) redirect_url: Option<String>,
        pub(super) customer: Option<String>,
        pub(super) issued_stamp: Option<i64>,
        pub(super) status: String,
        pub(super) url: Option<String>,
        pub(super) account_id: Option<String>,
        pub(super) created_at: i64,
        pub(super) expires_at: Option<i64>,
        pub(super) connected_at: Option<i64>,
        pub(super) ended_at: Option<i64>,
        pub(super) completed_via: Option<String>,
        pub(super) failure: Option<String>,
        pub(super) deadline_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The session of this id.
///
/// # Errors
/// [`StoreError`].
pub async fn by_id(
    db: &impl ConnectionTrait,
    id: LinkId,
) -> Result<Option<LinkSession>, StoreError> {
    let row = row::Entity::find_by_id(id.to_string()).one(db).await?;
    row.map(session).transpose()
}

/// The sessions of these ids, locked until the transaction ends, in the order of their ids.
///
/// # Errors
/// [`StoreError`].
pub async fn load_for_update(
    db: &impl ConnectionTrait,
    ids: &[LinkId],
) -> Result<BTreeMap<LinkId, LinkSession>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut find = row::Entity::find()
        .filter(row::Column::Id.is_in(ids.iter().map(LinkId::to_string)))
        .order_by_asc(row::Column::Id);
    // SQLite has one writer: its transaction is the lock.
    if db.get_database_backend() == DbBackend::Postgres {
        find = find.lock_exclusive();
    }
    find.all(db).await?.into_iter().map(|row| session(row).map(|s| (s.id, s))).collect()
}

/// The ids of the sessions that have one of these references and led nowhere before `since`.
///
/// # Errors
/// [`StoreError`].
pub async fn open_by_references(
    db: &impl ConnectionTrait,
    references: &[&str],
    since: Time,
) -> Result<Vec<LinkId>, StoreError> {
    if references.is_empty() {
        return Ok(Vec::new());
    }
    let ids = row::Entity::find()
        .select_only()
        .column(row::Column::Id)
        .filter(row::Column::Reference.is_in(references.iter().copied()))
        .filter(
            Condition::any()
                .add(row::Column::ConnectedAt.is_null())
                .add(row::Column::ConnectedAt.gte(since.timestamp_millis())),
        )
        .filter(row::Column::KeepsReference.eq(true))
        .limit(ALIKE)
        .into_tuple::<String>()
        .all(db)
        .await?;
    // Of a part of them one could seem to be the only one that fits.
    if ids.len() as u64 == ALIKE {
        tracing::warn!(
            "too many link sessions have the references that Mono tells; completeLink decides"
        );
        return Ok(Vec::new());
    }
    ids.iter().map(|id| link_id(id)).collect()
}

/// The ids of the sessions that led to this account, to search among.
pub(super) fn ids_of(account: &AccountId) -> SelectStatement {
    Query::select()
        .column(row::Column::Id)
        .from(row::Entity)
        .and_where(row::Column::AccountId.eq(account.as_str()))
        .to_owned()
}

/// The session of this owner, or of anybody, that has this reference; the newest if several do.
///
/// # Errors
/// [`StoreError`].
pub async fn by_reference(
    db: &impl ConnectionTrait,
    caller: &Caller,
    reference: &str,
) -> Result<Option<LinkSession>, StoreError> {
    let mut find = row::Entity::find().filter(row::Column::Reference.eq(reference));
    if !caller.sees_all() {
        find = find.filter(row::Column::Owner.eq(caller.owner()));
    }
    // A session that keeps its reference comes before those that gave it back.
    let row = find
        .order_by_desc(row::Column::KeepsReference)
        .order_by_desc(row::Column::CreatedAt)
        .order_by_desc(row::Column::Id)
        .one(db)
        .await?;
    row.map(session).transpose()
}

/// Whether a link session of this owner was for this customer of Mono's.
///
/// # Errors
/// [`StoreError`].
pub async fn has_customer(
    db: &impl ConnectionTrait,
    owner: &str,
    customer: &str,
) -> Result<bool, StoreError> {
    let row = row::Entity::find()
        .filter(row::Column::Owner.eq(owner))
        .filter(row::Column::Customer.eq(customer))
        .filter(row::Column::AccountId.is_not_null())
        .one(db)
        .await?;
    Ok(row.is_some())
}

/// Whether another link session of this owner has this reference.
///
/// # Errors
/// [`StoreError`].
pub async fn reference_is_taken(
    db: &impl ConnectionTrait,
    owner: &str,
    reference: &str,
) -> Result<bool, StoreError> {
    let row = row::Entity::find()
        .filter(row::Column::Owner.eq(owner))
        .filter(row::Column::Reference.eq(reference))
        .filter(row::Column::KeepsReference.eq(true))
        .one(db)
        .await?;
    Ok(row.is_some())
}

/// Sessions about which something is due at `now`.
///
/// # Errors
/// [`StoreError`].
pub async fn due(
    db: &impl ConnectionTrait,
    now: Time,
    most: u64,
) -> Result<Vec<LinkId>, StoreError> {
    let ids = row::Entity::find()
        .select_only()
        .column(row::Column::Id)
        .filter(row::Column::DeadlineAt.lte(now.timestamp_millis()))
        .order_by_asc(row::Column::DeadlineAt)
        .limit(most)
        .into_tuple::<String>()
        .all(db)
        .await?;
    ids.iter().map(|id| link_id(id)).collect()
}

/// Writes these sessions, new or not.
///
/// # Errors
/// [`StoreError`].
pub async fn save(db: &impl ConnectionTrait, sessions: &[&LinkSession]) -> Result<(), StoreError> {
    if sessions.is_empty() {
        return Ok(());
    }
    let rows: Result<Vec<_>, _> = sessions.iter().map(|session| active(session)).collect();
    row::Entity::insert_many(rows?)
        .on_conflict(
            OnConflict::column(row::Column::Id)
                .update_columns([
                    row::Column::KeepsReference,
                    row::Column::RedirectUrl,
                    row::Column::Customer,
                    row::Column::IssuedStamp,
                    row::Column::Status,
                    row::Column::Url,
                    row::Column::AccountId,
                    row::Column::ExpiresAt,
                    row::Column::ConnectedAt,
                    row::Column::EndedAt,
                    row::Column::CompletedVia,
                    row::Column::Failure,
                    row::Column::DeadlineAt,
                ])
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Removes what a session of this account keeps of its customer.
///
/// # Errors
/// [`StoreError`].
pub async fn forget_customer(
    db: &impl ConnectionTrait,
    account: &AccountId,
) -> Result<(), StoreError> {
    row::Entity::update_many()
        .col_expr(row::Column::RedirectUrl, Expr::value(Option::<String>::None))
        .col_expr(row::Column::Customer, Expr::value(Option::<String>::None))
        .col_expr(row::Column::Url, Expr::value(Option::<String>::None))
        .filter(row::Column::AccountId.eq(account.as_str()))
        .exec(db)
        .await?;
    Ok(())
}

/// The ids of sessions that ended before `before` and led to no account, at most `most`.
///
/// # Errors
/// [`StoreError`].
pub async fn ended_for_nothing(
    db: &impl ConnectionTrait,
    before: Time,
    most: u64,
) -> Result<Vec<String>, StoreError> {
    let ids = row::Entity::find()
        .select_only()
        .column(row::Column::Id)
        .filter(row::Column::EndedAt.lt(before.timestamp_millis()))
        .filter(row::Column::AccountId.is_null())
        .limit(most)
        .into_tuple::<String>()
        .all(db)
        .await?;
    Ok(ids)
}

/// Removes these sessions if they still lead to no account, and says how many there were.
///
/// # Errors
/// [`StoreError`].
pub async fn remove(db: &impl ConnectionTrait, ids: &[String]) -> Result<u64, StoreError> {
    if ids.is_empty() {
        return Ok(0);
    }
    let removed = row::Entity::delete_many()
        .filter(row::Column::Id.is_in(ids.iter().map(String::as_str)))
        .filter(row::Column::AccountId.is_null())
        .exec(db)
        .await?;
    Ok(removed.rows_affected)
}

/// The accounts that these sessions led to.
///
/// # Errors
/// [`StoreError`].
pub async fn accounts_of(
    db: &impl ConnectionTrait,
    ids: &[LinkId],
) -> Result<Vec<AccountId>, StoreError> {
    let accounts = row::Entity::find()
        .select_only()
        .column(row::Column::AccountId)
        .filter(row::Column::Id.is_in(ids.iter().map(LinkId::to_string)))
        .filter(row::Column::AccountId.is_not_null())
        .into_tuple::<String>()
        .all(db)
        .await?;
    let wrong = |id: &str, error| StoreError::row(TABLE, id, error);
    accounts.iter().map(|id| AccountId::parse(id).map_err(|e| wrong(id, e))).collect()
}

/// The ids behind `after` of all sessions, at most `most`, in order.
///
/// # Errors
/// [`StoreError`].
pub async fn ids_after(
    db: &impl ConnectionTrait,
    after: Option<LinkId>,
    most: u64,
) -> Result<Vec<LinkId>, StoreError> {
    let mut find = row::Entity::find()
        .select_only()
        .column(row::Column::Id)
        .order_by_asc(row::Column::Id)
        .limit(most);
    if let Some(after) = after {
        find = find.filter(row::Column::Id.gt(after.to_string()));
    }
    find.into_tuple::<String>().all(db).await?.iter().map(|id| link_id(id)).collect()
}

fn link_id(text: &str) -> Result<LinkId, StoreError> {
    LinkId::parse(text).map_err(|error| StoreError::row(TABLE, text, error))
}

fn active(session: &LinkSession) -> Result<row::ActiveModel, StoreError> {
    let ms = |at: Time| at.timestamp_millis();
    let (mut ended_at, mut via) = (None, None);
    match &session.stage {
        LinkStage::Requested | LinkStage::Issued { .. } | LinkStage::Connected(_) => {}
        LinkStage::Completed { at, via: evidence, .. } => {
            ended_at = Some(ms(*at));
            via = Some(word(session, evidence)?);
        }
        LinkStage::Failed { failure, .. } => ended_at = Some(ms(failure.at)),
        LinkStage::Expired { at } | LinkStage::Cancelled { at } => ended_at = Some(ms(*at)),
    }
    let failure = session.failure().map(serde_json::to_string).transpose();
    let connection = session.connection();
    Ok(row::ActiveModel {
        id: Set(session.id.to_string()),
        owner: Set(session.owner.clone()),
        reference: Set(session.reference.clone()),
        keeps_reference: Set(session.keeps_reference()),
        redirect_url: Set(session.redirect_url.clone()),
        customer: Set(session.customer.clone()),
        issued_stamp: Set(session.issued_stamp.map(ms)),
        status: Set(word(session, &session.status())?),
        url: Set(session.link().map(|(url, _)| url.to_owned())),
        account_id: Set(connection.map(|connection| connection.account.as_str().to_owned())),
        created_at: Set(ms(session.created_at)),
        expires_at: Set(session.link().map(|(_, at)| ms(at))),
        connected_at: Set(connection.map(|connection| ms(connection.at))),
        ended_at: Set(ended_at),
        completed_via: Set(via),
        failure: Set(failure.map_err(|e| StoreError::row(TABLE, session.id, e))?),
        deadline_at: Set(session.deadline().map(ms)),
    })
}

/// An enum's word as it stands in a column.
fn word<T: Serialize>(session: &LinkSession, value: &T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(other) => Err(StoreError::row(TABLE, session.id, format!("{other} is no word"))),
        Err(error) => Err(StoreError::row(TABLE, session.id, error)),
    }
}

fn read<T: DeserializeOwned>(id: &str, word: Option<&str>) -> Result<T, StoreError> {
    let word = word.ok_or_else(|| StoreError::row(TABLE, id, "a word is missing"))?;
    serde_json::from_value(serde_json::Value::String(word.to_owned()))
        .map_err(|error| StoreError::row(TABLE, id, error))
}

/// A session's row as JSON.
pub(super) fn to_json(session: &LinkSession) -> Result<serde_json::Value, StoreError> {
    let row = active(session)?.try_into_model()?;
    serde_json::to_value(row).map_err(|error| StoreError::row(TABLE, session.id, error))
}

/// A session whose row was written as JSON.
pub(super) fn from_json(json: serde_json::Value) -> Result<LinkSession, StoreError> {
    let row = serde_json::from_value(json);
    session(row.map_err(|error| StoreError::row(TABLE, "of a checkpoint", error))?)
}

fn session(row: row::Model) -> Result<LinkSession, StoreError> {
    let id = &row.id;
    let optional = |ms: Option<i64>| ms.map(|ms| time(TABLE, id, ms)).transpose();
    let needed = |name: &str, ms: Option<i64>| {
        optional(ms)?.ok_or_else(|| StoreError::row(TABLE, id, format!("{name} is missing")))
    };
    let connection = match &row.account_id {
        Some(account) => Some(Connection {
            account: AccountId::parse(account).map_err(|e| StoreError::row(TABLE, id, e))?,
            at: needed("connected_at", row.connected_at)?,
        }),
        None => None,
    };
    let led_to = || {
        let missing = || StoreError::row(TABLE, id, "account_id is missing");
        connection.clone().ok_or_else(missing)
    };
    let ended = || needed("ended_at", row.ended_at);
    let stage = match read::<LinkStatus>(id, Some(&row.status))? {
        LinkStatus::Requested => LinkStage::Requested,
        LinkStatus::LinkIssued => LinkStage::Issued {
            url: row.url.clone().ok_or_else(|| StoreError::row(TABLE, id, "url is missing"))?,
            expires_at: needed("expires_at", row.expires_at)?,
        },
        LinkStatus::Connected => LinkStage::Connected(led_to()?),
        LinkStatus::Completed => LinkStage::Completed {
            connection: led_to()?,
            at: ended()?,
            via: read(id, row.completed_via.as_deref())?,
        },
        LinkStatus::Failed => {
            let failure = row.failure.as_deref().unwrap_or_default();
            let failure = serde_json::from_str(failure);
            let failure = failure.map_err(|error| StoreError::row(TABLE, id, error))?;
            LinkStage::Failed { connection: connection.clone(), failure }
        }
        LinkStatus::Expired => LinkStage::Expired { at: ended()? },
        LinkStatus::Cancelled => LinkStage::Cancelled { at: ended()? },
    };
    Ok(LinkSession {
        id: link_id(id)?,
        created_at: time(TABLE, id, row.created_at)?,
        issued_stamp: optional(row.issued_stamp)?,
        stage,
        owner: row.owner,
        reference: row.reference,
        redirect_url: row.redirect_url,
        customer: row.customer,
    })
}
