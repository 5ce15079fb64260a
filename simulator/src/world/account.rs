//! A linked bank account as Mono knows it, before any era gives it a shape.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{mint::Mint, status::DataStatus};

/// A linked bank account.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// 24 hexadecimal digits, unless a test chose another id.
    pub id: String,
    /// The holder's name.
    pub name: String,
    /// Ten digits.
    pub account_number: String,
    /// `NGN`, or an odd spelling on purpose.
    pub currency: String,
    /// In minor units of `currency`.
    pub balance: i64,
    /// The bank's own words, such as `SAVINGS_ACCOUNT`.
    pub kind: String,
    /// All eleven digits; the API shows four of them, some webhooks show all.
    pub bvn: Option<String>,
    /// The bank.
    pub institution: Institution,
    /// `internet_banking` or `mobile_banking`.
    pub auth_method: String,
    /// The customer's id.
    pub customer: String,
    /// `meta.ref` of the link that the account came from.
    pub reference: Option<String>,
    /// What else the link's `meta` held, which Mono sends along.
    pub meta: Map<String, Value>,
    /// How much of its data Mono holds.
    pub data_status: DataStatus,
    /// `identity`, `balance`, `transactions`: what can be read. The rest reads as empty.
    pub retrieved_data: Vec<String>,
    /// Whether the bank asks for the customer again.
    pub needs_reauth: bool,
    /// Whether the account can be re-authorised at all.
    pub reauthorisable: bool,
    /// Whether the bank only ever gives the balance, as for foreign-currency accounts.
    pub balance_only: bool,
    /// Whether it is the account that the link asked for, if the link asked.
    pub account_match: Option<bool>,
    /// `meta.data_request_id`, which Mono's support asks for.
    pub data_request_id: String,
    /// When it was linked.
    pub created_at: DateTime<Utc>,
    /// When its data last came in.
    pub updated_at: DateTime<Utc>,
    /// Newest first.
    #[serde(skip)]
    pub transactions: Vec<Transaction>,
}

/// A bank.
#[derive(Clone, Debug, Serialize)]
pub struct Institution {
    /// Mono's id of it.
    pub id: String,
    /// Its name, invented.
    pub name: String,
    /// Digits, with leading zeros.
    pub bank_code: String,
    /// `PERSONAL_BANKING` or `BUSINESS_BANKING`.
    pub kind: String,
    /// Whether the API spells `bankCode` for it where it should spell `bank_code`.
    pub camel_case: bool,
}

/// One movement on an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transaction {
    /// 24 hexadecimal digits.
    pub id: String,
    /// The bank's text.
    pub narration: String,
    /// In minor units, never negative; the direction is in `kind`.
    pub amount: i64,
    /// `debit` or `credit`.
    pub kind: String,
    /// The balance after it, in minor units.
    pub balance: Option<i64>,
    /// When it was booked.
    pub date: DateTime<Utc>,
    /// Mono's category, absent until it is asked for.
    pub category: Option<String>,
}

/// An account to add. Whatever is left out is drawn from the seed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewAccount {
    /// Its id.
    pub id: Option<String>,
    /// The holder's name.
    pub name: Option<String>,
    /// Its number.
    pub account_number: Option<String>,
    /// Its currency.
    pub currency: Option<String>,
    /// Its balance in minor units.
    pub balance: Option<i64>,
    /// The bank's words for what kind of account it is.
    pub kind: Option<String>,
    /// The bank's name.
    pub bank: Option<String>,
    /// `meta.ref` of its link.
    pub reference: Option<String>,
    /// How much of its data Mono holds; `AVAILABLE` if left out.
    pub data_status: Option<DataStatus>,
    /// What can be read; if left out, what is usual in that status.
    pub retrieved_data: Option<Vec<String>>,
    /// Whether the bank asks for the customer again.
    pub needs_reauth: bool,
    /// Whether it can never be re-authorised.
    pub not_reauthorisable: bool,
    /// Whether the bank only ever gives the balance.
    pub balance_only: bool,
    /// How many transactions it has; 45 if left out.
    pub transactions: Option<usize>,
}

impl Account {
    /// Whether `part` (`balance`, `transactions`) has been fetched.
    pub(crate) fn holds(&self, part: &str) -> bool {
        self.retrieved_data.iter().any(|held| held == part)
    }

    /// The balance that can be read: 0 before it has been fetched.
    pub(crate) fn shown_balance(&self) -> i64 {
        if self.holds("balance") { self.balance } else { 0 }
    }

    /// The transactions that can be read: none before they have been fetched.
    pub(crate) fn shown_transactions(&self) -> &[Transaction] {
        if self.holds("transactions") { &self.transactions } else { &[] }
    }

    /// Lets a fetch that nobody scripted succeed as far as this bank allows.
    pub(crate) fn fetched(&mut self) {
        if self.balance_only {
            self.enter(DataStatus::Failed, Some(vec!["balance".to_owned()]));
        } else {
            self.enter(DataStatus::Available, None);
        }
    }

    /// Adds `part` to what is held, and moves the status up as a real-time fetch does.
    pub(crate) fn fetched_part(&mut self, part: &str) {
        if self.balance_only && part != "balance" {
            return;
        }
        if !self.holds(part) {
            self.retrieved_data.push(part.to_owned());
        }
        if !self.balance_only {
            let both = self.holds("balance") && self.holds("transactions");
            self.data_status = if both { DataStatus::Available } else { DataStatus::Partial };
        }
    }

    /// Puts the account into `status`, holding `retrieved` or what is usual.
    pub(crate) fn enter(&mut self, status: DataStatus, retrieved: Option<Vec<String>>) {
        if let Some(parts) = retrieved.or_else(|| status.usually_retrieved()) {
            self.retrieved_data = parts;
        }
        self.data_status = status;
    }

    /// Books one more credit at `now`, as a refresh would find it.
    pub(crate) fn receive(&mut self, mint: &mut Mint, now: DateTime<Utc>) {
        let amount = mint.between(10_000, 900_000);
        self.balance = self.balance.saturating_add(amount);
        let credit = Transaction {
            id: mint.id(),
            narration: "NIP TRANSFER FROM SAMPLE SENDER".to_owned(),
            amount,
            kind: "credit".to_owned(),
            balance: Some(self.balance),
            date: now,
            category: Some("transfer".to_owned()),
        };
        self.transactions.insert(0, credit);
    }
}
