//! The banks that can be linked.

use serde::Deserialize;

use super::{inside, list, object};
use crate::mono::{
    Institution, MonoError,
    model::Listing,
    wire::{Id, Raw, Text, words},
};

/// Which banks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct InstitutionQuery {
    /// Mono's product, for example `financial_data`.
    pub scope: Option<String>,
    /// The bank's code.
    pub bank_code: Option<String>,
    /// How the customer logs in, for example `internet_banking`.
    pub auth_method: Option<String>,
}

impl InstitutionQuery {
    pub(super) fn encode(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let parts = [
            ("scope", &self.scope),
            ("bank_code", &self.bank_code),
            ("auth_method", &self.auth_method),
        ];
        for (name, value) in parts {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }
}

/// A way to log in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginMethod {
    /// `internet_banking`, `mobile_banking` and others.
    pub kind: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// What stands above its form.
    pub title: Option<String>,
    /// What is asked for.
    pub fields: Vec<LoginField>,
}

/// Something that is asked for at a login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginField {
    /// What kind of element it is, for example `elements.input`.
    pub kind: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// What tells the customer what to put there.
    pub hint: Option<String>,
    /// What it holds, for example `password`.
    pub content_type: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    _id: Id,
    id: Id,
    name: Text,
    #[serde(rename = "type")]
    kind: Text,
    icon: Text,
    identifier: Text,
    #[serde(alias = "nipCode")]
    nip_code: Text,
    #[serde(alias = "bankCode")]
    bank_code: Text,
    country: Text,
    #[serde(alias = "primaryColor")]
    primary_color: Text,
    scope: Raw,
    #[serde(alias = "authMethods")]
    auth_methods: Raw,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MethodBody {
    #[serde(rename = "type")]
    kind: Text,
    name: Text,
    ui: Raw,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Ui {
    title: Text,
    form: Raw,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FieldBody {
    #[serde(rename = "type")]
    kind: Text,
    name: Text,
    hint: Text,
    #[serde(rename = "contentType", alias = "content_type")]
    content_type: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wrapped {
    institutions: Raw,
}

/// Decodes the body of `GET /v3/institutions`; the bare list of the legacy page (`/coverage`) is
/// read as well. A bank without a name is left out.
///
/// Source: Mono docs, "List institutions", legacy and v3.
///
/// # Errors
/// [`MonoError::BadResponse`] if there is no list in it.
pub(super) fn decode_list(body: &[u8]) -> Result<Vec<Institution>, MonoError> {
    let whole: Raw = inside(body)?;
    let wrapped: Wrapped = object(&whole).unwrap_or_default();
    let banks: Option<Vec<Body>> = list(&whole).or_else(|| list(&wrapped.institutions));
    let banks = banks.ok_or(MonoError::BadResponse("there are no institutions in it"))?;
    Ok(banks.into_iter().map(institution).filter(|bank| bank.name.is_some()).collect())
}

fn institution(body: Body) -> Institution {
    let methods: Vec<MethodBody> = list(&body.auth_methods).unwrap_or_default();
    let listing = Listing {
        scopes: words(&body.scope).unwrap_or_default(),
        login_methods: methods.into_iter().map(method).collect(),
        icon: body.icon.take(),
        identifier: body.identifier.take(),
        nip_code: body.nip_code.take(),
        country: body.country.take().map(|country| country.to_ascii_uppercase()),
        primary_color: body.primary_color.take(),
    };
    Institution {
        id: body.id.take().or(body._id.take()),
        name: body.name.take(),
        bank_code: body.bank_code.take(),
        kind: body.kind.take(),
        listing: Some(Box::new(listing)),
    }
}

fn method(body: MethodBody) -> LoginMethod {
    let ui: Ui = object(&body.ui).unwrap_or_default();
    let field = |field: FieldBody| LoginField {
        kind: field.kind.take(),
        name: field.name.take(),
        hint: field.hint.take(),
        content_type: field.content_type.take(),
    };
    LoginMethod {
        fields: list(&ui.form).unwrap_or_default().into_iter().map(field).collect(),
        kind: body.kind.take(),
        name: body.name.take(),
        title: ui.title.take(),
    }
}
