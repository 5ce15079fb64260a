//! What breaks between a gateway and Mono: answers that are held up, and processes that are killed.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use axum::{
    body::Bytes,
    extract::State,
    http::{Request, request::Parts},
    response::IntoResponse as _,
};
use serde_json::Value;
use tokio::sync::watch;

use crate::support::*;

/// Where a request is held up on its way to Mono and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Nowhere.
    Nowhere,
    /// Before Mono hears of it.
    Before,
    /// Once Mono has done it, and before its answer is heard.
    Behind,
}

/// A line to the simulator on which some requests can be held up.
#[derive(Clone)]
pub(crate) struct Line {
    mono: String,
    http: reqwest::Client,
    which: fn(&Parts) -> bool,
    hold: Arc<watch::Sender<Hold>>,
    held: Arc<watch::Sender<usize>>,
}

impl Line {
    /// The line, and the address that a gateway takes for Mono's.
    pub(crate) async fn to(world: &World, which: fn(&Parts) -> bool) -> (Self, String) {
        let line = Self {
            mono: world.simulator.base_url().to_owned(),
            http: client(),
            which,
            hold: Arc::new(watch::Sender::new(Hold::Nowhere)),
            held: Arc::new(watch::Sender::new(0)),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = axum::Router::new().fallback(Self::pass_on).with_state(line.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (line, format!("http://{address}"))
    }

    async fn pass_on(
        State(line): State<Self>,
        request: Request<axum::body::Body>,
    ) -> axum::response::Response {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let is_meant = (line.which)(&parts);
        if is_meant {
            line.wait_at(Hold::Before).await;
        }
        let answer = line.forward(&parts, body).await;
        if is_meant {
            line.wait_at(Hold::Behind).await;
        }
        answer
    }

    async fn forward(&self, parts: &Parts, body: Bytes) -> axum::response::Response {
        let url = format!("{}{}", self.mono, parts.uri);
        let mut headers = parts.headers.clone();
        headers.remove("host");
        let asked = self.http.request(parts.method.clone(), url).headers(headers).body(body);
        let answer = asked.send().await.unwrap();
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        headers.remove("transfer-encoding");
        (status, headers, answer.bytes().await.unwrap()).into_response()
    }

    async fn wait_at(&self, place: Hold) {
        let mut hold = self.hold.subscribe();
        if *hold.borrow_and_update() == place {
            self.held.send_modify(|held| *held += 1);
            let _ = hold.wait_for(|now| *now != place).await;
        }
    }

    pub(crate) fn hold(&self, place: Hold) {
        self.held.send_replace(0);
        self.hold.send_replace(place);
    }

    pub(crate) async fn holds(&self, count: usize) {
        let mut held = self.held.subscribe();
        let all = held.wait_for(|held| *held == count);
        tokio::time::timeout(DEADLINE, all).await.expect("they are on their way").unwrap();
    }
}

/// A gateway in a process of its own, which can be killed.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: String,
}

impl Process {
    pub(crate) fn start(world: &World, mono: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mono-gateway"));
        command.env_clear().envs([
            ("GATEWAY_BIND", "127.0.0.1:0"),
            ("GATEWAY_ADMIN_BIND", "127.0.0.1:0"),
            ("GATEWAY_AUTH", "none"),
            ("GATEWAY_LOG_FORMAT", "json"),
            ("DATABASE_URL", &world.database_url),
            ("MONO_BASE_URL", mono),
            ("MONO_SECRET_KEY", world.simulator.secret_key()),
            ("MONO_WEBHOOK_SECRET", WEBHOOK_SECRET),
        ]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("it becomes ready").unwrap();
            if let Some(address) =
                serde_json::from_str::<Value>(&line).unwrap()["fields"]["address"].as_str()
            {
                break format!("http://{address}");
            }
        };
        // Nobody reads on: let it not wait for that.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
