//! What Mono tells us: a delivery, in our words.
//!
//! Decoding cannot fail. What is not understood is kept and acknowledged, since Mono would send it
//! again for ever; what is understood becomes a fact.

pub mod events;
pub mod graphql;
pub mod http;
pub mod redact;
pub mod replay;
pub mod service;

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use crate::{
    clock::Time,
    ids::AccountId,
    lifecycle::{
        RetrievedData,
        deadlines::balance_digest,
        fact::{JobWord, Reported, SyncStatus, Update, What},
        job::{JobKind, JobNews, Personal},
        recogniser::Recogniser,
        store::Outcome,
    },
    mono::{
        model::time,
        wire::{
            AccountBody, Envelope, Id, IdBody, Inside, InstitutionBody, JobBody, MetaBody,
            ProductBody, Raw, part, tolerant, words,
        },
    },
};

/// How long a name of Mono's may be to be kept.
const LONGEST_NAME: usize = 128;

/// A delivery, as far as it was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// Mono's name of the event.
    pub event: Option<String>,
    /// Mono's id of the delivery.
    pub mono_event_id: Option<String>,
    /// Which account it is about.
    pub account: Option<AccountId>,
    /// What it tells.
    pub what: Option<What>,
    /// What becomes of it if it tells nothing.
    pub otherwise: Outcome,
}

/// The events that the gateway has a use for.
///
/// Source: Mono docs, the pages of webhook events; spellings of integrators beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Connected,
    Updated,
    Required,
    Reauthorized,
    SyncFailed,
    Unlinked,
    Job,
    Product(JobKind),
}

impl Event {
    /// Reads Mono's name in all its spellings: with a stray space, s or z, with or without a prefix.
    fn parse(name: &str) -> Option<Self> {
        let name: String = name.to_ascii_lowercase().split_whitespace().collect();
        let last = name.rsplit('.').next().unwrap_or_default().replace("reauthoriz", "reauthoris");
        // Until Oct 2025 the sandbox's events of some products were called so.
        match last.strip_prefix("sandbox_").unwrap_or(&last) {
            "account_connected" => Some(Self::Connected),
            "account_updated" => Some(Self::Updated),
            "reauthorisation_required" => Some(Self::Required),
            "account_reauthorised" => Some(Self::Reauthorized),
            "sync_failed" => Some(Self::SyncFailed),
            "account_unlinked" | "unlinked" | "unlink" => Some(Self::Unlinked),
            "update" if name.ends_with("jobs.update") => Some(Self::Job),
            "account_income" => Some(Self::Product(JobKind::Income)),
            "account_credit_worthiness" | "account_creditworthiness" => {
                Some(Self::Product(JobKind::Creditworthiness))
            }
            "transaction_categorisation" | "transaction_categorization" => {
                Some(Self::Product(JobKind::Categorisation))
            }
            _ => None,
        }
    }
}

/// Understands a delivery as far as it can be. `banks` knows a bank's account again.
#[must_use]
pub fn decode(body: &[u8], banks: &Recogniser) -> Decoded {
    let nothing = |otherwise| Decoded {
        event: None,
        mono_event_id: None,
        account: None,
        what: None,
        otherwise,
    };
    let text = readable(body);
    let Some(envelope) = tolerant::<Envelope>(&text) else {
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        return nothing(if is_json { Outcome::Unknown } else { Outcome::Undecodable });
    };
    // One sample has the whole event inside `data`.
    let nested = part(&envelope.data).filter(|inner: &Envelope| inner.event.get().is_some());
    let envelope =
        if envelope.event.get().is_none() { nested.unwrap_or(envelope) } else { envelope };
    let inside: Inside = part(&envelope.data).unwrap_or_default();
    let account: Option<AccountBody> = part(&inside.account);
    let meta: MetaBody = part(&inside.meta).unwrap_or_default();
    let name = envelope.event.get().map(plain);
    // The reauth guide's sample has no event: an account beside its status is an update.
    let event = match &name {
        Some(name) => Event::parse(name),
        None if account.is_some() && meta.data_status.get().is_some() => Some(Event::Updated),
        None => None,
    };
    let id = account_id(event, &inside, account.as_ref());
    let stamp = envelope
        .timestamp
        .get()
        .and_then(time)
        .or_else(|| account.as_ref().and_then(|account| time(account.updated_at.get()?)));
    let what = event.and_then(|event| match event {
        Event::Connected => Some(What::Connected {
            reported: meta.data_status.get().map(Reported::from_mono),
            reference: meta.reference.get().map(plain),
            customer: customer(&inside.customer),
        }),
        Event::Updated => Some(What::Updated(Update {
            stamp,
            digest: digest(body),
            reported: meta.data_status.get().map(Reported::from_mono),
            sync: meta.sync_status.get().and_then(sync_status),
            retrieved: words(&meta.retrieved_data).map(|words| {
                words.iter().filter_map(|word| RetrievedData::from_mono(word)).collect()
            }),
            balance: id
                .as_ref()
                .and_then(|id| balance_digest(id, account.as_ref().and_then(AccountBody::balance))),
            request_id: meta.data_request_id.get().map(plain),
            reference: meta.reference.get().map(plain),
            account_match: account.as_ref().and_then(|account| part(&account.account_match)),
            account_created: account.as_ref().and_then(|account| time(account.created_at.get()?)),
            bank_account: account.as_ref().and_then(|account| {
                let bank: Option<InstitutionBody> = part(&account.institution);
                banks.digest(bank.as_ref().and_then(InstitutionBody::bank_code), account.number())
            }),
            job: meta.job_id.get().map(plain),
        })),
        Event::Required => Some(What::Required { stamp, digest: digest(body) }),
        Event::Reauthorized => Some(What::Reauthorized { stamp }),
        Event::SyncFailed => Some(What::SyncFailed { stamp, digest: digest(body) }),
        Event::Unlinked => Some(What::Unlinked),
        Event::Job => {
            let status = inside.status.get().and_then(JobWord::from_mono);
            let job = inside.job_id.get().or_else(|| inside.id.get()).map(plain);
            status.map(|status| What::JobUpdated { stamp, status, job })
        }
        Event::Product(product) => {
            Some(What::Job(product_told(product, &envelope.data, stamp, digest(body))))
        }
    });
    Decoded {
        event: name,
        mono_event_id: envelope.event_id.get().map(plain),
        otherwise: match (&event, &id) {
            (Some(_), None) => Outcome::NoAccount,
            (Some(_), Some(_)) | (None, _) => Outcome::Unknown,
        },
        what: what.filter(|_| id.is_some()),
        account: id,
    }
}

/// Mono's id of a customer: a text, or an object that holds it.
fn customer(raw: &Raw) -> Option<String> {
    let bare: Option<Id> = part(raw);
    let object: Option<IdBody> = part(raw);
    let inside = object.as_ref().and_then(|object| object.id.get().or_else(|| object._id.get()));
    bare.as_ref().and_then(Id::get).or(inside).map(plain)
}

/// What a product's webhook tells of its job: its end, and what it brought.
fn product_told(product: JobKind, data: &Raw, stamp: Option<Time>, digest: String) -> JobNews {
    let body: ProductBody = part(data).unwrap_or_default();
    let job: JobBody = part(data).unwrap_or_default();
    let word = job.job_status.get().or(job.status.get()).unwrap_or_default().to_ascii_uppercase();
    // An assessment that could not be made comes as a sentence alone.
    let is_empty = [&body.summary, &body.income_summary, &body.income_streams, &body.annual_income]
        .iter()
        .all(|part| part.is_none());
    let failed = word.contains("FAIL")
        || word.contains("ERROR")
        || (body.message.get().is_some() && is_empty);
    let brings = !failed && product != JobKind::Categorisation;
    let result = data.as_deref().filter(|_| brings).map(|data| data.get().to_owned());
    JobNews::Told {
        product,
        mono_job: job.job_id.get().map(plain),
        failed,
        stamp,
        digest,
        result: Personal(result),
    }
}

/// Whose delivery it is. In a job's update `data.id` is the job.
fn account_id(
    event: Option<Event>,
    inside: &Inside,
    account: Option<&AccountBody>,
) -> Option<AccountId> {
    let named: Option<Id> = part(&inside.account);
    let known: Option<IdBody> = part(&inside.account);
    let own = [inside.id.get(), inside._id.get()];
    let candidates = [
        account.and_then(AccountBody::id),
        known.as_ref().and_then(|id| id._id.get().or_else(|| id.id.get())),
        named.as_ref().and_then(Id::get),
    ];
    let fallback = own.into_iter().filter(|_| event != Some(Event::Job));
    candidates.into_iter().chain(fallback).flatten().find_map(|text| AccountId::parse(text).ok())
}

fn sync_status(word: &str) -> Option<SyncStatus> {
    match word.trim().to_ascii_uppercase().as_str() {
        "SUCCESSFUL" => Some(SyncStatus::Successful),
        "FAILED" => Some(SyncStatus::Failed),
        "REAUTHORISATION_REQUIRED" | "REAUTHORIZATION_REQUIRED" => {
            Some(SyncStatus::ReauthorisationRequired)
        }
        _ => None,
    }
}

/// A name without what no column and no log line should carry.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect()
}

/// A body as text: without the mark that some systems begin it with, and with a sign in the place
/// of bytes that are no UTF-8. What is damaged in one place may be good in all others.
#[must_use]
pub fn readable(body: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body))
}

/// What a body is known by.
#[must_use]
pub fn digest(body: &[u8]) -> String {
    Sha256::digest(body)[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
