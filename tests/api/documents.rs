//! Documents: what runs is what was checked, once; by text, by hash, by id.

use std::{fmt::Write as _, fs, path::Path};

use mono_gateway::document::trusted::Others;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::*;

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or("none")
}

async fn send(world: &World, gateway: usize, body: Value) -> Value {
    let request = world.http().post(world.url(gateway, "/graphql")).json(&body);
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn tokens_that_the_library_s_parser_refuses_are_read() {
    let world = World::new().await;
    for (query, data) in [
        (
            "{ __typename @skip(if: true) gateway { mode } }",
            json!({ "gateway": { "mode": "LIVE" } }),
        ),
        (
            "query ($b: Boolean = true) { __typename @include(if: $b) }",
            json!({ "__typename": "Query" }),
        ),
        ("query ($a: ID ! @deprecated) { node(id: $a) { id } }", Value::Null),
        ("query ($a : ID !) { node(id: $a) { id } }", json!({ "node": null })),
        ("{ node(id: \"\\uD83D\\uDE00\") { id } }", json!({ "node": null })),
        ("\"about it\" query Named { gateway { mode } }", json!({ "gateway": { "mode": "LIVE" } })),
        ("\u{feff}{ gateway { ... { mode } } }", json!({ "gateway": { "mode": "LIVE" } })),
    ] {
        let answer = world.ask(query, json!({ "a": "nobody" })).await;
        assert_eq!(answer["data"], data, "{query}: {answer}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_refused_before_anything_runs() {
    let world = World::new().await;
    let query =
        "query ($n: Int, $f: AccountFilter) { accounts(first: $n, filter: $f) { totalCount } }";
    for (variables, code) in [
        (json!({ "n": 2_147_483_648_u64 }), "BAD_USER_INPUT"),
        (json!({ "n": 1.5 }), "BAD_USER_INPUT"),
        (json!({ "n": "1" }), "BAD_USER_INPUT"),
        (json!({ "f": 1 }), "BAD_USER_INPUT"),
        (json!({ "f": { "nothing": 1 } }), "BAD_USER_INPUT"),
        (json!({ "f": { "dataStatus": "NOTHING" } }), "BAD_USER_INPUT"),
    ] {
        let answer = world.ask(query, variables.clone()).await;
        assert_eq!(self::code(&answer), code, "{variables}: {answer}");
        assert!(answer.get("data").is_none(), "{answer}");
        assert_eq!(answer["errors"][0]["locations"][0]["line"], 1, "{answer}");
    }
    // JSON does not tell 1 from 1.0, a list from its only item, or a variable from one too many.
    for variables in [
        json!({ "n": 1.0 }),
        json!({ "n": null }),
        json!({ "f": { "dataStatus": "AVAILABLE" } }),
        json!({ "f": { "dataStatus": ["AVAILABLE"] } }),
        json!({ "other": 1 }),
    ] {
        let answer = world.ask(query, variables.clone()).await;
        assert_eq!(answer.get("errors"), None, "{variables}");
    }
    assert_eq!(
        self::code(&world.ask("{ accounts(first: 2147483648) { totalCount } }", json!({})).await),
        "GRAPHQL_VALIDATION_FAILED"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_variable_that_is_not_given_leaves_the_field_its_own_default() {
    let world = World::new().await;
    for account in [HEALTHY, PARTIAL] {
        world.known(account).await;
    }
    let count = |answer: &Value| answer["data"]["accounts"]["nodes"].as_array().map(Vec::len);
    let query = "query ($n: Int) { accounts(first: $n) { nodes { id } } }";
    assert_eq!(count(&world.ask(query, json!({})).await), Some(2));
    assert_eq!(count(&world.ask(query, json!({ "n": 1 })).await), Some(1));
    let query = "query ($n: Int = 1) { accounts(first: $n) { nodes { id } } }";
    assert_eq!(count(&world.ask(query, json!({})).await), Some(1));
    let query = "query ($no: Boolean = false) { gateway @include(if: $no) { mode } __typename }";
    let answer = world.ask(query, json!({})).await;
    assert_eq!(answer["data"], json!({ "__typename": "Query" }));
    world.stop().await;
}

#[tokio::test]
async fn the_deepest_document_that_is_taken_runs() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    let mut inner = "id".to_owned();
    let wrap = |inner: &str| format!("reauth {{ active {{ account {{ {inner} }} }} }}");
    for _ in 0..7 {
        inner = wrap(&inner);
    }
    let document = |inner: &str| format!("{{ account(id: \"{HEALTHY}\") {{ {inner} }} }}");
    world.initiate(HEALTHY).await;
    let mut data = &world.data(&document(&inner), json!({})).await["account"];
    for _ in 0..7 {
        data = &data["reauth"]["active"]["account"];
    }
    assert_eq!(data["id"], HEALTHY);
    assert_eq!(world.code(&document(&wrap(&inner)), json!({})).await, "DOCUMENT_TOO_COMPLEX");
    world.stop().await;
}

#[tokio::test]
async fn a_root_field_of_a_subscription_that_is_named_twice_is_one_stream() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    let query = "subscription ($id: ID!) { dataStatusChanged(accountId: $id) { kind } \
                 ...More } fragment More on Subscription { dataStatusChanged(accountId: $id) { to } }";
    let mut ws = world.subscribe(0, query, json!({ "id": HEALTHY })).await;
    let first = ws.event().await;
    assert_eq!(first, json!({ "kind": "SNAPSHOT", "to": "AVAILABLE" }));
    ws.nothing_but_pong().await;
    world.stop().await;
}

#[tokio::test]
async fn a_failed_field_that_must_not_be_null_nulls_its_parent_and_keys_keep_their_order() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    let query = format!(
        "{{ z: gateway {{ mode }} account(id: \"{HEALTHY}\") {{ transactions {{ totalCount }} id \
         name dataStatus }} a: __typename nobody: account(id: \"nobody\") {{ id }} }}"
    );
    let response = world.http().post(world.url(0, "/graphql")).json(&json!({ "query": query }));
    let text = response.send().await.unwrap().text().await.unwrap();
    let at =
        |key: &str| text.find(&format!("\"{key}\"")).unwrap_or_else(|| panic!("{key}: {text}"));
    let order = ["z", "account", "transactions", "id", "name", "dataStatus", "a", "nobody"];
    let data = text.find("\"data\"").unwrap();
    let places: Vec<_> = order.iter().map(|key| at(key)).filter(|at| *at > data).collect();
    assert!(places.is_sorted(), "{places:?}: {text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["data"]["nobody"], Value::Null);
    assert_eq!(answer["errors"][0]["path"], json!(["nobody"]));
    assert_eq!(answer["data"]["account"]["id"], HEALTHY);
    world.stop().await;
}

#[tokio::test]
async fn a_document_is_asked_for_by_its_hash_once_it_is_known() {
    let world = World::new().await;
    let text = "query ByHash { gateway { mode } }";
    let extensions = |hash: &str| json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    let by_hash = json!({ "extensions": extensions(&hash(text)) });
    let unknown = send(&world, 0, by_hash.clone()).await;
    assert_eq!(code(&unknown), "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(unknown["errors"][0]["message"], "PersistedQueryNotFound");
    let with_text = json!({ "query": text, "extensions": extensions(&hash(text)) });
    assert_eq!(send(&world, 0, with_text).await["data"]["gateway"]["mode"], "LIVE");
    assert_eq!(send(&world, 0, by_hash).await["data"]["gateway"]["mode"], "LIVE");
    // Over GET, WebSocket and server-sent events too.
    let extensions_text = extensions(&hash(text)).to_string();
    let url = world.graphql_url(&[("extensions", &extensions_text)]);
    let answer: Value = world.http().get(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["data"]["gateway"]["mode"], "LIVE");
    let events = world.http().get(&url).header("accept", "text/event-stream").send().await.unwrap();
    assert!(events.text().await.unwrap().contains("LIVE"));
    let mut ws = world.ws(0).await;
    let payload = json!({ "extensions": extensions(&hash(text)) });
    ws.send(json!({ "type": "subscribe", "id": "1", "payload": payload })).await;
    assert_eq!(ws.next().await["payload"]["data"]["gateway"]["mode"], "LIVE");
    // A hash that is another document's, and one that is none.
    for (hash, expected) in
        [(hash("{ other }"), "BAD_USER_INPUT"), ("12".to_owned(), "BAD_USER_INPUT")]
    {
        let body = json!({ "query": text, "extensions": extensions(&hash) });
        assert_eq!(code(&send(&world, 0, body).await), expected);
    }
    let odd = json!({ "query": text, "extensions": { "persistedQuery": { "version": 2 } } });
    assert_eq!(code(&send(&world, 0, odd).await), "BAD_USER_INPUT");
    // What does not fit is not kept.
    let wrong = "{ nothing }";
    let body = json!({ "query": wrong, "extensions": extensions(&hash(wrong)) });
    assert_eq!(code(&send(&world, 0, body).await), "GRAPHQL_VALIDATION_FAILED");
    let body = json!({ "extensions": extensions(&hash(wrong)) });
    assert_eq!(code(&send(&world, 0, body).await), "PERSISTED_QUERY_NOT_FOUND");
    world.stop().await;
}

async fn with_trusted(world: &mut World, path: &Path, others: Others) -> usize {
    let mut config = world.config();
    config.trusted_documents = Some((path.to_owned(), others));
    let gateway = world.try_start(config).await.expect("the gateway starts");
    world.gateways.push(gateway);
    world.gateways.len() - 1
}

#[tokio::test]
async fn trusted_documents_are_run_by_their_ids_and_others_are_refused() {
    let mut world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let text = "query Mode { gateway { mode } }";
    fs::write(folder.path().join("Mode.graphql"), text).unwrap();
    let manifest = json!({ "format": "apollo-persisted-query-manifest", "version": 1,
        "operations": [{ "id": "typename", "name": "T", "type": "query", "body": "query T { __typename }" }] });
    fs::write(folder.path().join("manifest.json"), manifest.to_string()).unwrap();
    fs::write(
        folder.path().join("ids.json"),
        json!({ "42": DATA_STATUS, "sha256:own": text }).to_string(),
    )
    .unwrap();
    fs::write(folder.path().join("notes.txt"), "not read").unwrap();
    let gateway = with_trusted(&mut world, folder.path(), Others::Refused).await;
    for id in ["Mode".to_owned(), "sha256:own".into(), hash(text), format!("sha256:{}", hash(text))]
    {
        let answer = send(&world, gateway, json!({ "documentId": id })).await;
        assert_eq!(answer["data"]["gateway"]["mode"], "LIVE", "{id}: {answer}");
    }
    let persisted = json!({ "version": 1, "sha256Hash": hash(text) });
    let body = json!({ "extensions": { "persistedQuery": persisted } });
    assert_eq!(send(&world, gateway, body).await["data"]["gateway"]["mode"], "LIVE");
    let answer = send(&world, gateway, json!({ "documentId": "typename" })).await;
    assert_eq!(answer["data"]["__typename"], "Query");
    // Neither texts nor what would make one known.
    for body in [
        json!({ "query": "{ __typename }" }),
        json!({ "query": text }),
        json!({ "query": "{ __schema { types { name } } }" }),
        json!({ "query": "{ __typename }", "extensions": { "persistedQuery":
            { "version": 1, "sha256Hash": hash("{ __typename }") } } }),
    ] {
        assert_eq!(code(&send(&world, gateway, body.clone()).await), "FORBIDDEN", "{body}");
    }
    let persisted = json!({ "version": 1, "sha256Hash": hash(text) });
    let other = json!({ "query": "{ __typename }", "extensions": { "persistedQuery": persisted } });
    assert_eq!(code(&send(&world, gateway, other).await), "BAD_USER_INPUT");
    let unknown = send(&world, gateway, json!({ "documentId": "nothing" })).await;
    assert_eq!(code(&unknown), "PERSISTED_QUERY_NOT_FOUND");
    let both = send(&world, gateway, json!({ "documentId": "42", "query": text })).await;
    assert_eq!(code(&both), "BAD_USER_INPUT");
    // The same over the other transports.
    let get = format!("{}?documentId=Mode", world.url(gateway, "/graphql"));
    let answer: Value = world.http().get(&get).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["data"]["gateway"]["mode"], "LIVE");
    let events = world.http().post(world.url(gateway, "/graphql"));
    let events = events.header("accept", "text/event-stream").json(&json!({ "query": text }));
    assert!(events.send().await.unwrap().text().await.unwrap().contains("FORBIDDEN"));
    let mut ws = world.ws(gateway).await;
    ws.subscribe("text", DATA_STATUS, json!({})).await;
    assert_eq!(ws.next().await["payload"][0]["extensions"]["code"], "FORBIDDEN");
    world.known(HEALTHY).await;
    let payload = json!({ "documentId": "42", "variables": { "id": HEALTHY } });
    ws.send(json!({ "type": "subscribe", "id": "id", "payload": payload })).await;
    assert_eq!(ws.next().await["payload"]["data"]["dataStatusChanged"]["kind"], "SNAPSHOT");
    drop(ws);
    world.stop().await;
}

#[tokio::test]
async fn other_documents_can_be_run_with_a_warning_while_a_team_moves() {
    let mut world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("Mode.graphql");
    fs::write(&file, "query Mode { gateway { mode } }").unwrap();
    let gateway = with_trusted(&mut world, &file, Others::Warned).await;
    let answer = send(&world, gateway, json!({ "documentId": "Mode" })).await;
    assert_eq!(answer["data"]["gateway"]["mode"], "LIVE");
    let answer = send(&world, gateway, json!({ "query": "{ __typename }" })).await;
    assert_eq!(answer["data"]["__typename"], "Query");
    let admin = world.gateways[gateway].admin_address;
    let metrics = world.http().get(format!("http://{admin}/metrics")).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("mono_gateway_untrusted_documents_total"), "{metrics}");
    assert!(metrics.contains("mono_gateway_documents_total{outcome=\"trusted\"}"), "{metrics}");
    world.stop().await;
}

#[tokio::test]
async fn trusted_documents_that_cannot_be_used_stop_the_start_with_a_sentence() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("wrong.graphql"), "query Wrong { nothing }").unwrap();
    fs::write(path("manifest.json"), "[1]").unwrap();
    fs::create_dir(path("empty")).unwrap();
    fs::create_dir(path("twice")).unwrap();
    fs::write(path("twice/a.graphql"), "{ __typename }").unwrap();
    fs::write(path("twice/b.json"), json!({ "a": "{ gateway { mode } }" }).to_string()).unwrap();
    // An id that comes to mean a document which is known by another id.
    fs::create_dir(path("moved")).unwrap();
    let (one, two) = ("{ __typename }", "{ gateway { mode } }");
    fs::write(path("moved/1.json"), json!({ "a": one, "b": two }).to_string()).unwrap();
    fs::write(path("moved/2.json"), json!({ "a": two }).to_string()).unwrap();
    for (name, said) in [
        ("wrong.graphql", "Query has no field nothing"),
        ("manifest.json", "is no manifest"),
        ("nowhere.graphql", "cannot be read"),
        ("empty", "has no documents"),
        ("twice", "another document with the id a"),
        ("moved", "another document with the id a"),
    ] {
        let mut config = world.config();
        config.trusted_documents = Some((path(name), Others::Refused));
        let error = world.try_start(config).await.expect_err(name).to_string();
        assert!(error.contains(said) && error.contains("GATEWAY_TRUSTED_DOCUMENTS"), "{error}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_document_is_checked_once() {
    let world = World::new().await;
    let outcomes = async |outcome: &str| {
        let admin = world.gateways[0].admin_address;
        let response = world.http().get(format!("http://{admin}/metrics")).send().await.unwrap();
        let text = response.text().await.unwrap();
        let name = format!("mono_gateway_documents_total{{outcome=\"{outcome}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name)?.parse::<u64>().ok()).unwrap_or(0)
    };
    // The counters are the process's, in which other tests ask too.
    let query = "query CheckedOnce { gateway { mode } }";
    let before = outcomes("hit").await;
    for _ in 0..10 {
        world.data(query, json!({})).await;
    }
    let after = outcomes("hit").await;
    assert!(after >= before + 9, "{before} {after}");
    // What depends on variables is looked at every time.
    let query = "query ($id: ID!) { node(id: $id) { id } }";
    assert_eq!(world.data(query, json!({ "id": "a" })).await["node"], Value::Null);
    assert_eq!(world.code(query, json!({})).await, "BAD_USER_INPUT");
    world.stop().await;
}

#[tokio::test]
async fn an_operation_s_cost_is_told() {
    let world = World::new().await;
    let ask = async |query: &str, report: bool| {
        let mut request =
            world.http().post(world.url(0, "/graphql")).json(&json!({ "query": query }));
        if report {
            request = request.header("x-graphql-cost", "report");
        }
        let response = request.send().await.unwrap();
        let cost = response.headers()["x-graphql-cost"].to_str().unwrap().to_owned();
        (cost, response.json::<Value>().await.unwrap())
    };
    let (cost, answer) = ask("{ gateway { mode } }", false).await;
    assert_eq!((cost.as_str(), answer.get("extensions")), ("2", None));
    let spread =
        "{ gateway { ...F } a: gateway { ...F } } fragment F on GatewayInfo { mode version }";
    let (cost, answer) = ask(spread, true).await;
    // Two fields, two spreads of two fields each.
    assert_eq!((cost.as_str(), &answer["extensions"]), ("8", &json!({ "cost": 8 })));
    world.stop().await;
}

#[tokio::test]
async fn a_field_is_resolved_once_however_often_it_is_written() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    let calls = world.simulator.calls().len();
    let spread = "...F ".repeat(20);
    let query = format!(
        "{{ account(id: \"{HEALTHY}\") {{ {spread} ... on Account {{ {spread} }} ... {{ a: version }} \
         ... on Node {{ id }} b: version a: version id }} account(id: \"{HEALTHY}\") {{ name \
         transactions(first: 1) {{ nodes {{ amount {{ currency }} }} }} }} }} fragment F on Account {{ \
         transactions(first: 1) {{ nodes {{ id }} }} dataStatus ...G }} \
         fragment G on Account {{ id }}"
    );
    let response = world.http().post(world.url(0, "/graphql")).json(&json!({ "query": query }));
    let text = response.send().await.unwrap().text().await.unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    let account = &answer["data"]["account"];
    let first = &account["transactions"]["nodes"][0];
    assert!(first["id"].is_string() && first["amount"]["currency"].is_string(), "{text}");
    let order = ["transactions", "dataStatus", "id", "a", "b", "name"];
    let places: Vec<_> = order.iter().map(|key| text.find(&format!("\"{key}\":"))).collect();
    assert!(places.iter().all(Option::is_some), "{text}");
    assert_eq!(account["a"], account["b"]);
    // Details and one page, each once.
    assert_eq!(world.simulator.calls().len(), calls + 2);
    world.stop().await;
}
