//! The command line: what starts, what is refused, and with which sentence.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use mono_gateway::{app::StartError, database::DatabaseError};
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};

use crate::support::*;

fn gateway(folder: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mono-gateway"));
    command.args(arguments).current_dir(folder).env_clear();
    command
}

fn run(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    gateway(folder.path(), arguments).output().unwrap()
}

fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(!output.status.success(), "{arguments:?} started");
    String::from_utf8(output.stderr).unwrap()
}

const DEMO: [&str; 4] = ["--gateway-bind", "127.0.0.1:0", "--gateway-admin-bind", "127.0.0.1:0"];

/// A gateway that runs, ended by its process id.
struct Running {
    child: Child,
    address: String,
    banner: String,
}

impl Running {
    fn demo(folder: &std::path::Path) -> Self {
        Self::of(gateway(folder, &DEMO))
    }

    fn demo_with(folder: &std::path::Path, admin: &str) -> Self {
        let arguments = ["--gateway-bind", "127.0.0.1:0", "--gateway-admin-bind", admin];
        Self::of(gateway(folder, &arguments))
    }

    fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut banner = String::new();
        while !banner.contains("Ctrl-C stops.") {
            banner.push_str(&lines.next().expect("the banner comes").unwrap());
            banner.push('\n');
        }
        let line = banner.lines().find(|line| line.contains("GraphiQL")).unwrap();
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
        Self { address: url.trim_end_matches("/graphiql").to_owned(), child, banner }
    }

    fn terminate(mut self) -> i32 {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

#[tokio::test]
async fn nothing_configured_is_a_demo_that_tells_the_story() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::demo(folder.path());
    assert!(running.banner.contains("every account is invented"));
    let http = client();
    let ask = async |query: &str| -> Value {
        let body = json!({ "query": query });
        let response =
            http.post(format!("{}/graphql", running.address)).json(&body).send().await.unwrap();
        assert_eq!(response.headers()["x-mono-gateway-mode"], "demo");
        response.json().await.unwrap()
    };
    let answer = ask("{ gateway { mode } accounts { totalCount } }").await;
    assert_eq!(
        answer["data"],
        json!({ "gateway": { "mode": "DEMO" }, "accounts": { "totalCount": 8 } })
    );
    let needing = async {
        loop {
            let answer = ask("{ accounts(filter: {needsReauth: true}) { nodes { id } } }").await;
            if let Some(id) = answer["data"]["accounts"]["nodes"][0]["id"].as_str() {
                return id.to_owned();
            }
        }
    };
    let id = tokio::time::timeout(DEADLINE, needing).await.expect("a bank asks for its customer");
    let start = format!(
        "mutation {{ initiateReauth(input: {{accountId: \"{id}\"}}) {{ reauth {{ id }} }} }}"
    );
    let session =
        ask(&start).await["data"]["initiateReauth"]["reauth"]["id"].as_str().unwrap().to_owned();
    let finish = format!(
        "mutation {{ simulateReauthOutcome(input: {{reauthId: \"{session}\"}}) {{ done }} }}"
    );
    assert_eq!(ask(&finish).await["data"]["simulateReauthOutcome"]["done"], true);
    let done = async {
        let query = format!("{{ reauthSession(id: \"{session}\") {{ status }} }}");
        while ask(&query).await["data"]["reauthSession"]["status"] != "COMPLETED" {}
    };
    tokio::time::timeout(DEADLINE, done).await.expect("the story ends well");
    // The story can be played again at once.
    let again =
        format!("mutation {{ simulateReauthRequired(input: {{accountId: \"{id}\"}}) {{ done }} }}");
    assert_eq!(ask(&again).await["data"]["simulateReauthRequired"]["done"], true);
    let wanted = async {
        let query = format!("{{ account(id: \"{id}\") {{ reauth {{ required }} }} }}");
        while ask(&query).await["data"]["account"]["reauth"]["required"] != true {}
    };
    tokio::time::timeout(DEADLINE, wanted).await.expect("the bank asks again");
    let fault = "mutation { simulateFault(input: {kind: GARBAGE, count: 1}) { done }
        simulateWebhook(input: {accountId: \"x\", kind: ACCOUNT_UPDATED, oddity: DUPLICATE}) { done }
        simulateReauthRequired(input: {accountId: \"nobody\"}) { done } }";
    let answer = ask(fault).await;
    assert_eq!(answer["data"]["simulateFault"]["done"], true, "{answer}");
    assert_eq!(answer["data"]["simulateReauthRequired"], Value::Null, "{answer}");
    let config: Value = http
        .get(format!("{}/graphiql/config.json", running.address))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(config["mode"], "demo");
    assert!(config["accounts"]["needsReauth"].is_string());
    assert_eq!(running.terminate(), 0);
}

#[tokio::test]
async fn a_demo_that_is_started_again_can_be_played_again() {
    let folder = tempfile::tempdir().unwrap();
    let http = client();
    for _ in 0..2 {
        let running = Running::demo(folder.path());
        let ask = async |query: &str| -> Value {
            let url = format!("{}/graphql", running.address);
            let request = http.post(url).json(&json!({ "query": query }));
            request.send().await.unwrap().json().await.unwrap()
        };
        let needing = async {
            let query = "{ accounts(filter: {needsReauth: true}) { nodes { id } } }";
            while ask(query).await["data"]["accounts"]["nodes"][0].is_null() {}
        };
        tokio::time::timeout(DEADLINE, needing).await.expect("a bank asks for its customer");
        // The link that this leaves behind leads nowhere next time.
        let start = format!(
            "mutation {{ initiateReauth(input: {{accountId: \"{NEEDS_REAUTH}\"}}) {{ reused reauth {{ url }} }} }}"
        );
        let answer = ask(&start).await;
        assert_eq!(answer["data"]["initiateReauth"]["reused"], false, "{answer}");
        let url = answer["data"]["initiateReauth"]["reauth"]["url"].as_str().unwrap().to_owned();
        assert_eq!(http.get(url).send().await.unwrap().status(), 200);
        assert_eq!(running.terminate(), 0);
    }
}

#[test]
fn a_wrong_setting_is_refused_with_one_sentence() {
    let live = ["--mono-secret-key", "k", "--mono-webhook-secret", "s", "--gateway-auth", "none"];
    let cases: [(Vec<&str>, &str); 9] = [
        (vec!["--gateway-mode", "live"], "MONO_SECRET_KEY"),
        (vec!["--mono-secret-key", "k"], "MONO_WEBHOOK_SECRET"),
        (vec!["--mono-secret-key", "k", "--mono-webhook-secret", ","], "MONO_WEBHOOK_SECRET"),
        (live[..4].to_vec(), "GATEWAY_AUTH"),
        ([&live[..], &["--mono-base-url", "nonsense"]].concat(), "MONO_BASE_URL"),
        (vec!["--database-url", "mysql://x"], "DATABASE_URL"),
        (vec!["--database-url", "sqlite:///nowhere/at/all.db"], "DATABASE_URL"),
        (vec!["--rust-log", "a=b=c"], "RUST_LOG"),
        (vec!["--gateway-bind", "nonsense"], "--gateway-bind"),
    ];
    for (arguments, named) in cases {
        let free = ["--gateway-admin-bind", "127.0.0.1:0"];
        let said = refused(&[&arguments[..], &free].concat());
        assert!(said.contains(named), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = refused(&["--gateway-bind", &address, "--gateway-admin-bind", "127.0.0.1:0"]);
    assert!(said.contains("GATEWAY_BIND") && said.contains(&address), "{said}");
}

#[test]
fn a_file_sets_what_flags_and_variables_leave_open() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    std::fs::write(&file, "GATEWAY_MODE = \"live\"\n").unwrap();
    let with_file = ["--config", "gateway.toml", "check"];
    let said = gateway(folder.path(), &with_file).output().unwrap();
    assert!(String::from_utf8_lossy(&said.stdout).contains("MONO_SECRET_KEY"));
    let said = gateway(folder.path(), &with_file).env("GATEWAY_MODE", "demo").output().unwrap();
    assert!(String::from_utf8_lossy(&said.stdout).contains("demo mode"));
    std::fs::write(&file, "no_such_setting = 1\n").unwrap();
    let said = gateway(folder.path(), &with_file).output().unwrap();
    assert!(String::from_utf8_lossy(&said.stderr).contains("no_such_setting"));
}

#[test]
fn a_secret_can_stand_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), "test_sk_1\n").unwrap();
    let mut command = gateway(folder.path(), &["check"]);
    let said = command.env("MONO_SECRET_KEY_FILE", "key").output().unwrap();
    assert!(String::from_utf8_lossy(&said.stdout).contains("MONO_WEBHOOK_SECRET"));
}

#[test]
fn the_schema_is_printed_whatever_the_mode() {
    let live = run(&["schema"]);
    assert_eq!(String::from_utf8(live.stdout).unwrap(), mono_gateway::schema::sdl());
    let demo = run(&["schema", "--demo"]);
    assert_eq!(String::from_utf8(demo.stdout).unwrap(), mono_gateway::schema::demo_sdl());
}

#[test]
fn check_says_what_is_wrong() {
    let output = run(&["check"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("migration(s) that serve will apply"));
    assert!(output.status.success());
    let folder = tempfile::tempdir().unwrap();
    assert!(gateway(folder.path(), &["migrate", "up"]).status().unwrap().success());
    let output = gateway(folder.path(), &["check"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let live = ["--mono-secret-key", "k", "--mono-webhook-secret", "s", "--gateway-auth", "none"];
    let output = gateway(
        folder.path(),
        &[&live[..], &["--mono-base-url", "http://127.0.0.1:9", "check"]].concat(),
    );
    let output = {
        let mut output = output;
        output.output().unwrap()
    };
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("Mono is not available"));
}

#[test]
fn what_only_reads_a_database_makes_none_and_says_which_file_is_missing() {
    let unknown = format!("evt_{}", "0".repeat(32));
    let folder = tempfile::tempdir().unwrap();
    for arguments in
        [&["events", "list"][..], &["events", "replay", &unknown], &["rebuild", "--check"]]
    {
        for url in [None, Some("sqlite://kept/other.db?mode=rwc"), Some("sqlite:other.db")] {
            let mut command = gateway(folder.path(), arguments);
            command.envs(url.map(|url| ("DATABASE_URL", url)));
            let output = command.output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            let file = match url {
                None => "mono-gateway.db",
                Some(url) if url.contains("kept") => "kept/other.db",
                Some(_) => "other.db",
            };
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(
                said.contains(&format!("there is no file {file}, which DATABASE_URL")),
                "{said}"
            );
            assert_eq!(
                std::fs::read_dir(folder.path()).unwrap().count(),
                0,
                "{arguments:?} {url:?}"
            );
        }
    }
}

#[test]
fn a_number_that_is_none_is_answered_with_one_that_would_do() {
    for (setting, value, right) in [
        ("GATEWAY_LOG_RETENTION_DAYS", "abc", "from 1 to 36500, as in 30"),
        ("GATEWAY_LOG_RETENTION_DAYS", "0", "from 1 to 36500, as in 30"),
        ("GATEWAY_DRAIN_MS", "3s", "as in 3000"),
        ("GATEWAY_MAX_CONNECTIONS", "", "as in 50000"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let output = gateway(folder.path(), &["check"]).env(setting, value).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{setting}={value}");
        assert!(said.contains(&format!("{setting} is a whole number")), "{said}");
        assert!(said.contains(right), "{said}");
    }
}

#[tokio::test]
async fn check_counts_what_is_sealed_with_a_key_that_is_not_there() {
    let key = |byte: u8| format!("{byte:02x}").repeat(32);
    let mut world = World::new().await;
    let mut config = world.config();
    config.data_keys =
        mono_gateway::seal::DataKeys::parse(&[secrecy::SecretString::from(key(1))]).unwrap();
    config.mode = mono_gateway::config::Mode::Live;
    world.gateways.pop().unwrap().stop().await;
    let gateway_with_key = world.try_start(config).await.unwrap();
    world.gateways.push(gateway_with_key);
    for n in 0..3 {
        assert_eq!(world.webhook(format!("not JSON {n}")).await, 200);
    }
    world.restart().await;
    assert_eq!(world.webhook("redacted, not sealed").await, 200);
    let folder = tempfile::tempdir().unwrap();
    let check = async |keys: Option<String>| {
        let mut command = gateway(folder.path(), &["check"]);
        command
            .env("DATABASE_URL", &world.database_url)
            .env("MONO_SECRET_KEY", world.simulator.secret_key())
            .env("MONO_BASE_URL", world.simulator.base_url())
            .envs([("MONO_WEBHOOK_SECRET", WEBHOOK_SECRET), ("GATEWAY_AUTH", "none")])
            .envs(keys.map(|keys| ("GATEWAY_DATA_KEY", keys)));
        // Beside the simulator, which runs on this thread.
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = tokio::time::timeout(DEADLINE, output).await.expect("it ends").unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    for keys in [None, Some(key(2))] {
        let (code, said) = check(keys).await;
        let line = said.lines().find(|line| line.starts_with("sealed")).unwrap_or_default();
        assert!(line.contains("not in GATEWAY_DATA_KEY: 3 with key "), "{said}");
        assert_eq!(code, Some(1));
    }
    let (code, said) = check(Some(format!("{},{}", key(2), key(1)))).await;
    assert!(said.contains("every body of a webhook opens"), "{said}");
    assert_eq!(code, Some(0), "{said}");
    world.stop().await;
}

#[tokio::test]
async fn a_server_that_comes_to_answer_before_it_writes_does_so_to_others() {
    use sea_orm::{Statement, TransactionTrait as _};
    let (Some(_), world) = (postgres(), World::new().await) else { return };
    // Not only the connections that there are: those that come later as well.
    let database = mono_gateway::database::Database::open(&world.database_url).await.unwrap();
    let admin = world.database().await;
    let setting = async |value: &str| {
        let name = world.database_url.rsplit('/').next().unwrap();
        let sql = format!("ALTER DATABASE {name} SET synchronous_commit = {value}");
        admin.execute_unprepared(&sql).await.unwrap();
    };
    let shown = async |db: &sea_orm::DatabaseTransaction| {
        let sql = Statement::from_string(sea_orm::DbBackend::Postgres, "SHOW synchronous_commit");
        db.query_one_raw(sql).await.unwrap().unwrap().try_get_by_index::<String>(0).unwrap()
    };
    setting("off").await;
    let mut all = Vec::new();
    for _ in 0..8 {
        let one = database.writer().begin().await.unwrap();
        assert_eq!(shown(&one).await, "on", "connection {}", all.len());
        all.push(one);
    }
    setting("remote_apply").await;
    let more = database.writer().begin().await.unwrap();
    assert_eq!(shown(&more).await, "remote_apply", "what asks for more stays");
    for one in all.into_iter().chain([more]) {
        one.rollback().await.unwrap();
    }
    database.close().await;
    // Another one starts as well: it makes no difference to it.
    setting("off").await;
    let another = world.try_start(world.config()).await.unwrap();
    another.stop().await;
    world.stop().await;
}

#[test]
fn migrations_go_up_and_down() {
    let folder = tempfile::tempdir().unwrap();
    let migrate = |direction: &str| {
        let output = gateway(folder.path(), &["migrate", direction]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(migrate("status").starts_with("pending"));
    let count = |text: String, word: &str| text.lines().filter(|l| l.starts_with(word)).count();
    let all = count(migrate("up"), "applied");
    assert_eq!(count(migrate("up"), "applied"), all);
    for undone in 1..=all {
        assert_eq!(count(migrate("down"), "pending"), undone);
    }
    assert_eq!(count(migrate("up"), "applied"), all);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let world = World::new().await;
    let db = world.database().await;
    db.execute_unprepared(
        "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_000001_later', 0)",
    )
    .await
    .unwrap();
    let error = world.try_start(world.config()).await.expect_err("it is refused");
    assert!(matches!(error, StartError::Database(DatabaseError::Newer(_))), "{error}");
    assert!(error.to_string().contains("newer mono-gateway"));
    world.stop().await;
}

#[tokio::test]
async fn pending_migrations_can_be_refused() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new().await;
    let mut config = world.config();
    config.database_url = new_database(folder.path()).await;
    config.migrate = false;
    let error = world.try_start(config).await.expect_err("it is refused");
    assert!(error.to_string().contains("migrate up"), "{error}");
    world.stop().await;
}

#[tokio::test]
async fn invented_accounts_are_never_served_as_real_ones() {
    let world = World::new().await;
    let mut config = world.config();
    config.mode = mono_gateway::config::Mode::Demo;
    let error = world.try_start(config).await.expect_err("it is refused");
    assert!(matches!(error, StartError::OtherMode { .. }), "{error}");
    world.stop().await;
}

#[tokio::test]
async fn what_is_committed_is_on_the_disk() {
    use sea_orm::{DbBackend, Statement};
    let world = World::new().await;
    let database = mono_gateway::database::Database::open(&world.database_url).await.unwrap();
    let db = database.writer();
    let value = async |sql: &str| {
        let row = db
            .query_one_raw(Statement::from_string(db.get_database_backend(), sql))
            .await
            .unwrap()
            .unwrap();
        row.try_get_by_index::<String>(0)
            .or_else(|_| row.try_get_by_index::<i64>(0).map(|n| n.to_string()))
            .or_else(|_| row.try_get_by_index::<i32>(0).map(|n| n.to_string()))
            .unwrap()
    };
    if database.backend() == DbBackend::Sqlite {
        assert_eq!(value("PRAGMA synchronous").await, "2", "FULL");
        assert_eq!(value("PRAGMA journal_mode").await, "wal");
        let version = value("SELECT sqlite_version()").await;
        let parts: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
        assert!(parts >= vec![3, 51, 3], "{version}");
    } else {
        assert_eq!(value("SHOW synchronous_commit").await, "on");
    }
    database.close().await;
    world.stop().await;
}

#[tokio::test]
async fn metrics_say_what_is_open_and_why_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let running = Running::demo_with(folder.path(), &free.to_string());
    let http = client();
    let until = async |wanted: &[&str]| {
        let scrape = async || {
            let response = http.get(format!("http://{free}/metrics")).send().await.unwrap();
            response.text().await.unwrap()
        };
        let wait = async {
            loop {
                let text = scrape().await;
                if wanted.iter().all(|wanted| text.lines().any(|line| line == *wanted)) {
                    return;
                }
            }
        };
        let came = tokio::time::timeout(DEADLINE, wait).await;
        assert!(came.is_ok(), "{wanted:?} is not in\n{}", scrape().await);
    };
    let url = format!("{}/graphql", running.address);
    let mut ws = Ws::raw(&url, Some("graphql-transport-ws")).await;
    ws.send(json!({ "type": "connection_init" })).await;
    assert_eq!(ws.next().await["type"], "connection_ack");
    for id in ["1", "2"] {
        ws.subscribe(id, "subscription { dataStatusChanged { kind } }", json!({})).await;
    }
    until(&[
        "mono_gateway_connections{transport=\"websocket\"} 1",
        "mono_gateway_subscriptions{transport=\"websocket\"} 2",
        "mono_gateway_subscriptions_started_total{transport=\"websocket\"} 2",
        "mono_gateway_feed_listeners 2",
    ])
    .await;
    ws.send(json!({ "type": "complete", "id": "1" })).await;
    ws.subscribe("3", "subscription { dataStatusChanged(accountId: \"\") { kind } }", json!({}))
        .await;
    while ws.next().await["type"] != "error" {}
    until(&["mono_gateway_subscriptions{transport=\"websocket\"} 1"]).await;
    drop(ws);
    until(&[
        "mono_gateway_connections{transport=\"websocket\"} 0",
        "mono_gateway_connections_ended_total{transport=\"websocket\",reason=\"gone\"} 1",
        "mono_gateway_subscriptions{transport=\"websocket\"} 0",
        "mono_gateway_subscriptions_ended_total{transport=\"websocket\",reason=\"client\"} 1",
        "mono_gateway_subscriptions_ended_total{transport=\"websocket\",reason=\"refused\"} 1",
        "mono_gateway_subscriptions_ended_total{transport=\"websocket\",reason=\"gone\"} 1",
        "mono_gateway_feed_listeners 0",
    ])
    .await;
    assert_eq!(running.terminate(), 0);
}

#[tokio::test]
async fn a_gateway_that_ran_out_of_file_descriptors_takes_connections_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    let limited = "ulimit -n 64; exec \"$0\" \"$@\"";
    command.args(["-c", limited, env!("CARGO_BIN_EXE_mono-gateway")]).args(DEMO);
    command.current_dir(folder.path()).env_clear();
    let running = Running::of(command);
    let health = format!("{}/health/live", running.address);
    let address = running.address.trim_start_matches("http://").to_owned();
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(std::net::TcpStream::connect(&address).unwrap());
    }
    // Each on a connection of its own, until one finds nobody.
    let ask = |wait| client().get(&health).timeout(wait).send();
    while ask(Duration::from_millis(300)).await.is_ok() {
        crowd.push(std::net::TcpStream::connect(&address).unwrap());
    }
    drop(crowd);
    assert_eq!(ask(DEADLINE).await.unwrap().status(), 200);
    assert_eq!(running.terminate(), 0);
}
