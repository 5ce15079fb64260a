//! Starts jobs, and hands on what they brought.
//!
//! A job's row comes first, then Mono is asked, in a task that a vanished caller does not cancel,
//! then the answer is recorded, with patience. What happens afterwards comes by webhook or by
//! `lifecycle::deadlines`.

use std::time::Duration;

use super::JobError;
use crate::{
    account::service::Accounts,
    caller::Caller,
    clock::Time,
    error::ErrorCode,
    handover::{self, HandoverError},
    ids::{AccountId, JobId},
    lifecycle::{
        AccountState, ReauthReason, Subject, SyncFailureCode,
        fact::{IdempotencyKey, JobWord, What},
        fold::Verdict,
        job::{Answer, Job, JobKind, JobNews, JobRequest, Personal, SyncPart, SyncVia},
        recogniser::Recogniser,
        service::Lifecycle,
        store::Kept,
    },
    mono::{
        Amount, Client, MonoError,
        jobs::{Loan, PdfState},
        refresh::{Realtime, Synced, SyncedCode},
    },
};

/// How long a repeated request waits for Mono's answer to the first, which takes 35 s at most.
const OTHERS_ANSWER: Duration = Duration::from_secs(40);

/// When a refresh may be asked for again after Mono was not there.
const AFTER_TROUBLE: chrono::Duration = chrono::Duration::minutes(1);

/// A refresh that is asked for.
#[derive(Clone, Debug)]
pub struct Sync {
    /// Of which account.
    pub account: AccountId,
    /// What is fetched.
    pub part: SyncPart,
    /// Whether fewer transactions than before will do, of a manual sync.
    pub allow_incomplete: bool,
    /// The caller's key for the request.
    pub key: Option<String>,
}

/// What a job is to do.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// A PDF of the statement of this many months, 1 to 12.
    Statement(u32),
    /// The income in this many months.
    Income(Option<u32>),
    /// Whether this loan can be afforded.
    Creditworthiness(Loan),
    /// Categories for the transactions.
    Categorisation,
}

impl Sync {
    fn key(&self, digests: &Recogniser) -> Result<Option<IdempotencyKey>, HandoverError> {
        let part = format!("{:?}", self.part);
        let incomplete = if self.allow_incomplete { "incomplete" } else { "" };
        let arguments = [self.account.as_str(), &part, incomplete];
        handover::key(digests, self.key.clone(), "syncAccount", &arguments)
    }
}

impl Wanted {
    fn key(
        &self,
        digests: &Recogniser,
        account: &AccountId,
        given: Option<String>,
    ) -> Result<Option<IdempotencyKey>, HandoverError> {
        let kind = format!("{:?}", self.kind());
        handover::key(digests, given, "job", &[account.as_str(), &kind, &self.arguments()])
    }

    /// What distinguishes it from others of its kind. Only a keyed digest of it is kept.
    fn arguments(&self) -> String {
        match self {
            Self::Statement(_) | Self::Income(_) | Self::Categorisation => {
                format!("{:?}", self.months())
            }
            Self::Creditworthiness(loan) => format!("{} {loan:?}", loan.bvn),
        }
    }

    fn kind(&self) -> JobKind {
        match self {
            Self::Statement(_) => JobKind::Statement,
            Self::Income(_) => JobKind::Income,
            Self::Creditworthiness(_) => JobKind::Creditworthiness,
            Self::Categorisation => JobKind::Categorisation,
        }
    }

    fn months(&self) -> Option<u32> {
        match self {
            Self::Statement(months) => Some(*months),
            Self::Income(months) => *months,
            Self::Creditworthiness(_) | Self::Categorisation => None,
        }
    }

    fn check(&self) -> Result<(), JobError> {
        if self.months().is_some_and(|months| !(1..=12).contains(&months)) {
            return Err(JobError::BadMonths);
        }
        let Self::Creditworthiness(loan) = self else { return Ok(()) };
        let whole = loan.bvn.len() == 11 && loan.bvn.bytes().all(|byte| byte.is_ascii_digit());
        if !whole {
            return Err(JobError::BadLoan("bvn has 11 digits"));
        }
        if loan.principal_minor <= 0 {
            return Err(JobError::BadLoan("principal is a positive number of minor units"));
        }
        if !(0.0..=1000.0).contains(&loan.interest_rate) {
            return Err(JobError::BadLoan("interestRate is a percentage from 0 to 1000"));
        }
        if !(1..=600).contains(&loan.term) {
            return Err(JobError::BadLoan("term is a number of months from 1 to 600"));
        }
        Ok(())
    }
}

/// A job that was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The job; nothing if it is too soon and none is known.
    pub job: Option<Job>,
    /// Whether this request started it.
    pub started: bool,
    /// The account's state now.
    pub state: AccountState,
    /// Why nothing was started though nothing runs.
    pub too_soon: Option<JobError>,
    /// The balance that a real-time read of it brought at once, in minor units, and its currency.
    pub balance: (Amount, Option<String>),
}

/// Jobs at Mono. Clones share connections.
#[derive(Clone, Debug)]
pub struct Jobs {
    mono: Client,
    accounts: Accounts,
    via: SyncVia,
}

impl Jobs {
    /// Jobs at this Mono, which is asked for refreshes in this way.
    #[must_use]
    pub fn new(mono: Client, accounts: Accounts, via: SyncVia) -> Self {
        Self { mono, accounts, via }
    }

    fn lifecycle(&self) -> &Lifecycle {
        self.accounts.lifecycle()
    }

    /// Has the bank asked for new data. While a refresh runs it is returned; for some minutes after
    /// one none is started, and Mono is not asked.
    ///
    /// # Errors
    /// [`JobError`].
    pub async fn sync(&self, caller: &Caller, wanted: Sync) -> Result<Asked, JobError> {
        self.require(caller, &wanted.account).await?;
        let request = JobRequest {
            id: JobId::new(self.lifecycle().clock().now()),
            product: JobKind::Refresh,
            owner: caller.owner().to_owned(),
            key: wanted.key(self.lifecycle().recogniser())?,
            part: Some(wanted.part),
            via: Some(self.via),
            months: None,
            // Whoever asks while one runs waits for that one.
            arguments: None,
        };
        let this = self.clone();
        self.detached(async move {
            let id = request.id;
            let (asked, is_new) = this.record_request(&wanted.account, request).await?;
            if !is_new {
                return Ok(asked);
            }
            let answer = this.refresh(&wanted).await;
            let balance = match &answer {
                Ok((_, balance)) => balance.clone(),
                Err(_) => (None, None),
            };
            let asked = this.settle(&wanted.account, id, answer.map(|(told, _)| told)).await?;
            Ok(Asked { balance, ..asked })
        })
        .await
    }

    /// Starts a job, or returns the one of its kind that runs.
    ///
    /// # Errors
    /// [`JobError`].
    pub async fn start(
        &self,
        caller: &Caller,
        account: AccountId,
        wanted: Wanted,
        key: Option<String>,
    ) -> Result<Asked, JobError> {
        wanted.check()?;
        self.require(caller, &account).await?;
        let request = JobRequest {
            id: JobId::new(self.lifecycle().clock().now()),
            product: wanted.kind(),
            owner: caller.owner().to_owned(),
            key: wanted.key(self.lifecycle().recogniser(), &account, key)?,
            part: None,
            via: None,
            months: wanted.months(),
            arguments: Some(
                self.lifecycle().recogniser().of(&["job arguments", &wanted.arguments()]),
            ),
        };
        let this = self.clone();
        self.detached(async move {
            let id = request.id;
            let (asked, is_new) = this.record_request(&account, request).await?;
            if !is_new {
                return Ok(asked);
            }
            let answer = this.ask(&account, &wanted).await;
            this.settle(&account, id, answer).await
        })
        .await
    }

    /// Not cancelled if the caller goes away: Mono may be at work by then.
    async fn detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, JobError>> + Send + 'static,
    ) -> Result<T, JobError> {
        tokio::spawn(work).await.map_err(|_| JobError::Stopped)?
    }

    /// The account must be the caller's, and one that Mono or we know.
    async fn require(&self, caller: &Caller, account: &AccountId) -> Result<(), JobError> {
        if !self.lifecycle().may_see(caller, account).await? {
            return Err(JobError::UnknownAccount);
        }
        let states = self.lifecycle().states(std::slice::from_ref(account)).await?;
        let known = states.get(account);
        if known.is_some_and(|state| state.unlinked) {
            return Err(JobError::UnknownAccount);
        }
        if known.is_none() {
            self.accounts.details(account, None).await.map_err(JobError::Mono)?;
        }
        Ok(())
    }

    /// What becomes of a request, and whether Mono is to be asked.
    async fn record_request(
        &self,
        account: &AccountId,
        request: JobRequest,
    ) -> Result<(Asked, bool), JobError> {
        let wanted = request.clone();
        let what = What::Job(JobNews::Requested(request));
        let recorded = self.lifecycle().record(account.clone(), what).await?;
        let job = recorded.state.job(wanted.product).cloned();
        let mut asked = Asked {
            job,
            started: false,
            state: recorded.state,
            too_soon: None,
            balance: (None, None),
        };
        match recorded.verdict {
            Verdict::Applied => asked.started = true,
            Verdict::UnderWay(_) => {}
            Verdict::Repeated(first) => {
                let id = JobId::parse(&first.id).map_err(|_| JobError::UnknownJob)?;
                let job = self.answered(account, id).await?;
                if job.is_interrupted() {
                    return Err(JobError::Interrupted);
                }
                // Its key is free again.
                let is_for_good = !job.is_worth_repeating();
                asked.state = self.state_of(account).await?;
                asked.started = !first.reused;
                if let Some((told, failure)) =
                    job.failure().and_then(|failure| Some((failure.told.as_deref()?, failure)))
                {
                    let code = ErrorCode::parse(told).unwrap_or(ErrorCode::UpstreamUnavailable);
                    if job.kind != JobKind::Refresh || code != ErrorCode::UpstreamRateLimited {
                        let message = failure.message.clone();
                        return Err(if is_for_good {
                            JobError::OtherFailed(code, message)
                        } else {
                            JobError::OtherNotTaken(code, message)
                        });
                    }
                    asked.started = false;
                    let at = asked.state.refresh.as_ref().map(|refresh| refresh.next_allowed_at);
                    asked.too_soon = Some(self.too_soon(at.unwrap_or(failure.at)));
                }
                asked.job = Some(job);
                return Ok((asked, false));
            }
            Verdict::TooSoon(at) => asked.too_soon = Some(self.too_soon(at)),
            Verdict::Refused if asked.job.as_ref().is_some_and(Job::is_live) => {
                return Err(JobError::UnderWay);
            }
            Verdict::Refused | Verdict::Reused(_) | Verdict::Ignored(_) => {
                return Err(JobError::UnknownAccount);
            }
        }
        let is_new = asked.started;
        Ok((asked, is_new))
    }

    fn too_soon(&self, at: Time) -> JobError {
        let wait = at - self.lifecycle().clock().now();
        let retry_after_ms = wait.num_milliseconds().max(0).unsigned_abs();
        JobError::TooSoon { at, retry_after_ms }
    }

    async fn state_of(&self, account: &AccountId) -> Result<AccountState, JobError> {
        let mut states = self.lifecycle().states(std::slice::from_ref(account)).await?;
        Ok(states.remove(account).unwrap_or_default())
    }

    /// The job once Mono has answered the request for it; as it stands if that takes too long.
    async fn answered(&self, account: &AccountId, id: JobId) -> Result<Job, JobError> {
        let feed = self.lifecycle().feed();
        let mut changes = feed.attach(Some(Subject::Account(account.clone())));
        changes.begin_after(feed.head().await?.last);
        let wait = async {
            loop {
                let job = self.job(id).await?;
                if job.mono_was_asked() {
                    return Ok(job);
                }
                changes.next().await?;
            }
        };
        match tokio::time::timeout(OTHERS_ANSWER, wait).await {
            Ok(job) => job,
            Err(_) => self.job(id).await,
        }
    }

    async fn job(&self, id: JobId) -> Result<Job, JobError> {
        self.lifecycle().job(id).await?.ok_or(JobError::UnknownJob)
    }

    async fn refresh(&self, wanted: &Sync) -> Result<(Told, (Amount, Option<String>)), MonoError> {
        match self.via {
            SyncVia::Realtime => {
                let part = match wanted.part {
                    SyncPart::Balance => "balance",
                    SyncPart::Transactions => "transactions",
                };
                let read = self.mono.realtime(&wanted.account, part).await?;
                let balance = (read.balance, read.currency.clone());
                Ok((told_by_read(read), balance))
            }
            SyncVia::Legacy => {
                let synced = self.mono.sync(&wanted.account, wanted.allow_incomplete).await?;
                Ok((told_by_sync(&synced), (None, None)))
            }
        }
    }

    async fn ask(&self, account: &AccountId, wanted: &Wanted) -> Result<Told, MonoError> {
        let mut told = Told::taken();
        match wanted {
            Wanted::Statement(months) => {
                let pdf = self.mono.statement_pdf(account, *months).await?;
                told.mono_job = pdf.job;
                match pdf.state {
                    PdfState::Building => {}
                    PdfState::Built(url) => {
                        told.answer = Answer::Finished { new_data: None };
                        told.result = Personal(Some(url));
                    }
                    PdfState::Failed => {
                        told.answer = Answer::Failed { code: SyncFailureCode::JobFailed };
                    }
                }
            }
            Wanted::Income(months) => self.mono.start_income(account, *months).await?,
            Wanted::Creditworthiness(loan) => {
                self.mono.start_creditworthiness(account, loan).await?;
            }
            Wanted::Categorisation => {
                told.mono_job = self.mono.start_categorisation(account).await?.job;
            }
        }
        Ok(told)
    }

    /// Records Mono's answer, whatever it is, and says how the job stands now.
    async fn settle(
        &self,
        account: &AccountId,
        id: JobId,
        answer: Result<Told, MonoError>,
    ) -> Result<Asked, JobError> {
        let now = self.lifecycle().clock().now();
        let (news, error) = match answer {
            Ok(Told { mono_job, answer, asks, result }) => {
                (JobNews::Answered { id, mono_job, answer, asks, result }, None)
            }
            Err(error) => {
                let code = refusal(error);
                let wait = match error {
                    // What limits us without saying for how long is the documented limit.
                    MonoError::RateLimited { retry_after_ms } => Some(
                        retry_after_ms
                            .and_then(|ms| i64::try_from(ms).ok())
                            .map_or(self.via.every(), chrono::Duration::milliseconds),
                    ),
                    // The bank may have been asked, and that been billed.
                    MonoError::Timeout | MonoError::BadResponse(_) => Some(self.via.every()),
                    // Perhaps nothing was heard: soon again, but not at once for ever.
                    MonoError::Unavailable { .. } => Some(AFTER_TROUBLE),
                    // Nothing was heard.
                    MonoError::NotAsked { .. } => None,
                    MonoError::Unauthorized
                    | MonoError::NotFound
                    | MonoError::Rejected(_)
                    | MonoError::NoWebhook
                    | MonoError::NotReauthorisable => None,
                };
                let told = error.code().as_str().to_owned();
                let (message, again_at) = (error.to_string(), wait.map(|wait| now + wait));
                (JobNews::Refused { id, code, told, message, again_at }, Some((error, again_at)))
            }
        };
        let state = self.record_answer(account, What::Job(news)).await?;
        let job = state.jobs.iter().find(|job| job.id == id).cloned();
        let is_refresh = job.as_ref().is_some_and(|job| job.kind == JobKind::Refresh);
        let too_soon = match error {
            None => None,
            Some((MonoError::RateLimited { .. }, Some(at))) if is_refresh => {
                Some(self.too_soon(at))
            }
            Some((error, _)) => return Err(JobError::Mono(error)),
        };
        // What somebody else did meanwhile may have replaced the job.
        let job = match job {
            Some(job) => Some(job),
            None => self.lifecycle().job(id).await?,
        };
        let started = too_soon.is_none();
        Ok(Asked { job, started, state, too_soon, balance: (None, None) })
    }

    /// Mono starts a job once: its answer is recorded with patience.
    async fn record_answer(
        &self,
        account: &AccountId,
        what: What,
    ) -> Result<AccountState, JobError> {
        let record = || self.lifecycle().record(account.clone(), what.clone());
        Ok(Lifecycle::patiently(record).await?.state)
    }

    /// The job of this id, if the caller may see its account.
    ///
    /// # Errors
    /// [`JobError::Store`].
    pub async fn find(&self, caller: &Caller, id: JobId) -> Result<Option<Job>, JobError> {
        let Some(job) = self.lifecycle().job(id).await? else { return Ok(None) };
        let states = self.lifecycle().states(std::slice::from_ref(&job.account)).await?;
        let seen = states.get(&job.account).is_some_and(|s| s.is_seen_by(caller, &job.account));
        Ok(Some(job).filter(|_| seen))
    }

    /// What a job brought, as far as it is still kept.
    ///
    /// # Errors
    /// [`JobError::Store`].
    pub async fn result(&self, id: JobId) -> Result<Kept, JobError> {
        Ok(self.lifecycle().job_result(id).await?)
    }

    /// The link of a statement, once.
    ///
    /// # Errors
    /// [`JobError::UnknownJob`], [`JobError::NoStatement`], [`JobError::NotReady`],
    /// [`JobError::Taken`].
    pub async fn take_statement(&self, caller: &Caller, id: JobId) -> Result<String, JobError> {
        let job = self.find(caller, id).await?.ok_or(JobError::UnknownJob)?;
        if job.kind != JobKind::Statement {
            return Err(JobError::NoStatement);
        }
        if job.is_live() || job.failure().is_some() {
            return Err(JobError::NotReady);
        }
        match self.lifecycle().take_job_result(id).await? {
            Kept::There(Personal(Some(url)), _) => Ok(url),
            Kept::There(Personal(None), _) | Kept::Taken | Kept::None => Err(JobError::Taken),
        }
    }
}

/// Whether an error says that Mono did not begin, or leaves that open. What it was not asked for it
/// did not begin.
fn refusal(error: MonoError) -> SyncFailureCode {
    match error {
        MonoError::NoWebhook => SyncFailureCode::NoWebhook,
        MonoError::Unauthorized
        | MonoError::NotFound
        | MonoError::Rejected(_)
        | MonoError::NotReauthorisable
        | MonoError::NotAsked { .. }
        | MonoError::RateLimited { .. } => SyncFailureCode::RequestRefused,
        MonoError::Unavailable { .. } | MonoError::Timeout | MonoError::BadResponse(_) => {
            SyncFailureCode::RequestUnanswered
        }
    }
}

/// What Mono's answer says of a job.
struct Told {
    mono_job: Option<String>,
    answer: Answer,
    asks: Option<ReauthReason>,
    result: Personal,
}

impl Told {
    fn taken() -> Self {
        Self { mono_job: None, answer: Answer::Taken, asks: None, result: Personal::default() }
    }
}

/// What a real-time read says. Its `failed` alone does not say that the customer is wanted.
fn told_by_read(read: Realtime) -> Told {
    let word = read.status.as_deref().and_then(JobWord::from_mono);
    let asks = match word {
        _ if read.reauth_required => Some(ReauthReason::Header),
        Some(JobWord::ReauthorisationRequired) => Some(ReauthReason::JobStatus),
        Some(JobWord::Processing | JobWord::Finished | JobWord::Failed) | None => None,
    };
    let answer = match word {
        _ if asks.is_some() => Answer::Failed { code: SyncFailureCode::ReauthRequired },
        Some(JobWord::Failed) => Answer::Failed { code: SyncFailureCode::SyncFailed },
        _ if read.enqueued => Answer::Taken,
        Some(JobWord::Processing) => Answer::Taken,
        // Absent means no news, since Sep 2025; before, it was always there.
        Some(JobWord::Finished | JobWord::ReauthorisationRequired) | None => {
            Answer::Finished { new_data: Some(read.new_data == Some(true)) }
        }
    };
    Told { mono_job: read.job, answer, asks, result: Personal::default() }
}

fn told_by_sync(synced: &Synced) -> Told {
    let (answer, asks) = match synced.code {
        SyncedCode::Successful => (Answer::Finished { new_data: synced.new_data }, None),
        SyncedCode::ReauthorisationRequired => {
            let code = SyncFailureCode::ReauthRequired;
            (Answer::Failed { code }, Some(ReauthReason::SyncCode))
        }
        SyncedCode::Error => (Answer::Failed { code: SyncFailureCode::SyncFailed }, None),
        SyncedCode::IncompleteStatement => {
            (Answer::Failed { code: SyncFailureCode::IncompleteStatement }, None)
        }
    };
    Told { mono_job: None, answer, asks, result: Personal::default() }
}
