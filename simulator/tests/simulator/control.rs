//! The control endpoints, and what is remembered of calls.

use mono_simulator::{Fault, Pace};
use serde_json::{Value, json};

use crate::support::{ASKING, HEALTHY, Here, Inbox, until};

/// Posts `body` without a key and returns the status and the answer.
async fn post(here: &Here, path: &str, body: Value) -> (u16, Value) {
    let request = here.http.post(here.at(&format!("/_simulator/{path}"))).json(&body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn state(here: &Here) -> Value {
    let response = here.http.get(here.at("/_simulator/state")).send().await.unwrap();
    response.json().await.unwrap()
}

#[tokio::test]
async fn a_whole_story_can_be_told_over_http() {
    let here = Here::new().await;
    let mut inbox = Inbox::new().await;
    let (status, _) = post(&here, "webhooks/url", json!({ "url": inbox.url })).await;
    assert_eq!(status, 200);
    let path = format!("accounts/{HEALTHY}/require-reauth");
    let (status, told) = post(&here, &path, json!({})).await;
    assert_eq!(status, 200);
    assert!(told["message"].as_str().unwrap().contains(HEALTHY));
    let (_, delivered) = post(&here, "webhooks/deliver", json!({ "count": 1 })).await;
    assert_eq!(delivered["delivered"][0]["acknowledged"], true);
    assert_eq!(inbox.next().await.event(), "mono.events.reauthorisation_required");
    assert_eq!(state(&here).await["accounts"][0]["needs_reauth"], true);
    let body = json!({ "account": HEALTHY, "scope": "reauth", "meta": { "ref": "story-00001" } });
    here.post("/v2/accounts/initiate", &body).await;
    let finish = json!({ "outcome": "approve", "data_status": "UNAVAILABLE" });
    let (status, finished) = post(&here, "links/by-reference/story-00001/outcome", finish).await;
    assert_eq!((status, &finished["account"]), (200, &json!(HEALTHY)));
    let pending = state(&here).await["pending_webhooks"].clone();
    assert_eq!(pending[0]["kind"], "account_reauthorized");
    post(&here, "webhooks/deliver", json!({})).await;
    let seen = state(&here).await;
    assert_eq!(seen["accounts"][0]["status"], "UNAVAILABLE");
    assert_eq!(seen["links"][0]["state"], "used");
    assert_eq!(seen["deliveries"][2]["body"]["data"]["meta"]["sync_status"], "FAILED");
    assert_eq!(seen["calls"]["POST /v2/accounts/initiate"], 1);
}

#[tokio::test]
async fn every_lever_is_within_reach() {
    let here = Here::new().await;
    for (path, body) in [
        ("accounts", json!({ "id": "chosen", "data_status": "PARTIAL", "balance": 5 })),
        ("accounts/chosen/status", json!({ "data_status": "AVAILABLE" })),
        ("accounts/chosen/require-reauth", json!({ "announce": "sync_status" })),
        ("accounts/chosen/require-reauth", json!({ "announce": "job" })),
        ("accounts/chosen/require-reauth", json!({ "announce": "none" })),
        ("accounts/chosen/outcome", json!({ "outcome": "other_account" })),
        ("accounts/chosen/widget-reauth", json!({ "outcome": "close" })),
        ("accounts/chosen/reauthorisable", json!({ "reauthorisable": false })),
        ("widget-link", json!({ "reference": "widget-0001", "meta": { "campaign": "june" } })),
        ("widget-link", json!({ "finish": { "outcome": "approve", "same_as": "chosen" } })),
        ("webhooks", json!({ "account": "chosen", "kind": "account_income", "job_id": "1" })),
        (
            "webhooks",
            json!({ "account": "c", "kind": "account_unlinked", "event": "mono.events.unlinked" }),
        ),
        ("webhooks", json!({ "account": "chosen", "kind": "account_updated", "variant": "D" })),
        ("webhooks", json!({ "kind": "unknown", "oddity": "no_event_id" })),
        (
            "webhooks/script",
            json!({ "order": "reversed", "duplicates": 2, "drop": ["account_updated"] }),
        ),
        ("faults", json!({ "kind": "status", "status": 503, "path": "/v2", "count": 3 })),
        ("behaviour", json!({ "next_links": "correct", "webhook_tries": 1 })),
        ("era", json!({ "era": "v1" })),
        ("webhooks/deliver", json!({})),
        ("reset", json!({ "seed": 3 })),
    ] {
        let (status, answer) = post(&here, path, body).await;
        assert_eq!(status, 200, "{path}: {answer}");
    }
    assert_eq!(state(&here).await["seed"], 3);
}

#[tokio::test]
async fn refusals_say_what_would_be_right() {
    let here = Here::new().await;
    for (path, body, expected, part) in [
        ("era", json!({ "era": "v9" }), 400, "v2-2026"),
        ("faults", json!({ "kind": "fire" }), 400, "not_reauthorisable"),
        ("faults", json!({ "kind": "slow" }), 400, "delay_ms"),
        ("webhooks", json!({ "kind": "account_updated" }), 400, "account"),
        ("accounts", json!({ "id": HEALTHY }), 400, "taken"),
        ("accounts", json!({ "colour": 1 }), 400, "colour"),
        ("accounts/none/status", json!({ "data_status": "FAILED" }), 404, "none"),
        ("links/none/outcome", json!({ "outcome": "approve" }), 404, "none"),
        ("links/none/outcome", json!({ "outcome": "sing" }), 400, "other_account"),
        ("tokens/none/outcome", json!({ "outcome": "approve" }), 404, "none"),
        ("jobs/none/outcome", json!({ "outcome": "failed" }), 404, "no job"),
        ("accounts/none/jobs/income/outcome", json!({ "outcome": "failed" }), 404, "hold_jobs"),
        ("accounts/none/jobs/tea/outcome", json!({ "outcome": "failed" }), 400, "statement"),
        ("widget-link", json!({ "customer": "none" }), 404, "customers"),
        (
            "widget-link",
            json!({ "finish": { "outcome": "approve", "same_as": "none" } }),
            404,
            "same_as",
        ),
        (
            "widget-link",
            json!({ "finish": { "outcome": "approve", "accounts": 0 } }),
            400,
            "at least 1",
        ),
        ("nowhere", json!({}), 404, "webhooks/script"),
    ] {
        let (status, answer) = post(&here, path, body).await;
        assert_eq!(status, expected, "{path}: {answer}");
        assert!(answer["message"].as_str().unwrap().contains(part), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_named() {
    let here = Here::new().await;
    let response = here.http.get(here.at("/_simulator/era")).send().await.unwrap();
    assert_eq!(response.status(), 405);
    let body: Value = response.json().await.unwrap();
    assert!(body["message"].as_str().unwrap().contains("/_simulator/era does not take GET"));
    assert_eq!(here.get("/v2/accounts/initiate").await.status(), 404);
}

#[tokio::test]
async fn calls_are_remembered() {
    let here = Here::new().await;
    let body = json!({ "account": ASKING, "scope": "reauth" });
    here.post("/v2/accounts/initiate?x=1", &body).await;
    here.realtime(&format!("/v2/accounts/{ASKING}/balance")).await;
    let calls = here.simulator.calls();
    assert_eq!((calls[0].method.as_str(), calls[0].query.as_str()), ("POST", "x=1"));
    assert_eq!(calls[0].path, "/v2/accounts/initiate");
    assert_eq!(calls[0].body, body);
    assert_eq!(calls[0].headers["mono-sec-key"], here.simulator.secret_key());
    assert_eq!(calls[1].headers["x-realtime"], "true");
    assert_eq!(calls[1].body, Value::Null);
    assert_eq!(state(&here).await["calls"]["GET /v2/accounts/{id}/balance"], 1);
    here.simulator.reset_calls();
    assert!(here.simulator.calls().is_empty());
}

#[tokio::test]
async fn requests_side_by_side_are_counted() {
    let here = Here::new().await;
    here.simulator.add_fault(Fault::slow(60_000).times(2)).unwrap();
    let path = format!("/v2/accounts/{HEALTHY}");
    let both = async { tokio::join!(here.get(&path), here.get(&path)) };
    let stop = async {
        until(|| here.simulator.max_concurrent() == 2).await;
        here.simulator.stop().await;
    };
    tokio::join!(both, stop);
    here.simulator.reset_calls();
    assert_eq!(here.simulator.max_concurrent(), 0);
}

#[tokio::test]
async fn options_are_sensible_by_default() {
    let options = mono_simulator::Options::default();
    assert!(options.bind.ip().is_loopback());
    assert_eq!(options.pace, Pace::Auto { step_ms: 300 });
}
