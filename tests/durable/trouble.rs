//! A database that is full, locked, not to be written or gone: Mono is told to send again, never
//! that something is kept that is not, and all is well again without a restart.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use mono_gateway::{
    clock::Clock,
    ids::EventId,
    lifecycle::{
        recogniser::Recogniser,
        service::Lifecycle,
        store::{Delivery, Outcome},
    },
    seal::DataKeys,
    webhook::{decode, digest},
};
use sea_orm::{ConnectionTrait as _, Database};
use serde_json::json;

use crate::{postgres::Cluster, support::*};

/// How many webhooks come at once.
const AT_ONCE: usize = 20;

/// Everything that could be taken is taken before this many more came, if nothing else may be.
const MOST: usize = 20_000;

/// A gateway in trouble, and what it said that it kept.
struct Trouble {
    gateway: Gateway,
    database_url: String,
    /// Where its files are seen, if they lie on a disk that nobody else has.
    disk: Option<PathBuf>,
    kept: Vec<Vec<u8>>,
    refused: Vec<Vec<u8>>,
    turn: usize,
}

impl Trouble {
    fn new(gateway: Gateway, database_url: &str) -> Self {
        Self {
            gateway,
            database_url: database_url.to_owned(),
            disk: None,
            kept: Vec::new(),
            refused: Vec::new(),
            turn: 0,
        }
    }

    /// Delivers one, and says whether it was kept. If it was not, Mono was told so.
    async fn deliver(&self, body: Vec<u8>) -> (Vec<u8>, bool) {
        let answer = self.gateway.deliver(body.clone()).await.expect("an answer");
        if answer.status() == 200 {
            return (body, true);
        }
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], "1");
        let said: serde_json::Value = answer.json().await.expect("JSON");
        assert_eq!(said["message"], "not kept; send it again");
        (body, false)
    }

    /// Delivers a few at once, and says how many of them were kept.
    async fn deliver_some(&mut self) -> usize {
        let from = self.turn;
        self.turn += AT_ONCE;
        let bodies = (from..self.turn).map(|turn| {
            let body = json!({ "event": "mono.events.account_updated", "event_id": format!("t{turn}"),
                "data": { "account": { "_id": format!("acc-{turn}") }, "meta": { "data_status": "AVAILABLE" } } });
            self.deliver(body.to_string().into_bytes())
        });
        let answers = futures_util::future::join_all(bodies).await;
        let before = self.kept.len();
        for (body, is_kept) in answers {
            if is_kept { self.kept.push(body) } else { self.refused.push(body) }
        }
        self.kept.len() - before
    }

    /// Delivers until nothing is taken any more, not even what is small.
    async fn until_refused(&mut self) {
        while self.deliver_some().await > 0 || self.gateway.ready().await == 200 {
            assert!(self.turn < MOST, "{} of {MOST} were taken", self.kept.len());
        }
        assert_eq!(self.gateway.ready().await, 503);
    }

    async fn is_ready(&self) {
        let ready = async { while self.gateway.ready().await != 200 {} };
        tokio::time::timeout(DEADLINE, ready).await.expect("it becomes ready again");
    }

    /// The trouble is over: it shows, what was refused is taken, and all that was ever taken is
    /// there.
    async fn is_over(&mut self) {
        self.is_ready().await;
        for body in std::mem::take(&mut self.refused) {
            let (body, is_kept) = self.deliver(body).await;
            assert!(is_kept, "{}", String::from_utf8_lossy(&body));
            self.kept.push(body);
        }
        assert_eq!(self.deliver_some().await, AT_ONCE);
        self.all_is_there().await;
    }

    async fn all_is_there(&self) {
        let copy = tempfile::tempdir().unwrap();
        let mut url = self.database_url.clone();
        if let Some(disk) = &self.disk {
            // Through this path SQLite would look elsewhere.
            for name in ["gateway.db", "gateway.db-wal"] {
                fs::copy(disk.join(name), copy.path().join(name)).unwrap();
            }
            url = sqlite(copy.path());
        }
        let db = Database::connect(url).await.unwrap();
        let there = rows(&db, "SELECT digest FROM webhook_event").await.concat();
        for body in &self.kept {
            let digest = Some(digest(body));
            assert!(there.contains(&digest), "{} is lost", String::from_utf8_lossy(body));
        }
        let known = number(&db, "SELECT COUNT(*) FROM account_state").await;
        assert_eq!(usize::try_from(known).unwrap(), self.kept.len(), "each is about an account");
    }

    /// What somebody asks for who is no webhook fails, too, and says that it may be tried again.
    async fn mutations_fail(&self) {
        let query = "mutation ($input: InitiateLinkInput!) {
            initiateLink(input: $input) { link { id } } }";
        let input = json!({ "customer": { "name": "Ada Test", "email": "ada@example.test" },
            "redirectUrl": "https://app.example.test/back" });
        let answer = self.gateway.ask(query, json!({ "input": input })).await.unwrap();
        assert!(answer["data"]["initiateLink"].is_null(), "{answer}");
        // Whoever asks is told that trying again is worth it, and when.
        let extensions = &answer["errors"][0]["extensions"];
        assert_eq!(extensions["code"], "OVERLOADED", "{answer}");
        assert_eq!(extensions["retryable"], true, "{answer}");
        assert_eq!(extensions["retryAfterMs"], 1000, "{answer}");
    }
}

/// A gateway whose files lie on a disk of its own, of so many MiB, which nobody else sees.
fn on_a_small_disk(folder: &Path, mib: u32, mono: &str) -> (Gateway, PathBuf) {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private"]);
    if !is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    let script = format!("mount -t tmpfs -o size={mib}m none \"$0\" && exec \"$1\"");
    command.args(["sh", "-c", &script]).arg(folder).arg(env!("CARGO_BIN_EXE_mono-gateway"));
    let gateway = Gateway::start(with_settings(command, &sqlite(folder), mono));
    let seen = PathBuf::from(format!("/proc/{}/root{}", gateway.id, folder.display()));
    (gateway, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_takes_nothing_and_says_so() {
    if postgres().is_some() {
        return;
    }
    let mono = mono(1).await;
    let folder = tempfile::tempdir().unwrap();
    let (gateway, disk) = on_a_small_disk(folder.path(), 32, mono.base_url());
    let mut trouble = Trouble::new(gateway, "");
    trouble.disk = Some(disk.clone());
    assert_eq!(trouble.deliver_some().await, AT_ONCE);
    for _ in 0..2 {
        let filler = disk.join("filler");
        let full = fs::write(&filler, vec![0; 64 * 1024 * 1024]).expect_err("the disk is small");
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        trouble.until_refused().await;
        trouble.mutations_fail().await;
        trouble.all_is_there().await;
        fs::remove_file(filler).unwrap();
        trouble.is_over().await;
    }
    mono.stop().await;
}

/// A file that may not grow ends transactions by itself wherever a page is wanted. Nothing of what was
/// refused may stay: what is half there would be taken for a copy when Mono sends it again.
#[tokio::test(flavor = "multi_thread")]
async fn of_what_a_full_file_refuses_nothing_stays() {
    if postgres().is_some() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let database = mono_gateway::database::Database::open(&sqlite(folder.path())).await.unwrap();
    database.migrate().await.unwrap();
    let head = Lifecycle::log(&database, "live").await.unwrap();
    let bus = mono_gateway::events::connect(&database).await.unwrap();
    let (clock, banks) = (Clock::default(), Recogniser::blind());
    let keys = DataKeys::default();
    let (door, tasks) =
        Lifecycle::start(database.clone(), clock.clone(), bus, &head, banks.clone(), keys);
    let grow = async |pages: i64| {
        let sql = format!("PRAGMA max_page_count = {pages}");
        database.writer().execute_unprepared(&sql).await.unwrap();
    };
    let tell = async |turn: usize| {
        // Of many sizes, so that now this row wants a page and now that one.
        let body = json!({ "event": "mono.events.account_updated", "event_id": format!("t{turn}"),
            "padding": "x".repeat(turn * 37 % 1500), "data": { "account": { "_id": format!("acc-{turn}") },
            "meta": { "data_status": "AVAILABLE", "data_request_id": "r".repeat(turn * 53 % 128) } } });
        let body = body.to_string().into_bytes();
        let decoded = decode(&body, &banks);
        let received_at = clock.now();
        let delivery = Delivery {
            id: EventId::new(received_at),
            event: decoded.event,
            mono_event_id: decoded.mono_event_id,
            account: decoded.account.clone(),
            digest: digest(&body),
            body,
            received_at,
            replay_of: None,
        };
        let what = decoded.account.zip(decoded.what);
        door.record_delivery(delivery, what, decoded.otherwise).await
    };
    let pages = number(database.writer(), "PRAGMA page_count").await;
    let (mut refused, mut kept) = (Vec::new(), 0);
    for turn in 0..600 {
        grow(pages + i64::try_from(turn / 4).unwrap()).await;
        match tell(turn).await {
            Ok(delivered) => {
                assert_eq!(delivered.outcome, Outcome::Applied);
                kept += 1;
            }
            Err(_) => refused.push(turn),
        }
    }
    assert!(kept > 50 && refused.len() > 50, "{kept} kept, {} refused", refused.len());
    for table in ["account_state", "fact_log", "webhook_event", "change_log"] {
        let there = number(database.reader(), &format!("SELECT COUNT(*) FROM {table}")).await;
        assert_eq!(there, kept, "{table}");
    }
    grow(1_000_000).await;
    for turn in refused {
        let delivered = tell(turn).await.expect("there is room");
        assert_eq!(delivered.outcome, Outcome::Applied, "{turn}");
    }
    tasks.close();
    tasks.writer.await.unwrap();
    let report = mono_gateway::lifecycle::rebuild::check(&database).await.unwrap();
    assert_eq!(report.different, Vec::new());
    database.close().await;
}

/// SQLite ends a transaction by itself when there is no room. What comes after that must not
/// become part of one that nobody commits.
#[tokio::test]
async fn a_transaction_that_the_database_ended_by_itself_takes_no_other_with_it() {
    if postgres().is_some() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite(folder.path());
    let database = mono_gateway::database::Database::open(&url).await.unwrap();
    let write = async |sql: &str| {
        let transaction = database.begin().await.unwrap();
        match transaction.execute_unprepared(sql).await {
            Ok(_) => database.commit(transaction).await.map(|()| true),
            Err(_) => transaction.rollback().await.map(|()| false),
        }
    };
    assert_eq!(write("CREATE TABLE t (x)").await, Ok(true));
    database.writer().execute_unprepared("PRAGMA max_page_count = 20").await.unwrap();
    let too_much = write("INSERT INTO t VALUES (zeroblob(1000000))").await;
    assert!(too_much.is_err(), "SQLite has ended it already: {too_much:?}");
    // Another that fails, for a reason of its own, and then some that are answered.
    assert_eq!(write("INSERT INTO nowhere VALUES (1)").await, Ok(false));
    let other = look_into(&url).await;
    for n in 1..=5 {
        assert_eq!(write("INSERT INTO t VALUES (1)").await, Ok(true));
        assert_eq!(number(&other, "SELECT COUNT(*) FROM t").await, n, "it is committed");
    }
    for (setting, value) in [("synchronous", 2), ("max_page_count", 4_294_967_294)] {
        let value_now = number(database.writer(), &format!("PRAGMA {setting}")).await;
        assert_eq!(value_now, value, "{setting} of a connection of its own");
    }
    other.close().await.unwrap();
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_written_any_more_take_nothing() {
    if postgres().is_some() {
        return;
    }
    let mono = mono(1).await;
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite(folder.path());
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\"", env!("CARGO_BIN_EXE_mono-gateway")]);
    let gateway = Gateway::start(with_settings(command, &url, mono.base_url()));
    let id = gateway.id.to_string();
    let mut trouble = Trouble::new(gateway, &url);
    assert_eq!(trouble.deliver_some().await, AT_ONCE);
    let limit = |bytes: &str| {
        let limit = format!("--fsize={bytes}:unlimited");
        assert!(Command::new("prlimit").args(["--pid", &id, &limit]).status().unwrap().success());
    };
    limit("0");
    trouble.until_refused().await;
    assert_eq!(trouble.turn, 2 * AT_ONCE, "no write at all succeeds");
    trouble.mutations_fail().await;
    limit("unlimited");
    trouble.is_over().await;
    mono.stop().await;
}

/// Takes 10 s: those behind the first one wait for a second one's patience.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_somebody_else_holds_locked_is_not_waited_for_without_end() {
    let mono = mono(1).await;
    let folder = tempfile::tempdir().unwrap();
    let url = new_database(folder.path()).await;
    let mut trouble = Trouble::new(Gateway::start(program(&url, mono.base_url())), &url);
    assert_eq!(trouble.deliver_some().await, AT_ONCE);
    let lock = Lock::hold(&url).await;
    let begun = Instant::now();
    trouble.until_refused().await;
    assert!(begun.elapsed() < Duration::from_secs(14), "{:?}", begun.elapsed());
    lock.release().await;
    trouble.is_over().await;
    mono.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_gone_take_nothing_until_they_are_back() {
    if postgres().is_some() {
        return;
    }
    let mono = mono(1).await;
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite(folder.path());
    let mut trouble = Trouble::new(Gateway::start(program(&url, mono.base_url())), &url);
    let at = |name: &str| folder.path().join(name);
    assert_eq!(trouble.deliver_some().await, AT_ONCE);
    for gone in [&["gateway.db", "gateway.db-wal", "gateway.db-shm"][..], &["gateway.db-wal"]] {
        let away = |name: &str| at(&format!("{name}.away"));
        gone.iter().for_each(|name| fs::rename(at(name), away(name)).unwrap());
        trouble.until_refused().await;
        trouble.mutations_fail().await;
        gone.iter().for_each(|name| fs::rename(away(name), at(name)).unwrap());
        trouble.is_over().await;
    }
    // Another file in its place, as of a backup, is not the one that is open.
    fs::copy(at("gateway.db"), at("copy")).unwrap();
    fs::rename(at("copy"), at("gateway.db")).unwrap();
    let kept = trouble.kept.len();
    trouble.until_refused().await;
    assert_eq!(trouble.kept.len(), kept, "nothing is taken that the next start would not find");
    mono.stop().await;
}

#[tokio::test]
async fn a_database_that_cannot_be_written_is_refused_at_the_start() {
    if postgres().is_some() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite(folder.path());
    let mut gateway = Gateway::start(program(&url, "http://127.0.0.1:9"));
    gateway.signal("TERM");
    assert_eq!(gateway.ended().await.code(), Some(0));
    let read_only = url.replace("mode=rwc", "mode=ro");
    let said = Gateway::try_start(program(&read_only, "http://127.0.0.1:9")).err();
    let said = said.expect("it is refused");
    assert!(said.contains("DATABASE_URL can only be read"), "{said}");
}

/// Takes 10 s for each time that connections are tried in vain.
#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_that_crashed_takes_nothing_until_it_is_back() {
    if postgres().is_none() {
        return;
    }
    let mono = mono(1).await;
    let cluster = Cluster::start("");
    let mut trouble =
        Trouble::new(Gateway::start(program(&cluster.url(), mono.base_url())), &cluster.url());
    assert_eq!(trouble.deliver_some().await, AT_ONCE);
    cluster.crash();
    let begun = Instant::now();
    trouble.until_refused().await;
    assert!(begun.elapsed() < Duration::from_secs(14), "{:?}", begun.elapsed());
    cluster.go_on();
    trouble.is_over().await;
    mono.stop().await;
}

#[tokio::test]
async fn a_postgresql_that_a_power_failure_could_harm_is_warned_about() {
    if postgres().is_none() {
        return;
    }
    let warnings = |options| {
        let cluster = Cluster::start(options);
        let gateway = Gateway::start(program(&cluster.url(), "http://127.0.0.1:9"));
        ["fsync", "full_page_writes"]
            .map(|setting| gateway.said(&format!("\"setting\":\"{setting}\"")))
    };
    assert_eq!(warnings("-c fsync=off -c full_page_writes=off"), [true, true]);
    assert_eq!(warnings(""), [false, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_that_can_only_be_read_takes_nothing() {
    let Some(server) = postgres() else { return };
    let mono = mono(1).await;
    let url = new_database(Path::new("")).await;
    let (_, name) = url.rsplit_once('/').unwrap();
    let admin = Database::connect(server).await.unwrap();
    let read_only = async |word: &str| {
        let set = format!("ALTER DATABASE {name} SET default_transaction_read_only = {word}");
        admin.execute_unprepared(&set).await.unwrap();
        // As when a server becomes another one's copy: whoever is connected is cut off.
        let cut = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        );
        admin.execute_unprepared(&cut).await.unwrap();
    };
    let mut trouble = Trouble::new(Gateway::start(program(&url, mono.base_url())), &url);
    assert_eq!(trouble.deliver_some().await, AT_ONCE);
    read_only("on").await;
    trouble.until_refused().await;
    trouble.mutations_fail().await;
    let said = Gateway::try_start(program(&url, mono.base_url())).err().expect("it is refused");
    assert!(said.contains("DATABASE_URL can only be read"), "{said}");
    read_only("off").await;
    trouble.is_over().await;
    mono.stop().await;
}

/// Somebody who holds what the gateway writes.
pub(crate) struct Lock(sea_orm::DatabaseTransaction);

impl Lock {
    pub(crate) async fn hold(url: &str) -> Self {
        use sea_orm::{SqliteTransactionMode, TransactionOptions, TransactionTrait as _};
        let db = Database::connect(url).await.unwrap();
        let immediate = url.starts_with("sqlite").then_some(SqliteTransactionMode::Immediate);
        let options =
            TransactionOptions { sqlite_transaction_mode: immediate, ..Default::default() };
        let transaction = db.begin_with_options(options).await.unwrap();
        if postgres().is_some() {
            let lock = "LOCK TABLE webhook_event, log_meta IN SHARE MODE";
            transaction.execute_unprepared(lock).await.unwrap();
        }
        Self(transaction)
    }

    pub(crate) async fn release(self) {
        self.0.rollback().await.unwrap();
    }
}
