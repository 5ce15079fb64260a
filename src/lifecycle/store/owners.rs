//! `account_owner`: whose an account is, one row each. Written from the account's state.

use std::collections::BTreeMap;

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QuerySelect as _,
    sea_query::{OnConflict, Query, SelectStatement},
};

use super::StoreError;
use crate::{ids::AccountId, lifecycle::AccountState};

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "account_owner")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) owner: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) account_id: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The owners of each of these accounts that has any.
pub(super) async fn of(
    db: &impl ConnectionTrait,
    accounts: &[&str],
) -> Result<BTreeMap<String, Vec<String>>, StoreError> {
    let mut owners: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if accounts.is_empty() {
        return Ok(owners);
    }
    let which = row::Column::AccountId.is_in(accounts.iter().copied());
    for row in row::Entity::find().filter(which).all(db).await? {
        owners.entry(row.account_id).or_default().push(row.owner);
    }
    Ok(owners)
}

/// Which of these accounts are `owner`'s. One statement, whoever they belong to.
///
/// # Errors
/// [`StoreError`].
pub async fn owned(
    db: &impl ConnectionTrait,
    owner: &str,
    accounts: &[AccountId],
) -> Result<Vec<AccountId>, StoreError> {
    let ids = row::Entity::find()
        .select_only()
        .column(row::Column::AccountId)
        .filter(row::Column::Owner.eq(owner))
        .filter(row::Column::AccountId.is_in(accounts.iter().map(AccountId::as_str)))
        .into_tuple::<String>()
        .all(db)
        .await?;
    ids.iter()
        .map(|id| AccountId::parse(id).map_err(|e| StoreError::row("account_owner", id, e)))
        .collect()
}

/// The ids of all accounts of `owner`, to search among.
pub(super) fn accounts_of(owner: &str) -> SelectStatement {
    Query::select()
        .column(row::Column::AccountId)
        .from(row::Entity)
        .and_where(row::Column::Owner.eq(owner))
        .to_owned()
}

/// Writes who came to own an account, and who ceased to.
pub(super) async fn save(
    db: &impl ConnectionTrait,
    account: &AccountId,
    before: Option<&AccountState>,
    now: &AccountState,
) -> Result<(), StoreError> {
    let empty = AccountState::default();
    let before = &before.unwrap_or(&empty).owners;
    for owner in now.owners.difference(before) {
        let row = row::ActiveModel {
            owner: Set(owner.clone()),
            account_id: Set(account.as_str().to_owned()),
        };
        row::Entity::insert(row)
            .on_conflict(
                OnConflict::columns([row::Column::Owner, row::Column::AccountId])
                    .do_nothing()
                    .to_owned(),
            )
            .exec_without_returning(db)
            .await?;
    }
    for owner in before.difference(&now.owners) {
        row::Entity::delete_many()
            .filter(row::Column::Owner.eq(owner))
            .filter(row::Column::AccountId.eq(account.as_str()))
            .exec(db)
            .await?;
    }
    Ok(())
}
