//! A world of its own for each test: gateways, a simulated Mono, a database.
//!
//! Nothing here sleeps: whoever waits, waits on a value and fails after a deadline.

use std::{path::Path, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use mono_gateway::{
    app::{Gateway, StartError},
    clock::Clock,
    config::{Config, Mode},
    handover::Redirects,
    server::Bounds,
    transport::status::Statuses,
};
use mono_simulator::{Options, Pace, Simulator};
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, Statement};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Message, client::IntoClientRequest as _, protocol::frame::coding::CloseCode,
};

/// How long a test waits for a value before it fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// The secret that the simulator's webhooks carry.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_for_tests";

/// Accounts of the simulator's first world.
pub(crate) const HEALTHY: &str = "86f13963d4eb77b20d2b07f9";
pub(crate) const NEEDS_REAUTH: &str = "ede03881dfe5be2aed62963f";
pub(crate) const PROCESSING: &str = "9eea4528ef67e2c67f46412b";
pub(crate) const PARTIAL: &str = "290ab396d3b02f05f3c42d68";
pub(crate) const UNAVAILABLE: &str = "6a16f67c89d001287ebf0f79";
pub(crate) const FAILED: &str = "06ff75f3e1b95a0387f52931";
pub(crate) const BIG: &str = "4869ea0d7aefbdc1cf35e218";
pub(crate) const NAIRA: &str = "373b4d5bbbe5a3c7d0c7e4b2";

pub(crate) struct World {
    pub(crate) simulator: Simulator,
    pub(crate) gateways: Vec<Gateway>,
    pub(crate) clock: Clock,
    pub(crate) database_url: String,
    _folder: tempfile::TempDir,
    http: reqwest::Client,
}

/// Where a PostgreSQL of the tests' own listens, if they are to run on it.
#[expect(clippy::disallowed_methods, reason = "how the test runner says on which database to run")]
pub(crate) fn postgres() -> Option<String> {
    std::env::var("TEST_POSTGRES_URL").ok()
}

/// A database that nobody else uses.
pub(crate) async fn new_database(folder: &Path) -> String {
    let Some(server) = postgres() else {
        return format!("sqlite://{}/gateway.db?mode=rwc", folder.display());
    };
    let name = format!("t{:016x}", rand::random::<u64>());
    let admin = Database::connect(&server).await.expect("the PostgreSQL of the tests answers");
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("a database");
    admin.close().await.expect("closed");
    let (base, _) = server.rsplit_once('/').expect("a database's URL");
    format!("{base}/{name}")
}

pub(crate) fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        // Longer than anything that a test waits for, and not for ever.
        .timeout(Duration::from_secs(120))
        .build()
        .unwrap()
}

/// A server that answers every request with one body.
pub(crate) async fn stand_in(body: String) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().fallback(move || {
        let body = body.clone();
        async move { body }
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_replicas(1).await
    }

    /// With other settings.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut world = Self::with_replicas(0).await;
        let mut config = world.config();
        change(&mut config);
        let gateway = world.try_start(config).await.expect("the gateway starts");
        world.gateways.push(gateway);
        world.simulator.set_webhook_url(&world.url(0, "/webhooks/mono"));
        world
    }

    pub(crate) async fn with_replicas(count: usize) -> Self {
        Self::with_simulator(count, Options::default()).await
    }

    /// A world whose simulator has other options than the usual, apart from its pace.
    pub(crate) async fn with_simulator(count: usize, options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options =
            Options { pace: Pace::Explicit, webhook_secret: WEBHOOK_SECRET.into(), ..options };
        let simulator = Simulator::start(options).await.unwrap();
        let database_url = new_database(folder.path()).await;
        let mut world = Self {
            simulator,
            gateways: Vec::new(),
            clock: Clock::default(),
            database_url,
            _folder: folder,
            http: client(),
        };
        for _ in 0..count {
            world.start_gateway().await;
        }
        if count > 0 {
            world.simulator.set_webhook_url(&world.url(0, "/webhooks/mono"));
        }
        world
    }

    /// A world whose gateway has other settings than the usual.
    pub(crate) async fn with_config(change: impl FnOnce(&mut Config)) -> Self {
        let mut world = Self::new().await;
        let mut config = world.config();
        change(&mut config);
        world.gateways.pop().expect("a gateway").stop().await;
        let gateway = world.try_start(config).await.expect("the gateway starts");
        world.gateways.push(gateway);
        let url = world.url(0, "/webhooks/mono");
        world.simulator.set_webhook_url(&url);
        world
    }

    pub(crate) fn config(&self) -> Config {
        let any = "127.0.0.1:0".parse().unwrap();
        Config {
            mode: Mode::Live,
            bind: any,
            admin_bind: any,
            public_url: None,
            database_url: self.database_url.clone(),
            mono_base_url: self.simulator.base_url().to_owned(),
            mono_secret_key: SecretString::from(self.simulator.secret_key()),
            mono_sync: mono_gateway::lifecycle::job::SyncVia::Realtime,
            webhook_secrets: vec![SecretString::from(WEBHOOK_SECRET)],
            access: mono_gateway::access::Access::Open,
            max_connections: 1000,
            patience: mono_gateway::transport::websocket::Patience::default(),
            allowed_origins: vec!["https://app.example.test".into()],
            redirects: Redirects::Anywhere,
            graphiql: true,
            introspection: true,
            trusted_documents: None,
            http_status: Statuses::Audit,
            drain_ms: 200,
            data_keys: mono_gateway::seal::DataKeys::default(),
            log_retention_days: 30,
            migrate: true,
            bounds: Bounds::default(),
        }
    }

    pub(crate) async fn start_gateway(&mut self) -> usize {
        let gateway = self.try_start(self.config()).await.expect("the gateway starts");
        self.gateways.push(gateway);
        self.gateways.len() - 1
    }

    pub(crate) async fn try_start(&self, config: Config) -> Result<Gateway, StartError> {
        Gateway::start(config, self.clock.clone(), None).await
    }

    /// Stops the only gateway and starts another on the same database.
    pub(crate) async fn restart(&mut self) {
        self.gateways.pop().expect("a gateway").stop().await;
        self.start_gateway().await;
        let url = self.url(0, "/webhooks/mono");
        self.simulator.set_webhook_url(&url);
    }

    pub(crate) fn url(&self, gateway: usize, path: &str) -> String {
        format!("http://{}{path}", self.gateways[gateway].address)
    }

    /// A URL of the endpoint with these parameters.
    pub(crate) fn graphql_url(&self, parameters: &[(&str, &str)]) -> String {
        url::Url::parse_with_params(&self.url(0, "/graphql"), parameters).unwrap().to_string()
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Asks the first gateway.
    pub(crate) async fn ask(&self, query: &str, variables: Value) -> Value {
        self.ask_of(0, query, variables).await
    }

    pub(crate) async fn ask_of(&self, gateway: usize, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables });
        let url = self.url(gateway, "/graphql");
        self.http.post(url).json(&body).send().await.unwrap().json().await.unwrap()
    }

    /// The data of an answer without errors.
    pub(crate) async fn data(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.ask(query, variables).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"].take()
    }

    /// The code of the only error of an answer.
    pub(crate) async fn code(&self, query: &str, variables: Value) -> String {
        let answer = self.ask(query, variables).await;
        let errors = answer["errors"].as_array().unwrap_or_else(|| panic!("no errors: {answer}"));
        assert_eq!(errors.len(), 1, "{answer}");
        assert!(errors[0]["extensions"]["requestId"].is_string(), "{answer}");
        errors[0]["extensions"]["code"].as_str().unwrap().to_owned()
    }

    /// What the gateway knows of an account, without asking Mono for anything.
    pub(crate) async fn known(&self, account: &str) -> Value {
        let query = "query ($id: ID!) { account(id: $id) { dataStatus dataStatusRaw version
            reauth { required reason active { id status url } sessions { nodes {
                id status completedVia reference url authorizedAt failure { code message dataStatus } } } }
            sync { asOf lastSuccessAt lastFailureAt waitingUntil failure { code message dataStatus } } } }";
        self.data(query, json!({ "id": account })).await["account"].take()
    }

    pub(crate) async fn initiate(&self, account: &str) -> Value {
        self.initiate_with(json!({ "accountId": account })).await
    }

    pub(crate) async fn initiate_with(&self, input: Value) -> Value {
        self.data(INITIATE, json!({ "input": input })).await["initiateReauth"].take()
    }

    /// Sends a webhook as Mono would and says how it was answered.
    pub(crate) async fn webhook(&self, body: impl Into<reqwest::Body>) -> u16 {
        self.webhook_with(WEBHOOK_SECRET, body).await
    }

    pub(crate) async fn webhook_with(&self, secret: &str, body: impl Into<reqwest::Body>) -> u16 {
        let request = self.http.post(self.url(0, "/webhooks/mono"));
        let request = request.header("mono-webhook-secret", secret);
        let request = request.header("content-type", "application/json");
        request.body(body).send().await.unwrap().status().as_u16()
    }

    pub(crate) async fn ws(&self, gateway: usize) -> Ws {
        let mut ws = Ws::raw(&self.url(gateway, "/graphql"), Some("graphql-transport-ws")).await;
        ws.send(json!({ "type": "connection_init" })).await;
        assert_eq!(ws.next().await["type"], "connection_ack");
        ws
    }

    /// Subscribes on a connection of its own.
    pub(crate) async fn subscribe(&self, gateway: usize, query: &str, variables: Value) -> Ws {
        let mut ws = self.ws(gateway).await;
        ws.subscribe("1", query, variables).await;
        ws
    }

    /// Waits until so many subscriptions have their place in the log: what happens from then on
    /// they hear.
    pub(crate) async fn heard_by(&self, gateway: usize, listeners: usize) {
        let wait = async {
            while self.gateways[gateway].open_now().listeners != listeners {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.expect("the subscriptions stand");
    }

    pub(crate) async fn database(&self) -> DatabaseConnection {
        Database::connect(&self.database_url).await.expect("the database opens")
    }

    /// How many rows a table has.
    pub(crate) async fn count(&self, table: &str, condition: &str) -> i64 {
        let db = self.database().await;
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE {condition}");
        let statement = Statement::from_string(db.get_database_backend(), sql);
        let row = db.query_one_raw(statement).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    /// Waits until the account is known as `wanted` wants it.
    pub(crate) async fn until(&self, account: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let wait = async {
            loop {
                let known = self.known(account).await;
                if wanted(&known) {
                    return known;
                }
                tokio::task::yield_now().await;
            }
        };
        match tokio::time::timeout(DEADLINE, wait).await {
            Ok(known) => known,
            Err(_) => panic!("the account did not become so: {}", self.known(account).await),
        }
    }

    /// Stops everything, and holds what the database says of each account and each link session
    /// against what its log makes of it: whatever a test did, the state follows from the facts.
    pub(crate) async fn stop(self) {
        for gateway in self.gateways {
            gateway.stop().await;
        }
        self.simulator.stop().await;
        let database = mono_gateway::database::Database::open(&self.database_url).await.unwrap();
        let report = mono_gateway::lifecycle::rebuild::check(&database).await.unwrap();
        database.close().await;
        assert_eq!(report.different, Vec::new(), "{report:?}");
    }
}

pub(crate) const INITIATE: &str = "mutation ($input: InitiateReauthInput!) { initiateReauth(input: $input) {
    reused errors { __typename code message retryable }
    reauth { id reference method status url redirectUrl expiresAt expiryBasis createdAt account { id } } } }";

pub(crate) const DATA_STATUS: &str = "subscription ($id: ID, $after: String) {
    dataStatusChanged(accountId: $id, after: $after) {
        cursor kind from to cause account { id } reauth { id status } occurredAt } }";

pub(crate) const REAUTH: &str = "subscription ($id: ID, $after: String) {
    reauthChanged(accountId: $id, after: $after) {
        cursor kind required reason cause account { id } reauth { id } reauthStatus } }";

type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// A client of raw frames.
pub(crate) struct Ws {
    socket: Socket,
}

impl Ws {
    pub(crate) async fn raw(url: &str, protocol: Option<&str>) -> Self {
        Self::try_raw(url, protocol, &[]).await.expect("the upgrade succeeds")
    }

    /// The status of the refusal if it is one.
    pub(crate) async fn try_raw(
        url: &str,
        protocol: Option<&str>,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let mut request = url.replace("http://", "ws://").into_client_request().unwrap();
        if let Some(protocol) = protocol {
            request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
        }
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
                Err(response.status().as_u16())
            }
            // A client that offered protocols may not accept an answer that names none.
            Err(tokio_tungstenite::tungstenite::Error::Protocol(_)) => Err(101),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.send_text(&message.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn send_message(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    pub(crate) async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send(json!({ "id": id, "type": "subscribe", "payload": payload })).await;
    }

    async fn frame(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(DEADLINE, self.socket.next()).await;
        next.expect("a frame comes before the deadline").map(|frame| frame.unwrap())
    }

    /// The next frame that is no ping and no pong. One deadline for all of them: the server's
    /// pings must not keep alive who waits for what never comes.
    async fn frame_with_content(&mut self) -> Option<Message> {
        let next = async {
            loop {
                match self.frame().await {
                    Some(Message::Ping(_) | Message::Pong(_)) => {}
                    other => return other,
                }
            }
        };
        tokio::time::timeout(DEADLINE, next).await.expect("a message comes before the deadline")
    }

    /// The next message of the protocol.
    pub(crate) async fn next(&mut self) -> Value {
        match self.frame_with_content().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("a message was expected: {other:?}"),
        }
    }

    /// The next event of the only subscription, by its root field.
    pub(crate) async fn event(&mut self) -> Value {
        let mut message = self.next().await;
        assert_eq!(message["type"], "next", "{message}");
        assert!(message["payload"].get("errors").is_none(), "{message}");
        let data = message["payload"]["data"].take();
        let (_, event) = data.as_object().unwrap().iter().next().unwrap();
        event.clone()
    }

    /// The code with which the server closes, after whatever it still sends.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.frame_with_content().await {
                Some(Message::Close(Some(frame))) => {
                    assert_ne!(frame.code, CloseCode::Invalid);
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(Message::Close(None)) | None => return (0, String::new()),
                Some(_) => {}
            }
        }
    }

    /// Whether the next frame is a message, and not the end.
    pub(crate) async fn is_served(&mut self) -> bool {
        matches!(self.frame().await, Some(Message::Text(_)))
    }

    /// Says ping and hears pong: whatever the server sent before has arrived by then.
    pub(crate) async fn nothing_but_pong(&mut self) {
        self.send(json!({ "type": "ping" })).await;
        assert_eq!(self.next().await["type"], "pong");
    }
}
