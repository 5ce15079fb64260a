//! Nothing waits for ever: with a clock that moves.

use chrono::Duration;
use mono_simulator::{Fault, Kind, Outcome, Script};
use serde_json::{Value, json};

use crate::support::*;

/// A re-authorisation whose customer has finished, with these webhooks lost.
async fn authorised_without(world: &World, lost: &[Kind]) -> Value {
    world.known(NEEDS_REAUTH).await;
    let started = world.initiate(NEEDS_REAUTH).await;
    world.simulator.script(Script { drop: lost.to_vec(), ..Script::default() });
    let reference = started["reauth"]["reference"].as_str().unwrap();
    world.simulator.finish_by_reference(reference, Outcome::Approve).unwrap();
    world.simulator.deliver_all().await;
    started
}

fn newest(known: &Value) -> &Value {
    &known["reauth"]["sessions"]["nodes"][0]
}

#[tokio::test]
async fn case_06_a_lost_update_is_found_by_looking() {
    let world = World::new().await;
    let mut status = {
        world.known(NEEDS_REAUTH).await;
        world.subscribe(0, DATA_STATUS, json!({ "id": NEEDS_REAUTH })).await
    };
    assert_eq!(status.event().await["kind"], "SNAPSHOT");
    authorised_without(&world, &[Kind::AccountUpdated]).await;
    assert_eq!(status.event().await["to"], "PROCESSING");
    let known = world.known(NEEDS_REAUTH).await;
    assert!(known["sync"]["waitingUntil"].is_string());
    world.clock.advance(Duration::seconds(16));
    let event = status.event().await;
    assert_eq!((&event["to"], &event["cause"]), (&json!("AVAILABLE"), &json!("DETAILS_READ")));
    let known = world.known(NEEDS_REAUTH).await;
    assert_eq!(newest(&known)["status"], "COMPLETED");
    assert_eq!(newest(&known)["completedVia"], "DETAILS_READ");
    assert_eq!(known["sync"]["waitingUntil"], Value::Null);
    world.stop().await;
}

#[tokio::test]
async fn case_10_a_link_that_nobody_uses_expires_and_may_still_work() {
    let mut world = World::new().await;
    let started = world.initiate(HEALTHY).await;
    world.clock.advance(Duration::minutes(29));
    assert_eq!(world.initiate(HEALTHY).await["reused"], true);
    // The deadline stands in the database.
    world.restart().await;
    world.clock.advance(Duration::minutes(2));
    world.until(HEALTHY, |known| newest(known)["status"] == "EXPIRED").await;
    assert_eq!(world.known(HEALTHY).await["reauth"]["active"], Value::Null);
    let reference = started["reauth"]["reference"].as_str().unwrap();
    world.simulator.finish_by_reference(reference, Outcome::Approve).unwrap();
    world.simulator.deliver_all().await;
    assert_eq!(newest(&world.known(HEALTHY).await)["status"], "COMPLETED");
    world.stop().await;
}

#[tokio::test]
async fn a_look_that_shows_what_was_there_before_proves_nothing_until_time_runs_out() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.initiate(HEALTHY).await;
    // The customer has finished, as somebody else's webhook says; the data never changes.
    let body = json!({ "event": "mono.events.account_reauthorized", "data": { "account": { "_id": HEALTHY } } });
    assert_eq!(world.webhook(body.to_string()).await, 200);
    for seconds in [16, 20, 30] {
        world.simulator.reset_calls();
        world.clock.advance(Duration::seconds(seconds));
        let looked = async {
            while world.simulator.calls().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, looked).await.expect("the gateway looks");
        assert_eq!(newest(&world.known(HEALTHY).await)["status"], "AUTHORIZED");
    }
    world.clock.advance(Duration::minutes(31));
    world.until(HEALTHY, |known| newest(known)["status"] == "COMPLETED").await;
    let known = world.known(HEALTHY).await;
    assert_eq!(newest(&known)["completedVia"], "DEADLINE");
    assert_eq!(known["dataStatus"], "AVAILABLE");
    world.stop().await;
}

#[tokio::test]
async fn with_no_news_and_no_answer_it_fails_and_a_late_success_repairs_it() {
    let world = World::new().await;
    authorised_without(&world, &[Kind::AccountUpdated]).await;
    world.simulator.add_fault(Fault::status(500).times(1000)).unwrap();
    world.clock.advance(Duration::minutes(31));
    world.until(NEEDS_REAUTH, |known| newest(known)["status"] == "FAILED").await;
    let known = world.known(NEEDS_REAUTH).await;
    assert_eq!(newest(&known)["failure"]["code"], "TIMED_OUT");
    assert_eq!((&known["dataStatus"], &known["dataStatusRaw"]), (&json!("FAILED"), &Value::Null));
    assert_eq!(known["reauth"]["required"], false, "the customer did their part");
    let body = json!({ "event": "mono.events.account_updated", "data": { "account": { "_id": NEEDS_REAUTH },
        "meta": { "data_status": "AVAILABLE" } } });
    assert_eq!(world.webhook(body.to_string()).await, 200);
    let known = world.known(NEEDS_REAUTH).await;
    assert_eq!(
        (&known["dataStatus"], &newest(&known)["status"]),
        (&json!("AVAILABLE"), &json!("COMPLETED"))
    );
    assert_eq!(known["sync"]["failure"], Value::Null);
    world.stop().await;
}
