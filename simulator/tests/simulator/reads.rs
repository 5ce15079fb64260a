//! Details, balances and transactions, in every era.

use std::collections::BTreeSet;

use mono_simulator::{Behaviour, DataStatus, Era, NextLinks};
use serde_json::{Value, json};

use crate::support::{HEALTHY, Here, LARGE, NAIRA, PARTIAL, PROCESSING};

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let here = Here::new().await;
    let path = here.at(&format!("/v2/accounts/{HEALTHY}"));
    for key in [None, Some("live_sk_other")] {
        let request = here.http.get(&path);
        let request =
            key.map_or(request.try_clone().unwrap(), |k| request.header("mono-sec-key", k));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["status"], "failed");
        assert!(body["message"].is_string() && body["timestamp"].is_string());
        assert_eq!(body.get("data"), Some(&Value::Null));
    }
}

#[tokio::test]
async fn an_unknown_account_is_not_found() {
    let here = Here::new().await;
    for path in ["", "/balance", "/transactions", "/jobs/1"] {
        let response = here.get(&format!("/v2/accounts/000000000000000000000000{path}")).await;
        assert_eq!(response.status(), 404, "{path}");
        assert_eq!(response.json::<Value>().await.unwrap()["status"], "failed");
    }
}

#[tokio::test]
async fn details_are_as_documented_in_2026() {
    let here = Here::new().await;
    let account = here.simulator.account(HEALTHY).unwrap();
    let body = here.read(&format!("/v2/accounts/{HEALTHY}")).await;
    assert_eq!(body["status"], "successful");
    let bvn = account.bvn.unwrap();
    let session = body["data"]["meta"]["session_id"].as_str().unwrap();
    assert_eq!(
        body["data"],
        json!({
            "account": {
                "id": HEALTHY, "name": account.name, "account_number": account.account_number,
                "currency": "NGN", "balance": account.balance, "type": account.kind,
                "bvn": bvn[7..],
                "institution": {
                    "name": account.institution.name, "type": "PERSONAL_BANKING",
                    "bank_code": account.institution.bank_code,
                },
            },
            "customer": { "id": account.customer },
            "meta": {
                "data_status": "AVAILABLE", "auth_method": account.auth_method,
                "retrieved_data": ["identity", "balance", "transactions"],
                "ref": account.reference, "data_request_id": account.data_request_id,
                "session_id": session,
            },
        })
    );
    let odd = here.read(&format!("/v2/accounts/{NAIRA}")).await;
    assert_eq!(odd["data"]["account"]["currency"], "Naira");
    assert!(odd["data"]["account"]["institution"]["bankCode"].is_string());
}

#[tokio::test]
async fn each_era_has_its_own_shapes() {
    let here = Here::new().await;
    let path = format!("/v2/accounts/{PARTIAL}");
    here.simulator.set_era(Era::V2_2024);
    let body = here.read(&path).await;
    assert_eq!(body["data"]["meta"]["data_status"], "FAILED");
    assert_eq!(body["data"]["meta"]["subscribed_to_data_sync"], true);
    assert!(body["data"]["account"]["institution"]["bankCode"].is_string());
    assert!(body["data"]["meta"].get("retrieved_data").is_none());
    here.simulator.set_era(Era::V1);
    let body = here.read(&path).await;
    assert!(body.get("timestamp").is_none());
    assert_eq!(body["data"]["id"], PARTIAL);
    assert_eq!(body["data"]["data_status"], "failed");
    assert_eq!(body["data"]["currency"], "ngn");
    let page = here.read(&format!("/v1/accounts/{HEALTHY}/transactions")).await;
    assert_eq!(page["data"]["paging"]["total"], 307);
    assert_eq!(page["data"]["transactions"][0]["currency"], "ngn");
    here.simulator.set_era(Era::Legacy);
    let body = here.read(&path).await;
    assert_eq!(body["account"]["_id"], PARTIAL);
    assert!(body["account"]["accountNumber"].is_string());
    let page = here.read(&format!("/accounts/{HEALTHY}/transactions")).await;
    assert_eq!(page["paging"]["total"], 307);
    assert!(page["data"][0]["_id"].is_string());
    let error: Value = here.get("/accounts/none").await.json().await.unwrap();
    assert_eq!(error.as_object().unwrap().keys().collect::<Vec<_>>(), ["message"]);
}

#[tokio::test]
async fn pages_hold_every_transaction_once_and_newest_first() {
    let here = Here::new().await;
    let mut ids = Vec::new();
    let mut page = 1;
    loop {
        let body = here.read(&format!("/v2/accounts/{HEALTHY}/transactions?page={page}")).await;
        assert_eq!(body["meta"]["total"], 307);
        assert_eq!(body["meta"]["page"], page);
        assert_eq!(body["meta"]["previous"].is_null(), page == 1);
        let rows = body["data"].as_array().unwrap();
        assert!(rows.len() <= 20);
        ids.extend(rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        let base = here.simulator.base_url();
        page += 1;
        match body["meta"]["next"].as_str() {
            Some(next) => {
                assert_eq!(next, format!("{base}/v2/{HEALTHY}/transactions?page={page}"));
            }
            None => break,
        }
    }
    let known = here.simulator.account(HEALTHY).unwrap().transactions;
    assert_eq!(ids, known.into_iter().map(|each| each.id).collect::<Vec<_>>());
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 307);
    let past = here.read(&format!("/v2/accounts/{HEALTHY}/transactions?page=99")).await;
    assert_eq!(past["data"], json!([]));
}

#[tokio::test]
async fn transactions_are_filtered() {
    let here = Here::new().await;
    let known = here.simulator.account(HEALTHY).unwrap().transactions;
    let path = format!("/v2/accounts/{HEALTHY}/transactions");
    let total = async |query: &str| {
        here.read(&format!("{path}?{query}")).await["meta"]["total"].as_u64().unwrap() as usize
    };
    let debits = known.iter().filter(|each| each.kind == "debit").count();
    assert_eq!(total("type=debit").await, debits);
    assert_eq!(total("type=credit").await, 307 - debits);
    let fees = known.iter().filter(|each| each.narration.contains("SCHOOL")).count();
    assert_eq!(total("narration=school").await, fees);
    let day = known[5].date.date_naive();
    let same = known.iter().filter(|each| each.date.date_naive() == day).count();
    let asked = day.format("%d-%m-%Y");
    assert_eq!(total(&format!("start={asked}&end={asked}")).await, same);
    let hundred = here.read(&format!("{path}?limit=500")).await;
    assert_eq!(hundred["data"].as_array().unwrap().len(), 100);
    let all = here.read(&format!("{path}?paginate=false")).await;
    assert_eq!(all["data"].as_array().unwrap().len(), 307);
    assert!(all.get("meta").is_none());
    for wrong in [
        "start=2026-01-01&end=2026-02-01",
        "start=01-01-2026",
        "end=01-01-2026",
        "type=refund",
        "limit=0",
        "page=0",
        "page=two",
        "paginate=perhaps",
    ] {
        assert_eq!(here.get(&format!("{path}?{wrong}")).await.status(), 400, "{wrong}");
    }
}

#[tokio::test]
async fn links_between_pages_can_be_right() {
    let here = Here::new().await;
    let behaviour = Behaviour { next_links: NextLinks::Correct, ..Behaviour::default() };
    here.simulator.set_behaviour(behaviour);
    let path = format!("/v2/accounts/{HEALTHY}/transactions?type=debit&narration=pos%20p&limit=5");
    let first = here.read(&path).await;
    let next = first["meta"]["next"].as_str().unwrap();
    let second = here.read(next.trim_start_matches(here.simulator.base_url())).await;
    assert_eq!(second["meta"]["page"], 2);
    assert_eq!(second["meta"]["total"], first["meta"]["total"]);
    assert_eq!(second["data"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn what_has_not_been_fetched_reads_as_empty() {
    let here = Here::new().await;
    for id in [PROCESSING, PARTIAL] {
        let page = here.read(&format!("/v2/accounts/{id}/transactions")).await;
        assert_eq!(page["data"], json!([]));
        assert_eq!(page["meta"]["total"], 0);
    }
    let balance = here.read(&format!("/v2/accounts/{PARTIAL}/balance")).await;
    assert!(balance["data"]["balance"].as_i64().unwrap() > 0);
    here.simulator.set_status(PROCESSING, DataStatus::Available).unwrap();
    let page = here.read(&format!("/v2/accounts/{PROCESSING}/transactions")).await;
    assert_eq!(page["meta"]["total"], 45);
}

#[tokio::test]
async fn large_amounts_are_plain_numbers() {
    let here = Here::new().await;
    let page = here.read(&format!("/v2/accounts/{LARGE}/transactions")).await;
    assert!(page["data"][0]["amount"].as_i64().unwrap() > i64::from(i32::MAX));
    assert_eq!(page["data"][0].get("balance"), Some(&Value::Null));
    assert_eq!(page["data"][0].get("category"), Some(&Value::Null));
}

#[tokio::test]
async fn accounts_are_listed_and_found() {
    let here = Here::new().await;
    let all = here.read("/v2/accounts").await;
    assert_eq!(all["data"].as_array().unwrap().len(), 8);
    let number = here.simulator.account(LARGE).unwrap().account_number;
    let one = here.read(&format!("/v2/accounts?account_number={number}")).await;
    assert_eq!(one["data"][0]["id"], LARGE);
}
