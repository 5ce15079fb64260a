//! The manual sync of the first API.

use mono_simulator::{Behaviour, Realtime, SyncCode};
use serde_json::{Value, json};

use crate::support::{ASKING, HEALTHY, Here};

async fn sync(here: &Here, path: &str) -> Value {
    let response = here.post(path, &json!({})).await;
    assert_eq!(response.status(), 200, "{path}");
    response.json().await.unwrap()
}

fn code(sync_code: SyncCode) -> Behaviour {
    Behaviour { sync_code: Some(sync_code), sync_every_ms: 0, ..Behaviour::default() }
}

#[tokio::test]
async fn a_manual_sync_answers_flat_and_with_a_code() {
    let here = Here::new().await;
    let path = format!("/accounts/{HEALTHY}/sync");
    let expected = json!({
        "status": "successful", "hasNewData": true, "code": "SYNC_SUCCESSFUL", "message": null,
    });
    assert_eq!(sync(&here, &path).await, expected);
    let sent = here.simulator.deliver_all().await;
    assert_eq!(sent[0].body["event"], "mono.events.account_updated");
    let asking = sync(&here, &format!("/accounts/{ASKING}/sync")).await;
    assert_eq!(asking["code"], "REAUTHORISATION_REQUIRED");
    assert_eq!(asking["status"], "failed");
    let sent = here.simulator.deliver_all().await;
    assert_eq!(sent[0].body["event"], "mono.events.reauthorisation_required");
    for (sync_code, word, status) in [
        (SyncCode::SyncSuccessful, "SYNC_SUCCESSFUL", "successful"),
        (SyncCode::SyncedSuccessful, "SYNCED_SUCCESSFUL", "successful"),
        (SyncCode::SyncError, "SYNC_ERROR", "failed"),
        (SyncCode::IncompleteStatementError, "INCOMPLETE_STATEMENT_ERROR", "failed"),
        (SyncCode::ReauthorisationRequired, "REAUTHORISATION_REQUIRED", "failed"),
    ] {
        here.simulator.set_behaviour(code(sync_code));
        let answer = here.read(&format!("/v1/accounts/{HEALTHY}/sync")).await;
        assert_eq!((&answer["code"], &answer["status"]), (&json!(word), &json!(status)));
    }
    assert!(here.simulator.account(HEALTHY).unwrap().needs_reauth);
}

#[tokio::test]
async fn an_incomplete_statement_can_be_accepted() {
    let here = Here::new().await;
    let path = format!("/accounts/{HEALTHY}/sync");
    here.simulator.set_behaviour(code(SyncCode::IncompleteStatementError));
    assert_eq!(sync(&here, &path).await["code"], "INCOMPLETE_STATEMENT_ERROR");
    let accepted = format!("{path}?allow_incomplete_statement=true");
    assert_eq!(sync(&here, &accepted).await["code"], "SYNC_SUCCESSFUL");
    assert_eq!(here.simulator.account(HEALTHY).unwrap().transactions.len(), 307 - 5 + 1);
    let behaviour =
        Behaviour { incomplete_is_successful: true, ..code(SyncCode::IncompleteStatementError) };
    here.simulator.set_behaviour(behaviour);
    assert_eq!(sync(&here, &path).await["status"], "successful");
}

#[tokio::test]
async fn a_second_sync_comes_too_soon() {
    let here = Here::new().await;
    let path = format!("/accounts/{HEALTHY}/sync");
    sync(&here, &path).await;
    let second = here.post(&path, &json!({})).await;
    assert_eq!(second.status(), 429);
    assert_eq!(second.json::<Value>().await.unwrap()["status"], "failed");
    sync(&here, &format!("/accounts/{ASKING}/sync")).await;
    here.simulator.set_behaviour(Behaviour { sync_every_ms: 0, ..Behaviour::default() });
    sync(&here, &path).await;
}

#[tokio::test]
async fn a_sync_may_find_nothing_new_and_may_come_in_an_envelope() {
    let here = Here::new().await;
    here.simulator.set_behaviour(Behaviour {
        realtime: Realtime::NothingNew,
        sync_in_envelope: true,
        ..Behaviour::default()
    });
    let answer = sync(&here, &format!("/accounts/{HEALTHY}/sync")).await;
    assert_eq!(answer["status"], "successful");
    assert_eq!(answer["data"]["code"], "SYNC_SUCCESSFUL");
    assert_eq!(answer["data"]["hasNewData"], false);
}
