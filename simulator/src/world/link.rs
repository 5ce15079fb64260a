//! Hosted links: made by `initiate`, visited by the customer.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{bank::Bank, status::DataStatus};
use crate::clock::now;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Linking an account for the first time.
    Auth,
    /// Obtaining consent for a linked account again.
    Reauth,
}

/// A hosted link, or a widget token, which leads to the same page.
#[derive(Clone, Debug, Serialize)]
pub struct Link {
    /// The last part of its address.
    pub code: String,
    /// What it is for.
    pub scope: Scope,
    /// The account to re-authorise; none if one is to be linked.
    pub account: Option<String>,
    /// The customer's id.
    pub customer: String,
    /// The customer's name, if the link was made with one.
    pub customer_name: Option<String>,
    /// All of `meta` as it was sent.
    pub meta: Map<String, Value>,
    /// Where the browser returns to.
    pub redirect_url: Option<String>,
    /// The number of the account that is expected, if a match was asked for.
    pub expected_number: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// How long it works, in milliseconds.
    pub lifetime_ms: Option<u64>,
    /// The bank whose page it opens at.
    #[serde(skip)]
    pub(crate) bank: Option<&'static Bank>,
    /// `internet_banking` or `mobile_banking`, if one was asked for.
    pub auth_method: Option<String>,
    /// What became of it.
    pub state: LinkState,
    /// The accounts that it ended in.
    pub authorised: Vec<String>,
}

/// What became of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkState {
    /// It waits for the customer, who may have failed or closed it before.
    Open,
    /// The customer finished.
    Used,
    /// It is too old.
    Expired,
}

impl Link {
    /// A link to re-authorise `account`, with nothing said about it.
    pub(crate) fn reauth(code: String, account: &str, customer: String) -> Self {
        Self { account: Some(account.to_owned()), ..Self::new(code, Scope::Reauth, customer) }
    }

    /// A link that is for `customer` and nothing more.
    pub(crate) fn new(code: String, scope: Scope, customer: String) -> Self {
        Self {
            code,
            scope,
            account: None,
            customer,
            customer_name: None,
            meta: Map::new(),
            redirect_url: None,
            expected_number: None,
            created_at: now(),
            lifetime_ms: None,
            bank: None,
            auth_method: None,
            state: LinkState::Open,
            authorised: Vec::new(),
        }
    }

    /// `meta.ref`.
    pub fn reference(&self) -> Option<&str> {
        self.meta.get("ref").and_then(Value::as_str)
    }

    /// What has become of it at `now`.
    pub(crate) fn state_at(&self, now: DateTime<Utc>) -> LinkState {
        let lifetime = self.lifetime_ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX));
        let over = lifetime
            .and_then(Duration::try_milliseconds)
            .is_some_and(|lifetime| now - self.created_at >= lifetime);
        if self.state == LinkState::Open && over { LinkState::Expired } else { self.state }
    }
}

/// How a visit to a hosted link ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The customer consents.
    Approve,
    /// The bank refuses the customer; the link stays open.
    Fail,
    /// The customer gives up; the link stays open.
    Close,
    /// The customer consents, with another account than the one asked for.
    OtherAccount,
    /// Nobody comes until the link is too old.
    Expire,
}

/// An outcome, and what Mono finds at the bank afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finish {
    /// How the visit ends.
    pub outcome: Outcome,
    /// The status that the data ends in; if left out, the best that this bank gives.
    #[serde(default)]
    pub data_status: Option<DataStatus>,
    /// Only of a first link: the id of an account that was linked before. The customer chooses the
    /// same one at the bank again, and Mono gives it a new id.
    #[serde(default)]
    pub same_as: Option<String>,
    /// Only of a first link: how many accounts the customer chooses; 1 if left out. Each has its
    /// own webhooks, and the code stands for the first.
    #[serde(default)]
    pub accounts: Option<usize>,
}

impl Finish {
    /// The same, ending in an account that was linked before as `id`.
    #[must_use]
    pub fn same_as(mut self, id: &str) -> Self {
        self.same_as = Some(id.to_owned());
        self
    }

    /// The same with this many accounts.
    #[must_use]
    pub fn accounts(mut self, count: usize) -> Self {
        self.accounts = Some(count);
        self
    }

    /// The same with data that ends in `status`.
    #[must_use]
    pub fn data_status(mut self, status: DataStatus) -> Self {
        self.data_status = Some(status);
        self
    }
}

impl From<Outcome> for Finish {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, data_status: None, same_as: None, accounts: None }
    }
}

/// What a finished visit leaves behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finished {
    /// Where the browser goes, with `status`, `reason`, `reference` and `code`.
    pub redirect_to: Option<String>,
    /// The account that was authorised, which may not be the one asked for.
    pub account: Option<String>,
    /// All accounts that were authorised: several only if the visit was to end so.
    pub accounts: Vec<String>,
    /// The code that `POST /v2/accounts/auth` exchanges for the account's id.
    pub code: Option<String>,
}
