//! Whose an account is, and by which link it came.

use super::*;

impl Fold {
    /// A link session of ours led here, or its code was exchanged.
    pub(super) fn linked(&mut self, link: Option<LinkId>, owner: &str) -> Verdict {
        let before = self.state.clone();
        // Whoever needs no token sees everything, and owns nothing.
        if !owner.is_empty() {
            self.state.owners.insert(owner.to_owned());
        }
        if let Some(link) = link
            && self.state.linked.is_none()
        {
            self.state.linked = Some(Linked { link, settled: false });
        }
        let unknown = |status| status == DataStatus::Unknown;
        if self.state.data.status.is_none_or(unknown) {
            self.connected(None);
        }
        if self.state == before { Verdict::Ignored(Ignored::NothingNew) } else { Verdict::Applied }
    }

    /// Mono told of the account by itself.
    pub(super) fn announced(&mut self, customer: Option<&str>, reference: Option<&str>) {
        self.state.announced_at.get_or_insert(self.at);
        self.came_by(customer, reference);
    }

    /// Mono told whose customer's it is, or by which link it came. The first word stays: an account
    /// does not change hands, and what one event told is held against all that follow.
    pub(super) fn came_by(&mut self, customer: Option<&str>, reference: Option<&str>) {
        if self.state.customer.is_none() {
            self.state.customer = customer.map(str::to_owned);
        }
        if self.state.reference.is_none() {
            self.state.reference = reference.map(str::to_owned);
        }
    }

    /// What an update or a look tells of the account itself.
    pub(super) fn recognise(&mut self, matches: Option<bool>, bank_account: Option<&str>) {
        if matches.is_some() {
            self.state.account_match = matches;
        }
        if let Some(digest) = bank_account {
            self.state.bank_account = Some(digest.to_owned());
        }
    }

    /// The link session of an account whose data is there has nothing more to wait for.
    pub(super) fn settle_link(&mut self) {
        let readable = self.state.data.status.is_some_and(DataStatus::is_readable);
        if let Some(linked) = self.state.linked.as_mut().filter(|_| readable) {
            linked.settled = true;
        }
    }
}
