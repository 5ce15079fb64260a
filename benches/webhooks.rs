//! How many webhooks a second are acknowledged and on the disk, held against what the database
//! does with the same statements.
//!
//! `cargo bench --bench webhooks` measures on SQLite, in a folder of its own under `TMPDIR`; with
//! `TEST_POSTGRES_URL` on PostgreSQL, in databases of its own. `WEBHOOKS` (20000), `SENDERS` (1000)
//! and `ROUNDS` (3) change how much.
//!
//! In each round, in turn:
//! - *gateway*: the whole gateway takes webhooks over HTTP from so many senders on connections that
//!   stay open; each is answered 200 once its rows are committed.
//! - *batches*: the rows that the gateway wrote are written again into an empty database, by the
//!   same two look-ups and four statements, in transactions of 100, 500 and 1000 webhooks; the
//!   fastest counts. Nothing is decoded or folded, and nothing comes over HTTP.
//! - *one commit each*: the same with a transaction for each webhook.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot run says so and ends"
)]

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use mono_gateway::{
    access::Access,
    app::Gateway,
    clock::Clock,
    config::{Config, Mode},
    database::Database,
    handover::Redirects,
    server::Bounds,
    transport::status::Statuses,
};
use sea_orm::{ConnectionTrait, Database as SeaDatabase, DbBackend, Statement, Value};
use secrecy::SecretString;

// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SECRET: &str = "whsec_of_the_benchmark";

/// How many accounts the webhooks are about.
const ACCOUNTS: usize = 1000;

/// How many threads speak for the senders.
const SPEAKERS: usize = 8;

/// How many webhooks the slowest way is measured with.
const ALONE: usize = 500;

#[expect(clippy::disallowed_methods, reason = "how whoever measures says how much")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn number(name: &str, otherwise: usize) -> usize {
    setting(name).map_or(otherwise, |text| text.parse().unwrap())
}

fn main() {
    // Asked by `cargo test --benches` only whether it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let (count, senders) = (number("WEBHOOKS", 20_000), number("SENDERS", 1000));
    let folder = tempfile::tempdir().unwrap();
    let mut ratios = Vec::new();
    println!(
        "{count} webhooks about {ACCOUNTS} accounts from {senders} senders; webhooks a second:"
    );
    for round in 1..=number("ROUNDS", 3) {
        let url = new_database(folder.path()).await;
        let ours = gateway(&url, count, senders).await;
        let rows = Rows::read(&url).await;
        assert_eq!(rows.webhooks.len(), count, "an acknowledged webhook is missing");
        let mut limit = (0.0, 0);
        for size in [100, 500, 1000] {
            let speed = batches(&new_database(folder.path()).await, &rows, count, size).await;
            limit = if speed > limit.0 { (speed, size) } else { limit };
        }
        let alone = batches(&new_database(folder.path()).await, &rows, ALONE.min(count), 1).await;
        println!(
            "round {round}: gateway {ours:.0}, batches of {} {:.0}, one commit each {alone:.0}: {:.2} of the batches, {:.1} of one each",
            limit.1,
            limit.0,
            ours / limit.0,
            ours / alone,
        );
        ratios.push(ours / limit.0);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median: {:.2} of the database's own batches", ratios[ratios.len() / 2]);
}

async fn new_database(folder: &Path) -> String {
    let name = format!("b{:016x}", rand::random::<u64>());
    let Some(server) = setting("TEST_POSTGRES_URL") else {
        return format!("sqlite://{}/{name}.db?mode=rwc", folder.display());
    };
    let admin = SeaDatabase::connect(&server).await.unwrap();
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
    admin.close().await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}

/// How fast the whole gateway is.
async fn gateway(url: &str, count: usize, senders: usize) -> f64 {
    let any = "127.0.0.1:0".parse().unwrap();
    let config = Config {
        mode: Mode::Live,
        bind: any,
        admin_bind: any,
        public_url: None,
        database_url: url.to_owned(),
        // Never asked: webhooks alone ask Mono for nothing.
        mono_base_url: "http://127.0.0.1:9".into(),
        mono_secret_key: SecretString::from("test_sk_of_the_benchmark"),
        mono_sync: mono_gateway::lifecycle::job::SyncVia::Realtime,
        webhook_secrets: vec![SecretString::from(SECRET)],
        access: Access::Open,
        max_connections: 10_000,
        patience: mono_gateway::transport::websocket::Patience::default(),
        allowed_origins: Vec::new(),
        redirects: Redirects::Anywhere,
        graphiql: false,
        introspection: false,
        trusted_documents: None,
        http_status: Statuses::Audit,
        drain_ms: 200,
        log_retention_days: 30,
        data_keys: mono_gateway::seal::DataKeys::default(),
        migrate: true,
        bounds: Bounds::default(),
    };
    let gateway = Gateway::start(config, Clock::default(), None).await.unwrap();
    let address = gateway.address;
    let took = tokio::task::spawn_blocking(move || send(address, count, senders)).await.unwrap();
    gateway.stop().await;
    count as f64 / took.as_secs_f64()
}

/// Sends them all, each sender one after the other, and waits for every 200. A few threads speak
/// for all senders, so that the machine is the gateway's.
fn send(address: SocketAddr, count: usize, senders: usize) -> Duration {
    let next = Arc::new(AtomicUsize::new(0));
    let connect = |_| {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    };
    let mut groups: Vec<Vec<_>> = (0..SPEAKERS)
        .map(|speaker| (speaker..senders).step_by(SPEAKERS).map(connect).collect())
        .collect();
    let begun = Instant::now();
    let speakers: Vec<_> = groups
        .drain(..)
        .map(|mut streams| {
            let next = next.clone();
            std::thread::spawn(move || {
                loop {
                    let mut asked = 0;
                    for stream in &mut streams {
                        let serial = next.fetch_add(1, Ordering::Relaxed);
                        if serial >= count {
                            break;
                        }
                        stream.write_all(request(serial).as_bytes()).unwrap();
                        asked += 1;
                    }
                    streams.iter_mut().take(asked).for_each(expect_200);
                    if asked < streams.len() {
                        return;
                    }
                }
            })
        })
        .collect();
    for speaker in speakers {
        speaker.join().unwrap();
    }
    begun.elapsed()
}

fn expect_200(stream: &mut TcpStream) {
    let mut answer = [0; 4096];
    let mut read = 0;
    // The answer's body is short and ends with a brace.
    while read == 0 || answer[read - 1] != b'}' {
        let more = stream.read(&mut answer[read..]).unwrap();
        assert!(more > 0, "the gateway hung up");
        read += more;
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..read]));
}

/// A webhook in the shape that Mono documents for v2; each moves its account's status.
fn request(serial: usize) -> String {
    let (account, turn) = (serial % ACCOUNTS, serial / ACCOUNTS);
    let status = if turn.is_multiple_of(2) { "AVAILABLE" } else { "PARTIAL" };
    let body = format!(
        "{{\"event\":\"mono.events.account_updated\",\"event_id\":\"evt_{serial:020}\",\"data\":{{\
         \"account\":{{\"_id\":\"{account:024x}\",\"name\":\"SAMUEL OLAMIDE NOMO\",\"accountNumber\":\"0131883461\",\
         \"currency\":\"NGN\",\"balance\":22644,\"type\":\"SAVINGS ACCOUNT\",\"bvn\":\"22000000000\",\
         \"authMethod\":\"internet_banking\",\"institution\":{{\"name\":\"GTBank\",\"bankCode\":\"058\",\"type\":\"PERSONAL_BANKING\"}}}},\
         \"meta\":{{\"data_status\":\"{status}\",\"auth_method\":\"internet_banking\",\"retrieved_data\":[\"identity\",\"balance\",\"transactions\"]}}}}}}"
    );
    format!(
        "POST /webhooks/mono HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
         mono-webhook-secret: {SECRET}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// What the gateway wrote.
struct Rows {
    webhooks: Vec<Vec<Value>>,
    facts: Vec<Vec<Value>>,
    changes: Vec<Vec<Value>>,
    /// By account.
    states: Vec<Vec<Value>>,
}

const WEBHOOK: (&str, &[&str]) = (
    "webhook_event",
    &["id", "event", "mono_event_id", "account_id", "outcome", "digest", "body", "received_at"],
);
const FACT: (&str, &[&str]) = ("fact_log", &["account_id", "fact", "webhook_event_id", "at"]);
const CHANGE: (&str, &[&str]) = ("change_log", &["account_id", "kind", "change", "at"]);
const STATE: (&str, &[&str]) = (
    "account_state",
    &[
        "account_id",
        "data_status",
        "state",
        "unlinked",
        "reauth_required",
        "version",
        "created_at",
        "updated_at",
    ],
);

impl Rows {
    async fn read(url: &str) -> Self {
        let db = SeaDatabase::connect(url).await.unwrap();
        let read = async |(table, columns): (&str, &[&str]), order: &str| {
            let sql = format!("SELECT {} FROM {table} ORDER BY {order}", columns.join(", "));
            let rows =
                db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await;
            let row = |row: &sea_orm::QueryResult| {
                columns.iter().map(|column| value(row, column)).collect::<Vec<_>>()
            };
            rows.unwrap().iter().map(row).collect::<Vec<_>>()
        };
        let rows = Self {
            webhooks: read(WEBHOOK, "id").await,
            facts: read(FACT, "seq").await,
            changes: read(CHANGE, "seq").await,
            states: read(STATE, "account_id").await,
        };
        db.close().await.unwrap();
        rows
    }
}

fn value(row: &sea_orm::QueryResult, column: &str) -> Value {
    match column {
        "body" => Value::from(row.try_get::<Vec<u8>>("", column).unwrap()),
        "at" | "received_at" | "version" | "created_at" | "updated_at" => {
            Value::from(row.try_get::<i64>("", column).unwrap())
        }
        "unlinked" | "reauth_required" => Value::from(row.try_get::<bool>("", column).unwrap()),
        _ => Value::from(row.try_get::<Option<String>>("", column).unwrap()),
    }
}

/// How fast the database alone is with transactions of `size` webhooks.
async fn batches(url: &str, rows: &Rows, count: usize, size: usize) -> f64 {
    let database = Database::open(url).await.unwrap();
    database.migrate().await.unwrap();
    let backend = database.backend();
    let begun = Instant::now();
    let mut first = 0;
    while first < count {
        let end = (first + size).min(count);
        let webhooks = &rows.webhooks[first..end];
        let facts = &rows.facts[first..end];
        let ids: Vec<_> = webhooks.iter().map(|row| row[2].clone()).collect();
        let mut accounts: Vec<_> = (first..end).map(|serial| serial % ACCOUNTS).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let states: Vec<_> = accounts.iter().map(|account| rows.states[*account].clone()).collect();
        let names: Vec<_> = states.iter().map(|row| row[0].clone()).collect();
        let tx = database.begin().await.unwrap();
        tx.query_all_raw(select(backend, "account_state", "account_id", names)).await.unwrap();
        tx.query_all_raw(select(backend, "webhook_event", "mono_event_id", ids)).await.unwrap();
        let upsert = " ON CONFLICT (account_id) DO UPDATE SET data_status = excluded.data_status, \
                      state = excluded.state, version = excluded.version, updated_at = excluded.updated_at";
        tx.execute_raw(insert(backend, STATE, &states, upsert)).await.unwrap();
        tx.execute_raw(insert(backend, FACT, facts, "")).await.unwrap();
        tx.execute_raw(insert(backend, WEBHOOK, webhooks, "")).await.unwrap();
        if let Some(changes) = rows.changes.get(first..end.min(rows.changes.len())) {
            tx.execute_raw(insert(backend, CHANGE, changes, "")).await.unwrap();
        }
        tx.commit().await.unwrap();
        first = end;
    }
    let took = begun.elapsed();
    database.close().await;
    count as f64 / took.as_secs_f64()
}

fn select(backend: DbBackend, table: &str, column: &str, values: Vec<Value>) -> Statement {
    let places = places(backend, 0, values.len());
    let sql = format!("SELECT * FROM {table} WHERE {column} IN ({places})");
    Statement::from_sql_and_values(backend, sql, values)
}

fn insert(
    backend: DbBackend,
    (table, columns): (&str, &[&str]),
    rows: &[Vec<Value>],
    more: &str,
) -> Statement {
    let tuples: Vec<_> = (0..rows.len())
        .map(|row| format!("({})", places(backend, row * columns.len(), columns.len())))
        .collect();
    let names = columns.join(", ");
    let sql = format!("INSERT INTO {table} ({names}) VALUES {}{more}", tuples.join(", "));
    Statement::from_sql_and_values(backend, sql, rows.concat())
}

fn places(backend: DbBackend, from: usize, count: usize) -> String {
    let place = |n: usize| {
        if backend == DbBackend::Postgres { format!("${}", n + 1) } else { "?".to_owned() }
    };
    (from..from + count).map(place).collect::<Vec<_>>().join(", ")
}
