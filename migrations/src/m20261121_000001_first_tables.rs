//! The state of accounts, their re-authorisation sessions, and the logs of facts, changes and
//! webhook deliveries.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, blob, boolean, text, text_null},
    sea_orm::DbBackend,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// What the schema builder cannot say: indexes over some rows only.
const PARTIAL_INDEXES: [&str; 5] = [
    // One live session per account: settles races between replicas.
    "CREATE UNIQUE INDEX reauth_session_live ON reauth_session (account_id) WHERE live",
    // A reference names one session of an owner; one that never got a link gives it back.
    "CREATE UNIQUE INDEX reauth_session_reference ON reauth_session (owner, reference) \
     WHERE keeps_reference",
    "CREATE INDEX account_state_deadline ON account_state (next_deadline_at) \
     WHERE next_deadline_at IS NOT NULL",
    "CREATE INDEX account_state_needs ON account_state (account_id) WHERE reauth_required",
    // Mono's own id of a delivery, where it has one.
    "CREATE UNIQUE INDEX webhook_event_mono_id ON webhook_event (mono_event_id) \
     WHERE mono_event_id IS NOT NULL",
];

/// Columns whose order is that of their bytes, whatever language the database speaks: lists are
/// paged by them.
const IDS: [(&str, &str); 2] = [("account_state", "account_id"), ("reauth_session", "id")];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        if manager.get_database_backend() == DbBackend::Postgres {
            for column in IDS {
                let (table, column) = column;
                let sql =
                    format!("ALTER TABLE {table} ALTER COLUMN {column} TYPE text COLLATE \"C\"");
                manager.get_connection().execute_unprepared(&sql).await?;
            }
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        for index in PARTIAL_INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            "webhook_event",
            "fact_log",
            "change_log",
            "reauth_session",
            "account_state",
            "log_meta",
        ] {
            manager.drop_table(Table::drop().table(Alias::new(table)).to_owned()).await?;
        }
        Ok(())
    }
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        // One row: which log this is. Another epoch means another (or a restored) log.
        Table::create()
            .table("log_meta")
            .col(big_integer("id").primary_key())
            .col(text("epoch"))
            // demo or live: invented accounts and real ones never share a database.
            .col(text("mode"))
            .col(big_integer("trimmed_through"))
            .to_owned(),
        // One row an account. `state` is the truth, as JSON; the other columns are what is
        // searched, written from it in the same statement.
        Table::create()
            .table("account_state")
            .col(text("account_id").primary_key())
            .col(boolean("unlinked"))
            .col(text_null("data_status"))
            .col(boolean("reauth_required"))
            .col(big_integer("version"))
            .col(text("state"))
            .col(text_null("session_id"))
            .col(big_integer_null("next_deadline_at"))
            .col(big_integer_null("claimed_until"))
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .to_owned(),
        Table::create()
            .table("reauth_session")
            .col(text("id").primary_key())
            .col(text("account_id"))
            .col(text("owner"))
            .col(text("reference"))
            .col(text("method"))
            .col(text_null("redirect_url"))
            .col(text("status"))
            .col(boolean("live"))
            .col(boolean("keeps_reference"))
            .col(text_null("url"))
            .col(big_integer("created_at"))
            .col(big_integer_null("expires_at"))
            .col(big_integer_null("authorized_at"))
            .col(boolean("asked_again"))
            .col(big_integer_null("ended_at"))
            .col(text_null("completed_via"))
            .col(text_null("failure"))
            .to_owned(),
        // What subscribers are told, in order.
        Table::create()
            .table("change_log")
            .col(big_integer("seq").auto_increment().primary_key())
            .col(text("account_id"))
            .col(text("kind"))
            .col(text("change"))
            .col(big_integer("at"))
            .to_owned(),
        // What the state was folded from.
        Table::create()
            .table("fact_log")
            .col(big_integer("seq").auto_increment().primary_key())
            .col(text("account_id"))
            .col(text("fact"))
            .col(text_null("webhook_event_id"))
            .col(big_integer("at"))
            .to_owned(),
        Table::create()
            .table("webhook_event")
            .col(text("id").primary_key())
            .col(text_null("event"))
            .col(text_null("mono_event_id"))
            .col(text_null("account_id"))
            .col(text("outcome"))
            .col(text("digest"))
            .col(blob("body"))
            .col(big_integer("received_at"))
            .to_owned(),
    ]
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        Index::create()
            .name("change_log_account")
            .table("change_log")
            .col("account_id")
            .col("seq")
            .to_owned(),
        Index::create()
            .name("fact_log_account")
            .table("fact_log")
            .col("account_id")
            .col("seq")
            .to_owned(),
        Index::create()
            .name("reauth_session_account")
            .table("reauth_session")
            .col("account_id")
            .col("created_at")
            .to_owned(),
        Index::create()
            .name("webhook_event_account")
            .table("webhook_event")
            .col("account_id")
            .col("received_at")
            .to_owned(),
    ]
}
