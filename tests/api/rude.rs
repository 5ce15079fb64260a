//! Callers that are slow, rude or gone: none of them holds the gateway up.

use std::time::{Duration, Instant};

use mono_simulator::Fault;
use serde_json::json;
use tokio::task::JoinSet;

use crate::{raw::*, support::*};

const EVENTS: &str = "accept: text/event-stream";

fn subscribe() -> String {
    let query = json!({ "query": "subscription { dataStatusChanged { kind } }" }).to_string();
    post("/graphql", &[EVENTS], &query)
}

fn secret() -> String {
    format!("mono-webhook-secret: {WEBHOOK_SECRET}")
}

/// A request for the largest thing that is served.
fn largest_asset() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/transport/graphiql/assets");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    let packed = files.filter(|file| file.path().extension().is_some_and(|end| end == "gz"));
    let largest = packed.max_by_key(|file| file.metadata().unwrap().len()).unwrap().file_name();
    let name = largest.to_str().unwrap().trim_end_matches(".gz");
    let first = format!("GET /graphiql/assets/{name} HTTP/1.1");
    lines(&[&first, "host: localhost", "accept-encoding: gzip", ""])
}

#[tokio::test]
async fn a_head_that_does_not_come_costs_its_connection() {
    let world = world_within(mono_gateway::server::Bounds { head: SOON, ..PATIENT }).await;
    let mut second = Raw::open(&world).await;
    assert_eq!(second.exchange(&ask(MODE)).await.status, 200);
    second.send("POST /gra").await;
    let mut silent = Raw::open(&world).await;
    let mut drips = Raw::open(&world).await;
    let begun = Instant::now();
    drips.send("POST /graphql HTTP/1.1\r\n").await;
    // A header now and then keeps no connection: the head as a whole is late.
    let mut count = 0;
    while drips.try_send(b"x-more: 1\r\n").await.is_ok() && begun.elapsed() < DEADLINE {
        count += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(count > 1 && begun.elapsed() < DEADLINE, "{count}");
    assert_eq!(silent.ended().await, "");
    assert_eq!(second.ended().await, "");
    world.stop().await;
}

#[tokio::test]
async fn an_idle_connection_is_kept_longer_than_a_late_head_and_then_closed() {
    let idle = 3 * SOON;
    let bounds = mono_gateway::server::Bounds { head: SOON, idle, linger: SOON, ..PATIENT };
    let world = world_within(bounds).await;
    let begun = Instant::now();
    let mut raw = Raw::open(&world).await;
    assert_eq!(raw.exchange(&ask(MODE)).await.status, 200);
    assert_eq!(raw.ended_in_order().await, "");
    assert!(begun.elapsed() >= idle, "{:?}", begun.elapsed());
    world.stop().await;
}

#[tokio::test]
async fn a_body_that_drips_is_answered_408_and_its_connection_closed() {
    let world = world_within(mono_gateway::server::Bounds { body: SOON, ..PATIENT }).await;
    let secret = secret();
    for (path, headers) in [("/graphql", vec![]), ("/webhooks/mono", vec![secret.as_str()])] {
        for length in ["content-length: 100", "transfer-encoding: chunked"] {
            let first = format!("POST {path} HTTP/1.1");
            let usual = ["host: localhost", "content-type: application/json", length];
            let head = lines(&[&[first.as_str()][..], &usual, headers.as_slice(), &[""]].concat());
            let mut raw = Raw::open(&world).await;
            let begun = Instant::now();
            raw.send(&(head + "5\r\n{    \r\n")).await;
            let refused = raw.reply().await;
            assert!(begun.elapsed() >= SOON, "{path} {length}");
            assert_eq!(refused.status, 408, "{path} {length}");
            assert!(refused.message().contains("did not arrive in time"), "{}", refused.text());
            assert_eq!(refused.header("connection"), Some("close"), "{path} {length}");
            raw.half_close().await;
            assert_eq!(raw.ended_in_order().await, "");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_dropped() {
    let world = world_with(|config| {
        config.bounds = mono_gateway::server::Bounds { answer: SOON, headroom: 0, ..PATIENT };
        config.max_connections = 1;
    })
    .await;
    // More than all the buffers between the two hold.
    let asset = largest_asset();
    let mut raw = Raw::open(&world).await;
    raw.send(&asset.repeat(100)).await;
    until_there_is_place(&world).await;
    drop(raw);
    world.stop().await;
}

#[tokio::test]
async fn requests_in_one_segment_are_answered_in_order() {
    let world = World::new().await;
    let mut raw = Raw::open(&world).await;
    // The first is the slowest to answer.
    world.simulator.add_fault(Fault::slow(100).times(1)).unwrap();
    let slow = format!("{{ account(id: \"{HEALTHY}\") {{ name }} }}");
    raw.send(&(ask(&slow) + &ask("{ second: gateway { mode } }") + &ask("{ nonsense }"))).await;
    assert!(raw.reply().await.text().contains("\"name\""));
    assert!(raw.reply().await.text().contains("\"second\""));
    assert!(raw.reply().await.text().contains("GRAPHQL_VALIDATION_FAILED"));
    world.stop().await;
}

#[tokio::test]
async fn who_has_said_everything_and_listens_is_answered() {
    let world = world_within(PATIENT).await;
    world.simulator.add_fault(Fault::slow(100).times(1)).unwrap();
    let slow = format!("{{ account(id: \"{HEALTHY}\") {{ name }} }}");
    let mut raw = Raw::open(&world).await;
    raw.send(&(ask(MODE) + &ask(&slow))).await;
    raw.half_close().await;
    assert_eq!(raw.reply().await.status, 200);
    assert!(raw.reply().await.text().contains("\"name\""));
    assert_eq!(raw.ended_in_order().await, "");
    // Also if the answers are larger than what the buffers hold.
    let asset = largest_asset();
    let mut raw = Raw::open(&world).await;
    raw.send(&asset.repeat(20)).await;
    raw.half_close().await;
    let first = raw.reply().await;
    assert_eq!(first.status, 200);
    for _ in 1..20 {
        assert_eq!(raw.reply().await.body.len(), first.body.len());
    }
    assert_eq!(raw.ended_in_order().await, "");
    world.stop().await;
}

#[tokio::test]
async fn who_vanishes_leaves_nothing_behind() {
    let world = world_with(|config| {
        config.bounds = mono_gateway::server::Bounds { headroom: 0, ..PATIENT };
        config.max_connections = 1;
    })
    .await;
    let body = post("/graphql", &[], &" ".repeat(1000));
    world.simulator.add_fault(Fault::slow(100).times(1)).unwrap();
    let slow = ask(&format!("{{ account(id: \"{HEALTHY}\") {{ name }} }}"));
    for (sent, comes) in [
        ("POST /graphql HTTP/1.1\r\nho", ""),
        (&body[..500], ""),
        (slow.as_str(), ""),
        (subscribe().as_str(), ":\n\n"),
    ] {
        let mut raw = until_there_is_place(&world).await;
        raw.send(sent).await;
        raw.until(comes).await;
        drop(raw);
    }
    // And a stream's subscriber is taken to be gone as soon as it writes no more.
    let mut raw = until_there_is_place(&world).await;
    raw.send(&subscribe()).await;
    raw.until(":\n\n").await;
    raw.half_close().await;
    raw.ended().await;
    until_there_is_place(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn leave_to_send_a_body_is_given_only_if_it_would_be_taken() {
    let world = World::new().await;
    let body = json!({ "query": MODE }).to_string();
    let whole = post("/graphql", &["expect: 100-continue"], &body);
    let head = whole.strip_suffix(&body).unwrap();
    let mut raw = Raw::open(&world).await;
    assert_eq!(raw.exchange(head).await.status, 100);
    assert_eq!(raw.exchange(&body).await.status, 200);
    let secret = secret();
    for path in ["/graphql", "/webhooks/mono"] {
        let first = format!("POST {path} HTTP/1.1");
        let length = "content-length: 10000000";
        let expect = "expect: 100-continue";
        let usual = ["host: localhost", "content-type: application/json", length, expect];
        let head = lines(&[&[first.as_str()][..], &usual, &[secret.as_str(), ""]].concat());
        let mut raw = Raw::open(&world).await;
        let refused = raw.exchange(&head).await;
        assert_eq!((refused.status, refused.header("connection")), (413, Some("close")), "{path}");
        assert!(refused.message().contains("at most"));
    }
    world.stop().await;
}

#[tokio::test]
async fn a_refusal_is_heard_by_who_sends_everything_first() {
    let world = world_within(PATIENT).await;
    let much = " ".repeat(8 * 1024 * 1024);
    let refused = post("/graphql", &["origin: https://evil.example"], &much);
    let other = refused.replacen("application/json", "text/plain", 1);
    for (request, status) in [
        (post("/graphql", &[], &much), 413),
        (refused, 403),
        (other.replacen("origin", "x-origin", 1), 415),
        (post("/graphql", &["content-encoding: gzip"], &much), 415),
        (post("/webhooks/mono", &[], &much), 401),
        (post("/nothing", &[], &much), 404),
        (post("/graphql", &["host: localhost"], &much), 400),
        (format!("nonsense\r\n{much}"), 400),
        (format!("GET /{} HTTP/1.1\r\n", "a".repeat(1024 * 1024)), 431),
    ] {
        let mut raw = Raw::open(&world).await;
        raw.send(&request).await;
        let got = raw.reply().await;
        assert_eq!(got.status, status, "{}", got.head);
        assert_eq!(got.header("connection"), Some("close"), "{}", got.head);
        raw.half_close().await;
        raw.ended_in_order().await;
    }
    world.stop().await;
}

#[tokio::test]
async fn who_finds_no_place_is_told_so_and_served_later() {
    let world = world_with(|config| {
        config.bounds.headroom = 1;
        config.max_connections = 1;
    })
    .await;
    let mut first = Raw::open(&world).await;
    assert_eq!(first.exchange(&ask(MODE)).await.status, 200);
    let mut stream = Raw::open(&world).await;
    stream.send(&subscribe()).await;
    stream.until(":\n\n").await;
    let mut third = Raw::open(&world).await;
    // Not a byte of it is looked at.
    let refused = third.exchange("nonsense").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert!(refused.message().contains("too many connections"));
    third.half_close().await;
    assert_eq!(third.ended_in_order().await, "");
    // Those who are in are served on, and whoever looks after the gateway gets in.
    assert_eq!(first.exchange(&ask(MODE)).await.status, 200);
    let admin = format!("http://{}/health/live", world.gateways[0].admin_address);
    assert_eq!(world.http().get(admin).send().await.unwrap().status(), 200);
    drop(stream);
    until_there_is_place(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn stopping_waits_for_nobody_who_is_slow() {
    let world = world_within(PATIENT).await;
    let mut others = JoinSet::new();
    let whole = ask(MODE);
    let half = &whole[..whole.len() - 1];
    for sent in ["", "POST /graphql HTTP/1.1\r\n", half, &whole] {
        let mut raw = Raw::open(&world).await;
        raw.send(sent).await;
        if sent == whole {
            assert_eq!(raw.reply().await.status, 200);
        }
        others.spawn(async move { raw.ended().await });
    }
    let begun = Instant::now();
    world.stop().await;
    let drain = Duration::from_millis(200);
    assert!(begun.elapsed() < drain + Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(others.join_all().await, ["", "", "", ""]);
}

#[tokio::test]
async fn stopping_closes_what_is_idle_at_once() {
    let world = world_with(|config| {
        config.bounds = PATIENT;
        config.drain_ms = 15_000;
    })
    .await;
    let silent = Raw::open(&world).await;
    let mut kept = Raw::open(&world).await;
    assert_eq!(kept.exchange(&ask(MODE)).await.status, 200);
    let begun = Instant::now();
    world.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    for mut raw in [silent, kept] {
        assert_eq!(raw.ended_in_order().await, "");
    }
}
