//! The people behind the accounts.

use serde::Serialize;

use super::{World, account::Account, mint::Mint};

/// What personal details are drawn from, apart from everything else of an account.
pub(crate) const DETAILS: u64 = 1;

/// A customer of the business, as Mono keeps one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Customer {
    /// 24 hexadecimal digits.
    pub id: String,
    /// The whole name.
    pub name: String,
    /// Invented, at `example.test`.
    pub email: String,
    /// With the country's code.
    pub phone: Option<String>,
    /// On one line.
    pub address: Option<String>,
    /// All eleven digits, if the customer was made with them.
    pub bvn: Option<String>,
}

impl Customer {
    /// The customer that a seeded or added account belongs to.
    pub(crate) fn of(account: &Account) -> Self {
        let mut mint = Mint::of(&account.customer, DETAILS);
        Self {
            id: account.customer.clone(),
            name: account.name.clone(),
            email: email(&account.name),
            phone: Some(format!("+234800{}", mint.digits(7))),
            address: Some(format!("{} Sample Street, Lagos", mint.between(1, 99))),
            bvn: account.bvn.clone(),
        }
    }
}

/// An address made of `name`.
pub(crate) fn email(name: &str) -> String {
    format!("{}@example.test", name.to_lowercase().split_whitespace().collect::<Vec<_>>().join("."))
}

impl World {
    pub(crate) fn customer(&self, id: &str) -> Option<&Customer> {
        self.customers.iter().find(|customer| customer.id == id)
    }

    /// The id of the customer with this address, made if there is none.
    pub(crate) fn customer_by_email(
        &mut self,
        name: String,
        email: String,
        phone: Option<String>,
        bvn: Option<String>,
    ) -> String {
        let same = |known: &&Customer| known.email.eq_ignore_ascii_case(&email);
        if let Some(known) = self.customers.iter().find(same) {
            return known.id.clone();
        }
        let id = self.mint.id();
        let customer = Customer { id: id.clone(), name, email, phone, address: None, bvn };
        self.customers.push(customer);
        id
    }

    /// Adds the customer of `account` unless known.
    pub(crate) fn know_customer_of(&mut self, account: &Account) {
        if self.customer(&account.customer).is_none() {
            self.customers.push(Customer::of(account));
        }
    }
}
