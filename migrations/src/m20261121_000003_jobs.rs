//! Jobs: work of Mono's that outlasts the request for it, and for a while what it brought.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, text, text_null},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// What is to be erased, by when.
const RESULTS: &str = "CREATE INDEX account_job_result ON account_job (result_until) \
    WHERE result_until IS NOT NULL";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // `job` is the truth, as JSON, without anything personal. `result` is personal, and gone
        // when it was taken or its time is up.
        let table = Table::create()
            .table("account_job")
            .col(text("id").primary_key())
            .col(text("account_id"))
            .col(text("kind"))
            .col(text("status"))
            .col(text_null("mono_job_id"))
            .col(text("job"))
            .col(text_null("result"))
            .col(big_integer_null("result_until"))
            .col(big_integer_null("taken_at"))
            .col(big_integer("created_at"))
            .col(big_integer_null("ended_at"))
            .to_owned();
        manager.create_table(table).await?;
        let index = Index::create()
            .name("account_job_account")
            .table("account_job")
            .col("account_id")
            .col("created_at")
            .to_owned();
        manager.create_index(index).await?;
        manager.get_connection().execute_unprepared(RESULTS).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Alias::new("account_job")).to_owned()).await
    }
}
