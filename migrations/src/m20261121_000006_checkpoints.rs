//! What the facts that retention removed had made of their subjects.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, text},
};

/// What retention looks for.
const INDEXES: [&str; 2] = [
    "CREATE INDEX account_job_ended ON account_job (ended_at) WHERE ended_at IS NOT NULL",
    "CREATE INDEX link_session_ended ON link_session (ended_at) WHERE account_id IS NULL",
];

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // `subject` is an account or a link session, as in the log of facts; `facts` counts what
        // was removed, and `through` is the number of the last of it.
        let table = Table::create()
            .table("log_checkpoint")
            .col(text("subject").primary_key())
            .col(big_integer("through"))
            .col(big_integer("facts"))
            .col(text("checkpoint"))
            .col(big_integer("updated_at"))
            .to_owned();
        manager.create_table(table).await?;
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["account_job_ended", "link_session_ended"] {
            manager.get_connection().execute_unprepared(&format!("DROP INDEX {name}")).await?;
        }
        manager.drop_table(Table::drop().table(Alias::new("log_checkpoint")).to_owned()).await
    }
}
