//! Banks as a client sees them.

use async_graphql::{ID, Object, SimpleObject};

use crate::mono::{self, data};

/// A bank.
pub(super) struct Institution(pub(super) mono::Institution);

/// A bank: one that keeps an account, or one that accounts can be linked at.
#[Object]
impl Institution {
    /// Mono's id of the bank, where it tells it.
    async fn id(&self) -> Option<ID> {
        self.0.id.clone().map(ID)
    }

    /// Its name.
    async fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Its code, with leading zeros: 3 digits of the Central Bank's, or 6 of NIBSS's.
    async fn bank_code(&self) -> Option<&str> {
        self.0.bank_code.as_deref()
    }

    /// PERSONAL_BANKING or BUSINESS_BANKING. An open list.
    #[graphql(name = "type")]
    async fn kind(&self) -> Option<&str> {
        self.0.kind.as_deref()
    }

    /// Its code for transfers in Nigeria (NIP), with leading zeros. Only institutions tells it.
    async fn nip_code(&self) -> Option<&str> {
        self.0.listing.as_ref()?.nip_code.as_deref()
    }

    /// The URL of its picture. Only institutions tells it.
    async fn icon(&self) -> Option<&str> {
        self.0.listing.as_ref()?.icon.as_deref()
    }

    /// Mono's name of the connection to it. Only institutions tells it.
    async fn identifier(&self) -> Option<&str> {
        self.0.listing.as_ref()?.identifier.as_deref()
    }

    /// Its country, as an ISO 3166 code, for example NG. Only institutions tells it.
    async fn country(&self) -> Option<&str> {
        self.0.listing.as_ref()?.country.as_deref()
    }

    /// Its colour, as CSS writes it. Only institutions tells it.
    async fn primary_color(&self) -> Option<&str> {
        self.0.listing.as_ref()?.primary_color.as_deref()
    }

    /// The products of Mono's that it is there for, for example financial_data. Only institutions
    /// tells them.
    async fn scopes(&self) -> Option<&[String]> {
        Some(&self.0.listing.as_ref()?.scopes)
    }

    /// How its customers log in. Only institutions tells it.
    async fn auth_methods(&self) -> Option<Vec<AuthMethod>> {
        let methods = &self.0.listing.as_ref()?.login_methods;
        Some(methods.iter().cloned().map(AuthMethod::from).collect())
    }
}

/// A way in which a bank's customers log in.
#[derive(SimpleObject)]
pub(super) struct AuthMethod {
    /// How: internet_banking, mobile_banking or another; what institution.authMethod of a link takes.
    #[graphql(name = "type")]
    kind: Option<String>,
    /// Its name.
    name: Option<String>,
    /// What stands above its form.
    title: Option<String>,
    /// What the bank asks for.
    fields: Vec<AuthField>,
}

/// Something that a bank asks for at a login.
#[derive(SimpleObject)]
pub(super) struct AuthField {
    /// What kind of element of a form it is, for example elements.input.
    #[graphql(name = "type")]
    kind: Option<String>,
    /// Its name.
    name: Option<String>,
    /// What tells the customer what to put there.
    hint: Option<String>,
    /// What it holds, for example password.
    content_type: Option<String>,
}

impl From<data::LoginMethod> for AuthMethod {
    fn from(method: data::LoginMethod) -> Self {
        let field = |field: data::LoginField| AuthField {
            kind: field.kind,
            name: field.name,
            hint: field.hint,
            content_type: field.content_type,
        };
        Self {
            kind: method.kind,
            name: method.name,
            title: method.title,
            fields: method.fields.into_iter().map(field).collect(),
        }
    }
}
