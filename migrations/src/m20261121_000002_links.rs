//! Link sessions, whose an account is, what callers' keys were answered, and by what one bank
//! account is known under several of Mono's ids.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, boolean, text, text_null},
    sea_orm::DbBackend,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const STATEMENTS: [&str; 7] = [
    // A reference names one session of an owner; one that never got a link gives it back.
    "CREATE UNIQUE INDEX link_session_reference ON link_session (owner, reference) \
     WHERE keeps_reference",
    // What a webhook names.
    "CREATE INDEX link_session_by_reference ON link_session (reference)",
    "CREATE INDEX link_session_account ON link_session (account_id) WHERE account_id IS NOT NULL",
    "CREATE INDEX link_session_deadline ON link_session (deadline_at) \
     WHERE deadline_at IS NOT NULL",
    "CREATE INDEX idempotency_key_answer ON idempotency_key (answer_id)",
    "CREATE INDEX account_owner_account ON account_owner (account_id)",
    "CREATE INDEX account_state_bank_account ON account_state (bank_account) \
     WHERE bank_account IS NOT NULL",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        let column =
            Table::alter().table("account_state").add_column(text_null("bank_account")).to_owned();
        manager.alter_table(column).await?;
        let db = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Postgres {
            // Ordered by bytes, whatever language the database speaks: rows are locked in this order.
            let sql = "ALTER TABLE link_session ALTER COLUMN id TYPE text COLLATE \"C\"";
            db.execute_unprepared(sql).await?;
        }
        for statement in STATEMENTS {
            db.execute_unprepared(statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared("DROP INDEX account_state_bank_account").await?;
        let column = Table::alter().table("account_state").drop_column("bank_account").to_owned();
        manager.alter_table(column).await?;
        for table in ["idempotency_key", "account_owner", "link_session"] {
            manager.drop_table(Table::drop().table(Alias::new(table)).to_owned()).await?;
        }
        Ok(())
    }
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("link_session")
            .col(text("id").primary_key())
            .col(text("owner"))
            .col(text("reference"))
            .col(boolean("keeps_reference"))
            .col(text_null("redirect_url"))
            .col(text_null("customer"))
            .col(big_integer_null("issued_stamp"))
            .col(text("status"))
            .col(text_null("url"))
            .col(text_null("account_id"))
            .col(big_integer("created_at"))
            .col(big_integer_null("expires_at"))
            .col(big_integer_null("connected_at"))
            .col(big_integer_null("ended_at"))
            .col(text_null("completed_via"))
            .col(text_null("failure"))
            .col(big_integer_null("deadline_at"))
            .to_owned(),
        Table::create()
            .table("account_owner")
            .col(text("owner"))
            .col(text("account_id"))
            .primary_key(Index::create().col("owner").col("account_id"))
            .to_owned(),
        Table::create()
            .table("idempotency_key")
            .col(text("owner"))
            .col(text("key"))
            .col(text("fingerprint"))
            .col(text("answer_id"))
            .col(boolean("reused"))
            .col(big_integer("at"))
            .primary_key(Index::create().col("owner").col("key"))
            .to_owned(),
    ]
}
