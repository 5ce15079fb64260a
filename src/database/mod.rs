//! Opens the database, SQLite or PostgreSQL, so that what is committed is kept.
//!
//! SQLite: one connection writes, a pool of read-only ones reads; write-ahead log with an fsync at
//! every commit. PostgreSQL: one pool, `synchronous_commit` set on each of its connections. Both are
//! checked, not assumed.

mod place;

use std::{
    fmt,
    str::FromStr as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use migrations::{Migrator, MigratorTrait as _};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database as SeaDatabase, DatabaseConnection,
    DatabaseTransaction, DbBackend, DbErr, IsolationLevel, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait as _,
};
use sqlx::{
    Connection as _, Executor as _, Sqlite, SqliteConnection,
    pool::PoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::Mutex;

use place::Place;

/// The first SQLite without the fault by which two connections that checkpoint at once could lose
/// committed data. Source: sqlite.org, "The WAL-reset bug".
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// How many connections read.
const READERS: u32 = 4;

/// How many connections a replica has to PostgreSQL.
const POSTGRES_CONNECTIONS: u32 = 16;

/// How many rows SQLite's only writing connection reads ahead.
const ROWS_AT_ONCE: usize = 512;

/// How much of SQLite's file its writing connection keeps in memory (negative: in KiB), so that a
/// batch is not written in pieces, and after how many pages of its log that is copied into the file:
/// the log stays below some 16 MiB.
const CACHE: &str = "-16384";
const CHECKPOINT: &str = "4000";

/// How long a lock of somebody else's is waited for.
const LOCKED_FOR: Duration = Duration::from_secs(5);

/// Writes and changes nothing: a number that nobody uses, since SQLite does not write a row again
/// that stays as it is.
const SQLITE_PROBE: &str = "PRAGMA user_version = 0";
const POSTGRES_PROBE: &str = "UPDATE log_meta SET epoch = epoch WHERE id = 1";

/// Sets for a connection of PostgreSQL what server, database and role may set otherwise at any time:
/// that a commit is on the disk when it is answered. What asks for more than that stays.
const KEEP_COMMITS: &str = "SELECT set_config('synchronous_commit', \
    replace(current_setting('synchronous_commit'), 'off', 'on'), false)";

/// The advisory lock under which replicas migrate one after the other.
const MIGRATION_LOCK: i64 = 0x6d6f_6e6f_0001;

/// The database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The address names neither kind.
    #[error(
        "DATABASE_URL must start with sqlite:// or postgres://, as in sqlite://mono-gateway.db?mode=rwc"
    )]
    UnknownKind,
    /// It does not open.
    #[error("the database of DATABASE_URL cannot be opened: {0}")]
    Open(String),
    /// Nothing is there.
    #[error(
        "there is no file {0}, which DATABASE_URL names; a gateway makes it when it starts. Name the file of that gateway, with its whole path if this is another folder"
    )]
    NoFile(String),
    /// It opened, and then refused a statement.
    #[error("the database refused a statement")]
    Statement(#[from] DbErr),
    /// The library is too old to be trusted.
    #[error("SQLite {0} can lose committed data; 3.51.3 or newer is needed")]
    OldSqlite(String),
    /// It can be read, and no more.
    #[error(
        "the database of DATABASE_URL can only be read, and the gateway has to write to it: use mode=rwc for a file, which it may write together with its folder, or a PostgreSQL that is not read-only"
    )]
    ReadOnly,
    /// A setting that keeps what is committed did not take.
    #[error(
        "the database answers {setting} = {value}; committed data would not be safe, {wanted} is needed"
    )]
    Unsafe {
        /// Which setting.
        setting: &'static str,
        /// What it is.
        value: String,
        /// What it has to be.
        wanted: &'static str,
    },
    /// A newer gateway was here.
    #[error(
        "the database was written by a newer mono-gateway (it has the migration {0}); run that version, or restore a backup from before"
    )]
    Newer(String),
    /// Migrations are pending and were forbidden.
    #[error(
        "the database lacks {0} migration(s); run `mono-gateway migrate up`, or start without --no-migrate"
    )]
    Pending(usize),
}

/// A transaction that reads.
pub type Moment = DatabaseTransaction;

/// A transaction that writes.
pub type Writing = DatabaseTransaction;

/// An open database. Clones share its connections.
#[derive(Clone)]
pub struct Database {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    /// Where its files are, if it has any.
    place: Option<Arc<Place>>,
    takes_nothing: Arc<AtomicBool>,
    probing: Arc<Mutex<()>>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("backend", &self.backend()).finish_non_exhaustive()
    }
}

impl Database {
    /// Opens the database at `url`, which a gateway has made: no file is made for it.
    ///
    /// # Errors
    /// [`DatabaseError::NoFile`], else as [`Database::open`].
    pub async fn open_existing(url: &str) -> Result<Self, DatabaseError> {
        let file = SqliteConnectOptions::from_str(url).ok().filter(|_| url.starts_with("sqlite:"));
        let file = file.map(|options| options.get_filename().to_owned());
        match file.filter(|file| !is_in_memory(url) && !file.exists()) {
            Some(file) => Err(DatabaseError::NoFile(file.display().to_string())),
            None => Self::open(url).await,
        }
    }

    /// Opens the database at `url`.
    ///
    /// # Errors
    /// [`DatabaseError`] if it cannot be opened or would not keep what is committed.
    pub async fn open(url: &str) -> Result<Self, DatabaseError> {
        if url.starts_with("sqlite:") {
            Self::open_sqlite(url).await
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let mut options = options(url, POSTGRES_CONNECTIONS);
            // A row that somebody locked by hand must not hold up all the others for ever.
            options.test_before_acquire(true).map_sqlx_postgres_opts(|options| {
                options.options([("lock_timeout", "5s"), ("statement_timeout", "15s")])
            });
            options.map_sqlx_postgres_pool_opts(|pool| {
                pool.after_connect(|connection, _| {
                    Box::pin(async move {
                        connection.execute(KEEP_COMMITS).await?;
                        Ok(())
                    })
                })
            });
            let pool = SeaDatabase::connect(options).await.map_err(|error| open(&error, url))?;
            let setting = "synchronous_commit";
            let value = value(&pool, "SHOW synchronous_commit").await?;
            if value == "off" {
                return Err(DatabaseError::Unsafe { setting, value, wanted: "on" });
            }
            for setting in ["fsync", "full_page_writes"] {
                if self::value(&pool, &format!("SHOW {setting}")).await? == "off" {
                    tracing::warn!(
                        setting,
                        "PostgreSQL runs with this setting off: a power failure may lose or damage what was committed"
                    );
                }
            }
            if self::value(&pool, "SHOW transaction_read_only").await? == "on" {
                return Err(DatabaseError::ReadOnly);
            }
            Ok(Self::new(pool.clone(), pool))
        } else {
            Err(DatabaseError::UnknownKind)
        }
    }

    fn new(writer: DatabaseConnection, reader: DatabaseConnection) -> Self {
        let (takes_nothing, probing) = (Arc::default(), Arc::default());
        Self { writer, reader, place: None, takes_nothing, probing }
    }

    async fn open_sqlite(url: &str) -> Result<Self, DatabaseError> {
        // Never given back for being idle or old: what is in memory would go with it, and a reader
        // cannot come before the writer that makes its files.
        let mut write = options(url, 1);
        write.idle_timeout(None).max_lifetime(None);
        write.map_sqlx_sqlite_opts(|options| {
            options
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(LOCKED_FOR)
                .foreign_keys(true)
                // A batch's rows come in one go instead of waiting for each other to be taken.
                .row_buffer_size(ROWS_AT_ONCE)
                .pragma("cache_size", CACHE)
                .pragma("wal_autocheckpoint", CHECKPOINT)
        });
        write.map_sqlx_sqlite_pool_opts(|pool| {
            pool.after_release(|connection, _| is_whole(connection))
        });
        let writer = SeaDatabase::connect(write).await.map_err(|error| open(&error, url))?;
        let version = value(&writer, "SELECT sqlite_version()").await?;
        if parse_version(&version) < OLDEST_SQLITE {
            return Err(DatabaseError::OldSqlite(version));
        }
        if is_read_only(&writer).await? {
            return Err(DatabaseError::ReadOnly);
        }
        // A memory database exists once per connection: whoever writes it must read it, too.
        let in_memory = is_in_memory(url);
        let reader = if in_memory {
            writer.clone()
        } else {
            let mut read = options(url, READERS);
            read.map_sqlx_sqlite_pool_opts(whole);
            read.idle_timeout(None).max_lifetime(None);
            read.map_sqlx_sqlite_opts(|options| {
                options.read_only(true).create_if_missing(false).busy_timeout(LOCKED_FOR)
            });
            SeaDatabase::connect(read).await.map_err(|error| open(&error, url))?
        };
        let mut database = Self::new(writer, reader);
        database.require("synchronous", "PRAGMA synchronous", "2").await?;
        if !in_memory {
            database.require("journal_mode", "PRAGMA journal_mode", "wal").await?;
            let file = SqliteConnectOptions::from_str(url);
            let file = file.map_err(|error| DatabaseError::Open(error.to_string()))?;
            let place = Place::of(file.get_filename());
            let place = place.map_err(|error| DatabaseError::Open(error.to_string()))?;
            database.place = Some(Arc::new(place));
        }
        Ok(database)
    }

    async fn require(
        &self,
        setting: &'static str,
        sql: &str,
        wanted: &'static str,
    ) -> Result<(), DatabaseError> {
        let value = value(&self.writer, sql).await?;
        if value == wanted { Ok(()) } else { Err(DatabaseError::Unsafe { setting, value, wanted }) }
    }

    /// Which database it is.
    #[must_use]
    pub fn backend(&self) -> DbBackend {
        self.writer.get_database_backend()
    }

    /// For reading.
    #[must_use]
    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// For writing a single statement, and for what only the driver can do (`LISTEN`).
    #[must_use]
    pub fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// Begins to read what stands at one moment, however many statements that takes.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn moment(&self) -> Result<Moment, DbErr> {
        // SQLite's transactions read from one snapshot anyway.
        if self.backend() == DbBackend::Postgres {
            let level = IsolationLevel::RepeatableRead;
            self.reader.begin_with_config(Some(level), None).await
        } else {
            self.reader.begin().await
        }
    }

    /// Begins to write. On SQLite the lock is taken at once: one that is taken later can fail
    /// without waiting.
    ///
    /// # Errors
    /// Whatever the database says; and if its files are no longer where they were.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let immediate =
            (self.backend() == DbBackend::Sqlite).then_some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions {
            sqlite_transaction_mode: immediate,
            ..TransactionOptions::default()
        };
        self.in_place()?;
        self.writer.begin_with_options(options).await
    }

    /// Commits what was written. When this returns it is on the disk, in a file that whoever opens
    /// the database next finds.
    ///
    /// # Errors
    /// Whatever the database says; and if its files are no longer where they were.
    pub async fn commit(&self, transaction: DatabaseTransaction) -> Result<(), DbErr> {
        transaction.commit().await?;
        self.in_place()?;
        self.takes_nothing.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Notes that it took nothing: from now on being well means to take something again.
    pub fn took_nothing(&self) {
        self.takes_nothing.store(true, Ordering::Relaxed);
    }

    fn in_place(&self) -> Result<(), DbErr> {
        self.place.as_ref().map_or(Ok(()), |place| place.check())
    }

    /// Applies what is pending, one replica after the other.
    ///
    /// # Errors
    /// [`DatabaseError::Newer`] for the database of a newer gateway, else what the database says.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        self.refuse_newer().await?;
        if self.backend() == DbBackend::Postgres {
            // Held by the transaction; released with it however this ends.
            let lock = self.writer.begin().await?;
            // A large table, or another replica that migrates one, may take as long as it takes.
            lock.execute_unprepared("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
                .await?;
            lock.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
                .await?;
            Migrator::up(&lock, None).await?;
            lock.commit().await?;
        } else {
            Migrator::up(&self.writer, None).await?;
        }
        Ok(())
    }

    /// Takes the newest migration back. For the command line.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn migrate_down(&self) -> Result<(), DatabaseError> {
        self.refuse_newer().await?;
        Ok(Migrator::down(&self.writer, Some(1)).await?)
    }

    /// Each migration with whether it is applied.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn migrations(&self) -> Result<Vec<(String, bool)>, DatabaseError> {
        let applied = self.applied().await?;
        let all = Migrator::migrations().into_iter().map(|migration| migration.name().to_owned());
        Ok(all.map(|name| (name.clone(), applied.contains(&name))).collect())
    }

    /// How many migrations are to come.
    ///
    /// # Errors
    /// [`DatabaseError::Newer`].
    pub async fn pending(&self) -> Result<usize, DatabaseError> {
        self.refuse_newer().await?;
        Ok(self.migrations().await?.iter().filter(|(_, applied)| !applied).count())
    }

    /// Refuses a database that has migrations to come.
    ///
    /// # Errors
    /// [`DatabaseError::Pending`] or [`DatabaseError::Newer`].
    pub async fn require_migrated(&self) -> Result<(), DatabaseError> {
        let pending = self.pending().await?;
        if pending == 0 { Ok(()) } else { Err(DatabaseError::Pending(pending)) }
    }

    async fn refuse_newer(&self) -> Result<(), DatabaseError> {
        let known: Vec<_> =
            Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
        match self.applied().await?.into_iter().find(|name| !known.contains(name)) {
            Some(name) => Err(DatabaseError::Newer(name)),
            None => Ok(()),
        }
    }

    async fn applied(&self) -> Result<Vec<String>, DatabaseError> {
        let exists = if self.backend() == DbBackend::Postgres {
            "SELECT 1 FROM information_schema.tables \
             WHERE table_schema = current_schema() AND table_name = 'seaql_migrations'"
        } else {
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'"
        };
        if rows(&self.writer, exists).await?.is_empty() {
            return Ok(Vec::new());
        }
        let rows =
            rows(&self.writer, "SELECT version FROM seaql_migrations ORDER BY version").await?;
        Ok(rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?)
    }

    /// Whether it answers, and, if it took nothing when it was last written to, whether it takes
    /// something again.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.in_place()?;
        self.reader.execute_unprepared("SELECT 1").await?;
        if self.takes_nothing.load(Ordering::Relaxed) { self.probe().await } else { Ok(()) }
    }

    async fn probe(&self) -> Result<(), DbErr> {
        let busy = |_| DbErr::Custom("it is still being tried whether it can be written".into());
        let one_at_a_time = self.probing.clone().try_lock_owned().map_err(busy)?;
        let this = self.clone();
        // In a task of its own: whoever asks may not wait, and a transaction is ended in order.
        let probe = tokio::spawn(async move {
            let _one_at_a_time = one_at_a_time;
            let transaction = this.begin().await?;
            let is_postgres = this.backend() == DbBackend::Postgres;
            let probe = if is_postgres { POSTGRES_PROBE } else { SQLITE_PROBE };
            match transaction.execute_unprepared(probe).await {
                Ok(_) => this.commit(transaction).await,
                Err(error) => transaction.rollback().await.and(Err(error)),
            }
        });
        probe.await.map_err(|error| DbErr::Custom(error.to_string()))?
    }

    /// Closes all connections, waiting for what they are doing.
    pub async fn close(self) {
        // Readers first: the last writer to go folds the write-ahead log into the file.
        let reader = self.reader.close().await;
        let writer = self.writer.close().await;
        if let Err(error) = reader.and(writer) {
            tracing::warn!(%error, "the database did not close cleanly");
        }
    }
}

/// Why a database does not open, without its URL: that may hold a password.
fn open(error: &DbErr, url: &str) -> DatabaseError {
    let password = url.rsplit_once('@').and_then(|(user, _)| user.rsplit_once(':'));
    let mut text = error.to_string().replace(url, "it");
    if let Some((_, password)) = password {
        text = text.replace(&format!(":{password}@"), ":…@");
        // A short one may be a part of any word.
        if password.len() >= 6 {
            text = text.replace(password, "…");
        }
    }
    DatabaseError::Open(text)
}

fn is_in_memory(url: &str) -> bool {
    url.contains(":memory:") || url.contains("mode=memory")
}

fn whole(pool: PoolOptions<Sqlite>) -> PoolOptions<Sqlite> {
    pool.after_release(|connection, _| is_whole(connection))
}

/// Whether a connection that is given back is between transactions. When a disk is full SQLite
/// may end a transaction by itself, and the driver, whose own end of it then fails, goes on to count
/// it: all later ones would be parts of one that is never committed. Such a connection is closed.
fn is_whole(connection: &mut SqliteConnection) -> BoxFuture<'_, Result<bool, sqlx::Error>> {
    Box::pin(async move {
        if connection.is_in_transaction() {
            // A transaction that was only dropped is ended before this is answered.
            connection.ping().await?;
        }
        let is_whole = !connection.is_in_transaction();
        if !is_whole {
            tracing::warn!("a connection could not end its transaction and is closed");
        }
        Ok(is_whole)
    })
}

/// Whether SQLite refuses to write for this reason. For others it may only refuse now.
async fn is_read_only(writer: &DatabaseConnection) -> Result<bool, DbErr> {
    let transaction = writer.begin().await?;
    let tried = transaction.execute_unprepared(SQLITE_PROBE).await;
    transaction.rollback().await?;
    Ok(tried.is_err_and(|error| error.to_string().contains("readonly")))
}

fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        .connect_timeout(Duration::from_secs(10))
        .test_before_acquire(false)
        .sqlx_logging(false);
    options
}

async fn rows(db: &DatabaseConnection, sql: &str) -> Result<Vec<sea_orm::QueryResult>, DbErr> {
    db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await
}

/// The one value that `sql` selects, as text.
async fn value(db: &DatabaseConnection, sql: &str) -> Result<String, DbErr> {
    let rows = rows(db, sql).await?;
    let row = rows.first().ok_or_else(|| DbErr::RecordNotFound(sql.to_owned()))?;
    row.try_get_by_index::<String>(0)
        .or_else(|_| row.try_get_by_index::<i64>(0).map(|number| number.to_string()))
        .or_else(|_| row.try_get_by_index::<i32>(0).map(|number| number.to_string()))
}

fn parse_version(text: &str) -> (u32, u32, u32) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(parse_version("3.51.3") >= OLDEST_SQLITE);
        assert!(parse_version("3.100.0") > OLDEST_SQLITE);
        assert!(parse_version("3.51.2") < OLDEST_SQLITE);
        assert!(parse_version("3.9") < OLDEST_SQLITE);
    }
}
