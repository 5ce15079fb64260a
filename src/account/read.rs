//! What costs one call of Mono's each, beside details and transactions.

use std::hash::Hash;

use crate::{
    ids::AccountId,
    mono::{Client, Institution, MonoError, data},
};

/// One call of Mono's, and what it is asked with: equal ones are asked once in a request.
pub trait Read: Clone + Eq + Hash + Send + Sync + 'static {
    /// What Mono answers.
    type Answer: Send + Sync + 'static;

    /// Asks Mono.
    fn read(&self, mono: &Client) -> impl Future<Output = Result<Self::Answer, MonoError>> + Send;
}

/// Declares a read of an account that needs only its id.
macro_rules! read_of_account {
    ($(#[$doc:meta])* $name:ident, $method:ident, $answer:ty) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(pub AccountId);

        impl Read for $name {
            type Answer = $answer;

            async fn read(&self, mono: &Client) -> Result<$answer, MonoError> {
                mono.$method(&self.0).await
            }
        }
    };
}

read_of_account!(
    /// Who holds it.
    Identity,
    identity,
    Option<data::Identity>
);
read_of_account!(
    /// What Mono concluded of its income, newest first.
    IncomeRecords,
    income_records,
    Vec<data::Income>
);
read_of_account!(
    /// Money that came in.
    Credits,
    credits,
    data::Flow
);
read_of_account!(
    /// Money that went out.
    Debits,
    debits,
    data::Flow
);
read_of_account!(
    /// What an investment account holds.
    Assets,
    assets,
    data::Assets
);
read_of_account!(
    /// What an investment account earned.
    Earnings,
    earnings,
    Vec<data::Earning>
);

/// The transactions of the last months.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Statement {
    /// Whose.
    pub account: AccountId,
    /// How many months, from 1 to 12.
    pub months: u8,
}

impl Read for Statement {
    type Answer = data::Statement;

    async fn read(&self, mono: &Client) -> Result<data::Statement, MonoError> {
        mono.statement(&self.account, self.months).await
    }
}

/// A customer, by Mono's id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Customer(pub String);

impl Read for Customer {
    type Answer = data::Customer;

    async fn read(&self, mono: &Client) -> Result<data::Customer, MonoError> {
        mono.customer(&self.0).await
    }
}

/// The banks that can be linked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Institutions(pub data::InstitutionQuery);

impl Read for Institutions {
    type Answer = Vec<Institution>;

    async fn read(&self, mono: &Client) -> Result<Vec<Institution>, MonoError> {
        mono.institutions(&self.0).await
    }
}
