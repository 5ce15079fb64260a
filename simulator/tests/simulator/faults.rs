//! Everything that can go wrong with an answer.

use std::time::{Duration, Instant};

use mono_simulator::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::support::{ASKING, HEALTHY, Here, until};

fn details() -> String {
    format!("/v2/accounts/{HEALTHY}")
}

async fn with(fault: Fault) -> Here {
    let here = Here::new().await;
    here.simulator.add_fault(fault).unwrap();
    here
}

/// A request that nobody retries behind the test's back.
async fn raw(here: &Here) -> Result<String, reqwest::Error> {
    let request = here.http.get(here.at(&details()));
    let key = here.simulator.secret_key();
    request.header("mono-sec-key", key).send().await?.text().await
}

#[tokio::test]
async fn an_error_status_comes_as_often_as_asked() {
    let here = with(Fault::status(429).retry_after(7).message("Slow down.").times(2)).await;
    for _ in 0..2 {
        let response = here.get(&details()).await;
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "7");
        let body = response.json::<Value>().await.unwrap();
        assert_eq!((&body["status"], &body["message"]), (&json!("failed"), &json!("Slow down.")));
    }
    assert_eq!(here.get(&details()).await.status(), 200);
}

#[tokio::test]
async fn a_fault_keeps_to_its_path_and_account() {
    let here = with(Fault::status(500).path("/balance").account(HEALTHY)).await;
    assert_eq!(here.get(&details()).await.status(), 200);
    assert_eq!(here.get(&format!("/v2/accounts/{ASKING}/balance")).await.status(), 200);
    assert_eq!(here.get(&format!("{}/balance", details())).await.status(), 500);
}

#[tokio::test]
async fn an_answer_may_be_slow() {
    let here = with(Fault::slow(80)).await;
    let begun = Instant::now();
    assert_eq!(here.get(&details()).await.status(), 200);
    assert!(begun.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn a_slow_answer_does_not_hold_up_a_stop() {
    let here = with(Fault::slow(60_000)).await;
    let (simulator, begun) = (here.simulator.clone(), Instant::now());
    let answer = tokio::spawn(async move { raw(&here).await.is_ok() });
    until(|| simulator.max_concurrent() == 1).await;
    simulator.stop().await;
    answer.await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_connection_may_be_reset() {
    let here = with(Fault::new(FaultKind::Reset)).await;
    let error = raw(&here).await.unwrap_err();
    assert!(!error.is_timeout() && !error.is_connect(), "{error:?}");
    assert!(raw(&here).await.is_ok());
}

#[tokio::test]
async fn a_body_may_be_truncated() {
    let here = with(Fault::new(FaultKind::Truncated)).await;
    let response = here.get(&details()).await;
    assert_eq!(response.status(), 200);
    assert!(response.content_length().unwrap() > 100);
    assert!(response.text().await.is_err());
    assert!(raw(&here).await.is_ok());
}

#[tokio::test]
async fn a_body_may_be_something_else() {
    let here = with(Fault::new(FaultKind::Garbage)).await;
    let response = here.get(&details()).await;
    assert_eq!(response.headers()["content-type"], "application/json");
    assert!(response.json::<Value>().await.is_err());
    here.simulator.add_fault(Fault::new(FaultKind::DataNull)).unwrap();
    let body = here.read(&details()).await;
    assert_eq!((&body["status"], &body["data"]), (&json!("successful"), &Value::Null));
    here.simulator.add_fault(Fault::new(FaultKind::Empty)).unwrap();
    assert_eq!(here.get(&details()).await.text().await.unwrap(), "");
    here.simulator.add_fault(Fault::new(FaultKind::Huge)).unwrap();
    let response = here.get(&details()).await;
    assert_eq!(response.content_length(), None);
    assert!(response.bytes().await.unwrap().len() > 16 * 1024 * 1024);
    let elsewhere = "http://127.0.0.1:9/elsewhere";
    here.simulator.add_fault(Fault::redirect(elsewhere)).unwrap();
    let response = here.get(&details()).await;
    assert_eq!(response.status(), 302);
    assert_eq!(response.headers()["location"], elsewhere);
}

#[tokio::test]
async fn some_accounts_cannot_be_reauthorised() {
    let here = with(Fault::new(FaultKind::NotReauthorisable).times(2)).await;
    assert_eq!(here.get(&details()).await.status(), 200);
    let initiate = json!({ "account": HEALTHY, "scope": "reauth" });
    let legacy = format!("/accounts/{HEALTHY}/reauthorise");
    for (path, body) in [("/v2/accounts/initiate", initiate), (legacy.as_str(), json!({}))] {
        let response = here.post(path, &body).await;
        assert_eq!(response.status(), 400);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["message"], "This account can not be re-authorised.");
    }
}

#[tokio::test]
async fn faults_that_lack_something_are_refused() {
    let here = Here::new().await;
    for (kind, part) in [
        (FaultKind::Status, "`status`"),
        (FaultKind::Slow, "`delay_ms`"),
        (FaultKind::Redirect, "`location`"),
    ] {
        let message = here.simulator.add_fault(Fault::new(kind)).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
    here.simulator.add_fault(Fault::status(500).times(0)).unwrap_err();
    here.simulator.add_fault(Fault::status(503)).unwrap();
    here.simulator.clear_faults();
    assert_eq!(here.get(&details()).await.status(), 200);
}
