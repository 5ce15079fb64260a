//! The rows behind the lifecycle. Functions take any connection, so that a use case can put
//! several of them into one transaction. Row types stay inside.
//!
//! A row whose columns fit no state is an error, not a guess.

mod accounts;
pub mod checkpoints;
pub mod deliveries;
mod facts;
mod jobs;
pub mod keys;
pub mod links;
mod log;
mod many;
mod owners;
mod sessions;

use std::sync::Arc;

use sea_orm::DbErr;

use crate::error::ApiError;

pub use accounts::{
    AccountFilter, AccountPage, Deadline, Loaded, Locked, claim, ids_after as account_ids_after,
    list, load, load_for_update, next_deadlines, release, same_bank_account, save, wait_briefly,
};
pub use facts::{
    FactRow, LoggedFact, Told, append_facts, facts_about, facts_between, facts_of_numbers,
    facts_since, old_through, remove_facts,
};
pub use jobs::{
    JobRows, Kept, by_id as job_by_id, erase_old_results, is_any_result_old,
    opened as opened_result, result as job_result, take as take_job_result, trim as trim_jobs,
};
pub use log::{
    Delivery, Head, Outcome, Piece, append_changes, begin_log, changes_after, changes_of_after,
    forget_account, head, known_event_ids, last_change, lock_log, save_deliveries, trim_changes,
    trim_deliveries,
};
pub use owners::owned;
pub use sessions::{
    by_id as session_by_id, by_ids as sessions_by_ids, by_reference as session_by_reference,
    forget_customer as forget_customer_of_sessions, of_account as sessions_of_account,
    reference_is_taken, save as save_sessions,
};

/// The database failed, or holds what cannot be.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] DbErr),
    /// Nobody can append to the log: somebody keeps it locked.
    #[error("the log of changes is kept locked by somebody else")]
    LogHeld(#[source] DbErr),
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

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Arc::new(error).into()
    }
}

impl From<Arc<StoreError>> for ApiError {
    fn from(error: Arc<StoreError>) -> Self {
        let may_pass = error.is_of_database() || error.is_locked() || error.is_conflict();
        if may_pass { Self::away(error) } else { Self::hidden(error) }
    }
}

impl StoreError {
    fn row(table: &'static str, id: impl ToString, why: impl ToString) -> Self {
        Self::Row { table, id: id.to_string(), why: why.to_string() }
    }

    /// The database's own code of what went wrong, if it said anything.
    fn code(&self) -> Option<String> {
        let Self::Database(DbErr::Exec(error) | DbErr::Query(error)) = self else { return None };
        let sea_orm::RuntimeErr::SqlxError(error) = error else { return None };
        error.as_database_error()?.code().map(Into::into)
    }

    /// Whether the same may work if it is tried again at once: somebody else wrote the same at the
    /// same time (a unique index, a deadlock, a serialisation failure).
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        let unique = matches!(self, Self::Database(error)
            if matches!(error.sql_err(), Some(sea_orm::SqlErr::UniqueConstraintViolation(_))));
        unique || self.code().is_some_and(|code| matches!(code.as_str(), "40P01" | "40001"))
    }

    /// Whether somebody else kept a row locked for longer than it was waited for.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.code().is_some_and(|code| code == "55P03")
    }

    /// Whether it is the database that fails, and not what was asked of it: then everything else
    /// fails as well, and trying one after the other only takes long.
    #[must_use]
    pub fn is_of_database(&self) -> bool {
        match (self, self.code()) {
            (Self::Row { .. }, _) => false,
            (Self::LogHeld(_), _) => true,
            // Nothing was answered at all, or a value that is none of ours.
            (Self::Database(error), None) => !is_of_a_value(error),
            (Self::Database(_), Some(code)) => {
                // SQLite: busy, locked, read-only, input and output, full, cannot open.
                let sqlite = code.parse().is_ok_and(|code: u32| {
                    code < 65_536 && matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14)
                });
                // PostgreSQL: connection, resources, operator, system; read-only.
                let classes = ["08", "53", "57", "58", "25006"];
                let postgres =
                    code.len() == 5 && classes.iter().any(|class| code.starts_with(class));
                if code.len() == 5 { postgres } else { sqlite }
            }
        }
    }
}

/// Whether the database answered, and what it answered cannot be read, or what it was to be told
/// cannot be written: that stands in a row, and other rows are well.
fn is_of_a_value(error: &DbErr) -> bool {
    use sea_orm::sqlx::Error as Sqlx;
    if matches!(error, DbErr::Type(_) | DbErr::Json(_) | DbErr::TryIntoErr { .. }) {
        return true;
    }
    let (DbErr::Exec(sea_orm::RuntimeErr::SqlxError(error))
    | DbErr::Query(sea_orm::RuntimeErr::SqlxError(error))) = error
    else {
        return false;
    };
    matches!(
        **error,
        Sqlx::ColumnDecode { .. } | Sqlx::Decode(_) | Sqlx::Encode(_) | Sqlx::TypeNotFound { .. }
    )
}
