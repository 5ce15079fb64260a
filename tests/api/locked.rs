//! Rows that somebody else keeps locked, as an operator at a console may.

use futures_util::{FutureExt as _, future::join_all};
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, TransactionTrait as _};
use serde_json::json;

use crate::support::*;

fn update(account: &str, turn: usize) -> String {
    let status = ["PARTIAL", "AVAILABLE"][turn % 2];
    json!({ "event": "mono.events.account_updated", "event_id": format!("{account}-{turn}"),
        "data": { "account": { "_id": account }, "meta": { "data_status": status } } })
    .to_string()
}

/// Keeps what this statement locks until it is dropped or rolled back.
async fn hold(world: &World, sql: &str) -> DatabaseTransaction {
    let held = world.database().await.begin().await.unwrap();
    held.execute_unprepared(sql).await.unwrap();
    held
}

const ROW: &str = "SELECT 1 FROM account_state WHERE account_id = 'held' FOR UPDATE";

#[tokio::test]
async fn news_of_an_account_whose_row_is_locked_holds_up_no_other_account() {
    if postgres().is_none() {
        // SQLite locks no rows.
        return;
    }
    let world = World::new().await;
    assert_eq!(world.webhook(update("held", 0)).await, 200);
    let mut told = world.subscribe(0, DATA_STATUS, json!({ "id": "held" })).await;
    assert_eq!(told.event().await["kind"], "SNAPSHOT");
    let held = hold(&world, ROW).await;

    let mut waiting = Box::pin(world.webhook(update("held", 1)));
    assert!((&mut waiting).now_or_never().is_none());
    let others: Vec<_> = (0..40).map(|n| format!("free{}", n % 10)).collect();
    for turn in 0..5 {
        // Some come with it in one batch, others later.
        let all = others.iter().enumerate().map(|(n, id)| world.webhook(update(id, turn * 40 + n)));
        let (answers, its) = (join_all(all).await, (&mut waiting).now_or_never());
        assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
        assert_eq!(its, None, "it is not answered while the row is locked");
    }
    assert_eq!(world.count("webhook_event", "account_id = 'held'").await, 1);

    // Once the row is free it is written, and what came later comes later.
    let mut later = Box::pin(world.webhook(update("held", 2)));
    assert!((&mut later).now_or_never().is_none());
    held.rollback().await.unwrap();
    assert_eq!((waiting.await, later.await), (200, 200));
    assert_eq!(told.event().await["to"], "AVAILABLE");
    assert_eq!(told.event().await["to"], "PARTIAL");
    world.stop().await;
}

#[tokio::test]
async fn news_of_an_account_that_stays_locked_is_refused_and_taken_later() {
    if postgres().is_none() {
        return;
    }
    let world = World::new().await;
    assert_eq!(world.webhook(update("held", 0)).await, 200);
    let held = hold(&world, ROW).await;
    // Mono is told to send it again, and the gateway is well.
    assert_eq!(world.webhook(update("held", 1)).await, 503);
    assert_eq!(world.webhook(update("free", 1)).await, 200);
    let ready = world.http().get(world.url(0, "/health/ready")).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    assert_eq!(world.count("webhook_event", "account_id = 'held'").await, 1);
    held.rollback().await.unwrap();
    assert_eq!(world.webhook(update("held", 1)).await, 200);
    world.stop().await;
}

#[tokio::test]
async fn a_batch_is_divided_around_a_row_that_somebody_else_is_inserting() {
    if postgres().is_none() {
        return;
    }
    let world = World::new().await;
    // The same id of Mono's, in a transaction that hangs: whoever inserts it, too, must wait for that.
    let held = hold(
        &world,
        "INSERT INTO webhook_event (id, event, mono_event_id, outcome, digest, body, received_at) \
         VALUES ('evt_00000000000000000000000000000000', 'x', 'twin-1', 'UNKNOWN', 'd', '', 1)",
    )
    .await;
    let all = (0..30).map(|n| world.webhook(update(&format!("free{n}"), 1)));
    let twin = world.webhook(update("twin", 1));
    let (answers, twin) = futures_util::future::join(join_all(all), twin).await;
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    assert_eq!(twin, 503);
    held.rollback().await.unwrap();
    assert_eq!(world.webhook(update("twin", 1)).await, 200);
    world.stop().await;
}
