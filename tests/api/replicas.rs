//! Several gateways over one PostgreSQL.

use mono_simulator::Outcome;
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn a_subscriber_on_another_replica_hears_that_the_data_is_back() {
    if postgres().is_none() {
        // SQLite is for one process.
        return;
    }
    let world = World::with_replicas(2).await;
    world.known(HEALTHY).await;
    let mut status = world.subscribe(1, DATA_STATUS, json!({ "id": HEALTHY })).await;
    assert_eq!(status.event().await["kind"], "SNAPSHOT");
    let link = world.initiate(HEALTHY).await;
    let reference = link["reauth"]["reference"].as_str().unwrap();
    world.simulator.finish_by_reference(reference, Outcome::Approve).unwrap();
    world.simulator.deliver_all().await;
    assert_eq!(status.event().await["to"], "PROCESSING");
    assert_eq!(status.event().await["to"], "AVAILABLE");
    world.stop().await;
}

#[tokio::test]
async fn replicas_that_are_asked_at_once_give_one_link() {
    if postgres().is_none() {
        return;
    }
    let world = World::with_replicas(2).await;
    world.known(HEALTHY).await;
    let fault = mono_simulator::Fault::slow(300).path("/initiate").times(1);
    world.simulator.add_fault(fault).unwrap();
    let input = json!({ "input": { "accountId": HEALTHY } });
    let asks = (0..8).map(|n| world.ask_of(n % 2, INITIATE, input.clone()));
    let answers = futures_util::future::join_all(asks).await;
    let urls: std::collections::BTreeSet<_> = answers
        .iter()
        .map(|answer| answer["data"]["initiateReauth"]["reauth"]["url"].to_string())
        .collect();
    assert_eq!(urls.len(), 1, "{answers:?}");
    let posts = world.simulator.calls().iter().filter(|call| call.method == "POST").count();
    assert_eq!(posts, 1);
    world.stop().await;
}

#[tokio::test]
async fn no_change_is_skipped_while_replicas_append_at_once() {
    if postgres().is_none() {
        return;
    }
    let world = World::with_replicas(2).await;
    let mut events = world.subscribe(1, DATA_STATUS, json!({})).await;
    world.heard_by(1, 1).await;
    let send = async |gateway: usize, n: u32| {
        let body = json!({ "event": "mono.events.account_updated", "event_id": format!("g{gateway}n{n}"),
            "data": { "account": { "_id": format!("acc-{gateway}-{n}") }, "meta": { "data_status": "AVAILABLE" } } });
        let request = world.http().post(world.url(gateway, "/webhooks/mono")).json(&body);
        request.header("mono-webhook-secret", WEBHOOK_SECRET).send().await.unwrap().status()
    };
    let sends = (0..400_u32).map(|n| send((n % 2) as usize, n));
    let statuses = futures_util::future::join_all(sends).await;
    assert!(statuses.iter().all(|status| *status == 200));
    let mut heard = std::collections::BTreeSet::new();
    for _ in 0..400 {
        assert!(heard.insert(events.event().await["account"]["id"].to_string()));
    }
    events.nothing_but_pong().await;
    world.stop().await;
}
