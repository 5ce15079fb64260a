//! GraphQL over HTTP: statuses, media types, bounds. The audit suite of the draft runs beside this.

use mono_gateway::transport::status::Statuses;
use serde_json::{Value, json};

use crate::support::*;

const GRAPHQL: &str = "application/graphql-response+json";

struct Got {
    status: u16,
    content_type: String,
    allow: String,
    body: Value,
}

async fn got(request: reqwest::RequestBuilder) -> Got {
    let response = request.send().await.unwrap();
    let header = |name: &str| {
        response
            .headers()
            .get(name)
            .map_or(String::new(), |value| value.to_str().unwrap().to_owned())
    };
    assert!(header("x-request-id").starts_with("req_"));
    let (content_type, allow) = (header("content-type"), header("allow"));
    let status = response.status().as_u16();
    let body = response.json().await.unwrap_or_default();
    Got { status, content_type, allow, body }
}

async fn post(world: &World, accept: &str, body: &str) -> Got {
    let request = world.http().post(world.url(0, "/graphql")).header("accept", accept);
    got(request.header("content-type", "application/json").body(body.to_owned())).await
}

#[tokio::test]
async fn an_answer_s_status_says_whether_anything_ran() {
    // Each row: the body; its status for GraphQL's media type and for plain JSON, as the audits
    // have it and as the draft has it; the code of its error; whether it ran.
    let many = "query A { gateway { mode } } query B { gateway { mode } }";
    let deep = format!("{{ {} }}", "a { ".repeat(100) + &"}".repeat(100));
    let variables = "query ($n: Int!) { accounts(first: $n) { totalCount } }";
    let asked = |query: &str| json!({ "query": query }).to_string();
    let (input, parse) = (Some("BAD_USER_INPUT"), Some("GRAPHQL_PARSE_FAILED"));
    let (invalid, complex) = (Some("GRAPHQL_VALIDATION_FAILED"), Some("DOCUMENT_TOO_COMPLEX"));
    let rows: [(String, [u16; 4], Option<&str>, bool); 15] = [
        (asked("{ gateway { mode } }"), [200, 200, 200, 200], None, true),
        ("{".into(), [400; 4], input, false),
        ("".into(), [400; 4], input, false),
        ("[]".into(), [400, 400, 422, 422], input, false),
        ("{}".into(), [400, 400, 422, 422], input, false),
        ("{\"query\":5}".into(), [400, 400, 422, 422], input, false),
        ("{\"query\":\"{a}\",\"variables\":[]}".into(), [400, 400, 422, 422], input, false),
        ("{\"query\":\"{a}\",\"operationName\":{}}".into(), [400, 400, 422, 422], input, false),
        ("{\"query\":\"{a}\",\"extensions\":5}".into(), [400, 400, 422, 422], input, false),
        (asked("{"), [400, 200, 400, 400], parse, false),
        (asked("{ nonsense }"), [400, 200, 422, 422], invalid, false),
        (asked(many), [400, 200, 422, 422], input, false),
        (asked(variables), [400, 200, 422, 422], input, false),
        (asked(&deep), [400, 200, 422, 422], complex, false),
        (
            asked("{ account(id: \"nobody\") { id } }"),
            [200, 200, 294, 200],
            Some("NOT_FOUND"),
            true,
        ),
    ];
    for (mode, first) in [(Statuses::Audit, 0), (Statuses::Draft, 2)] {
        let world = World::with_config(|config| config.http_status = mode).await;
        for (body, statuses, code, ran) in &rows {
            let json = statuses[first + 1];
            for (accept, status) in
                [(GRAPHQL, statuses[first]), ("application/json", json), ("*/*", json)]
            {
                let got = post(&world, accept, body).await;
                assert_eq!(got.status, status, "{mode:?} {accept} {body}");
                let named = if accept == GRAPHQL { GRAPHQL } else { "application/json" };
                assert!(got.content_type.starts_with(named), "{accept} {body}");
                let found = got.body["errors"][0]["extensions"]["code"].as_str();
                assert_eq!(found, *code, "{body}: {}", got.body);
                // Nothing ran, so there is no data, not even null.
                assert_eq!(got.body.get("data").is_some(), *ran, "{body}: {}", got.body);
                // The same by GET, where it is a request at all.
                let Ok(Value::Object(sent)) = serde_json::from_str(body) else { continue };
                let Some(Value::String(query)) = sent.get("query") else { continue };
                if sent.len() == 1 {
                    let get = world.http().get(world.graphql_url(&[("query", query)]));
                    let got = self::got(get.header("accept", accept)).await;
                    assert_eq!(got.status, status, "{mode:?} GET {accept} {body}");
                    assert_eq!(got.body.get("data").is_some(), *ran, "{body}: {}", got.body);
                }
            }
        }
        // These have one status in both modes.
        assert_eq!(post(&world, "text/html", &rows[0].0).await.status, 406);
        let mutation = "mutation { initiateReauth(input: {accountId: \"acc\"}) { reused } }";
        let refused = got(world.http().get(world.graphql_url(&[("query", mutation)]))).await;
        assert_eq!((refused.status, refused.allow.as_str()), (405, "POST"));
        world.stop().await;
    }
}

#[tokio::test]
async fn only_json_in_utf_8_is_a_request() {
    let world = World::new().await;
    let body = "{\"query\":\"{ gateway { mode } }\"}";
    for (content_type, status) in [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("application/json; charset=\"UTF-8\"", 200),
        ("application/json; charset=utf-16", 415),
        ("application/jsonp", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
    ] {
        let request =
            world.http().post(world.url(0, "/graphql")).header("content-type", content_type);
        assert_eq!(got(request.body(body)).await.status, status, "{content_type}");
    }
    assert_eq!(got(world.http().post(world.url(0, "/graphql")).body(body)).await.status, 415);
    let get = world.http().get(world.graphql_url(&[("query", "{ gateway { mode } }")]));
    assert_eq!(got(get.try_clone().unwrap()).await.status, 200);
    assert_eq!(got(get.header("content-type", "text/plain")).await.status, 415);
    world.stop().await;
}

#[tokio::test]
async fn get_runs_queries_and_never_mutations() {
    let world = World::new().await;
    let get = async |parameters: &[(&str, &str)]| {
        got(world.http().get(world.graphql_url(parameters))).await
    };
    let two =
        "query A { gateway { mode } } query B($f: Int) { accounts(first: $f) { totalCount } }";
    let answer = get(&[("query", two), ("operationName", "B"), ("variables", "{\"f\":1}")]).await;
    assert_eq!(answer.body, json!({ "data": { "accounts": { "totalCount": 0 } } }));
    assert_eq!(get(&[("query", two), ("variables", "nonsense")]).await.status, 400);
    assert_eq!(get(&[]).await.status, 400);
    let mutation =
        format!("mutation {{ initiateReauth(input: {{accountId: \"{HEALTHY}\"}}) {{ reused }} }}");
    let refused = get(&[("query", &mutation)]).await;
    assert_eq!((refused.status, refused.allow.as_str()), (405, "POST"));
    assert_eq!(world.simulator.calls().len(), 0);
    let subscription = "subscription { dataStatusChanged { kind } }";
    let refused = get(&[("query", subscription)]).await;
    assert_eq!(refused.status, 406);
    assert_eq!(refused.body["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    use reqwest::Method;
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD] {
        let refused = got(world.http().request(method, world.url(0, "/graphql"))).await;
        assert_eq!((refused.status, refused.allow.as_str()), (405, "GET, POST"));
    }
    world.stop().await;
}

#[tokio::test]
async fn a_body_has_a_largest_size() {
    let world = World::new().await;
    let huge = format!("{{\"query\":\"{}\"}}", " ".repeat(300 * 1024));
    let refused = post(&world, "*/*", &huge).await;
    assert_eq!(refused.status, 413);
    assert_eq!(refused.body["errors"][0]["extensions"]["code"], "PAYLOAD_TOO_LARGE");
    world.stop().await;
}

#[tokio::test]
async fn errors_repeat_neither_the_document_nor_rust() {
    let world = World::new().await;
    let secret = "s3cret".repeat(50);
    for query in [
        format!("{{ {secret} ("),
        format!("{{ gateway(x: \"{secret}\" ) {{ mode }}"),
        format!("{{ account(id: {{a: \"{secret}\"}}) {{ id }} }}"),
    ] {
        let answer = world.ask(&query, json!({})).await.to_string();
        assert!(answer.len() < 1500, "{answer}");
        assert!(!answer.contains("::"), "{answer}");
    }
    world.stop().await;
}

#[tokio::test]
async fn pages_of_other_origins_and_names_are_refused() {
    let world = World::new().await;
    let url = world.url(0, "/graphql");
    let ask = || world.http().post(&url).json(&json!({ "query": "{ gateway { mode } }" }));
    assert_eq!(got(ask().header("origin", "https://evil.example")).await.status, 403);
    assert_eq!(got(ask().header("sec-fetch-site", "cross-site")).await.status, 403);
    assert_eq!(got(ask().header("sec-fetch-dest", "document")).await.status, 403);
    assert_eq!(got(ask().header("origin", "https://app.example.test")).await.status, 200);
    let misdirected = ask().header("host", "evil.example:80").send().await.unwrap();
    assert_eq!(misdirected.status(), 421);
    let preflight = world
        .http()
        .request(reqwest::Method::OPTIONS, &url)
        .header("origin", "https://app.example.test")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type");
    let preflight = preflight.send().await.unwrap();
    assert_eq!(preflight.headers()["access-control-allow-origin"], "https://app.example.test");
    world.stop().await;
}

#[tokio::test]
async fn the_gateway_says_how_it_is() {
    let world = World::new().await;
    let ready: Value =
        world.http().get(world.url(0, "/health/ready")).send().await.unwrap().json().await.unwrap();
    assert_eq!(ready["status"], "ok");
    assert_eq!(
        ready["checks"],
        json!({ "database": "ok", "migrations": "ok", "bus": "ok", "tasks": "ok" })
    );
    let admin = format!("http://{}", world.gateways[0].admin_address);
    for path in ["/health/live", "/health/ready", "/metrics"] {
        assert_eq!(world.http().get(format!("{admin}{path}")).send().await.unwrap().status(), 200);
    }
    assert_eq!(world.http().get(world.url(0, "/metrics")).send().await.unwrap().status(), 404);
    let page = world.http().get(world.url(0, "/graphiql")).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    let home = world.http().get(world.url(0, "/")).send().await.unwrap();
    assert_eq!(home.headers()["location"], "/graphiql");
    world.stop().await;
}
