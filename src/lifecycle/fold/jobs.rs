//! Jobs: asked for, taken by Mono, ended by a webhook, by asking after them, or by time.

use super::*;
use crate::{
    ids::{AccountId, JobId},
    lifecycle::job::{
        Answer, Job, JobKind, JobNews, JobRequest, JobStage, JobStatus, Personal, SLACK, ToldEnd,
    },
};

/// How many given-up jobs of a kind are kept, to be repaired by late news.
const GIVEN_UP_KEPT: usize = 4;

/// How many webhooks about a kind of job are kept, to know copies by.
const ENDS_KEPT: usize = 8;

impl Fold {
    pub(super) fn job_news(&mut self, account: &AccountId, news: &JobNews) -> Verdict {
        let before = self.state.clone();
        match news {
            JobNews::Requested(request) => return self.job_requested(account, request),
            JobNews::Answered { id, mono_job, answer, asks, result } => {
                self.job_answered(*id, mono_job.as_deref(), *answer, *asks, result);
            }
            JobNews::Refused { id, code, told, message, again_at } => {
                let failure = SyncFailure {
                    told: Some(told.clone()),
                    ..self.failure(*code, message.clone(), None)
                };
                self.job_refused(*id, failure, *again_at);
            }
            JobNews::Polled { id, word, result } => self.job_polled(*id, *word, result),
            JobNews::Told { product, mono_job, failed, stamp, digest, result } => {
                let told =
                    ToldEnd { kind: *product, digest: digest.clone(), stamp: *stamp, at: self.at };
                return self.job_told(told, mono_job.as_deref(), *failed, result);
            }
        }
        if self.state == before { Verdict::Ignored(Ignored::NothingNew) } else { Verdict::Applied }
    }

    fn job_requested(&mut self, account: &AccountId, request: &JobRequest) -> Verdict {
        let newest = self.state.job(request.product);
        if let Some(job) = newest.filter(|job| job.is_live()) {
            // What runs for a larger loan is no answer for a smaller one.
            let is_same = job.arguments == request.arguments;
            return if is_same { Verdict::UnderWay(job.id) } else { Verdict::Refused };
        }
        let mono_job = newest.and_then(|job| job.mono_job.clone());
        if let Some(via) = request.via {
            // Mono gave no id to a request that it refused: the one before that is still its last.
            let known = self.state.refresh.as_ref().and_then(|refresh| refresh.previous.clone());
            let previous = mono_job.or(known);
            if let Some(until) = self.state.next_sync_allowed_at(self.at) {
                return Verdict::TooSoon(until);
            }
            let next_allowed_at = self.at + via.every();
            self.state.refresh = Some(Refresh { next_allowed_at, previous });
        }
        self.make_room(request.product);
        self.state.jobs.push(Job {
            id: request.id,
            account: account.clone(),
            kind: request.product,
            owner: request.owner.clone(),
            part: request.part,
            via: request.via,
            months: request.months,
            arguments: request.arguments.clone(),
            mono_job: None,
            created_at: self.at,
            stage: JobStage::Requested,
            early: None,
            baseline: self.state.details.clone().filter(|_| request.via.is_some()),
            look_at: None,
        });
        self.state.jobs.sort_by_key(|job| job.kind);
        Verdict::Applied
    }

    fn job_answered(
        &mut self,
        id: JobId,
        mono_job: Option<&str>,
        answer: Answer,
        asks: Option<ReauthReason>,
        result: &Personal,
    ) {
        let at = self.at;
        let is_refresh = self.by_id(id).is_some_and(|job| job.kind == JobKind::Refresh);
        let repeated = is_refresh && self.is_previous_refresh(mono_job);
        // What an older refresh found out was told then.
        if let Some(reason) = asks.filter(|_| !repeated) {
            self.asked_by_job(id, reason);
        }
        // One that was given up for want of this answer is put right by it.
        let waits =
            |job: &&mut Job| job.id == id && (!job.mono_was_asked() || job.is_interrupted());
        let Some(job) = self.state.jobs.iter_mut().find(waits) else { return };
        job.mono_job = mono_job.map(str::to_owned);
        let early = job.early.take().filter(|(id, _)| Some(id.as_str()) == mono_job);
        match answer {
            Answer::Taken => job.taken(at),
            Answer::Finished { .. } => {
                job.stage = JobStage::Finished { at };
                self.result = Some((id, result.clone()));
            }
            Answer::Failed { code } => self.job_failed(id, code),
        }
        if is_refresh {
            self.refresh_answered(id, answer, repeated);
        }
        // Mono's webhook overtook its answer.
        if let Some((_, word)) = early.filter(|_| answer == Answer::Taken) {
            self.job_stands(id, word);
        }
    }

    /// A job's end says that the customer is wanted. One who has authorised since the job was
    /// asked for has done that.
    fn asked_by_job(&mut self, id: JobId, reason: ReauthReason) {
        let since = self.state.marks.reauthorized_at;
        let is_answered = |job: &mut Job| Some(job.created_at) <= since;
        if !self.by_id(id).is_some_and(is_answered) {
            self.raise(None, reason);
            self.settle_early_data();
        }
    }

    fn job_refused(&mut self, id: JobId, failure: SyncFailure, again_at: Option<Time>) {
        let at = self.at;
        let Some(job) = self.by_id(id).filter(|job| job.stage == JobStage::Requested) else {
            return;
        };
        job.stage = JobStage::Failed { failure };
        if job.kind == JobKind::Refresh
            && let Some(refresh) = &mut self.state.refresh
        {
            // What Mono did not take does not count.
            refresh.next_allowed_at = again_at.unwrap_or(at);
        }
    }

    fn job_polled(&mut self, id: JobId, word: Option<JobWord>, result: &Personal) {
        let at = self.at;
        let Some(job) = self.by_id(id) else { return };
        if job.look_at.is_some_and(|due| due <= at) {
            // The look that was due did not come about.
            job.looked(at);
            return;
        }
        let JobStage::Processing { until, .. } = job.stage else { return };
        match word {
            Some(JobWord::Processing) | None if at >= until => self.job_timed_out(id),
            Some(JobWord::Processing) | None => job.asked_after(at),
            Some(word) => {
                if word == JobWord::ReauthorisationRequired {
                    self.asked_by_job(id, ReauthReason::JobStatus);
                }
                self.job_stands(id, word);
                self.result = Some((id, result.clone()));
            }
        }
    }

    /// A job stands so, as Mono says by its id. Late news repairs one that was given up.
    pub(super) fn job_stands(&mut self, id: JobId, word: JobWord) {
        let at = self.at;
        let open = |job: &&mut Job| job.is_live() || job.is_given_up();
        let Some(job) = self.by_id(id).filter(open) else { return };
        let is_refresh = job.kind == JobKind::Refresh;
        match word {
            JobWord::Processing => return,
            JobWord::Finished => job.stage = JobStage::Finished { at },
            JobWord::Failed if is_refresh => self.job_failed(id, SyncFailureCode::SyncFailed),
            JobWord::Failed => self.job_failed(id, SyncFailureCode::JobFailed),
            JobWord::ReauthorisationRequired => {
                self.job_failed(id, SyncFailureCode::ReauthRequired);
            }
        }
        if is_refresh {
            self.refresh_ended(id, word);
        }
    }

    /// A webhook told of a job's end.
    fn job_told(
        &mut self,
        told: ToldEnd,
        mono_job: Option<&str>,
        failed: bool,
        result: &Personal,
    ) -> Verdict {
        let at = self.at;
        let id = match self.meant_by(&told, mono_job) {
            Ok(id) => id,
            Err(reason) => return Verdict::Ignored(reason),
        };
        if failed {
            self.job_failed(id, SyncFailureCode::JobFailed);
        } else if let Some(job) = self.by_id(id) {
            job.stage = JobStage::Finished { at };
            self.result = Some((id, result.clone()));
        }
        let kind = told.kind;
        self.state.told_ends.push(told);
        drop_oldest(&mut self.state.told_ends, ENDS_KEPT, |end| end.kind == kind);
        Verdict::Applied
    }

    /// Which job a webhook tells of. Mono names most by their kind alone, and delivers late and
    /// more than once.
    fn meant_by(&self, told: &ToldEnd, mono_job: Option<&str>) -> Result<JobId, Ignored> {
        let open = |job: &&Job| job.is_live() || job.is_given_up();
        let mut of_kind = self.state.all_jobs().filter(|job| job.kind == told.kind);
        let named = |job: &&Job| mono_job.is_some() && job.mono_job.as_deref() == mono_job;
        if let Some(job) = of_kind.find(named) {
            return Some(job).filter(open).map(|job| job.id).ok_or(Ignored::NothingNew);
        }
        let since = self.at - RETRY_WINDOW;
        let ends = || self.state.told_ends.iter().filter(|end| end.kind == told.kind);
        if ends().any(|end| end.digest == told.digest && end.at > since) {
            return Err(Ignored::Duplicate);
        }
        let may_be = |job: &&Job| mono_job.is_none() || job.mono_job.is_none();
        let is_due = |job: &&Job| job.is_given_up() && job.ended_at() > Some(since);
        let of_before = self.state.given_up.iter().filter(|job| job.kind == told.kind);
        let older = of_before.filter(may_be).find(is_due);
        let newest = self.state.job(told.kind).filter(may_be).filter(open);
        let meant = match (older, newest) {
            // One answer is as good for both, and for the newest somebody waits.
            (Some(older), Some(newest)) if older.arguments == newest.arguments => newest,
            (Some(older), Some(newest)) if !older.is_probably_taken() => newest,
            // What was given up comes first: its news is late already.
            (Some(older), _) => older,
            (None, Some(newest)) => newest,
            (None, None) => return Err(Ignored::NothingNew),
        };
        // Mono sent it before news that we had before we asked for this job.
        let is_before =
            |end: &ToldEnd| end.at <= meant.created_at && is_older(told.stamp, end.stamp);
        if ends().any(is_before) { Err(Ignored::Stale) } else { Ok(meant.id) }
    }

    /// The newest job of this kind gives way. While late news may repair it, it is kept.
    fn make_room(&mut self, kind: JobKind) {
        let since = self.at - RETRY_WINDOW;
        let state = &mut self.state;
        state.given_up.retain(|job| job.is_given_up() && job.ended_at() > Some(since));
        let old = state.jobs.extract_if(.., |job| job.kind == kind);
        // A refresh is known by Mono's id, or by what the details show of the newest.
        state.given_up.extend(old.filter(|job| kind != JobKind::Refresh && job.is_given_up()));
        drop_oldest(&mut state.given_up, GIVEN_UP_KEPT, |job| job.kind == kind);
    }

    pub(super) fn job_failed(&mut self, id: JobId, code: SyncFailureCode) {
        let failure = self.failure(code, reason(code).to_owned(), None);
        if let Some(job) = self.by_id(id) {
            job.stage = JobStage::Failed { failure };
        }
    }

    fn job_timed_out(&mut self, id: JobId) {
        self.job_failed(id, SyncFailureCode::TimedOut);
    }

    /// What time does to jobs. Asking after them and looking has its own end; this ends what
    /// nobody came to for long.
    pub(super) fn jobs_in_time(&mut self) {
        let at = self.at;
        let mut ended = Vec::new();
        for job in &mut self.state.jobs {
            if job.look_at.is_some_and(|due| due <= at - SLACK) {
                job.looked(at);
            }
            if job.is_overdue(at) {
                let code = if job.mono_was_asked() {
                    SyncFailureCode::TimedOut
                } else {
                    SyncFailureCode::Interrupted
                };
                ended.push((job.id, code));
            }
        }
        for (id, code) in ended {
            self.job_failed(id, code);
        }
    }

    /// Nothing comes of the jobs of an account that is unlinked.
    pub(super) fn ended_jobs(&mut self) -> Vec<Job> {
        let live: Vec<_> =
            self.state.jobs.iter().filter(|job| job.is_live()).map(|job| job.id).collect();
        for id in live {
            self.job_failed(id, SyncFailureCode::Unlinked);
        }
        let mut jobs = std::mem::take(&mut self.state.jobs);
        for job in &mut jobs {
            (job.look_at, job.baseline, job.early) = (None, None, None);
        }
        jobs
    }

    pub(super) fn by_id(&mut self, id: JobId) -> Option<&mut Job> {
        let jobs = self.state.jobs.iter_mut().chain(&mut self.state.given_up);
        jobs.into_iter().find(|job| job.id == id)
    }
}

/// Keeps the last `kept` of those that `counts`.
fn drop_oldest<T>(all: &mut Vec<T>, kept: usize, counts: impl Fn(&T) -> bool) {
    let mut surplus = all.iter().filter(|one| counts(one)).count().saturating_sub(kept);
    all.retain(|one| {
        let goes = surplus > 0 && counts(one);
        surplus -= usize::from(goes);
        !goes
    });
}

/// What subscribers are told of jobs: those that are new or stand otherwise than before.
pub(super) fn job_changes(
    before: &AccountState,
    after: &AccountState,
    cause: ChangeCause,
) -> impl Iterator<Item = Change> {
    let stood = |id: JobId| -> Option<JobStatus> {
        before.all_jobs().find(|job| job.id == id).map(Job::status)
    };
    let moved = after.all_jobs().filter(move |job| stood(job.id) != Some(job.status()));
    moved.map(move |job| Change::Job {
        job: job.id,
        product: job.kind,
        status: job.status(),
        cause,
    })
}

fn reason(code: SyncFailureCode) -> &'static str {
    match code {
        SyncFailureCode::TimedOut => "no news of it within 30 minutes",
        SyncFailureCode::Interrupted => {
            "the gateway stopped before it heard Mono's answer; ask again"
        }
        SyncFailureCode::ReauthRequired => "the bank wants the customer to authorise again",
        SyncFailureCode::IncompleteStatement => {
            "the bank gave fewer transactions than before; try later, or allow it with allowIncompleteStatement"
        }
        SyncFailureCode::Unlinked => "the account was unlinked",
        SyncFailureCode::SyncFailed => {
            "Mono could not refresh this account; older data is still served"
        }
        SyncFailureCode::RequestUnanswered => "Mono gave no usable answer; it may be at work",
        SyncFailureCode::DataFailed
        | SyncFailureCode::DataUnavailable
        | SyncFailureCode::LinkRefused
        | SyncFailureCode::NotReauthorisable
        | SyncFailureCode::RequestRefused
        | SyncFailureCode::NoWebhook
        | SyncFailureCode::JobFailed => "Mono reported that the job failed",
    }
}
