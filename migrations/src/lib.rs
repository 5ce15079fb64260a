//! The database schema of mono-gateway, one migration a file, never edited once released.
//!
//! The same migrations run on SQLite and on PostgreSQL. Times are milliseconds since 1970 in UTC,
//! so that both databases compare them alike.

pub use sea_orm_migration::prelude::{MigrationTrait, MigratorTrait};

mod m20261121_000001_first_tables;
mod m20261121_000002_links;
mod m20261121_000003_jobs;
mod m20261121_000004_widget;
mod m20261121_000005_replays;
mod m20261121_000006_checkpoints;

/// Every migration, oldest first.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_first_tables::Migration),
            Box::new(m20261121_000002_links::Migration),
            Box::new(m20261121_000003_jobs::Migration),
            Box::new(m20261121_000004_widget::Migration),
            Box::new(m20261121_000005_replays::Migration),
            Box::new(m20261121_000006_checkpoints::Migration),
        ]
    }
}
