//! The accounts that a first link ends in.

use super::{
    World,
    account::{Account, Institution, NewAccount},
    link::{Finish, Link, Outcome},
    seed,
    status::DataStatus,
};
use crate::{clock::now, control::Refusal};

impl World {
    /// Adds the accounts that a link of scope `auth` ends in. Their data is still being fetched.
    ///
    /// # Errors
    /// [`Refusal`] if `finish` asks for no account, or for one that never was.
    pub(crate) fn linked(&mut self, link: &Link, finish: &Finish) -> Result<Vec<String>, Refusal> {
        let count = finish.accounts.unwrap_or(1);
        if count == 0 {
            let message = "`accounts` must be at least 1; to link none, let the outcome be `close`";
            return Err(Refusal::Invalid(message.to_owned()));
        }
        let same = match &finish.same_as {
            Some(id) => Some(self.once_linked(id)?),
            None => None,
        };
        let mut first = None;
        let mut ids = Vec::new();
        for _ in 0..count {
            let mut account = match (&same, &first) {
                (Some(same), None) => self.again(same),
                (_, first) => self.drawn(link, finish, first.as_ref()),
            };
            account.customer.clone_from(&link.customer);
            account.reference = link.reference().map(str::to_owned);
            account.meta = link.meta.clone();
            account.meta.remove("ref");
            account.account_match =
                link.expected_number.as_ref().map(|number| *number == account.account_number);
            account.created_at = now();
            if let Some(method) = &link.auth_method {
                account.auth_method.clone_from(method);
            }
            first.get_or_insert_with(|| account.institution.clone());
            ids.push(account.id.clone());
            self.accounts.push(account);
        }
        Ok(ids)
    }

    /// The account `id`, linked or unlinked since.
    fn once_linked(&self, id: &str) -> Result<Account, Refusal> {
        let known = self.accounts.iter().chain(&self.unlinked).find(|account| account.id == id);
        let never = || Refusal::NotFound(format!("`same_as`: no account ever had the id `{id}`"));
        known.cloned().ok_or_else(never)
    }

    /// `known` under a new id, which is what Mono makes of an account that is linked again.
    fn again(&mut self, known: &Account) -> Account {
        let mut account = known.clone();
        account.id = self.fresh_id();
        account.data_request_id = format!("AL{}", self.mint.capitals(10));
        account.needs_reauth = false;
        account.enter(DataStatus::Processing, Some(Vec::new()));
        for transaction in &mut account.transactions {
            transaction.id = self.mint.id();
        }
        account
    }

    /// A new account, at the bank `at` if the customer has chosen one there already.
    fn drawn(&mut self, link: &Link, finish: &Finish, at: Option<&Institution>) -> Account {
        let other = finish.outcome == Outcome::OtherAccount || at.is_some();
        let new = NewAccount {
            name: link.customer_name.as_ref().map(|name| name.to_uppercase()),
            account_number: link.expected_number.clone().filter(|_| !other),
            data_status: Some(DataStatus::Processing),
            ..NewAccount::default()
        };
        let mut account = seed::account(&mut self.mint, new, now());
        account.id = self.fresh_id();
        if let Some(bank) = at.cloned().or(link.bank.map(Institution::from)) {
            account.institution = bank;
        }
        account
    }
}
