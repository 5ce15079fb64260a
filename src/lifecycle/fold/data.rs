//! Taking over a status, and what that means to a session that waits for it.

use super::*;

impl Fold {
    /// The data that was waited for is decided.
    pub(super) fn arrived(&mut self, reported: &Reported, via: CompletionEvidence) {
        self.state.waiting = None;
        self.tell(reported);
        self.repair(reported, via);
    }

    /// A session that failed after the customer had finished is put right by data that comes later.
    pub(super) fn awaits_repair(&self) -> bool {
        self.state.session.as_ref().is_some_and(Session::awaits_data)
    }

    /// Ends the session that waits for this data.
    pub(super) fn repair(&mut self, reported: &Reported, via: CompletionEvidence) {
        let (code, what) = if reported.status == DataStatus::Unavailable {
            (SyncFailureCode::DataUnavailable, "the bank gave no data")
        } else {
            (SyncFailureCode::DataFailed, "Mono failed to fetch the data")
        };
        let message = format!("the customer authorised, but {what}");
        let failure = self.failure(code, message, Some(reported.status));
        let at = self.at;
        let Some(session) = self.state.session.as_mut().filter(|s| s.awaits_data()) else { return };
        if reported.status.is_readable() {
            session.completed(at, via);
        } else if reported.status.is_outcome() && matches!(session.stage, Stage::Authorized { .. })
        {
            session.failed(failure);
        }
    }

    /// Takes over a status that Mono told. A word that we do not know overwrites nothing.
    pub(super) fn tell(&mut self, reported: &Reported) {
        let known = self.state.data.status.is_some_and(|status| status != DataStatus::Unknown);
        if reported.status == DataStatus::Unknown && known {
            self.state.data.raw = Some(reported.raw.clone());
            return;
        }
        self.set_status(reported.status, Some(&reported.raw));
        if reported.status.is_readable() && !self.is_old_data {
            self.state.data.as_of = Some(self.at);
            if self.state.sync.failure.is_none() {
                self.state.sync.last_success_at = Some(self.at);
            }
        }
        // A fetch that brought something ends the memory of one that timed out.
        let outlived = |f: &SyncFailure| f.code == SyncFailureCode::TimedOut;
        if self.state.sync.failure.as_ref().is_some_and(outlived) {
            self.state.sync.failure = None;
        }
    }

    pub(super) fn set_status(&mut self, status: DataStatus, raw: Option<&str>) {
        self.state.marks.gave_up = false;
        self.state.data.status = Some(status);
        self.state.data.told_at = Some(self.at);
        self.state.data.raw = raw.map(str::to_owned);
        if status.is_outcome() {
            self.state.waiting = None;
        }
    }

    pub(super) fn wait(&mut self, what: WaitingFor, baseline: Option<Evidence>) {
        self.state.waiting = Some(Waiting::new(what, self.at, baseline));
    }

    pub(super) fn failure(
        &self,
        code: SyncFailureCode,
        message: String,
        status: Option<DataStatus>,
    ) -> SyncFailure {
        SyncFailure { code, message, status, told: None, at: self.at }
    }
}
