//! Jobs as a client sees them: `Job`, what it brought, and where it is asked for.

mod errors;
mod mutation;

use async_graphql::{Context, ID, Interface, Object};

pub use mutation::JobMutation;

use super::{
    result::{Creditworthiness, Debt, Decimal, Income, Stream},
    service::Jobs,
};
use crate::{
    access::require,
    account::{
        graphql::{Account, SyncFailureView},
        loader::Loaders,
    },
    caller::Scope,
    clock::Time,
    error::{ApiError, Fallible, Result},
    ids::JobId,
    lifecycle::{
        job::{self, JobKind, JobStatus, Personal, SyncPart},
        store::Kept,
    },
    scalar::DateTime,
};

/// Work of Mono's that outlasts the request for it.
#[derive(Clone, Debug)]
pub struct Job {
    job: job::Job,
    loaders: Loaders,
}

impl Job {
    /// This job.
    #[must_use]
    pub fn new(job: job::Job, loaders: Loaders) -> Self {
        Self { job, loaders }
    }
}

/// Work of Mono's that outlasts the request for it: a refresh, a statement, an assessment. At most
/// one of a kind runs for an account.
#[Object]
impl Job {
    /// The gateway's id of the job: job_ and 32 hexadecimal digits.
    pub async fn id(&self) -> ID {
        ID(self.job.id.to_string())
    }

    /// What it does.
    async fn kind(&self) -> JobKind {
        self.job.kind
    }

    /// How far it is.
    async fn status(&self) -> JobStatus {
        self.job.status()
    }

    /// Whose account.
    async fn account(&self) -> Result<Account> {
        Account::of(&self.job.account, &self.loaders).await
    }

    /// What a refresh fetches; null for other kinds.
    async fn part(&self) -> Option<SyncPart> {
        self.job.part
    }

    /// How many months it covers; null if it was not said.
    async fn months(&self) -> Option<u32> {
        self.job.months
    }

    /// Mono's id of the job; null before Mono took it, and where Mono gives none.
    async fn mono_job_id(&self) -> Option<&str> {
        self.job.mono_job.as_deref()
    }

    /// When it was asked for, by the gateway's clock.
    async fn created_at(&self) -> DateTime {
        DateTime(self.job.created_at)
    }

    /// When it ended, by the gateway's clock; null while it runs.
    async fn ended_at(&self) -> Option<DateTime> {
        self.job.ended_at().map(DateTime)
    }

    /// While it runs: when the gateway gives it up if nothing is heard.
    async fn waiting_until(&self) -> Option<DateTime> {
        self.job.waiting_until().map(DateTime)
    }

    /// Why it failed; null unless it did. A success that comes after TIMED_OUT,
    /// INTERRUPTED or REQUEST_UNANSWERED still repairs it.
    async fn failure(&self) -> Option<SyncFailureView> {
        self.job.failure().cloned().map(SyncFailureView)
    }

    /// What it brought, while the gateway keeps it: a statement's link until takeStatement, an hour
    /// at most; an income or an assessment for 24 hours. Null for other kinds, and once it is gone.
    async fn result(&self, ctx: &Context<'_>) -> Fallible<JobResult> {
        read_result(ctx, self).await.transpose()
    }
}

/// What a job brought.
#[derive(Interface)]
#[graphql(field(
    name = "available_until",
    ty = "DateTime",
    desc = "When the gateway erases it, by its clock."
))]
pub enum JobResult {
    /// A statement's link can be taken.
    Statement(StatementResult),
    /// An income.
    Income(IncomeResult),
    /// An assessment.
    Creditworthiness(CreditworthinessResult),
}

async fn read_result(ctx: &Context<'_>, job: &Job) -> Result<Option<JobResult>> {
    let kind = job.job.kind;
    let is_personal = match kind {
        JobKind::Refresh | JobKind::Categorisation => return Ok(None),
        JobKind::Statement => false,
        JobKind::Income | JobKind::Creditworthiness => true,
    };
    if is_personal {
        require(job.loaders.caller(), Scope::PiiRead)?;
    }
    if job.job.status() != JobStatus::Finished {
        return Ok(None);
    }
    let kept = ctx.data_unchecked::<Jobs>().result(job.job.id).await?;
    let Kept::There(Personal(Some(raw)), until) = kept else { return Ok(None) };
    Ok(match kind {
        JobKind::Refresh | JobKind::Categorisation => None,
        JobKind::Statement => Some(JobResult::Statement(StatementResult { until })),
        JobKind::Income => {
            let income = Income::decode(&raw);
            Some(JobResult::Income(IncomeResult { income, raw, until }))
        }
        JobKind::Creditworthiness => {
            let assessed = Creditworthiness::decode(&raw);
            let result = CreditworthinessResult { assessed, raw, until };
            Some(JobResult::Creditworthiness(result))
        }
    })
}

/// A statement's link waits to be taken.
pub struct StatementResult {
    until: Time,
}

/// A statement is there: takeStatement hands its link on, once.
#[Object]
impl StatementResult {
    /// When the gateway erases the link, by its clock.
    async fn available_until(&self) -> DateTime {
        DateTime(self.until)
    }
}

/// An income.
pub struct IncomeResult {
    income: Income,
    raw: String,
    until: Time,
}

fn text(number: Option<&Decimal>) -> Option<&str> {
    number.map(|number| number.0.as_str())
}

/// A customer's income as Mono found it in the transactions. Amounts are in minor units (kobo) as
/// decimal numbers, unrounded: averages may be fractional. Mono documents no shape; what is missing
/// here may be in raw.
#[Object]
impl IncomeResult {
    /// When the gateway erases it, by its clock.
    async fn available_until(&self) -> DateTime {
        DateTime(self.until)
    }

    /// All income in the months that were looked at, in minor units.
    async fn total_minor(&self) -> Option<&str> {
        text(self.income.total.as_ref())
    }

    /// A year's income, in minor units.
    async fn annual_minor(&self) -> Option<&str> {
        text(self.income.annual.as_ref())
    }

    /// A month's income, in minor units.
    async fn monthly_minor(&self) -> Option<&str> {
        text(self.income.monthly.as_ref())
    }

    /// Who pays it, as Mono found it.
    async fn employer(&self) -> Option<&str> {
        self.income.employer.as_deref()
    }

    /// Where it comes from.
    async fn streams(&self) -> Vec<IncomeResultStream> {
        self.income.streams.iter().cloned().map(IncomeResultStream).collect()
    }

    /// All that Mono told, as JSON text.
    async fn raw(&self) -> &str {
        &self.raw
    }
}

/// A source of income.
struct IncomeResultStream(Stream);

/// One source of a customer's income.
#[Object]
impl IncomeResultStream {
    /// Mono's word for it, for example SALARY. An open list.
    #[graphql(name = "type")]
    async fn kind(&self) -> Option<&str> {
        self.0.kind.as_deref()
    }

    /// Mono's word for how often it comes, for example MONTHLY. An open list.
    async fn frequency(&self) -> Option<&str> {
        self.0.frequency.as_deref()
    }

    /// A month's average, in minor units, as a decimal number that may be fractional.
    async fn monthly_average_minor(&self) -> Option<&str> {
        text(self.0.monthly_average.as_ref())
    }

    /// The currency as Mono wrote it.
    async fn currency(&self) -> Option<&str> {
        self.0.currency.as_deref()
    }

    /// How steady it is, as a decimal number from 0 to 1.
    async fn stability(&self) -> Option<&str> {
        text(self.0.stability.as_ref())
    }
}

/// An assessment.
pub struct CreditworthinessResult {
    assessed: Creditworthiness,
    raw: String,
    until: Time,
}

/// Whether a customer can afford a loan, as Mono assessed it. Amounts are in minor units (kobo) as
/// decimal numbers. What is missing here may be in raw.
#[Object]
impl CreditworthinessResult {
    /// When the gateway erases it, by its clock.
    async fn available_until(&self) -> DateTime {
        DateTime(self.until)
    }

    /// Whether the loan can be afforded.
    async fn can_afford(&self) -> Option<bool> {
        self.assessed.can_afford
    }

    /// What a month would cost, in minor units.
    async fn monthly_payment_minor(&self) -> Option<&str> {
        text(self.assessed.monthly_payment.as_ref())
    }

    /// The first day that was looked at, as Mono wrote it.
    async fn assessed_from(&self) -> Option<&str> {
        self.assessed.assessed_from.as_deref()
    }

    /// The last day that was looked at, as Mono wrote it.
    async fn assessed_to(&self) -> Option<&str> {
        self.assessed.assessed_to.as_deref()
    }

    /// Whether credit bureaus were asked.
    async fn credit_checked(&self) -> Option<bool> {
        self.assessed.credit_checked
    }

    /// What the customer owes already, in minor units.
    async fn total_debt_minor(&self) -> Option<&str> {
        text(self.assessed.total_debt.as_ref())
    }

    /// To whom.
    async fn debts(&self) -> Vec<LenderDebt> {
        self.assessed.debts.iter().cloned().map(LenderDebt).collect()
    }

    /// All that Mono told, as JSON text.
    async fn raw(&self) -> &str {
        &self.raw
    }
}

/// A debt.
struct LenderDebt(Debt);

/// What a customer owes to one lender.
#[Object]
impl LenderDebt {
    /// The lender.
    async fn institution(&self) -> Option<&str> {
        self.0.institution.as_deref()
    }

    /// How much, in minor units, as a decimal number.
    async fn owed_minor(&self) -> Option<&str> {
        text(self.0.owed.as_ref())
    }
}

/// The queries about jobs.
#[derive(Debug, Default)]
pub struct JobQuery;

/// Everything that can be asked.
#[Object]
impl JobQuery {
    /// A job; null if there is none, or if it is not yours.
    async fn job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job's id: job_ and 32 hexadecimal digits.")] id: ID,
    ) -> Fallible<Job> {
        find_job(ctx, &id).await.transpose()
    }
}

/// The job of this id, if it is one and the caller may see it.
///
/// # Errors
/// `INTERNAL` if the database fails.
pub async fn find_job(ctx: &Context<'_>, id: &str) -> Result<Option<Job>> {
    let loaders = ctx.data_unchecked::<Loaders>();
    require(loaders.caller(), Scope::AccountsRead)?;
    // No job has an id of another shape.
    let Ok(id) = JobId::parse(id) else { return Ok(None) };
    let found = ctx.data_unchecked::<Jobs>().find(loaders.caller(), id).await;
    Ok(found.map_err(ApiError::from)?.map(|job| Job::new(job, loaders.clone())))
}
