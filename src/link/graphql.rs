//! Linking as a client sees it: `initiateLink`, `completeLink`, `cancelLink`, `unlinkAccount`,
//! `linkSession`.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{
    LinkError,
    service::{Initiate, Links},
};
use crate::{
    access::require,
    account::{
        graphql::{Account, SyncFailureView},
        loader::Loaders,
    },
    caller::Scope,
    error::{ApiError, Fallible, Result},
    ids::{AccountId, LinkId},
    lifecycle::{
        link::{self, LinkStatus},
        session::{CompletionEvidence, ExpiryBasis},
    },
    mono::link::{Bank, Customer},
    scalar::DateTime,
    user_error::{
        IdempotencyKeyReusedError, InvalidCodeError, LinkNotActiveError, ReferenceInUseError,
        UserError,
    },
};

/// One attempt to link a bank account.
#[derive(Clone, Debug)]
pub struct LinkSession {
    session: link::LinkSession,
    loaders: Loaders,
}

impl LinkSession {
    /// This session.
    #[must_use]
    pub fn new(session: link::LinkSession, loaders: Loaders) -> Self {
        Self { session, loaders }
    }
}

/// One attempt to link a bank account: the customer is sent to Mono, and comes back with an account.
#[Object]
impl LinkSession {
    /// The gateway's id of the session: link_ and 32 hexadecimal digits.
    pub async fn id(&self) -> ID {
        ID(self.session.id.to_string())
    }

    /// Your name for the session, or the gateway's; Mono tells it with what follows.
    async fn reference(&self) -> &str {
        &self.session.reference
    }

    /// How far it is.
    async fn status(&self) -> LinkStatus {
        self.session.status()
    }

    /// Where to send the customer; null before there is a link and once it is of no use.
    async fn url(&self) -> Option<&str> {
        self.session.link().map(|(url, _)| url)
    }

    /// Where the customer returns to.
    async fn redirect_url(&self) -> Option<&str> {
        self.session.redirect_url.as_deref()
    }

    /// When the link is taken for dead; null before there is one and once it is of no use.
    async fn expires_at(&self) -> Option<DateTime> {
        self.session.link().map(|(_, at)| DateTime(at))
    }

    /// What expiresAt rests on: Mono documents no life time of hosted links.
    async fn expiry_basis(&self) -> Option<ExpiryBasis> {
        self.session.link().map(|_| ExpiryBasis::Assumed)
    }

    /// When it was asked for.
    async fn created_at(&self) -> DateTime {
        DateTime(self.session.created_at)
    }

    /// When the gateway heard which account it led to.
    async fn connected_at(&self) -> Option<DateTime> {
        self.session.connection().map(|connection| DateTime(connection.at))
    }

    /// When the account's data was there.
    async fn completed_at(&self) -> Option<DateTime> {
        self.session.completion().map(|(at, _)| DateTime(at))
    }

    /// What showed that the data was there.
    async fn completed_via(&self) -> Option<CompletionEvidence> {
        self.session.completion().map(|(_, via)| via)
    }

    /// The account that it led to; null before the customer finished, and once it is unlinked.
    async fn account(&self) -> Option<Result<Account>> {
        self.linked().await.transpose()
    }

    /// Whether that is the account whose number was given, if checkAccountMatch was; null until
    /// Mono says so.
    async fn account_match(&self) -> Fallible<bool> {
        match self.linked().await {
            Ok(account) => account.and_then(|account| account.matches()).map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    /// The account that was linked before and is the same account at the bank: Mono gives a new id
    /// each time. Null until the gateway has seen that.
    async fn replaces(&self) -> Option<Result<Account>> {
        let account = match self.linked().await {
            Ok(account) => account?,
            Err(error) => return Some(Err(error)),
        };
        account.predecessor().await.transpose()
    }

    /// Why there is no link, or no data.
    async fn failure(&self) -> Option<SyncFailureView> {
        self.session.failure().cloned().map(SyncFailureView)
    }
}

impl LinkSession {
    async fn linked(&self) -> Result<Option<Account>> {
        let Some(id) = self.session.account() else { return Ok(None) };
        // The session stays its owner's; the account may have been taken from them.
        if !self.loaders.may_see(id).await? {
            return Ok(None);
        }
        let state = self.loaders.state(id).await?.filter(|state| !state.unlinked);
        Ok(state.map(|state| Account::new(id.clone(), state, self.loaders.clone())))
    }
}

/// The errors that belong into the payload; the others are the field's own.
fn user_error(error: &LinkError) -> Option<UserError> {
    let text = error.to_string();
    match error {
        LinkError::ReferenceInUse => Some(UserError::ReferenceInUse(ReferenceInUseError(text))),
        LinkError::KeyReused => {
            Some(UserError::IdempotencyKeyReused(IdempotencyKeyReusedError(text)))
        }
        LinkError::InvalidCode => Some(UserError::InvalidCode(InvalidCodeError(text))),
        LinkError::NotActive(_) => Some(UserError::LinkNotActive(LinkNotActiveError(text))),
        LinkError::UnknownAccount
        | LinkError::UnknownSession
        | LinkError::UnknownCustomer
        | LinkError::Handover(_)
        | LinkError::Customer
        | LinkError::Text(..)
        | LinkError::Bvn
        | LinkError::NothingToMatch
        | LinkError::TwoSessions
        | LinkError::FirstFailed(..)
        | LinkError::Mono(_)
        | LinkError::Stopping
        | LinkError::Busy
        | LinkError::Store(_) => None,
    }
}

/// The customer who links. Passed on to Mono; the gateway keeps nothing of it.
#[derive(Clone, InputObject)]
pub struct LinkCustomerInput {
    /// Mono's id of a customer of yours: one whose account you may see. Without it, name and email
    /// are needed.
    id: Option<ID>,
    /// The customer's full name.
    name: Option<String>,
    /// The customer's e-mail address.
    email: Option<String>,
    /// The customer's telephone number.
    phone: Option<String>,
    /// The customer's bank verification number (Nigeria), 11 digits.
    bvn: Option<String>,
}

/// The bank that the link opens, so that the customer need not choose.
#[derive(Clone, InputObject)]
pub struct LinkInstitutionInput {
    /// Mono's id of the bank.
    id: ID,
    /// How the customer logs in: internet_banking or mobile_banking. An open list.
    auth_method: Option<String>,
    /// The number of the account that is expected, for checkAccountMatch.
    account_number: Option<String>,
}

/// A link to start.
#[derive(Clone, InputObject)]
pub struct InitiateLinkInput {
    /// Who links.
    customer: LinkCustomerInput,
    /// Which bank; the customer chooses if left out.
    institution: Option<LinkInstitutionInput>,
    /// Where the customer returns to: an http(s) URL of an origin that the gateway allows.
    redirect_url: Option<String>,
    /// Your name for it: 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-', used once. Mono may
    /// want at least 10. Best left out: what cannot be guessed cannot be confused.
    reference: Option<String>,
    /// Whether Mono is to compare the account with institution.accountNumber.
    #[graphql(default_with = "Some(false)")]
    check_account_match: Option<bool>,
    /// Your word for this wish, 1 to 255 characters, best a UUID: repeating it within 24 hours gives
    /// the first answer, whatever became of the first one's connection.
    idempotency_key: Option<String>,
}

/// A link that was started, or why not.
#[derive(SimpleObject)]
pub struct InitiateLinkPayload {
    /// The session; null if there are errors.
    link: Option<LinkSession>,
    /// Whether it was there before. Each request without an idempotency key starts another.
    reused: bool,
    /// What stands against it and can be mended by choosing otherwise.
    errors: Vec<UserError>,
}

/// A code that the customer brought back.
#[derive(Clone, InputObject)]
pub struct CompleteLinkInput {
    /// The code that the widget or the redirect gave, good for 10 minutes.
    code: String,
    /// The session that it belongs to. Not together with reference; a widget's code needs neither.
    link_id: Option<ID>,
    /// The reference of the session that it belongs to, as the redirect tells it.
    reference: Option<String>,
}

/// An account that was linked, or why not.
#[derive(SimpleObject)]
pub struct CompleteLinkPayload {
    /// The session, if one was named.
    link: Option<LinkSession>,
    /// The account; null if there are errors.
    account: Option<Account>,
    /// What stands against it.
    errors: Vec<UserError>,
}

/// A link to give up.
#[derive(Clone, InputObject)]
pub struct CancelLinkInput {
    /// The session's id.
    link_id: ID,
    /// Why, for the log: what Mono's redirect said, for example widget_closed.
    reason: Option<String>,
}

/// A link that was given up, or why not.
#[derive(SimpleObject)]
pub struct CancelLinkPayload {
    /// The session; null if there are errors.
    link: Option<LinkSession>,
    /// What stands against it.
    errors: Vec<UserError>,
}

/// An account to forget.
#[derive(Clone, InputObject)]
pub struct UnlinkAccountInput {
    /// Mono's id of the account.
    account_id: ID,
}

/// An account that was forgotten.
#[derive(SimpleObject)]
pub struct UnlinkAccountPayload {
    /// Mono's id of the account.
    account_id: Option<ID>,
    /// What stands against it.
    errors: Vec<UserError>,
}

/// The mutations about linking.
#[derive(Debug, Default)]
pub struct LinkMutation;

/// Everything that can be changed.
#[Object]
impl LinkMutation {
    /// Starts linking a bank account: gives a link to send the customer to. The account will be
    /// yours.
    async fn initiate_link(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to start.")] input: InitiateLinkInput,
    ) -> Fallible<InitiateLinkPayload> {
        Some(initiate(ctx, input).await)
    }

    /// Exchanges the code that the customer brought back for an account, which is yours from then
    /// on. Not needed where webhooks come; whichever is faster.
    async fn complete_link(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the customer brought back.")] input: CompleteLinkInput,
    ) -> Fallible<CompleteLinkPayload> {
        Some(complete(ctx, input).await)
    }

    /// Gives a link up: the page saw status=failed or reason=widget_closed. The customer may still
    /// finish; Mono's word beats the page's.
    async fn cancel_link(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to give up.")] input: CancelLinkInput,
    ) -> Fallible<CancelLinkPayload> {
        Some(cancel(ctx, input).await)
    }

    /// Has Mono forget an account and its authorisation, and removes what the gateway keeps of its
    /// customer. Cannot be undone: the customer would have to link it again.
    async fn unlink_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to forget.")] input: UnlinkAccountInput,
    ) -> Fallible<UnlinkAccountPayload> {
        Some(unlink(ctx, input).await)
    }
}

async fn initiate(ctx: &Context<'_>, input: InitiateLinkInput) -> Result<InitiateLinkPayload> {
    let loaders = ctx.data_unchecked::<Loaders>();
    require(loaders.caller(), Scope::ReauthWrite)?;
    let customer = input.customer;
    let wanted = Initiate {
        customer: Customer {
            id: customer.id.map(|id| id.0),
            name: customer.name,
            email: customer.email,
            phone: customer.phone,
            bvn: customer.bvn,
        },
        bank: input.institution.map(|bank| Bank {
            id: bank.id.0,
            auth_method: bank.auth_method,
            account_number: bank.account_number,
        }),
        redirect_url: input.redirect_url,
        reference: input.reference,
        check_account_match: input.check_account_match.unwrap_or(false),
        idempotency_key: input.idempotency_key,
    };
    match ctx.data_unchecked::<Links>().initiate(loaders.caller(), wanted).await {
        Ok(done) => Ok(InitiateLinkPayload {
            link: Some(LinkSession::new(done.session, loaders.fresh())),
            reused: done.reused,
            errors: Vec::new(),
        }),
        Err(error) => match user_error(&error) {
            Some(error) => {
                Ok(InitiateLinkPayload { link: None, reused: false, errors: vec![error] })
            }
            None => Err(error.into()),
        },
    }
}

async fn complete(ctx: &Context<'_>, input: CompleteLinkInput) -> Result<CompleteLinkPayload> {
    let loaders = ctx.data_unchecked::<Loaders>();
    require(loaders.caller(), Scope::ReauthWrite)?;
    let links = ctx.data_unchecked::<Links>();
    let session = match (&input.link_id, &input.reference) {
        (Some(_), Some(_)) => return Err(LinkError::TwoSessions.into()),
        (Some(id), None) => links.find(loaders.caller(), LinkId::parse(id)?).await?,
        (None, Some(reference)) => links.find_by_reference(loaders.caller(), reference).await?,
        (None, None) => None,
    };
    if session.is_none() && (input.link_id.is_some() || input.reference.is_some()) {
        return Err(LinkError::UnknownSession.into());
    }
    match links.complete(loaders.caller(), &input.code, session).await {
        Ok(done) => {
            let loaders = loaders.fresh();
            Ok(CompleteLinkPayload {
                account: Some(Account::of(&done.account, &loaders).await?),
                link: done.session.map(|session| LinkSession::new(session, loaders)),
                errors: Vec::new(),
            })
        }
        Err(error) => match user_error(&error) {
            Some(error) => {
                Ok(CompleteLinkPayload { link: None, account: None, errors: vec![error] })
            }
            None => Err(error.into()),
        },
    }
}

async fn cancel(ctx: &Context<'_>, input: CancelLinkInput) -> Result<CancelLinkPayload> {
    let loaders = ctx.data_unchecked::<Loaders>();
    require(loaders.caller(), Scope::ReauthWrite)?;
    let id = LinkId::parse(&input.link_id)?;
    // Of a caller's text only words of Mono's are logged.
    let known = |word: &&&str| input.reason.as_deref() == Some(**word);
    let reason = ["widget_closed", "failed", "login_failed"].iter().find(known);
    tracing::info!(%id, reason = reason.copied().unwrap_or("other"), "the page gave a link up");
    match ctx.data_unchecked::<Links>().cancel(loaders.caller(), id).await {
        Ok(session) => Ok(CancelLinkPayload {
            link: Some(LinkSession::new(session, loaders.fresh())),
            errors: Vec::new(),
        }),
        Err(error) => match user_error(&error) {
            Some(error) => Ok(CancelLinkPayload { link: None, errors: vec![error] }),
            None => Err(error.into()),
        },
    }
}

async fn unlink(ctx: &Context<'_>, input: UnlinkAccountInput) -> Result<UnlinkAccountPayload> {
    let loaders = ctx.data_unchecked::<Loaders>();
    require(loaders.caller(), Scope::ReauthWrite)?;
    let account = AccountId::parse(&input.account_id)?;
    ctx.data_unchecked::<Links>().unlink(loaders.caller(), account).await?;
    Ok(UnlinkAccountPayload { account_id: Some(input.account_id), errors: Vec::new() })
}

/// The queries about linking.
#[derive(Debug, Default)]
pub struct LinkQuery;

/// Everything that can be asked.
#[Object]
impl LinkQuery {
    /// A link session; null if there is none, or if it is not yours.
    async fn link_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session's id: link_ and 32 hexadecimal digits.")] id: ID,
    ) -> Fallible<LinkSession> {
        find_link(ctx, &id).await.transpose()
    }

    /// The link session with this reference; null if there is none, or if it is not yours.
    async fn link_session_by_reference(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The reference that it was started with.")] reference: String,
    ) -> Fallible<LinkSession> {
        let loaders = ctx.data_unchecked::<Loaders>();
        if let Err(error) = require(loaders.caller(), Scope::AccountsRead) {
            return Some(Err(error));
        }
        let links = ctx.data_unchecked::<Links>();
        let found = links.find_by_reference(loaders.caller(), &reference).await;
        let view = |session| LinkSession::new(session, loaders.clone());
        found.map_err(ApiError::from).map(|session| session.map(view)).transpose()
    }
}

/// The link session of this id, if it is one and the caller may see it.
///
/// # Errors
/// `INTERNAL` if the database fails.
pub async fn find_link(ctx: &Context<'_>, id: &str) -> Result<Option<LinkSession>> {
    let loaders = ctx.data_unchecked::<Loaders>();
    require(loaders.caller(), Scope::AccountsRead)?;
    // No session has an id of another shape.
    let Ok(id) = LinkId::parse(id) else { return Ok(None) };
    find_by_id(loaders, id).await
}

/// The same, for what knows the id.
///
/// # Errors
/// `INTERNAL` if the database fails.
pub async fn find_by_id(loaders: &Loaders, id: LinkId) -> Result<Option<LinkSession>> {
    let lifecycle = loaders.sources().accounts.lifecycle();
    let session = lifecycle.link(id).await.map_err(ApiError::from)?;
    let theirs = session.filter(|session| session.is_seen_by(loaders.caller()));
    Ok(theirs.map(|session| LinkSession::new(session, loaders.clone())))
}
