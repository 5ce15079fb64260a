//! Linking: a hosted link for a new account, the code that the customer brings back, and the end.

use serde_json::{Value, json};

use super::{
    Client, HostedLink, MonoError, segment,
    wire::{Envelope, Id, IdBody, part},
};
use crate::ids::AccountId;

/// Who links. Passed through to Mono and kept nowhere.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Customer {
    /// Mono's id of a customer that it knows.
    pub id: Option<String>,
    /// The customer's name.
    pub name: Option<String>,
    /// The customer's e-mail address.
    pub email: Option<String>,
    /// The customer's telephone number.
    pub phone: Option<String>,
    /// The customer's bank verification number, 11 digits.
    pub bvn: Option<String>,
}

impl std::fmt::Debug for Customer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Customer")
    }
}

/// The bank that the link opens.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Bank {
    /// Mono's id of the bank.
    pub id: String,
    /// `internet_banking` or `mobile_banking`.
    pub auth_method: Option<String>,
    /// The number of the account that is expected.
    pub account_number: Option<String>,
}

impl std::fmt::Debug for Bank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bank").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A link to ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewLink {
    /// Who links.
    pub customer: Customer,
    /// Comes back with the webhooks.
    pub reference: String,
    /// Where the customer returns to.
    pub redirect_url: Option<String>,
    /// Which bank, if the customer is not to choose.
    pub bank: Option<Bank>,
    /// Whether Mono is to compare the account with the expected number.
    pub check_account_match: bool,
}

impl Client {
    /// `POST /v2/accounts/initiate`, scope `auth`: a link by which a customer links an account.
    ///
    /// Source: Mono docs, "Connect Link Integration Guide", read Feb 2026. Optional parts that are
    /// not given are left out.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn initiate_link(&self, link: &NewLink) -> Result<HostedLink, MonoError> {
        HostedLink::decode(
            &self.write(None, "/v2/accounts/initiate", Some(link.body().to_string())).await?,
        )
    }

    /// `POST /v2/accounts/auth`: the account that a widget's or a link's code stands for.
    ///
    /// Source: Mono docs, "Exchange Token", read 2024 and 2025: bare and in an envelope.
    ///
    /// # Errors
    /// [`MonoError::Rejected`] for a code that Mono does not take.
    pub async fn exchange(&self, code: &str) -> Result<AccountId, MonoError> {
        let body = json!({ "code": code }).to_string();
        exchanged(&self.write(None, "/v2/accounts/auth", Some(body)).await?)
    }

    /// `POST /v2/accounts/{id}/unlink`: Mono forgets the account and its authorisation.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn unlink(&self, id: &AccountId) -> Result<(), MonoError> {
        let path = format!("/v2/accounts/{}/unlink", segment(id.as_str())?);
        self.write(Some(id), &path, None).await.map(|_| ())
    }
}

impl NewLink {
    fn body(&self) -> Value {
        let mut body = json!({
            "customer": self.customer.body(),
            "scope": "auth",
            "meta": { "ref": self.reference },
        });
        if let Some(url) = &self.redirect_url {
            body["redirect_url"] = json!(url);
        }
        if let Some(bank) = &self.bank {
            body["institution"] = given([
                ("id", Some(&bank.id)),
                ("auth_method", bank.auth_method.as_ref()),
                ("account_number", bank.account_number.as_ref()),
            ]);
        }
        if self.check_account_match {
            body["check_account_match"] = json!(true);
        }
        body
    }
}

impl Customer {
    fn body(&self) -> Value {
        let mut body = given([
            ("id", self.id.as_ref()),
            ("name", self.name.as_ref()),
            ("email", self.email.as_ref()),
            ("phone", self.phone.as_ref()),
        ]);
        if let Some(number) = &self.bvn {
            body["identity"] = json!({ "type": "bvn", "number": number });
        }
        body
    }
}

/// An object of what is given.
fn given<const N: usize>(parts: [(&str, Option<&String>); N]) -> Value {
    parts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))).collect()
}

/// The account in an answer to a code: in `data.id`, or bare in `id`.
pub(super) fn exchanged(body: &[u8]) -> Result<AccountId, MonoError> {
    let unread = || MonoError::BadResponse("there is no account id in it");
    let bare: Id = serde_json::from_slice::<IdBody>(body)
        .map(|body| if body.id.get().is_some() { body.id } else { body._id })
        .map_err(|_| unread())?;
    let envelope: Envelope = serde_json::from_slice(body).map_err(|_| unread())?;
    let inside: Option<IdBody> = part(&envelope.data);
    let id = inside.and_then(|inside| inside.id.take().or(inside._id.take())).or(bare.take());
    AccountId::parse(&id.ok_or_else(unread)?).map_err(|_| unread())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_s_account_is_read_in_every_shape() {
        for body in [
            r#"{"id":"a1"}"#,
            r#"{"_id":"a1"}"#,
            r#"{"status":"successful","message":"ok","timestamp":"x","data":{"id":"a1"}}"#,
            r#"{"status":"successful","data":{"_id":"a1"}}"#,
        ] {
            assert_eq!(
                exchanged(body.as_bytes()).map(|id| id.to_string()),
                Ok("a1".into()),
                "{body}"
            );
        }
        for body in ["", "{}", "[]", r#"{"data":null}"#, r#"{"id":7}"#, r#"{"data":{"id":""}}"#] {
            assert!(exchanged(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn what_is_not_given_is_left_out() {
        let link = NewLink {
            customer: Customer { id: Some("c1".into()), ..Customer::default() },
            reference: "r".into(),
            ..NewLink::default()
        };
        let wanted = json!({ "customer": { "id": "c1" }, "scope": "auth", "meta": { "ref": "r" } });
        assert_eq!(link.body(), wanted);
    }

    #[test]
    fn a_customer_is_not_printed() {
        let name = Some("Ada".to_owned());
        let link =
            NewLink { customer: Customer { name, ..Customer::default() }, ..NewLink::default() };
        assert!(!format!("{link:?}").contains("Ada"));
    }
}
