//! Tokens: who is let in, what they see, and when they are shown out.

use chrono::Duration;
use jsonwebtoken::{EncodingKey, Header, encode};
use mono_gateway::access::{Access, Verifier};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::support::*;

pub(crate) const SECRET: &str = "a secret of at least thirty-two bytes";

pub(crate) fn token(world: &World, scope: &str, accounts: &[&str]) -> String {
    token_of(world, "ada", scope, accounts)
}

pub(crate) fn token_of(world: &World, sub: &str, scope: &str, accounts: &[&str]) -> String {
    let exp = (world.clock.now() + Duration::seconds(60)).timestamp();
    let claims = json!({ "sub": sub, "exp": exp, "scope": scope, "accounts": accounts });
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

pub(crate) async fn world_with_tokens() -> World {
    let mut world = World::new().await;
    let mut config = world.config();
    let verifier = Verifier::hs256(&SecretString::from(SECRET), None, None);
    config.access = Access::Token(Box::new(verifier));
    world.gateways.pop().unwrap().stop().await;
    let gateway = world.try_start(config).await.unwrap();
    world.gateways.push(gateway);
    world
}

pub(crate) async fn ask_as(
    world: &World,
    token: &str,
    query: &str,
    variables: Value,
) -> (u16, Value) {
    let body = json!({ "query": query, "variables": variables });
    let request = world.http().post(world.url(0, "/graphql")).json(&body);
    let response = request.header("authorization", format!("Bearer {token}")).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

const ACCOUNT: &str = "query ($id: ID!) { account(id: $id) { id bvn accountNumber name } }";

#[tokio::test]
async fn without_a_good_token_nothing_is_answered() {
    let world = world_with_tokens().await;
    let body = json!({ "query": "{ gateway { mode } }" });
    for authorization in [None, Some("Bearer nonsense"), Some("Basic YTpi"), Some("Bearer ")] {
        let mut request = world.http().post(world.url(0, "/graphql")).json(&body);
        if let Some(text) = authorization {
            request = request.header("authorization", text);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
        assert!(answer.get("data").is_none());
    }
    // In a type that was asked for: clients read codes in no other.
    for accept in ["application/graphql-response+json", "application/json", "text/event-stream"] {
        let request = world.http().post(world.url(0, "/graphql")).json(&body);
        let response = request.header("accept", accept).send().await.unwrap();
        assert_eq!(response.status(), 401);
        let wanted = if accept.starts_with("text") { "application/json" } else { accept };
        let got = response.headers()["content-type"].to_str().unwrap();
        assert!(got.starts_with(wanted), "{got} for {accept}");
    }
    world.stop().await;
}

#[tokio::test]
async fn somebody_else_s_account_is_answered_like_an_unknown_one() {
    let world = world_with_tokens().await;
    let mine = token(&world, "accounts:read reauth:write", &[HEALTHY]);
    world.simulator.reset_calls();
    let mut answers = Vec::new();
    for id in [NAIRA, "nobody"] {
        let (_, mut answer) = ask_as(&world, &mine, ACCOUNT, json!({ "id": id })).await;
        answer["errors"][0]["extensions"]["requestId"] = Value::Null;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND");
        answers.push(answer.to_string());
        let (_, refused) =
            ask_as(&world, &mine, INITIATE, json!({ "input": { "accountId": id } })).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "NOT_FOUND");
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(world.simulator.calls().len(), 0, "Mono is asked about neither");
    let (_, answer) = ask_as(&world, &mine, ACCOUNT, json!({ "id": HEALTHY })).await;
    let account = &answer["data"]["account"];
    assert!(account["name"].is_string());
    // Without pii:read.
    assert_eq!(account["bvn"], Value::Null);
    assert!(account["accountNumber"].as_str().unwrap().starts_with("******"), "{account}");
    let pii = token(&world, "accounts:read pii:read", &[HEALTHY]);
    let (_, answer) = ask_as(&world, &pii, ACCOUNT, json!({ "id": HEALTHY })).await;
    assert_eq!(answer["data"]["account"]["bvn"].as_str().map(str::len), Some(4));
    world.stop().await;
}

#[tokio::test]
async fn a_token_allows_what_its_scopes_say() {
    let world = world_with_tokens().await;
    let none = token(&world, "", &[HEALTHY]);
    let session = format!("reauth_{}", "0".repeat(32));
    let reading = "query ($id: ID!, $s: ID!) { account(id: $id) { id } node(id: $id) { id }
        reauthSession(id: $s) { id } reauthSessionByReference(reference: \"x\") { id } }";
    let (_, answer) = ask_as(&world, &none, reading, json!({ "id": HEALTHY, "s": session })).await;
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 4, "{answer}");
    assert!(errors.iter().all(|error| error["extensions"]["code"] == "FORBIDDEN"), "{answer}");
    let (_, answer) = ask_as(&world, &none, "{ accounts { totalCount } }", Value::Null).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
    let reader = token(&world, "accounts:read", &[HEALTHY]);
    let (_, answer) =
        ask_as(&world, &reader, INITIATE, json!({ "input": { "accountId": HEALTHY } })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
    assert_eq!(world.simulator.calls().len(), 0);
    world.stop().await;
}

#[tokio::test]
async fn a_list_and_a_subscription_hold_one_s_own_accounts_only() {
    let world = world_with_tokens().await;
    let mine = token(&world, "accounts:read", &["mine"]);
    let mut ws = Ws::raw(&world.url(0, "/graphql"), Some("graphql-transport-ws")).await;
    ws.send(json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {mine}") } })).await;
    assert_eq!(ws.next().await["type"], "connection_ack");
    ws.subscribe("1", DATA_STATUS, json!({})).await;
    world.heard_by(0, 1).await;
    for account in ["other", "mine"] {
        let body = json!({ "event": "mono.events.account_updated",
            "data": { "account": { "_id": account }, "meta": { "data_status": "AVAILABLE" } } });
        assert_eq!(world.webhook(body.to_string()).await, 200);
    }
    assert_eq!(ws.event().await["account"]["id"], "mine");
    ws.nothing_but_pong().await;
    let (_, answer) =
        ask_as(&world, &mine, "{ accounts { totalCount nodes { id } } }", Value::Null).await;
    assert_eq!(answer["data"]["accounts"], json!({ "totalCount": 1, "nodes": [{ "id": "mine" }] }));
    world.stop().await;
}

#[tokio::test]
async fn a_hello_without_a_good_token_closes_with_4403() {
    let world = world_with_tokens().await;
    for payload in [Value::Null, json!({}), json!({ "authorization": "Bearer nonsense" })] {
        let mut ws = Ws::raw(&world.url(0, "/graphql"), Some("graphql-transport-ws")).await;
        ws.send(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(ws.closed().await, (4403, "Forbidden".to_owned()));
    }
    world.stop().await;
}

#[tokio::test]
async fn a_token_that_ends_closes_with_4403_unless_a_ping_renews_it() {
    let world = world_with_tokens().await;
    let hello = async |token: String| {
        let mut ws = Ws::raw(&world.url(0, "/graphql"), Some("graphql-transport-ws")).await;
        ws.send(json!({ "type": "connection_init", "payload": { "authorization": token } })).await;
        assert_eq!(ws.next().await["type"], "connection_ack");
        ws
    };
    let first = token(&world, "accounts:read", &[HEALTHY]);
    let mut forgetful = hello(first.clone()).await;
    let mut careful = hello(first).await;
    let mut other = hello(token(&world, "accounts:read", &[])).await;
    world.clock.advance(Duration::seconds(30));
    let renewed = token(&world, "accounts:read", &[HEALTHY]);
    careful.send(json!({ "type": "ping", "payload": { "authorization": renewed } })).await;
    assert_eq!(careful.next().await["type"], "pong");
    other.send(json!({ "type": "ping", "payload": { "authorization": "nonsense" } })).await;
    assert_eq!(other.closed().await.0, 4403);
    world.clock.advance(Duration::seconds(31));
    assert_eq!(forgetful.closed().await.0, 4403);
    careful.nothing_but_pong().await;
    world.clock.advance(Duration::seconds(60));
    assert_eq!(careful.closed().await.0, 4403);
    world.stop().await;
}

#[tokio::test]
async fn too_many_connections_close_with_1013_and_are_503() {
    let mut world = World::new().await;
    let mut config = world.config();
    config.max_connections = 1;
    world.gateways.pop().unwrap().stop().await;
    let gateway = world.try_start(config).await.unwrap();
    world.gateways.push(gateway);
    let first = world.ws(0).await;
    let mut second = Ws::raw(&world.url(0, "/graphql"), Some("graphql-transport-ws")).await;
    assert_eq!(second.closed().await.0, 1013);
    let events = world.http().get(world.graphql_url(&[("query", "{ gateway { mode } }")]));
    let refused = events.header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["retry-after"]),
        (503, &"1".parse().unwrap())
    );
    let answer: Value = refused.json().await.unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "OVERLOADED");
    // Nothing of a closed connection stays behind.
    drop(first);
    let again = async {
        loop {
            let mut ws = Ws::raw(&world.url(0, "/graphql"), Some("graphql-transport-ws")).await;
            ws.send(json!({ "type": "ping" })).await;
            if ws.is_served().await {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, again).await.expect("the place is free again");
    world.stop().await;
}
