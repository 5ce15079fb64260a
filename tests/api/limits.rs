//! How much a document may be: one table, over every transport.

use std::fmt::Write as _;

use mono_gateway::document::Limits;
use serde_json::{Value, json};

use crate::support::*;

fn numbered(count: u64, one: impl Fn(u64) -> String) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        let _ = write!(text, "{}", one(number));
        text
    })
}

/// What is bounded, at which number, and a document with that number of it.
type Row = (&'static str, u64, fn(u64) -> String);

fn table() -> Vec<Row> {
    let limits = Limits::DEFAULT;
    let (bytes, tokens) = (limits.bytes as u64, limits.tokens as u64);
    let nesting = limits.nesting as u64;
    vec![
        ("bytes", bytes, |n| format!("{{__typename}}{}", " ".repeat(n as usize - 12))),
        ("tokens", tokens, |n| format!("{{gateway{{{}}}}}", "mode ".repeat(n as usize - 5))),
        ("levels of selections", limits.levels, |n| {
            format!("{}a{}", "{a ".repeat(n as usize), "}".repeat(n as usize))
        }),
        ("levels of lists", nesting, |n| {
            format!("{{a(b:{}{})}}", "[".repeat(n as usize - 1), "]".repeat(n as usize - 1))
        }),
        ("levels of objects", nesting, |n| {
            format!("{{a(b:{}1{})}}", "{a:".repeat(n as usize - 1), "}".repeat(n as usize - 1))
        }),
        ("levels of types", nesting, |n| {
            format!("query($a:{}Int{}){{a}}", "[".repeat(n as usize), "]".repeat(n as usize))
        }),
        ("levels of fragments", limits.levels, |n| {
            let chain = numbered(n - 2, |n| format!("fragment F{n} on Query{{...F{}}}", n + 1));
            format!("{{...F0}} {chain} fragment F{} on Query{{__typename}}", n - 2)
        }),
        ("selections", limits.nodes, |n| {
            // A thousand at a time, of a fragment that is there once, and the rest.
            let spread = "...F ".repeat((n as usize - 1) / 1_000 - 1);
            let rest =
                "mode ".repeat(n as usize - 1 - 999 - 1_000 * ((n as usize - 1) / 1_000 - 1));
            let inner = "mode ".repeat(999);
            format!("{{gateway{{{spread}{rest}}}}} fragment F on GatewayInfo{{{inner}}}")
        }),
        ("root fields", limits.root_fields, |n| {
            format!("{{{}}}", numbered(n, |n| format!("a{n}:__typename ")))
        }),
        ("aliases", limits.aliases, |n| {
            format!("{{gateway{{{}}}}}", numbered(n, |n| format!("a{n}:mode ")))
        }),
        ("directives of fields", limits.directives, |n| {
            format!("{{gateway{{{}}}}}", "mode@include(if:true) ".repeat(n as usize))
        }),
        ("directives of spreads", limits.directives, |n| {
            let spreads = "...F@include(if:true) ".repeat(n as usize);
            format!("{{gateway{{{spreads}}}}} fragment F on GatewayInfo{{mode}}")
        }),
        ("directives of the operation", limits.directives, |n| {
            format!("query {} {{__typename}}", "@a ".repeat(n as usize))
        }),
        ("directives of variables", limits.directives, |n| {
            format!("query($a:ID {}){{node(id:$a){{id}}}}", "@a ".repeat(n as usize))
        }),
        ("directives of fragments", limits.directives, |n| {
            format!("{{...F}} fragment F on Query {} {{__typename}}", "@a ".repeat(n as usize))
        }),
        ("questions about the schema", limits.questions, |n| {
            format!("{{{}}}", numbered(n, |n| format!("a{n}:__schema{{description}} ")))
        }),
    ]
}

const TRANSPORTS: [&str; 5] = ["POST", "GET", "events", "multipart", "websocket"];

/// Asks for an operation that is not there, so that nothing runs, and returns the code.
async fn code(world: &World, ws: &mut Ws, transport: &str, query: &str) -> String {
    let name = "Nobody";
    let body = json!({ "query": query, "operationName": name });
    let post = world.http().post(world.url(0, "/graphql")).json(&body);
    let text = match transport {
        "POST" => post.send(),
        "GET" => {
            let parameters = [("query", query), ("operationName", name)];
            world.http().get(world.graphql_url(&parameters)).send()
        }
        "events" => post.header("accept", "text/event-stream").send(),
        "multipart" => post.header("accept", "multipart/mixed;subscriptionSpec=1.0").send(),
        _ => {
            let message = json!({ "type": "subscribe", "id": "x", "payload": body });
            ws.send(message).await;
            let answer = ws.next().await;
            assert_eq!(answer["type"], "error", "{answer}");
            return answer["payload"][0]["extensions"]["code"].as_str().unwrap().to_owned();
        }
    };
    let text = text.await.unwrap().text().await.unwrap();
    let json = text.lines().find_map(|line| {
        let line = line.strip_prefix("data: ").unwrap_or(line);
        serde_json::from_str::<Value>(line).ok().filter(Value::is_object)
    });
    let json = json.unwrap_or_else(|| panic!("{transport}: {text}"));
    assert!(json.get("data").is_none(), "{transport}: {json}");
    json["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_document_is_bounded_alike_over_every_transport() {
    let world = World::new().await;
    let mut ws = world.ws(0).await;
    for (what, most, document) in table() {
        for transport in TRANSPORTS {
            // The address of a GET is bounded before the document in it.
            let fits = |text: &str| transport != "GET" || text.len() < 20_000;
            let within = document(most);
            if fits(&within) {
                let code = code(&world, &mut ws, transport, &within).await;
                assert_ne!(code, "DOCUMENT_TOO_COMPLEX", "{most} {what} over {transport}");
            }
            let beyond = document(most + 1);
            if fits(&beyond) {
                let code = code(&world, &mut ws, transport, &beyond).await;
                assert_eq!(code, "DOCUMENT_TOO_COMPLEX", "{most} {what} and one, {transport}");
            }
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn errors_are_bounded_in_number_and_in_length() {
    let world = World::new().await;
    let many = format!("{{ gateway {{ {} }} }}", numbered(3_000, |n| format!("unknown{n} ")));
    let answer = world.ask(&many, json!({})).await;
    assert_eq!(answer["errors"].as_array().map(Vec::len), Some(100));
    let long = format!("{{ {} }}", "x".repeat(60_000));
    let answer = world.ask(&long, json!({})).await;
    assert!(answer.to_string().len() < 1_000, "{answer}");
    let long = "x".repeat(60_000);
    let answer =
        world.ask("query ($a: Int) { accounts(first: $a) { totalCount } }", json!({ "a": long }));
    assert!(answer.await.to_string().len() < 1_000);
    world.stop().await;
}

#[tokio::test]
async fn what_graphiql_asks_of_the_schema_is_within_the_limits() {
    let world = World::new().await;
    let inner = "kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind \
                 name ofType { kind name ofType { kind name ofType { kind name ofType { kind name \
                 ofType { kind name } } } } } } } } }";
    let query = format!(
        "query IntrospectionQuery {{ __schema {{ description queryType {{ name kind }} \
         mutationType {{ name }} subscriptionType {{ name }} types {{ ...FullType }} directives {{ \
         name description isRepeatable locations args(includeDeprecated: true) {{ ...InputValue }} }} }} }} \
         fragment FullType on __Type {{ kind name description specifiedByURL isOneOf \
         fields(includeDeprecated: true) {{ name args(includeDeprecated: true) {{ ...InputValue }} \
         type {{ ...TypeRef }} isDeprecated deprecationReason }} \
         inputFields(includeDeprecated: true) {{ ...InputValue }} interfaces {{ ...TypeRef }} \
         enumValues(includeDeprecated: true) {{ name isDeprecated }} possibleTypes {{ ...TypeRef }} }} \
         fragment InputValue on __InputValue {{ name type {{ ...TypeRef }} defaultValue isDeprecated }} \
         fragment TypeRef on __Type {{ {inner} }}"
    );
    let data = world.data(&query, json!({})).await;
    assert!(data["__schema"]["types"].as_array().unwrap().len() > 30);
    world.stop().await;
}

#[tokio::test]
async fn variables_hold_a_thousand_values() {
    let world = World::new().await;
    let query = "query ($f: AccountFilter) { accounts(filter: $f) { totalCount } }";
    let variables = |count: usize| json!({ "f": { "dataStatus": vec!["FAILED"; count] } });
    assert_eq!(world.data(query, variables(998)).await["accounts"]["totalCount"], 0);
    assert_eq!(world.code(query, variables(999)).await, "DOCUMENT_TOO_COMPLEX");
    world.stop().await;
}
