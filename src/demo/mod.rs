//! Demo mode: the levers of the simulator that stands in for Mono, as mutations.
//!
//! The simulator is reached as anybody would reach it: over HTTP. Nothing here knows its types.

pub mod graphql;

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::{ApiError, ErrorCode},
    ids::AccountId,
};

/// The simulator did not do what it was told.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DemoError {
    /// It says why.
    #[error("the simulator refuses: {0}")]
    Refused(String),
    /// It is not there.
    #[error("the simulator does not answer")]
    Unreachable,
}

impl From<DemoError> for ApiError {
    fn from(error: DemoError) -> Self {
        match error {
            DemoError::Refused(_) => Self::shown(ErrorCode::BadUserInput, &error),
            DemoError::Unreachable => Self::shown(ErrorCode::UpstreamUnavailable, &error),
        }
    }
}

/// The levers of a simulator. Clones share connections.
#[derive(Clone, Debug)]
pub struct Controls {
    http: reqwest::Client,
    base: String,
}

/// The accounts that examples name.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    /// All of them.
    pub all: Vec<AccountId>,
    /// One whose data is there.
    pub healthy: Option<AccountId>,
    /// One whose bank asks for the customer.
    pub needs_reauth: Option<AccountId>,
}

#[derive(Deserialize)]
struct State {
    accounts: Vec<Account>,
}

#[derive(Deserialize)]
struct Account {
    id: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    data_status: String,
    #[serde(default)]
    needs_reauth: bool,
}

impl Controls {
    /// The levers of the simulator at `base_url`.
    ///
    /// # Errors
    /// [`DemoError::Unreachable`] if no HTTP client can be had.
    pub fn new(base_url: &str) -> Result<Self, DemoError> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(|_| DemoError::Unreachable)?;
        Ok(Self { http, base: format!("{}/_simulator", base_url.trim_end_matches('/')) })
    }

    /// Who plays.
    ///
    /// # Errors
    /// [`DemoError`].
    pub async fn cast(&self) -> Result<Cast, DemoError> {
        let answer = self.http.get(format!("{}/state", self.base)).send().await;
        let state: State = answer.map_err(unreachable)?.json().await.map_err(unreachable)?;
        let id = |account: &Account| AccountId::parse(&account.id).ok();
        let available = |account: &&Account| {
            !account.needs_reauth
                && (account.status == "AVAILABLE" || account.data_status == "AVAILABLE")
        };
        Ok(Cast {
            all: state.accounts.iter().filter_map(id).collect(),
            healthy: state.accounts.iter().find(available).and_then(id),
            needs_reauth: state.accounts.iter().find(|account| account.needs_reauth).and_then(id),
        })
    }

    /// Pulls the lever at `path`. The answer is what the simulator says of it.
    ///
    /// # Errors
    /// [`DemoError`].
    pub async fn pull(&self, path: &[&str], body: Value) -> Result<Value, DemoError> {
        let mut url = url::Url::parse(&self.base).map_err(|_| DemoError::Unreachable)?;
        url.path_segments_mut().map_err(|()| DemoError::Unreachable)?.extend(path);
        let answer = self.http.post(url).json(&body).send().await.map_err(unreachable)?;
        let is_done = answer.status().is_success();
        let said: Value = answer.json().await.unwrap_or_else(|_| json!({}));
        if is_done {
            return Ok(said);
        }
        let text = ["message", "error"].iter().find_map(|name| said[*name].as_str());
        Err(DemoError::Refused(text.unwrap_or("it does not say why").to_owned()))
    }
}

fn unreachable(_: reqwest::Error) -> DemoError {
    DemoError::Unreachable
}
