//! Real-time reads, jobs, manual syncs and unlinking.

use mono_simulator::{Behaviour, Era, Realtime, SyncCode};
use serde_json::{Value, json};

use crate::support::{ASKING, HEALTHY, Here, Inbox, PARTIAL};

#[tokio::test]
async fn a_realtime_read_fetches_once_and_then_repeats_its_job() {
    let here = Here::new().await;
    let path = format!("/v2/accounts/{HEALTHY}/transactions");
    let first = here.realtime(&path).await;
    let header = |response: &reqwest::Response, name: &str| {
        response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(header(&first, "x-job-status").as_deref(), Some("finished"));
    assert_eq!(header(&first, "x-has-new-data").as_deref(), Some("true"));
    assert_eq!(header(&first, "x-reauth-required"), None);
    let job = header(&first, "x-job-id").unwrap();
    assert_eq!(first.json::<Value>().await.unwrap()["meta"]["total"], 308);
    let second = here.realtime(&path).await;
    assert_eq!(header(&second, "x-job-id"), Some(job.clone()));
    assert_eq!(header(&second, "x-has-new-data"), None);
    assert_eq!(second.json::<Value>().await.unwrap()["meta"]["total"], 308);
    let status = here.read(&format!("/v2/accounts/{HEALTHY}/jobs/{job}")).await;
    assert_eq!(status["data"]["status"], "finished");
    assert_eq!(status["data"]["name"], "jobs.accounts.sync_statement");
    assert_eq!(header(&here.get(&path).await, "x-job-id"), None);
}

#[tokio::test]
async fn a_slow_bank_leaves_a_realtime_read_enqueued() {
    let here = Here::new().await;
    let mut inbox = Inbox::new().await;
    here.simulator.set_webhook_url(&inbox.url);
    let behaviour = Behaviour { realtime: Realtime::Enqueued, ..Behaviour::default() };
    here.simulator.set_behaviour(behaviour);
    let response = here.realtime(&format!("/v2/accounts/{HEALTHY}/balance")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-job-status"], "processing");
    let job = response.headers()["x-job-id"].to_str().unwrap().to_owned();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["data"], Value::Null);
    assert!(body["message"].as_str().unwrap().contains("enqueued"));
    here.simulator.deliver_all().await;
    let update = inbox.next().await.json();
    assert_eq!(update["event"], "mono.accounts.jobs.update");
    assert_eq!(update["data"]["id"], job);
    assert_eq!(update["data"]["account"], HEALTHY);
    let updated = inbox.next().await.json();
    assert_eq!(updated["data"]["meta"]["job_id"], job);
    assert_eq!(updated["data"]["meta"]["has_new_data"], true);
    let status = here.read(&format!("/v2/accounts/{HEALTHY}/jobs/{job}")).await;
    assert_eq!(status["data"]["status"], "finished");
}

#[tokio::test]
async fn a_realtime_read_says_that_the_customer_is_needed() {
    let here = Here::new().await;
    let mut inbox = Inbox::new().await;
    here.simulator.set_webhook_url(&inbox.url);
    here.simulator.set_era(Era::V2_2024);
    let path = format!("/v2/accounts/{ASKING}/transactions");
    let response = here.realtime(&path).await;
    assert_eq!(response.headers()["x-job-status"], "failed");
    assert_eq!(response.headers()["x-reauth-required"], "true");
    here.simulator.set_era(Era::V2_2026);
    here.simulator.deliver_all().await;
    assert_eq!(inbox.next().await.json()["data"]["status"], "failed");
    let updated = inbox.next().await.json();
    assert_eq!(updated["data"]["meta"]["sync_status"], "REAUTHORISATION_REQUIRED");
}

#[tokio::test]
async fn a_partial_account_becomes_whole() {
    let here = Here::new().await;
    here.realtime(&format!("/v2/accounts/{PARTIAL}/balance")).await;
    let details = here.read(&format!("/v2/accounts/{PARTIAL}")).await;
    assert_eq!(details["data"]["meta"]["data_status"], "PARTIAL");
    let behaviour = Behaviour { realtime_every_ms: 0, ..Behaviour::default() };
    here.simulator.set_behaviour(behaviour);
    here.realtime(&format!("/v2/accounts/{PARTIAL}/transactions")).await;
    let details = here.read(&format!("/v2/accounts/{PARTIAL}")).await;
    assert_eq!(details["data"]["meta"]["data_status"], "AVAILABLE");
}

#[tokio::test]
async fn a_manual_sync_answers_flat_and_with_a_code() {
    let here = Here::new().await;
    let sync = async |id: &str| {
        let response = here.post(&format!("/accounts/{id}/sync"), &json!({})).await;
        assert_eq!(response.status(), 200);
        response.json::<Value>().await.unwrap()
    };
    let done = sync(HEALTHY).await;
    let expected = json!({
        "status": "successful", "hasNewData": true, "code": "SYNC_SUCCESSFUL", "message": null,
    });
    assert_eq!(done, expected);
    let asking = sync(ASKING).await;
    assert_eq!(asking["code"], "REAUTHORISATION_REQUIRED");
    assert_eq!(asking["status"], "failed");
    for (code, word) in [
        (SyncCode::SyncedSuccessful, "SYNCED_SUCCESSFUL"),
        (SyncCode::SyncError, "SYNC_ERROR"),
        (SyncCode::IncompleteStatementError, "INCOMPLETE_STATEMENT_ERROR"),
    ] {
        let behaviour = Behaviour { sync_code: Some(code), ..Behaviour::default() };
        here.simulator.set_behaviour(behaviour);
        assert_eq!(here.read(&format!("/v1/accounts/{HEALTHY}/sync")).await["code"], word);
    }
}

#[tokio::test]
async fn an_unlinked_account_is_gone() {
    let here = Here::new().await;
    let mut inbox = Inbox::new().await;
    here.simulator.set_webhook_url(&inbox.url);
    let path = format!("/v2/accounts/{HEALTHY}");
    assert_eq!(here.post(&format!("{path}/unlink"), &json!({})).await.status(), 200);
    assert_eq!(here.get(&path).await.status(), 404);
    here.simulator.deliver_all().await;
    let event = inbox.next().await.json();
    assert_eq!(event["event"], "mono.events.account_unlinked");
    assert_eq!(event["data"]["account"]["id"], HEALTHY);
}
