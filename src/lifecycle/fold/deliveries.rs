//! What each of Mono's deliveries means.

use super::*;

impl Fold {
    pub(super) fn connected(&mut self, reported: Option<&Reported>) -> Verdict {
        // An update that overtook it knows better.
        if self.state.data.status.is_some() {
            return Verdict::Ignored(Ignored::NothingNew);
        }
        let processing = Reported { status: DataStatus::Processing, raw: "PROCESSING".into() };
        let told = reported.filter(|r| r.status != DataStatus::Unknown).unwrap_or(&processing);
        self.tell(told);
        if told.status == DataStatus::Processing {
            self.wait(WaitingFor::Fetch, None);
        }
        Verdict::Applied
    }

    pub(super) fn updated(&mut self, update: &Update) -> Verdict {
        let last = self.state.marks.update.clone();
        let stale = last.as_ref().is_some_and(|last| is_older(update.stamp, last.stamp));
        if !stale && last.is_some_and(|last| last.digest == update.digest) {
            return Verdict::Ignored(Ignored::Duplicate);
        }
        let asks = update.sync == Some(SyncStatus::ReauthorisationRequired);
        let good = !asks && update.reported.as_ref().is_some_and(|r| r.status.is_readable());
        let before = self.state.clone();
        let wanted = before.need.is_some() || before.session.as_ref().is_some_and(Session::is_out);
        self.note_sync(update.stamp, update.sync);
        if asks {
            self.raise(update.stamp, ReauthReason::SyncStatus);
        } else if update.sync == Some(SyncStatus::Successful) || good {
            self.lower_after_refresh(update);
        }
        if stale {
            // Out of date for the data, yet it may tell of consent that we had not heard of.
            self.settle_early_data();
            return if self.state == before {
                Verdict::Ignored(Ignored::Stale)
            } else {
                Verdict::Applied
            };
        }
        self.state.marks.update = Some(LastUpdate {
            digest: update.digest.clone(),
            stamp: update.stamp,
            reported: update.reported.clone(),
            good,
            early: good && wanted,
            told: false,
        });
        self.state.data.retrieved.clone_from(&update.retrieved);
        if let Some(reported) = &update.reported {
            self.receive(reported, asks);
        }
        if let Some(last) = &mut self.state.marks.update {
            last.told = self.state.data.status != before.data.status;
        }
        Verdict::Applied
    }

    /// A status came with an update that is not older than the last one.
    pub(super) fn receive(&mut self, reported: &Reported, asks: bool) {
        let answers = reported.status.is_outcome() && !asks && self.answers_reauth();
        match &mut self.state.waiting {
            Some(waiting) if waiting.what == WaitingFor::Reauth && !answers => {
                // Being fetched right now: whatever is shown afterwards is news.
                if reported.status == DataStatus::Processing
                    && let Some(baseline) = &mut waiting.baseline
                {
                    baseline.status = DataStatus::Processing;
                }
            }
            Some(_) if reported.status.is_outcome() => {
                self.arrived(reported, CompletionEvidence::AccountUpdated);
            }
            Some(_) => self.tell(reported),
            None => {
                self.tell(reported);
                if reported.status == DataStatus::Processing {
                    self.wait(WaitingFor::Fetch, None);
                } else {
                    self.repair(reported, CompletionEvidence::AccountUpdated);
                }
            }
        }
    }

    /// Whether the last update is data of the re-authorisation that is waited for.
    ///
    /// Received after the customer had finished, so it is, unless its stamp says otherwise:
    /// Mono stamps an update up to a second before the event that it follows, and with a link out
    /// at most by the life of that link.
    pub(super) fn answers_reauth(&self) -> bool {
        let marks = &self.state.marks;
        let Some(update) = &marks.update else { return false };
        let (Some(sent), Some(authorized)) = (update.stamp, marks.reauthorized) else {
            return true;
        };
        if sent >= authorized {
            return true;
        }
        let since_asked = marks.raised.is_some_and(|raised| raised <= authorized && sent > raised);
        let during_link = marks.raised.is_none_or(|raised| raised > authorized)
            && self.state.session.as_ref().is_some_and(Session::awaits_data)
            && authorized - sent <= LINK_LIFE;
        update.good && (since_asked || during_link)
    }

    pub(super) fn required(&mut self, stamp: Option<Time>, digest: &str) -> Verdict {
        let before = self.state.clone();
        if stamp.is_none() && is_copy(self.state.marks.required.as_ref(), digest, self.at) {
            return Verdict::Ignored(Ignored::Duplicate);
        }
        let recent = |at: Time| self.at - at < RETRY_WINDOW;
        let doubtful = stamp.is_none() && self.state.marks.reauthorized_at.is_some_and(recent);
        let reason = if doubtful { ReauthReason::Unconfirmed } else { ReauthReason::Webhook };
        self.raise(stamp, reason);
        if stamp.is_none() {
            self.state.marks.required = Some(Seen { digest: digest.to_owned(), at: self.at });
        }
        self.settle_early_data();
        if self.state == before { Verdict::Ignored(Ignored::Stale) } else { Verdict::Applied }
    }

    pub(super) fn reauthorized(&mut self, stamp: Option<Time>) -> Verdict {
        let marks = &self.state.marks;
        if let (Some(stamp), Some(newest)) = (stamp, marks.reauthorized)
            && stamp <= newest
        {
            let same = stamp == newest;
            return Verdict::Ignored(if same { Ignored::Duplicate } else { Ignored::Stale });
        }
        let out = self.state.session.as_ref().is_some_and(|session| {
            session.is_out()
                || matches!(session.stage, Stage::Expired { .. } | Stage::Cancelled { .. })
        });
        let recent = marks.reauthorized_at.is_some_and(|at| self.at - at < RETRY_WINDOW);
        // Two honest ones are alike to the letter, so what has no stamp is judged by the state:
        // where nobody is wanted and nobody is out, and one came lately, it is a copy.
        if stamp.is_none() && self.state.need.is_none() && !out && recent {
            return Verdict::Ignored(Ignored::Duplicate);
        }
        let outdated = is_older(stamp, marks.raised);
        self.state.marks.reauthorized_at = Some(self.at);
        self.state.marks.reauthorized = stamp.or(self.state.marks.reauthorized);
        if stamp.is_none() {
            // Nothing to hold later stamps against: what is received from now on comes after.
            self.state.marks.reauthorized = None;
        }
        self.lower(stamp);
        if !outdated && let Some(session) = &mut self.state.session {
            session.authorized(self.at);
        }
        let update = self.state.marks.update.clone();
        let baseline = self.state.details.clone();
        self.wait(WaitingFor::Reauth, baseline);
        match update {
            Some(update) if update.early || self.is_stamped_answer() => {
                self.use_last_update(update)
            }
            Some(_) | None => self.set_status(DataStatus::Processing, None),
        }
        Verdict::Applied
    }

    /// Whether the last update, received before the customer was known to have finished, shows by
    /// its stamp that it belongs to that re-authorisation all the same.
    pub(super) fn is_stamped_answer(&self) -> bool {
        let marks = &self.state.marks;
        let stamped = marks.update.as_ref().is_some_and(|update| update.stamp.is_some());
        stamped && marks.reauthorized.is_some() && self.answers_reauth()
    }

    /// The last update came before the news that it follows: it is that re-authorisation's data.
    pub(super) fn use_last_update(&mut self, update: LastUpdate) {
        let Some(reported) = update.reported.filter(|reported| reported.status.is_outcome()) else {
            self.set_status(DataStatus::Processing, None);
            return;
        };
        self.arrived(&reported, CompletionEvidence::AccountUpdated);
        self.refreshed = !update.told;
        if let Some(last) = &mut self.state.marks.update {
            last.early = false;
            last.told = true;
        }
    }

    /// After stamps were learned out of order: does the last update end the waiting after all?
    pub(super) fn settle_early_data(&mut self) {
        let waits = self.state.waiting.as_ref().is_some_and(|w| w.what == WaitingFor::Reauth);
        if waits
            && self.is_stamped_answer()
            && let Some(update) = self.state.marks.update.clone()
        {
            self.use_last_update(update);
        }
    }

    pub(super) fn sync_failed(&mut self, stamp: Option<Time>, digest: &str) -> Verdict {
        let copy = is_copy(self.state.marks.sync_failed.as_ref(), digest, self.at);
        if copy || (stamp.is_some() && stamp == self.state.marks.synced) {
            return Verdict::Ignored(Ignored::Duplicate);
        }
        if is_older(stamp, self.state.marks.synced) {
            return Verdict::Ignored(Ignored::Stale);
        }
        self.state.marks.sync_failed = Some(Seen { digest: digest.to_owned(), at: self.at });
        self.note_sync(stamp, Some(SyncStatus::Failed));
        Verdict::Applied
    }

    /// A job says nothing about the data; of its ends only one is about the customer.
    pub(super) fn job_updated(&mut self, stamp: Option<Time>, status: JobStatus) -> Verdict {
        let before = self.state.clone();
        if status == JobStatus::ReauthorisationRequired {
            self.raise(stamp, ReauthReason::JobStatus);
        }
        if self.state == before { Verdict::Ignored(Ignored::NothingNew) } else { Verdict::Applied }
    }

    pub(super) fn unlinked(&mut self) -> Verdict {
        let version = self.state.version;
        let session = self.state.session.take().map(|mut session| {
            if session.is_live() || session.awaits_data() {
                session.stage = Stage::Cancelled { at: self.at };
            }
            session
        });
        self.state = AccountState { unlinked: true, version, session, ..AccountState::default() };
        Verdict::Applied
    }
}
