//! Starts and completes link sessions, and forgets accounts.

use std::time::Duration;

use super::LinkError;
use crate::{
    caller::Caller,
    error::ErrorCode,
    handover::{self, Redirects, reference},
    ids::{AccountId, LinkId},
    lifecycle::{
        Subject,
        fact::{IdempotencyKey, What},
        fold::{Ignored, Verdict},
        link::{LinkRequest, LinkSession, LinkStage, LinkWhat},
        recogniser::Recogniser,
        service::Lifecycle,
    },
    mono::{
        Client, MonoError,
        link::{Bank, Customer, NewLink},
    },
};

/// How long one request waits for another one's answer: as long as that may take, and a little.
const OTHERS_ANSWER: Duration = Duration::from_secs(20);

/// How long a text for Mono may be, in characters.
const LONGEST_TEXT: usize = 200;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Initiate {
    /// Who links.
    pub customer: Customer,
    /// Which bank, if the customer is not to choose.
    pub bank: Option<Bank>,
    /// Where the customer returns to.
    pub redirect_url: Option<String>,
    /// The caller's name for it.
    pub reference: Option<String>,
    /// Whether Mono is to compare the account with the expected number.
    pub check_account_match: bool,
    /// The caller's word for this wish.
    pub idempotency_key: Option<String>,
}

/// A session, and whether it was there before.
#[derive(Clone, Debug)]
pub struct Initiated {
    /// The session.
    pub session: LinkSession,
    /// It was asked for before.
    pub reused: bool,
}

/// A code that led to an account.
#[derive(Clone, Debug)]
pub struct Completed {
    /// The session that it belongs to, if it was named.
    pub session: Option<LinkSession>,
    /// The account.
    pub account: AccountId,
}

/// Link sessions. Clones share connections.
#[derive(Clone, Debug)]
pub struct Links {
    mono: Client,
    lifecycle: Lifecycle,
    redirects: Redirects,
}

impl Links {
    /// Sessions at this Mono, from which customers return to these places.
    #[must_use]
    pub fn new(mono: Client, lifecycle: Lifecycle, redirects: Redirects) -> Self {
        Self { mono, lifecycle, redirects }
    }

    /// A link by which the customer links an account, which will be the caller's.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn initiate(
        &self,
        caller: &Caller,
        wanted: Initiate,
    ) -> Result<Initiated, LinkError> {
        wanted.check()?;
        let key = wanted.key(self.lifecycle.recogniser())?;
        if let Some(url) = &wanted.redirect_url {
            self.redirects.check(url)?;
        }
        // Mono shows a customer's data with each account of theirs.
        if let Some(customer) = &wanted.customer.id
            && !self.lifecycle.knows_customer(caller, customer).await?
        {
            return Err(LinkError::UnknownCustomer);
        }
        let request = LinkRequest {
            owner: caller.owner().to_owned(),
            reference: reference(wanted.reference)?,
            redirect_url: wanted.redirect_url,
            key,
        };
        let link = NewLink {
            customer: wanted.customer,
            reference: request.reference.clone(),
            redirect_url: request.redirect_url.clone(),
            bank: wanted.bank,
            check_account_match: wanted.check_account_match,
        };
        // Not cancelled if the caller goes away: the row may be there by then, and the link issued.
        let this = self.clone();
        let work = tokio::spawn(async move { this.request(request, link).await });
        work.await.map_err(|_| LinkError::Stopping)?
    }

    /// The row comes first, so that no webhook can be about a session that is not there yet.
    async fn request(&self, request: LinkRequest, link: NewLink) -> Result<Initiated, LinkError> {
        let id = LinkId::new(self.lifecycle.clock().now());
        let recorded = self.lifecycle.record_link(id, LinkWhat::Requested(request)).await?;
        match recorded.verdict {
            Verdict::Applied => {
                Ok(Initiated { session: self.ask(id, &link).await?, reused: false })
            }
            Verdict::Repeated(first) => {
                let id = LinkId::parse(&first.id).map_err(|_| LinkError::UnknownSession)?;
                Ok(Initiated { session: self.answered(id).await?, reused: first.reused })
            }
            Verdict::Ignored(_)
            | Verdict::Refused
            | Verdict::Reused(_)
            | Verdict::UnderWay(_)
            | Verdict::TooSoon(_) => Err(LinkError::UnknownSession),
        }
    }

    /// Asks Mono for the link and records the answer, whatever it is.
    async fn ask(&self, id: LinkId, link: &NewLink) -> Result<LinkSession, LinkError> {
        let answer = self.mono.initiate_link(link).await;
        let what = match &answer {
            Ok(link) => LinkWhat::Issued {
                url: link.url.clone(),
                customer: link.customer.clone(),
                stamp: link.created_at,
            },
            Err(error) => LinkWhat::Refused {
                told: error.code().as_str().to_owned(),
                message: error.to_string(),
            },
        };
        Lifecycle::patiently(|| self.lifecycle.record_link(id, what.clone())).await?;
        match answer {
            Ok(_) => outcome(self.by_id(id).await?),
            Err(error) => Err(LinkError::Mono(error)),
        }
    }

    /// The session once it is past asking Mono.
    async fn answered(&self, id: LinkId) -> Result<LinkSession, LinkError> {
        let mut changes = self.lifecycle.feed().attach(Some(Subject::Link(id)));
        changes.begin_after(self.lifecycle.feed().head().await?.last);
        let wait = async {
            loop {
                let session = self.by_id(id).await?;
                if session.stage != LinkStage::Requested {
                    return Ok::<_, LinkError>(session);
                }
                changes.next().await?;
            }
        };
        let late = || "it is not answered yet".to_owned();
        let session = tokio::time::timeout(OTHERS_ANSWER, wait)
            .await
            .map_err(|_| LinkError::FirstFailed(ErrorCode::UpstreamTimeout, late()))??;
        outcome(session)
    }

    async fn by_id(&self, id: LinkId) -> Result<LinkSession, LinkError> {
        self.lifecycle.link(id).await?.ok_or(LinkError::UnknownSession)
    }

    /// Exchanges the code that a widget or a return from the bank gave for an account, which is the
    /// caller's from then on. The session is the one named, if one is.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn complete(
        &self,
        caller: &Caller,
        code: &str,
        session: Option<LinkSession>,
    ) -> Result<Completed, LinkError> {
        check_text("code", Some(code))?;
        let (this, code) = (self.clone(), code.to_owned());
        let owner = caller.owner().to_owned();
        // Mono may take a code once: whoever goes away meanwhile must not lose what it gave.
        let work = tokio::spawn(async move { this.exchange(owner, &code, session).await });
        work.await.map_err(|_| LinkError::Stopping)?
    }

    async fn exchange(
        &self,
        owner: String,
        code: &str,
        session: Option<LinkSession>,
    ) -> Result<Completed, LinkError> {
        let account = match self.mono.exchange(code).await {
            Ok(account) => account,
            Err(MonoError::Rejected(_) | MonoError::NotFound) => {
                return self.already_connected(session).await;
            }
            Err(error) => return Err(LinkError::Mono(error)),
        };
        let link = session.as_ref().filter(|session| fits(session, &account)).map(|s| s.id);
        let what = What::Linked { link, owner };
        let recorded =
            Lifecycle::patiently(|| self.lifecycle.record(account.clone(), what.clone())).await?;
        if recorded.state.unlinked {
            return Err(LinkError::UnknownAccount);
        }
        let session = match session {
            Some(session) => Some(self.by_id(session.id).await?),
            None => None,
        };
        Ok(Completed { session, account })
    }

    /// A code that Mono does not take is no failure if the webhook was faster: the page tells what
    /// it saw, and what Mono told counts.
    async fn already_connected(
        &self,
        session: Option<LinkSession>,
    ) -> Result<Completed, LinkError> {
        let session = session.ok_or(LinkError::InvalidCode)?;
        let session = self.by_id(session.id).await?;
        let account = session.account().cloned().ok_or(LinkError::InvalidCode)?;
        let known = self.lifecycle.states(std::slice::from_ref(&account)).await?;
        if known.get(&account).is_none_or(|state| state.unlinked) {
            return Err(LinkError::InvalidCode);
        }
        Ok(Completed { session: Some(session), account })
    }

    /// Ends a session whose customer gave up. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`LinkError::UnknownSession`], [`LinkError::NotActive`] if the customer has finished or the
    /// session has ended otherwise.
    pub async fn cancel(&self, caller: &Caller, id: LinkId) -> Result<LinkSession, LinkError> {
        self.find(caller, id).await?.ok_or(LinkError::UnknownSession)?;
        let recorded = self.lifecycle.record_link(id, LinkWhat::Cancelled).await?;
        match recorded.verdict {
            Verdict::Applied | Verdict::Ignored(_) => self.by_id(id).await,
            Verdict::Refused
            | Verdict::Reused(_)
            | Verdict::Repeated(_)
            | Verdict::UnderWay(_)
            | Verdict::TooSoon(_) => Err(LinkError::NotActive(id)),
        }
    }

    /// Has Mono forget an account, and forgets it here: what is personal is removed, sessions end,
    /// and nothing revives it. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`LinkError::UnknownAccount`], [`LinkError::Mono`] if Mono does not do it: then nothing was
    /// forgotten here, either.
    pub async fn unlink(&self, caller: &Caller, account: AccountId) -> Result<(), LinkError> {
        if !self.lifecycle.may_see(caller, &account).await? {
            return Err(LinkError::UnknownAccount);
        }
        let known = self.lifecycle.states(std::slice::from_ref(&account)).await?;
        if known.get(&account).is_some_and(|state| state.unlinked) {
            return Ok(());
        }
        let is_known = known.contains_key(&account);
        let this = self.clone();
        let work = tokio::spawn(async move { this.forget(account, is_known).await });
        work.await.map_err(|_| LinkError::Stopping)?
    }

    async fn forget(&self, account: AccountId, is_known: bool) -> Result<(), LinkError> {
        match self.mono.unlink(&account).await {
            Ok(()) => {}
            // Mono does not have it (any more): so much the better.
            Err(MonoError::NotFound) if is_known => {}
            Err(MonoError::NotFound) => return Err(LinkError::UnknownAccount),
            Err(error) => return Err(LinkError::Mono(error)),
        }
        let record = || self.lifecycle.record(account.clone(), What::Unlinked);
        let recorded = Lifecycle::patiently(record).await?;
        match recorded.verdict {
            Verdict::Applied | Verdict::Ignored(Ignored::Duplicate) => Ok(()),
            Verdict::Ignored(Ignored::Stale | Ignored::Unlinked | Ignored::NothingNew)
            | Verdict::Reused(_)
            | Verdict::Repeated(_)
            | Verdict::UnderWay(_)
            | Verdict::TooSoon(_)
            | Verdict::Refused => Err(LinkError::UnknownAccount),
        }
    }

    /// The session of this id, if the caller may see it.
    ///
    /// # Errors
    /// [`LinkError::Store`].
    pub async fn find(
        &self,
        caller: &Caller,
        id: LinkId,
    ) -> Result<Option<LinkSession>, LinkError> {
        let session = self.lifecycle.link(id).await?;
        Ok(session.filter(|session| session.is_seen_by(caller)))
    }

    /// The session with this reference, if the caller may see it.
    ///
    /// # Errors
    /// [`LinkError::Store`].
    pub async fn find_by_reference(
        &self,
        caller: &Caller,
        text: &str,
    ) -> Result<Option<LinkSession>, LinkError> {
        // Nothing of this shape can be in the table, nor should it reach a query.
        if reference(Some(text.to_owned())).is_err() {
            return Ok(None);
        }
        Ok(self.lifecycle.link_by_reference(caller, text).await?)
    }
}

/// What whoever asked for this session is answered once it is past asking Mono.
fn outcome(session: LinkSession) -> Result<LinkSession, LinkError> {
    match &session.stage {
        LinkStage::Failed { connection: None, failure } => {
            let code = ErrorCode::parse(failure.told.as_deref().unwrap_or_default());
            let code = code.unwrap_or(ErrorCode::UpstreamUnavailable);
            Err(LinkError::FirstFailed(code, failure.message.clone()))
        }
        LinkStage::Requested
        | LinkStage::Issued { .. }
        | LinkStage::Connected(_)
        | LinkStage::Completed { .. }
        | LinkStage::Failed { .. }
        | LinkStage::Expired { .. }
        | LinkStage::Cancelled { .. } => Ok(session),
    }
}

/// Whether a code's account may be this session's: it has none yet, or this one. A visit may link
/// several accounts; the others are the caller's without being the session's.
fn fits(session: &LinkSession, account: &AccountId) -> bool {
    session.account().is_none_or(|known| known == account)
}

impl Initiate {
    fn check(&self) -> Result<(), LinkError> {
        let Customer { id, name, email, phone, bvn } = &self.customer;
        if id.is_none() && (name.is_none() || email.is_none()) {
            return Err(LinkError::Customer);
        }
        check_text("customer.id", id.as_deref())?;
        check_text("customer.name", name.as_deref())?;
        check_text("customer.email", email.as_deref())?;
        check_text("customer.phone", phone.as_deref())?;
        let is_bvn = |text: &String| text.len() == 11 && text.bytes().all(|b| b.is_ascii_digit());
        if bvn.as_ref().is_some_and(|text| !is_bvn(text)) {
            return Err(LinkError::Bvn);
        }
        let expected = self.bank.as_ref().and_then(|bank| bank.account_number.as_deref());
        if let Some(bank) = &self.bank {
            check_text("institution.id", Some(&bank.id))?;
            check_text("institution.authMethod", bank.auth_method.as_deref())?;
            check_text("institution.accountNumber", expected)?;
        }
        if self.check_account_match && expected.is_none() {
            return Err(LinkError::NothingToMatch);
        }
        Ok(())
    }

    fn key(&self, digests: &Recogniser) -> Result<Option<IdempotencyKey>, LinkError> {
        let Customer { id, name, email, phone, bvn } = &self.customer;
        let bank = self.bank.as_ref();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let arguments = [
            text(id),
            text(name),
            text(email),
            text(phone),
            text(bvn),
            bank.map(|bank| bank.id.clone()).unwrap_or_default(),
            bank.map(|bank| text(&bank.auth_method)).unwrap_or_default(),
            bank.map(|bank| text(&bank.account_number)).unwrap_or_default(),
            text(&self.redirect_url),
            text(&self.reference),
            self.check_account_match.to_string(),
        ];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let key = self.idempotency_key.clone();
        Ok(handover::key(digests, key, "initiateLink", &arguments)?)
    }
}

fn check_text(name: &'static str, text: Option<&str>) -> Result<(), LinkError> {
    let Some(text) = text else { return Ok(()) };
    let fits = (1..=LONGEST_TEXT).contains(&text.chars().count());
    if !fits || text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err(LinkError::Text(name, LONGEST_TEXT));
    }
    Ok(())
}
