//! Removes what the logs have kept for long enough. What the facts that go had made of an account
//! or a link session is left as a checkpoint, so that the state can be derived again for ever.

use std::{collections::BTreeSet, time::Duration};

use super::{
    derived::Derived,
    store::{self, StoreError, checkpoints::Checkpoint},
};
use crate::{
    clock::{Clock, Time},
    database::{Database, Writing},
    error::chain,
    ids::{AccountId, LinkId},
};

/// How often it is looked for what is old.
const EVERY: chrono::Duration = chrono::Duration::hours(1);

/// For how many days the logs should be kept at least: a webhook of Mono's that comes again is known for
/// one by the log, for as long as Mono tries.
///
/// Source: notes of an integrator on Mono's docs, read Oct 2026: 25 attempts over 48 hours. A day more
/// is for clocks that differ.
const FEWEST_DAYS: u32 = 3;

/// How often the clock is asked whether that time has come.
const PERIOD: Duration = Duration::from_secs(5);

/// How many rows go in one transaction: webhooks wait for it.
const AT_ONCE: u64 = 500;

/// What was removed, in rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Of the log of facts.
    pub facts: u64,
    /// Of the log of changes: cursors from before are answered with a `RESYNC`.
    pub changes: u64,
    /// Of the log of webhooks.
    pub webhooks: u64,
    /// Jobs that had ended.
    pub jobs: u64,
    /// Link sessions that had ended and led to no account.
    pub links: u64,
    /// Of how many accounts and link sessions facts stayed, because this version cannot read what is
    /// kept of them.
    pub unreadable: u64,
}

impl Removed {
    fn by_log(self) -> [(&'static str, u64); 5] {
        [
            ("facts", self.facts),
            ("changes", self.changes),
            ("webhooks", self.webhooks),
            ("jobs", self.jobs),
            ("links", self.links),
        ]
    }
}

/// Keeps the logs to the last `days`, for ever.
pub async fn run(database: Database, clock: Clock, days: u32) {
    if days < FEWEST_DAYS {
        tracing::warn!(
            days,
            "GATEWAY_LOG_RETENTION_DAYS is less than 3: Mono sends a webhook again for up to 48 hours, and one that is forgotten by then counts as new"
        );
    }
    let mut next = Time::default();
    loop {
        let now = clock.now();
        if now >= next {
            match trim(&database, now - chrono::Duration::days(days.into()), now).await {
                Ok(removed) => {
                    next = now + EVERY;
                    tell(removed);
                }
                Err(error) => {
                    tracing::error!(cause = %chain(&error), "what the logs keep is not removed in time; trying again");
                }
            }
        }
        // Time may have moved on while much was removed, and said so to nobody.
        if next > now && clock.now() >= next {
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = clock.moved() => {}
        }
    }
}

fn tell(removed: Removed) {
    metrics::gauge!("mono_gateway_log_unreadable").set(removed.unreadable as f64);
    if removed == Removed::default() {
        return;
    }
    let Removed { facts, changes, webhooks, jobs, links, unreadable } = removed;
    tracing::info!(
        facts,
        changes,
        webhooks,
        jobs,
        links,
        unreadable,
        "removed what the logs kept for long enough"
    );
    for (log, rows) in removed.by_log() {
        metrics::counter!("mono_gateway_log_removed_total", "log" => log).increment(rows);
    }
}

/// Removes what is older than `before`. Each step is a short transaction of its own.
///
/// # Errors
/// [`StoreError`]; what was removed by then stays removed, and nothing is half removed.
pub async fn trim(database: &Database, before: Time, now: Time) -> Result<Removed, StoreError> {
    let mut removed = Removed::default();
    // What fails holds up nothing but what relies on it, and is told at the end.
    let webhooks = drained(database, &mut removed.webhooks, Step::Webhooks, before, now).await;
    // Behind the deliveries: one that is replayed is held against the facts since it came.
    let facts = match &webhooks {
        Ok(()) => trim_facts(database, &mut removed, before, now).await,
        Err(_) => Ok(()),
    };
    let changes = drained(database, &mut removed.changes, Step::Changes, before, now).await;
    let jobs = drained(database, &mut removed.jobs, Step::Jobs, before, now).await;
    // Behind the facts: what became of these sessions was folded by then.
    let links = match webhooks.as_ref().and(facts.as_ref()) {
        Ok(()) => drained(database, &mut removed.links, Step::Links, before, now).await,
        Err(_) => Ok(()),
    };
    match webhooks.and(facts).and(changes).and(jobs).and(links) {
        Ok(()) => Ok(removed),
        Err(error) => {
            tell(removed);
            Err(error)
        }
    }
}

#[derive(Clone, Copy)]
enum Step {
    Webhooks,
    Changes,
    Jobs,
    Links,
}

/// Takes a step until nothing is left for it, and counts what went.
async fn drained(
    database: &Database,
    count: &mut u64,
    step: Step,
    before: Time,
    now: Time,
) -> Result<(), StoreError> {
    loop {
        let tx = database.begin().await?;
        let gone = match step {
            Step::Webhooks => store::trim_deliveries(&tx, before, AT_ONCE).await,
            Step::Changes => store::trim_changes(&tx, before, now, AT_ONCE).await,
            Step::Jobs => store::trim_jobs(&tx, before, AT_ONCE).await,
            Step::Links => trim_links(&tx, before).await,
        };
        let gone = ended(tx, gone).await?;
        *count += gone;
        if gone == 0 {
            return Ok(());
        }
    }
}

/// Commits what was done, or takes it back.
async fn ended(tx: Writing, done: Result<u64, StoreError>) -> Result<u64, StoreError> {
    match &done {
        Ok(_) => tx.commit().await?,
        Err(_) => {
            if let Err(error) = tx.rollback().await {
                tracing::warn!(cause = %chain(&error), "a transaction was not rolled back");
            }
        }
    }
    done
}

async fn trim_links(tx: &Writing, before: Time) -> Result<u64, StoreError> {
    let old = store::links::ended_for_nothing(tx, before, AT_ONCE).await?;
    if old.is_empty() {
        return Ok(0);
    }
    let gone = store::links::remove(tx, &old).await?;
    // One that has led to an account since then stays, with its checkpoint.
    let ids: Vec<_> = old.iter().filter_map(|id| LinkId::parse(id).ok()).collect();
    let stay = store::links::load_for_update(tx, &ids).await?;
    let went: Vec<_> =
        ids.iter().filter(|id| !stay.contains_key(id)).map(LinkId::to_string).collect();
    store::checkpoints::remove(tx, &went).await?;
    Ok(gone)
}

/// Numbers of facts, each with what the fact is about.
type Numbered = (i64, String);

/// Removes old facts. What this version cannot read (a newer one wrote it) is left where it is with
/// all that follows about the same account or link session; the others go.
async fn trim_facts(
    database: &Database,
    removed: &mut Removed,
    before: Time,
    now: Time,
) -> Result<(), StoreError> {
    let mut unreadable = BTreeSet::new();
    let mut after = 0;
    loop {
        let db = database.reader();
        let through = store::old_through(db, after, before, now, AT_ONCE).await?;
        let Some(through) = through else { return Ok(()) };
        let mut page = store::facts_between(db, after, through, AT_ONCE).await?;
        after = page.last().map_or(through, |(seq, _)| *seq);
        page.retain(|(_, subject)| !unreadable.contains(subject));
        removed.facts += match trim_page(database, &page, now).await {
            Err(StoreError::Row { .. }) => trim_each(database, &page, now, &mut unreadable).await?,
            done => done?,
        };
        removed.unreadable = unreadable.len() as u64;
    }
}

/// Removes the facts of a page in which something cannot be read, of one subject after the other;
/// notes of which it is so.
async fn trim_each(
    database: &Database,
    page: &[Numbered],
    now: Time,
    unreadable: &mut BTreeSet<String>,
) -> Result<u64, StoreError> {
    let mut gone = 0;
    let subjects: BTreeSet<&String> = page.iter().map(|(_, subject)| subject).collect();
    for subject in subjects {
        let theirs: Vec<_> = page.iter().filter(|(_, of)| of == subject).cloned().collect();
        match trim_page(database, &theirs, now).await {
            Err(error @ StoreError::Row { .. }) => {
                // Told once a run, and counted.
                if unreadable.is_empty() {
                    tracing::error!(%subject, cause = %chain(&error), "what is kept of an account or a link session cannot be read; its facts stay");
                }
                unreadable.insert(subject.clone());
            }
            done => gone += done?,
        }
    }
    Ok(gone)
}

/// Removes these facts, all or none.
async fn trim_page(database: &Database, facts: &[Numbered], now: Time) -> Result<u64, StoreError> {
    if facts.is_empty() {
        return Ok(0);
    }
    let tx = database.begin().await?;
    let gone = fold_away(&tx, facts, now).await;
    ended(tx, gone).await
}

/// Folds these facts into checkpoints, as far as they are still there, and removes them.
async fn fold_away(tx: &Writing, old: &[Numbered], now: Time) -> Result<u64, StoreError> {
    let (mut accounts, mut links) = (Vec::new(), Vec::new());
    for (_, subject) in old {
        match LinkId::parse(subject) {
            Ok(link) => links.push(link),
            Err(_) => accounts.extend(AccountId::parse(subject)),
        }
    }
    links.sort();
    links.dedup();
    accounts.extend(store::links::accounts_of(tx, &links).await?);
    accounts.sort();
    accounts.dedup();
    // Locked as the writer locks, in its order: what is unlinked meanwhile is forgotten here, too.
    let states = store::load_for_update(tx, &accounts, now, store::Locked::Wait).await?.states;
    let sessions = store::links::load_for_update(tx, &links).await?;
    let numbers: Vec<_> = old.iter().map(|(seq, _)| *seq).collect();
    let facts = store::facts_of_numbers(tx, &numbers).await?;
    let subjects: Vec<_> = facts.iter().map(|fact| fact.subject.as_str()).collect();
    let mut checkpoints = store::checkpoints::load(tx, &subjects).await?;
    for fact in &facts {
        let checkpoint = checkpoints.entry(fact.subject.clone()).or_insert_with(|| Checkpoint {
            derived: Derived::before(&fact.told),
            through: 0,
            facts: 0,
        });
        checkpoint.derived.tell(&fact.told);
        checkpoint.through = fact.seq;
        checkpoint.facts += 1;
    }
    // Nothing is kept of who was to be forgotten.
    let is_unlinked = |account: &AccountId| states.get(account).is_some_and(|s| s.unlinked);
    checkpoints.retain(|subject, _| {
        let account = match LinkId::parse(subject) {
            Ok(id) => sessions.get(&id).and_then(|session| session.account().cloned()),
            Err(_) => AccountId::parse(subject).ok(),
        };
        account.is_none_or(|account| !is_unlinked(&account))
    });
    store::checkpoints::save(tx, &checkpoints, now).await?;
    store::remove_facts(tx, &numbers).await
}
