//! What Mono told, as one shape for all of its generations.

use chrono::{DateTime, NaiveDate};

use super::{
    data::LoginMethod,
    error::MonoError,
    wire::{
        AccountBody, Envelope, Id, IdBody, Inside, InstitutionBody, MetaBody, Raw, Said, Text,
        TransactionBody, part, words,
    },
};
use crate::{
    clock::Time,
    money::{BadAmount, currency_code, minor_units},
};

/// An amount that may be missing, and that may be none.
pub type Amount = Option<Result<i64, BadAmount>>;

/// An account's details.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// Mono's id.
    pub id: Option<String>,
    /// The holder's name.
    pub name: Option<String>,
    /// The account's number at its bank.
    pub account_number: Option<String>,
    /// The holder's bank verification number: its last 4 digits, or all 11.
    pub bvn: Option<String>,
    /// The bank's word for the kind of account.
    pub kind: Option<String>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// In minor units.
    pub balance: Amount,
    /// The bank.
    pub institution: Option<Institution>,
    /// How the customer logs in.
    pub auth_method: Option<String>,
    /// Mono's id of the customer.
    pub customer: Option<String>,
    /// Mono's word for how far the data is.
    pub data_status: Option<String>,
    /// Mono's words for what was fetched.
    pub retrieved_data: Option<Vec<String>>,
    /// Whether Mono's Data Sync is on for it.
    pub subscribed_to_data_sync: Option<bool>,
    /// Mono's id of the fetch behind it.
    pub data_request_id: Option<String>,
    /// The reference of the link that it came by.
    pub reference: Option<String>,
}

/// A bank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Institution {
    /// Mono's id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its code, with leading zeros.
    pub bank_code: Option<String>,
    /// `PERSONAL_BANKING` or `BUSINESS_BANKING`.
    pub kind: Option<String>,
    /// What only Mono's list of banks tells.
    pub listing: Option<Box<Listing>>,
}

/// What Mono's list of banks tells of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Where its picture is.
    pub icon: Option<String>,
    /// Mono's name of the connection.
    pub identifier: Option<String>,
    /// Its code for transfers in Nigeria, with leading zeros.
    pub nip_code: Option<String>,
    /// ISO 3166 code, in upper case.
    pub country: Option<String>,
    /// A colour, as CSS writes it.
    pub primary_color: Option<String>,
    /// For which of Mono's products.
    pub scopes: Vec<String>,
    /// How a customer logs in.
    pub login_methods: Vec<LoginMethod>,
}

/// A transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Mono's id.
    pub id: String,
    /// The bank's text.
    pub narration: Option<String>,
    /// In minor units, positive.
    pub amount: Result<i64, BadAmount>,
    /// `debit` or `credit`.
    pub kind: Option<String>,
    /// The account's balance after it, in minor units.
    pub balance: Amount,
    /// When it was, as Mono wrote it and as it was understood.
    pub date: Option<Time>,
    /// Mono's category.
    pub category: Option<String>,
    /// ISO 4217; only older generations tell.
    pub currency: Option<String>,
}

/// A page of transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransactionPage {
    /// Newest first, as a rule.
    pub transactions: Vec<Transaction>,
    /// How many there are in all.
    pub total: Option<i64>,
    /// Which page this is.
    pub page: Option<i64>,
    /// What was said of the page behind it.
    pub next: Next,
    /// The number of the page before it, if there is one.
    pub previous: Option<i64>,
}

/// What Mono says of the next page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Next {
    /// This is its number.
    Page(i64),
    /// There is none.
    End,
    /// Nothing that can be understood.
    #[default]
    Unsaid,
}

/// A hosted link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedLink {
    /// Where the customer goes.
    pub url: String,
    /// Mono's id of the customer.
    pub customer: Option<String>,
    /// When Mono made it, by Mono's clock.
    pub created_at: Option<Time>,
}

pub(super) fn decode<'de, T: serde::Deserialize<'de>>(body: &'de [u8]) -> Result<T, MonoError> {
    serde_json::from_slice(body).map_err(|_| MonoError::BadResponse("it is not the JSON expected"))
}

impl Details {
    /// Decodes the body of `GET /v2/accounts/{id}` in any generation's shape.
    ///
    /// # Errors
    /// [`MonoError::BadResponse`] if there is no account in it.
    pub fn decode(body: &[u8]) -> Result<Self, MonoError> {
        let envelope: Envelope = decode(body)?;
        let inside: Inside = part(&envelope.data).unwrap_or_default();
        // v2: data.account; v1: data is the account; legacy: account, without an envelope.
        let account: Option<AccountBody> = part(&inside.account)
            .or_else(|| part(&envelope.data).filter(|account: &AccountBody| account.id().is_some()))
            .or_else(|| part(&envelope.account));
        let account = account.ok_or(MonoError::BadResponse("there is no account in it"))?;
        // v1 has no meta: what stands in it elsewhere stands beside the account's fields.
        let meta: MetaBody = part(&inside.meta)
            .or_else(|| part(&envelope.meta))
            .or_else(|| part(&envelope.data))
            .unwrap_or_default();
        let customer: Option<IdBody> = part(&inside.customer);
        Ok(Self::from_parts(account, meta, customer))
    }

    pub(crate) fn from_parts(
        account: AccountBody,
        meta: MetaBody,
        customer: Option<IdBody>,
    ) -> Self {
        let institution: Option<InstitutionBody> = part(&account.institution);
        let bank_auth =
            institution.as_ref().and_then(|bank| bank.auth_method.get().map(str::to_owned));
        Self {
            id: account.id().map(str::to_owned),
            name: account.name.take(),
            account_number: account.account_number.take().or(account.account_number_camel.take()),
            bvn: account.bvn.take(),
            kind: account.kind.take(),
            currency: account.currency.get().and_then(currency_code),
            balance: amount(&account.balance),
            auth_method: meta
                .auth_method
                .take()
                .or(account.auth_method.take())
                .or(account.auth_method_camel.take())
                .or(bank_auth),
            institution: institution.map(|bank| Institution {
                id: bank.id.take().or(bank._id.take()),
                name: bank.name.take(),
                bank_code: bank.bank_code.take().or(bank.bank_code_camel.take()),
                kind: bank.kind.take(),
                listing: None,
            }),
            customer: customer.and_then(|customer| customer.id.take().or(customer._id.take())),
            data_status: meta.data_status.take(),
            retrieved_data: words(&meta.retrieved_data),
            subscribed_to_data_sync: part(&meta.subscribed_to_data_sync),
            data_request_id: meta.data_request_id.take(),
            reference: meta.reference.take(),
        }
    }
}

impl TransactionPage {
    /// Decodes the body of `GET /v2/accounts/{id}/transactions` in any generation's shape.
    ///
    /// # Errors
    /// [`MonoError::BadResponse`] if there is no list in it.
    pub fn decode(body: &[u8]) -> Result<Self, MonoError> {
        let envelope: Envelope = decode(body)?;
        let inside: Inside = part(&envelope.data).unwrap_or_default();
        // v2 and legacy: data is the list; v1: data.transactions.
        let list: Option<Vec<TransactionBody>> =
            part(&envelope.data).or_else(|| part(&inside.transactions));
        let list = list.ok_or(MonoError::BadResponse("there are no transactions in it"))?;
        let paging: MetaBody = part(&envelope.meta)
            .or_else(|| part(&envelope.paging))
            .or_else(|| part(&inside.paging))
            .unwrap_or_default();
        let transactions: Option<Vec<_>> = list.into_iter().map(transaction).collect();
        Ok(Self {
            transactions: transactions.ok_or(MonoError::BadResponse("a transaction has no id"))?,
            total: part(&paging.total),
            page: part(&paging.page),
            next: next_page(&paging.next),
            previous: paging.previous.get().and_then(page_number),
        })
    }
}

impl HostedLink {
    /// Decodes the body of `POST /v2/accounts/initiate`.
    ///
    /// # Errors
    /// [`MonoError::BadResponse`] without an http(s) URL in it, [`MonoError::NotReauthorisable`]
    /// if Mono says so in an answer of success.
    pub fn decode(body: &[u8]) -> Result<Self, MonoError> {
        let envelope: Envelope = decode(body)?;
        // With an envelope, or bare.
        let inside: Inside = match part(&envelope.data) {
            Some(inside) => inside,
            None => decode(body)?,
        };
        match inside.mono_url.take() {
            Some(url) if is_web_url(&url) => Ok(Self {
                url,
                customer: part::<Id>(&inside.customer).and_then(Id::take),
                created_at: inside.created_at.get().and_then(time),
            }),
            Some(_) => Err(MonoError::BadResponse("its link is not an http(s) URL")),
            None if is_not_reauthorisable(body) => Err(MonoError::NotReauthorisable),
            None => Err(MonoError::BadResponse("there is no link in it")),
        }
    }
}

/// Whether this body says that the account can not be re-authorised. Source: seen in integrators'
/// code, both in answers of success and in errors.
pub(super) fn is_not_reauthorisable(body: &[u8]) -> bool {
    let message = serde_json::from_slice::<Envelope>(body).ok().and_then(|e| e.message.take());
    let message = message.unwrap_or_default().to_ascii_lowercase().replace("cannot", "can not");
    message.contains("can not be re-authoris")
        || message.contains("can not be reauthoris")
        || message.contains("can not be re-authoriz")
        || message.contains("can not be reauthoriz")
}

pub(super) fn is_web_url(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    let is_web = |url: url::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    plain && url::Url::parse(text).is_ok_and(is_web)
}

pub(super) fn transaction(body: TransactionBody) -> Option<Transaction> {
    Some(Transaction {
        id: body.id.take().or(body._id.take())?,
        narration: body.narration.0,
        amount: amount(&body.amount).unwrap_or(Err(BadAmount)),
        kind: body.kind.take(),
        balance: amount(&body.balance),
        date: body.date.get().and_then(time),
        category: body.category.take(),
        currency: body.currency.get().and_then(currency_code),
    })
}

pub(super) fn amount(raw: &Raw) -> Amount {
    match raw.as_deref()?.get() {
        "null" => None,
        text => Some(minor_units(text)),
    }
}

fn next_page(said: &Said) -> Next {
    let Some(raw) = said.0.as_deref() else { return Next::Unsaid };
    let text: Text = serde_json::from_str(raw.get()).unwrap_or_default();
    let number = text.get().and_then(|text| page_number(text).or_else(|| text.parse().ok()));
    match number {
        Some(number) => Next::Page(number),
        None if raw.get() == "null" => Next::End,
        None => Next::Unsaid,
    }
}

/// The number of the page that a link of Mono's leads to. The link itself is never followed: its
/// path is wrong in Mono's own samples, and it lacks our filters.
fn page_number(link: &str) -> Option<i64> {
    let (_, query) = link.split_once('?')?;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "page")?.1.parse().ok()
}

/// A time as Mono writes it: ISO 8601, with or without a time of day.
#[must_use]
pub fn time(text: &str) -> Option<Time> {
    let text = text.trim();
    let full = DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
    let naive = || {
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
            .iter()
            .find_map(|format| chrono::NaiveDateTime::parse_from_str(text, format).ok())
            .map(|at| at.and_utc())
    };
    let day = || {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
            .map(|at| at.and_utc())
    };
    let at = full.or_else(naive).or_else(day)?;
    crate::clock::from_ms(at.timestamp_millis())
}
