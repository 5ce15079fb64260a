//! Each code of the contract that can be met in this version, and what Mono's failures become.

use mono_simulator::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::support::*;

const NAME: &str = "query ($id: ID!) { account(id: $id) { id name } }";

#[tokio::test]
async fn what_mono_answers_becomes_a_code() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    let elsewhere = format!("{}/stolen", world.simulator.base_url());
    let cases = [
        (Fault::status(401), "UPSTREAM_UNAUTHORIZED", false),
        (Fault::status(404), "NOT_FOUND", false),
        (Fault::status(400), "UPSTREAM_REJECTED", false),
        (Fault::status(402), "UPSTREAM_REJECTED", false),
        (Fault::status(403), "UPSTREAM_REJECTED", false),
        (Fault::status(409), "UPSTREAM_REJECTED", false),
        (Fault::status(422), "UPSTREAM_REJECTED", false),
        (Fault::status(429).retry_after(60), "UPSTREAM_RATE_LIMITED", true),
        (Fault::status(500), "UPSTREAM_UNAVAILABLE", true),
        (Fault::status(503), "UPSTREAM_UNAVAILABLE", true),
        (Fault::new(FaultKind::Reset), "UPSTREAM_UNAVAILABLE", true),
        (Fault::new(FaultKind::Truncated), "UPSTREAM_BAD_RESPONSE", false),
        (Fault::new(FaultKind::Garbage), "UPSTREAM_BAD_RESPONSE", false),
        (Fault::new(FaultKind::DataNull), "UPSTREAM_BAD_RESPONSE", false),
        (Fault::new(FaultKind::Empty), "UPSTREAM_BAD_RESPONSE", false),
        (Fault::new(FaultKind::Huge), "UPSTREAM_BAD_RESPONSE", false),
        (Fault::redirect(&elsewhere), "UPSTREAM_BAD_RESPONSE", false),
    ];
    for (fault, code, retryable) in cases {
        let what = format!("{fault:?}");
        world.simulator.add_fault(fault.times(9)).unwrap();
        let answer = world.ask(NAME, json!({ "id": HEALTHY })).await;
        assert_eq!(
            answer["data"]["account"],
            json!({ "id": HEALTHY, "name": null }),
            "{what}: {answer}"
        );
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], code, "{what}: {answer}");
        assert_eq!(error["extensions"]["retryable"] == true, retryable, "{what}: {answer}");
        let text = error["message"].as_str().unwrap();
        assert!(
            !text.contains("http") && !text.contains("127.0.0.1") && !text.contains("sk_"),
            "{text}"
        );
        world.simulator.clear_faults();
    }
    let answer = world.ask(NAME, json!({ "id": HEALTHY })).await;
    assert!(answer["data"]["account"]["name"].is_string(), "it recovers by itself: {answer}");
    assert!(world.simulator.calls().iter().all(|call| !call.path.contains("stolen")));
    world.stop().await;
}

#[tokio::test]
async fn a_read_that_fails_in_passing_is_tried_again() {
    let world = World::new().await;
    world.simulator.add_fault(Fault::status(503).times(2)).unwrap();
    let data = world.data(NAME, json!({ "id": HEALTHY })).await;
    assert!(data["account"]["name"].is_string());
    assert_eq!(world.simulator.calls().len(), 3);
    world.stop().await;
}

#[tokio::test]
async fn a_read_ends_at_its_deadline() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.simulator.add_fault(Fault::slow(30_000).times(3)).unwrap();
    let answer = world.ask(NAME, json!({ "id": HEALTHY })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UPSTREAM_TIMEOUT");
    assert_eq!(answer["data"]["account"]["id"], HEALTHY);
    world.stop().await;
}

#[tokio::test]
async fn asking_for_a_link_ends_at_its_deadline_and_asks_once() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.simulator.add_fault(Fault::slow(60_000).path("/initiate").times(3)).unwrap();
    let code = world.code(INITIATE, json!({ "input": { "accountId": HEALTHY } })).await;
    assert_eq!(code, "UPSTREAM_TIMEOUT");
    let posts = world.simulator.calls().iter().filter(|call| call.method == "POST").count();
    assert_eq!(posts, 1, "Mono may have heard it");
    world.stop().await;
}

#[tokio::test]
async fn nobody_listening_is_unavailable() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.simulator.stop().await;
    assert_eq!(world.code(NAME, json!({ "id": HEALTHY })).await, "UPSTREAM_UNAVAILABLE");
    let code = world.code(INITIATE, json!({ "input": { "accountId": HEALTHY } })).await;
    assert_eq!(code, "UPSTREAM_UNAVAILABLE");
    world.stop().await;
}

#[tokio::test]
async fn an_amount_that_is_none_is_null_and_the_rest_comes() {
    let mut world = World::new().await;
    let body = r#"{"data":{"account":{"id":"a1","name":"ADA TEST","currency":"NGN","balance":10.5},"meta":{"data_status":"READY | SOON"}}}"#;
    let mut config = world.config();
    config.mono_base_url = stand_in(body.to_owned()).await;
    world.gateways.pop().unwrap().stop().await;
    let gateway = world.try_start(config).await.unwrap();
    world.gateways.push(gateway);
    let query = "{ account(id: \"a1\") { name balance { minor } dataStatus dataStatusRaw } }";
    let answer = world.ask(query, Value::Null).await;
    let account = &answer["data"]["account"];
    assert_eq!((&account["name"], &account["balance"]), (&json!("ADA TEST"), &Value::Null));
    assert_eq!(
        (&account["dataStatus"], &account["dataStatusRaw"]),
        (&json!("UNKNOWN"), &json!("READY | SOON"))
    );
    assert_eq!(answer["errors"][0]["path"], json!(["account", "balance"]));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UPSTREAM_BAD_RESPONSE");
    world.stop().await;
}

#[tokio::test]
async fn an_amount_that_is_none_in_a_list_nulls_what_the_schema_says() {
    let mut world = World::new().await;
    let body = r#"{"data":[{"id":"t1","amount":1e3,"type":"debit","date":"2026-01-01T00:00:00Z"}],"meta":{"total":1,"page":1}}"#;
    let mut config = world.config();
    config.mono_base_url = stand_in(body.to_owned()).await;
    world.gateways.pop().unwrap().stop().await;
    let gateway = world.try_start(config).await.unwrap();
    world.gateways.push(gateway);
    let known = json!({ "event": "mono.events.account_connected", "data": { "id": "a1" } });
    assert_eq!(world.webhook(known.to_string()).await, 200);
    let query = "{ account(id: \"a1\") { id transactions { nodes { id amount { minor } } } } }";
    let answer = world.ask(query, Value::Null).await;
    assert_eq!(
        answer["data"],
        json!({ "account": { "id": "a1", "transactions": null } }),
        "{answer}"
    );
    assert_eq!(
        answer["errors"][0]["path"],
        json!(["account", "transactions", "nodes", 0, "amount"])
    );
    world.stop().await;
}

#[tokio::test]
async fn the_request_id_of_an_error_is_the_one_of_the_header() {
    let world = World::new().await;
    let body = json!({ "query": NAME, "variables": { "id": "nobody" } });
    let response = world.http().post(world.url(0, "/graphql")).json(&body).send().await.unwrap();
    let header = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["requestId"], json!(header));
    world.stop().await;
}
