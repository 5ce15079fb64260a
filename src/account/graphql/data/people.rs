//! Who holds an account, and who linked it.

use std::sync::Arc;

use async_graphql::{ID, Object};

use crate::{
    mono::data,
    scalar::{Date, DateTime},
    transaction::Freshness,
};

/// Who holds an account.
pub(in crate::account::graphql) struct Identity {
    /// Never nothing: there is no such object then.
    pub(super) identity: Arc<Option<data::Identity>>,
    pub(super) freshness: Freshness,
}

impl Identity {
    fn text(&self, pick: impl FnOnce(&data::Identity) -> &Option<String>) -> Option<&str> {
        pick(self.identity.as_ref().as_ref()?).as_deref()
    }
}

/// Who holds an account, as the bank tells. Not every bank tells everything.
#[Object]
impl Identity {
    /// Their name.
    async fn full_name(&self) -> Option<&str> {
        self.text(|identity| &identity.full_name)
    }

    /// Their bank verification number, all 11 digits (Nigeria).
    async fn bvn(&self) -> Option<&str> {
        self.text(|identity| &identity.bvn)
    }

    /// Their address of electronic mail.
    async fn email(&self) -> Option<&str> {
        self.text(|identity| &identity.email)
    }

    /// Their telephone number, as the bank writes it.
    async fn phone(&self) -> Option<&str> {
        self.text(|identity| &identity.phone)
    }

    /// The bank's word for their gender.
    async fn gender(&self) -> Option<&str> {
        self.text(|identity| &identity.gender)
    }

    /// When they were born; null if the bank does not tell, or in a way that cannot be read.
    async fn date_of_birth(&self) -> Option<Date> {
        self.identity.as_ref().as_ref()?.born_on.map(Date)
    }

    /// Where they live.
    async fn address_line1(&self) -> Option<&str> {
        self.text(|identity| &identity.address_line1)
    }

    /// More of where they live.
    async fn address_line2(&self) -> Option<&str> {
        self.text(|identity| &identity.address_line2)
    }

    /// The state that they come from (Nigeria).
    async fn state_of_origin(&self) -> Option<&str> {
        self.text(|identity| &identity.state_of_origin)
    }

    /// The local government area that they come from (Nigeria).
    async fn lga_of_origin(&self) -> Option<&str> {
        self.text(|identity| &identity.lga_of_origin)
    }

    /// The bank's word for whether they are married.
    async fn marital_status(&self) -> Option<&str> {
        self.text(|identity| &identity.marital_status)
    }

    /// The account's number at its bank, where it is told here.
    async fn account_number(&self) -> Option<&str> {
        self.text(|identity| &identity.account_number)
    }

    /// The bank's name, where it is told here.
    async fn institution_name(&self) -> Option<&str> {
        self.text(|identity| &identity.institution_name)
    }

    /// When Mono last changed it, by Mono's clock.
    async fn updated_at(&self) -> Option<DateTime> {
        self.identity.as_ref().as_ref()?.updated_at.map(DateTime)
    }

    /// How fresh it is.
    #[graphql(name = "freshness")]
    async fn freshness_(&self) -> Freshness {
        self.freshness
    }
}

/// Who linked an account.
pub(in crate::account::graphql) struct Customer {
    pub(super) customer: Arc<data::Customer>,
    /// Whether the caller may see what is personal.
    pub(super) shown: bool,
}

impl Customer {
    fn personal<'a>(&'a self, text: &'a Option<String>) -> Option<&'a str> {
        text.as_deref().filter(|_| self.shown)
    }
}

/// The person or business that linked an account, as your business told Mono: no bank's data, so it
/// has no freshness. Names and contact data are null without the scope pii:read.
#[Object]
impl Customer {
    /// Mono's id.
    async fn id(&self) -> Option<ID> {
        self.customer.id.clone().map(ID)
    }

    /// Their whole name.
    async fn name(&self) -> Option<&str> {
        self.personal(&self.customer.name)
    }

    /// Their first name.
    async fn first_name(&self) -> Option<&str> {
        self.personal(&self.customer.first_name)
    }

    /// Their last name.
    async fn last_name(&self) -> Option<&str> {
        self.personal(&self.customer.last_name)
    }

    /// What they are, individual or business, where Mono tells.
    #[graphql(name = "type")]
    async fn kind(&self) -> Option<&str> {
        self.customer.kind.as_deref()
    }

    /// Their address of electronic mail.
    async fn email(&self) -> Option<&str> {
        self.personal(&self.customer.email)
    }

    /// Their telephone number.
    async fn phone(&self) -> Option<&str> {
        self.personal(&self.customer.phone)
    }

    /// Where they live.
    async fn address(&self) -> Option<&str> {
        self.personal(&self.customer.address)
    }

    /// When Mono first heard of them, by Mono's clock.
    async fn created_at(&self) -> Option<DateTime> {
        self.customer.created_at.map(DateTime)
    }
}
