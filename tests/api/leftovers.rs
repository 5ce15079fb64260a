//! What stays behind of connections that end, however they end: nothing, by count.

use std::time::Duration;

use mono_gateway::{
    access::{Access, Verifier},
    app::OpenNow,
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::{
    access::{SECRET, token},
    frames::{BEGIN, BINARY, CLOSE, PING, PONG, Raw, TEXT},
    support::*,
};

const FOREVER: &str = "subscription { dataStatusChanged { kind } }";

/// Waits until this is open.
async fn until_open(world: &World, wanted: OpenNow) {
    let open = || world.gateways[0].open_now();
    let wait = async {
        while open() != wanted {
            tokio::task::yield_now().await;
        }
    };
    let came = timeout(DEADLINE, wait).await;
    assert!(came.is_ok(), "{:?} is open, and not {wanted:?}", open());
}

fn open(connections: usize, subscriptions: usize) -> OpenNow {
    OpenNow { connections, subscriptions, listeners: subscriptions }
}

async fn until_nothing_is_open(world: &World) {
    until_open(world, OpenNow::default()).await;
}

/// Writes until the gateway can write no more, since nobody reads what it answers.
async fn block(stream: &mut TcpStream) {
    let payload = json!({ "a": "x".repeat(200_000) });
    let ping =
        Raw::bytes(TEXT, json!({ "type": "ping", "payload": payload }).to_string().as_bytes());
    // The gateway is at work until one message waits for longer than any work on one takes.
    while let Ok(written) = timeout(Duration::from_millis(700), stream.write_all(&ping)).await {
        written.expect("the connection lasts until it is blocked");
    }
}

#[tokio::test]
async fn a_client_that_answers_no_pings_is_cut_and_one_that_does_stays() {
    let world = World::with(|config| config.patience.ping = Duration::from_millis(250)).await;
    let mut dead = Raw::hello(&world).await;
    dead.subscribe("1", FOREVER).await;
    let mut alive = Raw::hello(&world).await;
    alive.subscribe("1", FOREVER).await;
    let mut pings = 0;
    while let Some((first, _)) = dead.next().await {
        assert_eq!(first, PING);
        pings += 1;
        // Its own pings would be a sign of life; its silence is not.
        alive.frame(PONG, b"").await;
    }
    assert_eq!(pings, 2);
    until_open(&world, open(1, 1)).await;
    for _ in 0..6 {
        let (first, _) = alive.next().await.expect("the connection stays");
        assert_eq!(first, PING);
        alive.frame(PONG, b"").await;
    }
    assert_eq!(world.gateways[0].open_now(), open(1, 1));
    drop(alive);
    until_nothing_is_open(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn a_message_that_never_ends_does_not_last_because_pings_are_answered() {
    let world = World::with(|config| {
        config.patience.ping = Duration::from_millis(250);
        config.patience.frame = Duration::from_millis(300);
    })
    .await;
    let mut raw = Raw::hello(&world).await;
    let begin = Instant::now();
    raw.frame(BEGIN, b"{").await;
    while let Some((first, _)) = raw.next().await {
        assert_eq!(first, PING);
        raw.frame(PONG, b"").await;
    }
    assert!(begin.elapsed() >= Duration::from_millis(300));
    until_nothing_is_open(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn a_hello_may_be_late_but_not_too_late_and_nothing_else_replaces_it() {
    let world = World::with(|config| config.patience.hello = Duration::from_millis(400)).await;
    let begin = Instant::now();
    let mut silent = Raw::open(&world).await;
    let mut busy = Raw::open(&world).await;
    let mut good = Raw::open(&world).await;
    for _ in 0..3 {
        busy.message(json!({ "type": "ping" })).await;
        assert_eq!(busy.json().await["type"], "pong");
    }
    let late = begin + Duration::from_millis(200);
    tokio::time::sleep_until(late).await;
    good.message(json!({ "type": "connection_init" })).await;
    assert_eq!(good.json().await["type"], "connection_ack");
    for raw in [&mut silent, &mut busy] {
        let (code, reason) = raw.closed().await.unwrap();
        assert_eq!((code, reason.as_str()), (4408, "Connection initialisation timeout"));
    }
    assert!(begin.elapsed() >= Duration::from_millis(400));
    good.message(json!({ "type": "ping" })).await;
    assert_eq!(good.json().await["type"], "pong");
    drop((silent, busy, good));
    until_nothing_is_open(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn a_frame_that_is_not_taken_in_time_ends_the_connection() {
    let world = World::with(|config| config.patience.frame = Duration::from_secs(2)).await;
    let mut raw = Raw::hello(&world).await;
    raw.subscribe("1", FOREVER).await;
    until_open(&world, open(1, 1)).await;
    block(&mut raw.stream).await;
    until_nothing_is_open(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn a_frame_that_is_not_taken_does_not_outlast_the_token() {
    let verifier = Verifier::hs256(&SecretString::from(SECRET), None, None);
    let world = World::with(|config| {
        config.access = Access::Token(Box::new(verifier));
        // Far less than the 30 seconds for which a frame may wait.
        config.patience.goodbye = Duration::from_millis(100);
    })
    .await;
    let mut raw = Raw::open(&world).await;
    let token = token(&world, "accounts:read", &[HEALTHY]);
    raw.message(json!({ "type": "connection_init", "payload": { "authorization": token } })).await;
    assert_eq!(raw.json().await["type"], "connection_ack");
    raw.subscribe("1", FOREVER).await;
    until_open(&world, open(1, 1)).await;
    block(&mut raw.stream).await;
    world.clock.advance(chrono::Duration::seconds(61));
    until_nothing_is_open(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn a_frame_that_is_not_taken_does_not_hold_up_a_gateway_that_stops() {
    let mut world = World::with(|config| {
        config.drain_ms = 6000;
        config.patience.goodbye = Duration::from_millis(50);
    })
    .await;
    let mut raw = Raw::hello(&world).await;
    block(&mut raw.stream).await;
    let begin = Instant::now();
    world.gateways.pop().unwrap().stop().await;
    // Streams close within four fifths of the drain. A connection that is stuck would last for all
    // of it, and 300 ms longer.
    assert!(begin.elapsed() < Duration::from_millis(6000), "{:?}", begin.elapsed());
    world.stop().await;
}

#[tokio::test]
async fn a_client_that_reads_again_in_time_reads_all_and_then_the_goodbye() {
    let mut world = World::new().await;
    let mut raw = Raw::hello(&world).await;
    let payload = json!({ "a": "x".repeat(200_000) });
    for _ in 0..20 {
        raw.message(json!({ "type": "ping", "payload": payload.clone() })).await;
    }
    let gateway = world.gateways.pop().unwrap();
    for _ in 0..20 {
        assert_eq!(raw.json().await["payload"], payload);
    }
    gateway.stop().await;
    assert_eq!(raw.closed().await.unwrap().0, 1012);
    world.stop().await;
}

#[tokio::test]
async fn a_flood_of_ids_leaves_nothing() {
    let world = World::new().await;
    let mut raw = Raw::hello(&world).await;
    for n in 0..3000 {
        // The same id again and again, and another each time.
        for id in ["again", &format!("{n}")] {
            raw.subscribe(id, FOREVER).await;
            raw.message(json!({ "type": "complete", "id": id })).await;
        }
    }
    // What never ran may be completed, too.
    raw.message(json!({ "type": "complete", "id": "never" })).await;
    raw.message(json!({ "type": "ping" })).await;
    assert_eq!(raw.json().await["type"], "pong");
    until_open(&world, open(1, 0)).await;
    raw.subscribe("again", FOREVER).await;
    until_open(&world, open(1, 1)).await;
    drop(raw);
    until_nothing_is_open(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn an_id_has_a_largest_size_of_1024_bytes() {
    let world = World::new().await;
    let mut raw = Raw::hello(&world).await;
    let longest = "é".repeat(512);
    raw.subscribe(&longest, "{ gateway { mode } }").await;
    assert_eq!(raw.json().await["id"], longest.as_str());
    assert_eq!(raw.json().await, json!({ "id": longest, "type": "complete" }));
    for kind in ["subscribe", "complete"] {
        for length in [1025, 200 * 1024] {
            let mut raw = Raw::hello(&world).await;
            let payload = json!({ "query": FOREVER });
            raw.message(json!({ "id": "x".repeat(length), "type": kind, "payload": payload }))
                .await;
            let (code, reason) = raw.closed().await.unwrap();
            assert_eq!((code, reason.as_str()), (4400, "an operation's id has at most 1024 bytes"));
        }
    }
    drop(raw);
    until_nothing_is_open(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn nothing_stays_of_a_thousand_connections_however_they_end() {
    let world = World::new().await;
    for _ in 0..4 {
        let mut all = Vec::new();
        for _ in 0..250 {
            let mut raw = Raw::hello(&world).await;
            raw.subscribe("all", FOREVER).await;
            raw.subscribe(
                "one",
                &format!(
                    "subscription {{ dataStatusChanged(accountId: \"{HEALTHY}\") {{ kind }} }}"
                ),
            )
            .await;
            all.push(raw);
        }
        until_open(&world, open(250, 500)).await;
        for (n, mut raw) in all.into_iter().enumerate() {
            match n % 7 {
                0 => raw.frame(CLOSE, 1000_u16.to_be_bytes()).await,
                // Unread answers make of the end a reset.
                1 => drop(raw.stream),
                2 => raw.stream.shutdown().await.unwrap(),
                3 => drop(raw.write(&Raw::bytes(TEXT, &[b' '; 100])[..50]).await),
                4 => raw.frame(BINARY, b"").await,
                5 => drop(raw.write(&[TEXT, 0]).await),
                _ => {
                    raw.stream.set_zero_linger().unwrap();
                    drop(raw.stream);
                }
            }
        }
        until_nothing_is_open(&world).await;
    }
    world.stop().await;
}

/// Every code with which the gateway closes a connection that a client's messages made wrong.
const CODES: [u16; 10] = [1002, 1007, 1009, 4400, 4401, 4403, 4406, 4408, 4409, 4429];

/// One of the things that a client may do, right or wrong.
async fn act(raw: &mut Raw, random: &mut StdRng) {
    let ids = ["1", "2", "3", "", "é"];
    let id = *ids.choose(random).unwrap();
    let payloads = [
        Value::Null,
        json!({}),
        json!({ "authorization": "x" }),
        json!({ "a": [1, { "b": null }] }),
    ];
    let payload = payloads.choose(random).unwrap().clone();
    let documents = [
        FOREVER,
        "{ gateway { mode } }",
        "{",
        "{ nothing }",
        "subscription { reauthChanged { kind } }",
        "mutation { nothing }",
    ];
    let document = *documents.choose(random).unwrap();
    let subscribe = json!({ "id": id, "type": "subscribe", "payload": { "query": document } });
    match random.random_range(0..100) {
        0..10 => raw.message(json!({ "type": "connection_init", "payload": payload })).await,
        10..20 => raw.message(json!({ "type": "ping", "payload": payload })).await,
        20..28 => raw.message(json!({ "type": "pong" })).await,
        28..60 => raw.message(subscribe).await,
        60..80 => raw.message(json!({ "id": id, "type": "complete" })).await,
        80..90 => raw.frame(PING, b"x").await,
        90..92 => raw.message(json!({ "id": [id], "type": "subscribe", "payload": payload })).await,
        92..94 => raw.frame(TEXT, subscribe.to_string().split_at(20).0).await,
        94 => raw.frame(TEXT, vec![random.random(); 20]).await,
        95 => raw.frame(random.random(), b"x").await,
        96 => raw.frame(TEXT, "[".repeat(300_000)).await,
        97 => raw.frame(TEXT, "[".repeat(100_000)).await,
        98 => raw.frame(CLOSE, random.random::<[u8; 2]>()).await,
        _ => drop(raw.write(&random.random::<[u8; 9]>()).await),
    }
}

#[tokio::test]
async fn whatever_clients_say_every_end_is_one_of_the_table_s_and_nothing_stays() {
    let world = World::new().await;
    for seed in 0..150 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut raw = Raw::open(&world).await;
        if random.random_bool(0.8) {
            raw.message(json!({ "type": "connection_init" })).await;
        }
        for _ in 0..random.random_range(1..40) {
            act(&mut raw, &mut random).await;
        }
        // Its own goodbye is answered with its code; whatever came first is from the table.
        raw.frame(CLOSE, 4999_u16.to_be_bytes()).await;
        let mut code = None;
        while let Some((first, payload)) = raw.next().await {
            if first == CLOSE {
                code = payload.first_chunk().copied().map(u16::from_be_bytes);
            }
        }
        let is_own = |code: u16| (1000..1015).contains(&code) || (3000..5000).contains(&code);
        let code = code.unwrap_or_else(|| panic!("seed {seed}: no close frame"));
        assert!(CODES.contains(&code) || is_own(code) && code != 1011, "seed {seed}: {code}");
    }
    until_nothing_is_open(&world).await;
    let data = world.data("{ gateway { mode } }", Value::Null).await;
    assert_eq!(data["gateway"]["mode"], "LIVE");
    world.stop().await;
}
