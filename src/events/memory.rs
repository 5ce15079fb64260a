//! One process: whoever appends wakes its own feed.

use async_trait::async_trait;
use tokio::sync::Notify;

use super::{BusError, EventBus};

/// The bus of a gateway that is alone with its database.
#[derive(Debug, Default)]
pub struct MemoryBus {
    notify: Notify,
}

#[async_trait]
impl EventBus for MemoryBus {
    async fn publish(&self) -> Result<(), BusError> {
        self.notify.notify_one();
        Ok(())
    }

    async fn woken(&self) {
        self.notify.notified().await;
    }

    fn is_connected(&self) -> bool {
        true
    }
}
