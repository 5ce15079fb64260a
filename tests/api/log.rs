//! The log of webhooks: looked through and replayed by operators, over HTTP and on the command line.

use serde_json::{Value, json};

use crate::{
    access::{ask_as, token, world_with_tokens},
    support::*,
};

const FIELDS: &str = "id event monoEventId accountId account { id } outcome receivedAt body
    bodyIsLossy bodyState replayOf replays";

fn listing() -> String {
    format!(
        "query ($first: Int, $after: String, $filter: WebhookEventFilter) {{
            webhookEvents(first: $first, after: $after, filter: $filter) {{
                edges {{ cursor node {{ id }} }} nodes {{ {FIELDS} }}
                pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
    )
}

async fn page(world: &World, variables: Value) -> Value {
    world.data(&listing(), variables).await["webhookEvents"].take()
}

async fn events(world: &World, filter: Value) -> Vec<Value> {
    let page = page(world, json!({ "first": 100, "filter": filter })).await;
    page["nodes"].as_array().unwrap().clone()
}

fn words<'a>(events: &'a [Value], field: &str) -> Vec<&'a str> {
    events.iter().map(|event| event[field].as_str().unwrap_or("null")).collect()
}

fn updated(account: &str, status: &str) -> String {
    json!({ "event": "mono.events.account_updated", "data": {
        "account": { "_id": account, "name": "ADA TEST", "accountNumber": "0123456789" },
        "meta": { "data_status": status } } })
    .to_string()
}

#[tokio::test]
async fn every_delivery_stands_in_the_log_with_what_became_of_it() {
    let world = World::new().await;
    let bodies: [(Vec<u8>, &str); 6] = [
        (updated(HEALTHY, "AVAILABLE").into(), "APPLIED"),
        (updated(HEALTHY, "AVAILABLE").into(), "DUPLICATE"),
        (
            json!({ "event": "mono.events.account_reauthorized", "data": {} }).to_string().into(),
            "NO_ACCOUNT",
        ),
        (
            json!({ "event": "mono.events.party", "data": { "_id": "x" } }).to_string().into(),
            "UNKNOWN",
        ),
        (br#"{"name":"Ada"#.to_vec(), "UNDECODABLE"),
        (b"{\"event\":\"mono.events.party\",\"data\":\"\xff\"}".to_vec(), "UNKNOWN"),
    ];
    for (body, _) in &bodies {
        assert_eq!(world.webhook(body.clone()).await, 200);
        // Two of one millisecond have no order.
        world.clock.advance(chrono::Duration::milliseconds(5));
    }
    let found = events(&world, json!({})).await;
    let newest_first: Vec<_> = bodies.iter().rev().map(|(_, outcome)| *outcome).collect();
    assert_eq!(words(&found, "outcome"), newest_first);
    let first = &found[5];
    assert_eq!(first["event"], "mono.events.account_updated");
    assert_eq!(first["accountId"], HEALTHY);
    assert_eq!(first["account"]["id"], HEALTHY);
    assert_eq!(first["bodyState"], "REDACTED");
    assert_eq!(first["replays"], json!([]));
    assert_eq!(first["replayOf"], Value::Null);
    let body = first["body"].as_str().unwrap();
    assert!(
        body.contains("AVAILABLE") && !body.contains("ADA") && !body.contains("0123"),
        "{body}"
    );
    assert_eq!(found[1]["body"], r#"{"xxxx":"Xxx"#);
    // One of them, and through Relay's door.
    for query in ["webhookEvent(id: $id)", "node(id: $id)"] {
        let query =
            format!("query ($id: ID!) {{ it: {query} {{ id ...on WebhookEvent {{ outcome }} }} }}");
        let one = world.data(&query, json!({ "id": first["id"] })).await;
        assert_eq!(one["it"], json!({ "id": first["id"], "outcome": "APPLIED" }));
        for id in [format!("evt_{}", "0".repeat(32)), "evt_1".into()] {
            assert_eq!(world.data(&query, json!({ "id": id })).await["it"], Value::Null);
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn the_log_is_filtered_and_paged() {
    let world = World::new().await;
    let begin = world.clock.now();
    for n in 0..9 {
        let account = if n % 3 == 0 { "first" } else { "second" };
        let body = if n % 2 == 0 {
            updated(account, ["AVAILABLE", "PARTIAL", "FAILED"][n % 3])
        } else {
            json!({ "event": "mono.events.party", "data": { "_id": account } }).to_string()
        };
        assert_eq!(world.webhook(body).await, 200);
        world.clock.advance(chrono::Duration::minutes(10));
    }
    let all = events(&world, json!({})).await;
    assert_eq!(all.len(), 9);
    let times = words(&all, "receivedAt");
    assert!(times.is_sorted_by(|a, b| a > b), "{times:?}");
    let at = |minutes| mono_gateway::clock::rfc3339(begin + chrono::Duration::minutes(minutes));
    let cases = [
        (json!({ "event": "mono.events.party" }), 4),
        (json!({ "event": "mono.events.account_updated" }), 5),
        (json!({ "event": "party" }), 0),
        (json!({ "accountId": "first" }), 3),
        (json!({ "accountId": "nobody" }), 0),
        (json!({ "outcome": "UNKNOWN" }), 4),
        (json!({ "outcome": "DUPLICATE" }), 1),
        (json!({ "receivedFrom": at(35) }), 5),
        (json!({ "receivedBefore": at(35) }), 4),
        (json!({ "receivedFrom": at(15), "receivedBefore": at(35) }), 2),
        (
            json!({ "accountId": "second", "outcome": "APPLIED", "event": "mono.events.account_updated",
            "receivedFrom": at(-1) }),
            3,
        ),
    ];
    for (filter, count) in cases {
        let found = events(&world, filter.clone()).await;
        let wanted: Vec<_> = all.iter().filter(|event| found.contains(event)).cloned().collect();
        assert_eq!((found.len(), &found), (count, &wanted), "{filter}");
    }
    // Page by page, by everything and by one thing.
    for filter in [json!({}), json!({ "event": "mono.events.account_updated" })] {
        let whole = events(&world, filter.clone()).await;
        let (mut read, mut after) = (Vec::new(), Value::Null);
        loop {
            let page = page(&world, json!({ "first": 2, "after": after, "filter": filter })).await;
            let nodes = page["nodes"].as_array().unwrap();
            assert!(nodes.len() <= 2);
            assert_eq!(page["edges"][0]["node"]["id"], nodes[0]["id"]);
            assert_eq!(page["edges"][0]["cursor"], page["pageInfo"]["startCursor"]);
            read.extend(nodes.iter().cloned());
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        assert_eq!(read, whole);
    }
    for (first, after) in [(0, Value::Null), (101, Value::Null), (1, json!("evt_x"))] {
        let variables = json!({ "first": first, "after": after });
        assert_eq!(world.code(&listing(), variables).await, "BAD_USER_INPUT");
    }
    world.stop().await;
}

#[tokio::test]
async fn the_log_is_for_operators() {
    let world = world_with_tokens().await;
    assert_eq!(world.webhook(updated(HEALTHY, "AVAILABLE")).await, 200);
    let operator = token(&world, "operator", &[]);
    let query = "{ webhookEvents { nodes { id accountId account { id } outcome } } }";
    let (_, answer) = ask_as(&world, &operator, query, Value::Null).await;
    let event = &answer["data"]["webhookEvents"]["nodes"][0];
    assert_eq!(event["outcome"], "APPLIED", "{answer}");
    assert_eq!(event["accountId"], HEALTHY);
    // An operator sees that it came, and of the account what is theirs.
    assert_eq!(event["account"], Value::Null);
    let id = event["id"].as_str().unwrap();
    let theirs = token(&world, "operator accounts:read", &[HEALTHY]);
    let (_, answer) = ask_as(&world, &theirs, query, Value::Null).await;
    assert_eq!(answer["data"]["webhookEvents"]["nodes"][0]["account"]["id"], HEALTHY);
    let nobody = token(&world, "accounts:read reauth:write pii:read", &[HEALTHY]);
    let (_, answer) = ask_as(&world, &nobody, query, Value::Null).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN", "{answer}");
    let unknown = format!("evt_{}", "0".repeat(32));
    for field in ["webhookEvent", "node"] {
        let mut answers = Vec::new();
        for id in [id, &unknown, "evt_1"] {
            let query = format!("{{ {field}(id: \"{id}\") {{ id }} }}");
            let (_, mut answer) = ask_as(&world, &nobody, &query, Value::Null).await;
            assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN", "{answer}");
            assert_eq!(answer["data"][field], Value::Null);
            answer["errors"][0]["extensions"]["requestId"] = Value::Null;
            answers.push(answer.to_string());
        }
        // Whether it exists is not told.
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }
    world.stop().await;
}
