//! `reauth_session`: one row a session. Its columns are its stage, taken apart.

use std::collections::BTreeMap;

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, TryIntoModel as _,
    sea_query::{Expr, OnConflict},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{StoreError, accounts::time, owners};
use crate::{
    caller::{Caller, Reach},
    clock::Time,
    ids::{AccountId, ReauthId},
    lifecycle::session::{
        CompletionEvidence, Handover, ReauthMethod, ReauthStatus, Session, Stage,
    },
};

const TABLE: &str = "reauth_session";

mod row {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "reauth_session")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) id: String,
        pub(super) account_id: String,
        pub(super) owner: String,
        pub(super) reference: String,
        pub(super) method: String,
        pub(super) redirect_url: Option<String>,
        pub(super) status: String,
        pub(super) live: bool,
        pub(super) keeps_reference: bool,
        pub(super) url: Option<String>,
        pub(super) reauth_token: Option<String>,
        pub(super) created_at: i64,
        pub(super) expires_at: Option<i64>,
        pub(super) authorized_at: Option<i64>,
        pub(super) asked_again: bool,
        pub(super) ended_at: Option<i64>,
        pub(super) completed_via: Option<String>,
        pub(super) failure: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The session of this id.
///
/// # Errors
/// [`StoreError`].
pub async fn by_id(db: &impl ConnectionTrait, id: ReauthId) -> Result<Option<Session>, StoreError> {
    let row = row::Entity::find_by_id(id.to_string()).one(db).await?;
    row.map(session).transpose()
}

/// The sessions of these ids; unknown ones are absent.
///
/// # Errors
/// [`StoreError`].
pub async fn by_ids(
    db: &impl ConnectionTrait,
    ids: &[ReauthId],
) -> Result<Vec<Session>, StoreError> {
    let ids = ids.iter().map(ReauthId::to_string).collect();
    Ok(by_texts(db, ids).await?.into_values().collect())
}

pub(super) async fn by_texts(
    db: &impl ConnectionTrait,
    ids: Vec<String>,
) -> Result<BTreeMap<String, Session>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = row::Entity::find().filter(row::Column::Id.is_in(ids)).all(db).await?;
    rows.into_iter().map(|row| Ok((row.id.clone(), session(row)?))).collect()
}

/// The newest session that `caller` may see and that has this reference.
///
/// # Errors
/// [`StoreError`].
pub async fn by_reference(
    db: &impl ConnectionTrait,
    caller: &Caller,
    reference: &str,
) -> Result<Option<Session>, StoreError> {
    let mut find = row::Entity::find().filter(row::Column::Reference.eq(reference));
    if let Reach::Only(accounts) = caller.reach() {
        let seen = Condition::any()
            .add(row::Column::AccountId.is_in(accounts.iter().map(AccountId::as_str)))
            .add(row::Column::AccountId.in_subquery(owners::accounts_of(caller.owner())));
        find = find.filter(row::Column::Owner.eq(caller.owner())).filter(seen);
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

/// Whether another session of this owner has this reference.
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

/// The sessions of an account, newest first: `first` of them behind `after`.
///
/// # Errors
/// [`StoreError`].
pub async fn of_account(
    db: &impl ConnectionTrait,
    account: &AccountId,
    after: Option<ReauthId>,
    first: u64,
) -> Result<Vec<Session>, StoreError> {
    // Ids sort by time of birth.
    let mut find = row::Entity::find()
        .filter(row::Column::AccountId.eq(account.as_str()))
        .order_by_desc(row::Column::Id)
        .limit(first);
    if let Some(after) = after {
        find = find.filter(row::Column::Id.lt(after.to_string()));
    }
    find.all(db).await?.into_iter().map(session).collect()
}

/// Writes these sessions, new or not, in this order: one that gives way goes before the one that
/// takes its place.
///
/// # Errors
/// [`StoreError`].
pub async fn save(db: &impl ConnectionTrait, sessions: &[&Session]) -> Result<(), StoreError> {
    for session in sessions {
        row::Entity::insert(active(session)?)
            .on_conflict(
                OnConflict::column(row::Column::Id)
                    .update_columns([
                        row::Column::Status,
                        row::Column::Live,
                        row::Column::KeepsReference,
                        row::Column::Url,
                        row::Column::ReauthToken,
                        row::Column::ExpiresAt,
                        row::Column::AuthorizedAt,
                        row::Column::AskedAgain,
                        row::Column::EndedAt,
                        row::Column::CompletedVia,
                        row::Column::Failure,
                    ])
                    .to_owned(),
            )
            .exec_without_returning(db)
            .await?;
    }
    Ok(())
}

fn active(session: &Session) -> Result<row::ActiveModel, StoreError> {
    let (mut expires_at, mut asked, mut ended_at, mut via, mut failed) =
        (None, false, None, None, None);
    match &session.stage {
        Stage::Requested => {}
        Stage::LinkIssued { expires_at: at, .. } => expires_at = Some(*at),
        Stage::Authorized { asked_again, .. } => asked = *asked_again,
        Stage::Completed { at, via: evidence, .. } => {
            ended_at = Some(*at);
            via = Some(word(session, evidence)?);
        }
        Stage::Failed { failure, .. } => {
            ended_at = Some(failure.at);
            let json = serde_json::to_string(failure);
            failed = Some(json.map_err(|e| StoreError::row(TABLE, session.id, e))?);
        }
        Stage::Expired { at } | Stage::Cancelled { at } | Stage::Superseded { at } => {
            ended_at = Some(*at);
        }
    }
    Ok(row::ActiveModel {
        id: Set(session.id.to_string()),
        account_id: Set(session.account.as_str().to_owned()),
        owner: Set(session.owner.clone()),
        reference: Set(session.reference.clone()),
        method: Set(word(session, &session.method)?),
        redirect_url: Set(session.redirect_url.clone()),
        status: Set(word(session, &session.status())?),
        live: Set(session.is_live()),
        keeps_reference: Set(session.keeps_reference()),
        url: Set(session.url().map(str::to_owned)),
        reauth_token: Set(token(session)),
        created_at: Set(session.created_at.timestamp_millis()),
        expires_at: Set(expires_at.map(|at| at.timestamp_millis())),
        authorized_at: Set(session.authorized_at().map(|at| at.timestamp_millis())),
        asked_again: Set(asked),
        ended_at: Set(ended_at.map(|at| at.timestamp_millis())),
        completed_via: Set(via),
        failure: Set(failed),
    })
}

/// The token while it is of use: the row forgets it as soon as it is not.
fn token(session: &Session) -> Option<String> {
    match session.handover()? {
        Handover::Token(token) => Some(token.clone()),
        Handover::Link(_) | Handover::Widget => None,
    }
}

/// An enum's word as it stands in a column.
fn word<T: Serialize>(session: &Session, value: &T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(other) => Err(StoreError::row(TABLE, session.id, format!("{other} is no word"))),
        Err(error) => Err(StoreError::row(TABLE, session.id, error)),
    }
}

fn read<T: DeserializeOwned>(id: &str, word: &str) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(word.to_owned()))
        .map_err(|error| StoreError::row(TABLE, id, error))
}

/// A session's row as JSON.
pub(super) fn to_json(session: &Session) -> Result<serde_json::Value, StoreError> {
    let row = active(session)?.try_into_model()?;
    serde_json::to_value(row).map_err(|error| StoreError::row(TABLE, session.id, error))
}

/// A session whose row was written as JSON.
pub(super) fn from_json(json: serde_json::Value) -> Result<Session, StoreError> {
    let row = serde_json::from_value(json);
    session(row.map_err(|error| StoreError::row(TABLE, "of a checkpoint", error))?)
}

fn session(row: row::Model) -> Result<Session, StoreError> {
    let id = ReauthId::parse(&row.id).map_err(|e| StoreError::row(TABLE, &row.id, e))?;
    let account =
        AccountId::parse(&row.account_id).map_err(|e| StoreError::row(TABLE, &row.id, e))?;
    let stage = stage(&row)?;
    Ok(Session {
        id,
        account,
        method: read(&row.id, &row.method)?,
        created_at: time(TABLE, &row.id, row.created_at)?,
        owner: row.owner,
        reference: row.reference,
        redirect_url: row.redirect_url,
        stage,
    })
}

fn stage(row: &row::Model) -> Result<Stage, StoreError> {
    let optional = |ms: Option<i64>| ms.map(|ms| time(TABLE, &row.id, ms)).transpose();
    let needed = |name: &str, ms: Option<i64>| -> Result<Time, StoreError> {
        optional(ms)?.ok_or_else(|| StoreError::row(TABLE, &row.id, format!("{name} is missing")))
    };
    let text = |name: &str, text: &Option<String>| {
        text.clone().ok_or_else(|| StoreError::row(TABLE, &row.id, format!("{name} is missing")))
    };
    let authorized_at = optional(row.authorized_at)?;
    let ended = || needed("ended_at", row.ended_at);
    Ok(match read::<ReauthStatus>(&row.id, &row.status)? {
        ReauthStatus::Requested => Stage::Requested,
        ReauthStatus::LinkIssued => Stage::LinkIssued {
            handover: match read::<ReauthMethod>(&row.id, &row.method)? {
                ReauthMethod::HostedLink => Handover::Link(text("url", &row.url)?),
                ReauthMethod::Widget => Handover::Widget,
                ReauthMethod::WidgetToken => {
                    Handover::Token(text("reauth_token", &row.reauth_token)?)
                }
            },
            expires_at: needed("expires_at", row.expires_at)?,
        },
        ReauthStatus::Authorized => Stage::Authorized {
            at: needed("authorized_at", row.authorized_at)?,
            asked_again: row.asked_again,
        },
        ReauthStatus::Completed => {
            let via: CompletionEvidence =
                read(&row.id, &text("completed_via", &row.completed_via)?)?;
            Stage::Completed { authorized_at, at: ended()?, via }
        }
        ReauthStatus::Failed => {
            let failure = serde_json::from_str(&text("failure", &row.failure)?)
                .map_err(|error| StoreError::row(TABLE, &row.id, error))?;
            Stage::Failed { authorized_at, failure }
        }
        ReauthStatus::Expired => Stage::Expired { at: ended()? },
        ReauthStatus::Cancelled => Stage::Cancelled { at: ended()? },
        ReauthStatus::Superseded => Stage::Superseded { at: ended()? },
    })
}

/// Removes what the sessions of this account keep that may be about its customer.
///
/// # Errors
/// [`StoreError`].
pub async fn forget_customer(
    db: &impl ConnectionTrait,
    account: &AccountId,
) -> Result<(), StoreError> {
    row::Entity::update_many()
        .col_expr(row::Column::RedirectUrl, Expr::value(Option::<String>::None))
        .col_expr(row::Column::Url, Expr::value(Option::<String>::None))
        .filter(row::Column::AccountId.eq(account.as_str()))
        .exec(db)
        .await?;
    Ok(())
}
