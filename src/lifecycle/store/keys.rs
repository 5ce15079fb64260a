//! `idempotency_key`: what a wish with a caller's key was answered first.

use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _,
};

use super::StoreError;
use crate::{
    clock::Time,
    lifecycle::{fact::IdempotencyKey, fold::Repeated},
};

/// How long a key is remembered.
pub const KEY_LIFE: chrono::Duration = chrono::Duration::hours(24);

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "idempotency_key")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) owner: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) key: String,
        pub(super) fingerprint: String,
        pub(super) answer_id: String,
        pub(super) reused: bool,
        pub(super) at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What an owner's key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing yet.
    New,
    /// The same wish: this was its answer.
    Same(Repeated),
    /// Another wish.
    Other,
}

/// What this key stands for at `now`.
///
/// # Errors
/// [`StoreError`].
pub async fn find(
    db: &impl ConnectionTrait,
    owner: &str,
    key: &IdempotencyKey,
    now: Time,
) -> Result<Known, StoreError> {
    let row = row::Entity::find_by_id((owner.to_owned(), key.key.clone())).one(db).await?;
    let since = (now - KEY_LIFE).timestamp_millis();
    Ok(match row {
        Some(row) if row.at < since => Known::New,
        Some(row) if row.fingerprint == key.fingerprint => {
            Known::Same(Repeated { id: row.answer_id, reused: row.reused })
        }
        Some(_) => Known::Other,
        None => Known::New,
    })
}

/// Remembers what this key was answered.
///
/// # Errors
/// [`StoreError`].
pub async fn save(
    db: &impl ConnectionTrait,
    owner: &str,
    key: &IdempotencyKey,
    answer: &Repeated,
    now: Time,
) -> Result<(), StoreError> {
    let row = row::ActiveModel {
        owner: Set(owner.to_owned()),
        key: Set(key.key.clone()),
        fingerprint: Set(key.fingerprint.clone()),
        answer_id: Set(answer.id.clone()),
        reused: Set(answer.reused),
        at: Set(now.timestamp_millis()),
    };
    // Written over only if it is so old that it stands for nothing; another replica that is as
    // fast meets the conflict, tries again and finds this.
    let since = (now - KEY_LIFE).timestamp_millis();
    row::Entity::delete_many()
        .filter(row::Column::Owner.eq(owner))
        .filter(row::Column::Key.eq(&key.key))
        .filter(row::Column::At.lt(since))
        .exec(db)
        .await?;
    row::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Forgets the key that led to this: nothing came of the wish, so repeating it tries again.
///
/// # Errors
/// [`StoreError`].
pub async fn forget(db: &impl ConnectionTrait, answer_id: &str) -> Result<(), StoreError> {
    row::Entity::delete_many().filter(row::Column::AnswerId.eq(answer_id)).exec(db).await?;
    Ok(())
}

/// Forgets keys that stand for nothing any more at `now`.
///
/// # Errors
/// [`StoreError`].
pub async fn forget_old(db: &impl ConnectionTrait, now: Time) -> Result<(), StoreError> {
    let since = (now - KEY_LIFE).timestamp_millis();
    row::Entity::delete_many().filter(row::Column::At.lt(since)).exec(db).await?;
    Ok(())
}
