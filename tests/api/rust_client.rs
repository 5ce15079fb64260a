//! The gateway behind a program in Rust: `reqwest` and types of its own for questions,
//! `graphql-ws-client` for subscriptions.

use futures_util::StreamExt as _;
use graphql_ws_client::{Client, Subscription, graphql::GraphqlOperation};
use mono_simulator::{DataStatus, StatusChange};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_tungstenite_0_28::{
    connect_async,
    tungstenite::{client::IntoClientRequest as _, http::HeaderValue},
};

use crate::support::{DATA_STATUS, DEADLINE, HEALTHY, INITIATE, World};

const ACCOUNT: &str = "query ($id: ID!) { account(id: $id) {
    id dataStatus balance { minor currency } transactions(first: 5) { nodes { id } } } }";

#[derive(Debug, Deserialize)]
struct Answer<T> {
    data: Option<T>,
    #[serde(default)]
    errors: Vec<Error>,
}

#[derive(Debug, Deserialize)]
struct Error {
    extensions: Extensions,
}

#[derive(Debug, Deserialize)]
struct Extensions {
    code: String,
}

impl<T> Answer<T> {
    fn codes(&self) -> Vec<&str> {
        self.errors.iter().map(|error| error.extensions.code.as_str()).collect()
    }

    /// The data of an answer without errors.
    fn whole(self) -> T {
        assert_eq!(self.codes(), [""; 0]);
        self.data.expect("data")
    }
}

#[derive(Debug, Deserialize)]
struct Asked {
    account: Option<Account>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    id: String,
    data_status: String,
    balance: Money,
    transactions: Page,
}

#[derive(Debug, Deserialize)]
struct Money {
    minor: i64,
    currency: String,
}

#[derive(Debug, Deserialize)]
struct Page {
    nodes: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Initiated {
    initiate_reauth: Option<Payload>,
}

#[derive(Debug, Deserialize)]
struct Payload {
    reauth: Option<Session>,
    errors: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Session {
    status: String,
    url: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    data_status_changed: Event,
}

#[derive(Debug, Deserialize)]
struct Event {
    cursor: String,
    kind: String,
    to: Option<String>,
}

impl Event {
    fn is(&self) -> (&str, Option<&str>) {
        (&self.kind, self.to.as_deref())
    }
}

/// The subscription, as `graphql-ws-client` wants an operation to be.
#[derive(Serialize)]
struct Changes {
    query: &'static str,
    variables: Value,
}

impl GraphqlOperation for Changes {
    type Response = Answer<Told>;
    type Error = serde_json::Error;

    fn decode(&self, answer: Value) -> Result<Self::Response, Self::Error> {
        serde_json::from_value(answer)
    }
}

async fn ask<T: serde::de::DeserializeOwned>(
    world: &World,
    query: &str,
    variables: Value,
) -> Answer<T> {
    let body = json!({ "query": query, "variables": variables });
    let request = world.http().post(world.url(0, "/graphql")).json(&body);
    request.send().await.unwrap().json().await.unwrap()
}

/// A connection of its own for one subscription.
async fn subscribe(world: &World, after: Option<&str>) -> Subscription<Changes> {
    let url = world.url(0, "/graphql").replace("http://", "ws://");
    let mut request = url.into_client_request().unwrap();
    let protocol = HeaderValue::from_static("graphql-transport-ws");
    request.headers_mut().insert("sec-websocket-protocol", protocol);
    let (connection, _) = connect_async(request).await.unwrap();
    let variables = json!({ "id": HEALTHY, "after": after });
    let changes = Changes { query: DATA_STATUS, variables };
    Client::build(connection).subscribe(changes).await.unwrap()
}

/// What is told next; nothing once it has ended.
async fn next(told: &mut Subscription<Changes>) -> Option<Answer<Told>> {
    let next = tokio::time::timeout(DEADLINE, told.next()).await;
    next.expect("it is told before the deadline").map(|answer| answer.unwrap())
}

async fn event(told: &mut Subscription<Changes>) -> Event {
    next(told).await.expect("an event").whole().data_status_changed
}

/// Mono's webhook about a new status.
async fn tell(world: &World, data_status: DataStatus) {
    let change = StatusChange { data_status, retrieved_data: None, announce: true };
    world.simulator.set_status(HEALTHY, change).unwrap();
    world.simulator.deliver_all().await;
}

#[tokio::test]
async fn a_program_in_rust_asks_and_changes() {
    let world = World::new().await;
    let answer = ask::<Asked>(&world, ACCOUNT, json!({ "id": HEALTHY })).await;
    let account = answer.whole().account.expect("the account");
    assert_eq!((account.id.as_str(), account.data_status.as_str()), (HEALTHY, "AVAILABLE"));
    assert_eq!(account.balance.currency, "NGN");
    assert!(account.balance.minor > 0);
    assert_eq!(account.transactions.nodes.len(), 5);

    let input = json!({ "accountId": HEALTHY });
    let answer = ask::<Initiated>(&world, INITIATE, json!({ "input": input })).await;
    let payload = answer.whole().initiate_reauth.expect("a payload");
    assert!(payload.errors.is_empty(), "{:?}", payload.errors);
    let session = payload.reauth.expect("a session");
    assert_eq!(session.status, "LINK_ISSUED");
    assert!(session.url.starts_with("http"), "{}", session.url);
    world.stop().await;
}

#[tokio::test]
async fn a_program_in_rust_reads_errors_by_their_codes() {
    let world = World::new().await;
    let unknown = ask::<Asked>(&world, ACCOUNT, json!({ "id": "unknown" })).await;
    assert_eq!(unknown.codes(), ["NOT_FOUND"]);
    assert!(unknown.data.expect("data beside the error").account.is_none());
    let wrong = ask::<Asked>(&world, "{ noSuchField }", json!({})).await;
    assert_eq!(wrong.codes(), ["GRAPHQL_VALIDATION_FAILED"]);
    assert!(wrong.data.is_none());
    let input = json!({ "accountId": HEALTHY, "redirectUrl": "javascript:alert(1)" });
    let refused = ask::<Initiated>(&world, INITIATE, json!({ "input": input })).await;
    assert_eq!(refused.codes(), ["BAD_USER_INPUT"]);

    let mut told = subscribe(&world, Some("no cursor")).await;
    let refused = next(&mut told).await.expect("an answer");
    assert_eq!(refused.codes(), ["BAD_USER_INPUT"]);
    assert!(refused.data.is_none());
    world.stop().await;
}

#[tokio::test]
async fn a_program_in_rust_subscribes_and_goes_on_after_a_restart() {
    let mut world = World::new().await;
    ask::<Asked>(&world, ACCOUNT, json!({ "id": HEALTHY })).await.whole();
    let mut told = subscribe(&world, None).await;
    assert_eq!(event(&mut told).await.is(), ("SNAPSHOT", Some("AVAILABLE")));
    tell(&world, DataStatus::Partial).await;
    let heard = event(&mut told).await;
    assert_eq!(heard.is(), ("CHANGE", Some("PARTIAL")));

    world.restart().await;
    // The client ends its stream with the connection; to come back is the program's.
    assert!(next(&mut told).await.is_none());
    // Mono's news comes while nobody listens.
    tell(&world, DataStatus::Failed).await;
    let mut told = subscribe(&world, Some(&heard.cursor)).await;
    assert_eq!(event(&mut told).await.is(), ("CHANGE", Some("FAILED")));
    tell(&world, DataStatus::Available).await;
    assert_eq!(event(&mut told).await.is(), ("CHANGE", Some("AVAILABLE")));
    world.stop().await;
}
