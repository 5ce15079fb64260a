//! Derives every account and every link session again from the log of facts and holds what comes of
//! it against what is stored.

use super::{
    derived::Derived,
    store::{self, StoreError},
};
use crate::{
    database::{Database, Moment},
    ids::{AccountId, LinkId},
};

/// How many ids, and how many facts, are read at once.
const PAGE: u64 = 500;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many accounts were derived again.
    pub accounts: u64,
    /// How many link sessions were.
    pub links: u64,
    /// How many facts were folded for that.
    pub facts: u64,
    /// How many facts had gone into the checkpoints that it began from.
    pub removed_facts: u64,
    /// How many accounts and link sessions were left out because the account was unlinked: what
    /// was known of it is erased, so there is nothing to derive.
    pub unlinked: u64,
    /// The accounts and link sessions of which something else is stored than their log makes of
    /// them, with the names of the parts that differ.
    pub different: Vec<(String, Vec<String>)>,
}

/// Derives everything again and compares. Changes nothing, and may run beside a gateway.
///
/// # Errors
/// [`StoreError`], also for a fact that this version cannot read.
pub async fn check(database: &Database) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let mut after: Option<AccountId> = None;
    loop {
        let ids = store::account_ids_after(database.reader(), after.as_ref(), PAGE).await?;
        let Some(last) = ids.last().cloned() else { break };
        for account in ids {
            check_account(database, &account, &mut report).await?;
        }
        after = Some(last);
    }
    let mut after: Option<LinkId> = None;
    loop {
        let ids = store::links::ids_after(database.reader(), after, PAGE).await?;
        let Some(last) = ids.last().copied() else { return Ok(report) };
        for link in ids {
            check_link(database, link, &mut report).await?;
        }
        after = Some(last);
    }
}

async fn check_account(
    database: &Database,
    account: &AccountId,
    report: &mut Report,
) -> Result<(), StoreError> {
    let tx = database.moment().await?;
    let stored = store::load(&tx, std::slice::from_ref(account)).await?.remove(account);
    let derived = derive(&tx, account.as_str(), report).await?;
    tx.commit().await?;
    let Some(stored) = stored else { return Ok(()) };
    if stored.unlinked {
        report.unlinked += 1;
        return Ok(());
    }
    report.accounts += 1;
    let derived = derived.unwrap_or_else(|| Derived::Account(Box::default()));
    report.note(account.as_str(), derived.differences(&Derived::Account(Box::new(stored))));
    Ok(())
}

async fn check_link(
    database: &Database,
    link: LinkId,
    report: &mut Report,
) -> Result<(), StoreError> {
    let subject = link.to_string();
    let tx = database.moment().await?;
    let stored = store::links::by_id(&tx, link).await?;
    let account = stored.as_ref().and_then(|session| session.account().cloned());
    let accounts: Vec<_> = account.into_iter().collect();
    let is_unlinked = store::load(&tx, &accounts).await?.values().any(|state| state.unlinked);
    let derived = derive(&tx, &subject, report).await?;
    tx.commit().await?;
    let Some(stored) = stored else { return Ok(()) };
    if is_unlinked {
        report.unlinked += 1;
        return Ok(());
    }
    report.links += 1;
    let derived = derived.unwrap_or(Derived::Link(None));
    report.note(&subject, derived.differences(&Derived::Link(Some(Box::new(stored)))));
    Ok(())
}

/// What the log makes of a subject; nothing if the log has nothing of it.
async fn derive(
    tx: &Moment,
    subject: &str,
    report: &mut Report,
) -> Result<Option<Derived>, StoreError> {
    let checkpoint = store::checkpoints::load(tx, &[subject]).await?.remove(subject);
    let (mut derived, mut through) = match checkpoint {
        Some(checkpoint) => {
            report.removed_facts += u64::try_from(checkpoint.facts).unwrap_or_default();
            (Some(checkpoint.derived), checkpoint.through)
        }
        None => (None, 0),
    };
    loop {
        let facts = store::facts_about(tx, subject, through, PAGE).await?;
        let Some(last) = facts.last() else { return Ok(derived) };
        through = last.seq;
        report.facts += facts.len() as u64;
        for fact in &facts {
            derived.get_or_insert_with(|| Derived::before(&fact.told)).tell(&fact.told);
        }
    }
}

impl Report {
    fn note(&mut self, subject: &str, parts: Vec<String>) {
        if !parts.is_empty() {
            self.different.push((subject.to_owned(), parts));
        }
    }
}
