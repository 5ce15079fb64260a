//! `syncAccount`, and the other jobs that can be asked for.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{Job, errors::user_error};
use crate::{
    access::require,
    account::{graphql::Account, loader::Loaders},
    caller::Scope,
    error::{ApiError, Fallible, Result},
    ids::{AccountId, JobId},
    job::{
        JobError,
        service::{Asked, Jobs, Sync, Wanted},
    },
    lifecycle::job::SyncPart,
    money::MinorUnits,
    mono::jobs::Loan,
    user_error::UserError,
};

/// A refresh to start.
#[derive(Clone, Debug, InputObject)]
pub(super) struct SyncAccountInput {
    /// Mono's id of the account.
    account_id: ID,
    /// What to fetch. A gateway with MONO_SYNC=legacy fetches both, whatever this says.
    #[graphql(default_with = "Some(SyncPart::Transactions)")]
    part: Option<SyncPart>,
    /// Whether fewer transactions than the bank gave before will do; for MONO_SYNC=legacy.
    #[graphql(default_with = "Some(false)")]
    allow_incomplete_statement: Option<bool>,
    /// Your word for this wish, 1 to 255 characters, best a UUID: repeating it within 24 hours gives
    /// the first answer, whatever became of the first one's connection.
    idempotency_key: Option<String>,
}

/// A refresh that was asked for.
#[derive(SimpleObject)]
pub(super) struct SyncAccountPayload {
    /// The account as it is now; null if there are errors other than SYNC_TOO_SOON.
    account: Option<Account>,
    /// The refresh that was started, that is under way, or that ended a short while ago.
    job: Option<Job>,
    /// Whether Mono was asked for a new one. False if one was under way, or ended a short while ago.
    started: bool,
    /// What stands against it and can be mended by choosing otherwise.
    errors: Vec<UserError>,
}

/// A statement to have made.
#[derive(Clone, Debug, InputObject)]
pub(super) struct RequestStatementInput {
    /// Mono's id of the account.
    account_id: ID,
    /// The last how many months, from 1 to 12.
    #[graphql(default_with = "Some(1)")]
    months: Option<i32>,
    /// Your word for this wish, 1 to 255 characters, best a UUID: repeating it within 24 hours gives
    /// the first answer, whatever became of the first one's connection.
    idempotency_key: Option<String>,
}

/// An income to find.
#[derive(Clone, Debug, InputObject)]
pub(super) struct RequestIncomeInput {
    /// Mono's id of the account.
    account_id: ID,
    /// The last how many months, from 1 to 12; Mono's own choice if left out.
    months: Option<i32>,
    /// Your word for this wish, 1 to 255 characters, best a UUID: repeating it within 24 hours gives
    /// the first answer, whatever became of the first one's connection.
    idempotency_key: Option<String>,
}

/// A loan to assess.
// Has no Debug: it holds the customer's number.
#[derive(Clone, InputObject)]
pub(super) struct RequestCreditworthinessInput {
    /// Mono's id of the account.
    account_id: ID,
    /// The customer's bank verification number: 11 digits. Passed on to Mono and kept nowhere.
    bvn: String,
    /// How much is lent, in minor units (kobo).
    principal: MinorUnits,
    /// The interest, in percent.
    interest_rate: f64,
    /// For how many months, from 1 to 600.
    term: i32,
    /// Whether credit bureaus are asked as well.
    #[graphql(default_with = "Some(false)")]
    run_credit_check: Option<bool>,
    /// Your word for this wish, 1 to 255 characters, best a UUID: repeating it within 24 hours gives
    /// the first answer, whatever became of the first one's connection.
    idempotency_key: Option<String>,
}

/// Transactions to categorise.
#[derive(Clone, Debug, InputObject)]
pub(super) struct CategoriseTransactionsInput {
    /// Mono's id of the account.
    account_id: ID,
    /// Your word for this wish, 1 to 255 characters, best a UUID: repeating it within 24 hours gives
    /// the first answer, whatever became of the first one's connection.
    idempotency_key: Option<String>,
}

/// A job that was asked for.
#[derive(SimpleObject)]
pub(super) struct JobPayload {
    /// The job that was started, or the one that runs for the same arguments; null if there are
    /// errors.
    job: Option<Job>,
    /// Whether Mono was asked for a new one.
    started: bool,
    /// What stands against it and can be mended by choosing otherwise.
    errors: Vec<UserError>,
}

/// A statement whose link is wanted.
#[derive(Clone, Debug, InputObject)]
pub(super) struct TakeStatementInput {
    /// The job that made it.
    job_id: ID,
}

/// A statement's link, handed on.
#[derive(SimpleObject)]
pub(super) struct TakeStatementPayload {
    /// Where the PDF is: whoever has this link can read it. Null if there are errors.
    url: Option<String>,
    /// What stands against it.
    errors: Vec<UserError>,
}

/// The mutations about jobs.
#[derive(Debug, Default)]
pub struct JobMutation;

/// Everything that can be changed.
#[Object]
impl JobMutation {
    /// Has the bank asked for new data now. Answers when Mono does, after 35 seconds at most; a slow
    /// bank's data comes later, and jobChanged tells of it. One per account and 5 minutes.
    async fn sync_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to fetch.")] input: SyncAccountInput,
    ) -> Fallible<SyncAccountPayload> {
        Some(sync(ctx, input).await)
    }

    /// Has a PDF of the statement made. Once the job is FINISHED, takeStatement hands on its link.
    /// A statement prints holder and number: needs the scope pii:read as well.
    async fn request_statement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which account, and how much of it.")] input: RequestStatementInput,
    ) -> Fallible<JobPayload> {
        if let Err(error) = require(ctx.data_unchecked::<Loaders>().caller(), Scope::PiiRead) {
            return Some(Err(error));
        }
        let months = match months(input.months.or(Some(1))) {
            Ok(months) => months.unwrap_or(1),
            Err(error) => return Some(Err(error)),
        };
        let wanted = Wanted::Statement(months);
        Some(start(ctx, &input.account_id, wanted, input.idempotency_key).await)
    }

    /// Hands on a statement's link, once; then it is erased. It is kept for an hour at most. Needs
    /// the scope pii:read as well.
    async fn take_statement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which statement.")] input: TakeStatementInput,
    ) -> Fallible<TakeStatementPayload> {
        Some(take(ctx, &input.job_id).await)
    }

    /// Has the customer's income found in the transactions. The end comes by jobChanged.
    async fn request_income(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which account.")] input: RequestIncomeInput,
    ) -> Fallible<JobPayload> {
        let months = match months(input.months) {
            Ok(months) => months,
            Err(error) => return Some(Err(error)),
        };
        Some(start(ctx, &input.account_id, Wanted::Income(months), input.idempotency_key).await)
    }

    /// Has assessed whether the customer can afford a loan. The end comes by jobChanged. Needs the
    /// scope pii:read as well.
    async fn request_creditworthiness(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which loan.")] input: RequestCreditworthinessInput,
    ) -> Fallible<JobPayload> {
        let loaders = ctx.data_unchecked::<Loaders>();
        if let Err(error) = require(loaders.caller(), Scope::PiiRead) {
            return Some(Err(error));
        }
        let wanted = Wanted::Creditworthiness(Loan {
            bvn: input.bvn,
            principal_minor: input.principal.0,
            interest_rate: input.interest_rate,
            term: input.term,
            run_credit_check: input.run_credit_check == Some(true),
        });
        Some(start(ctx, &input.account_id, wanted, input.idempotency_key).await)
    }

    /// Has the transactions given their categories; once the job is FINISHED, transactions carry
    /// them.
    async fn categorise_transactions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which account.")] input: CategoriseTransactionsInput,
    ) -> Fallible<JobPayload> {
        Some(start(ctx, &input.account_id, Wanted::Categorisation, input.idempotency_key).await)
    }
}

fn months(given: Option<i32>) -> Result<Option<u32>> {
    given.map(|months| u32::try_from(months).map_err(|_| JobError::BadMonths.into())).transpose()
}

async fn sync(ctx: &Context<'_>, input: SyncAccountInput) -> Result<SyncAccountPayload> {
    let loaders = ctx.data_unchecked::<Loaders>();
    require(loaders.caller(), Scope::ReauthWrite)?;
    let account = AccountId::parse(&input.account_id)?;
    let wanted = Sync {
        account: account.clone(),
        part: input.part.unwrap_or(SyncPart::Transactions),
        allow_incomplete: input.allow_incomplete_statement == Some(true),
        key: input.idempotency_key,
    };
    match ctx.data_unchecked::<Jobs>().sync(loaders.caller(), wanted).await {
        Ok(Asked { job, started, state, too_soon, .. }) => {
            let loaders = loaders.fresh();
            Ok(SyncAccountPayload {
                account: Some(Account::new(account, Arc::new(state), loaders.clone())),
                job: job.map(|job| Job::new(job, loaders)),
                started,
                errors: too_soon.as_ref().and_then(user_error).into_iter().collect(),
            })
        }
        Err(error) => match user_error(&error) {
            Some(error) => Ok(SyncAccountPayload {
                account: None,
                job: None,
                started: false,
                errors: vec![error],
            }),
            None => Err(error.into()),
        },
    }
}

async fn start(
    ctx: &Context<'_>,
    account: &str,
    wanted: Wanted,
    key: Option<String>,
) -> Result<JobPayload> {
    let loaders = ctx.data_unchecked::<Loaders>();
    require(loaders.caller(), Scope::ReauthWrite)?;
    let account = AccountId::parse(account)?;
    match ctx.data_unchecked::<Jobs>().start(loaders.caller(), account, wanted, key).await {
        Ok(asked) => Ok(JobPayload {
            job: asked.job.map(|job| Job::new(job, loaders.fresh())),
            started: asked.started,
            errors: Vec::new(),
        }),
        Err(error) => match user_error(&error) {
            Some(error) => Ok(JobPayload { job: None, started: false, errors: vec![error] }),
            None => Err(error.into()),
        },
    }
}

async fn take(ctx: &Context<'_>, id: &str) -> Result<TakeStatementPayload> {
    let loaders = ctx.data_unchecked::<Loaders>();
    require(loaders.caller(), Scope::ReauthWrite)?;
    require(loaders.caller(), Scope::PiiRead)?;
    let id = JobId::parse(id)?;
    match ctx.data_unchecked::<Jobs>().take_statement(loaders.caller(), id).await {
        Ok(url) => Ok(TakeStatementPayload { url: Some(url), errors: Vec::new() }),
        Err(error) => match user_error(&error) {
            Some(error) => Ok(TakeStatementPayload { url: None, errors: vec![error] }),
            None => Err(ApiError::from(error)),
        },
    }
}
