//! The whole story, as a user lives it.

use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn a_customer_authorises_again_and_the_data_comes_back() {
    let world = World::new().await;
    // The gateway meets the account, whose data is there.
    let query = "query ($id: ID!) { account(id: $id) { name dataStatus reauth { required } } }";
    let account = world.data(query, json!({ "id": NEEDS_REAUTH })).await;
    assert_eq!(account["account"]["dataStatus"], "AVAILABLE");
    let id = json!({ "id": NEEDS_REAUTH });
    let mut status = world.subscribe(0, DATA_STATUS, id.clone()).await;
    let mut reauth = world.subscribe(0, REAUTH, id).await;
    assert_eq!(status.event().await["kind"], "SNAPSHOT");
    assert_eq!(reauth.event().await["required"], false);

    // Its bank asks for the customer.
    world.simulator.require_reauth(NEEDS_REAUTH, mono_simulator::Announce::Webhook).unwrap();
    world.simulator.deliver_all().await;
    let event = reauth.event().await;
    assert_eq!((&event["required"], &event["reason"]), (&json!(true), &json!("WEBHOOK")));
    let needing = "{ accounts(filter: {needsReauth: true}) { nodes { id } } }";
    let needing = world.data(needing, json!({})).await;
    assert_eq!(needing["accounts"]["nodes"], json!([{ "id": NEEDS_REAUTH }]));

    // The page asks for a link and sends the customer there.
    let started = world.initiate(NEEDS_REAUTH).await;
    let session = &started["reauth"];
    assert_eq!(session["status"], "LINK_ISSUED");
    assert!(session["url"].as_str().unwrap().contains("/link/"));
    for status in ["REQUESTED", "LINK_ISSUED"] {
        assert_eq!(reauth.event().await["reauthStatus"], status);
    }

    // They finish. The flag is down at once; the data is on its way.
    let reference = session["reference"].as_str().unwrap();
    world.simulator.finish_by_reference(reference, mono_simulator::Outcome::Approve).unwrap();
    world.simulator.deliver_next().await;
    let event = reauth.event().await;
    assert_eq!((&event["required"], &event["reauthStatus"]), (&json!(false), &json!("AUTHORIZED")));
    let event = status.event().await;
    assert_eq!((&event["from"], &event["to"]), (&json!("AVAILABLE"), &json!("PROCESSING")));
    let fresh = "query ($id: ID!) { account(id: $id) {
        transactions(page: 1, first: 1) { nodes { id } freshness { state reason } } } }";
    let answer = world.data(fresh, json!({ "id": NEEDS_REAUTH })).await;
    let old = answer["account"]["transactions"].clone();
    assert_eq!(old["freshness"], json!({ "state": "STALE", "reason": "PROCESSING" }));

    // It arrives. Everybody hears it once, and what is read now is new.
    world.simulator.deliver_all().await;
    let event = status.event().await;
    assert_eq!((&event["from"], &event["to"]), (&json!("PROCESSING"), &json!("AVAILABLE")));
    assert_eq!(event["reauth"], json!({ "id": session["id"], "status": "COMPLETED" }));
    assert_eq!(reauth.event().await["reauthStatus"], "COMPLETED");
    let answer = world.data(fresh, json!({ "id": NEEDS_REAUTH })).await;
    let new = &answer["account"]["transactions"];
    assert_eq!(new["freshness"], json!({ "state": "FRESH", "reason": null }));
    assert_ne!(new["nodes"], old["nodes"]);
    let known = world.known(NEEDS_REAUTH).await;
    assert_eq!(known["reauth"]["sessions"]["nodes"][0]["completedVia"], "ACCOUNT_UPDATED");
    status.nothing_but_pong().await;
    reauth.nothing_but_pong().await;
    world.stop().await;
}

#[tokio::test]
async fn data_that_overtakes_the_authorisation_is_told_once() {
    let world = World::new().await;
    world.known(NEEDS_REAUTH).await;
    world.simulator.require_reauth(NEEDS_REAUTH, mono_simulator::Announce::Webhook).unwrap();
    world.simulator.deliver_all().await;
    let started = world.initiate(NEEDS_REAUTH).await;
    let mut status = world.subscribe(0, DATA_STATUS, json!({ "id": NEEDS_REAUTH })).await;
    assert_eq!(status.event().await["kind"], "SNAPSHOT");
    world.simulator.script(mono_simulator::Script {
        order: mono_simulator::Order::Reversed,
        duplicates: 3,
        ..mono_simulator::Script::default()
    });
    let reference = started["reauth"]["reference"].as_str().unwrap();
    world.simulator.finish_by_reference(reference, mono_simulator::Outcome::Approve).unwrap();
    world.simulator.deliver_all().await;
    let event = status.event().await;
    assert_eq!(event["to"], "AVAILABLE");
    assert_eq!(event["reauth"], json!({ "id": started["reauth"]["id"], "status": "COMPLETED" }));
    status.nothing_but_pong().await;
    let known = world.known(NEEDS_REAUTH).await;
    assert_eq!(known["reauth"]["required"], false);
    assert_eq!(known["reauth"]["sessions"]["nodes"][0]["status"], "COMPLETED");
    world.stop().await;
}
