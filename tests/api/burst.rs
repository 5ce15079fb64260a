//! Thousands of webhooks at one moment.

use std::{sync::Arc, time::Duration};

use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Barrier,
};

use crate::support::*;

/// How many come at once, each on a connection of its own.
const BURST: usize = 2000;

/// The accounts that they are about.
const ACCOUNTS: usize = 37;

/// What a webhook of this burst says, and whether it is poison.
fn body(serial: usize) -> (Vec<u8>, bool) {
    let account = serial % ACCOUNTS;
    match serial % 20 {
        7 => (vec![0, 0xff, b'{'], true),
        11 => (format!("{{\"event\":\"mono.events.account_updated\",\"event_id\":\"p{serial}\",\"data\":{{\"account\":{{\"_id\":\"acc{account}\",\"balance\":1e999}},\"meta\":{{\"data_status\":\"A\\u0000\\ud800\"}}}}}}").into_bytes(), true),
        13 => (format!("{}1{}", "[".repeat(3000), "]".repeat(3000)).into_bytes(), true),
        _ => {
            let status = if (serial / ACCOUNTS).is_multiple_of(2) { "AVAILABLE" } else { "PARTIAL" };
            let update = json!({ "event": "mono.events.account_updated", "event_id": format!("e{serial}"),
                "data": { "account": { "_id": format!("acc{account}") }, "meta": { "data_status": status } } });
            (update.to_string().into_bytes(), false)
        }
    }
}

/// Resident memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn post(address: &str, serial: usize, together: Arc<Barrier>) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (body, _) = body(serial);
    let head = format!(
        "POST /webhooks/mono HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         mono-webhook-secret: {WEBHOOK_SECRET}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let request = [head.into_bytes(), body].concat();
    // All are connected before the first of them speaks.
    together.wait().await;
    stream.write_all(&request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn two_thousand_at_once_are_taken_and_poison_harms_nobody() {
    let world = World::with_config(|config| config.max_connections = 50_000).await;
    let mut told = world.subscribe(0, DATA_STATUS, json!({})).await;
    world.heard_by(0, 1).await;
    let address = world.gateways[0].address.to_string();
    let before = resident();
    let together = Arc::new(Barrier::new(BURST));
    let sends = (0..BURST).map(|serial| post(&address, serial, together.clone()));
    let all = futures_util::future::join_all(sends);
    let answers = tokio::time::timeout(Duration::from_secs(60), all).await.expect("all answered");
    let grown = resident().saturating_sub(before);
    let refused: Vec<_> = answers.iter().filter(|line| *line != "HTTP/1.1 200 OK").collect();
    assert!(refused.is_empty(), "{} of {BURST}: {:?}", refused.len(), refused.first());
    // Both ends of 2,000 connections live in this process; without a bound on what waits, or with
    // a copy of each body for each stage, it would be several times as much.
    assert!(grown < 256 * 1024, "{grown} KiB");

    // Each is in the log, with what became of it, and harmed nobody else's.
    assert_eq!(world.count("webhook_event", "true").await, i64::try_from(BURST).unwrap());
    let poison = (0..BURST).filter(|serial| body(*serial).1).count();
    let applied = "outcome IN ('APPLIED', 'IGNORED', 'DUPLICATE') AND mono_event_id LIKE 'e%'";
    let good = i64::try_from(BURST - poison).unwrap();
    assert_eq!(world.count("webhook_event", applied).await, good);
    assert_eq!(world.count("webhook_event", "outcome = 'UNDECODABLE'").await, 100);

    // What was committed first was told first: the log of changes and what the subscriber hears
    // are the same, and each account's changes follow from one another.
    let db = world.database().await;
    let sql = "SELECT account_id, change, seq FROM change_log ORDER BY seq";
    let rows = db
        .query_all_raw(Statement::from_string(db.get_database_backend(), sql.to_owned()))
        .await
        .unwrap();
    assert!(rows.len() > ACCOUNTS, "{}", rows.len());
    let mut last = std::collections::BTreeMap::new();
    for row in rows {
        let account: String = row.try_get_by_index(0).unwrap();
        let event = told.event().await;
        assert_eq!(event["account"]["id"], json!(account));
        let cursor = event["cursor"].as_str().unwrap().rsplit('.').next().unwrap().to_owned();
        assert_eq!(cursor, row.try_get_by_index::<i64>(2).unwrap().to_string());
        let from = last.insert(account, event["to"].clone());
        assert_eq!(event["from"], from.unwrap_or_default());
    }
    assert_eq!(last.len(), ACCOUNTS);
    told.nothing_but_pong().await;
    world.stop().await;
}

#[tokio::test]
async fn what_one_sender_sends_in_order_is_applied_in_order() {
    let world = World::new().await;
    // Each waits for its answer, as Mono's deliveries of one account do; twenty accounts at once.
    let accounts = (0..20).map(|account| {
        let world = &world;
        async move {
            for turn in 0..30 {
                let status = ["PROCESSING", "AVAILABLE", "PARTIAL"][turn % 3];
                let update = json!({ "event": "mono.events.account_updated", "event_id": format!("{account}-{turn}"),
                    "data": { "account": { "_id": format!("acc{account}") }, "meta": { "data_status": status } } });
                assert_eq!(world.webhook(update.to_string()).await, 200);
            }
        }
    });
    futures_util::future::join_all(accounts).await;
    let db = world.database().await;
    for account in 0..20 {
        let sql = format!(
            "SELECT change FROM change_log WHERE account_id = 'acc{account}' AND kind = 'DATA_STATUS' ORDER BY seq"
        );
        let rows =
            db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
        let told: Vec<String> = rows
            .iter()
            .map(|row| {
                let change: String = row.try_get_by_index(0).unwrap();
                let change: serde_json::Value = serde_json::from_str(&change).unwrap();
                change["to"].as_str().unwrap().to_owned()
            })
            .collect();
        let sent: Vec<_> = (0..30)
            .map(|turn| ["PROCESSING", "AVAILABLE", "PARTIAL"][turn % 3].to_owned())
            .collect();
        assert_eq!(told, sent, "acc{account}");
    }
    world.stop().await;
}
