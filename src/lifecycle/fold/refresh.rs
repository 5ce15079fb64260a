//! Refreshes: what is special about the one kind of job that changes the account's own data.
//!
//! A refresh that runs takes nothing away: the status stays what Mono said last until Mono says
//! otherwise, by a webhook or by the details. A failed one says nothing about the customer.

use super::*;
use crate::{
    ids::JobId,
    lifecycle::job::{Answer, Job, JobKind, JobStage, LOOK_AFTER},
};

/// When to ask again after Mono answered with a refresh of before: its time ends a little later
/// than ours.
const AGAIN: Duration = Duration::minutes(1);

impl Fold {
    /// Whether an answer is about the refresh before the one that we asked for.
    pub(super) fn is_previous_refresh(&self, mono_job: Option<&str>) -> bool {
        let previous = self.state.refresh.as_ref().and_then(|refresh| refresh.previous.as_deref());
        mono_job.is_some() && previous == mono_job
    }

    /// Mono answered a request for a refresh; its job stands accordingly.
    pub(super) fn refresh_answered(&mut self, id: JobId, answer: Answer, repeated: bool) {
        let at = self.at;
        let every = self.by_id(id).and_then(|job| job.via).map(|via| via.every());
        if let (Some(refresh), Some(every)) = (&mut self.state.refresh, every) {
            // Mono counts from somewhere between our asking and its answer.
            refresh.next_allowed_at = at + if repeated { AGAIN } else { every };
        }
        if repeated {
            return;
        }
        match answer {
            Answer::Taken => {}
            Answer::Finished { new_data } => {
                self.note_sync(None, Some(SyncStatus::Successful));
                self.consent_shown(id, new_data == Some(true));
                if new_data != Some(false) || self.state.data.status != Some(DataStatus::Available)
                {
                    self.look_later(id);
                }
            }
            Answer::Failed { code: SyncFailureCode::ReauthRequired } => {}
            Answer::Failed { .. } => self.note_sync(None, Some(SyncStatus::Failed)),
        }
    }

    /// A refresh that ran has ended so.
    pub(super) fn refresh_ended(&mut self, id: JobId, word: JobWord) {
        match word {
            JobWord::Finished => {
                self.note_sync(None, Some(SyncStatus::Successful));
                self.consent_shown(id, false);
                self.look_later(id);
            }
            JobWord::Failed => self.note_sync(None, Some(SyncStatus::Failed)),
            JobWord::ReauthorisationRequired | JobWord::Processing => {}
        }
    }

    /// Webhook of a real-time job: if it is ours, ours stands so.
    pub(super) fn refresh_moved(&mut self, mono_job: Option<&str>, word: JobWord) {
        let Some(mono_job) = mono_job else { return };
        let Some(job) = self.refresh_job() else { return };
        let id = job.id;
        if job.stage == JobStage::Requested {
            job.heard_early(mono_job, word);
        } else if job.mono_job.as_deref() == Some(mono_job) {
            self.job_stands(id, word);
        }
    }

    /// What an update tells of the refresh behind it. One that is out of date is not its data.
    pub(super) fn refresh_told(&mut self, update: &Update, stale: bool) {
        let at = self.at;
        let Some(job) = self.refresh_job() else { return };
        let id = job.id;
        let is_outcome = update.reported.as_ref().is_some_and(|told| told.status.is_outcome());
        let is_anothers =
            matches!((&update.job, &job.mono_job), (Some(theirs), Some(ours)) if theirs != ours);
        if is_outcome && !stale && !is_anothers && job.ended_at().is_some() {
            job.look_at = None;
        }
        let ours = match (&update.job, &job.mono_job) {
            (Some(theirs), Some(ours)) => theirs == ours,
            // Of old, neither had an id; one refresh runs at a time.
            (None, None) => {
                update.sync.is_some() && matches!(job.stage, JobStage::Processing { .. })
            }
            (Some(theirs), None) => {
                if job.stage == JobStage::Requested {
                    let word = update.sync.map(word_of);
                    job.early = word.map(|word| (theirs.clone(), word)).or(job.early.take());
                }
                false
            }
            (None, Some(_)) => false,
        };
        if !ours {
            return;
        }
        let asks = update.sync == Some(SyncStatus::ReauthorisationRequired);
        let ended = update.sync.map(word_of).or(is_outcome.then_some(JobWord::Finished));
        if asks && job.failure().is_some_and(|f| f.code == SyncFailureCode::SyncFailed) {
            // Its header said "failed" for this, too.
            self.job_failed(id, SyncFailureCode::ReauthRequired);
        } else if let (true, Some(word)) = (job.is_live() || job.is_given_up(), ended) {
            match word {
                JobWord::Finished | JobWord::Processing => job.stage = JobStage::Finished { at },
                JobWord::Failed => self.job_failed(id, SyncFailureCode::SyncFailed),
                JobWord::ReauthorisationRequired => {
                    self.job_failed(id, SyncFailureCode::ReauthRequired);
                }
            }
        }
    }

    /// The details were looked at: that may have been due, and may show that a refresh has ended
    /// of which Mono gave no id.
    pub(super) fn refresh_seen(&mut self, asked_at: Time, shown: &Evidence) {
        let at = self.at;
        let Some(job) = self.refresh_job() else { return };
        let id = job.id;
        let news = job.baseline.as_ref().map(|before| shown.differs_from(before));
        if job.ended_at().is_some_and(|ended| asked_at >= ended) {
            // With nothing to hold it against, what is seen first is what there is.
            let tells = |then: &Evidence| then.balance.is_some() || then.request_id.is_some();
            if news == Some(true) || !job.baseline.as_ref().is_some_and(tells) {
                job.look_at = None;
            } else if job.look_at.is_some_and(|due| due <= at) {
                job.looked(at);
            }
        }
        let JobStage::Processing { since, .. } = job.stage else { return };
        let is_end = job.mono_job.is_none() && news == Some(true) && shown.status.is_outcome();
        if is_end && asked_at >= since {
            job.stage = JobStage::Finished { at };
            self.note_sync(None, Some(SyncStatus::Successful));
            self.consent_shown(id, false);
        }
    }

    /// A refresh that worked shows that a doubtful need was none, and one that brought new data
    /// that the customer's consent is good again.
    fn consent_shown(&mut self, id: JobId, new_data: bool) {
        let Some(asked_at) = self.by_id(id).map(|job| job.created_at) else { return };
        let Some(need) = &self.state.need else { return };
        let doubtful = need.reason == ReauthReason::Unconfirmed;
        if need.since <= asked_at && (new_data || doubtful) {
            self.lower(None);
            self.state.marks.refreshed_at = Some(self.at);
        }
    }

    fn look_later(&mut self, id: JobId) {
        let due = self.at + LOOK_AFTER;
        if let Some(job) = self.by_id(id) {
            job.look_at = Some(due);
        }
    }

    fn refresh_job(&mut self) -> Option<&mut Job> {
        self.state.jobs.iter_mut().find(|job| job.kind == JobKind::Refresh)
    }
}

fn word_of(sync: SyncStatus) -> JobWord {
    match sync {
        SyncStatus::Successful => JobWord::Finished,
        SyncStatus::Failed => JobWord::Failed,
        SyncStatus::ReauthorisationRequired => JobWord::ReauthorisationRequired,
    }
}
