//! Real-time reads, jobs, manual syncs and unlinking.

use mono_simulator::{
    Behaviour, DataStatus, Era, JobEnd, JobKind, JobOutcome, JobState, JobWords, Kind, Realtime,
};
use serde_json::{Value, json};

use crate::support::{ASKING, DOLLARS, HEALTHY, Here, Inbox, PARTIAL, UNAVAILABLE};

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

/// A world whose real-time reads are enqueued and end only when told.
async fn held() -> Here {
    let here = Here::new().await;
    here.simulator.set_behaviour(Behaviour {
        realtime: Realtime::Enqueued,
        hold_jobs: true,
        ..Behaviour::default()
    });
    here
}

fn header(response: &reqwest::Response, name: &str) -> Option<String> {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_session_that_runs_ends_as_it_is_told() {
    for (outcome, state, sync_status, new) in [
        (JobOutcome::Finished, "finished", "SUCCESSFUL", true),
        (JobOutcome::NothingNew, "finished", "SUCCESSFUL", false),
        (JobOutcome::Failed, "failed", "FAILED", false),
        (JobOutcome::ReauthorisationRequired, "failed", "REAUTHORISATION_REQUIRED", false),
    ] {
        let here = held().await;
        let path = format!("/v2/accounts/{HEALTHY}/transactions");
        let first = here.realtime(&path).await;
        let job = header(&first, "x-job-id").unwrap();
        assert_eq!(header(&first, "x-job-status").as_deref(), Some("processing"));
        assert_eq!(header(&here.realtime(&path).await, "x-job-id"), Some(job.clone()));
        assert_eq!(here.simulator.pending(), 0);
        here.simulator.end_job(&job, JobOutcome::Processing).unwrap();
        here.simulator.end_job(&job, outcome).unwrap();
        let poll = here.read(&format!("/v2/accounts/{HEALTHY}/jobs/{job}")).await;
        assert_eq!(poll["data"]["status"], state, "{outcome:?}");
        let sent = here.simulator.deliver_all().await;
        assert_eq!(sent[0].body["data"]["status"], "processing");
        assert_eq!(sent[1].body["data"]["status"], state);
        let meta = &sent[2].body["data"]["meta"];
        assert_eq!((&meta["sync_status"], &meta["job_id"]), (&json!(sync_status), &json!(job)));
        assert_eq!(meta["has_new_data"] == true, new);
        assert_eq!(meta["data_status"], "AVAILABLE");
        let asks = here.simulator.account(HEALTHY).unwrap().needs_reauth;
        assert_eq!(asks, outcome == JobOutcome::ReauthorisationRequired);
        let again = here.realtime(&path).await;
        assert_eq!(header(&again, "x-job-status").as_deref(), Some(state));
        assert!(here.simulator.end_job(&job, outcome).unwrap_err().to_string().contains(state));
    }
}

#[tokio::test]
async fn a_session_may_end_without_a_word() {
    let here = held().await;
    here.realtime(&format!("/v2/accounts/{HEALTHY}/balance")).await;
    let end = JobEnd::from(JobOutcome::Finished).silent();
    let job = here.simulator.end_running_job(HEALTHY, JobKind::Balance, end).unwrap();
    assert_eq!(job.state, JobState::Finished);
    assert_eq!(here.simulator.pending(), 0);
    let poll = here.read(&format!("/v2/accounts/{HEALTHY}/jobs/{}", job.id)).await;
    assert_eq!(poll["data"]["name"], "jobs.accounts.sync_balance");
    assert_eq!(here.simulator.account(HEALTHY).unwrap().transactions.len(), 308);
}

#[tokio::test]
async fn a_lever_takes_the_place_of_how_a_session_would_have_ended() {
    let here = Here::new().await;
    let behaviour = Behaviour { realtime: Realtime::Enqueued, ..Behaviour::default() };
    here.simulator.set_behaviour(behaviour);
    here.realtime(&format!("/v2/accounts/{HEALTHY}/balance")).await;
    assert_eq!(here.simulator.pending(), 2);
    here.simulator.end_running_job(HEALTHY, JobKind::Balance, JobOutcome::Failed).unwrap();
    let sent = here.simulator.deliver_all().await;
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].body["data"]["name"], "jobs.accounts.sync_balance");
    assert_eq!(sent[1].body["data"]["meta"]["sync_status"], "FAILED");
}

#[tokio::test]
async fn a_session_fails_if_the_bank_asks_for_the_customer_meanwhile() {
    let here = Here::new().await;
    let behaviour = Behaviour { realtime: Realtime::Enqueued, ..Behaviour::default() };
    here.simulator.set_behaviour(behaviour);
    here.realtime(&format!("/v2/accounts/{HEALTHY}/balance")).await;
    here.simulator.require_reauth(HEALTHY, mono_simulator::Announce::None).unwrap();
    let sent = here.simulator.deliver_all().await;
    assert_eq!(sent[0].body["data"]["status"], "failed");
    assert_eq!(sent[1].body["data"]["meta"]["sync_status"], "REAUTHORISATION_REQUIRED");
    assert_eq!(here.simulator.jobs()[0].state, JobState::Failed);
}

#[tokio::test]
async fn a_failed_session_need_not_mean_that_the_customer_is_wanted() {
    let here = Here::new().await;
    here.simulator.set_behaviour(Behaviour { realtime: Realtime::Failed, ..Behaviour::default() });
    here.simulator.set_era(Era::V2_2024);
    let path = format!("/v2/accounts/{HEALTHY}/transactions");
    let response = here.realtime(&path).await;
    assert_eq!(header(&response, "x-job-status").as_deref(), Some("failed"));
    assert_eq!(header(&response, "x-reauth-required").as_deref(), Some("false"));
    assert_eq!(header(&response, "x-has-new-data").as_deref(), Some("false"));
    assert_eq!(response.json::<Value>().await.unwrap()["meta"]["total"], 307);
    here.simulator.set_era(Era::V2_2026);
    let sent = here.simulator.deliver_all().await;
    assert_eq!(sent[1].body["data"]["meta"]["sync_status"], "FAILED");
    here.simulator.set_behaviour(Behaviour { failed_without_data: true, ..Behaviour::default() });
    let again: Value = here.realtime(&path).await.json().await.unwrap();
    assert_eq!((&again["data"], &again["status"]), (&Value::Null, &json!("successful")));
    assert_eq!(sent[1].body["data"]["meta"]["data_status"], "AVAILABLE");
}

#[tokio::test]
async fn a_reauthorisation_ends_the_session_before_it() {
    let here = Here::new().await;
    let path = format!("/v2/accounts/{ASKING}/balance");
    let failed = here.realtime(&path).await;
    assert_eq!(header(&failed, "x-job-status").as_deref(), Some("failed"));
    here.simulator.finish_widget(ASKING, mono_simulator::Outcome::Approve).unwrap();
    let fresh = here.realtime(&path).await;
    assert_eq!(header(&fresh, "x-job-status").as_deref(), Some("finished"));
    assert_ne!(header(&fresh, "x-job-id"), header(&failed, "x-job-id"));
}

#[tokio::test]
async fn jobs_are_told_of_in_every_vocabulary() {
    for (job_words, finished, required) in [
        (JobWords::Documented, "finished", "failed"),
        (JobWords::Changelog, "SUCCESSFUL", "REAUTHORISATION_REQUIRED"),
        (JobWords::Object, "SUCCESSFUL", "REAUTHORISATION_REQUIRED"),
    ] {
        let here = Here::new().await;
        let behaviour =
            Behaviour { job_words, job_status_in_capitals: true, ..Behaviour::default() };
        here.simulator.set_behaviour(behaviour);
        for (id, header_word, word) in
            [(HEALTHY, "FINISHED", finished), (ASKING, "FAILED", required)]
        {
            let response = here.realtime(&format!("/v2/accounts/{id}/balance")).await;
            assert_eq!(header(&response, "x-job-status").as_deref(), Some(header_word));
            let job = header(&response, "x-job-id").unwrap();
            let sent = here.simulator.deliver_all().await;
            let data = &sent[0].body["data"];
            assert_eq!((sent[0].kind, &data["status"]), (Kind::JobUpdate, &json!(word)));
            let (account, id_field) = if job_words == JobWords::Object {
                (&data["account"]["_id"], &data["job_id"])
            } else {
                (&data["account"], &data["id"])
            };
            assert_eq!((account, id_field), (&json!(id), &json!(job)));
        }
    }
}

#[tokio::test]
async fn real_time_headers_came_one_by_one() {
    let here = Here::new().await;
    let path = format!("/v2/accounts/{HEALTHY}/balance");
    for (era, names) in [
        (Era::Legacy, vec![]),
        (Era::V1, vec!["x-has-new-data", "x-reauth-required"]),
        (Era::V2_2024, vec!["x-has-new-data", "x-job-id", "x-job-status", "x-reauth-required"]),
        (Era::V2_2026, vec!["x-has-new-data", "x-job-id", "x-job-status"]),
    ] {
        here.simulator.reset(None);
        here.simulator.set_era(era);
        let response = here.realtime(&path).await;
        let mut seen: Vec<&str> = response
            .headers()
            .keys()
            .map(|name| name.as_str())
            .filter(|name| name.starts_with("x-"))
            .collect();
        seen.sort_unstable();
        assert_eq!(seen, names, "{era:?}");
    }
}

#[tokio::test]
async fn statuses_move_as_the_table_says() {
    for (id, part, after) in [
        (DOLLARS, "balance", DataStatus::Failed),
        (UNAVAILABLE, "balance", DataStatus::Partial),
        (UNAVAILABLE, "transactions", DataStatus::Partial),
        (PARTIAL, "balance", DataStatus::Partial),
        (PARTIAL, "transactions", DataStatus::Available),
        (HEALTHY, "balance", DataStatus::Available),
    ] {
        for realtime in [Realtime::Finished, Realtime::Enqueued] {
            let here = Here::new().await;
            here.simulator.set_behaviour(Behaviour { realtime, ..Behaviour::default() });
            here.realtime(&format!("/v2/accounts/{id}/{part}")).await;
            here.simulator.deliver_all().await;
            let account = here.simulator.account(id).unwrap();
            assert_eq!(account.data_status, after, "{id} {part} {realtime:?}");
        }
    }
    let here = Here::new().await;
    here.simulator.set_status(HEALTHY, DataStatus::Failed).unwrap();
    here.realtime(&format!("/v2/accounts/{HEALTHY}/transactions")).await;
    assert_eq!(here.simulator.account(HEALTHY).unwrap().data_status, DataStatus::Partial);
}
