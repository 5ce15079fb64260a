//! Statements, income, creditworthiness, categories: started, ended, handed on, erased.

use chrono::Duration;
use mono_simulator::{Behaviour, JobKind, JobOutcome};
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};

use crate::support::*;

const STATEMENT: &str = "mutation ($id: ID!, $months: Int) {
    job: requestStatement(input: { accountId: $id, months: $months }) {
        started errors { code } job { id kind status months } } }";
const INCOME: &str =
    "mutation ($id: ID!) { job: requestIncome(input: { accountId: $id, months: 6 }) {
    started errors { code } job { id kind status } } }";
const CREDIT: &str = "mutation ($id: ID!) { job: requestCreditworthiness(input: { accountId: $id,
    bvn: \"22212345678\", principal: 500000000, interestRate: 5.5, term: 12, runCreditCheck: true }) {
    started errors { code } job { id kind status } } }";
const CATEGORISE: &str =
    "mutation ($id: ID!) { job: categoriseTransactions(input: { accountId: $id }) {
    started errors { code } job { id kind status monoJobId } } }";
const TAKE: &str = "mutation ($id: ID!) { takeStatement(input: { jobId: $id }) {
    url errors { __typename code } } }";
const JOB: &str = "query ($id: ID!) { job(id: $id) { status endedAt failure { code message }
    account { id } result { __typename availableUntil
        ... on IncomeResult { totalMinor annualMinor monthlyMinor employer raw
            streams { type monthlyAverageMinor currency } }
        ... on CreditworthinessResult { canAfford monthlyPaymentMinor totalDebtMinor raw } } }
    node(id: $id) { id } account: account(id: \"86f13963d4eb77b20d2b07f9\") { jobs { id kind } } }";

async fn start(world: &World, mutation: &str, account: &str) -> Value {
    let mut data = world.data(mutation, json!({ "id": account })).await;
    let payload = data["job"].take();
    assert_eq!(payload["errors"], json!([]), "{payload}");
    payload
}

async fn read(world: &World, id: &Value) -> Value {
    world.data(JOB, json!({ "id": id })).await["job"].take()
}

async fn until(world: &World, id: &Value, status: &str) -> Value {
    let wait = async {
        loop {
            let job = read(world, id).await;
            if job["status"] == status {
                return job;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("the job becomes so")
}

async fn take(world: &World, id: &Value) -> Value {
    world.data(TAKE, json!({ "id": id })).await["takeStatement"].take()
}

fn hold(world: &World) {
    world.simulator.set_behaviour(Behaviour { hold_jobs: true, ..Behaviour::default() });
}

/// Everything that the database holds, as text.
async fn everything(world: &World) -> String {
    let db = world.database().await;
    let mut all = String::new();
    for (table, columns) in [
        ("account_job", "job || ' ' || COALESCE(result, '')"),
        ("fact_log", "fact"),
        ("change_log", "change"),
        ("account_state", "state"),
    ] {
        let sql = format!("SELECT {columns} FROM {table}");
        let statement = Statement::from_string(db.get_database_backend(), sql);
        for row in db.query_all_raw(statement).await.unwrap() {
            all.push_str(&row.try_get_by_index::<String>(0).unwrap());
            all.push('\n');
        }
    }
    all
}

#[tokio::test]
async fn a_statement_is_asked_after_and_its_link_is_handed_on_once() {
    let world = World::new().await;
    hold(&world);
    world.known(HEALTHY).await;
    let started = start(&world, STATEMENT, HEALTHY).await;
    let id = started["job"]["id"].clone();
    assert_eq!(
        (&started["started"], &started["job"]["status"]),
        (&json!(true), &json!("PROCESSING"))
    );
    assert_eq!(take(&world, &id).await["errors"][0]["code"], "STATEMENT_NOT_READY");
    let again = start(&world, STATEMENT, HEALTHY).await;
    assert_eq!((&again["started"], &again["job"]["id"]), (&json!(false), &id));

    world.simulator.end_running_job(HEALTHY, JobKind::Statement, JobOutcome::Finished).unwrap();
    world.clock.advance(Duration::seconds(16));
    let done = until(&world, &id, "FINISHED").await;
    assert_eq!(done["result"]["__typename"], "StatementResult");
    let first = take(&world, &id).await;
    let url = first["url"].as_str().unwrap();
    assert!(url.starts_with("http"), "{first}");
    assert!(!everything(&world).await.contains(url), "the link is gone");
    let second = take(&world, &id).await;
    assert_eq!(
        (&second["url"], &second["errors"][0]["code"]),
        (&Value::Null, &json!("ALREADY_TAKEN"))
    );
    assert_eq!(read(&world, &id).await["result"], Value::Null);
    world.stop().await;
}

#[tokio::test]
async fn of_many_who_take_a_statement_at_once_one_gets_it() {
    let world = World::with_replicas(2).await;
    hold(&world);
    world.known(HEALTHY).await;
    let id = start(&world, STATEMENT, HEALTHY).await["job"]["id"].clone();
    world.simulator.end_running_job(HEALTHY, JobKind::Statement, JobOutcome::Finished).unwrap();
    world.clock.advance(Duration::seconds(16));
    until(&world, &id, "FINISHED").await;
    let variables = json!({ "id": id });
    let ask = |n: usize| world.ask_of(n % 2, TAKE, variables.clone());
    let answers = futures_util::future::join_all((0..6).map(ask)).await;
    let got = answers.iter().filter(|a| a["data"]["takeStatement"]["url"].is_string()).count();
    assert_eq!(got, 1, "{answers:?}");
    world.stop().await;
}

#[tokio::test]
async fn a_statement_that_nobody_takes_is_erased_after_an_hour() {
    let world = World::new().await;
    hold(&world);
    world.known(HEALTHY).await;
    let id = start(&world, STATEMENT, HEALTHY).await["job"]["id"].clone();
    world.simulator.end_running_job(HEALTHY, JobKind::Statement, JobOutcome::Finished).unwrap();
    world.clock.advance(Duration::seconds(16));
    until(&world, &id, "FINISHED").await;
    assert_eq!(world.count("account_job", "result IS NOT NULL").await, 1);
    world.clock.advance(Duration::minutes(61));
    assert_eq!(read(&world, &id).await["result"], Value::Null);
    let erased = async {
        while world.count("account_job", "result IS NOT NULL").await > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, erased).await.expect("it is erased");
    assert_eq!(take(&world, &id).await["errors"][0]["code"], "ALREADY_TAKEN");
    world.stop().await;
}

#[tokio::test]
async fn an_income_arrives_by_webhook_and_stands_in_no_log() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    let id = start(&world, INCOME, HEALTHY).await["job"]["id"].clone();
    let mut changes = world
        .subscribe(0, "subscription { jobChanged { status cause job { id } } }", json!({}))
        .await;
    world.simulator.deliver_all().await;
    let event = changes.event().await;
    assert_eq!((&event["status"], &event["cause"]), (&json!("FINISHED"), &json!("JOB_UPDATED")));
    assert_eq!(event["job"]["id"], id);
    let result = read(&world, &id).await["result"].take();
    assert_eq!(result["__typename"], "IncomeResult");
    let stream = &result["streams"][0];
    assert!(stream["monthlyAverageMinor"].is_string(), "{result}");
    assert!(result["raw"].as_str().unwrap().contains("income"));
    for table in ["fact_log", "change_log", "account_state", "webhook_event"] {
        let column = match table {
            "fact_log" => "fact",
            "change_log" => "change",
            "webhook_event" => "body",
            _ => "state",
        };
        let amount = stream["monthlyAverageMinor"].as_str().unwrap();
        let held = format!("CAST({column} AS TEXT) LIKE '%{amount}%'");
        assert_eq!(world.count(table, &held).await, 0, "{table}");
    }
    let data = world.data(JOB, json!({ "id": id })).await;
    assert_eq!((&data["node"]["id"], &data["account"]["jobs"][0]["id"]), (&id, &id));
    world.stop().await;
}

#[tokio::test]
async fn an_assessment_is_kept_until_its_account_is_unlinked() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    let id = start(&world, CREDIT, HEALTHY).await["job"]["id"].clone();
    assert_eq!(world.count("account_job", "job LIKE '%22212345678%'").await, 0);
    world.simulator.deliver_all().await;
    let result = until(&world, &id, "FINISHED").await["result"].take();
    assert!(result["canAfford"].is_boolean(), "{result}");
    let unlinked = json!({ "event": "mono.events.account_unlinked", "data": { "account": { "id": HEALTHY } } });
    assert_eq!(world.webhook(unlinked.to_string()).await, 200);
    assert_eq!(world.count("account_job", "result IS NOT NULL").await, 0);
    world.stop().await;
}

#[tokio::test]
async fn an_assessment_that_fails_says_so() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    let id = start(&world, CREDIT, HEALTHY).await["job"]["id"].clone();
    let body = json!({ "data": { "event": "mono.events.account_credit_worthiness",
        "data": { "account": HEALTHY, "message": "Unable to process account credit worthiness" } } });
    assert_eq!(world.webhook(body.to_string()).await, 200);
    let job = read(&world, &id).await;
    assert_eq!((&job["status"], &job["failure"]["code"]), (&json!("FAILED"), &json!("JOB_FAILED")));
    world.stop().await;
}

#[tokio::test]
async fn categories_are_asked_for_and_asked_after() {
    let world = World::new().await;
    hold(&world);
    world.known(HEALTHY).await;
    let started = start(&world, CATEGORISE, HEALTHY).await;
    assert!(started["job"]["monoJobId"].is_string(), "{started}");
    world
        .simulator
        .end_running_job(HEALTHY, JobKind::Categorisation, JobOutcome::Finished)
        .unwrap();
    // Its webhook is lost; Mono is asked.
    world.clock.advance(Duration::seconds(16));
    until(&world, &started["job"]["id"], "FINISHED").await;
    world.stop().await;
}

#[tokio::test]
async fn without_a_webhook_url_at_mono_the_error_says_what_is_missing() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.simulator.set_behaviour(Behaviour { no_webhook_found: true, ..Behaviour::default() });
    let answer = world.ask(INCOME, json!({ "id": HEALTHY })).await;
    let error = &answer["errors"][0];
    assert_eq!(error["extensions"]["code"], "UPSTREAM_REJECTED", "{answer}");
    assert!(error["message"].as_str().unwrap().contains("webhook URL"), "{answer}");
    let failed = "kind = 'INCOME' AND status = 'FAILED'";
    assert_eq!(world.count("account_job", failed).await, 1);
    world.stop().await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_mono_is_asked() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.simulator.reset_calls();
    for months in [0, 13, -1] {
        let code = world.code(STATEMENT, json!({ "id": HEALTHY, "months": months })).await;
        assert_eq!(code, "BAD_USER_INPUT", "{months}");
    }
    let bad = CREDIT.replace("22212345678", "2221234567x");
    assert_eq!(world.code(&bad, json!({ "id": HEALTHY })).await, "BAD_USER_INPUT");
    let unknown = json!({ "id": "job_00000000000000000000000000000000" });
    assert_eq!(world.code(TAKE, unknown).await, "NOT_FOUND");
    assert!(world.simulator.calls().is_empty());
    world.stop().await;
}
