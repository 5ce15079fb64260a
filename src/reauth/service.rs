//! Starts and ends re-authorisation sessions.

use std::time::Duration;

use super::ReauthError;
use crate::{
    account::service::Accounts,
    caller::Caller,
    error::{ErrorCode, chain},
    handover::{self, HandoverError, Redirects, reference},
    ids::{AccountId, ReauthId},
    lifecycle::{
        Subject, SyncFailure, SyncFailureCode,
        fact::{IdempotencyKey, Request, Token, What},
        fold::Verdict,
        recogniser::Recogniser,
        service::Lifecycle,
        session::{ReauthMethod, ReauthStatus, Session, Stage},
    },
    mono::{Client, MonoError},
};

/// How long one request waits for another one's answer: as long as that may take, and a little.
const OTHERS_ANSWER: Duration = Duration::from_secs(20);

/// What whoever asked first was told.
fn same_failure(failure: &SyncFailure) -> ReauthError {
    let code = ErrorCode::parse(failure.told.as_deref().unwrap_or_default());
    let code = code.unwrap_or(ErrorCode::UpstreamUnavailable);
    ReauthError::OtherFailed(code, failure.message.clone())
}

/// What whoever asked for this session is answered once it is past asking Mono.
fn outcome(session: Session) -> Result<Session, ReauthError> {
    match &session.stage {
        Stage::Failed { failure, .. } if failure.code == SyncFailureCode::NotReauthorisable => {
            Err(ReauthError::NotReauthorisable)
        }
        Stage::Failed { authorized_at: None, failure } => Err(same_failure(failure)),
        Stage::Requested
        | Stage::LinkIssued { .. }
        | Stage::Authorized { .. }
        | Stage::Completed { .. }
        | Stage::Failed { .. }
        | Stage::Expired { .. }
        | Stage::Cancelled { .. }
        | Stage::Superseded { .. } => Ok(session),
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Initiate {
    /// For which account.
    pub account: AccountId,
    /// How the customer is sent to the bank.
    pub method: ReauthMethod,
    /// Where the customer returns to.
    pub redirect_url: Option<String>,
    /// The caller's name for it.
    pub reference: Option<String>,
    /// Whether a live session will do.
    pub reuse_active: bool,
    /// The caller's word for this wish.
    pub idempotency_key: Option<String>,
}

impl Initiate {
    fn key(&self, digests: &Recogniser) -> Result<Option<IdempotencyKey>, HandoverError> {
        let method = format!("{:?}", self.method);
        let arguments = [
            self.account.as_str(),
            &method,
            self.redirect_url.as_deref().unwrap_or_default(),
            self.reference.as_deref().unwrap_or_default(),
            if self.reuse_active { "reuse" } else { "anew" },
        ];
        handover::key(digests, self.idempotency_key.clone(), "initiateReauth", &arguments)
    }
}

/// A session, and whether it was there before.
#[derive(Clone, Debug)]
pub struct Initiated {
    /// The session.
    pub session: Session,
    /// It was asked for before.
    pub reused: bool,
}

/// Re-authorisation sessions. Clones share connections.
#[derive(Clone, Debug)]
pub struct Reauths {
    mono: Client,
    accounts: Accounts,
    redirects: Redirects,
}

impl Reauths {
    /// Sessions at this Mono, from which customers return to these places.
    #[must_use]
    pub fn new(mono: Client, accounts: Accounts, redirects: Redirects) -> Self {
        Self { mono, accounts, redirects }
    }

    fn lifecycle(&self) -> &Lifecycle {
        self.accounts.lifecycle()
    }

    /// A way to the bank for the customer. Asking again while one is out returns that one; of two
    /// that ask at once the second waits for the first one's answer.
    ///
    /// # Errors
    /// [`ReauthError`].
    pub async fn initiate(
        &self,
        caller: &Caller,
        wanted: Initiate,
    ) -> Result<Initiated, ReauthError> {
        let key = wanted.key(self.lifecycle().recogniser())?;
        let given_reference = reference(wanted.reference)?;
        if let Some(url) = &wanted.redirect_url {
            self.redirects.check(url)?;
        }
        if !self.lifecycle().may_see(caller, &wanted.account).await? {
            return Err(ReauthError::UnknownAccount);
        }
        self.require_known(&wanted.account).await?;
        let request = Request {
            id: ReauthId::new(self.lifecycle().clock().now()),
            owner: caller.owner().to_owned(),
            reference: given_reference,
            method: wanted.method,
            redirect_url: wanted.redirect_url,
            reuse_active: wanted.reuse_active,
            key,
        };
        // Not cancelled if the caller goes away: the row may be there by then, and the link issued.
        let (this, account) = (self.clone(), wanted.account);
        let work = tokio::spawn(async move { this.request(account, request).await });
        let stopped = "the gateway stops".to_owned();
        work.await.map_err(|_| ReauthError::OtherFailed(ErrorCode::UpstreamUnavailable, stopped))?
    }

    /// The row comes first, so that no webhook can be about a session that is not there yet.
    async fn request(
        &self,
        account: AccountId,
        request: Request,
    ) -> Result<Initiated, ReauthError> {
        let id = request.id;
        let recorded = self.lifecycle().record(account.clone(), What::Requested(request)).await?;
        match recorded.verdict {
            Verdict::Reused(id) => {
                let session = self.answered(&account, id).await?;
                Ok(Initiated { session, reused: true })
            }
            Verdict::Applied => {
                // Of an account that Mono fetches nothing for, what is shown now is what there is
                // until the customer has finished.
                let looks = recorded.state.details.is_none() || recorded.state.is_blocked();
                let session = recorded.state.session.filter(|session| session.id == id);
                let session = session.ok_or(ReauthError::UnknownSession)?;
                if looks {
                    let this = self.clone();
                    tokio::spawn(async move { this.read_baseline(&account).await });
                }
                let session = self.ask(session).await?;
                Ok(Initiated { session, reused: false })
            }
            // The first answer, even if that was that there is no link.
            Verdict::Repeated(first) => {
                let id = ReauthId::parse(&first.id).map_err(|_| ReauthError::UnknownSession)?;
                let session = self.answered(&account, id).await?;
                Ok(Initiated { session, reused: first.reused })
            }
            Verdict::Refused | Verdict::Ignored(_) | Verdict::UnderWay(_) | Verdict::TooSoon(_) => {
                Err(ReauthError::NotReauthorisable)
            }
        }
    }

    /// An account that the gateway has not met must exist at Mono before a row is made for it.
    async fn require_known(&self, account: &AccountId) -> Result<(), ReauthError> {
        let known = self.lifecycle().states(std::slice::from_ref(account)).await?;
        if known.contains_key(account) {
            return Ok(());
        }
        self.accounts.details(account, None).await.map(|_| ()).map_err(ReauthError::Mono)
    }

    /// Asks Mono for what opens the bank's door and records the answer, whatever it is.
    async fn ask(&self, session: Session) -> Result<Session, ReauthError> {
        let id = session.id;
        let answer = match session.method {
            ReauthMethod::HostedLink => {
                let (url, reference) = (session.redirect_url.as_deref(), &session.reference);
                let link = self.mono.initiate_reauth(&session.account, reference, url).await;
                link.map(|link| What::LinkIssued { id, url: link.url })
            }
            ReauthMethod::WidgetToken => {
                let token = self.mono.reauth_token(&session.account).await;
                token.map(|token| What::TokenIssued { id, token: Token(token) })
            }
            // The fold has handed the widget over: there is nothing to ask for.
            ReauthMethod::Widget => return Ok(session),
        };
        let what = match &answer {
            Ok(given) => given.clone(),
            Err(error) => What::LinkRefused {
                id: session.id,
                code: if *error == MonoError::NotReauthorisable {
                    SyncFailureCode::NotReauthorisable
                } else {
                    SyncFailureCode::LinkRefused
                },
                told: error.code().as_str().to_owned(),
                message: error.to_string(),
            },
        };
        let record = || self.lifecycle().record(session.account.clone(), what.clone());
        Lifecycle::patiently(record).await?;
        match answer {
            Ok(_) => outcome(self.by_id(session.id).await?),
            Err(MonoError::NotReauthorisable) => Err(ReauthError::NotReauthorisable),
            Err(error) => Err(ReauthError::Mono(error)),
        }
    }

    /// What the details show before the customer goes to the bank: only a look that differs from it
    /// proves new data afterwards.
    async fn read_baseline(&self, account: &AccountId) {
        let known = self.lifecycle().states(std::slice::from_ref(account)).await;
        let known = known.ok().and_then(|mut states| states.remove(account));
        if let Err(error) = self.accounts.details(account, known.as_ref()).await {
            tracing::info!(%account, cause = %chain(&error), "no look at the account before its re-authorisation");
        }
    }

    /// The session once it is past asking Mono.
    async fn answered(&self, account: &AccountId, id: ReauthId) -> Result<Session, ReauthError> {
        let mut changes = self.lifecycle().feed().attach(Some(Subject::Account(account.clone())));
        changes.begin_after(self.lifecycle().feed().head().await?.last);
        let wait = async {
            loop {
                let session = self.by_id(id).await?;
                if session.status() != ReauthStatus::Requested {
                    return Ok::<_, ReauthError>(session);
                }
                changes.next().await?;
            }
        };
        let late = || "it is not answered yet".to_owned();
        let session = tokio::time::timeout(OTHERS_ANSWER, wait)
            .await
            .map_err(|_| ReauthError::OtherFailed(ErrorCode::UpstreamTimeout, late()))??;
        outcome(session)
    }

    async fn by_id(&self, id: ReauthId) -> Result<Session, ReauthError> {
        self.lifecycle().session(id).await?.ok_or(ReauthError::UnknownSession)
    }

    /// Ends a session whose customer gave up. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`ReauthError::UnknownSession`], [`ReauthError::NotActive`] if the customer has finished or
    /// the session has ended otherwise.
    pub async fn cancel(&self, caller: &Caller, id: ReauthId) -> Result<Session, ReauthError> {
        let session = self.find(caller, id).await?.ok_or(ReauthError::UnknownSession)?;
        let recorded =
            self.lifecycle().record(session.account.clone(), What::Cancelled { id }).await?;
        match recorded.verdict {
            Verdict::Applied | Verdict::Ignored(_) => self.by_id(id).await,
            Verdict::Refused | Verdict::Reused(_) | Verdict::Repeated(_)
                if session.status() == ReauthStatus::Cancelled =>
            {
                self.by_id(id).await
            }
            Verdict::Refused
            | Verdict::Reused(_)
            | Verdict::Repeated(_)
            | Verdict::UnderWay(_)
            | Verdict::TooSoon(_) => Err(ReauthError::NotActive(id)),
        }
    }

    /// The session of this id, if the caller may see it.
    ///
    /// # Errors
    /// [`ReauthError::Store`].
    pub async fn find(
        &self,
        caller: &Caller,
        id: ReauthId,
    ) -> Result<Option<Session>, ReauthError> {
        let Some(session) = self.lifecycle().session(id).await? else { return Ok(None) };
        let theirs = self.lifecycle().may_see(caller, &session.account).await?;
        Ok(theirs.then_some(session))
    }

    /// The session with this reference, if the caller may see it.
    ///
    /// # Errors
    /// [`ReauthError::Store`].
    pub async fn find_by_reference(
        &self,
        caller: &Caller,
        reference: &str,
    ) -> Result<Option<Session>, ReauthError> {
        // Nothing of this shape can be in the table, nor should it reach a query.
        if handover::reference(Some(reference.to_owned())).is_err() {
            return Ok(None);
        }
        Ok(self.lifecycle().session_by_reference(caller, reference).await?)
    }
}
