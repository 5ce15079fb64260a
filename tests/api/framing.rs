//! What a request is, byte by byte: heads, hosts, lengths, encodings, and HTTP/2's frames.

use serde_json::{Value, json};

use crate::{raw::*, support::*};

fn get(target: &str, headers: &[&str]) -> String {
    let first = format!("GET {target} HTTP/1.1");
    lines(&[&[first.as_str(), "host: localhost"][..], headers, &[""]].concat())
}

/// A GET of the mode, made this long by a variable that nobody reads.
fn long_target(length: usize) -> String {
    let start = "/graphql?query=%7Bgateway%7Bmode%7D%7D&x=";
    format!("{start}{}", "x".repeat(length - start.len()))
}

fn long_header(bytes: usize) -> String {
    format!("x-long: {}", "x".repeat(bytes))
}

#[tokio::test]
async fn heads_are_bounded_and_the_refusal_says_how() {
    let world = World::new().await;
    let ask = async |request: String| Raw::open(&world).await.exchange(&request).await;
    assert_eq!(ask(get(&long_target(32 * 1024), &[])).await.status, 200);
    for length in [32 * 1024 + 1, 60 * 1024] {
        let refused = ask(get(&long_target(length), &[])).await;
        assert_eq!(refused.status, 414);
        assert!(refused.message().contains("at most 32768 bytes"), "{}", refused.text());
    }
    assert_eq!(ask(get("/graphql?query={__typename}", &[&long_header(15_000)])).await.status, 200);
    let refused = ask(get("/graphql", &[&long_header(16 * 1024)])).await;
    assert_eq!(refused.status, 431);
    assert!(refused.message().contains("16384 bytes"), "{}", refused.text());
    // Beyond what is read at all there is a status and no text.
    assert_eq!(ask(get("/graphql", &[&long_header(70 * 1024)])).await.status, 431);
    assert_eq!(ask(get("/graphql", &vec!["x-more: 1"; 120])).await.status, 431);
    world.stop().await;
}

#[tokio::test]
async fn heads_are_bounded_over_http_2_just_so() {
    let world = World::new().await;
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let ask = async |target: &str, header: String| {
        let (name, value) = header.split_once(": ").unwrap();
        let request = client.get(world.url(0, target)).header(name, value);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask(&long_target(32 * 1024), long_header(10_000)).await, 414);
    assert_eq!(ask(&long_target(30 * 1024), long_header(10_000)).await, 200);
    assert_eq!(ask("/graphql", long_header(17 * 1024)).await, 431);
    assert_eq!(ask("/graphql", long_header(80 * 1024)).await, 431);
    let mut many = client.get(world.url(0, "/graphql"));
    for n in 0..120 {
        many = many.header(format!("x-{n}"), "1");
    }
    assert_eq!(many.send().await.unwrap().status(), 431);
    world.stop().await;
}

#[tokio::test]
async fn what_two_servers_could_read_as_two_requests_is_read_as_one_or_refused() {
    let world = World::new().await;
    let body = json!({ "query": MODE }).to_string();
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let smuggled = get("/health/live", &[]);
    let usual = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let both = [
        "content-length: 4\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 4",
    ];
    for lengths in both {
        let mut raw = Raw::open(&world).await;
        let request = format!("{usual}{lengths}\r\n\r\n{chunked}{smuggled}");
        let answer = raw.exchange(&request).await;
        assert_eq!((answer.status, answer.header("connection")), (200, Some("close")), "{lengths}");
        // Whatever stood behind it was never a request.
        raw.half_close().await;
        assert_eq!(raw.ended_in_order().await, "", "{lengths}");
    }
    for (lengths, body) in [
        ("content-length: 4\r\ncontent-length: 5", "{  }"),
        ("content-length: 4, 4", "{  }"),
        ("content-length: +4", "{  }"),
        ("content-length: -4", "{  }"),
        ("content-length: 0x4", "{  }"),
        ("content-length: 18446744073709551617", "{  }"),
        ("content-length : 4", "{  }"),
        ("transfer-encoding: identity", "{  }"),
        ("transfer-encoding: xchunked", chunked.as_str()),
        ("transfer-encoding: chunked, gzip", chunked.as_str()),
        ("transfer-encoding: chunked\r\ntransfer-encoding: identity", chunked.as_str()),
        ("x-folded: a\r\n b", "{  }"),
        ("transfer-encoding: chunked", "zz\r\n{}\r\n0\r\n\r\n"),
        ("transfer-encoding: chunked", "-2\r\n{}\r\n0\r\n\r\n"),
        ("transfer-encoding: chunked", "1\r\n{}\r\n0\r\n\r\n"),
        ("transfer-encoding: chunked", "fffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
        ("transfer-encoding: chunked", "2\r\n{}\n0\r\n\r\n"),
    ] {
        let mut raw = Raw::open(&world).await;
        let answer = raw.exchange(&format!("{usual}{lengths}\r\n\r\n{body}{smuggled}")).await;
        assert_eq!(
            (answer.status, answer.header("connection")),
            (400, Some("close")),
            "{lengths} {body}"
        );
        raw.half_close().await;
        assert_eq!(raw.ended_in_order().await, "", "{lengths} {body}");
    }
    // With one length only nothing is in doubt, and the next request is one.
    let mut raw = Raw::open(&world).await;
    raw.send(&format!("{usual}transfer-encoding: chunked\r\n\r\n{chunked}{smuggled}")).await;
    assert_eq!(raw.reply().await.status, 200);
    assert!(raw.reply().await.text().contains("ok"));
    let old = usual.replace("HTTP/1.1", "HTTP/1.0");
    let mut raw = Raw::open(&world).await;
    let answer = raw.exchange(&format!("{old}transfer-encoding: chunked\r\n\r\n{chunked}")).await;
    assert_eq!(answer.status, 400);
    world.stop().await;
}

#[tokio::test]
async fn a_request_is_for_one_host() {
    let world = World::new().await;
    let query = "/graphql?query=%7Bgateway%7Bmode%7D%7D";
    let whole = |host: &str| format!("http://{host}{query}");
    for (target, hosts, status) in [
        (query.to_owned(), vec!["localhost"], 200),
        (query.to_owned(), vec![], 400),
        (query.to_owned(), vec![""], 400),
        (query.to_owned(), vec!["localhost", "localhost"], 400),
        (query.to_owned(), vec!["localhost", "evil.example"], 400),
        (query.to_owned(), vec!["localhost, evil.example"], 400),
        (query.to_owned(), vec!["evil.example@localhost"], 400),
        (query.to_owned(), vec!["evil.example"], 421),
        (whole("localhost"), vec!["localhost"], 200),
        (whole("LOCALHOST:80"), vec!["localhost:80"], 200),
        (whole("localhost"), vec!["evil.example"], 400),
        (whole("evil.example"), vec!["localhost"], 400),
        (whole("evil.example"), vec!["evil.example"], 421),
        (whole("evil.example@localhost"), vec!["localhost"], 400),
        (whole("localhost"), vec![], 200),
    ] {
        let first = format!("GET {target} HTTP/1.1");
        let named: Vec<_> = hosts.iter().map(|host| format!("host: {host}")).collect();
        let named = named.iter().map(String::as_str);
        let request =
            lines(&[first.as_str()].into_iter().chain(named).chain([""]).collect::<Vec<_>>());
        let answer = Raw::open(&world).await.exchange(&request).await;
        assert_eq!(answer.status, status, "{request}: {}", answer.text());
        if status != 200 {
            assert!(!answer.message().is_empty());
        }
    }
    // HTTP/1.0 knows no hosts, and on loopback that names nobody.
    let old = lines(&["GET /health/live HTTP/1.0", ""]);
    assert_eq!(Raw::open(&world).await.exchange(&old).await.status, 200);
    let admin = world.gateways[0].admin_address;
    let two = lines(&["GET /metrics HTTP/1.1", "host: a", "host: b", ""]);
    assert_eq!(Raw::to(admin).await.exchange(&two).await.status, 400);
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let ask = async |host: Option<&str>| {
        let mut request = client.get(world.url(0, query));
        if let Some(host) = host {
            request = request.header("host", host);
        }
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask(None).await, 200);
    assert_eq!(ask(Some("evil.example")).await, 400);
    // The gateway's own pages are known by their host over HTTP/2, too.
    let own = format!("http://{}", world.gateways[0].address);
    let page = client.get(world.url(0, query)).header("origin", own);
    assert_eq!(page.send().await.unwrap().status(), 200);
    world.stop().await;
}

#[tokio::test]
async fn bodies_are_taken_as_they_are() {
    let world = World::new().await;
    let secret = format!("mono-webhook-secret: {WEBHOOK_SECRET}");
    let query = json!({ "query": MODE }).to_string();
    for encoding in ["gzip", "br", "deflate", "zstd", "identity, gzip", ""] {
        let encoding = format!("content-encoding: {encoding}");
        for (path, body) in [("/graphql", query.as_str()), ("/webhooks/mono", "{}")] {
            let request = post(path, &[&encoding, &secret], body);
            let refused = Raw::open(&world).await.exchange(&request).await;
            assert_eq!(refused.status, 415, "{path} {encoding}");
            assert!(refused.message().contains("sent as it is"), "{}", refused.text());
        }
    }
    let plain = post("/graphql", &["content-encoding: Identity"], &query);
    assert_eq!(Raw::open(&world).await.exchange(&plain).await.status, 200);
    world.stop().await;
}

#[tokio::test]
async fn a_body_that_is_no_utf_8_is_no_json() {
    let world = World::new().await;
    for bytes in
        [&b"\xff\xfe{\0"[..], b"{\"query\":\"{ a(x: \\\"\xc3\x28\\\") }\"}", b"\xed\xa0\x80"]
    {
        let request = world.http().post(world.url(0, "/graphql"));
        let request = request.header("content-type", "application/json").body(bytes.to_vec());
        assert_eq!(request.send().await.unwrap().status(), 400, "{bytes:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn long_answers_are_compressed_for_those_who_take_it() {
    let world = World::new().await;
    let long = json!({ "query": "{ __schema { types { name description } } }" }).to_string();
    let short = json!({ "query": MODE }).to_string();
    let ask = async |body: &str, headers: &[&str]| {
        Raw::open(&world).await.exchange(&post("/graphql", headers, body)).await
    };
    let plain = ask(&long, &[]).await;
    assert_eq!(plain.header("content-encoding"), None);
    assert!(plain.body.len() > 4000);
    for accept in ["accept: application/json", "accept: application/graphql-response+json"] {
        let packed = ask(&long, &["accept-encoding: br, gzip;q=0.5", accept]).await;
        assert_eq!(packed.header("content-encoding"), Some("gzip"));
        assert!(packed.head.contains("vary: accept-encoding"), "{}", packed.head);
        assert!(packed.body.len() < plain.body.len() / 2);
        assert!(packed.body.starts_with(&[0x1f, 0x8b]));
    }
    let unpacked = world.http().post(world.url(0, "/graphql")).body(long.clone());
    let unpacked = unpacked.header("content-type", "application/json").send().await.unwrap();
    assert_eq!(unpacked.bytes().await.unwrap(), plain.body);
    for headers in [
        &["accept-encoding: gzip;q=0"][..],
        &["accept-encoding: br"],
        // Whoever takes nothing at all is not told so after the request was carried out.
        &["accept-encoding: identity;q=0"],
        &["accept-encoding: *;q=0"],
    ] {
        let answer = ask(&long, headers).await;
        assert_eq!((answer.status, answer.header("content-encoding")), (200, None), "{headers:?}");
    }
    let gzip = "accept-encoding: gzip";
    assert_eq!(ask(&short, &[gzip]).await.header("content-encoding"), None);
    let mut events = Raw::open(&world).await;
    events.send(&post("/graphql", &[gzip, "accept: text/event-stream"], &long)).await;
    let head = events.until("\r\n\r\n").await;
    assert!(!head.contains("content-encoding"), "{head}");
    events.until("event: complete").await;
    world.stop().await;
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

async fn next_frame(raw: &mut Raw) -> (u8, Vec<u8>) {
    let head = raw.exactly(9).await;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    (head[3], raw.exactly(length).await)
}

async fn http2(world: &World) -> Raw {
    let mut raw = Raw::open(world).await;
    raw.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    raw.try_send(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    raw
}

#[tokio::test]
async fn an_http_2_connection_says_its_bounds() {
    let world = World::new().await;
    let mut raw = http2(&world).await;
    let (kind, settings) = next_frame(&mut raw).await;
    assert_eq!(kind, SETTINGS);
    let setting = |id: u16| {
        let mut all = settings.chunks(6);
        let one = all.find(|one| one[..2] == id.to_be_bytes())?;
        Some(u32::from_be_bytes(one[2..].try_into().unwrap()))
    };
    const MAX_CONCURRENT_STREAMS: u16 = 3;
    const INITIAL_WINDOW_SIZE: u16 = 4;
    const MAX_HEADER_LIST_SIZE: u16 = 6;
    const ENABLE_CONNECT_PROTOCOL: u16 = 8;
    assert_eq!(setting(MAX_CONCURRENT_STREAMS), Some(100));
    assert_eq!(setting(INITIAL_WINDOW_SIZE), Some(64 * 1024));
    assert_eq!(setting(MAX_HEADER_LIST_SIZE), Some(64 * 1024));
    assert_eq!(setting(ENABLE_CONNECT_PROTOCOL), None);
    world.stop().await;
}

#[tokio::test]
async fn a_flood_of_requests_taken_back_ends_its_connection_and_no_other() {
    let world = World::new().await;
    let mut raw = http2(&world).await;
    // GET http://localhost/health/ready, by the static table but for the path and the host.
    let path = "/health/ready";
    let mut fields = vec![0x82, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
    fields.extend(path.as_bytes());
    fields.extend([0x01, 9]);
    fields.extend(b"localhost");
    let mut flood = Vec::new();
    for n in 0..10_000 {
        let stream = 2 * n + 1;
        const END_OF_ALL: u8 = 0x5;
        const CANCEL: [u8; 4] = [0, 0, 0, 8];
        flood.extend(frame(HEADERS, END_OF_ALL, stream, &fields));
        flood.extend(frame(RESET, 0, stream, &CANCEL));
    }
    // It is cut while it still sends.
    let _ = raw.try_send(&flood).await;
    let reason = loop {
        let (kind, payload) = next_frame(&mut raw).await;
        if kind == GOAWAY {
            break u32::from_be_bytes(payload[4..8].try_into().unwrap());
        }
    };
    const ENHANCE_YOUR_CALM: u32 = 11;
    assert_eq!(reason, ENHANCE_YOUR_CALM);
    let answer: Value = world.ask(MODE, json!({})).await;
    assert_eq!(answer["data"]["gateway"]["mode"], "LIVE");
    world.stop().await;
}

#[tokio::test]
async fn an_http_2_connection_without_a_request_is_ended() {
    let bounds = mono_gateway::server::Bounds { head: SOON, ..PATIENT };
    let world = world_within(bounds).await;
    let mut raw = http2(&world).await;
    raw.ended().await;
    world.stop().await;
}
