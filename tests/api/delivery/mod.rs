//! From the log to the reader: each change once, in order, however often a connection is cut,
//! whichever protocol it comes by, and whoever stops reading.
//!
//! `SEED` gives a failing run back.

#![expect(clippy::disallowed_methods, reason = "SEED is no setting of the gateway")]

mod reader;

use std::{fs::File, net::SocketAddr, ops::Range, process::Stdio, time::Duration};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use reader::{Reader, Way, Wish};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement, TransactionTrait as _};
use serde_json::{Value, json};

use crate::{access, support::*};

/// How long a whole story may take.
const WITHIN: Duration = Duration::from_secs(120);

/// A seed that is printed if the test that it steers fails.
struct Seed(u64);

impl Seed {
    fn new() -> Self {
        let given = std::env::var("SEED").ok().and_then(|text| text.parse().ok());
        Self(given.unwrap_or_else(rand::random))
    }

    fn dice(&self, which: u64) -> StdRng {
        StdRng::seed_from_u64(self.0 ^ which)
    }
}

impl Drop for Seed {
    #[expect(clippy::print_stderr, reason = "whoever repeats a failure needs it")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("SEED={} gives this back", self.0);
        }
    }
}

async fn rows(db: &DatabaseConnection, sql: &str) -> Vec<sea_orm::QueryResult> {
    db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap()
}

/// The log's name, which every cursor begins with.
async fn epoch(db: &DatabaseConnection) -> String {
    rows(db, "SELECT epoch FROM log_meta").await[0].try_get("", "epoch").unwrap()
}

/// Every change of a data status in the log, as subscribers should hear it.
async fn log(db: &DatabaseConnection) -> Vec<(String, String, String)> {
    let epoch = epoch(db).await;
    let sql =
        "SELECT seq, account_id, change FROM change_log WHERE kind = 'DATA_STATUS' ORDER BY seq";
    let each = rows(db, sql).await.into_iter().map(|row| {
        let seq: i64 = row.try_get("", "seq").unwrap();
        let change: String = row.try_get("", "change").unwrap();
        let change: Value = serde_json::from_str(&change).unwrap();
        let account: String = row.try_get("", "account_id").unwrap();
        (format!("{epoch}.{seq}"), account, change["to"].as_str().unwrap().to_owned())
    });
    each.collect()
}

fn heard(event: &Value) -> (String, String, String) {
    assert_eq!(event["kind"], "CHANGE", "{event}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&event["cursor"]), text(&event["account"]["id"]), text(&event["to"]))
}

/// Changes of each of these accounts, by webhooks over HTTP, all accounts at once.
async fn pump(http: &reqwest::Client, gateway: &str, accounts: &[String], serials: Range<usize>) {
    let url = format!("{gateway}/webhooks/mono");
    let each = accounts.iter().map(|account| {
        let (url, serials) = (&url, serials.clone());
        async move {
            for n in serials {
                let status = if n % 2 == 0 { "AVAILABLE" } else { "PARTIAL" };
                let body = json!({ "event": "mono.events.account_updated",
                    "event_id": format!("{account}-{n}"),
                    "data": { "account": { "_id": account }, "meta": { "data_status": status } } });
                let request = http.post(url).header("mono-webhook-secret", WEBHOOK_SECRET);
                assert_eq!(request.json(&body).send().await.unwrap().status(), 200);
            }
        }
    });
    futures_util::future::join_all(each).await;
}

async fn pump_into(world: &World, accounts: &[String], serials: Range<usize>) {
    pump(world.http(), &world.url(0, ""), accounts, serials).await;
}

fn accounts(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("acc-{n}")).collect()
}

/// Over which protocols was read.
#[derive(Debug, Default)]
struct Ways {
    /// How many changes came over each.
    heard: [usize; 2],
    /// How often a cursor of the one was taken to the other.
    changed: usize,
}

/// Reads `count` changes, being cut `cuts` times on the way. What was heard, and over which ways.
async fn read_with_cuts(
    world: &World,
    mut wish: Wish,
    count: usize,
    cuts: usize,
    dice: &mut StdRng,
) -> (Vec<(String, String, String)>, Ways) {
    let address = world.gateways[0].address;
    let (mut seen, mut ways, mut done) = (Vec::new(), Ways::default(), 0);
    // By which the last change came.
    let mut last = None;
    while seen.len() < count {
        let way = if dice.random() { Way::WebSocket } else { Way::Events };
        let mut reader = Reader::open(address, way, &wish, None).await;
        let share = 2 * (count - seen.len()) / (cuts - done + 1);
        let until = if done == cuts {
            count
        } else {
            // One more is always left, so that every cut is one in the middle.
            (seen.len() + dice.random_range(0..=share)).min(count - 1)
        };
        while seen.len() < until {
            let most = dice.random_range(1..6000);
            let Some(events) = reader.read(most).await else { break };
            if !events.is_empty() {
                ways.changed += usize::from(last.is_some_and(|last| last != way));
                ways.heard[usize::from(way == Way::Events)] += events.len();
                last = Some(way);
            }
            seen.extend(events.iter().map(heard));
            if let Some((cursor, ..)) = seen.last() {
                wish.after = Some(cursor.clone());
            }
        }
        if done < cuts {
            reader.cut(dice).await;
            done += 1;
        }
    }
    assert_eq!(done, cuts);
    (seen, ways)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_is_cut_100_times_hears_each_of_10_000_changes_once_and_in_order() {
    let seed = Seed::new();
    let world = World::new().await;
    let db = world.database().await;
    let accounts = accounts(50);
    let begin = Wish { after: Some(format!("{}.0", epoch(&db).await)), ..Wish::default() };
    let one = Wish { account: Some("acc-7".into()), ..begin.clone() };
    let (mut dice, mut others) = (seed.dice(1), seed.dice(2));
    let story = async {
        tokio::join!(
            pump_into(&world, &accounts, 0..200),
            read_with_cuts(&world, begin, 10_000, 100, &mut dice),
            // Of one account, cut as it goes, too.
            read_with_cuts(&world, one, 200, 20, &mut others),
        )
    };
    let ((), (all, ways), (of_one, _)) =
        tokio::time::timeout(WITHIN, story).await.expect("all is heard in time");
    println!("100 cuts: {ways:?}");
    // Of 101 connections, each by the one or the other at random, 50 are another than the one before.
    assert!(ways.changed >= 20 && ways.heard.iter().all(|heard| *heard >= 500), "{ways:?}");
    assert_eq!(ways.heard.iter().sum::<usize>(), 10_000);
    let log = log(&db).await;
    assert_eq!(log.len(), 10_000);
    assert!(all == log, "what was heard is not what the log has");
    let wanted: Vec<_> = log.into_iter().filter(|(_, account, _)| account == "acc-7").collect();
    assert_eq!(of_one, wanted);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_whose_token_names_accounts_hears_theirs_once_and_in_order_over_20_cuts() {
    let seed = Seed::new();
    let world = access::world_with_tokens().await;
    let db = world.database().await;
    let mine = ["acc-1", "acc-3"];
    let token = access::token(&world, "accounts:read", &mine);
    let after = Some(format!("{}.0", epoch(&db).await));
    let wish = Wish { token: Some(token), after, account: None };
    let mut dice = seed.dice(3);
    let accounts = accounts(10);
    let story = async {
        tokio::join!(
            pump_into(&world, &accounts, 0..100),
            read_with_cuts(&world, wish, 200, 20, &mut dice),
        )
    };
    let ((), (seen, _)) = tokio::time::timeout(WITHIN, story).await.expect("all is heard in time");
    let theirs = |change: &(String, String, String)| mine.contains(&change.1.as_str());
    let wanted: Vec<_> = log(&db).await.into_iter().filter(theirs).collect();
    assert_eq!(wanted.len(), 200);
    assert_eq!(seen, wanted);
    world.stop().await;
}

/// The next so many events of a subscription.
async fn next(reader: &mut Reader, count: usize) -> Vec<Value> {
    let mut events = Vec::new();
    let read = async {
        while events.len() < count {
            events.extend(reader.read(4096).await.expect("the stream goes on"));
        }
    };
    tokio::time::timeout(DEADLINE, read).await.expect("events come before the deadline");
    events
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_that_is_too_old_ahead_or_of_another_log_yields_one_resync_then_all_that_comes() {
    // Nobody answers pings while others are looked at.
    let world = World::with(|config| config.patience.ping = Duration::from_secs(600)).await;
    let db = world.database().await;
    let epoch = epoch(&db).await;
    pump_into(&world, &accounts(2), 0..20).await;
    // The log begins behind its 30th change.
    for sql in
        ["DELETE FROM change_log WHERE seq <= 30", "UPDATE log_meta SET trimmed_through = 30"]
    {
        db.execute_unprepared(sql).await.unwrap();
    }
    let strange = [format!("{epoch}.29"), format!("{epoch}.41"), "0123456789abcdef.35".to_owned()];
    let mut readers = Vec::new();
    for after in strange {
        for way in [Way::WebSocket, Way::Events] {
            for account in [None, Some("acc-1".to_owned())] {
                let wish = Wish { account, after: Some(after.clone()), token: None };
                let mut reader = Reader::open(world.gateways[0].address, way, &wish, None).await;
                let resync = &next(&mut reader, 1).await[0];
                assert_eq!(resync["kind"], "RESYNC", "{after} {way:?}");
                assert_eq!(resync["cursor"], json!(format!("{epoch}.40")));
                assert_eq!((&resync["to"], &resync["account"]), (&Value::Null, &Value::Null));
                readers.push((reader, wish));
            }
        }
    }
    // Where the log begins is not too old: all that is kept is told.
    for way in [Way::WebSocket, Way::Events] {
        let wish = Wish { after: Some(format!("{epoch}.30")), ..Wish::default() };
        let mut reader = Reader::open(world.gateways[0].address, way, &wish, None).await;
        let kept = log(&db).await;
        assert_eq!(next(&mut reader, 10).await.iter().map(heard).collect::<Vec<_>>(), kept);
        readers.push((reader, wish));
    }
    pump_into(&world, &accounts(2), 20..25).await;
    let new: Vec<_> = log(&db).await.split_off(10);
    assert_eq!(new.len(), 10);
    for (reader, wish) in &mut readers {
        let is_wanted = |account: &String| wish.account.as_ref().is_none_or(|one| one == account);
        let wanted: Vec<_> = new.iter().filter(|(_, account, _)| is_wanted(account)).collect();
        let events = next(reader, wanted.len()).await;
        assert_eq!(events.iter().map(heard).collect::<Vec<_>>().iter().collect::<Vec<_>>(), wanted);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_behind_whose_place_the_log_is_removed_while_it_catches_up_hears_one_resync() {
    const CHANGES: i64 = 40_000;
    let world = World::with(|config| config.patience.ping = Duration::from_secs(600)).await;
    let db = world.database().await;
    let epoch = epoch(&db).await;
    // More than the system keeps of a connection, of one change many times.
    let long = [format!("{:0100}", 1)];
    pump_into(&world, &long, 0..1).await;
    let sql = format!(
        "INSERT INTO change_log (account_id, kind, change, at) WITH RECURSIVE n(i) AS (SELECT 2 \
         UNION ALL SELECT i + 1 FROM n WHERE i < {CHANGES}) SELECT account_id, kind, change, at \
         FROM change_log, n"
    );
    db.execute_unprepared(&sql).await.unwrap();
    let wish = Wish { after: Some(format!("{epoch}.0")), ..Wish::default() };
    let mut readers = Vec::new();
    for way in [Way::WebSocket, Way::Events] {
        readers.push(Reader::open(world.gateways[0].address, way, &wish, Some(4096)).await);
    }
    // Each was found to be where all is kept; neither reads.
    world.heard_by(0, 2).await;
    let kept_from = CHANGES - 100;
    let log = db.begin().await.unwrap();
    for sql in [
        format!("DELETE FROM change_log WHERE seq <= {kept_from}"),
        format!("UPDATE log_meta SET trimmed_through = {kept_from}"),
    ] {
        log.execute_unprepared(&sql).await.unwrap();
    }
    log.commit().await.unwrap();
    let cursor = |event: &Value| event["cursor"].as_str().unwrap().to_owned();
    for reader in &mut readers {
        let story = async {
            let mut told = 0;
            loop {
                for event in reader.read(64 * 1024).await.expect("it is not hung up on") {
                    if event["kind"] == "RESYNC" {
                        assert_eq!(cursor(&event), format!("{epoch}.{CHANGES}"));
                        return told;
                    }
                    told += 1;
                    assert_eq!(cursor(&event), format!("{epoch}.{told}"), "nothing is left out");
                }
            }
        };
        let told = tokio::time::timeout(WITHIN, story).await.expect("a RESYNC comes");
        assert!(told < kept_from, "{told} changes had been sent before");
    }
    pump_into(&world, &long, 1..2).await;
    for reader in &mut readers {
        assert_eq!(cursor(&next(reader, 1).await[0]), format!("{epoch}.{}", CHANGES + 1));
    }
    world.stop().await;
}

/// A gateway in a process of its own, ended by its id.
struct Process {
    child: std::process::Child,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Process {
    async fn start(world: &World, folder: &std::path::Path) -> Self {
        let log = folder.join("log");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mono-gateway"));
        command.env_clear().current_dir(folder).envs([
            ("MONO_SECRET_KEY", world.simulator.secret_key()),
            ("MONO_BASE_URL", world.simulator.base_url()),
            ("MONO_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("DATABASE_URL", world.database_url.as_str()),
            ("GATEWAY_AUTH", "none"),
            ("GATEWAY_BIND", "127.0.0.1:0"),
            ("GATEWAY_ADMIN_BIND", "127.0.0.1:0"),
            ("GATEWAY_LOG_FORMAT", "json"),
            ("RUST_LOG", "warn,mono_gateway::command=info"),
        ]);
        let (out, err) =
            (File::create(&log).unwrap(), File::create(folder.join("errors")).unwrap());
        let mut child = command.stdout(Stdio::from(out)).stderr(Stdio::from(err)).spawn().unwrap();
        let ready = async {
            loop {
                let text = std::fs::read_to_string(&log).unwrap();
                let errors = std::fs::read_to_string(folder.join("errors")).unwrap();
                let lines = text.lines().chain(errors.lines());
                let mut json = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
                if let Some(line) = json.find(|line| line["fields"]["message"] == "ready") {
                    return line["fields"].clone();
                }
                assert!(child.try_wait().unwrap().is_none(), "it ended: {text} {errors}");
                tokio::task::yield_now().await;
            }
        };
        let ready = tokio::time::timeout(DEADLINE, ready).await.expect("the gateway is ready");
        let at = |name: &str| ready[name].as_str().unwrap().parse().unwrap();
        Self { address: at("address"), admin: at("admin"), child }
    }

    /// What it takes of the machine's memory, in KiB.
    fn resident_kib(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).unwrap();
        4 * text.split(' ').nth(1).unwrap().parse::<u64>().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_stop_reading_cost_no_memory_and_lose_nothing_of_10_000_changes() {
    const READERS: usize = 20;
    let world = World::with_replicas(0).await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = Process::start(&world, folder.path()).await;
    let http = world.http();
    let db = world.database().await;
    // Names that are long fill what the system keeps of a connection the sooner.
    let accounts: Vec<_> = (0..50).map(|n| format!("{n:0100}")).collect();
    let url = format!("http://{}", gateway.address);
    let story = async {
        // What a process takes once for good, it has taken by then.
        pump(http, &url, &accounts, 0..40).await;
        let begin = log(&db).await.len();
        let mut wish =
            Wish { after: log(&db).await.pop().map(|change| change.0), ..Wish::default() };
        let mut readers = Vec::new();
        for _ in 0..READERS {
            readers.push(Reader::open(gateway.address, Way::Events, &wish, Some(4096)).await);
        }
        let before = gateway.resident_kib();
        pump(http, &url, &accounts, 40..240).await;
        let after = gateway.resident_kib();
        println!("{READERS} readers, 10,000 changes behind: {before} KiB, then {after} KiB");
        // Had each kept what it did not take, it would be 100 MB.
        assert!(after < before + 32 * 1024, "{before} KiB became {after} KiB");
        let wanted = log(&db).await.split_off(begin);
        assert_eq!(wanted.len(), 10_000);
        let mut reader = readers.pop().unwrap();
        drop(readers);
        let mut seen = Vec::new();
        while seen.len() < wanted.len() {
            match reader.read(64 * 1024).await {
                Some(events) => seen.extend(events.iter().map(heard)),
                // It was left alone for too long for the gateway's patience: it comes back.
                None => {
                    wish.after =
                        seen.last().map(|change: &(String, String, String)| change.0.clone());
                    reader = Reader::open(gateway.address, Way::Events, &wish, None).await;
                }
            }
        }
        assert!(seen == wanted, "what was heard is not what the log has");
        let metrics = http.get(format!("http://{}/metrics", gateway.admin)).send().await.unwrap();
        let metrics = metrics.text().await.unwrap();
        assert!(metrics.contains("mono_gateway_subscriptions_lagged_total"), "{metrics}");
    };
    tokio::time::timeout(WITHIN, story).await.expect("all is heard in time");
    drop(gateway);
    world.stop().await;
}
