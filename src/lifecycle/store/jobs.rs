//! `account_job`: one row a job, and for a while what it brought.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QuerySelect as _,
    entity::prelude::Expr,
    sea_query::OnConflict,
};
use serde::Serialize;

use super::{StoreError, accounts::time};
use crate::{
    clock::Time,
    ids::{AccountId, JobId},
    lifecycle::{
        AccountState,
        job::{Job, Personal},
    },
    seal::{DataKeys, Place},
};

const TABLE: &str = "account_job";

/// Where what a job brought stands, sealed if there is a key.
const RESULT: &str = "account_job.result";

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "account_job")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) id: String,
        pub(super) account_id: String,
        pub(super) kind: String,
        pub(super) status: String,
        pub(super) mono_job_id: Option<String>,
        pub(super) job: String,
        pub(super) result: Option<String>,
        pub(super) result_until: Option<i64>,
        pub(super) taken_at: Option<i64>,
        pub(super) created_at: i64,
        pub(super) ended_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What a transaction is going to write of jobs.
#[derive(Debug, Default)]
pub struct JobRows {
    jobs: BTreeMap<JobId, Job>,
    results: Vec<(JobId, Personal, Time)>,
    erased: BTreeSet<AccountId>,
}

impl JobRows {
    /// Takes in what one fact, learned at `at`, made of an account's jobs.
    pub fn note(
        &mut self,
        account: &AccountId,
        before: &AccountState,
        after: &AccountState,
        result: Option<(JobId, Personal)>,
        at: Time,
    ) {
        for job in after.all_jobs().filter(|job| before.all_jobs().all(|old| old != *job)) {
            self.jobs.insert(job.id, job.clone());
        }
        if after.unlinked && !before.unlinked {
            self.results.retain(|(id, ..)| after.jobs.iter().all(|job| job.id != *id));
            self.erased.insert(account.clone());
        }
        let kept = result.and_then(|(id, result)| {
            let job = after.all_jobs().find(|job| job.id == id)?;
            Some((id, result, at + job.kind.result_life()))
        });
        self.results.extend(kept);
    }

    /// Writes it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save(&self, db: &impl ConnectionTrait, keys: &DataKeys) -> Result<(), StoreError> {
        for job in self.jobs.values() {
            row::Entity::insert(active(job)?)
                .on_conflict(
                    OnConflict::column(row::Column::Id)
                        .update_columns([
                            row::Column::Status,
                            row::Column::MonoJobId,
                            row::Column::Job,
                            row::Column::EndedAt,
                        ])
                        .to_owned(),
                )
                .exec_without_returning(db)
                .await?;
        }
        for (id, result, until) in &self.results {
            let row = id.to_string();
            let seal = |text: &String| keys.seal_text(Place { column: RESULT, row: &row }, text);
            let result = result.0.as_ref().map(seal).transpose();
            let result = result.map_err(|error| StoreError::row(TABLE, id, error))?;
            row::Entity::update_many()
                .col_expr(row::Column::Result, Expr::value(result))
                .col_expr(row::Column::ResultUntil, Expr::value(until.timestamp_millis()))
                .filter(row::Column::Id.eq(id.to_string()))
                .exec(db)
                .await?;
        }
        for account in &self.erased {
            erase()
                .filter(row::Column::AccountId.eq(account.as_str()))
                .filter(row::Column::ResultUntil.is_not_null())
                .exec(db)
                .await?;
        }
        Ok(())
    }
}

fn erase() -> sea_orm::UpdateMany<row::Entity> {
    row::Entity::update_many()
        .col_expr(row::Column::Result, Expr::value(Option::<String>::None))
        .col_expr(row::Column::ResultUntil, Expr::value(Option::<i64>::None))
}

/// The job of this id.
///
/// # Errors
/// [`StoreError`].
pub async fn by_id(db: &impl ConnectionTrait, id: JobId) -> Result<Option<Job>, StoreError> {
    let row = row::Entity::find_by_id(id.to_string()).one(db).await?;
    row.map(|row| {
        serde_json::from_str(&row.job).map_err(|error| StoreError::row(TABLE, &row.id, error))
    })
    .transpose()
}

/// What a job brought, opened.
///
/// # Errors
/// [`StoreError`] if it is sealed with a key that is not among these, or is damaged.
pub fn opened(id: JobId, kept: Kept, keys: &DataKeys) -> Result<Kept, StoreError> {
    let Kept::There(Personal(Some(text)), until) = &kept else { return Ok(kept) };
    let row = id.to_string();
    let text = keys.open_text(Place { column: RESULT, row: &row }, text);
    let text = text.map_err(|error| StoreError::row(TABLE, id, error))?;
    Ok(Kept::There(Personal(Some(text)), *until))
}

/// What is kept of what a job brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is there until this.
    There(Personal, Time),
    /// It was handed on.
    Taken,
    /// There is none, or its time is up.
    None,
}

/// What the job of this id brought, as far as it is kept at `now`.
///
/// # Errors
/// [`StoreError`].
pub async fn result(db: &impl ConnectionTrait, id: JobId, now: Time) -> Result<Kept, StoreError> {
    let Some(row) = row::Entity::find_by_id(id.to_string()).one(db).await? else {
        return Ok(Kept::None);
    };
    if row.taken_at.is_some() {
        return Ok(Kept::Taken);
    }
    let until = row.result_until.map(|ms| time(TABLE, &row.id, ms)).transpose()?;
    Ok(match until.filter(|until| *until > now) {
        Some(until) if row.result.is_some() => Kept::There(Personal(row.result), until),
        Some(_) | None => Kept::None,
    })
}

/// Hands on what the job of this id brought, and erases it: of several who ask at once one gets it.
///
/// # Errors
/// [`StoreError`].
pub async fn take(db: &impl ConnectionTrait, id: JobId, now: Time) -> Result<Kept, StoreError> {
    let kept = result(db, id, now).await?;
    let Kept::There(..) = kept else { return Ok(kept) };
    let done = erase()
        .col_expr(row::Column::TakenAt, Expr::value(now.timestamp_millis()))
        .filter(row::Column::Id.eq(id.to_string()))
        .filter(row::Column::ResultUntil.is_not_null())
        .exec(db)
        .await?;
    Ok(if done.rows_affected == 1 { kept } else { Kept::Taken })
}

/// Whether there is something whose time is up at `now`.
///
/// # Errors
/// [`StoreError`].
pub async fn is_any_result_old(db: &impl ConnectionTrait, now: Time) -> Result<bool, StoreError> {
    let old = row::Entity::find()
        .select_only()
        .column(row::Column::Id)
        .filter(row::Column::ResultUntil.lte(now.timestamp_millis()));
    Ok(old.into_tuple::<String>().one(db).await?.is_some())
}

/// Erases what jobs brought whose time is up at `now`.
///
/// # Errors
/// [`StoreError`].
pub async fn erase_old_results(db: &impl ConnectionTrait, now: Time) -> Result<(), StoreError> {
    erase().filter(row::Column::ResultUntil.lte(now.timestamp_millis())).exec(db).await?;
    Ok(())
}

/// Removes the rows of jobs that ended before `before`, at most `most`, and says how many there
/// were. The newest of each kind stays in its account's state.
///
/// # Errors
/// [`StoreError`].
pub async fn trim(db: &impl ConnectionTrait, before: Time, most: u64) -> Result<u64, StoreError> {
    let old = row::Entity::find()
        .select_only()
        .column(row::Column::Id)
        .filter(row::Column::EndedAt.lt(before.timestamp_millis()))
        .limit(most)
        .into_tuple::<String>()
        .all(db)
        .await?;
    if old.is_empty() {
        return Ok(0);
    }
    let removed = row::Entity::delete_many().filter(row::Column::Id.is_in(old)).exec(db).await?;
    Ok(removed.rows_affected)
}

fn active(job: &Job) -> Result<row::ActiveModel, StoreError> {
    let wrong = |error: serde_json::Error| StoreError::row(TABLE, job.id, error);
    Ok(row::ActiveModel {
        id: Set(job.id.to_string()),
        account_id: Set(job.account.as_str().to_owned()),
        kind: Set(word(job, &job.kind)?),
        status: Set(word(job, &job.status())?),
        mono_job_id: Set(job.mono_job.clone()),
        job: Set(serde_json::to_string(job).map_err(wrong)?),
        // Written and erased by themselves.
        result: NotSet,
        result_until: NotSet,
        taken_at: NotSet,
        created_at: Set(job.created_at.timestamp_millis()),
        ended_at: Set(job.ended_at().map(|at| at.timestamp_millis())),
    })
}

/// An enum's word as it stands in a column.
fn word<T: Serialize>(job: &Job, value: &T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(other) => Err(StoreError::row(TABLE, job.id, format!("{other} is no word"))),
        Err(error) => Err(StoreError::row(TABLE, job.id, error)),
    }
}
