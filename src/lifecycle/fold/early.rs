//! Which data belongs to which re-authorisation, when the one may come before the other.

use super::*;

impl Fold {
    /// An update as it is remembered. `before` is the state that it met.
    pub(super) fn last_update(
        &self,
        update: &Update,
        reported: &Reported,
        before: &AccountState,
    ) -> LastUpdate {
        let marks = &self.state.marks;
        let session = before.session.as_ref();
        let out = session.is_some_and(Session::is_out);
        let finished = session.is_some_and(Session::awaits_data)
            || marks.update.as_ref().is_some_and(|last| last.during_link);
        // Sent before Mono asked, it is not the answer, whenever it comes.
        let wanted =
            (before.need.is_some() || out) && !is_older(update.stamp, marks.asked.last().copied());
        LastUpdate {
            digest: update.digest.clone(),
            stamp: update.stamp,
            reported: reported.clone(),
            sync: update.sync,
            good: is_good(update),
            early: is_good(update) && wanted,
            during_link: out
                || (finished && is_older(update.stamp, marks.reauthorized.last().copied())),
            taken: false,
            told: false,
        }
    }

    /// Whether the last update is data of the re-authorisation that is waited for.
    ///
    /// Received after the customer had finished, so it is, unless its stamp says otherwise, or it
    /// asks for the customer again.
    pub(super) fn answers_reauth(&self) -> bool {
        self.state.marks.update.as_ref().is_some_and(|update| self.answers(update))
    }

    fn answers(&self, update: &LastUpdate) -> bool {
        let marks = &self.state.marks;
        if asks(update.sync) {
            return false;
        }
        let (Some(sent), Some(authorized)) = (update.stamp, marks.reauthorized.last()) else {
            return true;
        };
        sent >= *authorized || (update.good && self.was_early(update, sent, *authorized))
    }

    /// Whether data that was sent before `authorized` belongs to that re-authorisation all the
    /// same: Mono stamps an update up to a second before the event that it follows, and with a
    /// link out at most by the life of that link.
    fn was_early(&self, update: &LastUpdate, sent: Time, authorized: Time) -> bool {
        let Marks { asked, reauthorized, .. } = &self.state.marks;
        let previous = reauthorized.iter().rev().nth(1);
        let is_since = |stamp: Time| previous.is_none_or(|previous| stamp > *previous);
        let wanted = asked.iter().any(|asked| is_since(*asked) && *asked < sent);
        let asked_again = asked.iter().any(|asked| sent < *asked && *asked <= authorized);
        let is_near = authorized - sent <= LINK_LIFE;
        // A refresh that worked ended the need; asked for after it, the customer was wanted anew.
        let stayed_wanted = wanted && update.sync != Some(SyncStatus::Successful);
        let was_answer = is_near && (wanted || update.during_link) && !asked_again;
        is_since(sent) && (stayed_wanted || was_answer)
    }

    /// Whether the last update, received before the customer was known to have finished, shows by
    /// its stamp that it belongs to that re-authorisation all the same.
    pub(super) fn is_stamped_answer(&self) -> bool {
        let marks = &self.state.marks;
        let stamped = marks.update.as_ref().is_some_and(|update| update.stamp.is_some());
        stamped && !marks.reauthorized.is_empty() && self.answers_reauth()
    }

    /// The last update came before the news that it follows: it is that re-authorisation's data.
    pub(super) fn use_last_update(&mut self, update: &LastUpdate) {
        if !update.reported.status.is_outcome() {
            self.set_status(DataStatus::Processing, None);
            return;
        }
        self.arrived(&update.reported, CompletionEvidence::AccountUpdated);
        self.used(update);
    }

    /// Data that came before the news that it follows has ended its re-authorisation. If it did not
    /// move the status, nobody has heard of it yet.
    pub(super) fn used(&mut self, update: &LastUpdate) {
        self.refreshed = !update.told;
        let newest = self.state.marks.reauthorized.last().copied();
        if let Some(last) = &mut self.state.marks.update {
            last.taken = is_older(last.stamp, newest);
            last.early = false;
            last.told = true;
        }
    }

    /// After stamps were learned out of order: is the last update that re-authorisation's data
    /// after all, or was it wrongly taken for it?
    pub(super) fn settle_early_data(&mut self) {
        let waits = self.state.waiting.as_ref().is_some_and(|w| w.what == WaitingFor::Reauth);
        let Some(update) = self.state.marks.update.clone() else { return };
        if waits && update.reported.status.is_outcome() && self.is_stamped_answer() {
            self.use_last_update(&update);
        } else if update.taken && self.is_unanswered() {
            self.reopen();
        }
        self.settle_hidden_data();
    }

    /// An update that is out of date may have ended a fetch all the same: what overtook it told of
    /// no end, or only asked for the customer anew. `before` is the state that it met.
    pub(super) fn hide(&mut self, update: &Update, before: &AccountState) {
        let Some(reported) = update.reported.as_ref().filter(|told| told.status.is_outcome())
        else {
            return;
        };
        let Marks { update: last, hidden_update, reauthorized, .. } = &self.state.marks;
        let is_newer = hidden_update.as_ref().is_none_or(|hidden| hidden.stamp < update.stamp);
        let is_hidden = last.as_ref().is_some_and(|last| !last.ended_a_fetch());
        if is_hidden && is_newer && !asks(update.sync) {
            let one = self.last_update(update, reported, before);
            let before = hidden_update.as_ref();
            let is_before_reauth = is_older(update.stamp, reauthorized.last().copied());
            let during_link = before.is_some_and(|hidden| hidden.during_link) && is_before_reauth;
            let hidden = LastUpdate {
                taken: before.is_some_and(|hidden| hidden.taken),
                during_link: one.during_link || during_link,
                ..one
            };
            self.state.marks.hidden_update = Some(hidden);
        }
    }

    /// The fetch after a re-authorisation has ended with an update that a later one hides: so it is
    /// over, and the later one says how the data is since.
    pub(super) fn settle_hidden_data(&mut self) {
        let Marks { update, hidden_update, reauthorized, gave_up, .. } = &self.state.marks;
        let (Some(last), Some(hidden)) = (update.clone(), hidden_update.clone()) else { return };
        let newest = reauthorized.last().copied();
        if !asks(last.sync) || hidden.stamp.is_none() || newest.is_none() {
            return;
        }
        let waits = self.state.waiting.as_ref().is_some_and(|w| w.what == WaitingFor::Reauth);
        let answers = self.answers(&hidden);
        if answers && (waits || *gave_up) {
            self.arrived(&hidden.reported, CompletionEvidence::AccountUpdated);
            self.receive(&last.reported);
        } else if hidden.taken && !answers {
            self.reopen();
        }
        if let Some(hidden) = &mut self.state.marks.hidden_update {
            hidden.taken = answers && is_older(hidden.stamp, newest);
        }
    }

    /// Whether the last update was sent before the newest re-authorisation and is not its data.
    pub(super) fn is_unanswered(&self) -> bool {
        let Marks { update, reauthorized, .. } = &self.state.marks;
        let sent = update.as_ref().and_then(|update| update.stamp);
        is_older(sent, reauthorized.last().copied()) && !self.answers_reauth()
    }

    /// The newest re-authorisation has no data yet, though it seemed to.
    pub(super) fn reopen(&mut self) {
        self.set_status(DataStatus::Processing, None);
        self.wait(WaitingFor::Reauth, self.state.details.clone());
        if let Some(last) = &mut self.state.marks.update {
            last.taken = false;
        }
    }
}

impl LastUpdate {
    /// Whether it told how a fetch ended, and did not ask for the customer.
    pub(super) fn ended_a_fetch(&self) -> bool {
        self.reported.status.is_outcome() && !asks(self.sync)
    }
}

/// Whether a refresh ended by asking for the customer.
pub(super) fn asks(sync: Option<SyncStatus>) -> bool {
    sync == Some(SyncStatus::ReauthorisationRequired)
}

/// Whether an update brought readable data and did not ask for the customer.
pub(super) fn is_good(update: &Update) -> bool {
    !asks(update.sync)
        && update.reported.as_ref().is_some_and(|reported| reported.status.is_readable())
}
