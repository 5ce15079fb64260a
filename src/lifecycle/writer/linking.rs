//! Joins what Mono tells of an account to the link session that it came by, in whichever order
//! the two become known, inside the transaction that records the news.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::DatabaseTransaction;

use super::{Batch, Entry, News};
use crate::{
    clock::Time,
    ids::{AccountId, EventId, LinkId},
    lifecycle::{
        AccountState, ChangeCause, Subject, SyncFailure, SyncFailureCode,
        fact::{Fact, What},
        fold::{Repeated, Verdict},
        link::{self, LinkFact, LinkSession, LinkWhat},
        service::{RecordError, RecordedLink},
        session::{CompletionEvidence, LINK_LIFE},
        store::{self, FactRow, StoreError, keys::Known},
    },
};

/// The link sessions that these entries may be about, locked.
pub(super) async fn load(
    db: &DatabaseTransaction,
    entries: &[&Entry],
    now: Time,
    states: &BTreeMap<AccountId, AccountState>,
) -> Result<BTreeMap<LinkId, LinkSession>, StoreError> {
    let mut ids: BTreeSet<LinkId> = states.values().filter_map(unsettled).collect();
    let mut references = BTreeSet::new();
    for entry in entries {
        match &entry.news {
            Some(News::Link(fact)) => {
                ids.insert(fact.link);
            }
            Some(News::Account(fact)) => {
                if let What::Linked { link: Some(link), .. } = &fact.what {
                    ids.insert(*link);
                }
                let state = states.get(&fact.account);
                if is_clue(&fact.what) && state.is_none_or(|state| state.linked.is_none()) {
                    references.extend(reference(&fact.what));
                    references.extend(state.and_then(|state| state.reference.as_deref()));
                }
            }
            None => {}
        }
    }
    let references: Vec<_> = references.into_iter().collect();
    ids.extend(store::links::open_by_references(db, &references, now - LINK_LIFE).await?);
    store::links::load_for_update(db, &ids.into_iter().collect::<Vec<_>>()).await
}

fn unsettled(state: &AccountState) -> Option<LinkId> {
    state.linked.as_ref().filter(|linked| !linked.settled).map(|linked| linked.link)
}

/// Whether a fact may be news of the link that its account came by.
fn is_clue(what: &What) -> bool {
    matches!(what, What::Connected { .. } | What::Updated(_) | What::Looked(_))
}

/// The reference that a fact tells.
fn reference(what: &What) -> Option<&str> {
    if let What::Connected { reference, .. } = what {
        reference.as_deref()
    } else if let What::Updated(update) = what {
        update.reference.as_deref()
    } else if let What::Looked(look) = what {
        look.reference.as_deref()
    } else {
        None
    }
}

impl Batch<'_> {
    /// Folds a fact about a link session.
    pub(super) async fn tell_link(
        &mut self,
        db: &DatabaseTransaction,
        fact: &LinkFact,
        delivery: Option<EventId>,
    ) -> Result<Result<RecordedLink, RecordError>, StoreError> {
        let LinkWhat::Requested(request) = &fact.what else {
            let folded = self.fold_link(fact, delivery)?;
            let ends = matches!(fact.what, LinkWhat::Refused { .. } | LinkWhat::TimePassed);
            if ends && folded.session.as_ref().is_some_and(|link| !link.keeps_reference()) {
                // Nothing came of the wish, so repeating it tries again.
                store::keys::forget(db, &fact.link.to_string()).await?;
            }
            return Ok(Ok(folded));
        };
        if let Some(key) = &request.key {
            match store::keys::find(db, &request.owner, key, fact.at).await? {
                Known::New => {}
                Known::Same(answer) => {
                    let verdict = Verdict::Repeated(answer);
                    return Ok(Ok(RecordedLink { verdict, session: None }));
                }
                Known::Other => return Ok(Err(RecordError::KeyReused)),
            }
        }
        let here = |link: &LinkSession| {
            link.owner == request.owner
                && link.reference == request.reference
                && link.keeps_reference()
        };
        let in_batch = self.links.values().any(here);
        if in_batch
            || store::links::reference_is_taken(db, &request.owner, &request.reference).await?
        {
            return Ok(Err(RecordError::ReferenceInUse));
        }
        if let Some(key) = &request.key {
            let answer = Repeated { id: fact.link.to_string(), reused: false };
            store::keys::save(db, &request.owner, key, &answer, fact.at).await?;
        }
        self.fold_link(fact, delivery).map(Ok)
    }

    fn fold_link(
        &mut self,
        fact: &LinkFact,
        delivery: Option<EventId>,
    ) -> Result<RecordedLink, StoreError> {
        let folded = link::fold(self.links.get(&fact.link), fact);
        if folded.verdict == Verdict::Applied {
            self.facts.push(FactRow::of_link(fact, delivery)?);
        }
        let subject = Subject::Link(fact.link);
        self.changes.extend(folded.change.map(|change| (subject, change, fact.at)));
        if let Some(session) = &folded.session {
            self.links.insert(fact.link, session.clone());
        }
        Ok(RecordedLink { verdict: folded.verdict, session: folded.session })
    }

    /// After a fact about an account: the link that it came by, if that is known now, and what the
    /// account's data means to it. The account's state if that changed by it.
    pub(super) async fn join(
        &mut self,
        db: &DatabaseTransaction,
        fact: &Fact,
        delivery: Option<EventId>,
    ) -> Result<Option<AccountState>, StoreError> {
        let account = &fact.account;
        let Some(state) = self.states.get(account) else { return Ok(None) };
        if state.unlinked {
            self.part(fact, delivery)?;
            return Ok(None);
        }
        let mut joined = None;
        if let What::Linked { link: Some(link), .. } = &fact.what {
            // An account that came by another session stays that one's.
            if state.linked.as_ref().is_some_and(|linked| linked.link == *link) {
                self.connect(*link, account, fact.at, delivery)?;
            }
        } else if state.linked.is_none()
            && let Some(link) = self.link_of(fact, state)
        {
            if self.is_unproven(fact, state, link) {
                self.unproven.insert(account.clone());
                return Ok(None);
            }
            let owner = link.owner.clone();
            // Further accounts of the visit are the owner's without being the session's.
            let first = link.account().is_none().then_some(link.id);
            if first.is_none() && state.owners.contains(&owner) {
                return Ok(None);
            }
            let what = What::Linked { link: first, owner };
            let linked = Fact { account: account.clone(), at: fact.at, what };
            // Folded beside the news that it follows from, so that the log tells of both.
            if let Ok(recorded) = self.fold(db, &linked, delivery).await? {
                joined = Some(recorded.state);
            }
            if let Some(link) = first {
                self.connect(link, account, fact.at, delivery)?;
            }
        }
        self.pass_on(fact, delivery)?;
        Ok(joined)
    }

    /// Whether the account's customer is to be asked for before it is taken for this session's: what
    /// Mono sends by itself seldom tells whose it is, and what does may come late.
    fn is_unproven(&self, fact: &Fact, state: &AccountState, link: &LinkSession) -> bool {
        let was_asked = matches!(fact.what, What::Looked(_));
        !was_asked && state.customer.is_none() && link.customer.is_some()
    }

    /// The account was unlinked: the session that waits for its data has nothing to wait for.
    fn part(&mut self, fact: &Fact, delivery: Option<EventId>) -> Result<(), StoreError> {
        let link = self.before.get(&fact.account).and_then(unsettled);
        let Some(link) = link.filter(|_| fact.what == What::Unlinked) else { return Ok(()) };
        let fact = LinkFact { link, at: fact.at, what: LinkWhat::Unlinked };
        self.fold_link(&fact, delivery).map(|_| ())
    }

    fn connect(
        &mut self,
        link: LinkId,
        account: &AccountId,
        at: Time,
        delivery: Option<EventId>,
    ) -> Result<(), StoreError> {
        let what = LinkWhat::Connected { account: account.clone() };
        self.fold_link(&LinkFact { link, at, what }, delivery).map(|_| ())
    }

    /// The link session that this fact shows an account to have come by. A reference is the
    /// caller's word, so it decides only where nothing contradicts it and one session alone fits.
    fn link_of(&self, fact: &Fact, state: &AccountState) -> Option<&LinkSession> {
        // What is read shows every account's reference for ever; what Mono has not told of by
        // itself is no news. Each link gives a new account: one that was met before the link was
        // asked for is another.
        let (_, met_at) = (state.announced_at?, state.first_seen_at?);
        let reference = state.reference.as_deref().filter(|_| is_clue(&fact.what))?;
        let customer = state.customer.as_deref();
        let mut fitting = self.links.values().filter(|link| {
            link.reference == reference
                && link.keeps_reference()
                && link.created_at <= met_at
                && link.account() != Some(&fact.account)
                // Whose it is already, a reference does not change.
                && (state.owners.is_empty() || state.owners.contains(&link.owner))
                && link.may_lead_to(customer, state.created_stamp, fact.at)
        });
        let link = fitting.next()?;
        if fitting.next().is_some() {
            tracing::warn!(link = %link.id, "several link sessions have the reference that Mono tells; completeLink decides");
            return None;
        }
        Some(link)
    }

    /// How far the account's data is, told to the link session that waits for it.
    fn pass_on(&mut self, fact: &Fact, delivery: Option<EventId>) -> Result<(), StoreError> {
        let Some(state) = self.states.get(&fact.account) else { return Ok(()) };
        let (Some(linked), Some(status)) = (&state.linked, state.data.status) else {
            return Ok(());
        };
        let waits = self.links.get(&linked.link).is_some_and(LinkSession::awaits_data);
        if !waits || !status.is_outcome() || state.waiting.is_some() {
            return Ok(());
        }
        // The last look ended the waiting without having shown an end.
        let timed_out = |failure: &SyncFailure| {
            failure.code == SyncFailureCode::TimedOut && failure.at == fact.at
        };
        let via = match fact.what.cause() {
            _ if state.sync.failure.as_ref().is_some_and(timed_out) => CompletionEvidence::Deadline,
            ChangeCause::DetailsRead => CompletionEvidence::DetailsRead,
            ChangeCause::Deadline => CompletionEvidence::Deadline,
            ChangeCause::AccountConnected
            | ChangeCause::AccountUpdated
            | ChangeCause::ReauthorisationRequired
            | ChangeCause::AccountReauthorized
            | ChangeCause::SyncFailed
            | ChangeCause::JobUpdated
            | ChangeCause::JobRead
            | ChangeCause::AccountUnlinked
            | ChangeCause::Linked
            | ChangeCause::Mutation => CompletionEvidence::AccountUpdated,
        };
        let (link, at) = (linked.link, fact.at);
        let what = LinkWhat::Arrived { status, via };
        self.fold_link(&LinkFact { link, at, what }, delivery).map(|_| ())
    }
}
