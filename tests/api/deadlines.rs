//! Nothing waits for ever: with a clock that moves.

use chrono::Duration;
use futures_util::future::join_all;
use mono_gateway::config::Config;
use mono_simulator::{Announce, DataStatus, Fault, Kind, NewAccount, Outcome, Script};
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};

use crate::{
    mishap::{Hold, Line, Process},
    support::*,
};

/// A re-authorisation whose customer has finished, with these webhooks lost.
async fn authorised_without(world: &World, lost: &[Kind]) -> Value {
    world.known(NEEDS_REAUTH).await;
    let started = world.initiate(NEEDS_REAUTH).await;
    world.simulator.script(Script { drop: lost.to_vec(), ..Script::default() });
    let reference = started["reauth"]["reference"].as_str().unwrap();
    world.simulator.finish_by_reference(reference, Outcome::Approve).unwrap();
    world.simulator.deliver_all().await;
    started
}

fn newest(known: &Value) -> &Value {
    &known["reauth"]["sessions"]["nodes"][0]
}

#[tokio::test]
async fn case_06_a_lost_update_is_found_by_looking() {
    let world = World::new().await;
    let mut status = {
        world.known(NEEDS_REAUTH).await;
        world.subscribe(0, DATA_STATUS, json!({ "id": NEEDS_REAUTH })).await
    };
    assert_eq!(status.event().await["kind"], "SNAPSHOT");
    authorised_without(&world, &[Kind::AccountUpdated]).await;
    assert_eq!(status.event().await["to"], "PROCESSING");
    let known = world.known(NEEDS_REAUTH).await;
    assert!(known["sync"]["waitingUntil"].is_string());
    world.clock.advance(Duration::seconds(16));
    let event = status.event().await;
    assert_eq!((&event["to"], &event["cause"]), (&json!("AVAILABLE"), &json!("DETAILS_READ")));
    let known = world.known(NEEDS_REAUTH).await;
    assert_eq!(newest(&known)["status"], "COMPLETED");
    assert_eq!(newest(&known)["completedVia"], "DETAILS_READ");
    assert_eq!(known["sync"]["waitingUntil"], Value::Null);
    world.stop().await;
}

#[tokio::test]
async fn case_10_a_link_that_nobody_uses_expires_and_may_still_work() {
    let mut world = World::new().await;
    let started = world.initiate(HEALTHY).await;
    world.clock.advance(Duration::minutes(29));
    assert_eq!(world.initiate(HEALTHY).await["reused"], true);
    // The deadline stands in the database.
    world.restart().await;
    world.clock.advance(Duration::minutes(2));
    world.until(HEALTHY, |known| newest(known)["status"] == "EXPIRED").await;
    assert_eq!(world.known(HEALTHY).await["reauth"]["active"], Value::Null);
    let reference = started["reauth"]["reference"].as_str().unwrap();
    world.simulator.finish_by_reference(reference, Outcome::Approve).unwrap();
    world.simulator.deliver_all().await;
    assert_eq!(newest(&world.known(HEALTHY).await)["status"], "COMPLETED");
    world.stop().await;
}

#[tokio::test]
async fn a_look_that_shows_what_was_there_before_proves_nothing_until_time_runs_out() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.initiate(HEALTHY).await;
    // The customer has finished, as somebody else's webhook says; the data never changes.
    let body = json!({ "event": "mono.events.account_reauthorized", "data": { "account": { "_id": HEALTHY } } });
    assert_eq!(world.webhook(body.to_string()).await, 200);
    for seconds in [16, 20, 30] {
        world.simulator.reset_calls();
        world.clock.advance(Duration::seconds(seconds));
        let looked = async {
            while world.simulator.calls().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, looked).await.expect("the gateway looks");
        assert_eq!(newest(&world.known(HEALTHY).await)["status"], "AUTHORIZED");
    }
    world.clock.advance(Duration::minutes(31));
    world.until(HEALTHY, |known| newest(known)["status"] == "COMPLETED").await;
    let known = world.known(HEALTHY).await;
    assert_eq!(newest(&known)["completedVia"], "DEADLINE");
    assert_eq!(known["dataStatus"], "AVAILABLE");
    world.stop().await;
}

#[tokio::test]
async fn with_no_news_and_no_answer_it_fails_and_a_late_success_repairs_it() {
    let world = World::new().await;
    authorised_without(&world, &[Kind::AccountUpdated]).await;
    world.simulator.add_fault(Fault::status(500).times(1000)).unwrap();
    world.clock.advance(Duration::minutes(31));
    world.until(NEEDS_REAUTH, |known| newest(known)["status"] == "FAILED").await;
    let known = world.known(NEEDS_REAUTH).await;
    assert_eq!(newest(&known)["failure"]["code"], "TIMED_OUT");
    assert_eq!((&known["dataStatus"], &known["dataStatusRaw"]), (&json!("FAILED"), &Value::Null));
    assert_eq!(known["reauth"]["required"], false, "the customer did their part");
    let body = json!({ "event": "mono.events.account_updated", "data": { "account": { "_id": NEEDS_REAUTH },
        "meta": { "data_status": "AVAILABLE" } } });
    assert_eq!(world.webhook(body.to_string()).await, 200);
    let known = world.known(NEEDS_REAUTH).await;
    assert_eq!(
        (&known["dataStatus"], &newest(&known)["status"]),
        (&json!("AVAILABLE"), &json!("COMPLETED"))
    );
    assert_eq!(known["sync"]["failure"], Value::Null);
    world.stop().await;
}

#[tokio::test]
async fn with_every_webhook_lost_one_look_when_the_link_ends_tells_who_has_finished() {
    let world = World::new().await;
    // One finishes, one does not, and one of whom Mono says nothing when it matters.
    let mut references = Vec::new();
    let ids: Vec<_> = (0..3)
        .map(|_| {
            let new = NewAccount { needs_reauth: true, ..NewAccount::default() };
            world.simulator.add_account(new).unwrap().id
        })
        .collect();
    for (n, id) in ids.iter().enumerate() {
        world.simulator.require_reauth(id, Announce::Webhook).unwrap();
        world.simulator.deliver(1).await;
        let started = world.initiate(id).await;
        references.push(started["reauth"]["reference"].as_str().unwrap().to_owned());
        let looked = 1 + i64::try_from(n).unwrap();
        let before = "state LIKE '%\"link_looks\":{%'";
        let seen = async { while world.count("account_state", before).await < looked {} };
        tokio::time::timeout(DEADLINE, seen).await.expect("what there is before is looked at");
    }
    let mut heard = world.subscribe(0, REAUTH, json!({ "id": ids[0] })).await;
    assert_eq!(heard.event().await["kind"], "SNAPSHOT");
    let drop = vec![Kind::AccountReauthorized, Kind::AccountUpdated];
    world.simulator.script(Script { drop, ..Script::default() });
    for reference in [&references[0], &references[2]] {
        world.simulator.finish_by_reference(reference, Outcome::Approve).unwrap();
    }
    assert!(world.simulator.deliver_all().await.iter().all(|sent| sent.lost));
    world.simulator.add_fault(Fault::status(500).account(&ids[2]).times(1000)).unwrap();
    world.simulator.reset_calls();
    world.clock.advance(Duration::minutes(29));
    assert_eq!(newest(&world.known(&ids[0]).await)["status"], "LINK_ISSUED");
    world.clock.advance(Duration::minutes(1) + Duration::seconds(5));
    let event = heard.event().await;
    assert_eq!(
        (&event["reauthStatus"], &event["cause"]),
        (&json!("COMPLETED"), &json!("DEADLINE"))
    );
    assert_eq!(event["required"], false);
    let known = world.known(&ids[0]).await;
    assert_eq!(newest(&known)["completedVia"], "DETAILS_READ");
    assert_eq!(known["dataStatus"], "AVAILABLE");
    for id in &ids[1..] {
        let known = world.until(id, |known| newest(known)["status"] == "EXPIRED").await;
        assert_eq!(known["reauth"]["required"], true);
    }
    assert_eq!(looks(&world, &ids)[..2], [1, 1], "one look each");
    // The late news of the third is taken, that of the first changes nothing.
    for id in [&ids[0], &ids[2]] {
        for event in ["account_reauthorized", "account_updated"] {
            let body = json!({ "event": format!("mono.events.{event}"), "data": {
                "account": { "_id": id }, "meta": { "data_status": "AVAILABLE" } } });
            assert_eq!(world.webhook(body.to_string()).await, 200);
        }
        assert_eq!(newest(&world.known(id).await)["status"], "COMPLETED");
    }
    world.stop().await;
}

/// Accounts that Mono has just connected, and that are waited for.
async fn connected(world: &World, count: usize) -> Vec<String> {
    let new = || NewAccount { transactions: Some(0), ..NewAccount::default() };
    let ids: Vec<_> = (0..count).map(|_| world.simulator.add_account(new()).unwrap().id).collect();
    for some in ids.chunks(200) {
        let each = some.iter().map(|id| {
            let body = json!({ "event": "mono.events.account_connected", "data": { "id": id } });
            world.webhook(body.to_string())
        });
        assert!(join_all(each).await.iter().all(|status| *status == 200));
    }
    ids
}

/// Waits until no account waits for its data.
async fn none_waits(world: &World) {
    let db = world.database().await;
    let sql = "SELECT COUNT(*) FROM account_state WHERE data_status = 'PROCESSING'";
    let none = async {
        loop {
            let statement = Statement::from_string(db.get_database_backend(), sql);
            let row = db.query_one_raw(statement).await.unwrap().unwrap();
            if row.try_get_by_index::<i64>(0).unwrap() == 0 {
                break;
            }
        }
    };
    tokio::time::timeout(3 * DEADLINE, none).await.expect("all are looked at");
}

/// How often each account was looked at.
fn looks(world: &World, ids: &[String]) -> Vec<usize> {
    let calls = world.simulator.calls();
    let mut counts = std::collections::HashMap::new();
    for call in calls.iter().filter(|call| call.method == "GET") {
        *counts.entry(call.path.rsplit('/').next().unwrap()).or_insert(0) += 1;
    }
    ids.iter().map(|id| counts.get(id.as_str()).copied().unwrap_or(0)).collect()
}

#[tokio::test]
async fn a_thousand_that_came_due_in_a_day_off_hold_up_nobody() {
    let mut world = World::new().await;
    let ids = connected(&world, 1000).await;
    let started = world.initiate(HEALTHY).await;
    assert_eq!(started["reauth"]["status"], "LINK_ISSUED");
    world.gateways.pop().unwrap().stop().await;
    world.clock.advance(Duration::days(1));
    world.simulator.reset_calls();
    world.simulator.add_fault(Fault::slow(25).times(1000)).unwrap();
    world.start_gateway().await;
    // Due behind all of them, and done without waiting for their looks; so are other requests.
    world.until(HEALTHY, |known| newest(known)["status"] == "EXPIRED").await;
    let started = world.initiate(NAIRA).await;
    assert_eq!(started["reauth"]["status"], "LINK_ISSUED");
    let waiting = world.count("account_state", "data_status = 'PROCESSING'").await;
    assert!(waiting > 0, "all were looked at before");
    none_waits(&world).await;
    assert_eq!(looks(&world, &ids), vec![1; ids.len()], "each was looked at once");
    // Sixteen looks, and what was asked for meanwhile.
    assert!(world.simulator.max_concurrent() <= 18, "{}", world.simulator.max_concurrent());
    world.stop().await;
}

#[tokio::test]
async fn whoever_waits_behind_looks_that_hang_is_held_up_by_them_in_nothing() {
    let mut world = World::with_replicas(0).await;
    let (line, mono) = Line::to(&world, |parts| parts.method == "GET").await;
    let gateway = world.try_start(Config { mono_base_url: mono, ..world.config() }).await.unwrap();
    world.gateways.push(gateway);
    let ids = connected(&world, 120).await;
    let last = ids.last().unwrap();
    line.hold(Hold::Before);
    world.clock.advance(Duration::seconds(16));
    line.holds(16).await;
    // One of those that wait for room has a token that dies before it is looked at.
    let token = json!({ "accountId": last, "method": "WIDGET_TOKEN" });
    assert_eq!(world.initiate_with(token).await["reauth"]["status"], "LINK_ISSUED");
    let mut heard = world.subscribe(0, DATA_STATUS, json!({ "id": last })).await;
    assert_eq!(heard.event().await["kind"], "SNAPSHOT");
    world.clock.advance(Duration::minutes(11));
    let known = world.until(last, |known| newest(known)["status"] == "EXPIRED").await;
    assert_eq!(known["dataStatus"], "PROCESSING");
    // All are over at 30 minutes, and nobody waits for room for longer than two more.
    world.clock.advance(Duration::minutes(19));
    let waiting = "data_status = 'PROCESSING'";
    assert!(world.count("account_state", waiting).await > 100);
    world.clock.advance(Duration::minutes(3));
    let ended = async { while world.count("account_state", waiting).await > 16 {} };
    tokio::time::timeout(DEADLINE, ended).await.expect("they end without a look");
    let event = heard.event().await;
    assert_eq!((&event["to"], &event["cause"]), (&json!("FAILED"), &json!("DEADLINE")));
    let known = world.known(last).await;
    assert_eq!(known["sync"]["failure"]["code"], "TIMED_OUT");
    assert_eq!(known["sync"]["waitingUntil"], Value::Null);
    assert_eq!(looks(&world, &ids), vec![0; ids.len()]);
    // Those that are being looked at end with that, and a late success repairs the others.
    line.hold(Hold::Nowhere);
    let body = json!({ "event": "mono.events.account_updated", "data": {
        "account": { "_id": last }, "meta": { "data_status": "AVAILABLE" } } });
    assert_eq!(world.webhook(body.to_string()).await, 200);
    assert_eq!(world.known(last).await["dataStatus"], "AVAILABLE");
    none_waits(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn of_two_replicas_one_looks_at_each_account() {
    if postgres().is_none() {
        // SQLite is for one process.
        return;
    }
    let world = World::with_replicas(2).await;
    let ids = connected(&world, 150).await;
    // The first look shows nothing yet. After ten minutes the next is five later.
    for (seconds, status) in [(601, DataStatus::Processing), (300, DataStatus::Available)] {
        world.simulator.reset_calls();
        for id in &ids {
            world.simulator.set_status(id, status.clone()).unwrap();
        }
        world.clock.advance(Duration::seconds(seconds));
        let all = async {
            while looks(&world, &ids).iter().sum::<usize>() < ids.len()
                || world.count("account_state", "claimed_until IS NOT NULL").await > 0
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(3 * DEADLINE, all).await.expect("all are looked at");
        assert_eq!(looks(&world, &ids), vec![1; ids.len()]);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_look_in_the_hands_of_a_replica_that_dies_is_another_s() {
    let mut world = World::with_replicas(0).await;
    let (line, mono) = Line::to(&world, |parts| parts.method == "GET").await;
    // A minute ago.
    world.clock.advance(Duration::seconds(-60));
    world.start_gateway().await;
    let id = connected(&world, 1).await.remove(0);
    world.gateways.pop().unwrap().stop().await;
    line.hold(Hold::Before);
    let process = Process::start(&world, &mono);
    line.holds(1).await;
    process.kill();
    world.clock.advance(Duration::seconds(60));
    world.start_gateway().await;
    assert_eq!(world.count("account_state", "claimed_until IS NOT NULL").await, 1);
    // Another deadline is met meanwhile: this one is still claimed.
    let token = json!({ "accountId": HEALTHY, "method": "WIDGET_TOKEN" });
    assert_eq!(world.initiate_with(token).await["reauth"]["status"], "LINK_ISSUED");
    assert_eq!(looks(&world, std::slice::from_ref(&id)), [0]);
    world.clock.advance(Duration::seconds(61));
    let known = world.until(&id, |known| known["dataStatus"] == "AVAILABLE").await;
    assert_eq!(known["sync"]["waitingUntil"], Value::Null);
    assert_eq!(looks(&world, std::slice::from_ref(&id)), [1]);
    world.stop().await;
}

#[tokio::test]
async fn each_way_to_the_bank_ends_in_its_own_time_and_says_beforehand_when() {
    let mut world = World::new().await;
    let query = "mutation ($input: InitiateReauthInput!) { initiateReauth(input: $input) {
        reauth { id createdAt expiresAt expiryBasis } } }";
    for (account, method, minutes, basis) in [
        (HEALTHY, "HOSTED_LINK", 30, "ASSUMED"),
        (NAIRA, "WIDGET", 30, "ASSUMED"),
        (BIG, "WIDGET_TOKEN", 10, "DOCUMENTED"),
    ] {
        let input = json!({ "input": { "accountId": account, "method": method } });
        let session = world.data(query, input).await["initiateReauth"]["reauth"].take();
        let at = |name: &str| {
            chrono::DateTime::parse_from_rfc3339(session[name].as_str().unwrap()).unwrap()
        };
        let lives = (at("expiresAt") - at("createdAt")).num_seconds();
        assert!((60 * minutes - 1..=60 * minutes + 5).contains(&lives), "{method} {lives}");
        assert_eq!(session["expiryBasis"], basis);
    }
    // The deadlines stand in the database, and nobody asks.
    world.restart().await;
    let mut heard = world.subscribe(0, REAUTH, json!({})).await;
    world.heard_by(0, 1).await;
    world.clock.advance(Duration::minutes(10) + Duration::seconds(5));
    let event = heard.event().await;
    assert_eq!((&event["account"]["id"], &event["reauthStatus"]), (&json!(BIG), &json!("EXPIRED")));
    assert_eq!(event["cause"], "DEADLINE");
    heard.nothing_but_pong().await;
    world.clock.advance(Duration::minutes(20));
    let mut ended = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let event = heard.event().await;
        assert_eq!(event["reauthStatus"], "EXPIRED");
        ended.insert(event["account"]["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ended, [HEALTHY.to_owned(), NAIRA.to_owned()].into());
    world.stop().await;
}
