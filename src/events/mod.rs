//! Wakes the feed of every replica.
//!
//! The database is the truth and a bus only a wake-up: it carries no news. Whoever wakes reads the
//! log from the cursor last seen, so a lost or merged wake-up delays news until the periodic read
//! and never loses it.

mod memory;
mod postgres;

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::DbBackend;

use crate::database::Database;

pub use memory::MemoryBus;
pub use postgres::PostgresBus;

/// A wake-up could not be sent.
#[derive(Debug, thiserror::Error)]
#[error("the other replicas could not be woken")]
pub struct BusError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Wakes the feed of every replica.
#[async_trait]
pub trait EventBus: Send + Sync + std::fmt::Debug {
    /// Says that the log has grown. Call it after the commit.
    ///
    /// # Errors
    /// [`BusError`]; then the news waits for the periodic read.
    async fn publish(&self) -> Result<(), BusError>;

    /// Ends at a wake-up. Wake-ups that come while nobody waits are kept as one.
    async fn woken(&self);

    /// Whether other replicas are heard right now.
    fn is_connected(&self) -> bool;
}

/// The bus that goes with this database: one process for SQLite, `NOTIFY` for PostgreSQL.
///
/// # Errors
/// [`BusError`] if the database cannot be listened to.
pub async fn connect(database: &Database) -> Result<Arc<dyn EventBus>, BusError> {
    if database.backend() == DbBackend::Postgres {
        Ok(Arc::new(PostgresBus::connect(database).await?))
    } else {
        Ok(Arc::new(MemoryBus::default()))
    }
}
