//! Re-authorisation as a client sees it: `initiateReauth`, `cancelReauth`, `reauthSession`.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{
    ReauthError,
    service::{Initiate, Reauths},
};
use crate::{
    access::require,
    account::{
        graphql::{Account, SyncFailureView},
        loader::Loaders,
    },
    caller::Scope,
    error::{ApiError, Fallible, Result},
    ids::{AccountId, ReauthId},
    lifecycle::session::{
        CompletionEvidence, ExpiryBasis, Handover, ReauthMethod, ReauthStatus, Session,
    },
    scalar::DateTime,
    user_error::{
        IdempotencyKeyReusedError, NotReauthorisableError, ReauthNotActiveError,
        ReferenceInUseError, UserError,
    },
};

/// One attempt to have a customer authorise again.
#[derive(Clone, Debug)]
pub struct ReauthSession {
    session: Session,
    loaders: Loaders,
}

impl ReauthSession {
    /// This session.
    #[must_use]
    pub fn new(session: Session, loaders: Loaders) -> Self {
        Self { session, loaders }
    }
}

/// One attempt to have a customer authorise again.
#[Object]
impl ReauthSession {
    /// The gateway's id of the session: reauth_ and 32 hexadecimal digits.
    pub async fn id(&self) -> ID {
        ID(self.session.id.to_string())
    }

    /// Whose account.
    async fn account(&self) -> Result<Account> {
        Account::of(&self.session.account, &self.loaders).await
    }

    /// Your name for the session, or the gateway's; Mono knows a hosted link by it.
    async fn reference(&self) -> &str {
        &self.session.reference
    }

    /// How the customer is sent to the bank.
    async fn method(&self) -> ReauthMethod {
        self.session.method
    }

    /// How far it is.
    async fn status(&self) -> ReauthStatus {
        self.session.status()
    }

    /// Where to send the customer; null if the method is not HOSTED_LINK, before there is a link and
    /// once it is of no use.
    async fn url(&self) -> Option<&str> {
        self.session.url()
    }

    /// What Mono's widget takes; null if the method is HOSTED_LINK, before it can be opened, and once
    /// that is of no use.
    async fn widget(&self) -> Option<WidgetHandover> {
        let reauth_token = match self.session.handover()? {
            Handover::Link(_) => return None,
            Handover::Widget => None,
            Handover::Token(token) => Some(token.clone()),
        };
        let account_id = ID(self.session.account.as_str().to_owned());
        Some(WidgetHandover { account_id, reauth_token })
    }

    /// Where the customer returns to from a hosted link.
    async fn redirect_url(&self) -> Option<&str> {
        self.session.redirect_url.as_deref()
    }

    /// When the link, the widget's session or its token is taken for dead; null before there is one
    /// and once it is of no use.
    async fn expires_at(&self) -> Option<DateTime> {
        self.session.expires_at().map(DateTime)
    }

    /// What expiresAt rests on: Mono documents that a widget's token lives 10 minutes; for hosted
    /// links and the widget without one 30 are assumed.
    async fn expiry_basis(&self) -> Option<ExpiryBasis> {
        self.session.expiry_basis()
    }

    /// When it was asked for.
    async fn created_at(&self) -> DateTime {
        DateTime(self.session.created_at)
    }

    /// When the customer finished at the bank.
    async fn authorized_at(&self) -> Option<DateTime> {
        self.session.authorized_at().map(DateTime)
    }

    /// When the data was there.
    async fn completed_at(&self) -> Option<DateTime> {
        self.session.completion().map(|(at, _)| DateTime(at))
    }

    /// What showed that the data was there.
    async fn completed_via(&self) -> Option<CompletionEvidence> {
        self.session.completion().map(|(_, via)| via)
    }

    /// Why there is no link, or no data.
    async fn failure(&self) -> Option<SyncFailureView> {
        self.session.failure().cloned().map(SyncFailureView)
    }
}

/// What Mono's widget takes.
#[derive(SimpleObject)]
pub struct WidgetHandover {
    /// Mono's id of the account, which the widget takes since connect.js 2.1 and in the mobile SDKs
    /// of 2025.
    account_id: ID,
    /// The token that older widgets take, for 10 minutes; null unless the method is WIDGET_TOKEN. A
    /// secret: whoever has it can open the bank's page for this account.
    reauth_token: Option<String>,
}

/// The errors that belong into the payload; the others are the field's own.
fn user_error(error: &ReauthError) -> Option<UserError> {
    let text = error.to_string();
    match error {
        ReauthError::ReferenceInUse => Some(UserError::ReferenceInUse(ReferenceInUseError(text))),
        ReauthError::KeyReused => {
            Some(UserError::IdempotencyKeyReused(IdempotencyKeyReusedError(text)))
        }
        ReauthError::NotReauthorisable => {
            Some(UserError::NotReauthorisable(NotReauthorisableError(text)))
        }
        ReauthError::NotActive(_) => Some(UserError::ReauthNotActive(ReauthNotActiveError(text))),
        ReauthError::UnknownAccount
        | ReauthError::UnknownSession
        | ReauthError::Handover(_)
        | ReauthError::OtherFailed(..)
        | ReauthError::Mono(_)
        | ReauthError::Busy
        | ReauthError::Store(_) => None,
    }
}

/// A re-authorisation to start.
#[derive(Clone, Debug, InputObject)]
pub struct InitiateReauthInput {
    /// Mono's id of the account.
    account_id: ID,
    /// How to send the customer to the bank.
    #[graphql(default_with = "Some(ReauthMethod::HostedLink)")]
    method: Option<ReauthMethod>,
    /// Where the customer returns to from a hosted link: an http(s) URL of an origin that the gateway
    /// allows. A widget tells your page itself and does not use it. A session that is under way with
    /// another one, or with none, is superseded.
    redirect_url: Option<String>,
    /// Your name for it: 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-', used once. A session
    /// that is under way keeps its own: go by the one that is answered.
    reference: Option<String>,
    /// Your word for this wish, 1 to 255 characters, best a UUID: repeating it within 24 hours gives
    /// the first answer, whatever became of the first one's connection.
    idempotency_key: Option<String>,
    /// Whether a session that is under way will do. If not, it is superseded.
    #[graphql(default_with = "Some(true)")]
    reuse_active: Option<bool>,
}

/// A re-authorisation that was started, or why not.
#[derive(SimpleObject)]
pub struct InitiateReauthPayload {
    /// The session; null if there are errors.
    reauth: Option<ReauthSession>,
    /// Whether it was under way before.
    reused: bool,
    /// What stands against it and can be mended by choosing otherwise.
    errors: Vec<UserError>,
}

/// A re-authorisation to give up.
#[derive(Clone, Debug, InputObject)]
pub struct CancelReauthInput {
    /// The session's id.
    reauth_id: ID,
    /// Why, for the log: what Mono's redirect said, for example widget_closed.
    reason: Option<String>,
}

/// A re-authorisation that was given up, or why not.
#[derive(SimpleObject)]
pub struct CancelReauthPayload {
    /// The session; null if there are errors.
    reauth: Option<ReauthSession>,
    /// What stands against it.
    errors: Vec<UserError>,
}

/// The mutations about re-authorisation.
#[derive(Debug, Default)]
pub struct ReauthMutation;

/// Everything that can be changed.
#[Object]
impl ReauthMutation {
    /// Starts re-authorising an account. Asking again while a link or a widget is out returns that
    /// session; asking for another method supersedes it.
    async fn initiate_reauth(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to start.")] input: InitiateReauthInput,
    ) -> Fallible<InitiateReauthPayload> {
        Some(initiate(ctx, input).await)
    }

    /// Gives a re-authorisation up: the page saw status=failed or reason=widget_closed. The
    /// customer may still finish; Mono's word beats the page's.
    async fn cancel_reauth(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to give up.")] input: CancelReauthInput,
    ) -> Fallible<CancelReauthPayload> {
        Some(cancel(ctx, input).await)
    }
}

async fn initiate(ctx: &Context<'_>, input: InitiateReauthInput) -> Result<InitiateReauthPayload> {
    let loaders = ctx.data_unchecked::<Loaders>();
    require(loaders.caller(), Scope::ReauthWrite)?;
    let wanted = Initiate {
        account: AccountId::parse(&input.account_id)?,
        method: input.method.unwrap_or(ReauthMethod::HostedLink),
        redirect_url: input.redirect_url,
        reference: input.reference,
        reuse_active: input.reuse_active.unwrap_or(true),
        idempotency_key: input.idempotency_key,
    };
    match ctx.data_unchecked::<Reauths>().initiate(loaders.caller(), wanted).await {
        Ok(done) => Ok(InitiateReauthPayload {
            reauth: Some(ReauthSession::new(done.session, loaders.fresh())),
            reused: done.reused,
            errors: Vec::new(),
        }),
        Err(error) => match user_error(&error) {
            Some(error) => {
                Ok(InitiateReauthPayload { reauth: None, reused: false, errors: vec![error] })
            }
            None => Err(error.into()),
        },
    }
}

async fn cancel(ctx: &Context<'_>, input: CancelReauthInput) -> Result<CancelReauthPayload> {
    let loaders = ctx.data_unchecked::<Loaders>();
    require(loaders.caller(), Scope::ReauthWrite)?;
    let id = ReauthId::parse(&input.reauth_id)?;
    // Of a caller's text only words of Mono's are logged.
    let known = |word: &&&str| input.reason.as_deref() == Some(**word);
    let reason = ["widget_closed", "failed", "account_linked"].iter().find(known);
    tracing::info!(%id, reason = reason.copied().unwrap_or("other"), "the page gave a re-authorisation up");
    match ctx.data_unchecked::<Reauths>().cancel(loaders.caller(), id).await {
        Ok(session) => Ok(CancelReauthPayload {
            reauth: Some(ReauthSession::new(session, loaders.fresh())),
            errors: Vec::new(),
        }),
        Err(error) => match user_error(&error) {
            Some(error) => Ok(CancelReauthPayload { reauth: None, errors: vec![error] }),
            None => Err(error.into()),
        },
    }
}

/// The queries about re-authorisation.
#[derive(Debug, Default)]
pub struct ReauthQuery;

/// Everything that can be asked.
#[Object]
impl ReauthQuery {
    /// A re-authorisation session; null if there is none, or if it is not yours.
    async fn reauth_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session's id: reauth_ and 32 hexadecimal digits.")] id: ID,
    ) -> Fallible<ReauthSession> {
        find_session(ctx, &id).await.transpose()
    }

    /// The re-authorisation session with this reference; null if there is none, or if it is not
    /// yours.
    async fn reauth_session_by_reference(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The reference that it was started with.")] reference: String,
    ) -> Fallible<ReauthSession> {
        let loaders = ctx.data_unchecked::<Loaders>();
        if let Err(error) = require(loaders.caller(), Scope::AccountsRead) {
            return Some(Err(error));
        }
        let reauths = ctx.data_unchecked::<Reauths>();
        let found = reauths.find_by_reference(loaders.caller(), &reference).await;
        let view = |session| ReauthSession::new(session, loaders.clone());
        found.map_err(ApiError::from).map(|session| session.map(view)).transpose()
    }
}

/// The session of this id, if it is one and the caller may see it.
///
/// # Errors
/// `INTERNAL` if the database fails.
pub async fn find_session(ctx: &Context<'_>, id: &str) -> Result<Option<ReauthSession>> {
    let loaders = ctx.data_unchecked::<Loaders>();
    require(loaders.caller(), Scope::AccountsRead)?;
    // No session has an id of another shape.
    let Ok(id) = ReauthId::parse(id) else { return Ok(None) };
    let session = ctx.data_unchecked::<Reauths>().find(loaders.caller(), id).await?;
    Ok(session.map(|session| ReauthSession::new(session, loaders.clone())))
}
