//! What a look at an account's details proves, and when looking ends.

use super::*;

impl Fold {
    pub(super) fn looked(&mut self, look: &Look) -> Verdict {
        let before = self.state.clone();
        if look.currency.is_some() {
            self.state.currency.clone_from(&look.currency);
        }
        self.recognise(None, look.bank_account.as_deref());
        self.came_by(look.customer.as_deref(), look.reference.as_deref());
        // News that came while we asked is newer than the answer.
        let outdated = self.state.data.told_at.is_some_and(|told| told > look.asked_at);
        if let Some(reported) = &look.reported
            && reported.status == DataStatus::Unknown
        {
            if self.state.data.status.is_none() {
                self.tell(reported);
            }
        } else if let Some(reported) = &look.reported
            && !outdated
        {
            let evidence = Evidence {
                status: reported.status,
                balance: look.balance.clone(),
                request_id: look.request_id.clone(),
                retrieved: look.retrieved.clone(),
            };
            self.refresh_seen(look.asked_at, &evidence);
            self.seen_during_link(look.asked_at, &evidence);
            self.weigh(reported, evidence);
        }
        if look.scheduled {
            self.look_ended();
        }
        if self.state == before { Verdict::Ignored(Ignored::NothingNew) } else { Verdict::Applied }
    }

    /// What the details show, held against what is known.
    pub(super) fn weigh(&mut self, reported: &Reported, evidence: Evidence) {
        if self.state.details.as_ref() != Some(&evidence) {
            self.state.details = Some(evidence.clone());
        }
        let Some(waiting) = &mut self.state.waiting else {
            self.state.data.retrieved.clone_from(&evidence.retrieved);
            if self.state.data.status != Some(reported.status) {
                self.tell(reported);
                if reported.status == DataStatus::Processing {
                    self.wait(WaitingFor::Fetch, None);
                }
            }
            if self.awaits_repair() {
                self.repair(reported, CompletionEvidence::DetailsRead);
            }
            return;
        };
        let news = match (waiting.what, &waiting.baseline) {
            (WaitingFor::Fetch, _) => reported.status.is_outcome(),
            (WaitingFor::Reauth, Some(baseline)) => {
                reported.status.is_outcome() && evidence.differs_from(baseline)
            }
            (WaitingFor::Reauth, None) => false,
        };
        waiting.last_look = Some(reported.status);
        if news {
            self.state.data.retrieved.clone_from(&evidence.retrieved);
            self.arrived(reported, CompletionEvidence::DetailsRead);
        } else if reported.status == DataStatus::Processing {
            waiting.baseline = Some(evidence);
        } else {
            waiting.baseline.get_or_insert_with(|| evidence.clone()).complete_from(&evidence);
        }
    }

    /// The details were looked at while a link was out.
    fn seen_during_link(&mut self, asked_at: Time, shown: &Evidence) {
        let is_blocked = self.state.is_blocked();
        let out = self
            .state
            .session
            .as_ref()
            .filter(|session| is_blocked && session.is_out() && asked_at >= session.created_at);
        let Some(session) = out.map(|session| session.id) else { return };
        match &mut self.state.marks.link_looks {
            // What was shown while an earlier fetch ran is nothing to hold later looks against.
            Some(looks) if looks.session == session && looks.first.status.is_outcome() => {
                looks.last = shown.clone();
            }
            Some(_) | None => {
                let (first, last) = (shown.clone(), shown.clone());
                self.state.marks.link_looks = Some(LinkLooks { session, first, last });
            }
        }
    }

    /// The status of the data that came while this link was out, if the looks of that time show
    /// that some did: its customer has finished.
    pub(super) fn came_during_link(&self, id: ReauthId) -> Option<DataStatus> {
        let looks = self.state.marks.link_looks.as_ref().filter(|looks| looks.session == id)?;
        let came = looks.last.status.is_readable() && looks.last.differs_from(&looks.first);
        Some(looks.last.status).filter(|_| came && self.state.is_blocked())
    }

    pub(super) fn look_failed(&mut self) -> Verdict {
        if self.state.waiting.is_none() {
            return Verdict::Ignored(Ignored::NothingNew);
        }
        self.look_ended();
        Verdict::Applied
    }

    /// A scheduled look is done: when is the next, or was it the last?
    pub(super) fn look_ended(&mut self) {
        let Some(waiting) = &mut self.state.waiting else { return };
        if !waiting.is_over(self.at) {
            waiting.looked(self.at);
            return;
        }
        match waiting.last_look {
            Some(status) if status.is_outcome() => {
                let reported = Reported { status, raw: status.as_mono().into() };
                self.arrived(&reported, CompletionEvidence::Deadline);
            }
            shown => self.gave_up(shown),
        }
    }

    /// Nothing was heard and nothing was seen.
    pub(super) fn gave_up(&mut self, shown: Option<DataStatus>) {
        let message = "no news of the data within 30 minutes, and no look at it told more";
        let failure = self.failure(SyncFailureCode::TimedOut, message.into(), shown);
        self.state.waiting = None;
        self.set_status(DataStatus::Failed, None);
        self.state.marks.gave_up = true;
        self.state.sync.last_failure_at = Some(self.at);
        self.state.sync.failure = Some(failure.clone());
        if let Some(session) = &mut self.state.session
            && session.awaits_data()
        {
            session.failed(failure);
        }
    }
}
