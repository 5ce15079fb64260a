//! Statements, income, creditworthiness, categories: started, ended, handed on, erased.

use chrono::Duration;
use mono_simulator::{Behaviour, Fault, JobKind, JobOutcome};
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};

use crate::{
    access::{ask_as, token, world_with_tokens},
    support::*,
};

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
    world.heard_by(0, 1).await;
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

const LOAN: &str = "mutation ($id: ID!, $principal: MinorUnits!, $key: String) {
    job: requestCreditworthiness(input: { accountId: $id, bvn: \"22212345678\",
        principal: $principal, interestRate: 5, term: 12, idempotencyKey: $key }) {
    started errors { __typename code retryable } job { id status } } }";

fn assessed(can_afford: bool) -> String {
    let body = json!({ "event": "mono.events.account_credit_worthiness",
        "data": { "account": HEALTHY, "summary": { "can_afford": can_afford } } });
    body.to_string()
}

#[tokio::test]
async fn a_copy_of_one_assessment_does_not_end_the_next() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    let loan = |principal: u64| json!({ "id": HEALTHY, "principal": principal });
    let first = world.data(LOAN, loan(100)).await["job"]["job"]["id"].clone();
    assert_eq!(world.webhook(assessed(true)).await, 200);
    until(&world, &first, "FINISHED").await;
    let next = world.data(LOAN, loan(900_000)).await["job"]["job"]["id"].clone();
    assert_eq!(world.webhook(assessed(true)).await, 200);
    assert_eq!(read(&world, &next).await["status"], "PROCESSING");
    assert_eq!(world.webhook(assessed(false)).await, 200);
    assert_eq!(until(&world, &next, "FINISHED").await["result"]["canAfford"], false);
    assert_eq!(read(&world, &first).await["result"]["canAfford"], true);
    world.stop().await;
}

#[tokio::test]
async fn the_late_news_of_a_job_that_was_given_up_is_its_own() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    let loan = |principal: u64| json!({ "id": HEALTHY, "principal": principal });
    let first = world.data(LOAN, loan(100)).await["job"]["job"]["id"].clone();
    world.clock.advance(Duration::minutes(31));
    until(&world, &first, "FAILED").await;
    let next = world.data(LOAN, loan(900_000)).await["job"]["job"]["id"].clone();
    assert_eq!(world.webhook(assessed(true)).await, 200);
    assert_eq!(until(&world, &first, "FINISHED").await["result"]["canAfford"], true);
    assert_eq!(world.webhook(assessed(false)).await, 200);
    assert_eq!(until(&world, &next, "FINISHED").await["result"]["canAfford"], false);
    world.stop().await;
}

#[tokio::test]
async fn what_runs_for_one_loan_is_no_answer_for_another() {
    let world = World::new().await;
    hold(&world);
    world.known(HEALTHY).await;
    let ask = async |principal: u64, key: &str| {
        let loan = json!({ "id": HEALTHY, "principal": principal, "key": key });
        world.data(LOAN, loan).await["job"].take()
    };
    let first = ask(100, "a").await;
    assert_eq!(ask(100, "b").await["job"]["id"], first["job"]["id"]);
    let other = ask(900_000, "c").await;
    assert_eq!((&other["started"], &other["job"]), (&json!(false), &Value::Null));
    let error =
        json!({ "__typename": "JobUnderWayError", "code": "JOB_UNDER_WAY", "retryable": true });
    assert_eq!(other["errors"], json!([error]));
    assert_eq!(world.webhook(assessed(true)).await, 200);
    until(&world, &first["job"]["id"], "FINISHED").await;
    let again = ask(900_000, "c").await;
    assert_eq!((&again["started"], &again["errors"]), (&json!(true), &json!([])));
    // So do other months.
    start(&world, STATEMENT, HEALTHY).await;
    let months = json!({ "id": HEALTHY, "months": 3 });
    let other = world.data(STATEMENT, months).await["job"].take();
    assert_eq!(other["errors"][0]["code"], "JOB_UNDER_WAY");
    world.stop().await;
}

#[tokio::test]
async fn a_request_whose_answer_is_lost_may_still_bring_its_result() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.simulator.add_fault(Fault::status(502).path("creditworthiness")).unwrap();
    let loan = json!({ "id": HEALTHY, "principal": 100, "key": "a" });
    assert_eq!(world.code(LOAN, loan.clone()).await, "UPSTREAM_UNAVAILABLE");
    let again = world.ask(LOAN, loan).await;
    let extensions = &again["errors"][0]["extensions"];
    assert_eq!(
        (&extensions["code"], &extensions["retryable"]),
        (&json!("UPSTREAM_UNAVAILABLE"), &json!(false)),
        "the key stands for that: {again}"
    );
    let jobs = "query ($id: ID!) { account(id: $id) { jobs { id failure { code } } } }";
    let data = world.data(jobs, json!({ "id": HEALTHY })).await;
    let job = &data["account"]["jobs"][0];
    assert_eq!(job["failure"]["code"], "REQUEST_UNANSWERED");
    assert_eq!(world.webhook(assessed(true)).await, 200);
    assert_eq!(until(&world, &job["id"], "FINISHED").await["result"]["canAfford"], true);

    world.simulator.add_fault(Fault::status(400).path("creditworthiness")).unwrap();
    assert_eq!(
        world.code(LOAN, json!({ "id": HEALTHY, "principal": 5 })).await,
        "UPSTREAM_REJECTED"
    );
    let data = world.data(jobs, json!({ "id": HEALTHY })).await;
    assert_eq!(data["account"]["jobs"][0]["failure"]["code"], "REQUEST_REFUSED");
    world.stop().await;
}

#[tokio::test]
async fn a_request_that_is_repeated_while_mono_is_asked_waits_for_the_answer() {
    let world = World::with_replicas(2).await;
    hold(&world);
    world.known(HEALTHY).await;
    world.simulator.add_fault(Fault::slow(1000).path("creditworthiness")).unwrap();
    let loan = json!({ "id": HEALTHY, "principal": 100, "key": "a" });
    let ask = |n: usize| world.ask_of(n, LOAN, loan.clone());
    let (first, second) = tokio::join!(ask(0), ask(1));
    for answer in [first, second] {
        assert_eq!(answer["data"]["job"]["job"]["status"], "PROCESSING", "{answer}");
        assert_eq!(answer["data"]["job"]["started"], true, "{answer}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_statement_prints_who_holds_the_account_so_it_needs_their_scope() {
    let world = world_with_tokens().await;
    let blind = token(&world, "accounts:read reauth:write", &[HEALTHY]);
    let all = token(&world, "accounts:read reauth:write pii:read", &[HEALTHY]);
    let code = |answer: &Value| answer["errors"][0]["extensions"]["code"].clone();
    let (_, refused) = ask_as(&world, &blind, STATEMENT, json!({ "id": HEALTHY })).await;
    assert_eq!(code(&refused), "FORBIDDEN");
    let (_, started) = ask_as(&world, &all, STATEMENT, json!({ "id": HEALTHY })).await;
    let id = &started["data"]["job"]["job"]["id"];
    assert!(id.is_string(), "{started}");
    let (_, refused) = ask_as(&world, &blind, TAKE, json!({ "id": id })).await;
    assert_eq!(code(&refused), "FORBIDDEN");
    world.stop().await;
}
