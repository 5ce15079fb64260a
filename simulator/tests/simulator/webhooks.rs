//! Webhooks: every payload, every oddity, and tries until they are acknowledged.

use mono_simulator::{Behaviour, DataStatus, Era, Kind, Oddity, Options, Pace, Variant, Webhook};
use serde_json::{Value, json};

use crate::support::{HEALTHY, Here, Inbox};

async fn body(here: &Here, webhook: Webhook) -> Value {
    here.simulator.send_webhook(webhook).unwrap();
    here.simulator.deliver_next().await.remove(0).body
}

#[tokio::test]
async fn a_webhook_is_tried_until_it_is_answered_with_200() {
    let mut inbox = Inbox::answering(&[500, 204, 302]).await;
    let here = Here::with(Options {
        pace: Pace::Auto { step_ms: 1 },
        accounts: 1,
        webhook_url: Some(inbox.url.clone()),
        ..Options::default()
    })
    .await;
    let behaviour = Behaviour { webhook_wait_ms: 5, ..Behaviour::default() };
    here.simulator.set_behaviour(behaviour);
    let webhook = Webhook::new(Kind::AccountUpdated, HEALTHY);
    here.simulator.send_webhook(webhook).unwrap();
    let first = inbox.next().await;
    for _ in 0..3 {
        assert_eq!(inbox.next().await.text, first.text);
    }
    here.simulator.stop().await;
    let log = here.simulator.deliveries();
    assert_eq!(log.len(), 1);
    assert_eq!((log[0].tries, log[0].last_status, log[0].acknowledged), (4, Some(200), true));
    assert_eq!(json!(log[0].event_id), first.json()["event_id"]);
}

#[tokio::test]
async fn tries_come_to_an_end() {
    let inbox = Inbox::answering(&[500; 9]).await;
    let here = Here::new().await;
    here.simulator.set_behaviour(Behaviour { webhook_wait_ms: 1, ..Behaviour::default() });
    here.simulator.set_webhook_url(&inbox.url);
    here.simulator.send_webhook(Webhook::new(Kind::SyncFailed, HEALTHY)).unwrap();
    let sent = here.simulator.deliver_next().await;
    assert_eq!((sent[0].tries, sent[0].last_status, sent[0].acknowledged), (5, Some(500), false));
    assert!(here.simulator.deliver_next().await.is_empty());
}

#[tokio::test]
async fn account_updated_has_every_documented_shape() {
    let here = Here::new().await;
    let shape = async |variant| {
        body(&here, Webhook::new(Kind::AccountUpdated, HEALTHY).variant(variant)).await
    };
    let a = shape(Variant::A).await;
    assert_eq!(a["data"]["account"]["currency"], "Naira");
    assert_eq!(a["data"]["account"]["__v"], 0);
    assert_eq!(a["data"]["meta"], json!({ "data_status": "AVAILABLE" }));
    let bank = a["data"]["account"]["institution"].as_object().unwrap();
    assert_eq!(bank.keys().collect::<Vec<_>>(), ["name"]);
    assert_eq!(shape(Variant::Old).await, a);
    let b = shape(Variant::B).await;
    assert_eq!(b["data"]["account"]["scope"], json!(["financial_data"]));
    assert_eq!(b["data"]["account"]["accessType"], "PERSISTENT");
    assert!(b["data"]["account"]["institution"]["bankCode"].is_string());
    assert!(b["data"]["account"].get("authMethod").is_none());
    let c = shape(Variant::C).await;
    assert_eq!(c["data"]["account"]["bvn"].as_str().unwrap().len(), 4);
    assert!(c["data"]["account"]["authMethod"].is_string());
    let d = shape(Variant::D).await;
    assert!(d.get("event").is_none());
    assert_eq!(d["status"], "successful");
    assert_eq!(d["data"]["account"]["id"], HEALTHY);
    assert!(d["data"]["account"]["account_number"].is_string());
    let e = shape(Variant::E).await;
    assert_eq!(e["data"]["account"]["bvn"].as_str().unwrap().len(), 11);
    assert_eq!(e["data"]["meta"]["sync_status"], "SUCCESSFUL");
    assert!(e["data"]["meta"]["job_id"].is_string());
    assert!(e["data"]["meta"].get("has_new_data").is_none());
    assert!(e.get("event_id").is_none());
    let f = shape(Variant::F).await;
    assert!(f["event_id"].is_string() && f["timestamp"].is_string());
    assert!(f["data"]["app"].is_string() && f["data"]["business"].is_string());
    for event in [a, b, c, e, f] {
        assert_eq!(event["event"], "mono.events.account_updated");
        assert_eq!(event["data"]["account"]["_id"], HEALTHY);
        assert!(event["data"]["account"]["accountNumber"].is_string());
    }
}

#[tokio::test]
async fn the_other_events_have_theirs() {
    let here = Here::new().await;
    let shape =
        async |kind, variant| body(&here, Webhook::new(kind, HEALTHY).variant(variant)).await;
    let connected = shape(Kind::AccountConnected, Variant::Old).await;
    assert_eq!(connected["data"], json!({ "id": HEALTHY }));
    let connected = shape(Kind::AccountConnected, Variant::B).await;
    assert_eq!(connected["data"]["meta"], json!({}));
    let connected = shape(Kind::AccountConnected, Variant::C).await;
    assert_eq!(connected["data"]["account"], HEALTHY);
    let connected = shape(Kind::AccountConnected, Variant::F).await;
    assert_eq!(connected["data"]["id"], HEALTHY);
    assert!(connected["data"]["meta"]["ref"].is_string() && connected["event_id"].is_string());
    let required = shape(Kind::ReauthorisationRequired, Variant::Old).await;
    let expected = json!({
        "event": "mono.events.reauthorisation_required", "data": { "account": { "_id": HEALTHY } },
    });
    assert_eq!(required, expected);
    let required = shape(Kind::ReauthorisationRequired, Variant::B).await;
    assert_eq!(required["data"], json!({ "account": { "id": HEALTHY } }));
    let required = shape(Kind::ReauthorisationRequired, Variant::C).await;
    assert_eq!(required["data"], json!({ "id": HEALTHY }));
    let reauthorized = shape(Kind::AccountReauthorized, Variant::Old).await;
    assert_eq!(reauthorized["data"], json!({ "account": { "_id": HEALTHY } }));
    assert!(shape(Kind::AccountReauthorized, Variant::F).await["data"]["app"].is_string());
    for kind in [Kind::ReauthorisationRequired, Kind::AccountReauthorized, Kind::SyncFailed] {
        assert_eq!(shape(kind, Variant::C).await["data"], json!({ "id": HEALTHY }));
        assert_eq!(shape(kind, Variant::E).await["data"], json!({ "account": HEALTHY }));
    }
    let unlinked = shape(Kind::AccountUnlinked, Variant::A).await;
    assert_eq!(unlinked["data"], json!({ "account": { "_id": HEALTHY } }));
    let job = shape(Kind::JobUpdate, Variant::Old).await;
    assert_eq!(job["event"], "mono.accounts.jobs.update");
    assert_eq!(job["data"]["account"], HEALTHY);
    assert_ne!(job["data"]["id"], HEALTHY);
    assert_eq!(job["data"]["status"], "finished");
    assert_eq!(shape(Kind::JobUpdate, Variant::A).await["data"]["status"], "SUCCESSFUL");
    assert_eq!(shape(Kind::JobUpdate, Variant::B).await["data"]["account"]["_id"], HEALTHY);
    let message = here
        .simulator
        .send_webhook(Webhook::new(Kind::SyncFailed, HEALTHY).variant(Variant::D))
        .unwrap_err()
        .to_string();
    assert!(message.contains("sync_failed has no variant D"), "{message}");
}

#[tokio::test]
async fn each_era_sends_its_own_shape() {
    let here = Here::new().await;
    for (era, identified, auth_method) in
        [(Era::V2_2026, true, true), (Era::V2_2024, false, true), (Era::Legacy, false, false)]
    {
        here.simulator.set_era(era);
        let event = body(&here, Webhook::new(Kind::AccountUpdated, HEALTHY)).await;
        assert_eq!(event.get("event_id").is_some(), identified);
        assert_eq!(event["data"]["meta"].get("auth_method").is_some(), auth_method);
    }
}

#[tokio::test]
async fn oddities_happen_on_demand() {
    let here = Here::new().await;
    let mut inbox = Inbox::new().await;
    here.simulator.set_webhook_url(&inbox.url);
    let odd = async |oddity, status: &str| {
        let webhook = Webhook::new(Kind::AccountUpdated, HEALTHY)
            .oddity(oddity)
            .data_status(DataStatus::from(status.to_owned()));
        here.simulator.send_webhook(webhook).unwrap();
    };
    odd(Oddity::Duplicate, "X").await;
    here.simulator.deliver_all().await;
    let twice = inbox.rest();
    assert_eq!(twice.len(), 2);
    assert_eq!(twice[0].text, twice[1].text);

    odd(Oddity::Late, "LATE").await;
    odd(Oddity::None, "NORMAL").await;
    odd(Oddity::Reversed, "FIRST").await;
    here.simulator.deliver_all().await;
    let events: Vec<Value> = inbox.rest().iter().map(|each| each.json()).collect();
    let words: Vec<&Value> =
        events.iter().map(|event| &event["data"]["meta"]["data_status"]).collect();
    assert_eq!(words, ["FIRST", "NORMAL", "LATE"]);
    assert!(events[2]["timestamp"].as_str() <= events[1]["timestamp"].as_str());

    odd(Oddity::Lost, "X").await;
    assert!(here.simulator.deliver_next().await[0].lost);
    odd(Oddity::WrongSecret, "X").await;
    odd(Oddity::NoEventId, "X").await;
    odd(Oddity::Garbage, "X").await;
    here.simulator.deliver_all().await;
    assert_ne!(inbox.next().await.secret(), here.simulator.webhook_secret());
    assert!(inbox.next().await.json().get("event_id").is_none());
    assert!(serde_json::from_str::<Value>(&inbox.next().await.text).is_err());
    assert!(inbox.rest().is_empty());
}

#[tokio::test]
async fn a_webhook_may_be_about_an_account_that_nobody_knows() {
    let here = Here::new().await;
    let event = body(&here, Webhook::new(Kind::AccountUpdated, "65aa")).await;
    assert_eq!(event["data"]["account"]["_id"], "65aa");
    let other = Webhook::new(Kind::AccountUpdated, HEALTHY).named("mono.accounts.account_updated");
    assert_eq!(body(&here, other).await["event"], "mono.accounts.account_updated");
    let test = Webhook { account: None, ..Webhook::new(Kind::Test, "") };
    assert_eq!(body(&here, test).await["event"], "mono.events.webhook_test");
}
