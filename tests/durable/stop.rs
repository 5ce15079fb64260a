//! Stopping in order: what is under way ends well, what is open is told to come back.

use std::{
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use mono_simulator::{Fault, Simulator};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    books::{Books, Listener},
    support::*,
    trouble::Lock,
};

/// How long stopping may take beyond the drain.
const GRACE: Duration = Duration::from_secs(1);

const CHANGES: &str = "subscription { dataStatusChanged { cursor } }";

fn draining(url: &str, mono: &Simulator, drain_ms: u64) -> std::process::Command {
    let mut command = program(url, mono.base_url());
    command.env("GATEWAY_DRAIN_MS", drain_ms.to_string());
    command
}

async fn until_stopping(gateway: &Gateway) {
    let stopping = async { while gateway.ready().await != 503 {} };
    tokio::time::timeout(DEADLINE, stopping).await.expect("it says that it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn either_signal_stops_it_in_order() {
    let mono = mono(1).await;
    for signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let url = new_database(folder.path()).await;
        let mut gateway = Gateway::start(draining(&url, &mono, 15_000));
        assert_eq!(gateway.webhook("{}").await.unwrap(), 200);
        let begun = Instant::now();
        gateway.signal(signal);
        assert_eq!(gateway.ended().await.code(), Some(0), "{signal}");
        // The drain is for what is under way, and here nothing is.
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        let db = look_into(&url).await;
        assert_eq!(number(&db, "SELECT COUNT(*) FROM webhook_event").await, 1);
    }
    mono.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_as_soon_as_it_answers_it_stops_in_order() {
    for turn in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let bind = free.local_addr().unwrap().to_string();
        drop(free);
        // Demo mode has the most to do between its first answer and being ready.
        let mut command = Command::new(env!("CARGO_BIN_EXE_mono-gateway"));
        command.env_clear().current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        command.envs([("GATEWAY_BIND", bind.as_str()), ("GATEWAY_ADMIN_BIND", "127.0.0.1:0")]);
        let mut child = command.spawn().unwrap();
        let answers =
            async { while reqwest::get(format!("http://{bind}/health/live")).await.is_err() {} };
        tokio::time::timeout(DEADLINE, answers).await.expect("it answers");
        let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(told.unwrap().success());
        let ended = tokio::task::spawn_blocking(move || child.wait().unwrap());
        let ended = tokio::time::timeout(DEADLINE, ended).await.expect("it ends").unwrap();
        assert_eq!(ended.code(), Some(0), "turn {turn}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_ends_well_while_nothing_new_is_taken() {
    let mono = mono(1).await;
    let folder = tempfile::tempdir().unwrap();
    let url = new_database(folder.path()).await;
    let mut gateway = Gateway::start(draining(&url, &mono, 3000));
    let account = mono.accounts()[0].id.clone();
    // Known, so that asking begins with a write.
    let update = json!({ "event": "mono.events.account_updated", "data": {
        "account": { "_id": account }, "meta": { "data_status": "AVAILABLE" } } });
    assert_eq!(gateway.webhook(update.to_string()).await.unwrap(), 200);
    let mut events = client()
        .get(url::Url::parse_with_params(&gateway.url("/graphql"), [("query", CHANGES)]).unwrap())
        .header("accept", "text/event-stream")
        .send()
        .await
        .unwrap();
    assert_eq!(&events.chunk().await.unwrap().unwrap()[..], b":\n\n");
    mono.add_fault(Fault::slow(1500).path("/accounts").times(1)).unwrap();
    let query = "query ($id: ID!) { account(id: $id) { name } }";
    let slow = gateway.ask(query, json!({ "id": account }));
    let lock = Lock::hold(&url).await;
    let waiting = gateway.webhook("{\"a\":1}");
    let order = async {
        // Both have come as far as they can.
        while mono.calls().is_empty() {
            tokio::task::yield_now().await;
        }
        gateway.signal("TERM");
        until_stopping(&gateway).await;
        let refused =
            async { while tokio::net::TcpStream::connect(&gateway.address).await.is_ok() {} };
        tokio::time::timeout(DEADLINE, refused).await.expect("nothing new is taken");
        lock.release().await;
    };
    let begun = Instant::now();
    let (slow, waiting, ()) = tokio::join!(slow, waiting, order);
    assert!(slow.unwrap()["data"]["account"]["name"].is_string(), "Mono's answer came");
    assert_eq!(waiting.unwrap(), 200, "what waited to be written was");
    let text = events.text().await.unwrap();
    assert!(!text.contains("event: complete"), "it has not ended: {text}");
    assert_eq!(gateway.ended().await.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_millis(3000) + GRACE, "{:?}", begun.elapsed());
    let db = look_into(&url).await;
    assert_eq!(number(&db, "SELECT COUNT(*) FROM webhook_event").await, 2);
    mono.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_are_closed_one_after_the_other_over_the_drain() {
    const SOCKETS: usize = 200;
    const DRAIN: u64 = 1000;
    let mono = mono(1).await;
    let folder = tempfile::tempdir().unwrap();
    let url = new_database(folder.path()).await;
    let mut gateway = Gateway::start(draining(&url, &mono, DRAIN));
    let mut sockets = JoinSet::new();
    for _ in 0..SOCKETS {
        let mut ws = gateway.ws().await;
        ws.subscribe("1", CHANGES, Value::Null).await;
        sockets.spawn(async move {
            let code = ws.message().await.expect_err("nothing happens but the end");
            (Instant::now(), code)
        });
    }
    let begun = Instant::now();
    gateway.signal("TERM");
    let closed = tokio::time::timeout(DEADLINE, sockets.join_all()).await.expect("all are closed");
    assert_eq!(gateway.ended().await.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_millis(DRAIN) + GRACE, "{:?}", begun.elapsed());
    // Four fifths of the drain are for that. 50 are expected in each quarter between the first and
    // the last, give or take 6 (one standard deviation).
    let first = closed.iter().map(|(at, _)| *at).min().expect("some are");
    let span = closed.iter().map(|(at, _)| *at - first).max().expect("some are");
    let mut quarters = [0; 4];
    for (at, code) in closed {
        assert_eq!(code, 1012);
        let quarter = 4 * (at - first).as_micros() / span.as_micros().max(1);
        quarters[usize::try_from(quarter).unwrap().min(3)] += 1;
    }
    println!("{quarters:?} of {SOCKETS} sockets were closed in each quarter of {span:?}");
    assert!(span > Duration::from_millis(DRAIN / 2), "{span:?}");
    assert!(quarters.iter().all(|closed| *closed >= 15), "{quarters:?}");
    mono.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn told_a_second_time_it_ends_at_once() {
    let mono = mono(1).await;
    let folder = tempfile::tempdir().unwrap();
    let url = new_database(folder.path()).await;
    let mut gateway = Gateway::start(draining(&url, &mono, 20_000));
    mono.add_fault(Fault::slow(9000).path("/accounts").times(1)).unwrap();
    let query = "query ($id: ID!) { account(id: $id) { name } }";
    let slow = gateway.ask(query, json!({ "id": mono.accounts()[0].id }));
    let order = async {
        while mono.calls().is_empty() {
            tokio::task::yield_now().await;
        }
        gateway.signal("TERM");
        until_stopping(&gateway).await;
        gateway.signal("INT");
        Instant::now()
    };
    let (slow, told) = tokio::join!(slow, order);
    assert!(slow.is_err(), "it is cut");
    assert_eq!(gateway.ended().await.code(), Some(1));
    assert!(told.elapsed() < GRACE, "{:?}", told.elapsed());
    mono.stop().await;
}

/// What senders have done, and whether they are done.
#[derive(Default)]
struct Load {
    delivered: AtomicUsize,
    over: AtomicBool,
}

/// Delivers one after the other, each until it is answered 200, as Mono does.
async fn deliver_until(load: Arc<Load>, url: String, sender: usize) -> (usize, usize) {
    let http = client();
    let (mut delivered, mut again) = (0, 0);
    while !load.over.load(Ordering::Relaxed) {
        let status = ["AVAILABLE", "PARTIAL"][delivered % 2];
        let body = json!({ "event": "mono.events.account_updated",
            "event_id": format!("s{sender}-{delivered}"), "data": {
            "account": { "_id": format!("acc-{sender}") }, "meta": { "data_status": status } } });
        loop {
            let request = http.post(&url).header("mono-webhook-secret", SECRET).json(&body);
            match request.send().await {
                Ok(answer) if answer.status() == 200 => break,
                Ok(_) | Err(_) => again += 1,
            }
        }
        delivered += 1;
        load.delivered.fetch_add(1, Ordering::Relaxed);
    }
    (delivered, again)
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_under_load_lose_nothing() {
    const SENDERS: usize = 4;
    const RESTARTS: usize = 5;
    let mono = mono(1).await;
    let folder = tempfile::tempdir().unwrap();
    let url = new_database(folder.path()).await;
    let mut gateway = Gateway::start(draining(&url, &mono, 300));
    let address = gateway.address.clone();
    let mut books = Books::new(&url);
    let mut listener = Listener::default();
    let load = Arc::new(Load::default());
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        senders.spawn(deliver_until(load.clone(), gateway.url("/webhooks/mono"), sender));
    }
    for restart in 0..=RESTARTS {
        listener.come_back(&gateway, &books).await;
        // It has heard of some of what came since the last time.
        listener.catch_up(&books).await;
        if restart == RESTARTS {
            break;
        }
        let listening = tokio::spawn(listener.until_cut());
        let wanted = load.delivered.load(Ordering::Relaxed) + 50;
        let more = async {
            while load.delivered.load(Ordering::Relaxed) < wanted {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, more).await.expect("webhooks are taken");
        let begun = Instant::now();
        gateway.signal("TERM");
        assert_eq!(gateway.ended().await.code(), Some(0));
        assert!(begun.elapsed() < Duration::from_millis(300) + GRACE, "{:?}", begun.elapsed());
        listener = listening.await.unwrap();
        let mut command = draining(&url, &mono, 300);
        command.env("GATEWAY_BIND", &address);
        gateway = Gateway::start(command);
    }
    load.over.store(true, Ordering::Relaxed);
    let sent = tokio::time::timeout(DEADLINE, senders.join_all()).await.expect("all are answered");
    let (delivered, again) =
        sent.iter().fold((0, 0), |(all, twice), (one, again)| (all + one, twice + again));
    listener.catch_up(&books).await;
    books.check_all(&[], &mut listener).await;
    let db = look_into(&url).await;
    let kept = number(&db, "SELECT COUNT(*) FROM webhook_event WHERE outcome = 'APPLIED'").await;
    assert_eq!(usize::try_from(kept).unwrap(), delivered, "each is kept and applied once");
    println!("{RESTARTS} restarts: {delivered} webhooks, tried {again} times in vain; {books}");
    mono.stop().await;
}
