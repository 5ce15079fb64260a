//! Mono as it really is: whatever it does to a call, that ends in time with a code, the next one is
//! answered, the key goes nowhere else, and nobody is asked for whoever went away.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use mono_simulator::{Behaviour, Fault, FaultKind, NextLinks, Options};
use serde_json::{Value, json};

use crate::support::*;

const NAME: &str = "query ($id: ID!) { account(id: $id) { id name } }";

const PAGE: &str = "query ($id: ID!, $after: String) { account(id: $id) {
    transactions(first: 20, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } } }";

const BOTH: &str = "query ($id: ID!) { account(id: $id) { name transactions { nodes { id } } } }";

const LINK: &str = "mutation { initiateLink(input: {
    customer: { name: \"Ada Test\", email: \"ada@example.test\" } }) { link { id } } }";

const SYNC: &str = "mutation ($id: ID!) { syncAccount(input: { accountId: $id, part: BALANCE }) {
    job { id } } }";

const UNLINK: &str =
    "mutation ($id: ID!) { unlinkAccount(input: { accountId: $id }) { accountId } }";

const MEBIBYTE: u64 = 1024 * 1024;

/// As often as anybody may ask.
const ALWAYS: u32 = 100_000;

/// The only error of an answer, of which nothing may tell where Mono is or how it is asked.
fn error_of<'a>(answer: &'a Value, what: &str) -> &'a Value {
    let errors = answer["errors"].as_array().unwrap_or_else(|| panic!("{what}: {answer}"));
    assert_eq!(errors.len(), 1, "{what}: {answer}");
    assert!(errors[0]["extensions"]["requestId"].is_string(), "{what}: {answer}");
    let text = errors[0].to_string();
    for secret in ["http", "127.0.0.1", "sk_", "/v2", "src/", "reqwest", "hyper"] {
        assert!(!text.contains(secret), "{what}: {text}");
    }
    &errors[0]["extensions"]
}

fn in_a_minute() -> String {
    let at = mono_gateway::clock::Clock::default().now() + chrono::Duration::seconds(60);
    at.to_rfc2822().replace("+0000", "GMT")
}

/// What goes wrong, its code, whether that passes, how often Mono is asked, and whether it asks to be
/// left alone for a minute.
type Trouble = (Fault, &'static str, bool, usize, bool);

fn troubles() -> Vec<Trouble> {
    let limited = |fault: Fault, asked, waits| (fault, "UPSTREAM_RATE_LIMITED", true, asked, waits);
    let down = |fault: Fault, asked, waits| (fault, "UPSTREAM_UNAVAILABLE", true, asked, waits);
    let bad = |fault: Fault, asked| (fault, "UPSTREAM_BAD_RESPONSE", false, asked, false);
    let of = |kind| Fault::new(kind);
    let large = |kind| Fault::of_size(kind, 300 * MEBIBYTE);
    let said = |text: &str| Fault::status(429).retry_after_text(text);
    vec![
        limited(Fault::status(429), 3, false),
        limited(Fault::status(429).retry_after(0), 3, false),
        limited(Fault::status(429).retry_after(60), 1, true),
        limited(said(&in_a_minute()), 1, true),
        limited(said("Sun, 06 Nov 1994 08:49:37 GMT"), 3, false),
        limited(said("-5"), 3, false),
        limited(said("soon"), 3, false),
        limited(said("99999999999999999999"), 3, false),
        down(Fault::status(503).retry_after(60), 1, true),
        down(Fault::status(500), 3, false),
        down(Fault::status(504), 3, false),
        down(of(FaultKind::Html).with_status(502), 3, false),
        down(of(FaultKind::Reset), 3, false),
        down(Fault::reset_after(20), 3, false),
        down(Fault::reset_after(300), 3, false),
        bad(of(FaultKind::Truncated), 3),
        bad(of(FaultKind::Truncated).chunked(), 3),
        bad(of(FaultKind::Garbage), 1),
        bad(of(FaultKind::Empty), 1),
        bad(of(FaultKind::Html), 1),
        bad(large(FaultKind::Huge), 1),
        bad(large(FaultKind::Bomb), 1),
    ]
}

#[tokio::test]
async fn whatever_mono_does_is_a_coded_error_and_the_next_call_succeeds() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    for (fault, code, passes, asked, waits) in troubles() {
        let what = format!("{fault:?}");
        world.simulator.reset_calls();
        world.simulator.add_fault(fault.times(ALWAYS)).unwrap();
        let begun = Instant::now();
        let answer = world.ask(NAME, json!({ "id": HEALTHY })).await;
        assert!(begun.elapsed() < Duration::from_secs(10), "{what}: {:?}", begun.elapsed());
        let error = error_of(&answer, &what);
        assert_eq!(error["code"], code, "{what}: {answer}");
        assert_eq!(error["retryable"] == true, passes, "{what}: {answer}");
        let wait = error["retryAfterMs"].as_u64().unwrap_or_default();
        assert_eq!((50_000..=61_000).contains(&wait), waits, "{what}: {answer}");
        assert_eq!(world.simulator.calls().len(), asked, "{what}");
        world.simulator.clear_faults();
        let data = world.data(NAME, json!({ "id": HEALTHY })).await;
        assert!(data["account"]["name"].is_string(), "{what}: it recovers");
    }
    world.stop().await;
}

#[tokio::test]
async fn mono_is_asked_again_when_it_asks_for_that_and_not_before() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    for fault in [Fault::status(429).retry_after(1), Fault::status(503).retry_after(1)] {
        world.simulator.add_fault(fault.times(1)).unwrap();
        let begun = Instant::now();
        let data = world.data(NAME, json!({ "id": HEALTHY })).await;
        assert!(data["account"]["name"].is_string());
        assert!(begun.elapsed() >= Duration::from_secs(1));
    }
    world.stop().await;
}

#[tokio::test]
async fn large_bodies_are_not_read_to_their_end() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    // 8 MiB, and what the system takes in ahead of a reader.
    let most = 24 * MEBIBYTE;
    // The second sends a thousandth of its size, and would be unpacked for minutes.
    for (kind, size) in [(FaultKind::Huge, 300), (FaultKind::Bomb, 100 * 1024)] {
        let fault = Fault::of_size(kind, size * MEBIBYTE).times(ALWAYS);
        world.simulator.add_fault(fault).unwrap();
        let before = world.simulator.bytes_written();
        let asks = (0..8).map(|_| world.code(NAME, json!({ "id": HEALTHY })));
        let codes = join_all(asks).await;
        assert!(codes.iter().all(|code| code == "UPSTREAM_BAD_RESPONSE"), "{codes:?}");
        let written = world.simulator.bytes_written() - before;
        assert!(written < 8 * most, "{kind:?}: {written} bytes were sent");
        world.simulator.clear_faults();
    }
    world.data(NAME, json!({ "id": HEALTHY })).await;
    world.stop().await;
}

/// The deadlines are Mono's silence as it is: 10 and 15 s, all waited for side by side.
#[tokio::test]
async fn no_request_is_longer_than_its_deadline() {
    let world = World::new().await;
    for id in [HEALTHY, BIG, NAIRA, PARTIAL, NEEDS_REAUTH] {
        world.known(id).await;
    }
    let silent = Fault::slow(60_000).times(ALWAYS);
    for fault in [
        silent.clone().account(HEALTHY),
        Fault::drip(1_000).account(BIG).times(ALWAYS),
        Fault::status(429).retry_after(4).account(NAIRA).times(ALWAYS),
        silent.clone().account(PARTIAL).path("/initiate"),
        silent.clone().account(NEEDS_REAUTH).path("/unlink"),
    ] {
        world.simulator.add_fault(fault).unwrap();
    }
    let about = |id: &str| json!({ "id": id });
    let reauth = json!({ "input": { "accountId": PARTIAL } });
    let (read, write) = (Duration::from_secs(10), Duration::from_secs(15));
    let asks = [
        (NAME, about(HEALTHY), "UPSTREAM_TIMEOUT", read),
        (NAME, about(BIG), "UPSTREAM_TIMEOUT", read),
        (NAME, about(NAIRA), "UPSTREAM_RATE_LIMITED", read),
        (INITIATE, reauth, "UPSTREAM_TIMEOUT", write),
        (UNLINK, about(NEEDS_REAUTH), "UPSTREAM_TIMEOUT", write),
    ];
    let each = asks.into_iter().map(|(query, variables, code, within)| {
        let world = &world;
        async move {
            let begun = Instant::now();
            let answer = world.ask(query, variables).await;
            assert_eq!(error_of(&answer, query)["code"], code, "{answer}");
            // Seconds for a machine that is busy with other things.
            let most = within + Duration::from_secs(3);
            assert!(begun.elapsed() < most, "{query} took {:?}", begun.elapsed());
        }
    });
    let meanwhile = async {
        let begun = Instant::now();
        assert_eq!(world.known(HEALTHY).await["dataStatus"], "AVAILABLE");
        let update = json!({ "event": "mono.events.account_updated", "data": {
            "meta": { "data_status": "PARTIAL" }, "account": { "_id": HEALTHY } } });
        assert_eq!(world.webhook(update.to_string()).await, 200);
        assert_eq!(world.known(HEALTHY).await["dataStatus"], "PARTIAL");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    };
    tokio::join!(join_all(each), meanwhile);
    let posts = world.simulator.calls().iter().filter(|call| call.method == "POST").count();
    assert_eq!(posts, 2, "Mono may have heard what it did not answer");
    world.simulator.clear_faults();
    for id in [HEALTHY, BIG, NAIRA, NEEDS_REAUTH] {
        world.data(NAME, about(id)).await;
    }
    world.stop().await;
}

/// Counts who comes, and answers nobody.
async fn spy() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, visits) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = visits.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, visits)
}

#[tokio::test]
async fn nothing_goes_to_another_host_least_of_all_the_key() {
    let (address, visits) = spy().await;
    let elsewhere = format!("http://{address}");
    let options = Options { public_url: Some(elsewhere.clone()), ..Options::default() };
    let world = World::with_simulator(1, options).await;
    world.known(HEALTHY).await;
    for status in [301, 302, 303, 307, 308] {
        let away = Fault::redirect(&format!("{elsewhere}/v2/stolen")).with_status(status);
        world.simulator.add_fault(away.times(ALWAYS)).unwrap();
        let reauth = json!({ "input": { "accountId": HEALTHY } });
        for (query, variables) in [
            (NAME, json!({ "id": HEALTHY })),
            (INITIATE, reauth),
            (LINK, Value::Null),
            (SYNC, json!({ "id": HEALTHY })),
        ] {
            let answer = world.ask(query, variables).await;
            let error = error_of(&answer, query);
            assert_eq!(error["code"], "UPSTREAM_BAD_RESPONSE", "{status}: {answer}");
            world.clock.advance(chrono::Duration::minutes(6));
        }
        world.simulator.clear_faults();
    }
    // Links to the next page lead elsewhere, too: the number in them is all that is used.
    let behaviour = Behaviour { next_links: NextLinks::Correct, ..Behaviour::default() };
    world.simulator.set_behaviour(behaviour);
    let mut after = Value::Null;
    for _ in 0..3 {
        let page = world.data(PAGE, json!({ "id": HEALTHY, "after": after })).await;
        let page = &page["account"]["transactions"];
        assert_eq!(page["nodes"].as_array().unwrap().len(), 20, "{page}");
        assert_eq!(page["pageInfo"]["hasNextPage"], true);
        after = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(visits.load(Ordering::SeqCst), 0);
    tokio::net::TcpStream::connect(address).await.unwrap();
    until("a visit is noticed", || visits.load(Ordering::SeqCst) == 1).await;
    world.stop().await;
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let becomes_true = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, becomes_true).await.unwrap_or_else(|_| panic!("not so: {what}"));
}

/// Asks and goes away once Mono was asked `calls` times.
async fn ask_and_leave(world: &World, query: &str, variables: Value, calls: usize) {
    let asked = until("Mono is asked", || world.simulator.calls().len() == calls);
    tokio::select! {
        answer = world.ask(query, variables) => panic!("it was answered: {answer}"),
        () = asked => {}
    }
}

#[tokio::test]
async fn reads_end_with_the_request_that_wanted_them() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    let about = json!({ "id": HEALTHY });
    for over in ["HTTP", "a completed operation", "a closed socket"] {
        world.simulator.add_fault(Fault::slow(60_000).times(2)).unwrap();
        world.simulator.reset_calls();
        let asked = || world.simulator.in_flight() == 2;
        let begun = match over {
            "HTTP" => {
                ask_and_leave(&world, BOTH, about.clone(), 2).await;
                Instant::now()
            }
            "a completed operation" => {
                let mut ws = world.subscribe(0, BOTH, about.clone()).await;
                until("Mono is asked", asked).await;
                ws.send(json!({ "id": "1", "type": "complete" })).await;
                let begun = Instant::now();
                until(over, || world.simulator.in_flight() == 0).await;
                ws.nothing_but_pong().await;
                begun
            }
            _ => {
                let ws = world.subscribe(0, BOTH, about.clone()).await;
                until("Mono is asked", asked).await;
                drop(ws);
                Instant::now()
            }
        };
        until(over, || world.simulator.in_flight() == 0).await;
        // Not because its time was up.
        assert!(begun.elapsed() < Duration::from_secs(5), "{over}: {:?}", begun.elapsed());
        assert_eq!(world.simulator.calls().len(), 2, "{over}: nothing is asked again");
    }
    world.data(NAME, about).await;
    world.stop().await;
}

#[tokio::test]
async fn a_read_is_not_tried_again_for_a_caller_who_is_gone() {
    // Who ends his side may still be listening, and is waited for for a while: here not.
    let world = World::with_config(|config| config.bounds.listens = Duration::ZERO).await;
    world.known(HEALTHY).await;
    world.simulator.reset_calls();
    world.simulator.add_fault(Fault::status(429).retry_after(1).times(ALWAYS)).unwrap();
    ask_and_leave(&world, NAME, json!({ "id": HEALTHY }), 1).await;
    // Somebody who stays is asked for all three times, which takes longer.
    assert_eq!(world.code(NAME, json!({ "id": BIG })).await, "UPSTREAM_RATE_LIMITED");
    let about = |id: &str| world.simulator.calls().iter().filter(|c| c.path.contains(id)).count();
    assert_eq!((about(HEALTHY), about(BIG)), (1, 3));
    world.stop().await;
}

#[tokio::test]
async fn whoever_stays_is_answered_although_another_goes() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.simulator.reset_calls();
    world.simulator.add_fault(Fault::slow(500).times(ALWAYS)).unwrap();
    let about = json!({ "id": HEALTHY });
    let goes = ask_and_leave(&world, NAME, about.clone(), 2);
    let (stays, ()) = tokio::join!(world.data(NAME, about.clone()), goes);
    assert!(stays["account"]["name"].is_string());
    world.stop().await;
}

#[tokio::test]
async fn what_changes_something_goes_on_without_its_caller() {
    let world = World::with_config(|config| config.bounds.listens = Duration::ZERO).await;
    let id = json!({ "id": HEALTHY });
    world.known(HEALTHY).await;
    world.simulator.add_fault(Fault::slow(300).times(ALWAYS)).unwrap();
    for (query, table) in [(LINK, "link_session"), (SYNC, "account_job")] {
        world.simulator.reset_calls();
        ask_and_leave(&world, query, id.clone(), 1).await;
        let settled = async { while world.count(table, "status <> 'REQUESTED'").await != 1 {} };
        tokio::time::timeout(DEADLINE, settled).await.unwrap_or_else(|_| panic!("{query}"));
    }
    world.simulator.reset_calls();
    ask_and_leave(&world, UNLINK, id.clone(), 1).await;
    let forgotten = async { while world.code(NAME, id.clone()).await != "NOT_FOUND" {} };
    tokio::time::timeout(DEADLINE, forgotten).await.expect("it is unlinked here, too");
    world.stop().await;
}

#[tokio::test]
async fn a_storm_is_borne_with_so_many_calls_at_once_and_no_more() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.simulator.add_fault(Fault::status(429).times(300)).unwrap();
    world.simulator.add_fault(Fault::slow(400).times(ALWAYS)).unwrap();
    let asks = (0..300).map(|_| world.ask(NAME, json!({ "id": HEALTHY })));
    let answers = join_all(asks).await;
    let failed = answers.iter().filter(|answer| answer.get("errors").is_some());
    for answer in failed {
        assert_eq!(error_of(answer, "a storm")["code"], "UPSTREAM_RATE_LIMITED");
    }
    let most = world.simulator.max_concurrent();
    assert!((2..=128).contains(&most), "{most} calls at once");
    world.simulator.clear_faults();
    world.data(NAME, json!({ "id": HEALTHY })).await;
    world.stop().await;
}
