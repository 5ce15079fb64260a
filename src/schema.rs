//! Merges the domains into one schema, and runs documents against it.

use async_graphql::{
    Context, Enum, ID, Interface, MergedObject, MergedSubscription, Object, Request, Response,
    SDLExportOptions, Schema as Library, SimpleObject, ValidationMode, Value,
    futures_util::stream::BoxStream,
};
use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};

pub use crate::lifecycle::feed::CursorSlot;

use crate::{
    account::{
        graphql::{Account, AccountQuery},
        loader::{Loaders, Sources},
    },
    caller::Caller,
    demo::{Controls, graphql::DemoMutation},
    error::{ApiError, ErrorCode, Fallible, Result},
    ids::{AccountId, EventId, JobId, LinkId, ReauthId},
    job::{
        graphql::{Job, JobMutation, JobQuery, find_job},
        service::Jobs,
    },
    lifecycle::graphql::LifecycleSubscription,
    link::{
        graphql::{LinkMutation, LinkQuery, LinkSession, find_link},
        service::Links,
    },
    reauth::{
        graphql::{ReauthMutation, ReauthQuery, ReauthSession, find_session},
        service::Reauths,
    },
    webhook::{
        graphql::{WebhookEvent, WebhookMutation, WebhookQuery, find_event},
        service::Webhooks,
    },
};

/// What the gateway talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum GatewayMode {
    /// Its own simulator: all accounts are invented.
    Demo,
    /// Mono.
    Live,
}

/// This gateway.
#[derive(Clone, Debug, SimpleObject)]
pub struct GatewayInfo {
    /// Its version.
    version: String,
    /// What it talks to.
    mode: GatewayMode,
    /// A digest of its schema: changes when the schema does.
    schema_hash: String,
}

/// Everything that has an id of its own.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Its id, unique among all nodes."))]
enum Node {
    Account(Account),
    ReauthSession(ReauthSession),
    LinkSession(LinkSession),
    Job(Job),
    WebhookEvent(WebhookEvent),
}

/// The queries about the gateway itself.
#[derive(Debug, Default)]
pub struct GatewayQuery;

/// Everything that can be asked.
#[Object]
impl GatewayQuery {
    /// Whatever has this id: an account, a session, a job, or, for operators, a webhook. Null if there
    /// is none, or if it is not yours.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "An account's id, a session's, a job's, or a webhook's.")] id: ID,
    ) -> Fallible<Node> {
        node(ctx, &id).await.transpose()
    }

    /// The gateway that answers.
    async fn gateway(&self, ctx: &Context<'_>) -> GatewayInfo {
        ctx.data_unchecked::<GatewayInfo>().clone()
    }
}

async fn node(ctx: &Context<'_>, id: &str) -> Result<Option<Node>> {
    if id.starts_with(ReauthId::PREFIX) {
        return Ok(find_session(ctx, id).await?.map(Node::ReauthSession));
    }
    if id.starts_with(LinkId::PREFIX) {
        return Ok(find_link(ctx, id).await?.map(Node::LinkSession));
    }
    if id.starts_with(JobId::PREFIX) {
        return Ok(find_job(ctx, id).await?.map(Node::Job));
    }
    if id.starts_with(EventId::PREFIX) {
        return Ok(find_event(ctx, id).await?.map(Node::WebhookEvent));
    }
    // Nothing has an id of another shape.
    let Ok(account) = AccountId::parse(id) else { return Ok(None) };
    match Account::find(ctx, account).await {
        Ok(account) => Ok(Some(Node::Account(account))),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Everything that can be asked.
#[derive(MergedObject, Default)]
pub struct Query(AccountQuery, ReauthQuery, LinkQuery, JobQuery, WebhookQuery, GatewayQuery);

/// Everything that can be changed.
#[derive(MergedObject, Default)]
pub struct Mutation(ReauthMutation, LinkMutation, JobMutation, WebhookMutation);

/// Everything that can be changed. In demo mode this includes what banks and customers do.
#[derive(MergedObject, Default)]
#[graphql(name = "Mutation")]
pub struct WithDemo(ReauthMutation, LinkMutation, JobMutation, WebhookMutation, DemoMutation);

/// Everything that can be listened to.
#[derive(MergedSubscription, Default)]
pub struct Subscription(LifecycleSubscription);

/// What the schema's fields need.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Where reads come from.
    pub sources: Sources,
    /// Re-authorisation.
    pub reauths: Reauths,
    /// Linking.
    pub links: Links,
    /// Refreshes, statements, assessments.
    pub jobs: Jobs,
    /// Webhooks, and the log of them.
    pub webhooks: Webhooks,
    /// The simulator's levers; none in live mode.
    pub demo: Option<Controls>,
}

/// The schema, ready to run. Clones share it.
#[derive(Clone)]
pub struct Schema {
    kind: Kind,
    introspection: Introspection,
    sources: Sources,
}

#[derive(Clone)]
enum Kind {
    Live(Library<Query, Mutation, Subscription>),
    Demo(Library<Query, WithDemo, Subscription>),
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Schema").finish_non_exhaustive()
    }
}

/// How many levels the library walks: more than a checked document has.
const DEEPEST: usize = 100;

/// What the schema says of itself.
const DESCRIPTION: &str = "Bank accounts that customers linked through Mono: how far their data is, \
    their transactions, and the customer's consent, asked for again when the bank wants it.";

/// The live schema in the schema definition language.
#[must_use]
pub fn sdl() -> String {
    tidy(&definitions(GatewayMode::Live))
}

/// The schema of demo mode in the schema definition language.
#[must_use]
pub fn demo_sdl() -> String {
    tidy(&definitions(GatewayMode::Demo))
}

/// A mode's schema without a description of the whole, which not every reader of schemas takes.
#[must_use]
pub fn definitions(mode: GatewayMode) -> String {
    let (query, subscription) = (Query::default(), Subscription::default());
    match mode {
        GatewayMode::Live => Library::build(query, Mutation::default(), subscription)
            .finish()
            .sdl_with_options(style()),
        GatewayMode::Demo => Library::build(query, WithDemo::default(), subscription)
            .finish()
            .sdl_with_options(style()),
    }
}

fn style() -> SDLExportOptions {
    SDLExportOptions::new().include_specified_by().use_space_ident().indent_width(2)
}

/// Lines without trailing blanks, and one end of line at the end.
fn tidy(sdl: &str) -> String {
    let lines: Vec<_> = sdl.lines().map(str::trim_end).collect();
    let described = format!("\n\"\"\"\n{DESCRIPTION}\n\"\"\"\nschema {{");
    format!("{}\n", lines.join("\n").trim_end().replace("\nschema {", &described))
}

/// Whether a schema answers about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Introspection {
    /// It does, and helps with spelling.
    On,
    /// It does not.
    Off,
}

impl Schema {
    /// Builds the schema over these parts.
    #[must_use]
    pub fn build(parts: Parts, introspection: Introspection) -> Self {
        let info = |mode, sdl: &str| GatewayInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            mode,
            schema_hash: hash(sdl),
        };
        macro_rules! finish {
            ($builder:expr, $info:expr) => {{
                // Documents were checked before, against this schema's own text.
                let builder = $builder
                    .data($info)
                    .data(parts.reauths)
                    .data(parts.links)
                    .data(parts.jobs)
                    .data(parts.webhooks)
                    .validation_mode(ValidationMode::Fast)
                    .limit_recursive_depth(DEEPEST);
                if introspection == Introspection::On {
                    builder.finish()
                } else {
                    builder.disable_introspection().disable_suggestions().finish()
                }
            }};
        }
        let kind = match parts.demo {
            Some(controls) => {
                let builder =
                    Library::build(Query::default(), WithDemo::default(), Subscription::default())
                        .data(controls);
                Kind::Demo(finish!(builder, info(GatewayMode::Demo, &demo_sdl())))
            }
            None => {
                let builder =
                    Library::build(Query::default(), Mutation::default(), Subscription::default());
                Kind::Live(finish!(builder, info(GatewayMode::Live, &sdl())))
            }
        };
        Self { kind, introspection, sources: parts.sources }
    }

    /// Whether questions about the schema are answered.
    #[must_use]
    pub fn answers_about_itself(&self) -> bool {
        self.introspection == Introspection::On
    }

    fn request(&self, request: Request, caller: Caller) -> Request {
        request.data(Loaders::new(self.sources.clone(), caller))
    }

    /// Runs a query or a mutation.
    pub async fn execute(&self, request: Request, caller: Caller) -> Response {
        let request = self.request(request, caller);
        describe(match &self.kind {
            Kind::Live(schema) => schema.execute(request).await,
            Kind::Demo(schema) => schema.execute(request).await,
        })
    }

    /// Runs any operation: a subscription answers as often as something happens, others once.
    #[must_use]
    pub fn stream(&self, request: Request, caller: Caller) -> BoxStream<'static, Response> {
        let request = self.request(request, caller);
        let responses = match &self.kind {
            Kind::Live(schema) => schema.execute_stream(request),
            Kind::Demo(schema) => schema.execute_stream(request),
        };
        responses.map(describe).boxed()
    }
}

/// The library describes every schema by one sentence of its own, which is about schemas.
fn describe(mut response: Response) -> Response {
    if let Value::Object(data) = &mut response.data
        && let Some(Value::Object(schema)) = data.get_mut("__schema")
        && let Some(description) = schema.get_mut("description")
    {
        *description = Value::from(DESCRIPTION);
    }
    response
}

fn hash(sdl: &str) -> String {
    Sha256::digest(sdl)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An answer that never reached a resolver, as the library would give it.
#[must_use]
pub fn refusal(error: ApiError) -> Response {
    let error = async_graphql::Error::from(error).into_server_error(async_graphql::Pos::default());
    let mut error = error;
    error.locations.clear();
    Response::from_errors(vec![error])
}
