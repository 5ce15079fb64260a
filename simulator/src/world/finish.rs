//! The end of a visit to a hosted link, and everything that follows from it.

use chrono::Utc;

use super::{
    Code, World,
    account::NewAccount,
    link::{Finish, Finished, Link, LinkState, Outcome, Scope},
    seed,
    status::DataStatus,
};
use crate::{
    clock::now,
    control::Refusal,
    webhooks::{
        Kind, Order, Webhook,
        queue::{Effect, Queued},
    },
};

impl World {
    /// Ends a visit to link `code` as `finish` says.
    ///
    /// # Errors
    /// [`Refusal`] if there is no such link, or it is not open any more.
    pub(crate) fn finish(&mut self, code: &str, finish: &Finish) -> Result<Finished, Refusal> {
        let unknown = || Refusal::NotFound(format!("no link has the code `{code}`"));
        let at = self.links.iter().position(|link| link.code == code).ok_or_else(unknown)?;
        match self.links[at].state_at(now()) {
            LinkState::Open => {}
            LinkState::Used => {
                return Err(Refusal::Invalid(format!(
                    "the link `{code}` was used before; initiate another"
                )));
            }
            LinkState::Expired => {
                return Err(Refusal::Invalid(format!(
                    "the link `{code}` has expired; initiate another"
                )));
            }
        }
        let link = self.links[at].clone();
        match finish.outcome {
            Outcome::Approve => self.authorised(at, &link, false, finish.data_status.clone()),
            Outcome::OtherAccount => self.authorised(at, &link, true, finish.data_status.clone()),
            Outcome::Fail => Ok(returned(&link, "failed", "login_failed", None)),
            Outcome::Close => Ok(returned(&link, "failed", "widget_closed", None)),
            Outcome::Expire => {
                self.links[at].state = LinkState::Expired;
                Ok(Finished { redirect_to: None, account: None, code: None })
            }
        }
    }

    fn authorised(
        &mut self,
        at: usize,
        link: &Link,
        other: bool,
        status: Option<DataStatus>,
    ) -> Result<Finished, Refusal> {
        let (account, first) = match (&link.account, link.scope) {
            (Some(asked), Scope::Reauth) => {
                if self.account(asked).is_none() {
                    return Err(Refusal::NotFound(format!("the account `{asked}` was unlinked")));
                }
                (
                    if other { self.neighbour(asked) } else { asked.clone() },
                    Kind::AccountReauthorized,
                )
            }
            (Some(_) | None, Scope::Auth) | (None, Scope::Reauth) => {
                (self.linked(link, other), Kind::AccountConnected)
            }
        };
        self.links[at].state = LinkState::Used;
        for job in self.jobs.iter_mut().filter(|job| job.account == account) {
            job.over = true;
        }
        let between = self.behaviour.until_updated.clone();
        if let Some(authorised) = self.account_mut(&account) {
            authorised.needs_reauth = false;
            if let (Some(between), Scope::Reauth) = (between, link.scope) {
                authorised.data_status = between;
            }
        }
        self.post_pair(first, &account, status, link.scope == Scope::Reauth);
        let code = format!("code_{}", self.mint.token(16));
        self.codes.insert(code.clone(), Code { account: account.clone(), made_at: now() });
        Ok(Finished {
            account: Some(account),
            ..returned(link, "linked", "account_linked", Some(code))
        })
    }

    /// Queues the two webhooks of an approval as the script says.
    fn post_pair(&mut self, first: Kind, id: &str, status: Option<DataStatus>, fresh: bool) {
        let script = self.script.clone();
        let updated = Webhook { variant: script.variant, ..Webhook::new(Kind::AccountUpdated, id) };
        let mut pair = vec![
            Queued::new(Webhook::new(first, id), Effect::None),
            Queued::new(updated, Effect::DataIn { status, fresh }),
        ];
        if script.order == Order::Reversed {
            pair.reverse();
        }
        for mut item in pair {
            item.copies += script.duplicates;
            item.lost = script.drop.contains(&item.webhook.kind);
            item.delay_ms = script.delay_ms;
            self.post(item);
        }
    }

    /// The account after `id`: the one that a customer picks by mistake. Makes one if `id` is
    /// alone.
    fn neighbour(&mut self, id: &str) -> String {
        let at = self.accounts.iter().position(|account| account.id == id).unwrap_or_default();
        if self.accounts.len() == 1 {
            let account = seed::account(&mut self.mint, NewAccount::default(), now());
            self.accounts.push(account);
        }
        self.accounts[(at + 1) % self.accounts.len()].id.clone()
    }

    /// Adds the account that a link of scope `auth` ends in. Its data is still being fetched.
    fn linked(&mut self, link: &Link, other: bool) -> String {
        let new = NewAccount {
            name: link.customer_name.as_ref().map(|name| name.to_uppercase()),
            account_number: link.expected_number.clone().filter(|_| !other),
            data_status: Some(DataStatus::Processing),
            ..NewAccount::default()
        };
        let mut account = seed::account(&mut self.mint, new, now());
        account.customer.clone_from(&link.customer);
        account.reference = link.reference().map(str::to_owned);
        account.account_match = link.expected_number.as_ref().map(|_| !other);
        account.created_at = now();
        let id = account.id.clone();
        self.accounts.push(account);
        id
    }

    /// The account that `code` stands for, within ten minutes.
    pub(crate) fn exchange(&self, code: &str) -> Option<&str> {
        let known = self.codes.get(code)?;
        let age = now().signed_duration_since::<Utc>(known.made_at);
        (age.num_minutes() < 10).then_some(known.account.as_str())
    }
}

/// What the browser is told on its way back.
fn returned(link: &Link, status: &str, reason: &str, code: Option<String>) -> Finished {
    let address = link.redirect_url.as_ref().and_then(|url| reqwest::Url::parse(url).ok());
    let redirect_to = address.map(|mut url| {
        let mut query = url.query_pairs_mut();
        query.append_pair("status", status).append_pair("reason", reason);
        if let Some(reference) = link.reference() {
            query.append_pair("reference", reference);
        }
        if let Some(code) = &code {
            query.append_pair("code", code);
        }
        drop(query);
        url.to_string()
    });
    Finished { redirect_to, account: None, code }
}
