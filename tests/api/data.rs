//! The other data of an account, and the list of banks.

use chrono::Duration;
use mono_simulator::{Behaviour, Era, Fault, FaultKind, IdentityGiven, Realtime};
use serde_json::{Value, json};

use crate::{access::*, support::*};

const EVERYTHING: &str = "query ($id: ID!) { account(id: $id) { name
    identity { fullName bvn dateOfBirth phone addressLine1 stateOfOrigin freshness { state asOf } }
    income { id total { minor currency } monthlyAverage { minor decimal } employer streams {
        type lastAmount { minor } lastOn monthlyAverage { minor } } freshness { state } }
    incomeRecords { nodes { id } freshness { state } }
    credits { total { minor currency decimal } transactionCount
        history { period amount { minor } transactionCount } freshness { state } }
    debits { total { minor } transactionCount history { period } freshness { state } }
    assets { nodes { name type cost { minor currency } return { minor } quantity symbol price { minor } }
        balances { currency amount { minor } } freshness { state reason } }
    earnings { nodes { id amount { minor currency } narration date assetName quantitySold } freshness { state } }
    statement(months: 3) { months count transactions { id amount { minor currency } type date }
        freshness { state } }
    customer { id name email } } }";

fn paths(world: &World) -> Vec<String> {
    let calls = world.simulator.calls().into_iter();
    let mut paths: Vec<_> = calls.map(|call| call.path.replace(HEALTHY, "{id}")).collect();
    paths.sort_unstable();
    paths
}

fn sum(world: &World, kind: &str) -> (i64, usize) {
    let truth = world.simulator.account(HEALTHY).unwrap();
    let amounts = truth.transactions.iter().filter(|each| each.kind == kind);
    let amounts: Vec<_> = amounts.map(|each| each.amount).collect();
    (amounts.iter().sum(), amounts.len())
}

#[tokio::test]
async fn every_era_of_mono_tells_the_same_of_an_account() {
    let world = World::new().await;
    let truth = world.simulator.account(HEALTHY).unwrap();
    for era in [Era::V2_2026, Era::V2_2024, Era::V1, Era::Legacy] {
        world.simulator.set_era(era);
        let data = world.data(EVERYTHING, json!({ "id": HEALTHY })).await;
        let account = &data["account"];
        let identity = &account["identity"];
        assert_eq!(identity["fullName"], json!(truth.name), "{era:?}");
        assert_eq!(identity["bvn"], json!(truth.bvn), "{era:?}");
        assert_eq!(identity["dateOfBirth"].as_str().map(str::len), Some(10), "{era:?}");
        assert_eq!(identity["freshness"]["state"], "FRESH", "{era:?}");

        let (credits, count) = sum(&world, "credit");
        let flow = &account["credits"];
        assert_eq!(flow["total"]["minor"], json!(credits), "{era:?}");
        assert_eq!(flow["total"]["currency"], "NGN", "{era:?}");
        assert_eq!(flow["transactionCount"], json!(count), "{era:?}");
        let history = flow["history"].as_array().unwrap();
        let months: i64 =
            history.iter().map(|each| each["amount"]["minor"].as_i64().unwrap()).sum();
        assert_eq!(months, credits, "{era:?}");
        let (debits, count) = sum(&world, "debit");
        assert_eq!(account["debits"]["total"]["minor"], json!(debits), "{era:?}");
        assert_eq!(account["debits"]["transactionCount"], json!(count), "{era:?}");

        let income = &account["income"];
        assert_eq!(income["total"]["minor"], json!(credits), "{era:?}");
        assert!(income["monthlyAverage"]["decimal"].as_str().unwrap().contains('.'), "{era:?}");
        assert_eq!(account["incomeRecords"]["nodes"][0]["id"], income["id"], "{era:?}");

        let asset = &account["assets"]["nodes"][0];
        assert!(asset["cost"]["minor"].is_i64() && asset["symbol"].is_string(), "{era:?}");
        assert_eq!(account["assets"]["balances"][0]["currency"], "NGN", "{era:?}");
        let earning = &account["earnings"]["nodes"][0];
        assert!(earning["amount"]["minor"].is_i64() && earning["date"].is_string(), "{era:?}");
        assert_eq!(earning["amount"]["currency"], "NGN", "{era:?}");

        let statement = &account["statement"];
        let rows = statement["transactions"].as_array().unwrap();
        assert_eq!(statement["count"], json!(rows.len()), "{era:?}");
        assert!(!rows.is_empty() && statement["months"] == 3, "{era:?}");
        assert_eq!(rows[0]["id"], json!(truth.transactions[0].id), "{era:?}");
        assert_eq!(rows[0]["amount"]["minor"], json!(truth.transactions[0].amount), "{era:?}");
    }
    world.simulator.set_era(Era::V2_2026);
    let data = world.data(EVERYTHING, json!({ "id": HEALTHY })).await;
    let customer = world.simulator.customers().into_iter().find(|each| each.id == truth.customer);
    let customer = customer.unwrap();
    let told = json!({ "id": customer.id, "name": customer.name, "email": customer.email });
    assert_eq!(data["account"]["customer"], told);
    world.stop().await;
}

#[tokio::test]
async fn each_field_costs_one_call_and_all_are_asked_side_by_side() {
    let world = World::new().await;
    // Unknown to the gateway at first, known the second time.
    for _ in 0..2 {
        world.simulator.add_fault(Fault::slow(150).times(20)).unwrap();
        world.data(EVERYTHING, json!({ "id": HEALTHY })).await;
        let asked = paths(&world);
        let customer = world.simulator.account(HEALTHY).unwrap().customer;
        let of_account =
            ["", "/assets", "/credits", "/debits", "/earnings", "/identity", "/income-records"];
        let mut expected: Vec<_> =
            of_account.iter().map(|what| format!("/v2/accounts/{{id}}{what}")).collect();
        expected.push("/v2/accounts/{id}/statement".into());
        expected.push(format!("/v2/customers/{customer}"));
        assert_eq!(asked, expected);
        // The customer's id stands in the details, so that one call comes behind.
        assert_eq!(world.simulator.max_concurrent(), 8);
        world.simulator.clear_faults();
        world.simulator.reset_calls();
    }
    let period = "query ($id: ID!) { account(id: $id) { one: statement { months }
        again: statement(months: 1) { count } other: statement(months: 12) { months } } }";
    world.data(period, json!({ "id": HEALTHY })).await;
    let mut queries: Vec<_> = world.simulator.calls().into_iter().map(|call| call.query).collect();
    queries.sort_unstable();
    assert_eq!(queries, ["period=last12months&output=json", "period=last1months&output=json"]);
    world.stop().await;
}

#[tokio::test]
async fn what_is_not_selected_is_not_asked() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.simulator.reset_calls();
    let query =
        "query ($id: ID!, $no: Boolean = false) { account(id: $id) { balanceFreshness { state }
        identity { fullName } credits @include(if: $no) { transactionCount } } }";
    world.data(query, json!({ "id": HEALTHY })).await;
    assert_eq!(paths(&world), ["/v2/accounts/{id}/identity"]);
    world.stop().await;
}

#[tokio::test]
async fn a_call_that_fails_costs_its_own_field() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    let fields = [
        ("identity", "identity { fullName }"),
        ("income-records", "income { id }"),
        ("credits", "credits { transactionCount }"),
        ("debits", "debits { transactionCount }"),
        ("assets", "assets { nodes { name } }"),
        ("earnings", "earnings { nodes { id } }"),
        ("statement", "statement { count }"),
        ("customers", "customer { id }"),
    ];
    for (path, field) in fields {
        let name = field.split_once(' ').unwrap().0;
        let query = format!("query ($id: ID!) {{ account(id: $id) {{ id name {field} }} }}");
        let bad = [
            (Fault::status(400), "UPSTREAM_REJECTED"),
            (Fault::status(404), "NOT_FOUND"),
            (Fault::new(FaultKind::Garbage), "UPSTREAM_BAD_RESPONSE"),
        ];
        for (fault, code) in bad {
            world.simulator.add_fault(fault.path(path).times(1)).unwrap();
            let answer = world.ask(&query, json!({ "id": HEALTHY })).await;
            assert!(answer["data"]["account"]["name"].is_string(), "{answer}");
            assert_eq!(answer["data"]["account"][name], Value::Null, "{answer}");
            assert_eq!(answer["errors"].as_array().map(Vec::len), Some(1), "{answer}");
            assert_eq!(answer["errors"][0]["path"], json!(["account", name]), "{answer}");
            assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{answer}");
            world.simulator.clear_faults();
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn a_bank_that_does_not_tell_who_holds_an_account_is_no_failure() {
    let world = World::new().await;
    let query = "query ($id: ID!) { account(id: $id) { identity { fullName email dateOfBirth } } }";
    let given = |identity| Behaviour { identity, ..Behaviour::default() };
    world.simulator.set_behaviour(given(IdentityGiven::Null));
    let data = world.data(query, json!({ "id": HEALTHY })).await;
    assert_eq!(data["account"]["identity"], Value::Null);
    world.simulator.set_behaviour(given(IdentityGiven::Name));
    let data = world.data(query, json!({ "id": HEALTHY })).await;
    assert!(data["account"]["identity"]["fullName"].is_string());
    assert_eq!(data["account"]["identity"]["email"], Value::Null);
    assert_eq!(data["account"]["identity"]["dateOfBirth"], Value::Null);
    world.stop().await;
}

const LIVE: &str =
    "query ($id: ID!) { account(id: $id) { balance(live: true) { minor currency decimal } } }";

#[tokio::test]
async fn a_live_balance_is_asked_of_the_bank_once() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.simulator.reset_calls();
    let data = world.data(LIVE, json!({ "id": HEALTHY })).await;
    let truth = world.simulator.account(HEALTHY).unwrap();
    assert_eq!(data["account"]["balance"]["minor"], json!(truth.balance));
    assert_eq!(data["account"]["balance"]["currency"], "NGN");
    let calls = world.simulator.calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(calls[0].path, format!("/v2/accounts/{HEALTHY}/balance"));
    assert_eq!(calls[0].headers["x-realtime"], "true");

    // For five minutes after it the copy at Mono is what the bank told, and free.
    world.simulator.reset_calls();
    let both = "query ($id: ID!) { account(id: $id) { balance { minor }
        now: balance(live: true) { minor } again: balance(live: true) { decimal } } }";
    let data = world.data(both, json!({ "id": HEALTHY })).await;
    assert_eq!(data["account"]["now"], data["account"]["balance"]);
    assert!(world.simulator.calls().iter().all(|call| !call.headers.contains_key("x-realtime")));
    // Then the bank is asked again, once for two names.
    world.clock.advance(Duration::minutes(6));
    world.simulator.reset_calls();
    world.data(both, json!({ "id": HEALTHY })).await;
    let live = |call: &mono_simulator::Call| call.headers.contains_key("x-realtime");
    assert_eq!(world.simulator.calls().into_iter().filter(live).count(), 1);
    world.simulator.reset_calls();
    let plain = "query ($id: ID!) { account(id: $id) { balance(live: false) { minor } } }";
    world.data(plain, json!({ "id": HEALTHY })).await;
    assert_eq!(paths(&world), ["/v2/accounts/{id}"]);
    assert!(world.simulator.calls().iter().all(|call| !call.headers.contains_key("x-realtime")));
    world.stop().await;
}

#[tokio::test]
async fn a_live_balance_is_not_what_a_refresh_of_the_transactions_left() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    let sync = "mutation ($id: ID!) { syncAccount(input: { accountId: $id }) { started } }";
    let data = world.data(sync, json!({ "id": HEALTHY })).await;
    assert_eq!(data["syncAccount"]["started"], true);
    let answer = world.ask(LIVE, json!({ "id": HEALTHY })).await;
    assert_eq!(answer["data"]["account"]["balance"], Value::Null);
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!(extensions["code"], "DATA_NOT_READY", "{answer}");
    assert!(extensions["retryAfterMs"].as_u64().is_some_and(|ms| ms > 200_000), "{answer}");
    world.stop().await;
}

#[tokio::test]
async fn a_live_balance_that_the_bank_does_not_give_says_what_to_wait_for() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.known(NEEDS_REAUTH).await;
    let behave = |realtime| {
        world.simulator.set_behaviour(Behaviour { realtime, ..Behaviour::default() });
    };
    behave(Realtime::Enqueued);
    let answer = world.ask(LIVE, json!({ "id": HEALTHY })).await;
    assert_eq!(answer["data"]["account"]["balance"], Value::Null);
    assert_eq!(answer["errors"][0]["extensions"]["code"], "DATA_NOT_READY");
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("jobChanged"), "{message}");
    // While it runs nobody asks again, and once it is done Mono's copy is it.
    world.simulator.reset_calls();
    assert_eq!(world.code(LIVE, json!({ "id": HEALTHY })).await, "DATA_NOT_READY");
    assert_eq!(world.simulator.calls().len(), 0);
    // What the bank refuses is not passed off as live, although Mono serves the old balance.
    behave(Realtime::Failed);
    for account in [NEEDS_REAUTH, NAIRA] {
        let answer = world.ask(LIVE, json!({ "id": account })).await;
        assert_eq!(answer["data"]["account"]["balance"], Value::Null, "{answer}");
        assert_eq!(answer["errors"][0]["extensions"]["code"], "DATA_NOT_READY", "{answer}");
    }
    // Billed, so never tried twice.
    world.known(BIG).await;
    world.simulator.reset_calls();
    world.simulator.add_fault(Fault::status(500).path("/balance").times(1)).unwrap();
    assert_eq!(world.code(LIVE, json!({ "id": BIG })).await, "UPSTREAM_UNAVAILABLE");
    assert_eq!(world.simulator.calls().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn data_says_how_fresh_it_is() {
    let world = World::new().await;
    let query = "query ($id: ID!) { account(id: $id) { dataStatus balanceFreshness { state reason }
        identity { freshness { state reason } } credits { freshness { state reason } }
        assets { freshness { state reason } } } }";
    world.known(HEALTHY).await;
    let fresh = json!({ "state": "FRESH", "reason": null });
    let data = world.data(query, json!({ "id": HEALTHY })).await;
    for field in ["identity", "credits", "assets"] {
        assert_eq!(data["account"][field]["freshness"], fresh, "{field}");
    }
    assert_eq!(data["account"]["balanceFreshness"], fresh);

    world.known(PARTIAL).await;
    let truth = world.simulator.account(PARTIAL).unwrap();
    let held = |part: &str| truth.retrieved_data.iter().any(|each| each == part);
    let data = world.data(query, json!({ "id": PARTIAL })).await;
    let missing = json!({ "state": "NOT_READY", "reason": "PARTIAL" });
    let expected = |part| if held(part) { &fresh } else { &missing };
    assert!(held("balance") != held("transactions"));
    assert_eq!(&data["account"]["balanceFreshness"], expected("balance"));
    assert_eq!(&data["account"]["credits"]["freshness"], expected("transactions"));
    let unsaid = json!({ "state": "STALE", "reason": "PARTIAL" });
    assert_eq!(data["account"]["assets"]["freshness"], unsaid);

    world.known(NEEDS_REAUTH).await;
    let body = json!({ "event": "mono.events.reauthorisation_required",
        "data": { "account": { "_id": NEEDS_REAUTH } } });
    assert_eq!(world.webhook(body.to_string()).await, 200);
    let data = world.data(query, json!({ "id": NEEDS_REAUTH })).await;
    assert_eq!(data["account"]["credits"]["freshness"]["state"], "STALE");
    assert_eq!(data["account"]["credits"]["freshness"]["reason"], "REAUTH_REQUIRED");
    world.stop().await;
}

#[tokio::test]
async fn what_is_personal_needs_its_scope_and_costs_no_call_without_it() {
    let world = world_with_tokens().await;
    let query = "query ($id: ID!) { account(id: $id) { name identity { fullName } income { id }
        incomeRecords { nodes { id } } customer { id name email phone address firstName } } }";
    let reader = token(&world, "accounts:read", &[HEALTHY]);
    let (_, answer) = ask_as(&world, &reader, query, json!({ "id": HEALTHY })).await;
    let account = &answer["data"]["account"];
    assert!(account["name"].is_string(), "{answer}");
    for field in ["identity", "income", "incomeRecords"] {
        assert_eq!(account[field], Value::Null, "{answer}");
    }
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 3, "{answer}");
    for error in errors {
        assert_eq!(error["extensions"]["code"], "FORBIDDEN", "{answer}");
        assert!(error["message"].as_str().unwrap().contains("pii:read"), "{answer}");
    }
    assert!(account["customer"]["id"].is_string());
    for field in ["name", "email", "phone", "address", "firstName"] {
        assert_eq!(account["customer"][field], Value::Null, "{answer}");
    }
    let asked = paths(&world);
    assert!(!asked.iter().any(|path| path.contains("identity") || path.contains("income")));

    let all = token(&world, "accounts:read pii:read", &[HEALTHY]);
    let (_, answer) = ask_as(&world, &all, query, json!({ "id": HEALTHY })).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    assert!(answer["data"]["account"]["identity"]["fullName"].is_string());
    assert!(answer["data"]["account"]["customer"]["email"].is_string());
    world.stop().await;
}

#[tokio::test]
async fn foreign_unknown_and_unlinked_accounts_have_no_data_and_cost_no_call() {
    let world = world_with_tokens().await;
    let query = "query ($id: ID!) { account(id: $id) { id identity { fullName } statement { count }
        balance(live: true) { minor } } }";
    let ada = token(&world, "accounts:read pii:read", &[HEALTHY]);
    let (_, foreign) = ask_as(&world, &ada, query, json!({ "id": NAIRA })).await;
    let (_, unknown) = ask_as(&world, &ada, query, json!({ "id": "nobody" })).await;
    let body = json!({ "event": "mono.events.account_unlinked", "data": { "account": { "id": HEALTHY } } });
    assert_eq!(world.webhook(body.to_string()).await, 200);
    let (_, unlinked) = ask_as(&world, &ada, query, json!({ "id": HEALTHY })).await;
    for answer in [foreign, unknown, unlinked] {
        assert_eq!(answer["data"]["account"], Value::Null, "{answer}");
        assert_eq!(answer["errors"].as_array().map(Vec::len), Some(1), "{answer}");
        assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND", "{answer}");
    }
    assert_eq!(world.simulator.calls().len(), 0);
    world.stop().await;
}

#[tokio::test]
async fn a_statement_has_from_one_to_twelve_months() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.simulator.reset_calls();
    let query = "query ($id: ID!, $months: Int) { account(id: $id) { id statement(months: $months) { months } } }";
    for months in [0, -1, 13, 300] {
        let variables = json!({ "id": HEALTHY, "months": months });
        assert_eq!(world.code(query, variables).await, "BAD_USER_INPUT", "{months}");
    }
    assert_eq!(world.simulator.calls().len(), 0);
    let data = world.data(query, json!({ "id": HEALTHY, "months": null })).await;
    assert_eq!(data["account"]["statement"]["months"], 1);
    world.stop().await;
}

#[tokio::test]
async fn banks_are_listed_as_they_are_asked_for() {
    let world = World::new().await;
    let query = "query ($scope: String, $code: String, $method: String) {
        institutions(scope: $scope, bankCode: $code, authMethod: $method) { id name bankCode type icon
            identifier nipCode country primaryColor scopes
            authMethods { type name title fields { type name hint contentType } } } }";
    let data = world.data(query, json!({ "scope": "financial_data" })).await;
    let all = data["institutions"].as_array().unwrap().clone();
    assert!(all.len() > 1);
    let bank = &all[0];
    for field in ["id", "name", "bankCode", "type", "icon", "identifier", "country", "primaryColor"]
    {
        assert!(bank[field].is_string(), "{field} of {bank}");
    }
    assert_eq!(bank["scopes"], json!(["financial_data"]));
    let methods = bank["authMethods"].as_array().unwrap();
    assert!(
        methods[0]["type"].is_string() && methods[0]["fields"][0]["name"].is_string(),
        "{bank}"
    );
    let code = json!({ "code": bank["bankCode"], "scope": null });
    let data = world.data(query, code).await;
    let found = data["institutions"].as_array().unwrap();
    assert!(found.iter().any(|each| each["id"] == bank["id"]) && found.len() < all.len());
    let data = world.data(query, json!({ "method": "nobody's" })).await;
    assert_eq!(data["institutions"], json!([]));
    // Left out, it is this product of Mono's; said to be null, all of them.
    world.simulator.reset_calls();
    world.data("{ institutions { id } none: institutions(scope: null) { id } }", json!({})).await;
    let mut queries: Vec<_> = world.simulator.calls().into_iter().map(|call| call.query).collect();
    queries.sort_unstable();
    assert_eq!(queries, ["", "scope=financial_data"]);
    let long = json!({ "code": "1".repeat(101) });
    assert_eq!(world.code(query, long).await, "BAD_USER_INPUT");
    assert_eq!(world.code(query, json!({ "method": "" })).await, "BAD_USER_INPUT");
    world.stop().await;
}

#[tokio::test]
async fn an_amount_that_is_none_is_null_and_an_average_keeps_its_fraction() {
    // One body that is read as details, as credits and as income.
    let body = json!({ "status": "successful", "data": {
        "account": { "id": HEALTHY, "currency": "NGN" }, "meta": { "data_status": "AVAILABLE" },
        "total": 10.5, "transactions_count": 2, "history": [
            { "period": "2026-03", "amount": 9_007_199_254_740_993_i64, "transactions_count": 1 },
            { "period": "2026-04", "amount": 7, "transactions_count": 1 } ],
        "total_income": 0.5, "monthly_average": 213_333.25, "annual_income": 5 } });
    let mut world = World::new().await;
    let mut config = world.config();
    config.mono_base_url = stand_in(body.to_string()).await;
    world.gateways.pop().unwrap().stop().await;
    let gateway = world.try_start(config).await.unwrap();
    world.gateways.push(gateway);
    let query = "query ($id: ID!) { account(id: $id) {
        credits { total { minor } transactionCount history { period amount { minor } } }
        income { total { minor } annual { minor decimal } monthlyAverage { minor decimal currency } } } }";
    let answer = world.ask(query, json!({ "id": HEALTHY })).await;
    let account = &answer["data"]["account"];
    let history = json!([ { "period": "2026-03", "amount": null },
        { "period": "2026-04", "amount": { "minor": 7 } } ]);
    let credits = json!({ "total": null, "transactionCount": 2, "history": history });
    assert_eq!(account["credits"], credits, "{answer}");
    let average = json!({ "minor": "213333.25", "decimal": "2133.3325", "currency": "NGN" });
    assert_eq!(account["income"]["monthlyAverage"], average, "{answer}");
    assert_eq!(account["income"]["annual"], json!({ "minor": "5", "decimal": "0.05" }));
    let mut refused: Vec<_> = answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            assert_eq!(error["extensions"]["code"], "UPSTREAM_BAD_RESPONSE", "{answer}");
            error["path"].to_string()
        })
        .collect();
    refused.sort_unstable();
    assert_eq!(
        refused,
        [
            r#"["account","credits","history",0,"amount"]"#,
            r#"["account","credits","total"]"#,
            r#"["account","income","total"]"#,
        ]
    );
    world.stop().await;
}
