//! `log_checkpoint`: what the facts that retention removed had made of their subjects.

use std::collections::BTreeMap;

use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _,
    QueryFilter as _, sea_query::OnConflict,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{StoreError, links, sessions};
use crate::{
    clock::Time,
    ids::AccountId,
    lifecycle::{AccountState, derived::Derived},
};

const TABLE: &str = "log_checkpoint";

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "log_checkpoint")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) subject: String,
        pub(super) through: i64,
        pub(super) facts: i64,
        pub(super) checkpoint: String,
        pub(super) updated_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What was folded from the beginning of a subject's log.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// What came of it.
    pub derived: Derived,
    /// The number of the last fact in it; 0 for none.
    pub through: i64,
    /// How many facts went into it.
    pub facts: i64,
}

/// As it stands in the column. Links and tokens are not in it, as they are not in facts.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Written {
    Account { state: Box<AccountState>, session: Option<Value> },
    Link(Option<Value>),
}

/// The checkpoints of these subjects; a subject without one is absent.
///
/// # Errors
/// [`StoreError`].
pub async fn load(
    db: &impl ConnectionTrait,
    subjects: &[&str],
) -> Result<BTreeMap<String, Checkpoint>, StoreError> {
    if subjects.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = row::Entity::find()
        .filter(row::Column::Subject.is_in(subjects.iter().copied()))
        .all(db)
        .await?;
    rows.into_iter()
        .map(|row| {
            let written = serde_json::from_str(&row.checkpoint)
                .map_err(|error| StoreError::row(TABLE, &row.subject, error))?;
            let derived = match written {
                Written::Account { mut state, session } => {
                    state.session = session.map(sessions::from_json).transpose()?;
                    Derived::Account(state)
                }
                Written::Link(session) => {
                    Derived::Link(session.map(links::from_json).transpose()?.map(Box::new))
                }
            };
            Ok((row.subject, Checkpoint { derived, through: row.through, facts: row.facts }))
        })
        .collect()
}

/// Writes these checkpoints, new or not.
///
/// # Errors
/// [`StoreError`].
pub async fn save(
    db: &impl ConnectionTrait,
    checkpoints: &BTreeMap<String, Checkpoint>,
    now: Time,
) -> Result<(), StoreError> {
    if checkpoints.is_empty() {
        return Ok(());
    }
    let rows: Result<Vec<_>, StoreError> = checkpoints
        .iter()
        .map(|(subject, checkpoint)| {
            let written = match &checkpoint.derived {
                Derived::Account(state) => Written::Account {
                    state: state.clone(),
                    session: state.session.as_ref().map(sessions::to_json).transpose()?,
                },
                Derived::Link(session) => {
                    Written::Link(session.as_deref().map(links::to_json).transpose()?)
                }
            };
            let json = serde_json::to_string(&written)
                .map_err(|error| StoreError::row(TABLE, subject, error))?;
            Ok(row::ActiveModel {
                subject: Set(subject.clone()),
                through: Set(checkpoint.through),
                facts: Set(checkpoint.facts),
                checkpoint: Set(json),
                updated_at: Set(now.timestamp_millis()),
            })
        })
        .collect();
    row::Entity::insert_many(rows?)
        .on_conflict(
            OnConflict::column(row::Column::Subject)
                .update_columns([
                    row::Column::Through,
                    row::Column::Facts,
                    row::Column::Checkpoint,
                    row::Column::UpdatedAt,
                ])
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Removes the checkpoints of these subjects.
///
/// # Errors
/// [`StoreError`].
pub async fn remove(db: &impl ConnectionTrait, subjects: &[String]) -> Result<(), StoreError> {
    if subjects.is_empty() {
        return Ok(());
    }
    row::Entity::delete_many()
        .filter(row::Column::Subject.is_in(subjects.iter().map(String::as_str)))
        .exec(db)
        .await?;
    Ok(())
}

/// Removes what the checkpoints keep of an account that is to be forgotten, and of its link.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn forget(
    db: &impl ConnectionTrait,
    account: &AccountId,
) -> Result<(), StoreError> {
    let its_links = row::Column::Subject.in_subquery(links::ids_of(account));
    row::Entity::delete_many()
        .filter(Condition::any().add(row::Column::Subject.eq(account.as_str())).add(its_links))
        .exec(db)
        .await?;
    Ok(())
}
