//! What browsers are told and what is kept from them. A real one is in `tests/clients`.

use mono_gateway::access::{Access, Verifier};
use mono_gateway::config::Config;
use reqwest::{Method, RequestBuilder, Response, header::HeaderMap};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::support::*;

const LISTED: &str = "https://app.example.test";
const UNLISTED: [&str; 5] = [
    "https://evil.example",
    "null",
    "http://app.example.test",
    "https://app.example.test:8443",
    "https://evil.app.example.test",
];

/// A world whose gateway has other settings.
async fn world_with(change: impl FnOnce(&mut Config)) -> World {
    let mut world = World::new().await;
    let mut config = world.config();
    change(&mut config);
    world.gateways.pop().unwrap().stop().await;
    let gateway = world.try_start(config).await.unwrap();
    world.gateways.push(gateway);
    world
}

fn with_tokens(config: &mut Config) {
    let secret = SecretString::from("a secret of at least thirty-two bytes");
    config.access = Access::Token(Box::new(Verifier::hs256(&secret, None, None)));
}

async fn send(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}

/// The value of a header that is there once.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| value.to_str().unwrap());
    assert_eq!(values.next(), None, "{name} is there twice");
    value
}

fn cors(headers: &HeaderMap) -> Vec<&str> {
    let names = headers.keys().map(|name| name.as_str());
    names.filter(|name| name.starts_with("access-control-")).collect()
}

fn varies_by_origin(headers: &HeaderMap) -> bool {
    let values = headers.get_all("vary").iter().map(|value| value.to_str().unwrap());
    values.flat_map(|value| value.split(',')).any(|name| name.trim() == "origin")
}

fn preflight(world: &World, origin: &str, asks: &str) -> RequestBuilder {
    world
        .http()
        .request(Method::OPTIONS, world.url(0, "/graphql"))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", asks)
        .header("access-control-request-private-network", "true")
        .header("access-control-request-local-network", "true")
}

#[tokio::test]
async fn a_preflight_is_answered_for_listed_pages_only() {
    let world = World::new().await;
    let common = "authorization,content-type,last-event-id,x-graphql-cost,apollo-require-preflight,\
        x-apollo-operation-name,x-apollo-operation-id,traceparent";
    let answer = send(preflight(&world, LISTED, common)).await;
    assert_eq!(answer.status(), 204);
    let headers = answer.headers();
    assert_eq!(header(headers, "access-control-allow-origin"), Some(LISTED));
    assert_eq!(header(headers, "access-control-allow-methods"), Some("GET, POST"));
    assert_eq!(header(headers, "access-control-max-age"), Some("7200"));
    let allowed = header(headers, "access-control-allow-headers").unwrap();
    let allowed: Vec<&str> = allowed.split(", ").collect();
    for name in common.split(',') {
        assert!(allowed.contains(&name.trim()), "{name}");
    }
    assert!(!allowed.contains(&"*"));
    // No cookies, and no consent to reach into a private network.
    assert_eq!(header(headers, "access-control-allow-credentials"), None);
    assert_eq!(header(headers, "access-control-allow-private-network"), None);
    assert_eq!(header(headers, "access-control-allow-local-network"), None);
    assert!(varies_by_origin(headers));

    for origin in UNLISTED {
        let answer = send(preflight(&world, origin, "content-type")).await;
        assert_eq!(answer.status(), 403, "{origin}");
        assert_eq!(cors(answer.headers()), Vec::<&str>::new(), "{origin}");
        assert!(varies_by_origin(answer.headers()), "{origin}");
    }
    // Where there is no GraphQL nothing is shared.
    for path in ["/graphiql", "/graphiql/config.json", "/health/ready", "/webhooks/mono"] {
        let request = world.http().request(Method::OPTIONS, world.url(0, path));
        let request = request.header("origin", LISTED);
        let answer = send(request.header("access-control-request-method", "POST")).await;
        assert_eq!(answer.status(), 405, "{path}");
        assert_eq!(cors(answer.headers()), Vec::<&str>::new(), "{path}");
    }
    world.stop().await;
}

/// Requests that end in every status that a page may have to understand.
fn of_every_status(world: &World) -> Vec<(u16, RequestBuilder)> {
    let url = world.url(0, "/graphql");
    let post = || world.http().post(&url);
    let json = |text: &str| post().header("content-type", "application/json").body(text.to_owned());
    let query = "{\"query\":\"{ gateway { mode } }\"}";
    vec![
        (200, json(query)),
        (200, json(query).header("accept", "text/event-stream")),
        (200, world.http().get(world.graphql_url(&[("query", "{ gateway { mode } }")]))),
        (400, json("{")),
        (401, json(query).header("authorization", "Bearer nonsense")),
        (405, world.http().put(&url)),
        (406, json(query).header("accept", "text/html")),
        (413, json(&" ".repeat(300 * 1024))),
        (415, post().header("content-type", "text/plain").body(query)),
    ]
}

#[tokio::test]
async fn listed_pages_can_read_every_answer_and_others_none() {
    // With tokens asked for, so that one of the answers is that the token is wrong.
    let world = world_with(with_tokens).await;
    for (status, request) in of_every_status(&world) {
        let request = request.header("origin", LISTED).header("sec-fetch-site", "cross-site");
        let answer = send(request).await;
        // Without a token whoever asks well is told so too.
        let status = if status == 200 { 401 } else { status };
        assert!([status, 401].contains(&answer.status().as_u16()), "{status}: {answer:?}");
        let headers = answer.headers();
        assert_eq!(header(headers, "access-control-allow-origin"), Some(LISTED), "{status}");
        let shown = header(headers, "access-control-expose-headers").unwrap();
        for name in ["x-request-id", "x-graphql-cost", "retry-after", "x-mono-gateway-mode"] {
            assert!(shown.split(", ").any(|shown| shown == name), "{name}");
        }
        assert_eq!(header(headers, "access-control-allow-credentials"), None);
        assert!(varies_by_origin(headers), "{status}");
    }
    world.stop().await;

    let world = World::new().await;
    for (status, request) in of_every_status(&world) {
        let listed = request.try_clone().unwrap().header("origin", LISTED);
        let answer = send(listed).await;
        if status != 401 {
            assert_eq!(answer.status(), status);
        }
        assert_eq!(header(answer.headers(), "access-control-allow-origin"), Some(LISTED));
        for origin in UNLISTED {
            let answer = send(request.try_clone().unwrap().header("origin", origin)).await;
            assert_eq!(answer.status(), 403, "{origin}");
            assert_eq!(cors(answer.headers()), Vec::<&str>::new(), "{origin}");
        }
        let answer = send(request).await;
        assert_eq!(cors(answer.headers()), Vec::<&str>::new());
        assert!(varies_by_origin(answer.headers()));
    }
    world.stop().await;
}

#[tokio::test]
async fn listed_pages_can_read_what_is_refused_before_it_is_graphql() {
    let world = World::new().await;
    let long = world.graphql_url(&[("query", &"x".repeat(40 * 1024))]);
    let post = || world.http().post(world.url(0, "/graphql"));
    for (status, request) in [
        (414, world.http().get(long)),
        (431, post().header("x-graphql-cost", "x".repeat(17 * 1024))),
        (421, post().header("host", "other.example.test")),
    ] {
        let other = request.try_clone().unwrap().header("origin", UNLISTED[0]);
        let answer = send(request.header("origin", LISTED)).await;
        assert_eq!(answer.status(), status);
        let origin = header(answer.headers(), "access-control-allow-origin");
        assert_eq!(origin, Some(LISTED), "{status}");
        assert_eq!(cors(send(other).await.headers()), Vec::<&str>::new(), "{status}");
    }
    world.stop().await;
}

#[tokio::test]
async fn an_origin_that_came_twice_is_nobody_s() {
    let world = World::new().await;
    let body = json!({ "query": "{ gateway { mode } }" });
    for (first, second) in [(LISTED, LISTED), (LISTED, "null"), ("https://evil.example", LISTED)] {
        let request = world.http().post(world.url(0, "/graphql")).json(&body);
        let answer = send(request.header("origin", first).header("origin", second)).await;
        assert_eq!(answer.status(), 403);
        assert_eq!(cors(answer.headers()), Vec::<&str>::new());
    }
    world.stop().await;
}

#[tokio::test]
async fn a_socket_opens_for_own_and_listed_pages_only() {
    let world = World::new().await;
    let url = world.url(0, "/graphql");
    let own = format!("http://{}", world.gateways[0].address);
    let open = async |headers: &[(&'static str, &str)]| {
        Ws::try_raw(&url, Some("graphql-transport-ws"), headers).await.err()
    };
    let by_script = [("sec-fetch-mode", "websocket"), ("sec-fetch-dest", "websocket")];
    for headers in [
        &[][..],
        &[("origin", own.as_str()), ("sec-fetch-site", "same-origin")],
        &[("origin", LISTED), ("sec-fetch-site", "cross-site")],
    ] {
        let refused = open(&[headers, &by_script].concat()).await;
        assert_eq!(refused, None, "{headers:?}");
    }
    let neighbour = own.replace("127.0.0.1", "localhost");
    for origin in UNLISTED.iter().copied().chain([neighbour.as_str()]) {
        assert_eq!(open(&[("origin", origin)]).await, Some(403), "{origin}");
    }
    assert_eq!(open(&[("sec-fetch-site", "same-site")]).await, Some(403));
    assert_eq!(open(&[("host", "rebound.example")]).await, Some(421));
    world.stop().await;
}

#[tokio::test]
async fn no_header_makes_another_method_of_the_one_that_came() {
    let world = World::new().await;
    let mutation =
        format!("mutation {{ initiateReauth(input: {{accountId: \"{HEALTHY}\"}}) {{ reused }} }}");
    let url = world.graphql_url(&[("query", &mutation), ("_method", "POST")]);
    let head = send(world.http().head(&url)).await;
    assert_eq!(head.status(), 405);
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        let answer = send(world.http().get(&url).header(name, "POST")).await;
        assert_eq!(answer.status(), 405, "{name}");
        assert_eq!(answer.headers()["allow"], "POST");
    }
    let query = format!("{{ account(id: \"{HEALTHY}\") {{ balance {{ minor }} }} }}");
    assert_eq!(
        send(world.http().head(world.graphql_url(&[("query", &query)]))).await.status(),
        405
    );
    assert_eq!(world.simulator.calls().len(), 0);
    assert_eq!(world.count("reauth_session", "1 = 1").await, 0);
    world.stop().await;
}

#[tokio::test]
async fn a_name_that_is_not_ours_reaches_no_route_that_tells_anything() {
    let world = World::new().await;
    let as_evil = |method: Method, url: String| {
        let request = world.http().request(method, url).header("host", "rebound.example:8080");
        request.header("sec-fetch-site", "same-origin")
    };
    for path in ["/", "/graphql?query={gateway{mode}}", "/graphiql", "/graphiql/config.json", "/x"]
    {
        let answer = send(as_evil(Method::GET, world.url(0, path))).await;
        assert_eq!(answer.status(), 421, "{path}");
        let body: Value = answer.json().await.unwrap();
        let text = body["message"].as_str().unwrap();
        assert!(text.contains("GATEWAY_PUBLIC_URL"), "{text}");
    }
    let body = json!({ "query": "{ gateway { mode } }" });
    let post = as_evil(Method::POST, world.url(0, "/graphql")).json(&body);
    assert_eq!(send(post).await.status(), 421);
    let admin = format!("http://{}/metrics", world.gateways[0].admin_address);
    assert_eq!(send(as_evil(Method::GET, admin.clone())).await.status(), 421);
    assert_eq!(send(world.http().get(admin)).await.status(), 200);
    // What comes by names that we cannot know.
    assert_eq!(send(as_evil(Method::GET, world.url(0, "/health/live"))).await.status(), 200);
    let webhook = as_evil(Method::POST, world.url(0, "/webhooks/mono")).json(&json!({}));
    assert_eq!(send(webhook).await.status(), 401);
    world.stop().await;

    // A page that rebinds its name has no token.
    let world = world_with(with_tokens).await;
    let request = world.http().post(world.url(0, "/graphql")).json(&body);
    assert_eq!(send(request.header("host", "rebound.example")).await.status(), 401);
    world.stop().await;
}

fn assert_hardened(headers: &HeaderMap, what: &str) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ] {
        assert_eq!(header(headers, name), Some(value), "{what}");
    }
    let policy = header(headers, "content-security-policy").unwrap();
    for part in
        ["default-src 'none';", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(part), "{what}: {policy}");
    }
    // Only the explorer is a page that does anything.
    assert_eq!(policy.contains("script-src"), what.contains("/graphiql"), "{what}: {policy}");
    assert!(header(headers, "cache-control").is_some(), "{what}");
}

#[tokio::test]
async fn every_answer_tells_browsers_what_not_to_do_with_it() {
    let world = World::new().await;
    for (_, request) in of_every_status(&world) {
        let refused = request.try_clone().unwrap().header("origin", "null");
        for request in [request, refused] {
            let answer = send(request).await;
            assert_hardened(answer.headers(), "/graphql");
            assert_eq!(header(answer.headers(), "strict-transport-security"), None);
            assert_eq!(header(answer.headers(), "cache-control"), Some("no-store"));
        }
    }
    let answer = send(preflight(&world, LISTED, "content-type")).await;
    assert_hardened(answer.headers(), "a preflight");
    for path in ["/", "/graphiql", "/graphiql/config.json", "/graphiql/assets/none"] {
        assert_hardened(send(world.http().get(world.url(0, path))).await.headers(), path);
    }
    // The starter page is the demo's alone.
    for path in ["/nothing", "/demo", "/health/live", "/health/ready", "/webhooks/mono"] {
        assert_hardened(send(world.http().get(world.url(0, path))).await.headers(), path);
    }
    let misdirected = world.http().get(world.url(0, "/")).header("host", "rebound.example");
    assert_hardened(send(misdirected).await.headers(), "a misdirected request");
    for path in ["/metrics", "/health/live", "/nothing"] {
        let url = format!("http://{}{path}", world.gateways[0].admin_address);
        assert_hardened(send(world.http().get(url)).await.headers(), path);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_gateway_that_is_public_by_https_says_so() {
    let https = |config: &mut Config| {
        config.public_url = Some("https://gw.example.test/".parse().unwrap());
    };
    let world = world_with(https).await;
    let as_public =
        || world.http().get(world.url(0, "/graphiql")).header("host", "gw.example.test");
    let answer = send(as_public()).await;
    assert_eq!(answer.status(), 200);
    let told = header(answer.headers(), "strict-transport-security");
    assert_eq!(told, Some("max-age=31536000"));

    let body = json!({ "query": "{ gateway { mode } }" });
    let ask = |origin: &str| {
        let request = world.http().post(world.url(0, "/graphql")).json(&body);
        request.header("host", "gw.example.test").header("origin", origin)
    };
    assert_eq!(send(ask("https://gw.example.test")).await.status(), 200);
    // Anybody on the way can write a page that comes by HTTP.
    assert_eq!(send(ask("http://gw.example.test")).await.status(), 403);
    world.stop().await;
}
