//! `account_state`: one row an account.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait as _, Condition, ConnectionTrait, DbBackend, EntityTrait as _, PaginatorTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
    entity::prelude::*,
    sea_query::{LockBehavior, LockType, OnConflict},
};

use super::{
    StoreError,
    many::{filled, portions},
    owners, sessions,
};
use crate::{
    caller::{Caller, Reach},
    clock::{Time, from_ms},
    ids::AccountId,
    lifecycle::{AccountState, DataStatus},
};

const TABLE: &str = "account_state";

/// How many of Mono's ids of one bank account are told.
const MOST_ALIKE: u64 = 20;

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "account_state")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) account_id: String,
        pub(super) unlinked: bool,
        pub(super) data_status: Option<String>,
        pub(super) reauth_required: bool,
        pub(super) version: i64,
        pub(super) state: String,
        pub(super) session_id: Option<String>,
        pub(super) next_deadline_at: Option<i64>,
        pub(super) claimed_until: Option<i64>,
        pub(super) created_at: i64,
        pub(super) updated_at: i64,
        pub(super) bank_account: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Which accounts to list.
#[derive(Clone, Debug, Default)]
pub struct AccountFilter {
    /// Those of which this is true.
    pub needs_reauth: Option<bool>,
    /// Those in one of these.
    pub data_status: Option<Vec<DataStatus>>,
}

/// A page of the accounts that the gateway knows, by id.
#[derive(Clone, Debug)]
pub struct AccountPage {
    /// The accounts of this page.
    pub accounts: Vec<(AccountId, AccountState)>,
    /// Whether there are more behind it.
    pub has_next: bool,
    /// How many there are in all.
    pub total: u64,
}

/// The states of these accounts; an account that the gateway does not know is absent.
///
/// # Errors
/// [`StoreError`].
pub async fn load(
    db: &impl ConnectionTrait,
    accounts: &[AccountId],
) -> Result<BTreeMap<AccountId, AccountState>, StoreError> {
    let rows = row::Entity::find().filter(is_one_of(accounts)).filter(is_known()).all(db).await?;
    Ok(with_sessions(db, rows).await?.into_iter().collect())
}

/// What is done about rows that somebody else has locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locked {
    /// They are left out.
    LeaveOut,
    /// They are waited for.
    Wait,
}

/// Accounts that are locked until the transaction ends.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Their states; an account that the gateway does not know is absent, or empty.
    pub states: BTreeMap<AccountId, AccountState>,
    /// The accounts whose rows somebody else has locked.
    pub locked: BTreeSet<AccountId>,
}

/// The states of these accounts, locked until the transaction ends, in the order of their ids.
/// Unknown ones are created, so that there is a row to lock.
///
/// # Errors
/// [`StoreError`].
pub async fn load_for_update(
    db: &impl ConnectionTrait,
    accounts: &[AccountId],
    now: Time,
    locked: Locked,
) -> Result<Loaded, StoreError> {
    // SQLite has one writer: its transaction is the lock.
    if db.get_database_backend() == DbBackend::Sqlite {
        return Ok(Loaded { states: load(db, accounts).await?, locked: BTreeSet::new() });
    }
    // Missing rows come first and in one order, then all are locked at once and in one order: two
    // replicas that want the same rows queue up instead of blocking each other.
    let ids = row::Entity::find()
        .select_only()
        .column(row::Column::AccountId)
        .filter(is_one_of(accounts))
        .into_tuple::<String>()
        .all(db)
        .await?;
    let known: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    let missing: BTreeSet<_> = accounts.iter().filter(|id| !known.contains(id.as_str())).collect();
    if !missing.is_empty() {
        let empty = AccountState::default();
        let fresh: Result<Vec<_>, _> =
            missing.into_iter().map(|id| active(id, &empty, now)).collect();
        for portion in portions(fresh?) {
            row::Entity::insert_many(portion)
                .on_conflict(OnConflict::column(row::Column::AccountId).do_nothing().to_owned())
                .exec_without_returning(db)
                .await?;
        }
    }
    let find = row::Entity::find().filter(is_one_of(accounts)).order_by_asc(row::Column::AccountId);
    let find = match locked {
        Locked::LeaveOut => find.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked),
        Locked::Wait => find.lock_exclusive(),
    };
    let rows = find.all(db).await?;
    let mine: BTreeSet<&str> = rows.iter().map(|row| row.account_id.as_str()).collect();
    let locked = accounts.iter().filter(|id| !mine.contains(id.as_str())).cloned().collect();
    Ok(Loaded { states: with_sessions(db, rows).await?.into_iter().collect(), locked })
}

/// From here on this transaction waits for what others have locked only for as long as a commit of
/// theirs should take.
///
/// # Errors
/// [`StoreError`].
pub async fn wait_briefly(db: &impl ConnectionTrait) -> Result<(), StoreError> {
    if db.get_database_backend() == DbBackend::Postgres {
        db.execute_unprepared("SET LOCAL lock_timeout = '100ms'").await?;
    }
    Ok(())
}

/// Writes these states, new or not, and whose the accounts are. `before` is what was there.
///
/// # Errors
/// [`StoreError`].
pub async fn save(
    db: &impl ConnectionTrait,
    before: &BTreeMap<AccountId, AccountState>,
    states: &[(&AccountId, &AccountState)],
    now: Time,
) -> Result<(), StoreError> {
    if states.is_empty() {
        return Ok(());
    }
    for (id, state) in states {
        owners::save(db, id, before.get(*id), state).await?;
    }
    let rows: Result<Vec<_>, _> = states.iter().map(|(id, state)| active(id, state, now)).collect();
    for portion in portions(rows?) {
        row::Entity::insert_many(portion)
            .on_conflict(
                OnConflict::column(row::Column::AccountId)
                    .update_columns([
                        row::Column::Unlinked,
                        row::Column::DataStatus,
                        row::Column::ReauthRequired,
                        row::Column::Version,
                        row::Column::State,
                        row::Column::SessionId,
                        row::Column::NextDeadlineAt,
                        row::Column::UpdatedAt,
                        row::Column::BankAccount,
                    ])
                    .to_owned(),
            )
            .exec_without_returning(db)
            .await?;
    }
    Ok(())
}

/// A page of accounts that `caller` may see: `first` of them behind `after`, by id.
///
/// # Errors
/// [`StoreError`].
pub async fn list(
    db: &impl ConnectionTrait,
    caller: &Caller,
    filter: &AccountFilter,
    after: Option<&AccountId>,
    first: u64,
) -> Result<AccountPage, StoreError> {
    let mut which = Condition::all().add(row::Column::Unlinked.eq(false)).add(is_known());
    if let Some(needs) = filter.needs_reauth {
        which = which.add(row::Column::ReauthRequired.eq(needs));
    }
    if let Some(statuses) = &filter.data_status {
        let mut any = Condition::any()
            .add(row::Column::DataStatus.is_in(statuses.iter().map(|status| status.as_mono())));
        if statuses.contains(&DataStatus::Unknown) {
            any = any.add(row::Column::DataStatus.is_null());
        }
        which = which.add(any);
    }
    which = which.add(is_seen_by(caller));
    let all = row::Entity::find().filter(which);
    let total = all.clone().count(db).await?;
    let mut page = all.order_by_asc(row::Column::AccountId).limit(first + 1);
    if let Some(after) = after {
        page = page.filter(row::Column::AccountId.gt(after.as_str()));
    }
    let mut rows = page.all(db).await?;
    let has_next = rows.len() as u64 > first;
    rows.truncate(usize::try_from(first).unwrap_or(usize::MAX));
    let accounts = with_sessions(db, rows).await?;
    Ok(AccountPage { accounts, has_next, total })
}

/// The ids behind `after` of all accounts that the gateway ever knew, at most `most`, in order.
///
/// # Errors
/// [`StoreError`].
pub async fn ids_after(
    db: &impl ConnectionTrait,
    after: Option<&AccountId>,
    most: u64,
) -> Result<Vec<AccountId>, StoreError> {
    let mut find = row::Entity::find()
        .select_only()
        .column(row::Column::AccountId)
        .filter(is_known())
        .order_by_asc(row::Column::AccountId)
        .limit(most);
    if let Some(after) = after {
        find = find.filter(row::Column::AccountId.gt(after.as_str()));
    }
    find.into_tuple::<String>().all(db).await?.iter().map(|id| account_id(id)).collect()
}

/// An account about which something is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// Which one.
    pub account: AccountId,
    /// When it came to be due.
    pub at: Time,
    /// The version of its state: another one may have other deadlines.
    pub version: i64,
}

/// Accounts about which something is due at `now` and that no replica is at work on, in the order in
/// which they came to be due: those behind `after`.
///
/// # Errors
/// [`StoreError`].
pub async fn next_deadlines(
    db: &impl ConnectionTrait,
    now: Time,
    after: Option<(Time, AccountId)>,
    most: u64,
) -> Result<Vec<Deadline>, StoreError> {
    let mut find = row::Entity::find()
        .select_only()
        .column(row::Column::AccountId)
        .column(row::Column::NextDeadlineAt)
        .column(row::Column::Version)
        .filter(row::Column::NextDeadlineAt.lte(now.timestamp_millis()))
        .filter(unclaimed(now));
    if let Some((at, account)) = after {
        let at = at.timestamp_millis();
        let later = row::Column::NextDeadlineAt.gt(at);
        let beside = Condition::all()
            .add(row::Column::NextDeadlineAt.eq(at))
            .add(row::Column::AccountId.gt(account.as_str()));
        find = find.filter(Condition::any().add(later).add(beside));
    }
    let rows = find
        .order_by_asc(row::Column::NextDeadlineAt)
        .order_by_asc(row::Column::AccountId)
        .limit(most)
        .into_tuple::<(String, i64, i64)>()
        .all(db)
        .await?;
    let deadline = |(id, at, version): &(String, i64, i64)| {
        Ok(Deadline { account: account_id(id)?, at: time(TABLE, id, *at)?, version: *version })
    };
    rows.iter().map(deadline).collect()
}

/// Takes the account's deadline for this replica, for as long as `until`. False if another has it.
///
/// # Errors
/// [`StoreError`].
pub async fn claim(
    db: &impl ConnectionTrait,
    account: &AccountId,
    now: Time,
    until: Time,
) -> Result<bool, StoreError> {
    let result = row::Entity::update_many()
        .col_expr(row::Column::ClaimedUntil, Expr::value(until.timestamp_millis()))
        .filter(row::Column::AccountId.eq(account.as_str()))
        .filter(row::Column::NextDeadlineAt.lte(now.timestamp_millis()))
        .filter(unclaimed(now))
        .exec(db)
        .await?;
    Ok(result.rows_affected == 1)
}

/// Gives the account's deadline back that was taken until `until`.
///
/// # Errors
/// [`StoreError`].
pub async fn release(
    db: &impl ConnectionTrait,
    account: &AccountId,
    until: Time,
) -> Result<(), StoreError> {
    row::Entity::update_many()
        .col_expr(row::Column::ClaimedUntil, Expr::value(Option::<i64>::None))
        .filter(row::Column::AccountId.eq(account.as_str()))
        .filter(row::Column::ClaimedUntil.eq(until.timestamp_millis()))
        .exec(db)
        .await?;
    Ok(())
}

/// What `caller` may see: what their token names, and what they linked through the gateway.
pub(super) fn is_seen_by(caller: &Caller) -> Condition {
    match caller.reach() {
        Reach::All => Condition::all(),
        Reach::Only(accounts) => Condition::any()
            .add(row::Column::AccountId.is_in(accounts.iter().map(AccountId::as_str)))
            .add(row::Column::AccountId.in_subquery(owners::accounts_of(caller.owner()))),
    }
}

/// The accounts that are the same account at the bank as one known by one of these digests, by
/// digest, the newest 20 of each in the order in which the gateway met them, as far as `caller` may
/// see them.
///
/// # Errors
/// [`StoreError`].
pub async fn same_bank_account(
    db: &impl ConnectionTrait,
    caller: &Caller,
    digests: &[String],
) -> Result<BTreeMap<String, Vec<(AccountId, AccountState)>>, StoreError> {
    let rows = row::Entity::find()
        .filter(row::Column::BankAccount.is_in(digests))
        .filter(row::Column::Unlinked.eq(false))
        .filter(is_known())
        .filter(is_seen_by(caller))
        .order_by_desc(row::Column::CreatedAt)
        .order_by_desc(row::Column::AccountId)
        .limit(MOST_ALIKE * digests.len() as u64)
        .all(db)
        .await?;
    let mut alike: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (id, state) in with_sessions(db, rows).await? {
        let same = alike.entry(state.bank_account.clone().unwrap_or_default()).or_default();
        if (same.len() as u64) < MOST_ALIKE {
            same.insert(0, (id, state));
        }
    }
    Ok(alike)
}

/// Not a row that was only made to be locked.
fn is_known() -> Expr {
    row::Column::Version.gt(0)
}

fn unclaimed(now: Time) -> Condition {
    Condition::any()
        .add(row::Column::ClaimedUntil.is_null())
        .add(row::Column::ClaimedUntil.lte(now.timestamp_millis()))
}

fn is_one_of(accounts: &[AccountId]) -> Expr {
    row::Column::AccountId.is_in(filled(accounts.iter().map(AccountId::as_str)))
}

fn active(id: &AccountId, state: &AccountState, now: Time) -> Result<row::ActiveModel, StoreError> {
    let json = serde_json::to_string(state).map_err(|e| StoreError::row(TABLE, id, e))?;
    Ok(row::ActiveModel {
        account_id: Set(id.as_str().to_owned()),
        unlinked: Set(state.unlinked),
        data_status: Set(state.data.status.map(|status| status.as_mono().to_owned())),
        reauth_required: Set(state.need.is_some()),
        version: Set(state.version),
        state: Set(json),
        session_id: Set(state.session.as_ref().map(|session| session.id.to_string())),
        next_deadline_at: Set(state.next_deadline().map(|at| at.timestamp_millis())),
        // Whoever is at work on a deadline gives it back, nobody else.
        claimed_until: NotSet,
        created_at: Set(now.timestamp_millis()),
        updated_at: Set(now.timestamp_millis()),
        bank_account: Set(state.bank_account.clone()),
    })
}

async fn with_sessions(
    db: &impl ConnectionTrait,
    rows: Vec<row::Model>,
) -> Result<Vec<(AccountId, AccountState)>, StoreError> {
    let ids: Vec<_> = rows.iter().filter_map(|row| row.session_id.clone()).collect();
    let mut sessions = sessions::by_texts(db, ids).await?;
    rows.into_iter()
        .map(|row| {
            let mut state: AccountState = serde_json::from_str(&row.state)
                .map_err(|error| StoreError::row(TABLE, &row.account_id, error))?;
            if let Some(id) = row.session_id {
                let session = sessions.remove(&id).ok_or_else(|| {
                    StoreError::row(TABLE, &row.account_id, "its session is gone")
                })?;
                state.session = Some(session);
            }
            Ok((account_id(&row.account_id)?, state))
        })
        .collect()
}

fn account_id(text: &str) -> Result<AccountId, StoreError> {
    AccountId::parse(text).map_err(|error| StoreError::row(TABLE, text, error))
}

/// A stored time.
pub(super) fn time(table: &'static str, id: &str, ms: i64) -> Result<Time, StoreError> {
    from_ms(ms).ok_or_else(|| StoreError::row(table, id, "a time beyond the calendar"))
}
