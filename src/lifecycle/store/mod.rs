//! The rows behind the lifecycle. Functions take any connection, so that a use case can put
//! several of them into one transaction. Row types stay inside.
//!
//! A row whose columns fit no state is an error, not a guess.

mod accounts;
mod log;
mod sessions;

use sea_orm::DbErr;

pub use accounts::{
    AccountFilter, AccountPage, claim, list, load, load_for_update, next_deadlines, release, save,
};
pub use log::{
    Delivery, Head, Outcome, append_changes, append_facts, begin_log, changes_after,
    changes_of_after, head, known_event_ids, lock_log, save_deliveries,
};
pub use sessions::{
    by_id as session_by_id, by_ids as sessions_by_ids, by_reference as session_by_reference,
    of_account as sessions_of_account, reference_is_taken, save as save_sessions,
};

/// The database failed, or holds what cannot be.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] DbErr),
    /// A row that no version of this gateway writes.
    #[error("row {id} of {table} fits no state: {why}")]
    Row {
        /// In which table.
        table: &'static str,
        /// Which one.
        id: String,
        /// What is wrong with it.
        why: String,
    },
}

impl StoreError {
    fn row(table: &'static str, id: impl ToString, why: impl ToString) -> Self {
        Self::Row { table, id: id.to_string(), why: why.to_string() }
    }

    /// Whether a unique index refused it: somebody else was faster.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Database(error)
            if matches!(error.sql_err(), Some(sea_orm::SqlErr::UniqueConstraintViolation(_))))
    }
}
