//! Who holds an account.

use chrono::NaiveDate;
use serde::Deserialize;

use super::{day, inside_object, is_nothing, object};
use crate::{
    clock::Time,
    mono::{
        MonoError,
        model::time,
        wire::{Raw, Text},
    },
};

/// Who holds an account, as its bank tells. All of it is personal.
///
/// Source: Mono docs, "Identity", read Apr 2024, and its legacy page.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Their name.
    pub full_name: Option<String>,
    /// Their bank verification number, all 11 digits (Nigeria).
    pub bvn: Option<String>,
    /// Their address of electronic mail.
    pub email: Option<String>,
    /// Their telephone number.
    pub phone: Option<String>,
    /// The bank's word for their gender.
    pub gender: Option<String>,
    /// When they were born.
    pub born_on: Option<NaiveDate>,
    /// Where they live.
    pub address_line1: Option<String>,
    /// More of it; legacy only.
    pub address_line2: Option<String>,
    /// The state that they come from.
    pub state_of_origin: Option<String>,
    /// The local government area that they come from.
    pub lga_of_origin: Option<String>,
    /// The bank's word for whether they are married.
    pub marital_status: Option<String>,
    /// The account's number at its bank.
    pub account_number: Option<String>,
    /// The bank's name.
    pub institution_name: Option<String>,
    /// When Mono first had it.
    pub created_at: Option<Time>,
    /// When Mono last changed it.
    pub updated_at: Option<Time>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    #[serde(alias = "fullName")]
    full_name: Text,
    bvn: Text,
    email: Text,
    phone: Text,
    gender: Text,
    dob: Text,
    #[serde(alias = "addressLine1")]
    address_line1: Text,
    #[serde(alias = "addressLine2")]
    address_line2: Text,
    #[serde(alias = "stateOfOrigin")]
    state_of_origin: Text,
    #[serde(alias = "lgaOfOrigin")]
    lga_of_origin: Text,
    #[serde(alias = "maritalStatus")]
    marital_status: Text,
    #[serde(alias = "accountNumber")]
    account_number: Text,
    meta: Raw,
    created_at: Text,
    updated_at: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Meta {
    institution_name: Text,
}

impl Identity {
    /// Decodes the body of `GET /v2/accounts/{id}/identity` in any generation's shape. Nothing if
    /// the bank does not tell: not every one does.
    ///
    /// # Errors
    /// [`MonoError::BadResponse`] if it is not an object.
    pub fn decode(body: &[u8]) -> Result<Option<Self>, MonoError> {
        if is_nothing(body) {
            return Ok(None);
        }
        let body: Body = inside_object(body)?;
        let meta: Meta = object(&body.meta).unwrap_or_default();
        let moment = |text: &Text| text.get().and_then(time);
        let identity = Self {
            born_on: day(&body.dob),
            created_at: moment(&body.created_at),
            updated_at: moment(&body.updated_at),
            full_name: body.full_name.take(),
            bvn: body.bvn.take(),
            email: body.email.take(),
            phone: body.phone.take(),
            gender: body.gender.take(),
            address_line1: body.address_line1.take(),
            address_line2: body.address_line2.take(),
            state_of_origin: body.state_of_origin.take(),
            lga_of_origin: body.lga_of_origin.take(),
            marital_status: body.marital_status.take(),
            account_number: body.account_number.take(),
            institution_name: meta.institution_name.take(),
        };
        Ok(Some(identity).filter(|identity| *identity != Self::default()))
    }
}
