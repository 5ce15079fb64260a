//! One key, one wish: whatever breaks between the row, Mono's answer and the caller.

use axum::http::request::Parts;
use chrono::Duration;
use futures_util::future::join_all;
use mono_gateway::config::Config;
use mono_simulator::{Behaviour, Realtime};
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    access::{token_of, world_with_tokens},
    mishap::{Hold, Line, Process},
    support::*,
};

const REAUTH_WISH: &str =
    "mutation ($input: InitiateReauthInput!) { done: initiateReauth(input: $input) {
    reused errors { code message retryable }
    it: reauth { id reference method status url redirectUrl expiresAt createdAt } } }";

const LINK_WISH: &str =
    "mutation ($input: InitiateLinkInput!) { done: initiateLink(input: $input) {
    reused errors { code message retryable }
    it: link { id reference status url redirectUrl expiresAt createdAt } } }";

const SYNC_WISH: &str = "mutation ($input: SyncAccountInput!) { done: syncAccount(input: $input) {
    reused: started errors { code message retryable }
    it: job { id status monoJobId createdAt endedAt failure { code message } } } }";

/// Something that is asked for with a key.
#[derive(Clone)]
struct Wish {
    query: &'static str,
    input: Value,
    /// The same key, and something else.
    other: Value,
}

/// One of each kind: a re-authorisation, a first link, a refresh.
fn wishes() -> [Wish; 3] {
    let customer = json!({ "name": "Ada Test", "email": "ada@example.test" });
    let reauth =
        json!({ "accountId": HEALTHY, "reference": "wish-of-ada-1", "idempotencyKey": "k-1" });
    let link =
        json!({ "customer": customer, "reference": "wish-of-ada-2", "idempotencyKey": "k-2" });
    let refresh = json!({ "accountId": NAIRA, "idempotencyKey": "k-3" });
    let with = |input: &Value, name: &str, value: Value| {
        let mut input = input.clone();
        input[name] = value;
        input
    };
    let other = [
        with(&reauth, "redirectUrl", json!("https://app.example.test/")),
        with(&link, "reference", json!("wish-of-ada-3")),
        with(&refresh, "part", json!("BALANCE")),
    ];
    let queries = [REAUTH_WISH, LINK_WISH, SYNC_WISH];
    let mut each = queries.into_iter().zip([reauth, link, refresh]).zip(other);
    std::array::from_fn(|_| {
        let ((query, input), other) = each.next().unwrap();
        Wish { query, input, other }
    })
}

/// The answer, to the byte.
async fn make(url: String, http: reqwest::Client, wish: Wish) -> Result<String, reqwest::Error> {
    let body = json!({ "query": wish.query, "variables": { "input": wish.input } });
    http.post(url).json(&body).send().await?.text().await
}

async fn answer_to(world: &World, wish: &Wish) -> String {
    let url = world.url(0, "/graphql");
    make(url, world.http().clone(), wish.clone()).await.unwrap()
}

/// Makes all of them at once, without waiting for what becomes of them.
fn make_all(world: &World, address: &str) -> Vec<JoinHandle<Result<String, reqwest::Error>>> {
    let url = format!("{address}/graphql");
    let each = wishes().into_iter();
    each.map(|wish| tokio::spawn(make(url.clone(), world.http().clone(), wish))).collect()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

/// The code of the only error of the field.
fn error_of(text: &str) -> Value {
    let answer = parsed(text);
    let errors = answer["errors"].as_array().unwrap_or_else(|| panic!("no error: {answer}"));
    assert_eq!(errors.len(), 1, "{answer}");
    errors[0].clone()
}

/// How often Mono was asked for something that it makes once.
fn asked(world: &World) -> (usize, usize) {
    let calls = world.simulator.calls();
    let links = calls.iter().filter(|call| call.path.ends_with("/initiate")).count();
    let refreshes = calls.iter().filter(|call| call.headers.contains_key("x-realtime")).count();
    (links, refreshes)
}

/// What Mono makes once for each request.
fn starts(parts: &Parts) -> bool {
    parts.uri.path().ends_with("/initiate") || parts.headers.contains_key("x-realtime")
}

/// After something broke between the rows and the answers: the retries are held until what they
/// repeat has failed, Mono is not asked meanwhile, and then each key serves for a new try.
async fn resolves(world: &World) {
    world.simulator.reset_calls();
    let retries = make_all(world, &world.url(0, ""));
    world.heard_by(0, 3).await;
    for wish in wishes() {
        let other = Wish { input: wish.other.clone(), ..wish };
        let answer = parsed(&answer_to(world, &other).await);
        assert_eq!(answer["data"]["done"]["errors"][0]["code"], "IDEMPOTENCY_KEY_REUSED");
    }
    assert_eq!(asked(world), (0, 0), "what may live is not asked for again");
    world.clock.advance(Duration::seconds(121));
    for retry in retries {
        let error = error_of(&retry.await.unwrap().unwrap());
        let extensions = &error["extensions"];
        assert_eq!(extensions["code"], "UPSTREAM_UNAVAILABLE", "{error}");
        assert_eq!(extensions["retryable"], true, "{error}");
        assert!(error["message"].as_str().unwrap().contains("ask again"), "{error}");
    }
    assert_eq!(asked(world), (0, 0));
    let [reauth, link, refresh] = wishes();
    for wish in [&reauth, &link] {
        let text = answer_to(world, wish).await;
        let done = &parsed(&text)["data"]["done"];
        assert_eq!(
            (&done["it"]["status"], &done["reused"]),
            (&json!("LINK_ISSUED"), &json!(false))
        );
        assert_eq!(done["it"]["reference"], wish.input["reference"], "it was given back");
        assert_eq!(text, answer_to(world, wish).await);
    }
    assert_eq!(asked(world), (2, 0));
    // Mono may be at work on the refresh: it counts for its five minutes.
    let done = parsed(&answer_to(world, &refresh).await);
    assert_eq!(done["data"]["done"]["errors"][0]["code"], "SYNC_TOO_SOON", "{done}");
    assert_eq!(done["data"]["done"]["it"]["failure"]["code"], "INTERRUPTED", "{done}");
    assert_eq!(asked(world), (2, 0));
    world.clock.advance(Duration::seconds(180));
    let text = answer_to(world, &refresh).await;
    assert_eq!(parsed(&text)["data"]["done"]["it"]["status"], "FINISHED", "{text}");
    assert_eq!(text, answer_to(world, &refresh).await);
    assert_eq!(asked(world), (2, 1));
    assert_eq!(world.count("reauth_session", "live").await, 1);
}

#[tokio::test]
async fn after_a_crash_between_the_row_and_the_answer_nothing_is_stuck() {
    for place in [Hold::Before, Hold::Behind] {
        let mut world = World::with_replicas(0).await;
        let (line, mono) = Line::to(&world, starts).await;
        let process = Process::start(&world, &mono);
        line.hold(place);
        let first = make_all(&world, &process.address);
        line.holds(3).await;
        process.kill();
        for answer in first {
            assert!(answer.await.unwrap().is_err(), "nobody was answered");
        }
        line.hold(Hold::Nowhere);
        let made = if place == Hold::Behind { (2, 1) } else { (0, 0) };
        assert_eq!(asked(&world), made, "{place:?}");
        world.start_gateway().await;
        resolves(&world).await;
        world.stop().await;
    }
}

#[tokio::test]
async fn an_answer_that_could_not_be_written_leaves_nothing_stuck() {
    let mut world = World::with_replicas(0).await;
    let (line, mono) = Line::to(&world, starts).await;
    let gateway = world.try_start(Config { mono_base_url: mono, ..world.config() }).await.unwrap();
    world.gateways.push(gateway);
    line.hold(Hold::Behind);
    let first = make_all(&world, &world.url(0, ""));
    line.holds(3).await;
    let db = world.database().await;
    db.execute_unprepared("ALTER TABLE fact_log RENAME TO fact_log_away").await.unwrap();
    line.hold(Hold::Nowhere);
    for answer in first {
        let error = error_of(&answer.await.unwrap().unwrap());
        assert_eq!(error["extensions"]["code"], "INTERNAL", "{error}");
    }
    db.execute_unprepared("ALTER TABLE fact_log_away RENAME TO fact_log").await.unwrap();
    resolves(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn an_answer_that_comes_after_it_was_given_up_is_not_taken_for_a_success() {
    let mut world = World::with_replicas(0).await;
    let (line, mono) = Line::to(&world, starts).await;
    let gateway = world.try_start(Config { mono_base_url: mono, ..world.config() }).await.unwrap();
    world.gateways.push(gateway);
    line.hold(Hold::Behind);
    let first = make_all(&world, &world.url(0, ""));
    line.holds(3).await;
    // The machine slept, say.
    world.clock.advance(Duration::seconds(121));
    let given_up =
        async { while world.count("fact_log", "fact LIKE '%TIME_PASSED%'").await < 3 {} };
    tokio::time::timeout(DEADLINE, given_up).await.expect("they are given up");
    line.hold(Hold::Nowhere);
    let mut answers = Vec::new();
    for answer in first {
        answers.push(answer.await.unwrap().unwrap());
    }
    for text in &answers[..2] {
        let error = error_of(text);
        assert_eq!(error["extensions"]["code"], "UPSTREAM_UNAVAILABLE", "{error}");
        assert_eq!(error["extensions"]["retryable"], true, "{error}");
    }
    // A refresh is not lost by that: Mono is done with it.
    let done = parsed(&answers[2]);
    assert_eq!(done["data"]["done"]["it"]["status"], "FINISHED", "{done}");
    assert!(done["data"]["done"]["it"]["monoJobId"].is_string(), "{done}");
    for wish in &wishes()[..2] {
        let done = parsed(&answer_to(&world, wish).await);
        assert_eq!(done["data"]["done"]["it"]["status"], "LINK_ISSUED", "{done}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_key_is_answered_to_the_byte_as_at_first_and_for_nothing_else() {
    let mut world = World::with_replicas(2).await;
    let behaviour =
        Behaviour { realtime: Realtime::Enqueued, hold_jobs: true, ..Behaviour::default() };
    world.simulator.set_behaviour(behaviour);
    for wish in wishes() {
        let ask = |n: usize| make(world.url(n % 2, "/graphql"), world.http().clone(), wish.clone());
        let answers: Vec<_> = join_all((0..10).map(ask)).await;
        let first = answers[0].as_ref().unwrap();
        assert!(first.contains("\"id\":\""), "{first}");
        for answer in &answers {
            assert_eq!(answer.as_ref().unwrap(), first);
        }
        let other = Wish { input: wish.other.clone(), ..wish.clone() };
        let refused = parsed(&answer_to(&world, &other).await);
        assert_eq!(refused["data"]["done"]["errors"][0]["code"], "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(refused["data"]["done"]["it"], Value::Null);
    }
    assert_eq!(asked(&world), (2, 1), "of ten at once Mono was asked once");
    let mut before = Vec::new();
    for wish in wishes() {
        before.push(answer_to(&world, &wish).await);
    }
    world.gateways.pop().unwrap().stop().await;
    world.restart().await;
    for (wish, before) in wishes().iter().zip(before) {
        assert_eq!(answer_to(&world, wish).await, before, "after a restart");
    }
    assert_eq!(asked(&world), (2, 1));
    world.stop().await;
}

#[tokio::test]
async fn a_key_is_its_owner_s() {
    let world = world_with_tokens().await;
    let scope = "accounts:read reauth:write";
    let url = world.url(0, "/graphql");
    let ask = async |token: &str, query: &str, input: &Value| {
        let body = json!({ "query": query, "variables": { "input": input } });
        let request = world.http().post(&url).bearer_auth(token).json(&body);
        parsed(&request.send().await.unwrap().text().await.unwrap())
    };
    let [ada, ben] = ["ada", "ben"].map(|who| token_of(&world, who, scope, &[HEALTHY, NAIRA]));
    for wish in &wishes()[..2] {
        let hers = ask(&ada, wish.query, &wish.input).await;
        // Another's same key is another wish, whatever it is for.
        let his = ask(&ben, wish.query, &wish.other).await;
        for answer in [&hers, &his] {
            assert_eq!(answer["data"]["done"]["errors"], json!([]), "{answer}");
        }
        assert_ne!(hers["data"]["done"]["it"]["id"], his["data"]["done"]["it"]["id"]);
        let again = ask(&ada, wish.query, &wish.input).await;
        assert_eq!(again["data"]["done"]["it"]["id"], hers["data"]["done"]["it"]["id"]);
        let refused = ask(&ben, wish.query, &wish.input).await;
        assert_eq!(refused["data"]["done"]["errors"][0]["code"], "IDEMPOTENCY_KEY_REUSED");
    }
    world.stop().await;
}
