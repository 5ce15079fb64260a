//! The person or business that linked an account.

use serde::Deserialize;

use super::inside_object;
use crate::{
    clock::Time,
    mono::{
        MonoError,
        model::time,
        wire::{Id, Text},
    },
};

/// The person or business that linked an account, as your business told Mono.
///
/// Source: Mono docs, "Customers", read Jul 2024. Numbers of identity papers are left out.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Customer {
    /// Mono's id.
    pub id: Option<String>,
    /// Their whole name.
    pub name: Option<String>,
    /// Their first name.
    pub first_name: Option<String>,
    /// Their last name.
    pub last_name: Option<String>,
    /// `individual` or `business`.
    pub kind: Option<String>,
    /// Their address of electronic mail.
    pub email: Option<String>,
    /// Their telephone number.
    pub phone: Option<String>,
    /// Where they live.
    pub address: Option<String>,
    /// When Mono first heard of them.
    pub created_at: Option<Time>,
}

impl std::fmt::Debug for Customer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Customer").field("id", &self.id).finish_non_exhaustive()
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    _id: Id,
    id: Id,
    #[serde(alias = "full_name", alias = "fullName")]
    name: Text,
    #[serde(alias = "firstName")]
    first_name: Text,
    #[serde(alias = "lastName")]
    last_name: Text,
    #[serde(alias = "businessName")]
    business_name: Text,
    #[serde(rename = "type")]
    kind: Text,
    email: Text,
    phone: Text,
    address: Text,
    #[serde(alias = "createdAt")]
    created_at: Text,
}

impl Customer {
    /// Decodes the body of `GET /v2/customers/{id}`.
    ///
    /// # Errors
    /// [`MonoError::BadResponse`] if there is no customer in it.
    pub fn decode(body: &[u8]) -> Result<Self, MonoError> {
        let body: Body = inside_object(body)?;
        let id = body.id.take().or(body._id.take());
        if id.is_none() {
            return Err(MonoError::BadResponse("there is no customer in it"));
        }
        let (first_name, last_name) = (body.first_name.take(), body.last_name.take());
        let parts: Vec<_> = [&first_name, &last_name].into_iter().flatten().cloned().collect();
        let joined = Some(parts.join(" ")).filter(|name| !name.is_empty());
        Ok(Self {
            id,
            name: body.name.take().or(body.business_name.take()).or(joined),
            first_name,
            last_name,
            kind: body.kind.take(),
            created_at: body.created_at.get().and_then(time),
            email: body.email.take(),
            phone: body.phone.take(),
            address: body.address.take(),
        })
    }
}
