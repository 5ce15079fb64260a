//! `graphql-transport-ws` in raw frames: every close code, provoked.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::*;

const PROTOCOL: Option<&str> = Some("graphql-transport-ws");

async fn raw(world: &World) -> Ws {
    Ws::raw(&world.url(0, "/graphql"), PROTOCOL).await
}

#[tokio::test]
async fn what_is_no_message_closes_with_4400() {
    let world = World::new().await;
    for text in [
        "",
        "no json",
        "[]",
        "5",
        "null",
        "{}",
        "{\"type\":5}",
        "{\"type\":\"\"}",
        "{\"type\":\"start\"}",
        "{\"type\":\"connection_init\",\"payload\":5}",
        "{\"type\":\"ping\",\"payload\":[]}",
    ] {
        let mut ws = raw(&world).await;
        ws.send_text(text).await;
        let (code, reason) = ws.closed().await;
        assert_eq!(code, 4400, "{text}");
        assert!(reason.len() <= 123);
    }
    let mut ws = raw(&world).await;
    ws.send_message(Message::binary(b"{\"type\":\"connection_init\"}".to_vec())).await;
    assert_eq!(ws.closed().await.0, 4400);
    for message in [
        json!({ "type": "subscribe", "payload": { "query": "{ gateway { mode } }" } }),
        json!({ "type": "subscribe", "id": "", "payload": { "query": "{ gateway { mode } }" } }),
        json!({ "type": "subscribe", "id": 5, "payload": { "query": "{ gateway { mode } }" } }),
        json!({ "type": "subscribe", "id": "1" }),
        json!({ "type": "subscribe", "id": "1", "payload": {} }),
        json!({ "type": "subscribe", "id": "1", "payload": { "query": 5 } }),
        json!({ "type": "subscribe", "id": "1", "payload": { "query": "{a}", "variables": [] } }),
        json!({ "type": "subscribe", "id": "1", "payload": { "query": "{a}", "operationName": {} } }),
        json!({ "type": "complete" }),
    ] {
        let mut ws = world.ws(0).await;
        ws.send(message.clone()).await;
        assert_eq!(ws.closed().await.0, 4400, "{message}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_subscription_before_the_acknowledgement_closes_with_4401() {
    let world = World::new().await;
    let mut ws = raw(&world).await;
    ws.subscribe("1", "{ gateway { mode } }", json!({})).await;
    assert_eq!(ws.closed().await, (4401, "Unauthorized".to_owned()));
    world.stop().await;
}

#[tokio::test]
async fn another_sub_protocol_closes_with_4406() {
    let world = World::new().await;
    // A client that offered none can read the code; one that offered others refuses the answer.
    let mut ws = Ws::raw(&world.url(0, "/graphql"), None).await;
    assert_eq!(ws.closed().await, (4406, "Subprotocol not acceptable".to_owned()));
    let refused = Ws::try_raw(&world.url(0, "/graphql"), Some("graphql-ws"), &[]).await;
    assert!(refused.is_err());
    world.stop().await;
}

#[tokio::test]
async fn silence_at_the_beginning_closes_with_4408() {
    let world = World::new().await;
    let mut ws = raw(&world).await;
    assert_eq!(ws.closed().await, (4408, "Connection initialisation timeout".to_owned()));
    world.stop().await;
}

#[tokio::test]
async fn an_id_in_use_closes_with_4409_and_one_that_is_free_again_does_not() {
    let world = World::new().await;
    let forever = "subscription { dataStatusChanged { kind } }";
    let mut ws = world.ws(0).await;
    ws.subscribe("1", forever, json!({})).await;
    ws.send(json!({ "type": "complete", "id": "1" })).await;
    ws.subscribe("1", forever, json!({})).await;
    ws.nothing_but_pong().await;
    ws.subscribe("1", forever, json!({})).await;
    let (code, reason) = ws.closed().await;
    assert_eq!((code, reason.as_str()), (4409, "Subscriber for 1 already exists"));
    let long = "é".repeat(500);
    let mut ws = world.ws(0).await;
    ws.subscribe(&long, forever, json!({})).await;
    ws.subscribe(&long, forever, json!({})).await;
    assert_eq!(ws.closed().await.0, 4409);
    world.stop().await;
}

#[tokio::test]
async fn a_second_hello_closes_with_4429() {
    let world = World::new().await;
    let mut ws = world.ws(0).await;
    ws.send(json!({ "type": "connection_init" })).await;
    assert_eq!(ws.closed().await, (4429, "Too many initialisation requests".to_owned()));
    world.stop().await;
}

#[tokio::test]
async fn a_stopping_gateway_closes_with_1012() {
    let mut world = World::new().await;
    let mut ws = world.subscribe(0, DATA_STATUS, json!({})).await;
    ws.nothing_but_pong().await;
    world.gateways.pop().unwrap().stop().await;
    assert_eq!(ws.closed().await.0, 1012);
    world.stop().await;
}

#[tokio::test]
async fn pings_are_answered_with_what_they_carry() {
    let world = World::new().await;
    let mut ws = raw(&world).await;
    ws.send(json!({ "type": "ping", "payload": { "a": [1] } })).await;
    assert_eq!(ws.next().await, json!({ "type": "pong", "payload": { "a": [1] } }));
    ws.send(json!({ "type": "pong" })).await;
    ws.send(json!({ "type": "ping" })).await;
    assert_eq!(ws.next().await, json!({ "type": "pong" }));
    world.stop().await;
}

#[tokio::test]
async fn queries_and_mutations_answer_once_and_complete() {
    let world = World::new().await;
    let mut ws = world.ws(0).await;
    ws.subscribe("q", "{ gateway { mode } }", json!({})).await;
    let next = ws.next().await;
    assert_eq!(next["payload"], json!({ "data": { "gateway": { "mode": "LIVE" } } }));
    assert_eq!(ws.next().await, json!({ "type": "complete", "id": "q" }));
    ws.subscribe("m", INITIATE, json!({ "input": { "accountId": HEALTHY } })).await;
    assert_eq!(ws.next().await["payload"]["data"]["initiateReauth"]["reused"], false);
    assert_eq!(ws.next().await["type"], "complete");
    world.stop().await;
}

#[tokio::test]
async fn what_cannot_start_is_an_error_and_never_an_answer() {
    let world = World::new().await;
    let mut ws = world.ws(0).await;
    for (query, variables, code) in [
        ("{", json!({}), "GRAPHQL_PARSE_FAILED"),
        ("{ nonsense }", json!({}), "GRAPHQL_VALIDATION_FAILED"),
        ("query ($id: ID!) { account(id: $id) { id } }", json!({}), "BAD_USER_INPUT"),
        (
            "subscription { dataStatusChanged { kind } reauthChanged { kind } }",
            json!({}),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            "subscription { dataStatusChanged(accountId: \"\") { kind } }",
            json!({}),
            "BAD_USER_INPUT",
        ),
        ("query A { gateway { mode } } query B { gateway { mode } }", json!({}), "BAD_USER_INPUT"),
    ] {
        ws.subscribe("x", query, variables).await;
        let message = ws.next().await;
        assert_eq!(
            (&message["type"], &message["id"]),
            (&json!("error"), &json!("x")),
            "{query}: {message}"
        );
        assert_eq!(message["payload"][0]["extensions"]["code"], code, "{query}: {message}");
        assert_eq!(message["payload"][0].get("data"), None);
    }
    // An error at a field is an answer.
    ws.subscribe("y", "{ account(id: \"nobody\") { id } }", json!({})).await;
    let message = ws.next().await;
    assert_eq!(message["payload"]["data"], json!({ "account": null }));
    assert_eq!(message["payload"]["errors"][0]["extensions"]["code"], "NOT_FOUND");
    assert_eq!(ws.next().await["type"], "complete");
    world.stop().await;
}

#[tokio::test]
async fn a_page_of_a_foreign_origin_is_refused_at_the_upgrade() {
    let world = World::new().await;
    let url = world.url(0, "/graphql");
    for (origin, allowed) in [
        ("https://evil.example", false),
        ("null", false),
        ("https://app.example.test", true),
        (url.strip_suffix("/graphql").unwrap(), true),
    ] {
        let upgraded = Ws::try_raw(&url, PROTOCOL, &[("origin", origin)]).await;
        assert_eq!(upgraded.map(|_| ()), if allowed { Ok(()) } else { Err(403) }, "{origin}");
    }
    assert_eq!(
        Ws::try_raw(&url, PROTOCOL, &[("host", "evil.example")]).await.map(|_| ()),
        Err(421)
    );
    world.stop().await;
}

#[tokio::test]
async fn one_connection_runs_as_many_operations_as_it_may_and_leaves_nothing_behind() {
    let world = World::new().await;
    let mut ws = world.ws(0).await;
    for n in 0..200 {
        ws.subscribe(&n.to_string(), "subscription { dataStatusChanged { kind } }", json!({}))
            .await;
    }
    ws.subscribe("one more", "{ gateway { mode } }", json!({})).await;
    let refused = ws.next().await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("one more")));
    assert_eq!(refused["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    ws.send(json!({ "type": "complete", "id": "7" })).await;
    ws.subscribe("one more", "{ gateway { mode } }", json!({})).await;
    assert_eq!(ws.next().await["type"], "next");
    assert_eq!(ws.next().await["type"], "complete");
    drop(ws);
    // Heard by nobody, yet the gateway lives and serves.
    let data = world.data("{ gateway { mode } }", Value::Null).await;
    assert_eq!(data["gateway"]["mode"], "LIVE");
    world.stop().await;
}
