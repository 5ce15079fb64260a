//! The log of webhooks: looked through and replayed by operators, over HTTP and on the command line.

use chrono::Duration;
use mono_gateway::{
    access::{Access, Verifier},
    ids::EventId,
    lifecycle::{
        recogniser::Recogniser,
        service::Lifecycle,
        store::{Delivery, Outcome},
    },
    seal::DataKeys,
    webhook::decode,
};
use sea_orm::{ConnectionTrait as _, Statement, TransactionTrait as _};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{
    access::{SECRET, ask_as, token, world_with_tokens},
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
        world.clock.advance(Duration::milliseconds(5));
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
        world.clock.advance(Duration::minutes(10));
    }
    let all = events(&world, json!({})).await;
    assert_eq!(all.len(), 9);
    let times = words(&all, "receivedAt");
    assert!(times.is_sorted_by(|a, b| a > b), "{times:?}");
    let at = |minutes| mono_gateway::clock::rfc3339(begin + Duration::minutes(minutes));
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
    // What no event has in its name is no event's name, on either database.
    for name in ["mono.events\u{0}", "\n"] {
        let variables = json!({ "filter": { "event": name } });
        assert_eq!(world.code(&listing(), variables).await, "BAD_USER_INPUT");
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

/// Leaves a row as a gateway that did not understand its body would have; gives its id.
async fn left(world: &World, body: &[u8], kept: &[u8]) -> String {
    let at = world.clock.now();
    let id = EventId::new(at).to_string();
    let db = world.database().await;
    let sql = "INSERT INTO webhook_event (id, outcome, digest, body, received_at) \
               VALUES ($1, 'UNKNOWN', $2, $3, $4)";
    let values = [
        id.clone().into(),
        mono_gateway::webhook::digest(body).into(),
        kept.to_vec().into(),
        at.timestamp_millis().into(),
    ];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    db.execute_raw(statement).await.unwrap();
    world.clock.advance(Duration::seconds(1));
    id
}

const REPLAY: &str = "mutation ($id: ID!) { replayWebhookEvent(input: { id: $id }) { outcome
    webhookEvent { id outcome replayOf accountId event bodyState } errors { code message retryable } } }";

async fn replay(world: &World, id: &str) -> Value {
    world.data(REPLAY, json!({ "id": id })).await["replayWebhookEvent"].take()
}

async fn one(world: &World, id: &str) -> Value {
    let query = format!("query ($id: ID!) {{ webhookEvent(id: $id) {{ {FIELDS} }} }}");
    world.data(&query, json!({ "id": id })).await["webhookEvent"].take()
}

fn required(account: &str) -> String {
    json!({ "event": "mono.events.reauthorisation_required", "data": { "account": { "_id": account } } })
        .to_string()
}

async fn told(world: &World, body: String) {
    assert_eq!(world.webhook(body).await, 200);
    world.clock.advance(Duration::seconds(1));
}

#[tokio::test]
async fn a_replay_is_marked_applied_once_and_told_to_subscribers() {
    let world = World::new().await;
    told(&world, updated(HEALTHY, "AVAILABLE")).await;
    let body = required(HEALTHY);
    let id = left(&world, body.as_bytes(), body.as_bytes()).await;
    let before = one(&world, &id).await;
    let mut ws = world.subscribe(0, REAUTH, json!({ "id": HEALTHY })).await;
    assert_eq!(ws.event().await["required"], false);
    // Ten at once, through all gateways there are.
    let replays = futures_util::future::join_all((0..10).map(|_| replay(&world, &id))).await;
    let outcomes: Vec<_> = replays.iter().map(|one| one["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes.iter().filter(|word| **word == "APPLIED").count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|word| **word == "DUPLICATE").count(), 9, "{outcomes:?}");
    let event = ws.event().await;
    assert_eq!(
        (&event["required"], &event["cause"]),
        (&json!(true), &json!("REAUTHORISATION_REQUIRED"))
    );
    ws.nothing_but_pong().await;
    let applied = replays.iter().find(|one| one["outcome"] == "APPLIED").unwrap();
    let marked = &applied["webhookEvent"];
    assert_eq!((&marked["replayOf"], &marked["accountId"]), (&json!(id), &json!(HEALTHY)));
    // The old row is what it was, and knows its replays.
    let mut after = one(&world, &id).await;
    let listed = after["replays"].take();
    assert_eq!(listed.as_array().unwrap().len(), 10);
    assert!(listed.as_array().unwrap().contains(&marked["id"]));
    assert_eq!(after["outcome"], "UNKNOWN");
    for field in ["id", "event", "accountId", "body", "bodyState", "receivedAt"] {
        assert_eq!(after[field], before[field]);
    }
    // A replay of a replay is one of the same delivery.
    let version = world.known(HEALTHY).await["version"].clone();
    let again = replay(&world, marked["id"].as_str().unwrap()).await;
    assert_eq!(again["outcome"], "DUPLICATE");
    assert_eq!(again["webhookEvent"]["replayOf"], id.as_str());
    assert_eq!(world.known(HEALTHY).await["version"], version);
    // The need began when Mono asked, not when somebody replayed it.
    assert_eq!(world.known(HEALTHY).await["reauth"]["required"], true);
    world.stop().await;
}

#[tokio::test]
async fn replaying_what_was_applied_changes_nothing() {
    let world = World::new().await;
    let with = |event: &str, n: i64, status: &str| {
        let at = mono_gateway::clock::rfc3339(world.clock.now() + Duration::seconds(n));
        json!({ "event": format!("mono.events.{event}"), "event_id": format!("e{n}"), "timestamp": at,
            "data": { "account": { "_id": HEALTHY }, "meta": { "data_status": status } } })
        .to_string()
    };
    for body in [
        json!({ "event": "mono.events.account_connected", "data": { "id": HEALTHY } }).to_string(),
        updated(HEALTHY, "AVAILABLE"),
        required(HEALTHY),
        json!({ "event": "mono.events.account_reauthorized", "data": { "account": HEALTHY } })
            .to_string(),
        updated(HEALTHY, "PARTIAL"),
        with("reauthorisation_required", 5, ""),
        with("account_reauthorized", 6, ""),
        with("account_updated", 7, "AVAILABLE"),
        with("sync_failed", 8, ""),
        with("account_updated", 7, "AVAILABLE"),
        updated(PARTIAL, "FAILED"),
        updated(PARTIAL, "AVAILABLE"),
    ] {
        told(&world, body).await;
    }
    let before = (world.known(HEALTHY).await, world.known(PARTIAL).await);
    let log = world.count("change_log", "1 = 1").await;
    let came = events(&world, json!({})).await;
    assert_eq!(came.len(), 12);
    // In their order, and against it.
    for event in came.iter().chain(came.iter().rev()) {
        let done = replay(&world, event["id"].as_str().unwrap()).await;
        assert_eq!(done["errors"], json!([]));
        assert_eq!(done["outcome"], "DUPLICATE", "{event}");
    }
    assert_eq!((world.known(HEALTHY).await, world.known(PARTIAL).await), before);
    assert_eq!(world.count("change_log", "1 = 1").await, log);
    world.stop().await;
}

#[tokio::test]
async fn what_is_known_since_stands_against_a_replay() {
    let world = World::new().await;
    // Old data, and a need that was met.
    let failed =
        left(&world, updated(HEALTHY, "FAILED").as_bytes(), updated(HEALTHY, "FAILED").as_bytes())
            .await;
    let asked = left(&world, required(HEALTHY).as_bytes(), required(HEALTHY).as_bytes()).await;
    told(&world, updated(HEALTHY, "AVAILABLE")).await;
    // Data from before a re-authorisation is not that re-authorisation's.
    told(&world, updated(NEEDS_REAUTH, "AVAILABLE")).await;
    told(&world, required(NEEDS_REAUTH)).await;
    let early = updated(NEEDS_REAUTH, "PARTIAL");
    let early = left(&world, early.as_bytes(), early.as_bytes()).await;
    let done =
        json!({ "event": "mono.events.account_reauthorized", "data": { "account": NEEDS_REAUTH } });
    let done = done.to_string();
    let older_consent = left(&world, done.as_bytes(), done.as_bytes()).await;
    let session = world.initiate(NEEDS_REAUTH).await["reauth"]["id"].clone();
    for (id, account) in [
        (&failed, HEALTHY),
        (&asked, HEALTHY),
        (&early, NEEDS_REAUTH),
        (&older_consent, NEEDS_REAUTH),
    ] {
        let before = world.known(account).await;
        assert_eq!(replay(&world, id).await["outcome"], "IGNORED");
        assert_eq!(world.known(account).await, before);
    }
    told(&world, done).await;
    assert_eq!(replay(&world, &early).await["outcome"], "IGNORED");
    let known = world.known(NEEDS_REAUTH).await;
    assert_eq!(known["dataStatus"], "PROCESSING");
    assert_eq!(known["reauth"]["sessions"]["nodes"][0]["id"], session);
    assert_eq!(known["reauth"]["sessions"]["nodes"][0]["status"], "AUTHORIZED");
    world.stop().await;
}

#[tokio::test]
async fn jobs_that_say_nothing_of_the_account_leave_a_replay_as_it_is() {
    let world = World::new().await;
    told(&world, updated(HEALTHY, "AVAILABLE")).await;
    let body = required(HEALTHY);
    let id = left(&world, body.as_bytes(), body.as_bytes()).await;
    // Asked for since: one that Mono took, and one that it ended at once. Neither is a refresh.
    for start in [
        "requestIncome(input: { accountId: $id, months: 6 })",
        "requestStatement(input: { accountId: $id, months: 3 })",
    ] {
        let start =
            format!("mutation ($id: ID!) {{ {start} {{ job {{ status }} errors {{ code }} }} }}");
        let started = world.data(&start, json!({ "id": HEALTHY })).await;
        assert!(!started.to_string().contains("code"), "{started}");
    }
    assert!(world.count("fact_log", "fact LIKE '%ANSWERED%'").await >= 2);
    assert_eq!(replay(&world, &id).await["outcome"], "APPLIED");
    // A refresh that came through shows that the customer is not wanted.
    let older = required(PARTIAL);
    let older = left(&world, older.as_bytes(), older.as_bytes()).await;
    let sync = "mutation ($id: ID!) { syncAccount(input: { accountId: $id }) { job { status } } }";
    let done = world.data(sync, json!({ "id": PARTIAL })).await;
    assert_eq!(done["syncAccount"]["job"]["status"], "FINISHED", "{done}");
    assert_eq!(replay(&world, &older).await["outcome"], "IGNORED");
    world.stop().await;
}

#[tokio::test]
async fn a_replay_of_what_was_removed_meanwhile_is_not_applied() {
    let world = World::new().await;
    told(&world, updated(HEALTHY, "AVAILABLE")).await;
    let database = mono_gateway::database::Database::open(&world.database_url).await.unwrap();
    let (head, clock) = (Lifecycle::log(&database, "live").await.unwrap(), world.clock.clone());
    let bus = mono_gateway::events::connect(&database).await.unwrap();
    let keys = DataKeys::default();
    let (lifecycle, tasks) =
        Lifecycle::start(database.clone(), clock.clone(), bus, &head, Recogniser::blind(), keys);
    // It was found and read, and is gone as the replay comes to be written.
    let now = clock.now();
    let decoded = decode(required(HEALTHY).as_bytes(), lifecycle.recogniser());
    let original = EventId::new(now - Duration::days(30));
    let replay = Delivery {
        id: EventId::new(now),
        event: decoded.event,
        mono_event_id: None,
        account: decoded.account.clone(),
        digest: String::new(),
        body: Vec::new(),
        received_at: now,
        replay_of: Some(original),
    };
    let what = decoded.account.zip(decoded.what);
    let came_at = now - Duration::seconds(1);
    let done = lifecycle.record_replay(replay, came_at, what, decoded.otherwise).await.unwrap();
    assert_eq!(done.outcome, Outcome::Ignored);
    assert_eq!(world.known(HEALTHY).await["reauth"]["required"], false);
    tasks.close();
    tasks.writer.await.unwrap();
    tasks.reader.abort();
    database.close().await;
    world.stop().await;
}

#[tokio::test]
async fn stamps_place_a_replay_among_what_came_since() {
    let world = World::new().await;
    let at = |minute: u32, status: &str| {
        json!({ "event": "mono.events.account_updated", "timestamp": format!("2026-01-01T00:{minute:02}:00Z"),
            "data": { "account": { "_id": HEALTHY }, "meta": { "data_status": status } } })
        .to_string()
    };
    let (newest, oldest) = (at(30, "AVAILABLE"), at(10, "FAILED"));
    let newest = left(&world, newest.as_bytes(), newest.as_bytes()).await;
    let oldest = left(&world, oldest.as_bytes(), oldest.as_bytes()).await;
    told(&world, at(20, "PARTIAL")).await;
    assert_eq!(world.known(HEALTHY).await["dataStatus"], "PARTIAL");
    assert_eq!(replay(&world, &oldest).await["outcome"], "IGNORED");
    assert_eq!(world.known(HEALTHY).await["dataStatus"], "PARTIAL");
    assert_eq!(replay(&world, &newest).await["outcome"], "APPLIED");
    assert_eq!(world.known(HEALTHY).await["dataStatus"], "AVAILABLE");
    world.stop().await;
}

#[tokio::test]
async fn a_redacted_body_replays_as_well_unless_what_was_removed_matters() {
    let world = World::new().await;
    let body = updated(HEALTHY, "PARTIAL");
    let kept = mono_gateway::webhook::redact::redact(body.as_bytes());
    assert!(!String::from_utf8_lossy(&kept).contains("ADA"));
    let id = left(&world, body.as_bytes(), &kept).await;
    let done = replay(&world, &id).await;
    assert_eq!(
        (&done["outcome"], &done["webhookEvent"]["bodyState"]),
        (&json!("APPLIED"), &json!("REDACTED"))
    );
    assert_eq!(world.known(HEALTHY).await["dataStatus"], "PARTIAL");
    // Known for a copy by the body as it came, of which the log has only a part.
    told(&world, body).await;
    assert_eq!(events(&world, json!({ "outcome": "DUPLICATE" })).await.len(), 1);
    let income = json!({ "event": "mono.events.account_income", "data": { "account": HEALTHY,
        "income_summary": { "total_income": 1 } } })
    .to_string();
    let kept = mono_gateway::webhook::redact::redact(income.as_bytes());
    let id = left(&world, income.as_bytes(), &kept).await;
    let refused = replay(&world, &id).await;
    assert_eq!(refused["errors"][0]["code"], "BODY_REDACTED", "{refused}");
    assert_eq!((&refused["webhookEvent"], &refused["outcome"]), (&Value::Null, &Value::Null));
    world.stop().await;
}

#[tokio::test]
async fn of_an_account_that_was_unlinked_nothing_is_replayed() {
    let world = World::new().await;
    told(&world, updated(HEALTHY, "AVAILABLE")).await;
    // Whose this is only its replay told.
    let nameless = left(&world, required(HEALTHY).as_bytes(), required(HEALTHY).as_bytes()).await;
    assert_eq!(replay(&world, &nameless).await["outcome"], "APPLIED");
    let unlinked = json!({ "event": "mono.events.account_unlinked", "data": { "account": { "id": HEALTHY } } });
    told(&world, unlinked.to_string()).await;
    let late = left(&world, updated(HEALTHY, "FAILED").as_bytes(), b"").await;
    let first = events(&world, json!({ "accountId": HEALTHY, "outcome": "APPLIED" })).await;
    let first = first.last().unwrap()["id"].as_str().unwrap().to_owned();
    for id in [&nameless, &late, &first] {
        assert_eq!(one(&world, id).await["bodyState"], "REMOVED");
        assert_eq!(one(&world, id).await["body"], Value::Null);
        let refused = replay(&world, id).await;
        assert_eq!(refused["errors"][0]["code"], "BODY_REMOVED");
    }
    let body = updated(HEALTHY, "FAILED");
    let late = left(&world, body.as_bytes(), body.as_bytes()).await;
    assert_eq!(replay(&world, &late).await["outcome"], "IGNORED");
    assert_eq!(
        world.code("query ($id: ID!) { account(id: $id) { id } }", json!({ "id": HEALTHY })).await,
        "NOT_FOUND"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_replay_is_refused_to_whoever_is_no_operator() {
    let world = world_with_tokens().await;
    assert_eq!(world.webhook(updated(HEALTHY, "AVAILABLE")).await, 200);
    let operator = token(&world, "operator", &[]);
    let (_, answer) =
        ask_as(&world, &operator, "{ webhookEvents { nodes { id } } }", Value::Null).await;
    let id = answer["data"]["webhookEvents"]["nodes"][0]["id"].as_str().unwrap();
    let nobody = token(&world, "accounts:read reauth:write pii:read", &[HEALTHY]);
    for id in [id, "evt_1"] {
        let (_, answer) = ask_as(&world, &nobody, REPLAY, json!({ "id": id })).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN", "{answer}");
    }
    assert_eq!(world.count("webhook_event", "1 = 1").await, 1);
    let unknown = format!("evt_{}", "0".repeat(32));
    for (id, code) in
        [(unknown.as_str(), "NOT_FOUND"), ("evt_1", "BAD_USER_INPUT"), (HEALTHY, "BAD_USER_INPUT")]
    {
        let (_, answer) = ask_as(&world, &operator, REPLAY, json!({ "id": id })).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{answer}");
        assert_eq!(answer["data"]["replayWebhookEvent"], Value::Null);
    }
    let (_, answer) = ask_as(&world, &operator, REPLAY, json!({ "id": id })).await;
    assert_eq!(answer["data"]["replayWebhookEvent"]["outcome"], "DUPLICATE", "{answer}");
    assert_eq!(world.count("webhook_event", "replay_of IS NOT NULL").await, 1);
    world.stop().await;
}

fn keys(bytes: &[u8]) -> DataKeys {
    let texts: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}").repeat(32)).collect();
    DataKeys::parse(&texts.into_iter().map(SecretString::from).collect::<Vec<_>>()).unwrap()
}

/// Starts the only gateway again with these data keys.
async fn with_keys(world: &mut World, bytes: &[u8]) {
    let mut config = world.config();
    config.data_keys = keys(bytes);
    world.gateways.pop().unwrap().stop().await;
    let gateway = world.try_start(config).await.unwrap();
    world.gateways.push(gateway);
}

/// The body of a row as it is stored, in hexadecimal.
async fn stored(world: &World, id: &str) -> String {
    let db = world.database().await;
    let hex = if postgres().is_some() { "encode(body, 'hex')" } else { "lower(hex(body))" };
    let sql = format!("SELECT {hex} FROM webhook_event WHERE id = '{id}'");
    let statement = Statement::from_string(db.get_database_backend(), sql);
    db.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

async fn run_sql(world: &World, sql: String) {
    world.database().await.execute_unprepared(&sql).await.unwrap();
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn with_a_key_bodies_are_kept_whole_and_nobody_reads_them_in_the_database() {
    let mut world = World::new().await;
    with_keys(&mut world, &[1]).await;
    let body = updated(HEALTHY, "AVAILABLE");
    told(&world, body.clone()).await;
    told(&world, "Ada, not JSON".into()).await;
    let came = events(&world, json!({})).await;
    assert_eq!(words(&came, "bodyState"), ["WHOLE", "WHOLE"]);
    assert_eq!(words(&came, "body"), ["Ada, not JSON", &body]);
    let (first, second) = (came[1]["id"].as_str().unwrap(), came[0]["id"].as_str().unwrap());
    let kept = stored(&world, first).await;
    assert!(!kept.contains(&hex("ADA")) && !kept.contains(&hex("AVAILABLE")), "{kept}");
    assert!(kept.len() > 2 * body.len());
    assert_eq!(replay(&world, first).await["outcome"], "DUPLICATE");
    assert_eq!(replay(&world, second).await["outcome"], "UNDECODABLE");

    // While one is replaced both open; without it nothing does, and that is told from damage.
    with_keys(&mut world, &[2, 1]).await;
    assert_eq!(one(&world, first).await["body"], body.as_str());
    told(&world, updated(HEALTHY, "PARTIAL")).await;
    with_keys(&mut world, &[2]).await;
    let found = events(&world, json!({ "accountId": HEALTHY, "outcome": "APPLIED" })).await;
    assert_eq!(words(&found, "bodyState"), ["WHOLE", "SEALED"]);
    assert_eq!(found[1]["body"], Value::Null);
    for bytes in [&[2][..], &[]] {
        with_keys(&mut world, bytes).await;
        let refused = replay(&world, first).await;
        assert_eq!(refused["errors"][0]["code"], "BODY_SEALED", "{refused}");
    }
    assert!(world.count("webhook_event", "replay_of IS NOT NULL").await == 2);

    // What is moved to another row does not open there.
    with_keys(&mut world, &[1]).await;
    run_sql(
        &world,
        format!(
            "UPDATE webhook_event SET body = (SELECT body FROM webhook_event \
        WHERE id = '{first}') WHERE id = '{second}'"
        ),
    )
    .await;
    assert_eq!(one_code(&world, second).await, "INTERNAL");
    assert_eq!(world.code(REPLAY, json!({ "id": second })).await, "INTERNAL");
    assert_eq!(one(&world, first).await["body"], body.as_str());
    world.stop().await;
}

async fn one_code(world: &World, id: &str) -> String {
    let query = "query ($id: ID!) { webhookEvent(id: $id) { bodyState body } }";
    world.code(query, json!({ "id": id })).await
}

#[tokio::test]
async fn a_whole_body_is_for_those_who_may_read_what_is_personal() {
    let mut world = world_with_tokens().await;
    let mut config = world.config();
    let verifier = Verifier::hs256(&SecretString::from(SECRET), None, None);
    config.access = Access::Token(Box::new(verifier));
    config.data_keys = keys(&[1]);
    world.gateways.pop().unwrap().stop().await;
    world.gateways.push(world.try_start(config).await.unwrap());
    assert_eq!(world.webhook(updated(HEALTHY, "AVAILABLE")).await, 200);
    let query = "{ webhookEvents { nodes { body bodyIsLossy bodyState } } }";
    for (scope, state) in [("operator", "SEALED"), ("operator pii:read", "WHOLE")] {
        let caller = token(&world, scope, &[]);
        let (_, answer) = ask_as(&world, &caller, query, Value::Null).await;
        let event = &answer["data"]["webhookEvents"]["nodes"][0];
        assert_eq!(event["bodyState"], state, "{answer}");
        assert_eq!(answer.to_string().contains("ADA TEST"), state == "WHOLE");
        assert_eq!(event["body"].is_string(), state == "WHOLE");
    }
    world.stop().await;
}

#[tokio::test]
async fn unlinking_erases_what_is_sealed_and_what_comes_after_is_not_kept() {
    let mut world = World::new().await;
    with_keys(&mut world, &[1]).await;
    told(&world, updated(HEALTHY, "AVAILABLE")).await;
    told(&world, updated(PARTIAL, "PARTIAL")).await;
    let unlinked = json!({ "event": "mono.events.account_unlinked", "data": { "account": { "id": HEALTHY } } });
    told(&world, unlinked.to_string()).await;
    told(&world, updated(HEALTHY, "FAILED")).await;
    let party = json!({ "event": "mono.events.party", "data": { "id": HEALTHY, "name": "ADA" } });
    told(&world, party.to_string()).await;
    let theirs = events(&world, json!({ "accountId": HEALTHY })).await;
    assert_eq!(words(&theirs, "bodyState"), ["REMOVED"; 4]);
    assert_eq!(
        words(&events(&world, json!({ "accountId": PARTIAL })).await, "bodyState"),
        ["WHOLE"]
    );
    assert_eq!(world.count("webhook_event", "length(body) > 0").await, 1);
    world.stop().await;
}

#[tokio::test]
async fn a_body_that_comes_while_another_replica_unlinks_its_account_is_not_kept() {
    // On SQLite one writes after the other.
    if postgres().is_none() {
        return;
    }
    let mut world = World::with_replicas(0).await;
    for _ in 0..2 {
        let mut config = world.config();
        config.data_keys = keys(&[1]);
        let gateway = world.try_start(config).await.unwrap();
        world.gateways.push(gateway);
    }
    told(&world, updated(HEALTHY, "AVAILABLE")).await;
    let waiting = "locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    // Whoever appends to the log waits for this: the unlinking has erased, and is not committed.
    let db = world.database().await;
    let log = db.begin().await.unwrap();
    log.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({})", 0x6d6f_6e6f_0002_i64))
        .await
        .unwrap();
    let until = async |waiters: i64, done: &dyn Fn() -> bool| {
        let wait = async {
            while world.count("pg_locks", waiting).await < waiters && !done() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.expect("somebody waits");
    };
    let send = |gateway: usize, body: Value| {
        let request = world.http().post(world.url(gateway, "/webhooks/mono"));
        let request = request.header("mono-webhook-secret", WEBHOOK_SECRET).json(&body);
        tokio::spawn(async move { request.send().await.unwrap().status().as_u16() })
    };
    let account = json!({ "id": HEALTHY, "name": "ADA" });
    let gone = json!({ "event": "mono.events.account_unlinked", "data": { "account": account } });
    let unlinking = send(0, gone);
    until(1, &|| false).await;
    let party = send(1, json!({ "event": "mono.events.party", "data": account }));
    until(2, &|| party.is_finished()).await;
    log.commit().await.unwrap();
    assert_eq!((unlinking.await.unwrap(), party.await.unwrap()), (200, 200));
    assert_eq!(world.count("webhook_event", "event = 'mono.events.party'").await, 1);
    assert_eq!(world.count("webhook_event", "length(body) > 0").await, 0);
    world.stop().await;
}

#[tokio::test]
async fn with_a_key_what_a_job_brought_is_sealed_until_it_is_asked_for() {
    let mut world = World::new().await;
    with_keys(&mut world, &[1]).await;
    let start = "mutation ($id: ID!) { requestIncome(input: { accountId: $id, months: 6 }) { job { id } } }";
    let started = world.data(start, json!({ "id": HEALTHY })).await;
    let id = started["requestIncome"]["job"]["id"].as_str().unwrap().to_owned();
    let income = json!({ "event": "mono.events.account_income", "data": { "account": HEALTHY,
        "income_summary": { "total_income": 4_242_424 }, "income_streams": [] } });
    told(&world, income.to_string()).await;
    assert_eq!(world.count("account_job", "result LIKE 'sealed:%'").await, 1);
    assert_eq!(world.count("account_job", "result LIKE '%4242424%'").await, 0);
    let query = "query ($id: ID!) { job(id: $id) { status result { __typename ...on IncomeResult { raw } } } }";
    let job = world.data(query, json!({ "id": id })).await["job"].take();
    assert_eq!(job["status"], "FINISHED");
    assert!(job["result"]["raw"].to_string().contains("4242424"), "{job}");
    world.stop().await;
}

/// Runs the program on the world's database, beside its gateway: exit code, output, errors.
async fn program(world: &World, arguments: &[&str], key: Option<&str>) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mono-gateway"));
    command.args(arguments).current_dir(folder.path()).env_clear();
    command.env("DATABASE_URL", &world.database_url).env("RUST_LOG", "warn");
    if let Some(key) = key {
        command.env("GATEWAY_DATA_KEY", key);
    }
    // Beside the gateway, which runs on this thread.
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = tokio::time::timeout(DEADLINE, output).await.expect("the program ends").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn the_command_line_lists_and_replays_beside_a_gateway_and_without_one() {
    let mut world = World::new().await;
    with_keys(&mut world, &[1]).await;
    let key = "01".repeat(32);
    told(&world, updated(HEALTHY, "AVAILABLE")).await;
    told(&world, updated(PARTIAL, "PARTIAL")).await;
    let (code, out, err) = program(&world, &["events", "list"], Some(&key)).await;
    assert_eq!((code, out.lines().count()), (0, 2), "{out}{err}");
    assert!(out.contains("APPLIED") && out.contains(PARTIAL) && out.contains("WHOLE"), "{out}");
    assert!(!out.contains("ADA"), "{out}");
    let list = [
        "events",
        "list",
        "--account",
        HEALTHY,
        "--outcome",
        "applied",
        "--json",
        "--bodies",
        "--event",
        "mono.events.account_updated",
        "--since",
        "2020-01-01T00:00:00Z",
        "--before",
        "2099-01-01T00:00:00Z",
        "--limit",
        "500",
    ];
    for (key, state) in [(Some(key.as_str()), "WHOLE"), (None, "SEALED")] {
        let (code, out, err) = program(&world, &list, key).await;
        assert_eq!((code, out.lines().count()), (0, 1), "{out}{err}");
        let line: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&line["accountId"], &line["bodyState"]), (&json!(HEALTHY), &json!(state)));
        assert_eq!(out.contains("ADA TEST"), state == "WHOLE", "{out}");
    }
    assert_eq!(
        program(&world, &["events", "list", "--limit", "1"], None).await.1.lines().count(),
        1
    );

    // Beside the gateway, whose subscribers hear of it.
    let body = required(HEALTHY);
    let id = left(&world, body.as_bytes(), body.as_bytes()).await;
    let mut ws = world.subscribe(0, REAUTH, json!({ "id": HEALTHY })).await;
    assert_eq!(ws.event().await["required"], false);
    let (code, out, err) = program(&world, &["events", "replay", &id], None).await;
    assert!(code == 0 && out.contains("APPLIED"), "{out}{err}");
    assert_eq!(ws.event().await["required"], true);
    let unknown = format!("evt_{}", "0".repeat(32));
    let (code, out, err) = program(&world, &["events", "replay", &unknown, &id], None).await;
    assert!(code == 1 && out.contains("DUPLICATE"), "{out}{err}");
    assert!(err.contains(&unknown) && err.contains("there is no such webhook"), "{err}");
    for (arguments, named) in [
        (["events", "replay", "evt_1"], "evt_"),
        (["events", "list", "--outcome=x"], "UNDECODABLE"),
        (["events", "list", "--since=now"], "2026-02-03T10:11:12Z"),
    ] {
        let (code, _, err) = program(&world, &arguments, None).await;
        assert!(code != 0 && err.contains(named), "{err}");
    }
    let (code, _, err) = program(&world, &["events", "list"], Some("short")).await;
    assert!(code == 1 && err.contains("GATEWAY_DATA_KEY must be 32 random bytes"), "{err}");

    // Without a gateway; the next one finds it.
    let body = required(PARTIAL);
    let id = left(&world, body.as_bytes(), body.as_bytes()).await;
    world.gateways.pop().unwrap().stop().await;
    let (code, out, err) = program(&world, &["events", "replay", &id], None).await;
    assert!(code == 0 && out.contains("APPLIED"), "{out}{err}");
    world.start_gateway().await;
    assert_eq!(world.known(PARTIAL).await["reauth"]["required"], true);
    let checked = program(&world, &["rebuild", "--check"], None).await;
    assert_eq!(checked.0, 0, "{checked:?}");
    world.stop().await;
}
