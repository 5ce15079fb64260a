//! `initiateReauth` by Mono's widget: with the account's id, and with the older widget's token.

use chrono::Duration;
use mono_simulator::{Fault, FaultKind, Outcome};
use serde_json::{Value, json};

use crate::support::*;

const BY_WIDGET: &str = "mutation ($input: InitiateReauthInput!) { initiateReauth(input: $input) {
    reused errors { __typename code message retryable }
    reauth { id reference method status url expiresAt expiryBasis createdAt
        widget { accountId reauthToken } } } }";

const SESSION: &str = "query ($id: ID!) { reauthSession(id: $id) {
    status url widget { accountId reauthToken } expiresAt expiryBasis completedVia } }";

async fn start(world: &World, account: &str, method: &str) -> Value {
    let input = json!({ "accountId": account, "method": method });
    world.data(BY_WIDGET, json!({ "input": input })).await["initiateReauth"].take()
}

async fn session(world: &World, payload: &Value) -> Value {
    world.data(SESSION, json!({ "id": payload["reauth"]["id"] })).await["reauthSession"].take()
}

fn posts(world: &World) -> Vec<String> {
    let calls = world.simulator.calls().into_iter();
    calls.filter(|call| call.method == "POST").map(|call| call.path).collect()
}

/// How many minutes the session was given.
fn life_minutes(payload: &Value) -> i64 {
    let time = |name: &str| {
        let text = payload["reauth"][name].as_str().unwrap();
        chrono::DateTime::parse_from_rfc3339(text).unwrap()
    };
    (time("expiresAt") - time("createdAt")).num_minutes()
}

#[tokio::test]
async fn the_widget_takes_the_account_s_id_and_mono_is_not_asked() {
    let world = World::new().await;
    world.known(NEEDS_REAUTH).await;
    world.simulator.reset_calls();
    let mut heard = world.subscribe(0, REAUTH, json!({ "id": NEEDS_REAUTH })).await;
    assert_eq!(heard.event().await["kind"], "SNAPSHOT");
    let started = start(&world, NEEDS_REAUTH, "WIDGET").await;
    let reauth = &started["reauth"];
    assert_eq!(reauth["status"], "LINK_ISSUED");
    assert_eq!(reauth["method"], "WIDGET");
    assert_eq!(reauth["widget"], json!({ "accountId": NEEDS_REAUTH, "reauthToken": null }));
    assert_eq!((&reauth["url"], &reauth["expiryBasis"]), (&Value::Null, &json!("ASSUMED")));
    assert_eq!(life_minutes(&started), 30);
    assert_eq!(world.simulator.calls().len(), 0);
    assert_eq!(heard.event().await["reauthStatus"], "LINK_ISSUED");

    let again = start(&world, NEEDS_REAUTH, "WIDGET").await;
    assert_eq!((&again["reused"], &again["reauth"]["id"]), (&json!(true), &reauth["id"]));

    world.simulator.finish_widget(NEEDS_REAUTH, Outcome::Approve).unwrap();
    world.simulator.deliver_all().await;
    assert_eq!(heard.event().await["reauthStatus"], "AUTHORIZED");
    assert_eq!(heard.event().await["reauthStatus"], "COMPLETED");
    let ended = session(&world, &started).await;
    assert_eq!((&ended["status"], &ended["widget"]), (&json!("COMPLETED"), &Value::Null));
    assert_eq!(world.known(NEEDS_REAUTH).await["reauth"]["required"], false);
    world.stop().await;
}

#[tokio::test]
async fn an_older_widget_takes_a_token_that_is_fetched_when_it_is_asked_for() {
    let world = World::new().await;
    world.known(NEEDS_REAUTH).await;
    world.simulator.reset_calls();
    let started = start(&world, NEEDS_REAUTH, "WIDGET_TOKEN").await;
    let reauth = &started["reauth"];
    assert_eq!((&reauth["status"], &reauth["url"]), (&json!("LINK_ISSUED"), &Value::Null));
    assert_eq!(reauth["widget"]["accountId"], NEEDS_REAUTH);
    let token = reauth["widget"]["reauthToken"].as_str().unwrap().to_owned();
    assert_eq!((life_minutes(&started), &reauth["expiryBasis"]), (10, &json!("DOCUMENTED")));
    let calls = world.simulator.calls();
    let call = calls.iter().find(|call| call.method == "POST").unwrap();
    assert_eq!(call.path, format!("/accounts/{NEEDS_REAUTH}/reauthorise"));
    assert_eq!((call.body.clone(), call.query.as_str()), (Value::Null, ""));

    let again = start(&world, NEEDS_REAUTH, "WIDGET_TOKEN").await;
    assert_eq!((&again["reused"], &again["reauth"]), (&json!(true), reauth));
    assert_eq!(posts(&world).len(), 1);

    world.simulator.finish_link(&token, Outcome::Approve).unwrap();
    world.simulator.deliver_all().await;
    let ended = session(&world, &started).await;
    assert_eq!(ended["status"], "COMPLETED");
    assert_eq!((&ended["widget"], &ended["expiresAt"]), (&Value::Null, &Value::Null));
    world.stop().await;
}

#[tokio::test]
async fn a_token_stands_in_its_session_s_row_while_it_is_of_use_and_nowhere_else() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    let mut tokens = Vec::new();
    for end in ["supersede", "cancel", "expire", "finish"] {
        let started = start(&world, HEALTHY, "WIDGET_TOKEN").await;
        let token = started["reauth"]["widget"]["reauthToken"].as_str().unwrap().to_owned();
        assert_eq!(world.count("reauth_session", &format!("reauth_token = '{token}'")).await, 1);
        match end {
            "supersede" => {
                start(&world, HEALTHY, "HOSTED_LINK").await;
                let next = start(&world, HEALTHY, "WIDGET").await;
                assert_eq!(next["reused"], false);
            }
            "cancel" => {
                let cancel = "mutation ($id: ID!) {
                    cancelReauth(input: {reauthId: $id}) { reauth { status } } }";
                world.data(cancel, json!({ "id": started["reauth"]["id"] })).await;
            }
            "expire" => world.clock.advance(Duration::minutes(10)),
            _ => {
                world.simulator.finish_link(&token, Outcome::Approve).unwrap();
                world.simulator.deliver_all().await;
            }
        }
        let id = started["reauth"]["id"].as_str().unwrap();
        world
            .until(HEALTHY, |known| {
                let nodes = known["reauth"]["sessions"]["nodes"].as_array().unwrap();
                nodes.iter().any(|node| node["id"] == id && node["status"] != "LINK_ISSUED")
            })
            .await;
        assert_eq!(world.count("reauth_session", "reauth_token IS NOT NULL").await, 0, "{end}");
        tokens.push(token);
    }
    for token in tokens {
        for (table, column) in
            [("fact_log", "fact"), ("change_log", "change"), ("account_state", "state")]
        {
            let kept = format!("{column} LIKE '%{token}%'");
            assert_eq!(world.count(table, &kept).await, 0, "{table}");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn a_token_that_nobody_uses_is_dead_after_ten_minutes_and_a_restart() {
    let mut world = World::new().await;
    world.known(HEALTHY).await;
    let started = start(&world, HEALTHY, "WIDGET_TOKEN").await;
    world.clock.advance(Duration::minutes(9));
    assert_eq!(start(&world, HEALTHY, "WIDGET_TOKEN").await["reused"], true);
    world.restart().await;
    assert!(session(&world, &started).await["widget"]["reauthToken"].is_string());
    world.clock.advance(Duration::seconds(61));
    world
        .until(HEALTHY, |known| known["reauth"]["sessions"]["nodes"][0]["status"] == "EXPIRED")
        .await;
    assert_eq!(session(&world, &started).await["widget"], Value::Null);
    let next = start(&world, HEALTHY, "WIDGET_TOKEN").await;
    assert_eq!(next["reused"], false);
    assert_ne!(next["reauth"]["widget"], started["reauth"]["widget"]);
    world.stop().await;
}

#[tokio::test]
async fn asking_for_another_method_supersedes() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    let mut before: Option<Value> = None;
    for method in ["HOSTED_LINK", "WIDGET", "WIDGET_TOKEN", "WIDGET", "HOSTED_LINK"] {
        let started = start(&world, HEALTHY, method).await;
        assert_eq!(
            (&started["reused"], &started["reauth"]["method"]),
            (&json!(false), &json!(method))
        );
        if let Some(before) = before {
            let old = session(&world, &before).await;
            assert_eq!(old["status"], "SUPERSEDED", "by {method}");
            assert_eq!((&old["url"], &old["widget"]), (&Value::Null, &Value::Null));
        }
        before = Some(started);
    }
    world.stop().await;
}

#[tokio::test]
async fn what_can_not_be_re_authorised_by_token_is_said_in_every_way_that_mono_says_it() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    for status in [200, 201, 400, 403, 404, 409, 422] {
        let mut fault = Fault::new(FaultKind::NotReauthorisable).times(1);
        fault.status = Some(status);
        world.simulator.add_fault(fault).unwrap();
        let payload = start(&world, HEALTHY, "WIDGET_TOKEN").await;
        assert_eq!(payload["reauth"], Value::Null, "{status}");
        assert_eq!(payload["errors"][0]["__typename"], "NotReauthorisableError", "{status}");
        assert_eq!(payload["errors"][0]["code"], "NOT_REAUTHORISABLE", "{status}");
    }
    let known = world.known(HEALTHY).await;
    assert_eq!(known["reauth"]["required"], false);
    assert_eq!(known["reauth"]["sessions"]["nodes"][0]["failure"]["code"], "NOT_REAUTHORISABLE");
    world.stop().await;
}

#[tokio::test]
async fn a_token_that_mono_does_not_give_leaves_a_failed_session() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    let input = json!({ "input": { "accountId": HEALTHY, "method": "WIDGET_TOKEN" } });
    for (fault, code) in [
        (Fault::status(500), "UPSTREAM_UNAVAILABLE"),
        (Fault::status(400), "UPSTREAM_REJECTED"),
        (Fault::status(404), "NOT_FOUND"),
        (Fault::new(FaultKind::Garbage), "UPSTREAM_BAD_RESPONSE"),
        (Fault::new(FaultKind::DataNull), "UPSTREAM_BAD_RESPONSE"),
    ] {
        world.simulator.add_fault(fault.path("/reauthorise").times(1)).unwrap();
        assert_eq!(world.code(BY_WIDGET, input.clone()).await, code);
        let known = world.known(HEALTHY).await;
        assert_eq!(known["reauth"]["sessions"]["nodes"][0]["status"], "FAILED");
    }
    assert_eq!(posts(&world).len(), 5, "what was heard is never sent twice");
    let unknown = json!({ "input": { "accountId": "nobody", "method": "WIDGET" } });
    assert_eq!(world.code(BY_WIDGET, unknown).await, "NOT_FOUND");
    world.stop().await;
}
