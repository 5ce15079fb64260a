//! What else can be read of an account, in every era; customers and banks.

use mono_simulator::{Behaviour, Era, IdentityGiven, Options, Pace};
use serde_json::{Value, json};

use crate::support::{HEALTHY, Here, PARTIAL, PROCESSING};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn an_identity_is_spelled_as_its_era_spells_it() {
    let here = Here::new().await;
    let account = here.simulator.account(HEALTHY).unwrap();
    let path = format!("/v2/accounts/{HEALTHY}/identity");
    for era in [Era::V2_2026, Era::V2_2024, Era::V1] {
        here.simulator.set_era(era);
        let identity = here.read(&path).await["data"].clone();
        let known = [
            "address_line1",
            "address_line2",
            "bvn",
            "created_at",
            "dob",
            "email",
            "full_name",
            "gender",
            "lga_of_origin",
            "marital_status",
            "phone",
            "state_of_origin",
            "updated_at",
        ];
        assert_eq!(keys(&identity), known);
        assert_eq!(identity["full_name"], json!(account.name));
        assert_eq!(identity["bvn"], json!(account.bvn));
        assert_eq!(identity["dob"].as_str().unwrap().find('-'), Some(4));
    }
    here.simulator.set_era(Era::Legacy);
    let identity = here.read(&format!("/accounts/{HEALTHY}/identity")).await;
    assert_eq!(identity["fullName"], json!(account.name));
    assert!(identity["maritalStatus"].is_string() && identity["addressLine1"].is_string());
    assert_eq!(identity["dob"].as_str().unwrap().find('-'), Some(2));
}

#[tokio::test]
async fn not_every_bank_gives_an_identity() {
    let here = Here::new().await;
    let path = format!("/v2/accounts/{HEALTHY}/identity");
    for (identity, status) in
        [(IdentityGiven::Name, 200), (IdentityGiven::Null, 200), (IdentityGiven::NotFound, 404)]
    {
        here.simulator.set_behaviour(Behaviour { identity, ..Behaviour::default() });
        let response = here.get(&path).await;
        assert_eq!(response.status(), status);
        let data = response.json::<Value>().await.unwrap()["data"].clone();
        assert_eq!(data["full_name"].is_string(), identity == IdentityGiven::Name);
        assert_eq!(data["bvn"], Value::Null);
    }
    here.simulator.set_behaviour(Behaviour::default());
    let early = here.read(&format!("/v2/accounts/{PROCESSING}/identity")).await;
    assert_eq!(early["data"], Value::Null);
}

#[tokio::test]
async fn credits_and_debits_add_up_by_the_month() {
    let here = Here::new().await;
    let rows = here.simulator.account(HEALTHY).unwrap().transactions;
    for (path, kind) in [("credits", "credit"), ("debits", "debit")] {
        let flow = here.read(&format!("/v2/accounts/{HEALTHY}/{path}")).await["data"].clone();
        let known: i64 = rows.iter().filter(|row| row.kind == kind).map(|row| row.amount).sum();
        assert_eq!(flow["total"], json!(known));
        let history = flow["history"].as_array().unwrap();
        let sum = |name: &str| history.iter().map(|month| month[name].as_i64().unwrap()).sum();
        assert_eq!(
            (known, flow["transactions_count"].as_i64().unwrap()),
            (sum("amount"), sum("transactions_count"),)
        );
        let periods: Vec<&str> =
            history.iter().map(|month| month["period"].as_str().unwrap()).collect();
        assert!(periods.windows(2).all(|pair| pair[0] > pair[1]), "{periods:?}");
    }
    let empty = here.read(&format!("/v2/accounts/{PARTIAL}/credits")).await;
    assert_eq!(empty["data"], json!({ "total": 0, "transactions_count": 0, "history": [] }));
    here.simulator.set_era(Era::Legacy);
    assert!(here.read(&format!("/accounts/{HEALTHY}/debits")).await["total"].is_i64());
}

#[tokio::test]
async fn investments_are_plausible_and_the_same_each_time() {
    let here = Here::new().await;
    let assets = here.read(&format!("/v2/accounts/{HEALTHY}/assets")).await["data"].clone();
    let one = &assets["assets"][0];
    assert_eq!(
        one["details"]["current_balance"].as_i64(),
        Some(one["cost"].as_i64().unwrap() + one["return"].as_i64().unwrap())
    );
    let again = here.read(&format!("/v1/accounts/{HEALTHY}/assets")).await["data"].clone();
    assert_eq!(assets, again);
    let earnings = here.read(&format!("/v2/accounts/{HEALTHY}/earnings")).await;
    assert!(earnings["data"][0]["amount"].is_i64());
}

#[tokio::test]
async fn customers_are_listed_read_and_changed() {
    let here =
        Here::with(Options { pace: Pace::Explicit, accounts: 23, ..Options::default() }).await;
    let first = here.read("/v2/customers").await;
    assert_eq!((&first["meta"]["total"], &first["meta"]["previous"]), (&json!(23), &Value::Null));
    assert!(first["meta"]["next"].as_str().unwrap().ends_with("/v2/customers?page=2"));
    let last = here.read("/v2/customers?page=2").await;
    assert_eq!((last["data"].as_array().unwrap().len(), &last["meta"]["next"]), (3, &Value::Null));
    let account = here.simulator.account(HEALTHY).unwrap();
    let path = format!("/v2/customers/{}", account.customer);
    let customer = here.read(&path).await["data"].clone();
    assert_eq!(customer["name"], json!(account.name));
    assert_eq!(customer["bvn"], json!(account.bvn));
    let email = customer["email"].as_str().unwrap();
    let found = here.read(&format!("/v2/customers?email={email}")).await;
    assert!(found["data"].as_array().unwrap().contains(&customer));
    let patch = async |body: Value| here.send(here.http.patch(here.at(&path)).json(&body)).await;
    let changed = patch(json!({ "phone": "+2348111111111", "address": "1 Sample Road" })).await;
    assert_eq!(changed.status(), 200);
    assert_eq!(here.read(&path).await["data"]["phone"], "+2348111111111");
    assert_eq!(patch(json!({ "bvn": "1" })).await.status(), 400);
    let asked = format!("{path}/transactions?account={HEALTHY}&period=last12months");
    let rows = here.read(&asked).await;
    assert_eq!(
        (&rows["meta"]["total"], &rows["data"][0]["account"]),
        (&json!(307), &json!(HEALTHY),)
    );
    let month = here.read(&format!("{path}/transactions?period=last1months")).await;
    assert!(month["meta"]["total"].as_u64() < rows["meta"]["total"].as_u64());
    assert_eq!(here.get("/v2/customers/none").await.status(), 404);
    assert_eq!(here.get("/v2/customers?page=0").await.status(), 400);
    let calls = json!(here.simulator.state())["calls"].clone();
    assert_eq!(calls["GET /v2/customers/{id}/transactions"], 2);
}

#[tokio::test]
async fn banks_are_listed_and_narrowed() {
    let here = Here::new().await;
    let all = here.read("/v3/institutions").await["data"].clone();
    let known = [
        "_id",
        "auth_methods",
        "bank_code",
        "country",
        "icon",
        "identifier",
        "name",
        "nip_code",
        "primary_color",
        "scope",
        "type",
    ];
    assert_eq!(keys(&all[0]), known);
    assert_eq!(keys(&all[0]["auth_methods"][0]["ui"]), ["form", "title"]);
    let count = async |query: &str| {
        here.read(&format!("/v3/institutions?{query}")).await["data"].as_array().unwrap().len()
    };
    assert_eq!(count("scope=financial_data").await, 7);
    assert_eq!(count("scope=payments").await, 0);
    assert_eq!(count("bank_code=035").await, 1);
    assert_eq!(count("bank_code=000013").await, 2);
    assert_eq!(count("auth_method=mobile_banking").await, 6);
    let bank = here.simulator.account(HEALTHY).unwrap().institution;
    let same = |each: &&Value| each["name"] == json!(bank.name);
    let listed = all.as_array().unwrap().iter().find(same).unwrap();
    assert_eq!(listed["_id"], json!(bank.id));
    let coverage = here.http.get(here.at("/coverage")).send().await.unwrap();
    assert_eq!(coverage.json::<Value>().await.unwrap().as_array().unwrap().len(), 7);
    assert!(here.read("/users/stats/wallet").await["data"]["balance"].is_i64());
}

#[tokio::test]
async fn what_is_about_nobody_is_not_found() {
    let here = Here::new().await;
    for path in [
        "identity",
        "income",
        "income-records",
        "credits",
        "debits",
        "assets",
        "earnings",
        "statement",
        "statement/jobs/1",
        "statement/insights",
    ] {
        let response = here.get(&format!("/v2/accounts/none/{path}")).await;
        assert_eq!(response.status(), 404, "{path}");
        let body: Value = response.json().await.unwrap();
        assert!(body["message"].as_str().unwrap().contains("no longer linked"), "{path}: {body}");
    }
}
