//! What each of Mono's deliveries means.

use super::{
    early::{asks, is_good},
    *,
};

impl Fold {
    pub(super) fn connected(&mut self, reported: Option<&Reported>) -> Verdict {
        // An update that overtook it knows better, if we knew what it meant.
        if self.state.data.status.is_some_and(|status| status != DataStatus::Unknown) {
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
        let before = self.state.clone();
        let (last, blank) = (&before.marks.update, &before.marks.blank_update);
        if is_copy_of(update, last.as_ref(), blank.as_ref()) {
            return Verdict::Ignored(Ignored::Duplicate);
        }
        let known = update.reported.as_ref().filter(|told| told.status != DataStatus::Unknown);
        let stale = is_older(update.stamp, last.as_ref().and_then(|last| last.stamp))
            || (known.is_none()
                && is_older(update.stamp, blank.as_ref().and_then(|blank| blank.stamp)));
        self.announced(None, update.reference.as_deref());
        self.state.created_stamp = self.state.created_stamp.or(update.account_created);
        // What is out of date only fills in what nobody told since.
        let matches = update.account_match.filter(|_| !stale || self.state.account_match.is_none());
        let bank_account =
            update.bank_account.as_deref().filter(|_| !stale || self.state.bank_account.is_none());
        self.recognise(matches, bank_account);
        self.consent_of(update, stale);
        self.refresh_told(update, stale);
        self.is_old_data = update.sync == Some(SyncStatus::Failed);
        match known {
            // Out of date for the data, yet it may tell of consent that we had not heard of.
            _ if stale => {
                self.hide(update, &before);
                self.settle_early_data();
            }
            Some(reported) => self.take_over(update, reported, &before),
            None => {
                // It overwrites nothing, and makes no older news of the data stale.
                let (digest, stamp) = (update.digest.clone(), update.stamp);
                self.state.marks.blank_update = Some(BlankUpdate { digest, stamp });
                if let Some(unknown) = &update.reported {
                    self.tell(unknown);
                }
                self.settle_early_data();
            }
        }
        if self.state == before { Verdict::Ignored(Ignored::Stale) } else { Verdict::Applied }
    }

    /// An update that is not older than the last one told a status. `before` is the state it met.
    fn take_over(&mut self, update: &Update, reported: &Reported, before: &AccountState) {
        let marks = &mut self.state.marks;
        // Without stamps only what came last can be known for a copy.
        marks.blank_update =
            marks.blank_update.take().filter(|b| b.stamp.is_some() && update.stamp.is_some());
        // By the last one, or by one behind it that this one may be newer than.
        let hidden = marks.hidden_update.as_ref().filter(|hidden| hidden.stamp < update.stamp);
        let taken = marks.update.as_ref().into_iter().chain(hidden).any(|last| last.taken);
        if !asks(update.sync) && reported.status.is_outcome() {
            marks.hidden_update = None;
        } else if marks.update.as_ref().is_some_and(LastUpdate::ended_a_fetch) {
            marks.hidden_update.clone_from(&marks.update);
        }
        self.state.marks.update = Some(self.last_update(update, reported, before));
        self.state.data.retrieved.clone_from(&update.retrieved);
        // Newer than any look before it: what a look shows later is held against this.
        self.state.details = Some(Evidence {
            status: reported.status,
            balance: update.balance.clone(),
            request_id: update.request_id.clone(),
            retrieved: update.retrieved.clone(),
        });
        if taken && self.is_unanswered() {
            self.reopen();
        } else {
            self.receive(reported);
        }
        self.settle_hidden_data();
        let newest = self.state.marks.reauthorized.last().copied();
        if let Some(last) = &mut self.state.marks.update {
            last.taken |= taken
                && !asks(last.sync)
                && self.state.waiting.is_none()
                && is_older(last.stamp, newest);
            last.told = self.state.data.status != before.data.status;
        }
    }

    /// What an update says of the customer's consent and of the refresh behind it.
    fn consent_of(&mut self, update: &Update, stale: bool) {
        if asks(update.sync) {
            self.raise(update.stamp, ReauthReason::SyncStatus);
            return;
        }
        // An old one says nothing against a need without a stamp, nor twice how a refresh ended.
        let unplaced = self.state.need.as_ref().is_some_and(|need| need.stamp.is_none());
        if !(stale && unplaced) && (update.sync == Some(SyncStatus::Successful) || is_good(update))
        {
            self.lower_after_refresh(update);
        } else if update.sync == Some(SyncStatus::Successful) {
            // What it showed of the time before it holds all the same, as it would of its copy.
            self.state.marks.lowered = self.state.marks.lowered.max(update.stamp);
        }
        if !(stale && update.stamp == self.state.marks.synced) {
            self.note_sync(update.stamp, update.sync);
        }
    }

    /// A status came with an update that is not older than the last one.
    pub(super) fn receive(&mut self, reported: &Reported) {
        let answers = reported.status.is_outcome() && self.answers_reauth();
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
                let newest = self.state.marks.reauthorized.last().copied();
                if let Some(last) = &mut self.state.marks.update {
                    last.taken = answers && is_older(last.stamp, newest);
                }
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
        let marks = &mut self.state.marks;
        if let Some(stamp) = stamp
            && marks.reauthorized.last().is_some_and(|newest| stamp <= *newest)
        {
            let before = marks.reauthorized.clone();
            remember(&mut marks.reauthorized, stamp);
            if marks.reauthorized == before {
                return Verdict::Ignored(Ignored::Duplicate);
            }
            self.settle_early_data();
            return Verdict::Applied;
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
        let outdated = is_older(stamp, marks.asked.last().copied());
        let found = self.state.session.as_ref().is_some_and(Session::was_found_finished);
        if found && recent && !outdated && self.state.need.is_none() {
            // It was found by looking before this came.
            if let Some(stamp) = stamp {
                remember(&mut marks.reauthorized, stamp);
            }
            self.lower(stamp);
            if let Some(session) = &mut self.state.session {
                session.heard_finished(self.at);
            }
            self.settle_early_data();
            return Verdict::Applied;
        }
        marks.reauthorized_at = Some(self.at);
        if let Some(update) = &mut marks.update {
            update.taken = false;
        }
        match stamp {
            Some(stamp) => remember(&mut marks.reauthorized, stamp),
            // Nothing to hold later stamps against: what is received from now on comes after.
            None => marks.reauthorized.clear(),
        }
        self.lower(stamp);
        let asked_at = self.state.need.as_ref().map(|need| need.since);
        if let Some(session) = &mut self.state.session {
            // Mono has asked again since. Whoever was at the bank when we heard that had not been
            // sent there by it, so this is their news, come late.
            let is_theirs = asked_at.is_some_and(|asked_at| asked_at > session.created_at);
            if !outdated || is_theirs {
                session.authorized(self.at);
            }
            if outdated {
                session.asked_again();
            }
        }
        let update = self.state.marks.update.clone();
        let baseline = self.state.details.clone();
        self.wait(WaitingFor::Reauth, baseline);
        match update {
            Some(update) if update.early || self.is_stamped_answer() => {
                self.use_last_update(&update);
            }
            Some(_) | None => {
                self.set_status(DataStatus::Processing, None);
                self.settle_hidden_data();
            }
        }
        Verdict::Applied
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
    pub(super) fn job_updated(
        &mut self,
        stamp: Option<Time>,
        status: JobWord,
        job: Option<&str>,
    ) -> Verdict {
        let before = self.state.clone();
        self.refresh_moved(job, status);
        if status == JobWord::ReauthorisationRequired {
            self.raise(stamp, ReauthReason::JobStatus);
            self.settle_early_data();
        }
        if self.state == before { Verdict::Ignored(Ignored::NothingNew) } else { Verdict::Applied }
    }

    pub(super) fn unlinked(&mut self) -> Verdict {
        let version = self.state.version;
        let session = self.state.session.take().map(|mut session| {
            if session.is_live() || session.status() == ReauthStatus::Authorized {
                session.stage = Stage::Cancelled { at: self.at };
            }
            session
        });
        let owners = std::mem::take(&mut self.state.owners);
        let first_seen_at = self.state.first_seen_at;
        let jobs = self.ended_jobs();
        self.state = AccountState {
            unlinked: true,
            version,
            session,
            owners,
            first_seen_at,
            jobs,
            ..AccountState::default()
        };
        Verdict::Applied
    }
}

/// Whether an update came before: with a stamp at any time, without one as the last.
fn is_copy_of(update: &Update, last: Option<&LastUpdate>, blank: Option<&BlankUpdate>) -> bool {
    let last = last.map(|last| &last.digest);
    let blank = blank.map(|blank| &blank.digest);
    let copied = Some(&update.digest);
    blank.or(last) == copied || (update.stamp.is_some() && (blank == copied || last == copied))
}
