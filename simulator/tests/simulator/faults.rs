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
async fn a_connection_may_be_reset_within_the_head_or_the_body() {
    let here = with(Fault::reset_after(20)).await;
    assert!(raw(&here).await.unwrap_err().is_request());
    here.simulator.add_fault(Fault::reset_after(300)).unwrap();
    let key = here.simulator.secret_key();
    let request = here.http.get(here.at(&details())).header("mono-sec-key", key);
    let response = request.send().await.expect("the head is whole");
    assert!(response.text().await.is_err());
    assert!(raw(&here).await.is_ok());
}

#[tokio::test]
async fn a_body_may_be_truncated_in_chunks() {
    let here = with(Fault::new(FaultKind::Truncated).chunked()).await;
    let response = here.get(&details()).await;
    assert_eq!(response.content_length(), None);
    assert!(response.text().await.is_err());
}

#[tokio::test]
async fn a_body_may_drip() {
    let here = with(Fault::drip(2)).await;
    let (begun, whole) = (Instant::now(), raw(&here).await.unwrap());
    assert!(begun.elapsed() >= Duration::from_millis(whole.len() as u64));
    assert!(serde_json::from_str::<Value>(&whole).is_ok());
}

#[tokio::test]
async fn a_body_may_be_far_larger_than_what_is_sent() {
    let mebibyte = 1024 * 1024;
    let here = with(Fault::of_size(FaultKind::Bomb, 20 * mebibyte)).await;
    let before = here.simulator.bytes_written();
    let mut response = here.get(&details()).await;
    let mut unpacked = 0;
    while unpacked < 20 * mebibyte {
        let chunk = response.chunk().await.unwrap().expect("it goes on");
        unpacked += chunk.len() as u64;
    }
    let written = here.simulator.bytes_written() - before;
    assert!((1..mebibyte / 2).contains(&written), "{written} bytes were sent");
    here.simulator.add_fault(Fault::of_size(FaultKind::Huge, mebibyte)).unwrap();
    let length = raw(&here).await.unwrap().len() as u64;
    assert!((mebibyte..mebibyte + 100).contains(&length));
    assert!(here.simulator.bytes_written() - before > mebibyte);
}

#[tokio::test]
async fn a_proxy_may_answer_instead() {
    let here = with(Fault::new(FaultKind::Html)).await;
    let response = here.get(&details()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    here.simulator.add_fault(Fault::new(FaultKind::Html).with_status(502)).unwrap();
    assert_eq!(here.get(&details()).await.status(), 502);
    let elsewhere = Fault::redirect("http://127.0.0.1:9/").with_status(307);
    here.simulator.add_fault(elsewhere).unwrap();
    assert_eq!(here.get(&details()).await.status(), 307);
    let fault = Fault::status(503).retry_after_text("Fri, 02 Jan 2026 03:04:05 GMT");
    here.simulator.add_fault(fault).unwrap();
    let response = here.get(&details()).await;
    assert_eq!(response.headers()["retry-after"], "Fri, 02 Jan 2026 03:04:05 GMT");
}

#[tokio::test]
async fn a_request_that_is_given_up_is_no_longer_in_flight() {
    let here = with(Fault::slow(60_000)).await;
    let simulator = here.simulator.clone();
    let asking = tokio::spawn(async move { raw(&here).await.is_ok() });
    until(|| simulator.in_flight() == 1).await;
    asking.abort();
    until(|| simulator.in_flight() == 0).await;
    assert_eq!(simulator.calls().len(), 1);
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
        (FaultKind::Drip, "`delay_ms`"),
        (FaultKind::Redirect, "`location`"),
    ] {
        let message = here.simulator.add_fault(Fault::new(kind)).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
    here.simulator.add_fault(Fault::status(500).times(0)).unwrap_err();
    here.simulator.add_fault(Fault::redirect("/").with_status(200)).unwrap_err();
    here.simulator.add_fault(Fault::new(FaultKind::Html).with_status(99)).unwrap_err();
    here.simulator.add_fault(Fault::status(503)).unwrap();
    here.simulator.clear_faults();
    assert_eq!(here.get(&details()).await.status(), 200);
}
