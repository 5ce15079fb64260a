//! Streams over one HTTP response: server-sent events, and the multipart responses of Apollo's
//! clients. Each change once, in order; a beginning, signs of life and an end to the letter.

use mono_gateway::access::{Access, Verifier};
use mono_simulator::Fault;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{subscriptions::changes, support::*};

const EVENTS: &str = "text/event-stream";
const MULTIPART: &str = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json";
const OF_ACC: &str = "subscription { dataStatusChanged(accountId: \"acc\") { kind to } }";

/// Events of a stream, as they are written.
struct Sse {
    body: reqwest::Response,
    text: String,
}

impl Sse {
    async fn open(world: &World, query: &str, last_event_id: Option<&str>) -> Self {
        let mut request = world
            .http()
            .get(world.graphql_url(&[("query", query)]))
            .header("accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response, text: String::new() }
    }

    /// The next event with its fields, comments left out; nothing at the end.
    async fn next(&mut self) -> Option<Vec<(String, String)>> {
        // Comments keep the connection alive, but not who waits for what never comes.
        tokio::time::timeout(DEADLINE, self.event()).await.expect("an event")
    }

    async fn event(&mut self) -> Option<Vec<(String, String)>> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let fields: Vec<_> = event
                    .lines()
                    .filter_map(|line| line.split_once(':'))
                    .filter(|(name, _)| !name.is_empty())
                    .map(|(name, value)| (name.to_owned(), value.trim_start().to_owned()))
                    .collect();
                self.text = rest.to_owned();
                if fields.is_empty() {
                    continue;
                }
                return Some(fields);
            }
            let chunk = self.body.chunk().await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

fn field<'a>(event: &'a [(String, String)], name: &str) -> &'a str {
    event.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
}

#[tokio::test]
async fn server_sent_events_carry_their_cursor_and_resume_by_it() {
    let world = World::new().await;
    changes(&world, "acc", 0..1).await;
    // The document does not even ask for the cursor.
    let query = "subscription { dataStatusChanged(accountId: \"acc\") { kind to } }";
    let mut events = Sse::open(&world, query, None).await;
    let snapshot = events.next().await.unwrap();
    assert_eq!(field(&snapshot, "event"), "next");
    assert!(field(&snapshot, "data").contains("SNAPSHOT"));
    let id = field(&snapshot, "id").to_owned();
    assert!(!id.is_empty());
    drop(events);
    changes(&world, "acc", 1..3).await;
    let mut events = Sse::open(&world, query, Some(&id)).await;
    for to in ["PARTIAL", "AVAILABLE"] {
        let event = events.next().await.unwrap();
        assert!(field(&event, "data").contains(to), "{event:?}");
    }
    // A client that comes back repeats its document, cursor and all; what it saw last is newer.
    let stale = format!(
        "subscription {{ dataStatusChanged(accountId: \"acc\", after: \"{id}\") {{ to }} }}"
    );
    let last = changes_seen(&world, &stale, None, 2).await.pop().unwrap();
    changes(&world, "acc", 3..4).await;
    let newer = changes_seen(&world, &stale, Some(&last.0), 1).await;
    assert!(newer[0].1.contains("PARTIAL"), "{newer:?}");
    let mut refused = Sse::open(&world, OF_ACC, Some("no cursor")).await;
    assert!(field(&refused.next().await.unwrap(), "data").contains("BAD_USER_INPUT"));
    assert_eq!(field(&refused.next().await.unwrap(), "event"), "complete");
    world.stop().await;
}

/// The first so many events: their ids and what they say.
async fn changes_seen(
    world: &World,
    query: &str,
    last_event_id: Option<&str>,
    count: usize,
) -> Vec<(String, String)> {
    let mut events = Sse::open(world, query, last_event_id).await;
    let mut seen = Vec::new();
    while seen.len() < count {
        let event = events.next().await.unwrap();
        seen.push((field(&event, "id").to_owned(), field(&event, "data").to_owned()));
    }
    seen
}

#[tokio::test]
async fn a_query_by_server_sent_events_answers_and_completes() {
    let world = World::new().await;
    let mut events = Sse::open(&world, "{ gateway { mode } }", None).await;
    assert!(field(&events.next().await.unwrap(), "data").contains("LIVE"));
    let complete = events.next().await.unwrap();
    assert_eq!(
        complete,
        [("event".to_owned(), "complete".to_owned()), ("data".to_owned(), String::new())]
    );
    assert_eq!(events.next().await, None);
    let mut events = Sse::open(&world, "{ nonsense }", None).await;
    let refused = events.next().await.unwrap();
    assert_eq!(field(&refused, "event"), "next");
    assert!(field(&refused, "data").contains("GRAPHQL_VALIDATION_FAILED"));
    assert_eq!(field(&events.next().await.unwrap(), "event"), "complete");
    world.stop().await;
}

#[tokio::test]
async fn a_stopping_gateway_ends_its_streams_without_complete() {
    let mut world = World::new().await;
    changes(&world, "acc", 0..1).await;
    let query = "subscription { dataStatusChanged(accountId: \"acc\") { kind } }";
    let mut events = Sse::open(&world, query, None).await;
    events.next().await.unwrap();
    world.gateways.pop().unwrap().stop().await;
    assert_eq!(events.next().await, None);
    world.stop().await;
}

fn post(world: &World, accept: &str, query: &str) -> reqwest::RequestBuilder {
    let request = world.http().post(world.url(0, "/graphql")).header("accept", accept);
    request.json(&json!({ "query": query }))
}

#[tokio::test]
async fn a_mutation_by_server_sent_events_is_answered_although_the_gateway_stops() {
    let mut world = World::with_config(|config| config.drain_ms = 1000).await;
    world.simulator.add_fault(Fault::slow(900).path("/initiate").times(1)).unwrap();
    let query =
        format!("mutation {{ initiateReauth(input: {{accountId: \"{HEALTHY}\"}}) {{ reused }} }}");
    let mut response = post(&world, EVENTS, &query).send().await.unwrap();
    assert_eq!(&response.chunk().await.unwrap().unwrap()[..], b":\n\n");
    // Streams are closed at any moment of four fifths of the drain, all before Mono answers.
    world.gateways.pop().unwrap().stop().await;
    let rest = response.text().await.unwrap();
    assert!(rest.contains("{\"data\":{\"initiateReauth\":{\"reused\":false}}}"), "{rest}");
    assert!(rest.ends_with("event: complete\ndata:\n\n"), "{rest}");
    world.stop().await;
}

#[tokio::test]
async fn a_client_that_is_gone_ends_its_stream_at_once() {
    let world = World::with_config(|config| config.max_connections = 1).await;
    changes(&world, "acc", 0..1).await;
    for accept in [EVENTS, MULTIPART] {
        let mut open = post(&world, accept, OF_ACC).send().await.unwrap();
        assert_eq!(open.status(), 200, "{accept}");
        open.chunk().await.unwrap().unwrap();
        for accept in [EVENTS, MULTIPART] {
            let refused = post(&world, accept, OF_ACC).send().await.unwrap();
            assert_eq!(refused.status(), 503);
            assert_eq!(refused.headers()["retry-after"], "1");
            let answer: Value = refused.json().await.unwrap();
            assert_eq!(answer["errors"][0]["extensions"]["code"], "OVERLOADED");
            assert!(answer.get("data").is_none());
        }
        // Nothing happens to the account, and still the place is free again.
        drop(open);
        let again = async {
            while post(&world, accept, OF_ACC).send().await.unwrap().status() == 503 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, again).await.expect("the place is free again");
        let again = async {
            while post(&world, EVENTS, "{ gateway { mode } }").send().await.unwrap().status() == 503
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, again).await.expect("and again");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_reader_of_events_that_does_not_read_fills_no_memory_and_loses_nothing() {
    const CHANGES: u32 = 600;
    let world = World::new().await;
    changes(&world, HEALTHY, 0..1).await;
    world.simulator.reset_calls();
    let subscription = |fields: &str| {
        format!(
            "subscription {{ dataStatusChanged(accountId: \"{HEALTHY}\") {{
                account {{ name }} {fields} }} }}"
        )
    };
    // Some 20 kB an event, so that all of them are far more than any socket takes.
    let fields: String = (0..100).map(|n| format!("{}{n}: to ", "x".repeat(190))).collect();
    let query = subscription(&fields);
    let body = json!({ "query": query }).to_string();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut socket = socket.connect(world.gateways[0].address).await.unwrap();
    // In HTTP/1.0 a body is not cut into chunks and ends with the connection.
    let head = format!(
        "POST /graphql HTTP/1.0\r\nHost: localhost\r\nAccept: {EVENTS}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut start = [0; 12];
    socket.read_exact(&mut start).await.unwrap();
    assert!(start.ends_with(b" 200"), "{start:?}");
    let mut quick = world.subscribe(0, &subscription("to"), json!({})).await;
    quick.event().await;
    changes(&world, HEALTHY, 1..CHANGES + 1).await;
    for _ in 0..CHANGES {
        quick.event().await;
    }
    // Each event asks Mono for the name once. The quick reader has all of them; had anybody made
    // them for this one, they would lie in memory now.
    let made = world.simulator.calls().len() - (CHANGES as usize + 1);
    assert!(made < CHANGES as usize / 2, "{made}");
    let mut text = String::new();
    let mut seen: Vec<i64> = Vec::new();
    // One more for the snapshot.
    while seen.len() < CHANGES as usize + 1 {
        let mut bytes = vec![0; 64 * 1024];
        let read = tokio::time::timeout(DEADLINE, socket.read(&mut bytes)).await.expect("bytes");
        let read = read.unwrap();
        assert_ne!(read, 0, "the stream ended after {}", seen.len());
        text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
        while let Some((event, rest)) = text.split_once("\n\n") {
            let id = event.lines().find_map(|line| line.strip_prefix("id: "));
            seen.extend(id.map(|id| id.split_once('.').unwrap().1.parse::<i64>().unwrap()));
            text = rest.to_owned();
        }
    }
    let first = seen[0];
    assert_eq!(seen, (first..=first + i64::from(CHANGES)).collect::<Vec<_>>());
    drop(socket);
    world.stop().await;
}

/// A multipart response, part by part.
struct Parts {
    body: reqwest::Response,
    text: String,
}

impl Parts {
    async fn open(request: reqwest::RequestBuilder) -> Self {
        let body = request.send().await.unwrap();
        assert_eq!(body.status(), 200);
        let header = |name: &str| body.headers()[name].to_str().unwrap().to_owned();
        let content_type = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0";
        assert_eq!(header("content-type"), content_type);
        assert_eq!(header("x-accel-buffering"), "no");
        let mut parts = Self { body, text: String::new() };
        assert_eq!(parts.until("--graphql").await, "\r\n", "the first delimiter comes at once");
        parts
    }

    /// What comes before this text, which must come.
    async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some((before, rest)) = self.text.split_once(end) {
                let before = before.to_owned();
                self.text = rest.to_owned();
                return before;
            }
            let chunk = tokio::time::timeout(DEADLINE, self.body.chunk()).await.expect("a part");
            let chunk = chunk.unwrap().unwrap_or_else(|| panic!("no {end:?}: {}", self.text));
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn next(&mut self) -> Value {
        assert_eq!(self.until("\r\n\r\n").await, "\r\nContent-Type: application/json");
        serde_json::from_str(&self.until("\r\n--graphql").await).unwrap()
    }

    /// What is left, to the end.
    async fn rest(mut self) -> String {
        while let Some(chunk) = self.body.chunk().await.unwrap() {
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        self.text
    }
}

#[tokio::test]
async fn a_subscription_by_multipart_wraps_each_answer_and_says_why_it_ends() {
    let mut world = World::new().await;
    changes(&world, "acc", 0..1).await;
    for accept in [MULTIPART, "multipart/mixed", "multipart/mixed;subscriptionSpec=\"1.0\""] {
        let mut parts = Parts::open(post(&world, accept, OF_ACC)).await;
        let change =
            |kind, to| json!({ "data": { "dataStatusChanged": { "kind": kind, "to": to } } });
        assert_eq!(parts.next().await, json!({ "payload": change("SNAPSHOT", "AVAILABLE") }));
    }
    let mut parts = Parts::open(post(&world, MULTIPART, OF_ACC)).await;
    parts.next().await;
    changes(&world, "acc", 1..3).await;
    for to in ["PARTIAL", "AVAILABLE"] {
        let payload = parts.next().await["payload"].take();
        assert_eq!(payload["data"]["dataStatusChanged"], json!({ "kind": "CHANGE", "to": to }));
    }
    world.gateways.pop().unwrap().stop().await;
    let last = parts.next().await;
    assert_eq!(last["payload"], Value::Null);
    let extensions = &last["errors"][0]["extensions"];
    assert_eq!(
        (&extensions["code"], &extensions["retryable"]),
        (&json!("OVERLOADED"), &json!(true))
    );
    assert_eq!(parts.rest().await, "--\r\n");
    world.stop().await;
}

#[tokio::test]
async fn a_subscription_ends_with_its_token() {
    const SECRET: &str = "a secret of at least thirty-two bytes";
    let verifier = Verifier::hs256(&SecretString::from(SECRET), None, None);
    let world =
        World::with_config(|config| config.access = Access::Token(Box::new(verifier))).await;
    changes(&world, "acc", 0..1).await;
    let exp = (world.clock.now() + chrono::Duration::seconds(60)).timestamp();
    let claims = json!({ "sub": "ada", "exp": exp, "scope": "accounts:read", "accounts": ["acc"] });
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
    let asked = |accept| post(&world, accept, OF_ACC).bearer_auth(&token);
    let mut parts = Parts::open(asked(MULTIPART)).await;
    parts.next().await;
    let mut events = asked(EVENTS).send().await.unwrap();
    events.chunk().await.unwrap().unwrap();
    world.clock.advance(chrono::Duration::seconds(61));
    let last = parts.next().await;
    assert_eq!(last["payload"], Value::Null);
    assert_eq!(last["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    assert_eq!(parts.rest().await, "--\r\n");
    let rest = events.text().await.unwrap();
    assert!(!rest.contains("complete") && !rest.contains("UNAUTHENTICATED"), "{rest}");
    world.stop().await;
}

#[tokio::test]
async fn the_best_type_depends_on_the_operation() {
    const URQL: &str = "application/graphql-response+json, application/graphql+json, \
        application/json, text/event-stream, multipart/mixed";
    let world = World::new().await;
    changes(&world, "acc", 0..1).await;
    let query = "{ gateway { mode } }";
    let graphql = "application/graphql-response+json; charset=utf-8";
    let multipart = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0";
    let json = "application/json; charset=utf-8";
    let cases = [
        (URQL, query, 200, graphql),
        (URQL, OF_ACC, 200, EVENTS),
        (MULTIPART, query, 200, json),
        (MULTIPART, OF_ACC, 200, multipart),
        ("multipart/mixed;deferSpec=20220824, application/json", query, 200, json),
        // Patches of one answer are not what a subscription sends.
        ("multipart/mixed;deferSpec=20220824, application/json", OF_ACC, 406, json),
        ("application/json", OF_ACC, 406, json),
        ("*/*", OF_ACC, 406, json),
        (EVENTS, query, 200, EVENTS),
        ("multipart/mixed", query, 200, multipart),
        ("text/html", query, 406, json),
        // What cannot run is told in one piece, with its status, to those who read one.
        (URQL, "subscription { nonsense }", 400, graphql),
        (MULTIPART, "subscription { nonsense }", 200, json),
        ("multipart/mixed", "subscription { nonsense }", 400, json),
        (EVENTS, "subscription { nonsense }", 200, EVENTS),
    ];
    for (accept, query, status, content_type) in cases {
        let response = post(&world, accept, query).send().await.unwrap();
        let found = response.headers()["content-type"].to_str().unwrap();
        assert_eq!((response.status().as_u16(), found), (status, content_type), "{accept} {query}");
        if query.contains("nonsense") {
            let text = response.text().await.unwrap();
            assert!(text.contains("GRAPHQL_VALIDATION_FAILED"), "{text}");
            assert!(!text.contains("\"data\""), "{text}");
        }
    }
    let whole = post(&world, "multipart/mixed", query).send().await.unwrap().text().await.unwrap();
    assert_eq!(
        whole,
        "\r\n--graphql\r\nContent-Type: application/json\r\n\r\n\
         {\"payload\":{\"data\":{\"gateway\":{\"mode\":\"LIVE\"}}}}\r\n--graphql--\r\n"
    );
    // A subscription that its root field refuses never began either.
    let refused = "subscription { dataStatusChanged(after: \"no cursor\") { to } }";
    let response = post(&world, "multipart/mixed", refused).send().await.unwrap();
    assert_eq!(response.status(), 400);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    assert!(answer.get("data").is_none());
    world.stop().await;
}
