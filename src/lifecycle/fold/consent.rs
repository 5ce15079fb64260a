//! Whether the customer is wanted, and how refreshes went.

use super::*;

impl Fold {
    /// Mono wants the customer. `stamp` is when it said so.
    pub(super) fn raise(&mut self, stamp: Option<Time>, reason: ReauthReason) {
        let marks = &mut self.state.marks;
        if let Some(stamp) = stamp {
            if marks.asked.contains(&stamp) {
                // A copy, whatever has come since: it was weighed when it came first.
                return;
            }
            let is_known = marks.asked.last().is_some_and(|newest| stamp <= *newest);
            remember(&mut marks.asked, stamp);
            let is_before = |update: &&mut LastUpdate| is_older(update.stamp, Some(stamp));
            if let Some(update) = marks.update.as_mut().filter(is_before)
                && self.state.need.is_none()
            {
                update.early = false;
            }
            // Good consent was shown since, or it is no news: what is wanted now, Mono asked for
            // later, with a stamp or without one.
            if is_known || marks.lowered.is_some_and(|lowered| stamp <= lowered) {
                return;
            }
        }
        // A fetch that the bank refused may have left its traces in the details.
        self.state.marks.link_looks = None;
        match &mut self.state.need {
            Some(need) => {
                if need.reason == ReauthReason::Unconfirmed || need.stamp < stamp {
                    need.reason = reason;
                    need.stamp = need.stamp.max(stamp);
                }
            }
            None => {
                self.state.need = Some(Need { since: self.at, reason, stamp });
                if let Some(update) = &mut self.state.marks.update {
                    update.early = false;
                }
                if let Some(session) = &mut self.state.session {
                    session.asked_again();
                }
            }
        }
    }

    /// The customer's consent is good. `stamp` is when Mono said so.
    pub(super) fn lower(&mut self, stamp: Option<Time>) {
        self.state.marks.lowered = self.state.marks.lowered.max(stamp);
        let asked_since = self.state.need.as_ref().is_some_and(|need| is_older(stamp, need.stamp));
        if !asked_since {
            self.state.need = None;
        }
    }

    /// A refresh that worked shows good consent; one that only brought data shows that an
    /// unconfirmed need was none.
    pub(super) fn lower_after_refresh(&mut self, update: &Update) {
        let wanted = self.state.need.is_some();
        let doubtful =
            self.state.need.as_ref().is_some_and(|n| n.reason == ReauthReason::Unconfirmed);
        if update.sync == Some(SyncStatus::Successful)
            || (doubtful && update.sync != Some(SyncStatus::Failed))
        {
            self.lower(update.stamp);
        }
        if wanted && self.state.need.is_none() {
            self.state.marks.refreshed_at = Some(self.at);
        }
    }

    /// How a refresh ended, unless a newer one is known.
    pub(super) fn note_sync(&mut self, stamp: Option<Time>, sync: Option<SyncStatus>) {
        if is_older(stamp, self.state.marks.synced) {
            return;
        }
        match sync {
            Some(SyncStatus::Successful) => {
                self.state.sync.last_success_at = Some(self.at);
                self.state.sync.failure = None;
            }
            Some(SyncStatus::Failed) => {
                self.state.marks.link_looks = None;
                let message = "Mono could not refresh this account; older data is still served";
                let failure = self.failure(SyncFailureCode::SyncFailed, message.into(), None);
                self.state.sync.last_failure_at = Some(self.at);
                self.state.sync.failure = Some(failure);
            }
            Some(SyncStatus::ReauthorisationRequired) | None => return,
        }
        self.state.marks.synced = stamp.or(self.state.marks.synced);
    }
}
