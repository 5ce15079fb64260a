//! What a simulator is started with.

use std::{error::Error, fmt, io, net::SocketAddr};

use serde::Serialize;

/// How a simulator is set up. `Default` is a seeded world on a free loopback port.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen. Default: `127.0.0.1:0`, any free port of the loopback interface.
    pub bind: SocketAddr,
    /// What the world grows from: the same seed gives the same world. Default: 1.
    pub seed: u64,
    /// The key that callers must send in `mono-sec-key`. Default: `test_sk_simulator`.
    pub secret_key: String,
    /// Where webhooks go. Default: nowhere until `Simulator::set_webhook_url`.
    pub webhook_url: Option<String>,
    /// What each webhook carries in `mono-webhook-secret`. Default: `simulator-webhook-secret`.
    pub webhook_secret: String,
    /// Whether webhooks leave by themselves. Default: by themselves, after 300 ms.
    pub pace: Pace,
    /// How many accounts are seeded. Default: 8, one of each kind.
    pub accounts: usize,
    /// The address that browsers reach this simulator at, if it is not the one it listens on.
    pub public_url: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            seed: 1,
            secret_key: "test_sk_simulator".to_owned(),
            webhook_url: None,
            webhook_secret: "simulator-webhook-secret".to_owned(),
            pace: Pace::Auto { step_ms: 300 },
            accounts: 8,
            public_url: None,
        }
    }
}

/// When a webhook leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// By itself, this long after its cause or after the webhook before it.
    Auto {
        /// The wait, in milliseconds.
        step_ms: u64,
    },
    /// When told, one at a time; data that a webhook announces comes in with it.
    Explicit,
}

/// Why a simulator did not start.
#[derive(Debug)]
pub enum StartError {
    /// The address could not be listened on.
    Listen(SocketAddr, io::Error),
    /// The client that sends webhooks could not be built.
    Client(reqwest::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, _) => write!(f, "the simulator cannot listen on {address}"),
            Self::Client(_) => f.write_str("the simulator cannot build its webhook client"),
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Listen(_, cause) => Some(cause),
            Self::Client(cause) => Some(cause),
        }
    }
}
