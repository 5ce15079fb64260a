//! The log of webhooks, to look through and to replay.

use sea_orm_migration::{prelude::*, schema::text_null, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "webhook_event";

/// Ids are in the order of time, so each list is a piece of one of these, read backwards.
const INDEXES: [&str; 4] = [
    "CREATE INDEX webhook_event_of_account ON webhook_event (account_id, id)",
    "CREATE INDEX webhook_event_by_name ON webhook_event (event, id)",
    "CREATE INDEX webhook_event_by_outcome ON webhook_event (outcome, id)",
    "CREATE INDEX webhook_event_replays ON webhook_event (replay_of) WHERE replay_of IS NOT NULL",
];

const BEFORE: &str =
    "CREATE INDEX webhook_event_account ON webhook_event (account_id, received_at)";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The delivery that this one repeats: asked for by an operator, not sent by Mono.
        let table = Table::alter().table(TABLE).add_column(text_null("replay_of")).to_owned();
        manager.alter_table(table).await?;
        let db = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Postgres {
            // Ordered by bytes, whatever language the database speaks: lists are paged by it.
            let sql = "ALTER TABLE webhook_event ALTER COLUMN id TYPE text COLLATE \"C\"";
            db.execute_unprepared(sql).await?;
        }
        // The first of the new ones does what it did.
        db.execute_unprepared("DROP INDEX webhook_event_account").await?;
        for index in INDEXES {
            db.execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        for name in ["of_account", "by_name", "by_outcome", "replays"] {
            db.execute_unprepared(&format!("DROP INDEX webhook_event_{name}")).await?;
        }
        db.execute_unprepared(BEFORE).await?;
        let table = Table::alter().table(TABLE).drop_column("replay_of").to_owned();
        manager.alter_table(table).await
    }
}
