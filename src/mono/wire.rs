//! What Mono writes, in every spelling of its generations, decoded without losing the unknown.
//!
//! A field that is missing, null or of another type than expected is absent; an amount keeps its
//! own text until it is read exactly; a word that we do not know stays as it is.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::money::{BadAmount, minor_units};

/// A text that Mono may also send as a number, or as nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub Option<String>);

impl Text {
    /// The text, if there is one that is not empty.
    #[must_use]
    pub fn take(self) -> Option<String> {
        self.0.filter(|text| !text.trim().is_empty())
    }

    /// The same, borrowed.
    #[must_use]
    pub fn get(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.trim().is_empty())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Read as its own text first: a string that is none (half a surrogate pair) or a number
        // that no machine holds then costs this field, not all that stands around it.
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        Ok(match raw.as_bytes() {
            [b'"', ..] => Self(serde_json::from_str(raw).ok()),
            [b'-' | b'0'..=b'9', ..] => Self(Some(raw.to_owned())),
            _ => Self(None),
        })
    }
}

/// How long an id of Mono's may be, in bytes. Its own have 24 characters.
const LONGEST_ID: usize = 256;

/// An id: a text, and nothing else. A number where an id should be is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Id(Text);

impl Id {
    /// The id, if there is one that is not empty.
    #[must_use]
    pub fn take(self) -> Option<String> {
        self.0.take()
    }

    /// The same, borrowed.
    #[must_use]
    pub fn get(&self) -> Option<&str> {
        self.0.get()
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let text: Option<String> =
            if raw.starts_with('"') { serde_json::from_str(raw).ok() } else { None };
        // What no id has, no database should be asked to keep.
        let plain = |text: &String| text.len() <= LONGEST_ID && !text.contains(char::is_control);
        Ok(Self(Text(text.filter(plain))))
    }
}

/// Any JSON, kept as its text: whether it is what it should be is seen when it is read.
pub type Raw = Option<Box<RawValue>>;

/// Any JSON, kept as its text, of which null is something else than nothing.
#[derive(Debug, Default)]
pub struct Said(pub Option<Box<RawValue>>);

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self(Some(raw)))
    }
}

/// Reads a part of a body, or nothing if it is missing, null or of another shape.
#[must_use]
pub fn part<T: DeserializeOwned>(raw: &Raw) -> Option<T> {
    let raw = raw.as_deref()?;
    if raw.get() == "null" { None } else { tolerant(raw.get()) }
}

/// Reads JSON in which a name may stand twice: the last one counts, as in most other readers.
#[must_use]
pub fn tolerant<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok().or_else(|| {
        let once: serde_json::Value = serde_json::from_str(text).ok()?;
        serde_json::from_str(&once.to_string()).ok()
    })
}

/// An account as Mono writes it. Source: Mono docs, "Account Details", "Account Update", v1 and
/// legacy pages; `tests/fixtures/mono/details__*.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AccountBody {
    pub(crate) _id: Id,
    pub(crate) id: Id,
    pub(crate) name: Text,
    pub(crate) account_number: Text,
    #[serde(rename = "accountNumber")]
    pub(crate) account_number_camel: Text,
    pub(crate) currency: Text,
    pub(crate) balance: Raw,
    #[serde(rename = "type")]
    pub(crate) kind: Text,
    pub(crate) bvn: Text,
    #[serde(rename = "authMethod")]
    pub(crate) auth_method_camel: Text,
    pub(crate) auth_method: Text,
    pub(crate) institution: Raw,
    pub(crate) created_at: Text,
    pub(crate) updated_at: Text,
    pub(crate) account_match: Raw,
}

impl AccountBody {
    /// Its balance in minor units.
    #[must_use]
    pub fn balance(&self) -> Option<Result<i64, BadAmount>> {
        match self.balance.as_deref()?.get() {
            "null" => None,
            text => Some(minor_units(text)),
        }
    }

    /// Its number, in either spelling.
    #[must_use]
    pub fn number(&self) -> Option<&str> {
        self.account_number.get().or_else(|| self.account_number_camel.get())
    }

    /// Its id, in either spelling.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self._id.get().or_else(|| self.id.get())
    }
}

/// A bank as Mono writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct InstitutionBody {
    pub(crate) _id: Id,
    pub(crate) id: Id,
    pub(crate) name: Text,
    pub(crate) bank_code: Text,
    #[serde(rename = "bankCode")]
    pub(crate) bank_code_camel: Text,
    #[serde(rename = "type")]
    pub(crate) kind: Text,
    pub(crate) auth_method: Text,
}

impl InstitutionBody {
    /// Its code, in either spelling.
    #[must_use]
    pub fn bank_code(&self) -> Option<&str> {
        self.bank_code.get().or_else(|| self.bank_code_camel.get())
    }
}

/// What stands beside an account.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MetaBody {
    pub(crate) data_status: Text,
    pub(crate) auth_method: Text,
    pub(crate) retrieved_data: Raw,
    pub(crate) subscribed_to_data_sync: Raw,
    pub(crate) data_request_id: Text,
    pub(crate) sync_status: Text,
    pub(crate) job_id: Text,
    #[serde(rename = "ref")]
    pub(crate) reference: Text,
    /// Paging of transactions.
    pub(crate) total: Raw,
    pub(crate) page: Raw,
    pub(crate) previous: Text,
    pub(crate) next: Said,
}

/// Only an id.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct IdBody {
    pub(crate) _id: Id,
    pub(crate) id: Id,
}

/// The outside of every body: v2 has `data`, legacy has its parts bare.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Envelope {
    pub(crate) event: Text,
    pub(crate) event_id: Text,
    pub(crate) timestamp: Text,
    pub(crate) message: Text,
    pub(crate) status: Text,
    pub(crate) data: Raw,
    pub(crate) account: Raw,
    pub(crate) meta: Raw,
    pub(crate) paging: Raw,
}

/// The answer to a manual sync: flat, or in an envelope.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SyncBody {
    pub(crate) code: Text,
    #[serde(rename = "hasNewData")]
    pub(crate) has_new_data: Raw,
    #[serde(rename = "has_new_data")]
    pub(crate) new_data: Raw,
    pub(crate) data: Raw,
}

/// What a product's webhook brings, as far as it tells whether it brings anything.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ProductBody {
    pub(crate) message: Text,
    pub(crate) summary: Raw,
    pub(crate) income_summary: Raw,
    pub(crate) income_streams: Raw,
    pub(crate) annual_income: Raw,
}

/// A job as Mono writes it, in a read or in a webhook.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct JobBody {
    pub(crate) _id: Id,
    pub(crate) id: Id,
    #[serde(rename = "jobId")]
    pub(crate) job_id: Id,
    pub(crate) status: Text,
    #[serde(rename = "jobStatus")]
    pub(crate) job_status: Text,
    /// Where a PDF is.
    pub(crate) path: Text,
}

/// The inside, as far as it is an object.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Inside {
    pub(crate) _id: Id,
    pub(crate) id: Id,
    pub(crate) account: Raw,
    pub(crate) customer: Raw,
    pub(crate) meta: Raw,
    pub(crate) paging: Raw,
    pub(crate) transactions: Raw,
    pub(crate) mono_url: Text,
    pub(crate) created_at: Text,
    pub(crate) status: Text,
    /// A job of Mono's, in an integrator's tests; Mono's own samples have it as `id`.
    pub(crate) job_id: Text,
}

/// A transaction as Mono writes it. Source: Mono docs, "Transactions", v1 and legacy pages.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TransactionBody {
    pub(crate) _id: Id,
    pub(crate) id: Id,
    pub(crate) narration: Text,
    pub(crate) amount: Raw,
    #[serde(rename = "type")]
    pub(crate) kind: Text,
    pub(crate) balance: Raw,
    pub(crate) date: Text,
    pub(crate) category: Text,
    pub(crate) currency: Text,
}

/// A list of words, of which those that are not words are left out.
#[must_use]
pub fn words(raw: &Raw) -> Option<Vec<String>> {
    let list: Vec<Text> = part(raw)?;
    Some(list.into_iter().filter_map(Text::take).collect())
}
