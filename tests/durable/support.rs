//! A gateway that is a process of its own, and those who talk to it.
//!
//! Nothing here sleeps: whoever waits, waits on a value and fails after a deadline.

use std::{
    collections::VecDeque,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use futures_util::{SinkExt as _, StreamExt as _};
use mono_simulator::{Options, Pace, Simulator};
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, Statement};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest as _},
};

/// How long a test waits for a value before it fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The secret that webhooks carry.
pub(crate) const SECRET: &str = "whsec_for_tests";

/// How many of the gateway's last lines are kept for whoever has to find out why.
const LAST_LINES: usize = 30;

/// Where a PostgreSQL of the tests' own listens, if they are to run on it.
#[expect(clippy::disallowed_methods, reason = "how the test runner says on which database to run")]
pub(crate) fn postgres() -> Option<String> {
    std::env::var("TEST_POSTGRES_URL").ok()
}

/// A number that the environment may set.
#[expect(clippy::disallowed_methods, reason = "how a failure is repeated")]
pub(crate) fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A database that nobody else uses.
pub(crate) async fn new_database(folder: &Path) -> String {
    let Some(server) = postgres() else { return sqlite(folder) };
    let name = format!("d{:016x}", rand::random::<u64>());
    let admin = Database::connect(&server).await.expect("the PostgreSQL of the tests answers");
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("a database");
    admin.close().await.expect("closed");
    let (base, _) = server.rsplit_once('/').expect("a database's URL");
    format!("{base}/{name}")
}

/// A file that nobody else uses.
pub(crate) fn sqlite(folder: &Path) -> String {
    format!("sqlite://{}/gateway.db?mode=rwc", folder.display())
}

/// A Mono that sends nothing by itself: the tests play its webhooks.
pub(crate) async fn mono(accounts: usize) -> Simulator {
    let options = Options { pace: Pace::Explicit, accounts, ..Options::default() };
    Simulator::start(options).await.expect("the simulator starts")
}

pub(crate) fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap()
}

/// Whether the tests may do anything to this machine.
pub(crate) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

/// The gateway's program with the settings of these tests, to be changed before it is started.
pub(crate) fn program(database_url: &str, mono: &str) -> Command {
    with_settings(Command::new(env!("CARGO_BIN_EXE_mono-gateway")), database_url, mono)
}

/// The settings of these tests for whatever starts the gateway in the end.
pub(crate) fn with_settings(mut command: Command, database_url: &str, mono: &str) -> Command {
    command.env_clear().envs([
        ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        ("GATEWAY_MODE", "live"),
        ("GATEWAY_AUTH", "none"),
        ("GATEWAY_BIND", "127.0.0.1:0"),
        ("GATEWAY_ADMIN_BIND", "127.0.0.1:0"),
        ("GATEWAY_LOG_FORMAT", "json"),
        ("RUST_LOG", "warn,mono_gateway::command=info,mono_gateway::app=info"),
        ("DATABASE_URL", database_url),
        ("MONO_BASE_URL", mono),
        ("MONO_SECRET_KEY", "test_sk_simulator"),
        ("MONO_WEBHOOK_SECRET", SECRET),
        ("GATEWAY_REDIRECT_ORIGINS", "https://app.example.test"),
    ]);
    command
}

/// A gateway that runs. Killed when it is dropped.
pub(crate) struct Gateway {
    child: Arc<Mutex<Child>>,
    pub(crate) id: u32,
    pub(crate) address: String,
    pub(crate) admin: String,
    lines: Arc<Mutex<VecDeque<String>>>,
    ended: Option<oneshot::Receiver<ExitStatus>>,
    http: reqwest::Client,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let lines = self.lines.lock().unwrap();
            eprintln!("the gateway's last lines:");
            lines.iter().for_each(|line| eprintln!("  {line}"));
        }
    }
}

impl Gateway {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(command: Command) -> Self {
        match Self::try_start(command) {
            Ok(gateway) => gateway,
            Err(said) => panic!("the gateway did not start: {said}"),
        }
    }

    /// Starts it and waits until it is ready, or says what it said when it gave up.
    pub(crate) fn try_start(mut command: Command) -> Result<Self, String> {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let id = child.id();
        let log = BufReader::new(child.stderr.take().unwrap());
        let child = Arc::new(Mutex::new(child));
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let (ready, is_ready) = mpsc::channel();
        let (ends, ended) = oneshot::channel();
        let (process, last) = (child.clone(), lines.clone());
        // Reads until the process is gone, so that it never waits for somebody to read its log.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let json: Value = serde_json::from_str(&line).unwrap_or_default();
                let fields = &json["fields"];
                if fields["message"] == "ready" {
                    let of = |name: &str| fields[name].as_str().unwrap().to_owned();
                    let _ = ready.send((of("address"), of("admin")));
                }
                let mut last = last.lock().unwrap();
                if last.len() == LAST_LINES {
                    last.pop_front();
                }
                last.push_back(line);
            }
            drop(ready);
            let status = process.lock().unwrap().wait().unwrap();
            let _ = ends.send(status);
        });
        match is_ready.recv_timeout(DEADLINE) {
            Ok((address, admin)) => {
                Ok(Self { child, id, address, admin, lines, ended: Some(ended), http: client() })
            }
            Err(_) => {
                let _ = child.lock().unwrap().kill();
                let lines = lines.lock().unwrap();
                Err(lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n"))
            }
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&self) {
        let _ = self.child.lock().unwrap().kill();
    }

    /// Sends a signal by its name, as in `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let arguments = [format!("-{name}"), self.id.to_string()];
        assert!(Command::new("kill").args(arguments).status().unwrap().success());
    }

    /// Waits until it is gone.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let ended = self.ended.take().expect("nobody waited before");
        let ended = tokio::time::timeout(DEADLINE, ended).await;
        ended.expect("the gateway ends before the deadline").unwrap()
    }

    /// Whether one of its last lines holds this.
    pub(crate) fn said(&self, text: &str) -> bool {
        self.lines.lock().unwrap().iter().any(|line| line.contains(text))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The status with which its admin address says whether it is ready.
    pub(crate) async fn ready(&self) -> u16 {
        let ready = self.http.get(format!("http://{}/health/ready", self.admin)).send().await;
        ready.expect("the admin address answers").status().as_u16()
    }

    /// Delivers a webhook.
    pub(crate) async fn deliver(
        &self,
        body: impl Into<reqwest::Body>,
    ) -> reqwest::Result<reqwest::Response> {
        let request = self.http.post(self.url("/webhooks/mono"));
        request.header("mono-webhook-secret", SECRET).body(body).send().await
    }

    /// Delivers a webhook and says how it was answered.
    pub(crate) async fn webhook(&self, body: impl Into<reqwest::Body>) -> reqwest::Result<u16> {
        Ok(self.deliver(body).await?.status().as_u16())
    }

    pub(crate) async fn ask(&self, query: &str, variables: Value) -> reqwest::Result<Value> {
        let body = json!({ "query": query, "variables": variables });
        self.http.post(self.url("/graphql")).json(&body).send().await?.json().await
    }

    pub(crate) async fn ws(&self) -> Ws {
        let mut request = format!("ws://{}/graphql", self.address).into_client_request().unwrap();
        let protocol = "graphql-transport-ws".parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let (socket, _) = tokio_tungstenite::connect_async(request).await.expect("a WebSocket");
        let mut ws = Ws { socket };
        ws.send(json!({ "type": "connection_init" })).await;
        assert_eq!(ws.message().await.expect("a hello")["type"], "connection_ack");
        ws
    }
}

/// A WebSocket that may break at any moment.
pub(crate) struct Ws {
    socket: WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>,
}

impl Ws {
    /// Sends a message; that nobody is there any more shows when the next one is read.
    pub(crate) async fn send(&mut self, message: Value) {
        let _ = self.socket.send(Message::text(message.to_string())).await;
    }

    pub(crate) async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send(json!({ "id": id, "type": "subscribe", "payload": payload })).await;
    }

    /// The next message, or the code with which the connection ended: 1006 if it broke.
    ///
    /// Does not wait for ever only because its caller does not.
    pub(crate) async fn message(&mut self) -> Result<Value, u16> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code.into()),
                Some(Ok(Message::Close(None))) | None | Some(Err(_)) => return Err(1006),
                Some(Ok(_)) => {}
            }
        }
    }
}

/// The database behind the gateway's back.
pub(crate) async fn look_into(database_url: &str) -> DatabaseConnection {
    let url = database_url.replace("mode=rwc", "mode=ro");
    Database::connect(url).await.expect("the database opens")
}

/// What a statement selects; its columns are texts.
pub(crate) async fn rows(db: &DatabaseConnection, sql: &str) -> Vec<Vec<Option<String>>> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(statement).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let text = |row: &sea_orm::QueryResult, at| {
        row.try_get_by_index::<Option<String>>(at).unwrap_or_else(|error| panic!("{sql}: {error}"))
    };
    rows.iter().map(|row| (0..row.column_names().len()).map(|at| text(row, at)).collect()).collect()
}

/// The one number that a statement selects, or 0.
pub(crate) async fn number(db: &DatabaseConnection, sql: &str) -> i64 {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let row = db.query_one_raw(statement).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    row.and_then(|row| row.try_get_by_index::<Option<i64>>(0).unwrap()).unwrap_or_default()
}
