//! Several replicas over one PostgreSQL: `NOTIFY` once per committed batch.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use sea_orm::{ConnectionTrait as _, DatabaseConnection};
use sqlx::postgres::PgListener;
use tokio::{sync::Notify, task::JoinHandle};

use super::{BusError, EventBus};
use crate::database::Database;

const CHANNEL: &str = "mono_gateway_log";

/// How long to wait before listening again after the connection was lost.
const RECONNECT: Duration = Duration::from_millis(500);

/// The bus of replicas that share a PostgreSQL.
#[derive(Debug)]
pub struct PostgresBus {
    pool: DatabaseConnection,
    notify: Arc<Notify>,
    connected: Arc<AtomicBool>,
    listener: JoinHandle<()>,
}

impl PostgresBus {
    /// Listens on a connection of the pool's that it keeps.
    ///
    /// # Errors
    /// [`BusError`] if that cannot be had.
    pub async fn connect(database: &Database) -> Result<Self, BusError> {
        let pool = database.writer().clone();
        let first = listen(&pool).await.map_err(|error| BusError(error.into()))?;
        let notify = Arc::new(Notify::new());
        let connected = Arc::new(AtomicBool::new(true));
        let listener = run(pool.clone(), first, notify.clone(), connected.clone());
        Ok(Self { pool, notify, connected, listener: tokio::spawn(listener) })
    }
}

impl Drop for PostgresBus {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn listen(pool: &DatabaseConnection) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool.get_postgres_connection_pool()).await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// Passes wake-ups on. A connection that was lost may have lost some: that counts as one.
async fn run(
    pool: DatabaseConnection,
    mut listener: PgListener,
    notify: Arc<Notify>,
    connected: Arc<AtomicBool>,
) {
    loop {
        match listener.try_recv().await {
            Ok(_) => notify.notify_one(),
            Err(error) => {
                connected.store(false, Ordering::Relaxed);
                // Given back first: whoever closes the pool waits for every connection of it.
                drop(listener);
                if matches!(error, sqlx::Error::PoolClosed) {
                    return;
                }
                tracing::warn!(%error, "listening to the other replicas anew");
                listener = loop {
                    tokio::time::sleep(RECONNECT).await;
                    if let Ok(listener) = listen(&pool).await {
                        break listener;
                    }
                };
                connected.store(true, Ordering::Relaxed);
                notify.notify_one();
            }
        }
    }
}

#[async_trait]
impl EventBus for PostgresBus {
    async fn publish(&self) -> Result<(), BusError> {
        // Our own feed need not wait for the round trip.
        self.notify.notify_one();
        let sql = format!("NOTIFY {CHANNEL}");
        self.pool.execute_unprepared(&sql).await.map_err(|error| BusError(error.into()))?;
        Ok(())
    }

    async fn woken(&self) {
        self.notify.notified().await;
    }

    fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }
}
