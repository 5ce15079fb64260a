//! A simulator, a client for it and a receiver of its webhooks.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use mono_simulator::{Options, Pace, Simulator};
use reqwest::Response;
use serde_json::Value;
use tokio::{net::TcpListener, sync::mpsc, time::timeout};

/// The accounts of seed 1, as the crate's documentation lists them.
pub(crate) const HEALTHY: &str = "86f13963d4eb77b20d2b07f9";
pub(crate) const ASKING: &str = "ede03881dfe5be2aed62963f";
pub(crate) const PROCESSING: &str = "9eea4528ef67e2c67f46412b";
pub(crate) const PARTIAL: &str = "290ab396d3b02f05f3c42d68";
pub(crate) const UNAVAILABLE: &str = "6a16f67c89d001287ebf0f79";
pub(crate) const DOLLARS: &str = "06ff75f3e1b95a0387f52931";
pub(crate) const LARGE: &str = "4869ea0d7aefbdc1cf35e218";
pub(crate) const NAIRA: &str = "373b4d5bbbe5a3c7d0c7e4b2";

/// How long a test waits for something that must happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// A simulator at the explicit pace and a client that knows its key.
pub(crate) struct Here {
    pub(crate) simulator: Simulator,
    pub(crate) http: reqwest::Client,
}

impl Here {
    pub(crate) async fn new() -> Self {
        Self::with(Options { pace: Pace::Explicit, ..Options::default() }).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let simulator = Simulator::start(options).await.unwrap();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(DEADLINE)
            .build()
            .unwrap();
        Self { simulator, http }
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.simulator.base_url())
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Response {
        request.header("mono-sec-key", self.simulator.secret_key()).send().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send(self.http.get(self.at(path))).await
    }

    pub(crate) async fn realtime(&self, path: &str) -> Response {
        self.send(self.http.get(self.at(path)).header("x-realtime", "true")).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.send(self.http.post(self.at(path)).json(body)).await
    }

    /// The JSON at `path`, which must answer 200.
    pub(crate) async fn read(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }
}

/// One webhook as it arrived.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Arrived {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn event(&self) -> String {
        self.json()["event"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn secret(&self) -> &str {
        self.headers["mono-webhook-secret"].to_str().unwrap()
    }
}

/// Receives webhooks, answering 200 unless told otherwise.
pub(crate) struct Inbox {
    pub(crate) url: String,
    arrived: mpsc::UnboundedReceiver<Arrived>,
}

impl Inbox {
    /// An inbox that gives these answers first.
    pub(crate) async fn answering(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhooks/mono", listener.local_addr().unwrap());
        let (sender, arrived) = mpsc::unbounded_channel();
        let statuses = Arc::new(Mutex::new(statuses.iter().copied().collect::<VecDeque<_>>()));
        let receive = move |headers: HeaderMap, text: String| {
            let status = statuses.lock().unwrap().pop_front().unwrap_or(200);
            sender.send(Arrived { headers, text }).unwrap();
            async move { StatusCode::from_u16(status).unwrap() }
        };
        let router = Router::new().route("/webhooks/mono", post(receive));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, arrived }
    }

    pub(crate) async fn new() -> Self {
        Self::answering(&[]).await
    }

    /// The next webhook, which must come before the deadline.
    pub(crate) async fn next(&mut self) -> Arrived {
        timeout(DEADLINE, self.arrived.recv()).await.expect("a webhook is late").unwrap()
    }

    /// Whatever has arrived.
    pub(crate) fn rest(&mut self) -> Vec<Arrived> {
        std::iter::from_fn(|| self.arrived.try_recv().ok()).collect()
    }
}

/// Waits, at most until the deadline, for something to become true.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    let becomes_true = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, becomes_true).await.expect("what was waited for has not happened");
}
