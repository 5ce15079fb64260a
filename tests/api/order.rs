//! The order of one account's webhooks that share a commit, with each other and with others'.
//!
//! The database is held while they come, one behind the other, so that all of them wait for the same
//! commit. That they arrived in the order in which they were sent is held against the gateway's own
//! times of arrival, and that they shared commits against what the database says of its commits.

use std::collections::BTreeMap;

use chrono::Duration;
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, QueryResult,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait as _,
};
use serde_json::{Value, json};

use crate::{
    raw::{Raw, lines, post},
    support::*,
};

const ACCOUNTS: usize = 6;

/// How many webhooks are sent of each account, each of which moves its status.
const TURNS: usize = 20;

/// In how many commits the gateway may write them all. Mostly it takes one, behind that which was held.
const COMMITS: usize = 4;

const STATUSES: [&str; 3] = ["AVAILABLE", "PARTIAL", "UNAVAILABLE"];

/// Mono's id of a delivery that this database refuses to keep.
const POISON: &str = "poison";

/// Who keeps the gateway from writing.
struct Held(DatabaseTransaction);

impl Held {
    async fn take(db: &DatabaseConnection) -> Self {
        let immediate = postgres().is_none().then_some(SqliteTransactionMode::Immediate);
        let options =
            TransactionOptions { sqlite_transaction_mode: immediate, ..Default::default() };
        let transaction = db.begin_with_options(options).await.unwrap();
        if postgres().is_some() {
            let lock = "LOCK TABLE webhook_event IN SHARE MODE";
            transaction.execute_unprepared(lock).await.unwrap();
        }
        Self(transaction)
    }

    async fn release(self) {
        self.0.rollback().await.unwrap();
    }
}

async fn rows(db: &DatabaseConnection, sql: &str) -> Vec<QueryResult> {
    db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap()
}

/// How many transactions SQLite's log of pages holds, whoever committed them. Each ends with a page
/// that says how long the database is since.
///
/// Source: SQLite, "Database File Format", section 4.
fn commits_in_wal(database_url: &str) -> usize {
    let path = database_url.trim_start_matches("sqlite://").split('?').next().unwrap();
    let wal = std::fs::read(format!("{path}-wal")).unwrap();
    let number = |at: usize| u32::from_be_bytes(wal[at..at + 4].try_into().unwrap());
    let salts = &wal[16..24];
    let frames = wal[32..].chunks_exact(24 + number(8) as usize);
    frames.take_while(|frame| frame[8..16] == *salts).filter(|frame| frame[4..8] != [0; 4]).count()
}

/// What is sent, in this order: accounts take turns.
fn deliveries() -> Vec<(String, usize)> {
    let turns = (0..TURNS).flat_map(|turn| (0..ACCOUNTS).map(move |account| (account, turn)));
    turns.map(|(account, turn)| (format!("acc{account}"), turn)).collect()
}

fn status(turn: usize) -> &'static str {
    STATUSES[turn % STATUSES.len()]
}

/// Without a time of Mono's: the order in which they arrive is all that there is.
fn request(account: &str, status: &str, event_id: &str) -> String {
    let body = json!({ "event": "mono.events.account_updated", "event_id": event_id,
        "data": { "account": { "_id": account }, "meta": { "data_status": status } } });
    let secret = format!("mono-webhook-secret: {WEBHOOK_SECRET}");
    post("/webhooks/mono", &[&secret], &body.to_string())
}

/// Sends these to a gateway that cannot write meanwhile, each on a connection of its own and once the
/// one before it has arrived; then lets it write, and says how each was answered.
async fn sent_while_held(world: &World, requests: &[String]) -> Vec<u16> {
    let is_alive = lines(&["GET /health/live HTTP/1.1", "host: localhost", ""]);
    let mut connections = Vec::new();
    for _ in requests {
        let mut raw = Raw::open(world).await;
        assert_eq!(raw.exchange(&is_alive).await.status, 200);
        connections.push(raw);
    }
    let mut beside = Raw::open(world).await;
    let db = world.database().await;
    let held = Held::take(&db).await;
    // This one is in the writer's hands while the others come.
    let mut first = Raw::open(world).await;
    first.send(&request("first", "AVAILABLE", "first")).await;
    for (raw, request) in connections.iter_mut().zip(requests) {
        // Whoever asks later is answered later, and this is asked of the same thread: when it is
        // answered for the second time the gateway has done all that it can with what came before.
        for _ in 0..2 {
            assert_eq!(beside.exchange(&is_alive).await.status, 200);
        }
        world.clock.advance(Duration::milliseconds(1));
        raw.send(request).await;
    }
    for _ in 0..2 {
        assert_eq!(beside.exchange(&is_alive).await.status, 200);
    }
    assert_eq!(world.count("webhook_event", "1 = 1").await, 0, "nothing is written yet");
    held.release().await;
    assert_eq!(first.reply().await.status, 200);
    let mut answers = Vec::new();
    for mut raw in connections {
        answers.push(raw.reply().await.status);
    }
    db.close().await.unwrap();
    answers
}

/// The gateway has seen them arrive in this order, by its own clock.
async fn arrived_in_order(db: &DatabaseConnection, sent: &[(String, usize)]) {
    let sql = "SELECT mono_event_id, received_at FROM webhook_event
        WHERE mono_event_id <> 'first' ORDER BY received_at";
    let arrived: Vec<(String, i64)> = rows(db, sql)
        .await
        .iter()
        .map(|row| (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap()))
        .collect();
    assert!(arrived.is_sorted_by(|(_, a), (_, b)| a < b), "{arrived:?}");
    let ids: Vec<_> = arrived.into_iter().map(|(id, _)| id).collect();
    let wanted: Vec<_> = sent.iter().map(|(account, turn)| format!("{account}-{turn}")).collect();
    assert_eq!(ids, wanted);
}

/// Each account's changes, by cursor and as a subscriber hears them, are those that were sent, in the
/// order in which they were; and so is its state.
async fn applied_in_order(world: &World, told: &mut Ws) {
    let db = world.database().await;
    let sql = "SELECT seq, account_id, change FROM change_log ORDER BY seq";
    let mut stored: BTreeMap<String, Vec<(Value, Value)>> = BTreeMap::new();
    for row in rows(&db, sql).await {
        let (seq, account): (i64, String) =
            (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap());
        let change: String = row.try_get_by_index(2).unwrap();
        let mut change: Value = serde_json::from_str(&change).unwrap();
        let event = told.event().await;
        assert_eq!(event["account"]["id"], json!(account));
        assert!(event["cursor"].as_str().unwrap().ends_with(&format!(".{seq}")), "{event}");
        assert_eq!((&event["from"], &event["to"]), (&change["from"], &change["to"]));
        stored.entry(account).or_default().push((change["from"].take(), change["to"].take()));
    }
    told.nothing_but_pong().await;
    assert_eq!(stored.remove("first").unwrap().len(), 1);
    assert_eq!(stored.len(), ACCOUNTS);
    let froms = std::iter::once(Value::Null).chain((0..).map(|turn| json!(status(turn))));
    let wanted: Vec<_> = froms.zip((0..TURNS).map(|turn| json!(status(turn)))).collect();
    for (account, changes) in stored {
        assert_eq!(changes, wanted, "{account}");
        let known = world.known(&account).await;
        assert_eq!(known["dataStatus"], status(TURNS - 1), "{account}");
        assert_eq!(known["version"], json!(TURNS), "{account}");
    }
}

#[tokio::test]
async fn webhooks_of_one_account_that_share_a_commit_are_applied_in_the_order_in_which_they_came() {
    let world = World::new().await;
    let mut told = world.subscribe(0, DATA_STATUS, json!({})).await;
    world.heard_by(0, 1).await;
    let sent = deliveries();
    let requests: Vec<_> = sent
        .iter()
        .map(|(account, turn)| request(account, status(*turn), &format!("{account}-{turn}")))
        .collect();
    let db = world.database().await;
    // Whoever reads keeps the log of pages from being begun anew.
    let reading = db.begin().await.unwrap();
    reading.execute_unprepared("SELECT epoch FROM log_meta").await.unwrap();
    let is_sqlite = postgres().is_none();
    let before = if is_sqlite { commits_in_wal(&world.database_url) } else { 0 };
    let answers = sent_while_held(&world, &requests).await;
    assert_eq!(answers, vec![200; ACCOUNTS * TURNS]);
    let commits = if is_sqlite {
        commits_in_wal(&world.database_url) - before
    } else {
        rows(&db, "SELECT DISTINCT CAST(xmin AS TEXT) FROM webhook_event").await.len()
    };
    reading.rollback().await.unwrap();
    // So of each account's twenty at least five shared one.
    assert!((1..=COMMITS).contains(&commits), "{commits} commits");
    arrived_in_order(&db, &sent).await;
    applied_in_order(&world, &mut told).await;
    world.stop().await;
}

#[tokio::test]
async fn so_they_are_if_something_among_them_makes_the_commit_fail() {
    let world = World::new().await;
    let db = world.database().await;
    let triggers: &[&str] = if postgres().is_none() {
        &["CREATE TRIGGER refuses BEFORE INSERT ON webhook_event WHEN NEW.mono_event_id = 'poison'
            BEGIN SELECT RAISE(ABORT, 'not this one'); END"]
    } else {
        &[
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
                AS $$ BEGIN RAISE EXCEPTION 'not this one'; END $$",
            "CREATE TRIGGER refuses BEFORE INSERT ON webhook_event FOR EACH ROW
                WHEN (NEW.mono_event_id = 'poison') EXECUTE FUNCTION refuse()",
        ]
    };
    for trigger in triggers {
        db.execute_unprepared(trigger).await.unwrap();
    }
    let mut told = world.subscribe(0, DATA_STATUS, json!({})).await;
    world.heard_by(0, 1).await;
    let sent = deliveries();
    let mut requests: Vec<_> = sent
        .iter()
        .map(|(account, turn)| request(account, status(*turn), &format!("{account}-{turn}")))
        .collect();
    let middle = requests.len() / 2;
    requests.insert(middle, request("acc0", "FAILED", POISON));
    let answers = sent_while_held(&world, &requests).await;
    let mut wanted = vec![200; ACCOUNTS * TURNS];
    wanted.insert(middle, 503);
    assert_eq!(answers, wanted);
    arrived_in_order(&db, &sent).await;
    applied_in_order(&world, &mut told).await;
    world.stop().await;
}
