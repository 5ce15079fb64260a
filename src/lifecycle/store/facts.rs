//! `fact_log`: what the state was folded from, in order.

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};

use super::{StoreError, links, many::portions};
use crate::{
    clock::Time,
    ids::{AccountId, EventId},
    lifecycle::{
        fact::{Fact, What},
        link::{LinkFact, LinkWhat},
    },
};

const TABLE: &str = "fact_log";

/// How much of what was learned of an account is read at once.
const MOST_LEARNED: u64 = 1000;

mod fact_row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "fact_log")]
    pub(super) struct Model {
        #[sea_orm(primary_key)]
        pub(super) seq: i64,
        pub(super) account_id: String,
        pub(super) fact: String,
        pub(super) webhook_event_id: Option<String>,
        pub(super) at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A fact as it stands in the log.
#[derive(Clone, Debug)]
pub struct FactRow {
    subject: String,
    fact: String,
    delivery: Option<EventId>,
    at: Time,
}

impl FactRow {
    /// A fact about an account, with the delivery that it came by.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be written as JSON.
    pub fn of_account(fact: &Fact, delivery: Option<EventId>) -> Result<Self, StoreError> {
        let mut shown = fact.clone();
        // A link opens a bank's door, and its session's row has it while it is of use.
        if let What::LinkIssued { url, .. } = &mut shown.what {
            url.clear();
        }
        Self::new(&fact.account, &shown, delivery, fact.at)
    }

    /// A fact about a link session.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be written as JSON.
    pub fn of_link(fact: &LinkFact, delivery: Option<EventId>) -> Result<Self, StoreError> {
        let mut shown = fact.clone();
        if let LinkWhat::Issued { url, .. } = &mut shown.what {
            url.clear();
        }
        Self::new(&fact.link, &shown, delivery, fact.at)
    }

    /// Whether it is about this account.
    #[must_use]
    pub fn is_about(&self, account: &AccountId) -> bool {
        self.subject == account.as_str()
    }

    /// The fact, if it is one about an account.
    ///
    /// # Errors
    /// [`StoreError`] if it is not.
    pub fn fact(&self) -> Result<Fact, StoreError> {
        serde_json::from_str(&self.fact).map_err(|e| StoreError::row(TABLE, &self.subject, e))
    }

    /// Dates its place in the log, not the fact.
    pub fn learned_at(&mut self, at: Time) {
        self.at = at;
    }

    fn new(
        subject: &impl std::fmt::Display,
        fact: &impl serde::Serialize,
        delivery: Option<EventId>,
        at: Time,
    ) -> Result<Self, StoreError> {
        let json = serde_json::to_string(fact);
        let fact = json.map_err(|error| StoreError::row(TABLE, subject, error))?;
        Ok(Self { subject: subject.to_string(), fact, delivery, at })
    }
}

/// Appends facts.
///
/// # Errors
/// [`StoreError`].
pub async fn append_facts(db: &impl ConnectionTrait, facts: &[FactRow]) -> Result<(), StoreError> {
    if facts.is_empty() {
        return Ok(());
    }
    let rows = facts.iter().map(|row| fact_row::ActiveModel {
        seq: NotSet,
        account_id: Set(row.subject.clone()),
        fact: Set(row.fact.clone()),
        webhook_event_id: Set(row.delivery.map(|id| id.to_string())),
        at: Set(row.at.timestamp_millis()),
    });
    for portion in portions(rows) {
        fact_row::Entity::insert_many(portion).exec_without_returning(db).await?;
    }
    Ok(())
}

/// What was learned of an account.
#[derive(Clone, Debug)]
pub struct Learned {
    /// The facts, newest first.
    pub facts: Vec<Fact>,
    /// Whether these are all of them.
    pub are_all: bool,
}

/// What was learned of an account at `since` or later, but for what `delivery` told.
///
/// # Errors
/// [`StoreError`], also for a fact that this version cannot read.
pub async fn facts_since(
    db: &impl ConnectionTrait,
    account: &AccountId,
    since: Time,
    delivery: EventId,
) -> Result<Learned, StoreError> {
    let rows = fact_row::Entity::find()
        .filter(fact_row::Column::AccountId.eq(account.as_str()))
        .filter(fact_row::Column::At.gte(since.timestamp_millis()))
        .order_by_desc(fact_row::Column::Seq)
        .limit(MOST_LEARNED)
        .all(db)
        .await?;
    let are_all = (rows.len() as u64) < MOST_LEARNED;
    let told = delivery.to_string();
    let others = rows.into_iter().filter(|row| row.webhook_event_id.as_deref() != Some(&told));
    let read = |row: fact_row::Model| {
        serde_json::from_str(&row.fact).map_err(|error| StoreError::row(TABLE, row.seq, error))
    };
    Ok(Learned { facts: others.map(read).collect::<Result<_, _>>()?, are_all })
}

/// Removes the facts that an account and its link were folded from.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn forget(
    db: &impl ConnectionTrait,
    account: &AccountId,
) -> Result<(), StoreError> {
    let its_links = fact_row::Column::AccountId.in_subquery(links::ids_of(account));
    fact_row::Entity::delete_many()
        .filter(
            Condition::any().add(fact_row::Column::AccountId.eq(account.as_str())).add(its_links),
        )
        .exec(db)
        .await?;
    Ok(())
}

/// A fact, read back.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// About an account.
    Account(Box<Fact>),
    /// About a link session.
    Link(Box<LinkFact>),
}

/// A fact with its place in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedFact {
    /// Its number.
    pub seq: i64,
    /// The account or the link session that it is about, as text.
    pub subject: String,
    /// What it tells.
    pub told: Told,
}

/// How far the facts behind `after` are older than `before`, of the first `most` of them: the number
/// of the last one that is, if any is.
///
/// Those dated ahead of `now`, by a clock that was wrong, are not asked how old they are: what stands
/// before an old one is old.
///
/// # Errors
/// [`StoreError`].
pub async fn old_through(
    db: &impl ConnectionTrait,
    after: i64,
    before: Time,
    now: Time,
    most: u64,
) -> Result<Option<i64>, StoreError> {
    let rows = fact_row::Entity::find()
        .select_only()
        .columns([fact_row::Column::Seq, fact_row::Column::At])
        .filter(fact_row::Column::Seq.gt(after))
        .filter(fact_row::Column::At.lte(now.timestamp_millis()))
        .order_by_asc(fact_row::Column::Seq)
        .limit(most)
        .into_tuple::<(i64, i64)>()
        .all(db)
        .await?;
    let before = before.timestamp_millis();
    Ok(rows.into_iter().take_while(|(_, at)| *at < before).last().map(|(seq, _)| seq))
}

/// The facts behind `after` and up to `through`, at most `most`: their numbers and subjects, in
/// order.
///
/// # Errors
/// [`StoreError`].
pub async fn facts_between(
    db: &impl ConnectionTrait,
    after: i64,
    through: i64,
    most: u64,
) -> Result<Vec<(i64, String)>, StoreError> {
    let rows = fact_row::Entity::find()
        .select_only()
        .columns([fact_row::Column::Seq, fact_row::Column::AccountId])
        .filter(fact_row::Column::Seq.gt(after))
        .filter(fact_row::Column::Seq.lte(through))
        .order_by_asc(fact_row::Column::Seq)
        .limit(most)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows)
}

/// The facts of these numbers that are still there, in order.
///
/// # Errors
/// [`StoreError`], also for a fact that this version cannot read.
pub async fn facts_of_numbers(
    db: &impl ConnectionTrait,
    numbers: &[i64],
) -> Result<Vec<LoggedFact>, StoreError> {
    let rows = fact_row::Entity::find()
        .filter(fact_row::Column::Seq.is_in(numbers.iter().copied()))
        .order_by_asc(fact_row::Column::Seq)
        .all(db)
        .await?;
    rows.into_iter().map(logged).collect()
}

/// The facts about one subject behind `after`, at most `most` of them, in order.
///
/// # Errors
/// [`StoreError`], also for a fact that this version cannot read.
pub async fn facts_about(
    db: &impl ConnectionTrait,
    subject: &str,
    after: i64,
    most: u64,
) -> Result<Vec<LoggedFact>, StoreError> {
    let rows = fact_row::Entity::find()
        .filter(fact_row::Column::AccountId.eq(subject))
        .filter(fact_row::Column::Seq.gt(after))
        .order_by_asc(fact_row::Column::Seq)
        .limit(most)
        .all(db)
        .await?;
    rows.into_iter().map(logged).collect()
}

/// Removes the facts of these numbers and says how many there were.
///
/// # Errors
/// [`StoreError`].
pub async fn remove_facts(db: &impl ConnectionTrait, numbers: &[i64]) -> Result<u64, StoreError> {
    let removed = fact_row::Entity::delete_many()
        .filter(fact_row::Column::Seq.is_in(numbers.iter().copied()))
        .exec(db)
        .await?;
    Ok(removed.rows_affected)
}

fn logged(row: fact_row::Model) -> Result<LoggedFact, StoreError> {
    let wrong = |error| StoreError::row(TABLE, row.seq, error);
    // A fact of a link session names it, and one of an account that.
    let told = match serde_json::from_str::<LinkFact>(&row.fact) {
        Ok(fact) => Told::Link(Box::new(fact)),
        Err(_) => Told::Account(Box::new(serde_json::from_str(&row.fact).map_err(wrong)?)),
    };
    Ok(LoggedFact { seq: row.seq, subject: row.account_id, told })
}
