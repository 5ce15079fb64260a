//! What takes a while: income, creditworthiness, enrichments and statements.

use mono_simulator::{
    Behaviour, Era, JobEnd, JobKind, JobOutcome, JobState, Kind, Variant, Webhook,
};
use serde_json::{Value, json};

use crate::support::{HEALTHY, Here, Inbox, LARGE};

/// A world whose webhooks arrive.
async fn heard() -> (Here, Inbox) {
    let here = Here::new().await;
    let inbox = Inbox::new().await;
    here.simulator.set_webhook_url(&inbox.url);
    (here, inbox)
}

fn loan() -> Value {
    json!({
        "bvn": "22000000001", "principal": 30_000_000, "interest_rate": 5, "term": 12,
        "run_credit_check": true,
    })
}

#[tokio::test]
async fn income_is_told_by_webhook_and_recorded() {
    let (here, mut inbox) = heard().await;
    let path = format!("/v2/accounts/{HEALTHY}");
    let started = here.read(&format!("{path}/income?period=6")).await;
    assert_eq!((&started["status"], &started["data"]), (&json!("successful"), &Value::Null));
    let before = here.read(&format!("{path}/income-records")).await;
    assert_eq!(before["data"].as_array().unwrap().len(), 1);
    here.simulator.deliver_all().await;
    let event = inbox.next().await.json();
    assert_eq!(event["event"], "mono.events.account_income");
    let data = &event["data"];
    assert_eq!(data["account"], HEALTHY);
    let summary = &data["income_summary"];
    assert_eq!(data["annual_income"], summary["total_income"]);
    assert!(summary["employer"].is_string() && data["app"].is_string());
    assert_eq!(data["income_streams"][0]["number_of_months"], 6);
    let records = here.read(&format!("{path}/income-records")).await;
    assert_eq!(records["data"].as_array().unwrap().len(), 2);
    assert_eq!(records["data"][0]["period"], 6);
    assert!(records["data"][0]["aggregated_monthly_average"].is_f64());
    assert!(records["data"][0].get("monthly_average").is_none());
    here.simulator.set_era(Era::V2_2024);
    let records = here.read(&format!("{path}/income-records")).await;
    assert!(records["data"][0]["monthly_average_regular"].is_f64());
    assert!(records["data"][0].get("aggregated_monthly_average").is_none());
    for wrong in ["0", "13", "last0months", "lots"] {
        let response = here.get(&format!("{path}/income?period={wrong}")).await;
        assert_eq!(response.status(), 400, "{wrong}");
    }
}

#[tokio::test]
async fn the_first_api_knew_the_income_at_once() {
    let here = Here::new().await;
    here.simulator.set_era(Era::Legacy);
    let income = here.read(&format!("/accounts/{HEALTHY}/income")).await;
    assert_eq!(income["type"], "INCOME");
    assert!(income["amount"].is_i64() && income["confidence"].is_f64());
    here.simulator.set_era(Era::V1);
    let income = here.read(&format!("/v1/accounts/{HEALTHY}/income")).await;
    assert_eq!(income["data"]["type"], "INCOME");
    assert!(here.simulator.jobs().is_empty());
}

#[tokio::test]
async fn without_a_webhook_nobody_would_hear() {
    let here = Here::new().await;
    let income = format!("/v2/accounts/{HEALTHY}/income");
    let credit = format!("/v2/accounts/{HEALTHY}/creditworthiness");
    for url in [None, Some("http://127.0.0.1:1/")] {
        if let Some(url) = url {
            here.simulator.set_webhook_url(url);
            let behaviour = Behaviour { no_webhook_found: true, ..Behaviour::default() };
            here.simulator.set_behaviour(behaviour);
        }
        for response in [here.get(&income).await, here.post(&credit, &loan()).await] {
            assert_eq!(response.status(), 404);
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["message"], "No webhook found for app");
        }
    }
    here.simulator.set_behaviour(Behaviour::default());
    assert_eq!(here.get(&income).await.status(), 200);
}

#[tokio::test]
async fn creditworthiness_is_told_by_webhook() {
    let (here, mut inbox) = heard().await;
    let path = format!("/v2/accounts/{HEALTHY}/creditworthiness");
    let started = here.post(&path, &loan()).await;
    assert_eq!(started.status(), 200);
    assert_eq!(started.json::<Value>().await.unwrap()["data"], Value::Null);
    here.simulator.deliver_all().await;
    let event = inbox.next().await.json();
    assert_eq!(event["event"], "mono.events.account_credit_worthiness");
    assert_eq!(event["data"]["account"], HEALTHY);
    assert!(event["data"]["summary"]["can_afford"].is_boolean());
    assert!(event["data"]["debt"]["debt_by_institution"].is_array());
    for (name, wrong) in [
        ("bvn", json!("123")),
        ("bvn", Value::Null),
        ("principal", json!(0.5)),
        ("term", json!("12")),
        ("interest_rate", json!("5")),
        ("run_credit_check", json!("yes")),
        ("existing_loans", json!({})),
    ] {
        let mut body = loan();
        body[name] = wrong;
        let refused = here.post(&path, &body).await;
        assert_eq!(refused.status(), 400, "{body}");
        let refused: Value = refused.json().await.unwrap();
        assert!(refused["message"].as_str().unwrap().contains(name), "{body}: {refused}");
    }
}

#[tokio::test]
async fn sandbox_events_had_names_of_their_own() {
    let (here, _inbox) = heard().await;
    let name = async |kind| {
        here.simulator.send_webhook(Webhook::new(kind, HEALTHY)).unwrap();
        here.simulator.deliver_all().await.remove(0).body["event"].as_str().unwrap().to_owned()
    };
    assert_eq!(name(Kind::AccountIncome).await, "mono.events.account_income");
    here.simulator.set_era(Era::V2_2024);
    assert_eq!(name(Kind::AccountIncome).await, "mono.events.sandbox_account_income");
    let credit = "mono.events.sandbox_account_credit_worthiness";
    assert_eq!(name(Kind::AccountCreditWorthiness).await, credit);
    assert_eq!(name(Kind::StatementInsights).await, "mono.events.statement_insights");
    here.simulator.set_behaviour(Behaviour { sandbox_prefix: Some(false), ..Behaviour::default() });
    assert_eq!(name(Kind::AccountIncome).await, "mono.events.account_income");
}

#[tokio::test]
async fn products_fail_when_told() {
    let (here, _inbox) = heard().await;
    here.simulator.set_behaviour(Behaviour { hold_jobs: true, ..Behaviour::default() });
    here.get(&format!("/v2/accounts/{HEALTHY}/income")).await;
    here.post(&format!("/v2/accounts/{HEALTHY}/creditworthiness"), &loan()).await;
    here.post(&format!("/v2/accounts/{HEALTHY}/transactions/metadata"), &json!({})).await;
    assert_eq!(here.simulator.pending(), 0);
    for kind in [JobKind::Income, JobKind::Creditworthiness, JobKind::Metadata] {
        let wrong = JobOutcome::ReauthorisationRequired;
        let refusal = here.simulator.end_running_job(HEALTHY, kind, wrong).unwrap_err();
        assert!(refusal.to_string().contains("real-time"), "{refusal}");
        let job = here.simulator.end_running_job(HEALTHY, kind, JobOutcome::Failed).unwrap();
        assert_eq!(job.state, JobState::Failed);
    }
    let sent = here.simulator.deliver_all().await;
    assert!(sent[0].body["data"]["message"].as_str().unwrap().contains("income"));
    assert!(sent[1].body["data"]["message"].as_str().unwrap().contains("credit worthiness"));
    assert_eq!(sent[2].body["data"]["jobStatus"], "failed");
    let nested = Webhook::new(Kind::AccountCreditWorthiness, HEALTHY)
        .variant(Variant::B)
        .sync_status("failed");
    here.simulator.send_webhook(nested).unwrap();
    let nested = here.simulator.deliver_all().await.remove(0).body;
    assert_eq!(nested["data"]["event"], "mono.events.account_credit_worthiness");
    assert_eq!(nested["data"]["data"]["account"], HEALTHY);
}

#[tokio::test]
async fn enrichments_run_end_and_are_kept_for_a_while() {
    let (here, mut inbox) = heard().await;
    let path = format!("/v2/accounts/{LARGE}");
    for (method, part, event) in [
        ("POST", "transactions/categorise", "mono.events.transaction_categorisation"),
        ("POST", "transactions/metadata", "mono.events.transaction_metadata"),
        ("GET", "statement/insights", "mono.events.statement_insights"),
    ] {
        let method = method.parse().unwrap();
        let request = here.http.request(method, here.at(&format!("{path}/{part}")));
        let started: Value = here.send(request).await.json().await.unwrap();
        assert_eq!(started["status"], "processing");
        assert_eq!(started["data"]["jobStatus"], "processing");
        let id = started["data"]["jobId"].as_str().unwrap();
        let record = format!("/v2/enrichments/record/{id}");
        assert_eq!(here.read(&record).await["status"], "processing");
        here.simulator.deliver_all().await;
        let told = inbox.next().await.json();
        assert_eq!(told["event"], event);
        assert_eq!(
            (&told["data"]["jobId"], &told["data"]["jobStatus"]),
            (&json!(id), &json!("successful"),)
        );
        assert_eq!(here.read(&record).await["data"]["jobStatus"], "successful");
        let short = Behaviour { enrichment_lifetime_ms: 0, ..Behaviour::default() };
        here.simulator.set_behaviour(short);
        assert_eq!(here.get(&record).await.status(), 404);
        here.simulator.set_behaviour(Behaviour::default());
    }
    let account = here.simulator.account(LARGE).unwrap();
    assert!(account.transactions.iter().all(|each| each.category.is_some()));
}

#[tokio::test]
async fn a_statement_is_read_as_json_in_every_era() {
    let here = Here::new().await;
    let path = format!("/v2/accounts/{HEALTHY}/statement");
    let one = here.read(&path).await;
    let all = here.read(&format!("{path}?period=last12months&output=json")).await;
    let count = |body: &Value| body["data"].as_array().unwrap().len();
    assert!(0 < count(&one) && count(&one) < count(&all) && count(&all) <= 307);
    assert_eq!(all["meta"], json!({ "count": count(&all) }));
    here.simulator.set_era(Era::Legacy);
    let bare = here.read(&format!("/accounts/{HEALTHY}/statement?period=last12months")).await;
    assert_eq!(bare["meta"]["count"], json!(count(&all)));
    assert!(bare["data"][0]["_id"].is_string());
    for wrong in ["period=6", "period=last13months", "output=xml"] {
        assert_eq!(here.get(&format!("{path}?{wrong}")).await.status(), 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_pdf_is_built_after_a_while_or_when_told() {
    let here = Here::new().await;
    let base = format!("/v2/accounts/{HEALTHY}/statement");
    let start = async || {
        let job = here.read(&format!("{base}?period=last6months&output=pdf")).await["data"].clone();
        assert_eq!(job["status"], "BUILDING");
        job
    };
    let poll = async |job: &Value| {
        let id = job["id"].as_str().unwrap();
        here.read(&format!("{base}/jobs/{id}")).await["data"]["status"].clone()
    };
    let fetch =
        async |job: &Value| here.http.get(job["path"].as_str().unwrap()).send().await.unwrap();
    let job = start().await;
    assert_eq!(fetch(&job).await.status(), 404);
    assert_eq!(poll(&job).await, "BUILDING");
    assert_eq!(poll(&job).await, "BUILT");
    let file = fetch(&job).await;
    assert_eq!(file.headers()["content-type"], "application/pdf");
    assert!(file.bytes().await.unwrap().starts_with(b"%PDF-"));

    here.simulator.set_behaviour(Behaviour { hold_jobs: true, ..Behaviour::default() });
    for (outcome, status) in [(JobOutcome::Finished, "BUILT"), (JobOutcome::Failed, "FAILED")] {
        let job = start().await;
        for _ in 0..3 {
            assert_eq!(poll(&job).await, "BUILDING");
        }
        let end = JobEnd::from(outcome);
        here.simulator.end_running_job(HEALTHY, JobKind::Statement, end).unwrap();
        assert_eq!(poll(&job).await, status);
        assert_eq!(here.simulator.pending(), 0);
    }
    here.simulator.set_era(Era::Legacy);
    let bare = here.read(&format!("/accounts/{HEALTHY}/statement?output=pdf")).await;
    assert_eq!(bare["status"], "BUILDING");
}

#[tokio::test]
async fn jobs_can_be_found() {
    let (here, _inbox) = heard().await;
    here.get(&format!("/v2/accounts/{HEALTHY}/income")).await;
    here.realtime(&format!("/v2/accounts/{HEALTHY}/balance")).await;
    let jobs = json!(here.simulator.state())["jobs"].clone();
    assert_eq!((&jobs[0]["kind"], &jobs[0]["state"]), (&json!("income"), &json!("processing")));
    assert_eq!((&jobs[1]["kind"], &jobs[1]["account"]), (&json!("balance"), &json!(HEALTHY)));
    let sync = format!("/v2/accounts/{HEALTHY}/jobs/{}", jobs[0]["id"].as_str().unwrap());
    assert_eq!(here.get(&sync).await.status(), 404);
}
