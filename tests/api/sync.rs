//! `syncAccount`: one refresh per account and five minutes, however it ends.

use chrono::Duration;
use mono_gateway::lifecycle::job::SyncVia;
use mono_simulator::{
    Behaviour, Era, Fault, FaultKind, JobEnd, JobKind, JobOutcome, Realtime, SyncCode,
};
use serde_json::{Value, json};

use crate::support::*;

const SYNC: &str = "mutation ($input: SyncAccountInput!) { syncAccount(input: $input) {
    started errors { __typename code message retryable retryAfterMs }
    account { id dataStatus sync { nextSyncAllowedAt } }
    job { id kind part status monoJobId waitingUntil endedAt failure { code message } } } }";

const JOB_CHANGED: &str = "subscription ($id: ID, $after: String) {
    jobChanged(accountId: $id, after: $after) {
        cursor kind jobKind status cause job { id status failure { code } } account { id } } }";

async fn sync_with(world: &World, input: Value) -> Value {
    world.data(SYNC, json!({ "input": input })).await["syncAccount"].take()
}

async fn sync(world: &World, account: &str) -> Value {
    sync_with(world, json!({ "accountId": account })).await
}

fn realtime(world: &World, realtime: Realtime) {
    let behaviour =
        Behaviour { realtime, realtime_every_ms: 0, hold_jobs: true, ..Behaviour::default() };
    world.simulator.set_behaviour(behaviour);
}

/// The real-time reads that reached Mono.
fn sessions(world: &World) -> usize {
    let calls = world.simulator.calls();
    calls.iter().filter(|call| call.headers.contains_key("x-realtime")).count()
}

async fn job(world: &World, id: &Value) -> Value {
    let query = "query ($id: ID!) { job(id: $id) { status failure { code } } }";
    world.data(query, json!({ "id": id })).await["job"].take()
}

async fn job_until(world: &World, id: &Value, status: &str) -> Value {
    let wait = async {
        loop {
            let job = job(world, id).await;
            if job["status"] == status {
                return job;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("the job becomes so")
}

#[tokio::test]
async fn a_refresh_is_started_once_in_five_minutes_and_that_is_shown_beforehand() {
    let world = World::new().await;
    realtime(&world, Realtime::Finished);
    world.known(HEALTHY).await;
    let done = sync(&world, HEALTHY).await;
    assert_eq!((&done["started"], &done["errors"]), (&json!(true), &json!([])));
    assert_eq!(
        (&done["job"]["kind"], &done["job"]["status"]),
        (&json!("REFRESH"), &json!("FINISHED"))
    );
    assert!(done["job"]["monoJobId"].is_string() && done["job"]["part"] == "TRANSACTIONS");
    assert!(done["account"]["sync"]["nextSyncAllowedAt"].is_string());
    assert_eq!(sessions(&world), 1);

    let soon = sync(&world, HEALTHY).await;
    let error = &soon["errors"][0];
    assert_eq!(
        (&error["code"], &error["__typename"]),
        (&json!("SYNC_TOO_SOON"), &json!("SyncTooSoonError"))
    );
    let wait = error["retryAfterMs"].as_i64().unwrap();
    assert!((290_000..=300_000).contains(&wait), "{wait}");
    assert_eq!((&soon["started"], &soon["job"]["id"]), (&json!(false), &done["job"]["id"]));
    assert_eq!(sessions(&world), 1, "Mono is not asked");

    world.clock.advance(Duration::minutes(5) + Duration::seconds(1));
    let again = sync_with(&world, json!({ "accountId": HEALTHY, "part": "BALANCE" })).await;
    assert_eq!((&again["started"], &again["job"]["part"]), (&json!(true), &json!("BALANCE")));
    assert_eq!(sessions(&world), 2);
    world.stop().await;
}

#[tokio::test]
async fn of_many_who_ask_at_once_one_starts_the_refresh() {
    let world = World::with_replicas(2).await;
    realtime(&world, Realtime::Enqueued);
    world.known(HEALTHY).await;
    let input = json!({ "input": { "accountId": HEALTHY } });
    let ask = |n: usize| world.ask_of(n % 2, SYNC, input.clone());
    let answers = futures_util::future::join_all((0..6).map(ask)).await;
    let of = |answer: &Value| answer["data"]["syncAccount"].clone();
    let started = answers.iter().filter(|answer| of(answer)["started"] == true).count();
    assert_eq!((started, sessions(&world)), (1, 1));
    let first = of(&answers[0])["job"]["id"].clone();
    assert!(answers.iter().all(|answer| of(answer)["job"]["id"] == first), "{answers:?}");
    world.stop().await;
}

#[tokio::test]
async fn an_enqueued_refresh_ends_by_its_webhook_and_takes_nothing_away_meanwhile() {
    let world = World::new().await;
    realtime(&world, Realtime::Enqueued);
    world.known(HEALTHY).await;
    let mut changes = world.subscribe(0, JOB_CHANGED, json!({ "id": HEALTHY })).await;
    let started = sync(&world, HEALTHY).await;
    assert_eq!(started["job"]["status"], "PROCESSING");
    assert!(started["job"]["waitingUntil"].is_string());
    assert_eq!(started["account"]["dataStatus"], "AVAILABLE");
    assert_eq!(changes.event().await["status"], "REQUESTED");
    let running = changes.event().await;
    assert_eq!((&running["status"], &running["cause"]), (&json!("PROCESSING"), &json!("MUTATION")));

    world.clock.advance(Duration::minutes(6));
    let again = sync(&world, HEALTHY).await;
    assert_eq!((&again["started"], &again["errors"]), (&json!(false), &json!([])));
    assert_eq!(again["job"]["id"], started["job"]["id"]);

    world.simulator.end_running_job(HEALTHY, JobKind::Transactions, JobOutcome::Finished).unwrap();
    world.simulator.deliver_all().await;
    let ended = changes.event().await;
    assert_eq!((&ended["status"], &ended["jobKind"]), (&json!("FINISHED"), &json!("REFRESH")));
    assert_eq!(
        (&ended["job"]["id"], &ended["account"]["id"]),
        (&started["job"]["id"], &json!(HEALTHY))
    );
    world.stop().await;
}

#[tokio::test]
async fn a_refresh_whose_webhooks_are_lost_is_asked_after_and_looked_at() {
    let mut world = World::new().await;
    realtime(&world, Realtime::Enqueued);
    world.known(PARTIAL).await;
    let started = sync(&world, PARTIAL).await;
    let end = JobEnd::from(JobOutcome::Finished).silent();
    world.simulator.end_running_job(PARTIAL, JobKind::Transactions, end).unwrap();
    // The deadline stands in the database.
    world.restart().await;
    world.clock.advance(Duration::seconds(16));
    job_until(&world, &started["job"]["id"], "FINISHED").await;
    world.clock.advance(Duration::seconds(16));
    world.until(PARTIAL, |known| known["dataStatus"] == "AVAILABLE").await;
    world.stop().await;
}

#[tokio::test]
async fn a_refresh_of_which_nothing_is_heard_fails_and_the_data_stays() {
    let world = World::new().await;
    realtime(&world, Realtime::Enqueued);
    world.known(HEALTHY).await;
    let started = sync(&world, HEALTHY).await;
    world.simulator.add_fault(Fault::status(500).times(1000)).unwrap();
    world.clock.advance(Duration::minutes(31));
    let job = job_until(&world, &started["job"]["id"], "FAILED").await;
    assert_eq!(job["failure"]["code"], "TIMED_OUT");
    assert_eq!(world.known(HEALTHY).await["dataStatus"], "AVAILABLE");
    world.stop().await;
}

#[tokio::test]
async fn case_16_a_failed_refresh_asks_for_the_customer_only_once_mono_says_so() {
    let world = World::new().await;
    realtime(&world, Realtime::Failed);
    world.known(HEALTHY).await;
    let failed = sync(&world, HEALTHY).await;
    assert_eq!(failed["job"]["failure"]["code"], "SYNC_FAILED");
    assert_eq!(world.known(HEALTHY).await["reauth"]["required"], false);
    world.simulator.deliver_all().await;
    assert_eq!(world.known(HEALTHY).await["reauth"]["required"], false);

    world.known(NEEDS_REAUTH).await;
    let failed = sync(&world, NEEDS_REAUTH).await;
    assert_eq!(failed["job"]["failure"]["code"], "SYNC_FAILED", "today's headers say no more");
    assert_eq!(world.known(NEEDS_REAUTH).await["reauth"]["required"], false);
    world.simulator.deliver_all().await;
    let known = world.known(NEEDS_REAUTH).await;
    assert_eq!(known["reauth"]["reason"], "SYNC_STATUS");
    let job = job(&world, &failed["job"]["id"]).await;
    assert_eq!(job["failure"]["code"], "REAUTH_REQUIRED");
    world.stop().await;
}

#[tokio::test]
async fn the_headers_of_2024_say_that_the_customer_is_wanted() {
    let world = World::new().await;
    world.known(NEEDS_REAUTH).await;
    world.simulator.set_era(Era::V2_2024);
    let failed = sync(&world, NEEDS_REAUTH).await;
    assert_eq!(failed["job"]["failure"]["code"], "REAUTH_REQUIRED");
    let known = world.known(NEEDS_REAUTH).await;
    assert_eq!(
        (&known["reauth"]["required"], &known["reauth"]["reason"]),
        (&json!(true), &json!("HEADER"))
    );
    world.stop().await;
}

#[tokio::test]
async fn what_mono_does_not_take_does_not_count() {
    let world = World::new().await;
    realtime(&world, Realtime::Finished);
    world.known(HEALTHY).await;
    world.simulator.add_fault(Fault::status(402).path("transactions")).unwrap();
    let code = world.code(SYNC, json!({ "input": { "accountId": HEALTHY } })).await;
    assert_eq!(code, "UPSTREAM_REJECTED");
    assert_eq!(sync(&world, HEALTHY).await["started"], true);
    assert_eq!(sessions(&world), 2, "a billed session is not tried twice by itself");

    world.known(BIG).await;
    world.simulator.add_fault(Fault::status(429).retry_after(90).path("transactions")).unwrap();
    let limited = sync(&world, BIG).await;
    assert_eq!(limited["errors"][0]["code"], "SYNC_TOO_SOON");
    let wait = limited["errors"][0]["retryAfterMs"].as_i64().unwrap();
    assert!((80_000..=90_000).contains(&wait), "{wait}");
    world.stop().await;
}

#[tokio::test]
async fn a_key_returns_its_refresh_and_stands_for_nothing_else() {
    let world = World::new().await;
    realtime(&world, Realtime::Finished);
    world.known(HEALTHY).await;
    let input = json!({ "accountId": HEALTHY, "idempotencyKey": "one" });
    let first = sync_with(&world, input.clone()).await;
    let again = sync_with(&world, input).await;
    assert_eq!((&again, sessions(&world)), (&first, 1));
    let other = json!({ "accountId": HEALTHY, "part": "BALANCE", "idempotencyKey": "one" });
    assert_eq!(sync_with(&world, other).await["errors"][0]["code"], "IDEMPOTENCY_KEY_REUSED");
    world.stop().await;
}

#[tokio::test]
async fn a_key_repeats_that_it_was_too_soon() {
    let world = World::new().await;
    world.known(BIG).await;
    world.simulator.add_fault(Fault::status(429).retry_after(90).path("transactions")).unwrap();
    let input = json!({ "accountId": BIG, "idempotencyKey": "one" });
    let first = sync_with(&world, input.clone()).await;
    let again = sync_with(&world, input).await;
    for answer in [&first, &again] {
        assert_eq!(answer["errors"][0]["code"], "SYNC_TOO_SOON", "{answer}");
        assert_eq!(answer["started"], false);
    }
    assert_eq!((&again["job"], sessions(&world)), (&first["job"], 1));
    world.stop().await;
}

#[tokio::test]
async fn nobody_refreshes_what_is_not_there() {
    let world = World::new().await;
    for id in ["65aa00000000000000000000", "../x"] {
        assert_eq!(world.code(SYNC, json!({ "input": { "accountId": id } })).await, "NOT_FOUND");
    }
    assert_eq!(sessions(&world), 0);
    world.stop().await;
}

#[tokio::test]
async fn the_manual_sync_of_before_tells_all_that_it_can() {
    let world = World::with(|config| config.mono_sync = SyncVia::Legacy).await;
    for (account, code, status, failure) in [
        (HEALTHY, SyncCode::SyncSuccessful, "FINISHED", Value::Null),
        (BIG, SyncCode::SyncedSuccessful, "FINISHED", Value::Null),
        (NAIRA, SyncCode::SyncError, "FAILED", json!("SYNC_FAILED")),
        (PARTIAL, SyncCode::IncompleteStatementError, "FAILED", json!("INCOMPLETE_STATEMENT")),
        (FAILED, SyncCode::ReauthorisationRequired, "FAILED", json!("REAUTH_REQUIRED")),
    ] {
        world.known(account).await;
        let behaviour = Behaviour { sync_code: Some(code), ..Behaviour::default() };
        world.simulator.set_behaviour(behaviour);
        let done = sync(&world, account).await;
        assert_eq!(done["job"]["status"], status, "{code:?}");
        assert_eq!(done["job"]["failure"]["code"], failure, "{code:?}");
        let reason = world.known(account).await["reauth"]["reason"].clone();
        let wanted = if account == FAILED { json!("SYNC_CODE") } else { Value::Null };
        assert_eq!(reason, wanted, "{code:?}");
    }
    let soon = sync(&world, HEALTHY).await;
    let wait = soon["errors"][0]["retryAfterMs"].as_i64().unwrap();
    assert!((110_000..=120_000).contains(&wait), "{wait}");
    assert_eq!(sessions(&world), 0);

    let behaviour = Behaviour {
        sync_code: Some(SyncCode::IncompleteStatementError),
        sync_every_ms: 0,
        ..Behaviour::default()
    };
    world.simulator.set_behaviour(behaviour);
    world.clock.advance(Duration::minutes(3));
    let input = json!({ "accountId": PARTIAL, "allowIncompleteStatement": true });
    assert_eq!(sync_with(&world, input).await["job"]["status"], "FINISHED");
    world.stop().await;
}

#[tokio::test]
async fn a_refresh_that_mono_may_have_begun_counts_though_its_answer_was_lost() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    let sync = "mutation ($id: ID!) { syncAccount(input: { accountId: $id }) {
        started errors { code retryAfterMs } } }";
    let variables = json!({ "id": HEALTHY });
    for (fault, code, minutes) in [
        (Fault::new(FaultKind::Garbage), "UPSTREAM_BAD_RESPONSE", 5),
        (Fault::status(503), "UPSTREAM_UNAVAILABLE", 1),
    ] {
        world.simulator.add_fault(fault.path("/transactions")).unwrap();
        assert_eq!(world.code(sync, variables.clone()).await, code);
        world.simulator.reset_calls();
        let payload = world.data(sync, variables.clone()).await["syncAccount"].take();
        assert_eq!(payload["errors"][0]["code"], "SYNC_TOO_SOON", "{payload}");
        let wait = payload["errors"][0]["retryAfterMs"].as_i64().unwrap();
        assert!((1..=minutes * 60_000).contains(&wait), "{wait}");
        assert_eq!(world.simulator.calls().len(), 0);
        world.clock.advance(Duration::minutes(minutes));
    }
    let payload = world.data(sync, variables).await["syncAccount"].take();
    assert_eq!((&payload["started"], &payload["errors"]), (&json!(true), &json!([])));
    world.stop().await;
}
