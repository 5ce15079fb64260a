//! The mutations of demo mode: what banks, customers and networks do, on demand.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use serde_json::json;

use super::Controls;
use crate::{
    account::loader::Loaders,
    error::{ApiError, ErrorCode, Fallible, Result},
    ids::{LinkId, ReauthId},
    lifecycle::session::{Handover, ReauthMethod},
    link::service::Links,
    reauth::service::Reauths,
};

/// What a customer does at the bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum SimulatedOutcome {
    /// They authorise.
    Approve,
    /// They fail to.
    Fail,
    /// They close the page.
    Close,
    /// They choose another account.
    OtherAccount,
}

/// What Mono says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum SimulatedWebhook {
    /// An account was linked.
    AccountConnected,
    /// Data came in.
    AccountUpdated,
    /// The bank asks for the customer again.
    ReauthorisationRequired,
    /// The customer authorised again.
    AccountReauthorized,
    /// An automatic refresh failed.
    SyncFailed,
    /// An account was unlinked.
    AccountUnlinked,
    /// A job moved on.
    JobUpdate,
    /// Something that the gateway has no use for.
    Unknown,
}

/// How what Mono says goes astray.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum SimulatedOddity {
    /// It does not.
    None,
    /// It is sent twice.
    Duplicate,
    /// It overtakes what waits.
    Reversed,
    /// It comes after all others.
    Late,
    /// It is never sent.
    Lost,
    /// It carries another secret.
    WrongSecret,
    /// It has no id of its own.
    NoEventId,
    /// Its body is not JSON.
    Garbage,
}

/// How Mono fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum SimulatedFault {
    /// It answers 500.
    ServerError,
    /// It answers 429 and asks for a second's patience.
    RateLimited,
    /// It refuses the key.
    Unauthorized,
    /// It answers after 12 seconds.
    Slow,
    /// It hangs up.
    Reset,
    /// It breaks off in the middle.
    Truncated,
    /// It answers something that is not JSON.
    Garbage,
    /// It answers without data.
    DataNull,
    /// It answers nothing.
    Empty,
    /// It says that the account can not be re-authorised.
    NotReauthorisable,
}

/// A bank that asks for its customer again.
#[derive(Clone, Debug, InputObject)]
pub struct SimulateReauthRequiredInput {
    /// The account.
    account_id: ID,
}

/// A customer at the bank.
#[derive(Clone, Debug, InputObject)]
pub struct SimulateReauthOutcomeInput {
    /// The session whose link they opened.
    reauth_id: ID,
    /// What they do.
    #[graphql(default_with = "SimulatedOutcome::Approve")]
    outcome: SimulatedOutcome,
}

/// A customer who links.
#[derive(Clone, Debug, InputObject)]
pub struct SimulateLinkOutcomeInput {
    /// The link session whose link they opened.
    link_id: ID,
    /// What they do.
    #[graphql(default_with = "SimulatedOutcome::Approve")]
    outcome: SimulatedOutcome,
    /// The account that they link once more: the same at the bank, a new id at Mono.
    same_as: Option<ID>,
}

/// A webhook.
#[derive(Clone, Debug, InputObject)]
pub struct SimulateWebhookInput {
    /// The account that it is about.
    account_id: ID,
    /// What it says.
    kind: SimulatedWebhook,
    /// How it goes astray.
    #[graphql(default_with = "SimulatedOddity::None")]
    oddity: SimulatedOddity,
}

/// Answers of Mono's that fail.
#[derive(Clone, Debug, InputObject)]
pub struct SimulateFaultInput {
    /// How.
    kind: SimulatedFault,
    /// How many of the next answers: 1 to 100.
    #[graphql(default = 1)]
    count: i32,
    /// Only answers about this account.
    account_id: Option<ID>,
}

/// What the simulator did.
#[derive(Clone, Debug, SimpleObject)]
pub struct SimulatePayload {
    /// Whether it was done.
    done: bool,
    /// What happens now.
    message: String,
    /// The code that the customer brings back, for completeLink.
    code: Option<String>,
    /// The account that the customer chose.
    account_id: Option<ID>,
    /// Where the customer's browser goes.
    redirect_to: Option<String>,
}

/// The mutations of demo mode.
#[derive(Debug, Default)]
pub struct DemoMutation;

/// Everything that can be changed.
#[Object]
impl DemoMutation {
    /// Demo only: the account's bank asks for its customer again.
    async fn simulate_reauth_required(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which account.")] input: SimulateReauthRequiredInput,
    ) -> Fallible<SimulatePayload> {
        Some(require_reauth(ctx, &input.account_id).await)
    }

    /// Demo only: the customer does something at the bank.
    async fn simulate_reauth_outcome(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who does what.")] input: SimulateReauthOutcomeInput,
    ) -> Fallible<SimulatePayload> {
        Some(finish(ctx, input).await)
    }

    /// Demo only: a customer who links does something at the bank.
    async fn simulate_link_outcome(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who does what.")] input: SimulateLinkOutcomeInput,
    ) -> Fallible<SimulatePayload> {
        Some(finish_link(ctx, input).await)
    }

    /// Demo only: Mono says something, true or not.
    async fn simulate_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What it says.")] input: SimulateWebhookInput,
    ) -> Fallible<SimulatePayload> {
        let body = json!({
            "account": input.account_id.as_str(),
            "kind": word(input.kind),
            "oddity": word(input.oddity),
        });
        Some(pull(ctx, &["webhooks"], body, "the webhook is on its way").await)
    }

    /// Demo only: the next answers of Mono's fail.
    async fn simulate_fault(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How they fail.")] input: SimulateFaultInput,
    ) -> Fallible<SimulatePayload> {
        if !(1..=100).contains(&input.count) {
            let text = "count is a number from 1 to 100";
            return Some(Err(ApiError::new(ErrorCode::BadUserInput, text)));
        }
        let mut body = match input.kind {
            SimulatedFault::ServerError => json!({ "kind": "status", "status": 500 }),
            SimulatedFault::RateLimited => {
                json!({ "kind": "status", "status": 429, "retry_after": 1 })
            }
            SimulatedFault::Unauthorized => json!({ "kind": "status", "status": 401 }),
            SimulatedFault::Slow => json!({ "kind": "slow", "delay_ms": 12_000 }),
            SimulatedFault::Reset
            | SimulatedFault::Truncated
            | SimulatedFault::Garbage
            | SimulatedFault::DataNull
            | SimulatedFault::Empty
            | SimulatedFault::NotReauthorisable => json!({ "kind": word(input.kind) }),
        };
        body["count"] = json!(input.count);
        if let Some(id) = &input.account_id {
            body["account"] = json!(id.as_str());
        }
        Some(pull(ctx, &["faults"], body, "the next answers of Mono's fail").await)
    }
}

/// An enum's word as the simulator spells it.
fn word<T: async_graphql::resolver_utils::EnumType>(value: T) -> String {
    let name = T::items().iter().find(|item| item.value == value).map_or("", |item| item.name);
    name.to_ascii_lowercase()
}

/// Said with an id and a time, as Mono's newest events carry them: two that carry neither are
/// taken for copies of one within an hour, and a demo is played more often.
async fn require_reauth(ctx: &Context<'_>, account: &str) -> Result<SimulatePayload> {
    let controls = ctx.data_unchecked::<Controls>();
    let path = ["accounts", account, "require-reauth"];
    controls.pull(&path, json!({ "announce": "none" })).await?;
    let body = json!({ "account": account, "kind": "reauthorisation_required", "variant": "F" });
    pull(ctx, &["webhooks"], body, "the webhook reauthorisation_required is on its way").await
}

async fn finish(ctx: &Context<'_>, input: SimulateReauthOutcomeInput) -> Result<SimulatePayload> {
    let id = ReauthId::parse(&input.reauth_id)?;
    let caller = ctx.data_unchecked::<Loaders>().caller();
    let session = ctx.data_unchecked::<Reauths>().find(caller, id).await?;
    let session = session.ok_or_else(|| {
        ApiError::new(ErrorCode::NotFound, "there is no such re-authorisation session")
    })?;
    let path: &[&str] = match (session.method, session.handover()) {
        (ReauthMethod::WidgetToken, Some(Handover::Token(token))) => &["tokens", token, "outcome"],
        (ReauthMethod::Widget, _) => &["accounts", session.account.as_str(), "widget-reauth"],
        (ReauthMethod::HostedLink | ReauthMethod::WidgetToken, _) => {
            &["links", "by-reference", &session.reference, "outcome"]
        }
    };
    let message = match input.outcome {
        SimulatedOutcome::Approve => {
            "the customer authorised; account_reauthorized and account_updated are on their way"
        }
        SimulatedOutcome::Fail | SimulatedOutcome::Close => {
            "the customer came back without authorising; Mono sends no webhook for that"
        }
        SimulatedOutcome::OtherAccount => {
            "the customer authorised another account; its webhooks are on their way"
        }
    };
    pull(ctx, path, json!({ "outcome": word(input.outcome) }), message).await
}

async fn finish_link(
    ctx: &Context<'_>,
    input: SimulateLinkOutcomeInput,
) -> Result<SimulatePayload> {
    let id = LinkId::parse(&input.link_id)?;
    let caller = ctx.data_unchecked::<Loaders>().caller();
    let session = ctx.data_unchecked::<Links>().find(caller, id).await?;
    let session = session
        .ok_or_else(|| ApiError::new(ErrorCode::NotFound, "there is no such link session"))?;
    let path = ["links", "by-reference", &session.reference, "outcome"];
    let message = match input.outcome {
        SimulatedOutcome::Approve | SimulatedOutcome::OtherAccount => {
            "the customer linked an account; account_connected and account_updated are on their way"
        }
        SimulatedOutcome::Fail | SimulatedOutcome::Close => {
            "the customer came back without linking; Mono sends no webhook for that"
        }
    };
    let mut body = json!({ "outcome": word(input.outcome) });
    if let Some(account) = &input.same_as {
        body["same_as"] = json!(account.as_str());
    }
    pull(ctx, &path, body, message).await
}

async fn pull(
    ctx: &Context<'_>,
    path: &[&str],
    body: serde_json::Value,
    message: &str,
) -> Result<SimulatePayload> {
    let said = ctx.data_unchecked::<Controls>().pull(path, body).await?;
    let text = |name: &str| said[name].as_str().map(str::to_owned);
    Ok(SimulatePayload {
        done: true,
        message: message.to_owned(),
        code: text("code"),
        account_id: text("account").map(ID),
        redirect_to: text("redirect_to"),
    })
}
