//! `account`, `accounts`, `transactions`, `node`.

use mono_simulator::{Era, Fault, FaultKind};
use serde_json::{Value, json};

use crate::support::*;

const ALL_FIELDS: &str = "query ($id: ID!) { account(id: $id) { id name accountNumber bvn type authMethod currency
    balance { minor currency decimal } institution { id name bankCode type } customerId dataStatus dataStatusRaw
    retrievedData subscribedToDataSync version } }";

#[tokio::test]
async fn every_era_of_mono_answers_the_same_account() {
    let world = World::new().await;
    for era in [Era::V2_2026, Era::V2_2024, Era::V1, Era::Legacy] {
        world.simulator.set_era(era);
        let data = world.data(ALL_FIELDS, json!({ "id": HEALTHY })).await;
        let account = &data["account"];
        let truth = world.simulator.account(HEALTHY).unwrap();
        assert_eq!(account["id"], HEALTHY, "{era:?}");
        assert_eq!(account["name"], json!(truth.name), "{era:?}");
        assert_eq!(account["accountNumber"], json!(truth.account_number), "{era:?}");
        assert_eq!(account["bvn"].as_str().map(str::len), Some(4), "{era:?}");
        assert_eq!(account["currency"], "NGN", "{era:?}");
        assert_eq!(account["balance"]["minor"], json!(truth.balance), "{era:?}");
        assert_eq!(
            account["institution"]["bankCode"],
            json!(truth.institution.bank_code),
            "{era:?}"
        );
        assert_eq!(account["dataStatus"], "AVAILABLE", "{era:?}");
        let page =
            "query ($id: ID!) { account(id: $id) { transactions { totalCount page nextPage nodes {
            id narration amount { minor } type balance { minor } date category } } } }";
        let data = world.data(page, json!({ "id": HEALTHY })).await;
        let page = &data["account"]["transactions"];
        assert_eq!(
            (&page["totalCount"], &page["page"], &page["nextPage"]),
            (&json!(307), &json!(1), &json!(2))
        );
        assert_eq!(page["nodes"].as_array().unwrap().len(), 20, "{era:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn odd_accounts_keep_their_oddities_exact() {
    let world = World::new().await;
    let data = world.data(ALL_FIELDS, json!({ "id": BIG })).await;
    let big = world.simulator.account(BIG).unwrap();
    assert!(data["account"]["balance"]["minor"].as_i64().unwrap() > i64::from(i32::MAX));
    assert_eq!(data["account"]["balance"]["minor"], json!(big.balance));
    let data = world.data(ALL_FIELDS, json!({ "id": NAIRA })).await;
    assert_eq!(data["account"]["currency"], "NGN");
    assert!(data["account"]["institution"]["bankCode"].is_string());
    for (id, status) in [
        (PARTIAL, "PARTIAL"),
        (UNAVAILABLE, "UNAVAILABLE"),
        (FAILED, "FAILED"),
        (PROCESSING, "PROCESSING"),
    ] {
        assert_eq!(
            world.data(ALL_FIELDS, json!({ "id": id })).await["account"]["dataStatus"],
            status
        );
    }
    let page = "query ($id: ID!) { account(id: $id) { transactions { nodes { amount { minor } balance { minor } category } } } }";
    let data = world.data(page, json!({ "id": BIG })).await;
    let nodes = data["account"]["transactions"]["nodes"].as_array().unwrap();
    assert!(nodes.iter().all(|node| node["balance"].is_null()));
    assert!(nodes.iter().any(|node| node["amount"]["minor"].as_i64() > Some(i64::from(i32::MAX))));
    world.stop().await;
}

#[tokio::test]
async fn what_the_gateway_keeps_is_answered_without_mono() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.simulator.reset_calls();
    world.known(HEALTHY).await;
    world
        .data("{ accounts { nodes { id dataStatus version reauth { required } } } }", json!({}))
        .await;
    assert_eq!(world.simulator.calls().len(), 0);
    world.stop().await;
}

#[tokio::test]
async fn details_and_transactions_are_asked_side_by_side() {
    let world = World::new().await;
    let query = "query ($id: ID!) { account(id: $id) { name balance { minor }
        transactions(page: 1) { nodes { amount { decimal currency } } } } }";
    // Unknown to the gateway at first, known the second time.
    for _ in 0..2 {
        world.simulator.add_fault(Fault::slow(150).times(2)).unwrap();
        world.data(query, json!({ "id": HEALTHY })).await;
        assert_eq!(world.simulator.max_concurrent(), 2);
        assert_eq!(world.simulator.calls().len(), 2, "each is asked once");
        world.simulator.reset_calls();
    }
    world.stop().await;
}

#[tokio::test]
async fn one_document_asks_for_each_account_once() {
    let world = World::new().await;
    let query = "query ($a: ID!, $b: ID!) {
        a: account(id: $a) { name balance { minor } } b: account(id: $a) { accountNumber institution { name } }
        c: account(id: $b) { name } d: node(id: $a) { ... on Account { name } } }";
    world.data(query, json!({ "a": HEALTHY, "b": NAIRA })).await;
    assert_eq!(world.simulator.calls().len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn a_skipped_field_costs_no_call() {
    let world = World::new().await;
    let query = "query ($id: ID!, $no: Boolean = false) { account(id: $id) { name
        transactions @include(if: $no) { totalCount } } }";
    world.data(query, json!({ "id": HEALTHY })).await;
    assert_eq!(world.simulator.calls().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn if_one_call_fails_the_other_fields_still_come() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    let query =
        "query ($id: ID!) { account(id: $id) { id name dataStatus transactions { totalCount } } }";
    world.simulator.add_fault(Fault::status(500).path("/transactions").times(9)).unwrap();
    let answer = world.ask(query, json!({ "id": HEALTHY })).await;
    let account = &answer["data"]["account"];
    assert!(account["name"].is_string(), "{answer}");
    assert_eq!(
        (&account["dataStatus"], &account["transactions"]),
        (&json!("AVAILABLE"), &Value::Null)
    );
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1);
    assert_eq!(answer["errors"][0]["path"], json!(["account", "transactions"]));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UPSTREAM_UNAVAILABLE");
    assert_eq!(answer["errors"][0]["extensions"]["retryable"], true);

    world.simulator.clear_faults();
    world.simulator.add_fault(Fault::new(FaultKind::Garbage).path(HEALTHY).times(1)).unwrap();
    let query =
        "query ($id: ID!) { account(id: $id) { id dataStatus version name reauth { required } } }";
    let answer = world.ask(query, json!({ "id": HEALTHY })).await;
    assert_eq!(answer["data"]["account"]["id"], HEALTHY);
    assert_eq!(answer["data"]["account"]["dataStatus"], "AVAILABLE");
    assert_eq!(answer["errors"][0]["path"], json!(["account", "name"]));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UPSTREAM_BAD_RESPONSE");
    world.stop().await;
}

#[tokio::test]
async fn an_unknown_account_is_not_found() {
    let world = World::new().await;
    let query = "query ($id: ID!) { account(id: $id) { id } node(id: $id) { id } reauthSession(id: $id) { id } }";
    for id in ["65aa00000000000000000abc", "../../x", "a b", "reauth"] {
        let answer = world.ask(query, json!({ "id": id })).await;
        assert_eq!(
            answer["data"],
            json!({ "account": null, "node": null, "reauthSession": null }),
            "{answer}"
        );
        assert_eq!(answer["errors"].as_array().unwrap().len(), 1, "{answer}");
        assert_eq!(answer["errors"][0]["path"], json!(["account"]));
        assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND");
    }
    assert_eq!(world.count("account_state", "1 = 1").await, 0);
    world.stop().await;
}

#[tokio::test]
async fn malformed_arguments_say_what_would_be_right() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    let account = |arguments: &str| {
        format!("{{ account(id: \"{HEALTHY}\") {{ transactions({arguments}) {{ totalCount }} }} }}")
    };
    let long = "x".repeat(201);
    let cases = [
        ("{ account(id: \"\") { id } }".to_owned(), "empty"),
        (format!("{{ account(id: \"{}\") {{ id }} }}", "x".repeat(129)), "128 bytes"),
        (account("page: 0"), "from 1"),
        (account("page: -1"), "from 1"),
        (account("first: 0"), "from 1 to 100"),
        (account("first: 101"), "from 1 to 100"),
        (account("page: 2, after: \"t1.0.20e\""), "one of them"),
        (account("after: \"nonsense\""), "unchanged"),
        (account("filter: {start: \"2026-02-01\", end: \"2026-01-01\"}"), "before"),
        (account("filter: {end: \"2026-01-01\"}"), "filter.start"),
        (account(&format!("filter: {{narration: \"{long}\"}}")), "200"),
        ("{ accounts(first: -1) { totalCount } }".to_owned(), "from 1 to 100"),
        ("{ accounts(first: 1000) { totalCount } }".to_owned(), "from 1 to 100"),
    ];
    world.simulator.reset_calls();
    for (query, wanted) in cases {
        let answer = world.ask(&query, json!({})).await;
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{query}: {answer}");
        assert!(error["message"].as_str().unwrap().contains(wanted), "{query}: {answer}");
    }
    assert_eq!(world.simulator.calls().len(), 0, "nothing of it reached Mono");
    for bad in
        ["{start: \"2026-2-1\"}", "{start: \"01-02-2026\"}", "{start: 5}", "{type: SIDEWAYS}"]
    {
        let code = world.code(&account(&format!("filter: {bad}")), json!({})).await;
        assert!(
            ["BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"].contains(&code.as_str()),
            "{bad}: {code}"
        );
    }
    world.stop().await;
}

const PAGE: &str = "query ($id: ID!, $page: Int, $first: Int, $after: String, $filter: TransactionFilter) {
    account(id: $id) { transactions(page: $page, first: $first, after: $after, filter: $filter) {
        page nextPage previousPage totalCount nodes { id type narration date } edges { cursor node { id } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }";

#[tokio::test]
async fn pages_lead_to_each_other_by_number_and_by_cursor() {
    let world = World::new().await;
    let page = async |arguments: Value| {
        let mut variables = arguments;
        variables["id"] = json!(HEALTHY);
        world.data(PAGE, variables).await["account"]["transactions"].take()
    };
    let ids = |page: &Value| -> Vec<Value> {
        page["nodes"].as_array().unwrap().iter().map(|node| node["id"].clone()).collect()
    };
    let first = page(json!({ "page": 1 })).await;
    assert_eq!((&first["previousPage"], &first["nextPage"]), (&Value::Null, &json!(2)));
    let second = page(json!({ "page": 2 })).await;
    assert_eq!((&second["previousPage"], &second["nextPage"]), (&json!(1), &json!(3)));
    let last = page(json!({ "page": 16 })).await;
    assert_eq!((&last["previousPage"], &last["nextPage"]), (&json!(15), &Value::Null));
    assert_eq!(last["pageInfo"]["hasNextPage"], false);
    assert_eq!(ids(&last).len(), 7);

    let by_cursor = page(json!({ "after": first["pageInfo"]["endCursor"] })).await;
    assert_eq!(ids(&by_cursor), ids(&second));
    let from_the_middle = page(json!({ "after": first["edges"][4]["cursor"] })).await;
    assert_eq!(ids(&from_the_middle), ids(&first)[5..]);

    // Every transaction once, whatever the size of a page.
    let mut seen = Vec::new();
    let mut after = Value::Null;
    loop {
        let next = page(json!({ "first": 50, "after": after })).await;
        seen.extend(ids(&next));
        if next["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = next["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(seen.len(), 307);
    seen.sort_by_key(Value::to_string);
    seen.dedup();
    assert_eq!(seen.len(), 307);
    world.stop().await;
}

#[tokio::test]
async fn filters_reach_mono_in_its_own_form() {
    let world = World::new().await;
    let filter = json!({ "start": "2026-01-05", "end": "2026-01-20", "type": "DEBIT", "narration": "NIP & co" });
    world.data(PAGE, json!({ "id": HEALTHY, "page": 2, "first": 10, "filter": filter })).await;
    let calls = world.simulator.calls();
    let call = calls.iter().find(|call| call.path.ends_with("/transactions")).unwrap();
    let query = call.query.clone();
    for part in [
        "page=2",
        "limit=10",
        "start=05-01-2026",
        "end=20-01-2026",
        "type=debit",
        "narration=NIP+%26+co",
    ] {
        assert!(query.contains(part), "{part} in {query}");
    }
    let filter = json!({ "type": "CREDIT" });
    let data = world.data(PAGE, json!({ "id": HEALTHY, "filter": filter })).await;
    let nodes = data["account"]["transactions"]["nodes"].as_array().unwrap();
    assert!(!nodes.is_empty() && nodes.iter().all(|node| node["type"] == "CREDIT"));
    world.stop().await;
}

#[tokio::test]
async fn case_22_transactions_that_were_not_fetched_are_said_to_be_missing() {
    let world = World::new().await;
    world.known(PARTIAL).await;
    let query = "query ($id: ID!, $fresh: Boolean) { account(id: $id) { id
        transactions(requireFresh: $fresh) { nodes { id } freshness { state reason } } } }";
    let data = world.data(query, json!({ "id": PARTIAL })).await;
    let freshness = &data["account"]["transactions"]["freshness"];
    assert_eq!(freshness, &json!({ "state": "NOT_READY", "reason": "PARTIAL" }));

    world.simulator.reset_calls();
    let answer = world.ask(query, json!({ "id": PARTIAL, "fresh": true })).await;
    assert_eq!(answer["data"]["account"], json!({ "id": PARTIAL, "transactions": null }));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "DATA_NOT_READY");
    assert_eq!(world.simulator.calls().len(), 0, "what would not be fresh is not asked for");
    world.stop().await;
}

#[tokio::test]
async fn accounts_are_listed_by_page_and_filter() {
    let world = World::new().await;
    for account in world.simulator.accounts() {
        world.known(&account.id).await;
    }
    let query = "query ($first: Int, $after: String, $filter: AccountFilter) {
        accounts(first: $first, after: $after, filter: $filter) { totalCount nodes { id dataStatus name }
            edges { cursor } pageInfo { hasNextPage endCursor } } }";
    let mut seen = Vec::new();
    let mut after = Value::Null;
    loop {
        let data = world.data(query, json!({ "first": 3, "after": after })).await;
        let page = &data["accounts"];
        assert_eq!(page["totalCount"], 8);
        seen.extend(page["nodes"].as_array().unwrap().iter().map(|node| node["id"].to_string()));
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(seen.len(), 8);
    assert!(seen.is_sorted());
    for (filter, count) in [
        (json!({ "dataStatus": "FAILED" }), 1),
        (json!({ "dataStatus": ["PARTIAL", "UNAVAILABLE"] }), 2),
        (json!({ "needsReauth": true }), 0),
        (json!({ "needsReauth": false, "dataStatus": ["AVAILABLE"] }), 4),
    ] {
        let data = world.data(query, json!({ "filter": filter })).await;
        assert_eq!(data["accounts"]["totalCount"], count, "{filter}");
    }
    world.stop().await;
}

#[tokio::test]
async fn without_a_word_on_the_next_page_the_count_says_whether_there_is_one() {
    let mut world = World::new().await;
    let items = |n: usize| {
        let item = r#"{"id":"t","amount":1,"type":"debit","date":"2026-01-01T00:00:00Z"}"#;
        vec![item; n].join(",")
    };
    let answers = [
        (format!(r#"{{"data":[{}],"meta":{{"total":7,"page":1}}}}"#, items(5)), json!(2)),
        (
            format!(r#"{{"data":[{}],"meta":{{"total":7,"page":1,"next":true}}}}"#, items(5)),
            json!(2),
        ),
        (format!(r#"{{"data":[{}],"meta":{{"total":7,"page":1,"next":3}}}}"#, items(5)), json!(3)),
        (
            format!(r#"{{"data":[{}],"meta":{{"total":7,"page":1,"next":null}}}}"#, items(5)),
            Value::Null,
        ),
        (format!(r#"{{"data":[{}],"meta":{{"total":5,"page":1}}}}"#, items(5)), Value::Null),
        (r#"{"data":[],"meta":{"total":7,"page":1,"next":"x?page=2"}}"#.to_owned(), Value::Null),
    ];
    for (body, next) in answers {
        let mut config = world.config();
        config.mono_base_url = stand_in(body.clone()).await;
        world.gateways.pop().unwrap().stop().await;
        let gateway = world.try_start(config).await.unwrap();
        world.gateways.push(gateway);
        let connected = json!({ "event": "mono.events.account_connected", "data": { "id": "a1" } });
        assert_eq!(world.webhook(connected.to_string()).await, 200);
        let query =
            "{ account(id: \"a1\") { transactions { nextPage pageInfo { hasNextPage } } } }";
        let data = world.data(query, Value::Null).await;
        let page = &data["account"]["transactions"];
        assert_eq!(page["nextPage"], next, "{body}");
        assert_eq!(page["pageInfo"]["hasNextPage"], !next.is_null(), "{body}");
    }
    world.stop().await;
}
