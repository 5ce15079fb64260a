//! What the logs keep and for how long, and the state that follows from them.

use std::process::Command;

use chrono::Duration;
use mono_gateway::{
    database::Database,
    ids::AccountId,
    lifecycle::{
        Subject,
        feed::{Feed, Heard},
        rebuild::{Report, check},
        retention::trim,
    },
};
use mono_simulator::{Behaviour, Outcome};
use sea_orm::ConnectionTrait as _;
use serde_json::json;

use crate::support::*;

const LINK: &str = "mutation { initiateLink(input: { customer: { name: \"Ada Test\", email: \"ada@example.test\" } }) {
    link { id url } } }";

/// A re-authorisation, a link that leads to an account, one that leads nowhere, a refresh.
async fn lives(world: &World) {
    world.known(NEEDS_REAUTH).await;
    let started = world.initiate(NEEDS_REAUTH).await;
    let reference = started["reauth"]["reference"].as_str().unwrap();
    world.simulator.finish_by_reference(reference, Outcome::Approve).unwrap();
    let link = world.data(LINK, json!({})).await;
    let url = link["initiateLink"]["link"]["url"].as_str().unwrap().to_owned();
    let code = url.rsplit('/').next().unwrap();
    world.simulator.finish_link(code, Outcome::Approve).unwrap();
    world.simulator.deliver_all().await;
    world.data(LINK, json!({})).await;
    let sync = "mutation ($id: ID!) { syncAccount(input: { accountId: $id }) { job { id } } }";
    world.data(sync, json!({ "id": HEALTHY })).await;
    world.simulator.deliver_all().await;
}

async fn report(world: &World) -> Report {
    let database = Database::open(&world.database_url).await.unwrap();
    let report = check(&database).await.unwrap();
    database.close().await;
    report
}

async fn until_none(world: &World, table: &str, condition: &str) {
    let wait = async {
        while world.count(table, condition).await > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("{table} {condition}"));
}

#[tokio::test]
async fn the_logs_are_kept_for_their_days_and_the_state_follows_from_checkpoints() {
    let world = World::new().await;
    let old = {
        world
            .webhook(
                json!({ "event": "mono.events.account_updated",
            "data": { "account": { "_id": "acc" }, "meta": { "data_status": "AVAILABLE" } } })
                .to_string(),
            )
            .await;
        let mut events = world.subscribe(0, DATA_STATUS, json!({ "id": "acc" })).await;
        events.event().await["cursor"].clone()
    };
    lives(&world).await;
    let whole = report(&world).await;
    assert!(whole.accounts >= 4 && whole.links == 2 && whole.facts > 10, "{whole:?}");
    assert_eq!((whole.removed_facts, &whole.different), (0, &Vec::new()));
    let before = world.known(NEEDS_REAUTH).await;
    let now = world.clock.now();

    // A day less than is kept: nothing goes but what is older, which shows that it was looked for.
    let kept = world.count("webhook_event", "true").await;
    assert!(kept > 3);
    let ancient = (now - Duration::days(5)).timestamp_millis();
    let id = "evt_00000000000000000000000000000001";
    let sql = format!(
        "INSERT INTO webhook_event (id, outcome, digest, body, received_at) SELECT '{id}', outcome, digest, body, {ancient} FROM webhook_event LIMIT 1"
    );
    world.database().await.execute_unprepared(&sql).await.unwrap();
    let facts = world.count("fact_log", &format!("at <= {}", now.timestamp_millis())).await;
    world.clock.advance(Duration::days(29));
    until_none(&world, "webhook_event", &format!("id = '{id}'")).await;
    until_none(&world, "link_session", "deadline_at IS NOT NULL").await;
    assert_eq!(world.count("webhook_event", "true").await, kept);
    assert_eq!(world.count("fact_log", &format!("at <= {}", now.timestamp_millis())).await, facts);
    world.clock.advance(Duration::days(2));
    let since = (world.clock.now() - Duration::days(30)).timestamp_millis();
    until_none(&world, "webhook_event", &format!("received_at < {since}")).await;
    until_none(&world, "fact_log", &format!("at < {since}")).await;
    until_none(&world, "change_log", &format!("at < {since}")).await;
    until_none(&world, "account_job", &format!("ended_at < {since}")).await;
    until_none(&world, "log_meta", "trimmed_through = 0").await;

    let trimmed = report(&world).await;
    assert!(trimmed.removed_facts >= whole.facts && trimmed.different.is_empty(), "{trimmed:?}");
    assert_eq!(trimmed.accounts, whole.accounts);
    let after = world.known(NEEDS_REAUTH).await;
    assert_eq!(
        (&before["dataStatus"], &before["reauth"]),
        (&after["dataStatus"], &after["reauth"])
    );
    // Neither the links that opened a bank's door nor their tokens stand in a checkpoint.
    assert_eq!(world.count("log_checkpoint", "checkpoint LIKE '%http%'").await, 0);

    // Who comes back from so long ago is told once to read everything again.
    let mut events = world.subscribe(0, DATA_STATUS, json!({ "id": "acc", "after": old })).await;
    let resync = events.event().await;
    assert_eq!(resync["kind"], "RESYNC");
    // More happens, and is kept behind the checkpoint.
    world
        .webhook(
            json!({ "event": "mono.events.account_updated",
        "data": { "account": { "_id": "acc" }, "meta": { "data_status": "PARTIAL" } } })
            .to_string(),
        )
        .await;
    assert_eq!(events.event().await["to"], "PARTIAL");
    drop(events);
    let mut events =
        world.subscribe(0, DATA_STATUS, json!({ "id": "acc", "after": resync["cursor"] })).await;
    assert_eq!(events.event().await["to"], "PARTIAL");
    let metrics = world.http().get(format!("http://{}/metrics", world.gateways[0].admin_address));
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("mono_gateway_log_removed_total{log=\"facts\"}"), "{metrics}");
    // A session that led nowhere goes a retention time after its end, with its checkpoint.
    world.clock.advance(Duration::days(31));
    until_none(&world, "link_session", "account_id IS NULL").await;
    until_none(
        &world,
        "fact_log",
        &format!("at < {}", (world.clock.now() - Duration::days(30)).timestamp_millis()),
    )
    .await;
    assert_eq!(
        world.count("log_checkpoint", "subject LIKE 'link%' AND checkpoint LIKE '%EXPIRED%'").await,
        0
    );
    world.stop().await;
}

#[tokio::test]
async fn nothing_of_an_unlinked_account_outlives_it_in_a_checkpoint() {
    let world = World::new().await;
    lives(&world).await;
    world.clock.advance(Duration::days(31));
    until_none(&world, "log_meta", "trimmed_through = 0").await;
    let linked = "subject IN (SELECT id FROM link_session WHERE account_id IS NOT NULL)";
    let wait = async {
        while world.count("log_checkpoint", linked).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("a checkpoint of the link");
    let account = world.data("{ accounts(first: 50) { nodes { id } } }", json!({})).await;
    let ids: Vec<_> = account["accounts"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["id"].as_str().unwrap().to_owned())
        .collect();
    for id in &ids {
        let gone =
            json!({ "event": "mono.events.account_unlinked", "data": { "account": { "id": id } } });
        assert_eq!(world.webhook(gone.to_string()).await, 200);
    }
    assert_eq!(world.count("log_checkpoint", linked).await, 0);
    let of_accounts = "subject IN (SELECT account_id FROM account_state)";
    assert_eq!(world.count("log_checkpoint", of_accounts).await, 0);
    world.clock.advance(Duration::days(31));
    let since = (world.clock.now() - Duration::days(30)).timestamp_millis();
    until_none(&world, "fact_log", &format!("at < {since}")).await;
    assert_eq!(world.count("log_checkpoint", of_accounts).await, 0);
    let report = report(&world).await;
    assert_eq!(report.accounts, 0, "{report:?}");
    assert!(report.unlinked as usize >= ids.len(), "{report:?}");
    world.stop().await;
}

fn update(account: &str, status: &str) -> String {
    json!({ "event": "mono.events.account_updated",
        "data": { "account": { "_id": account }, "meta": { "data_status": status } } })
    .to_string()
}

async fn update_each(world: &World, accounts: &[&str], statuses: &[&str]) {
    for status in statuses {
        for account in accounts {
            assert_eq!(world.webhook(update(account, status)).await, 200);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_read_stays_and_holds_up_nobody_elses_facts() {
    let world = World::new().await;
    update_each(&world, &["good", "odd", "fine"], &["AVAILABLE", "PARTIAL", "FAILED"]).await;
    let db = world.database().await;
    let of = |account: &str| format!("account_id = '{account}'");
    let rename = |from: &str, to: &str| {
        let first = "SELECT MIN(seq) FROM fact_log WHERE account_id = 'odd'";
        format!("UPDATE fact_log SET fact = REPLACE(fact, '{from}', '{to}') WHERE seq = ({first})")
    };
    // As a newer version might have written it.
    db.execute_unprepared(&rename("\"UPDATED\"", "\"FROM_TOMORROW\"")).await.unwrap();
    assert_eq!(world.count("fact_log", "fact LIKE '%FROM_TOMORROW%'").await, 1);
    let now = world.clock.now() + Duration::days(31);
    let database = Database::open(&world.database_url).await.unwrap();
    let removed = trim(&database, now - Duration::days(30), now).await.unwrap();
    assert_eq!((removed.facts, removed.unreadable), (6, 1));
    assert_eq!(world.count("fact_log", &of("odd")).await, 3);
    assert_eq!(world.count("fact_log", "true").await, 3);
    assert_eq!((removed.webhooks, removed.changes), (9, 9));
    // Asked again, as every hour, it is the same; and once it can be read it goes.
    let removed = trim(&database, now - Duration::days(30), now).await.unwrap();
    assert_eq!((removed.facts, removed.unreadable), (0, 1));
    db.execute_unprepared(&rename("\"FROM_TOMORROW\"", "\"UPDATED\"")).await.unwrap();
    let removed = trim(&database, now - Duration::days(30), now).await.unwrap();
    assert_eq!((removed.facts, removed.unreadable), (3, 0));
    assert_eq!(report(&world).await.removed_facts, 9);
    // What stands in a checkpoint may be unreadable as well.
    update_each(&world, &["good", "odd"], &["AVAILABLE"]).await;
    let spoil = |from: &str, to: &str| {
        format!(
            "UPDATE log_checkpoint SET checkpoint = REPLACE(checkpoint, '{from}', '{to}') WHERE subject = 'odd'"
        )
    };
    db.execute_unprepared(&spoil("account", "person")).await.unwrap();
    let removed = trim(&database, now, now).await.unwrap();
    assert_eq!((removed.facts, removed.unreadable), (1, 1));
    db.execute_unprepared(&spoil("person", "account")).await.unwrap();
    database.close().await;
    world.stop().await;
}

#[tokio::test]
async fn rows_that_are_dated_ahead_hold_up_no_log() {
    let world = World::new().await;
    update_each(&world, &["one", "two"], &["AVAILABLE", "PARTIAL", "FAILED"]).await;
    let db = world.database().await;
    // By a clock that was wrong for as long as the first two of six took.
    let (year, later) = (365 * 86_400_000_i64, world.clock.now() + Duration::days(31));
    for (table, at, key) in [
        ("fact_log", "at", "seq"),
        ("change_log", "at", "seq"),
        ("webhook_event", "received_at", "id"),
    ] {
        let first = format!("SELECT {key} FROM {table} ORDER BY {key} LIMIT 2");
        let sql = format!("UPDATE {table} SET {at} = {at} + {year} WHERE {key} IN ({first})");
        db.execute_unprepared(&sql).await.unwrap();
    }
    // What is young stays, and so does what is dated ahead behind it.
    world.clock.advance(Duration::days(20));
    update_each(&world, &["one"], &["PARTIAL", "AVAILABLE"]).await;
    let last = "(SELECT MAX(seq) FROM fact_log)";
    let sql = format!("UPDATE fact_log SET at = at + {year} WHERE seq = {last}");
    db.execute_unprepared(&sql).await.unwrap();
    let database = Database::open(&world.database_url).await.unwrap();
    let removed = trim(&database, later - Duration::days(30), later).await.unwrap();
    assert_eq!((removed.facts, removed.changes, removed.webhooks), (6, 6, 6), "{removed:?}");
    for table in ["fact_log", "change_log", "webhook_event"] {
        assert_eq!(world.count(table, "true").await, 2, "{table}");
    }
    database.close().await;
    world.stop().await;
}

#[tokio::test]
async fn a_subscriber_whose_place_is_removed_before_it_reads_is_told_so() {
    let world = World::new().await;
    update_each(&world, &["one", "two"], &["AVAILABLE", "PARTIAL", "FAILED"]).await;
    let database = Database::open(&world.database_url).await.unwrap();
    let feed = Feed::new(database.clone());
    let before = feed.head().await.unwrap();
    let one = Subject::Account(AccountId::parse("one").unwrap());
    for subject in [None, Some(one)] {
        // It was looked at the log here: all of it was there.
        let seqs = |heard: Heard| match heard {
            Heard::Changes(changes) => changes.iter().map(|change| change.seq).collect::<Vec<_>>(),
            Heard::Gap(head) => panic!("nothing is removed yet: {head:?}"),
        };
        let mut kept = feed.attach(subject.clone());
        kept.resume_after(before.trimmed_through);
        let heard = tokio::time::timeout(DEADLINE, kept.next()).await.unwrap().unwrap();
        assert_eq!(seqs(heard).len(), if subject.is_none() { 6 } else { 3 });
    }
    let listeners = [None, Some(Subject::Account(AccountId::parse("one").unwrap()))];
    let mut listeners = listeners.map(|subject| feed.attach(subject));
    for listener in &mut listeners {
        listener.resume_after(before.last - 3);
    }
    let now = world.clock.now() + Duration::days(1);
    assert_eq!(trim(&database, now, now).await.unwrap().changes, 6);
    update_each(&world, &["one"], &["AVAILABLE"]).await;
    for listener in &mut listeners {
        let heard = tokio::time::timeout(DEADLINE, listener.next()).await.unwrap().unwrap();
        let Heard::Gap(head) = heard else { panic!("a gap was expected: {heard:?}") };
        assert_eq!((head.last, head.trimmed_through), (before.last + 1, before.last));
    }
    // From the very place up to which it is gone nothing is missing.
    let mut kept = feed.attach(None);
    kept.resume_after(before.last);
    let heard = tokio::time::timeout(DEADLINE, kept.next()).await.unwrap().unwrap();
    assert!(matches!(&heard, Heard::Changes(changes) if changes.len() == 1), "{heard:?}");
    drop((feed, listeners, kept));
    database.close().await;
    world.stop().await;
}

#[tokio::test]
async fn a_state_that_its_log_does_not_explain_is_named() {
    let world = World::new().await;
    world.simulator.set_behaviour(Behaviour::default());
    lives(&world).await;
    let rebuild = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mono-gateway"));
        command.args(["rebuild", "--check"]).env_clear().env("DATABASE_URL", &world.database_url);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, told) = rebuild();
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("2 link sessions") && told.ends_with("0 differ\n"), "{told}");
    let db = world.database().await;
    let (state, status) = ("account_state", "'\"AVAILABLE\"', '\"FAILED\"'");
    let sql = format!(
        "UPDATE {state} SET state = REPLACE(state, {status}) WHERE account_id = '{HEALTHY}'"
    );
    db.execute_unprepared(&sql).await.unwrap();
    db.execute_unprepared("DELETE FROM fact_log WHERE fact LIKE '%LINK_ISSUED%'").await.unwrap();
    let (code, told) = rebuild();
    assert_eq!(code, Some(1));
    assert!(told.contains(&format!("differs  {HEALTHY}  in data")), "{told}");
    assert!(told.contains(&format!("differs  {NEEDS_REAUTH}  in ")), "{told}");
    // What differs is told by name; what stands there is not.
    assert!(!told.contains("FAILED"), "{told}");
    for gateway in world.gateways {
        gateway.stop().await;
    }
    world.simulator.stop().await;
}
