//! The end of a visit to a hosted link, and everything that follows from it.

use super::{
    Code, World,
    link::{Finish, Finished, Link, LinkState, Outcome, Scope},
    seed,
    status::DataStatus,
};
use crate::{
    NewAccount,
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
    /// [`Refusal`] if there is no such link, it is not open any more, or `finish` does not fit it.
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
            Outcome::Approve | Outcome::OtherAccount => self.authorised(at, &link, finish),
            Outcome::Fail => Ok(returned(&link, "failed", "login_failed", None)),
            Outcome::Close => Ok(returned(&link, "failed", "widget_closed", None)),
            Outcome::Expire => {
                self.links[at].state = LinkState::Expired;
                Ok(Finished { redirect_to: None, account: None, accounts: Vec::new(), code: None })
            }
        }
    }

    fn authorised(&mut self, at: usize, link: &Link, finish: &Finish) -> Result<Finished, Refusal> {
        let other = finish.outcome == Outcome::OtherAccount;
        let (accounts, first) = match (&link.account, link.scope) {
            (Some(asked), Scope::Reauth) => {
                if finish.same_as.is_some() || finish.accounts.is_some() {
                    let message = "`same_as` and `accounts` are for first links; leave them out";
                    return Err(Refusal::Invalid(message.to_owned()));
                }
                if self.account(asked).is_none() {
                    return Err(Refusal::NotFound(format!("the account `{asked}` was unlinked")));
                }
                let account = if other { self.neighbour(asked) } else { asked.clone() };
                (vec![account], Kind::AccountReauthorized)
            }
            (Some(_) | None, Scope::Auth) | (None, Scope::Reauth) => {
                (self.linked(link, finish)?, Kind::AccountConnected)
            }
        };
        self.links[at].state = LinkState::Used;
        self.links[at].authorised.clone_from(&accounts);
        let again = link.scope == Scope::Reauth;
        for account in &accounts {
            self.consented(account, again);
            self.post_pair(first, account, finish.data_status.clone(), again);
        }
        let account = accounts.first().cloned().unwrap_or_default();
        let code = format!("code_{}", self.mint.token(16));
        let stands_for = Code { account: account.clone(), made_at: now(), used: false };
        self.codes.insert(code.clone(), stands_for);
        let told = Some(code.clone()).filter(|_| !self.behaviour.redirect_without_code);
        Ok(Finished {
            account: Some(account),
            accounts,
            code: Some(code),
            ..returned(link, "linked", "account_linked", told)
        })
    }

    /// The bank lets Mono in: at account `id`, whose jobs of before count no longer.
    fn consented(&mut self, id: &str, again: bool) {
        for job in self.jobs.iter_mut().filter(|job| job.account == id) {
            job.over = true;
        }
        let between = self.behaviour.until_updated.clone();
        if let Some(authorised) = self.account_mut(id) {
            authorised.needs_reauth = false;
            if let (Some(between), true) = (between, again) {
                authorised.data_status = between;
            }
        }
    }

    /// Queues the two webhooks of an approval as the script says.
    fn post_pair(&mut self, first: Kind, id: &str, status: Option<DataStatus>, fresh: bool) {
        let script = self.script.clone();
        let first = Webhook { variant: script.first_variant, ..Webhook::new(first, id) };
        let updated = Webhook { variant: script.variant, ..Webhook::new(Kind::AccountUpdated, id) };
        let mut pair = vec![
            Queued::new(first, Effect::None),
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
            let mut account = seed::account(&mut self.mint, NewAccount::default(), now());
            account.id = self.fresh_id();
            self.know_customer_of(&account);
            self.accounts.push(account);
        }
        self.accounts[(at + 1) % self.accounts.len()].id.clone()
    }

    /// The account that `code` stands for, for as long as codes last.
    pub(crate) fn exchange(&mut self, code: &str) -> Option<String> {
        let lifetime = i64::try_from(self.behaviour.code_lifetime_ms).unwrap_or(i64::MAX);
        let once = self.behaviour.codes_work_once;
        let known = self.codes.get_mut(code)?;
        let age = now().signed_duration_since(known.made_at);
        let good = age.num_milliseconds() < lifetime && !(once && known.used);
        known.used = true;
        good.then(|| known.account.clone())
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
    Finished { redirect_to, account: None, accounts: Vec::new(), code }
}
