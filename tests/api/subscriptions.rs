//! `dataStatusChanged`, `reauthChanged`: each change once, in order, over WebSocket.

use std::time::Duration;

use mono_simulator::{Kind, Webhook};
use serde_json::{Value, json};

use crate::support::*;

fn updated(account: &str, status: &str, serial: u32) -> String {
    json!({ "event": "mono.events.account_updated", "event_id": format!("e{serial}"),
        "data": { "account": { "_id": account }, "meta": { "data_status": status } } })
    .to_string()
}

/// Sends alternating statuses, each of which is one change.
pub(crate) async fn changes(world: &World, account: &str, serials: std::ops::Range<u32>) {
    for serial in serials {
        let status = if serial % 2 == 0 { "AVAILABLE" } else { "PARTIAL" };
        assert_eq!(world.webhook(updated(account, status, serial)).await, 200);
    }
}

#[tokio::test]
async fn a_snapshot_comes_first_and_each_change_once() {
    let world = World::new().await;
    changes(&world, "acc", 0..1).await;
    let mut events = world.subscribe(0, DATA_STATUS, json!({ "id": "acc" })).await;
    let snapshot = events.event().await;
    assert_eq!(snapshot["kind"], "SNAPSHOT");
    assert_eq!(
        (&snapshot["from"], &snapshot["to"], &snapshot["cause"]),
        (&Value::Null, &json!("AVAILABLE"), &Value::Null)
    );
    changes(&world, "acc", 1..4).await;
    for to in ["PARTIAL", "AVAILABLE", "PARTIAL"] {
        let event = events.event().await;
        assert_eq!((&event["kind"], &event["to"]), (&json!("CHANGE"), &json!(to)));
        assert_eq!(event["cause"], "ACCOUNT_UPDATED");
        assert_eq!(event["account"]["id"], "acc");
    }
    // A copy, and a change of another account, are not heard.
    assert_eq!(world.webhook(updated("acc", "PARTIAL", 3)).await, 200);
    changes(&world, "other", 10..13).await;
    events.nothing_but_pong().await;
    world.stop().await;
}

#[tokio::test]
async fn without_an_account_all_are_heard_and_nothing_comes_first() {
    let world = World::new().await;
    changes(&world, "a", 0..1).await;
    let mut events = world.subscribe(0, DATA_STATUS, json!({})).await;
    world.heard_by(0, 1).await;
    changes(&world, "a", 1..2).await;
    changes(&world, "b", 2..3).await;
    assert_eq!(events.event().await["account"]["id"], "a");
    assert_eq!(events.event().await["account"]["id"], "b");
    world.stop().await;
}

#[tokio::test]
async fn an_unknown_account_is_silent_until_it_exists() {
    let world = World::new().await;
    let mut events = world.subscribe(0, DATA_STATUS, json!({ "id": "later" })).await;
    world.heard_by(0, 1).await;
    changes(&world, "later", 0..1).await;
    let event = events.event().await;
    assert_eq!(
        (&event["kind"], &event["from"], &event["to"]),
        (&json!("CHANGE"), &Value::Null, &json!("AVAILABLE"))
    );
    assert_eq!(world.simulator.calls().len(), 0, "listening asks Mono for nothing");
    world.stop().await;
}

#[tokio::test]
async fn no_snapshot_if_none_is_wanted() {
    let world = World::new().await;
    changes(&world, "acc", 0..1).await;
    let query = "subscription { dataStatusChanged(accountId: \"acc\", snapshot: false) { kind } }";
    let mut events = world.subscribe(0, query, json!({})).await;
    world.heard_by(0, 1).await;
    events.nothing_but_pong().await;
    world.stop().await;
}

#[tokio::test]
async fn a_cursor_resumes_where_it_was_even_after_a_restart() {
    let mut world = World::new().await;
    changes(&world, "acc", 0..1).await;
    let mut events = world.subscribe(0, DATA_STATUS, json!({ "id": "acc" })).await;
    let cursor = events.event().await["cursor"].clone();
    drop(events);
    changes(&world, "acc", 1..700).await;
    let after = json!({ "id": "acc", "after": cursor });
    let mut events = world.subscribe(0, DATA_STATUS, after.clone()).await;
    let mut seen = Vec::new();
    let mut middle = Value::Null;
    for serial in 1..700 {
        let event = events.event().await;
        assert_eq!(event["to"], if serial % 2 == 0 { "AVAILABLE" } else { "PARTIAL" });
        seen.push(event["cursor"].to_string());
        if serial == 350 {
            middle = event["cursor"].clone();
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 699);
    // Then live.
    changes(&world, "acc", 700..701).await;
    assert_eq!(events.event().await["to"], "AVAILABLE");
    drop(events);

    world.restart().await;
    let mut events = world.subscribe(0, DATA_STATUS, json!({ "id": "acc", "after": middle })).await;
    for serial in 351..701 {
        assert_eq!(
            events.event().await["to"],
            if serial % 2 == 0 { "AVAILABLE" } else { "PARTIAL" }
        );
    }
    events.nothing_but_pong().await;
    world.stop().await;
}

#[tokio::test]
async fn a_cursor_of_another_log_or_ahead_of_it_yields_one_resync() {
    let world = World::new().await;
    changes(&world, "acc", 0..2).await;
    let mut events = world.subscribe(0, DATA_STATUS, json!({ "id": "acc" })).await;
    let cursor = events.event().await["cursor"].as_str().unwrap().to_owned();
    let (epoch, _) = cursor.split_once('.').unwrap();
    for strange in [format!("{epoch}.999999"), "0123456789abcdef.1".to_owned()] {
        let mut events =
            world.subscribe(0, DATA_STATUS, json!({ "id": "acc", "after": strange })).await;
        let event = events.event().await;
        assert_eq!(event["kind"], "RESYNC");
        assert_eq!((&event["to"], &event["account"]), (&Value::Null, &Value::Null));
        assert_eq!(event["cursor"], json!(cursor), "from here on nothing is missed");
        events.nothing_but_pong().await;
    }
    let mut events = world.ws(0).await;
    events.subscribe("1", DATA_STATUS, json!({ "after": "nonsense" })).await;
    let message = events.next().await;
    assert_eq!(message["type"], "error");
    assert_eq!(message["payload"][0]["extensions"]["code"], "BAD_USER_INPUT");
    world.stop().await;
}

#[tokio::test]
async fn a_need_is_told_when_it_is_raised_and_when_it_is_lowered() {
    let world = World::new().await;
    changes(&world, "acc", 0..1).await;
    let mut events = world.subscribe(0, REAUTH, json!({ "id": "acc" })).await;
    assert_eq!(events.event().await["required"], false);
    world.simulator.send_webhook(Webhook::new(Kind::ReauthorisationRequired, "acc")).unwrap();
    world.simulator.deliver_all().await;
    let event = events.event().await;
    assert_eq!(
        (&event["required"], &event["cause"]),
        (&json!(true), &json!("REAUTHORISATION_REQUIRED"))
    );
    world.simulator.send_webhook(Webhook::new(Kind::AccountReauthorized, "acc")).unwrap();
    world.simulator.deliver_all().await;
    let event = events.event().await;
    assert_eq!((&event["required"], &event["reason"]), (&json!(false), &Value::Null));
    events.nothing_but_pong().await;
    world.stop().await;
}

#[tokio::test]
async fn a_reader_that_does_not_read_loses_nothing() {
    // Whoever does not read answers no pings either; here it may take as long as it takes.
    let world = World::with(|config| config.patience.ping = Duration::from_secs(600)).await;
    changes(&world, "acc", 0..1).await;
    let mut slow = world.subscribe(0, DATA_STATUS, json!({})).await;
    world.heard_by(0, 1).await;
    // More than its queue and the socket's buffers take.
    let account = "x".repeat(100);
    changes(&world, &account, 1..3001).await;
    for serial in 1..3001 {
        let event = slow.event().await;
        assert_eq!(event["to"], if serial % 2 == 0 { "AVAILABLE" } else { "PARTIAL" }, "{serial}");
    }
    slow.nothing_but_pong().await;
    world.stop().await;
}
