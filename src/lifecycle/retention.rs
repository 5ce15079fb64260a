//! Removes what the logs have kept for long enough. What the facts that go had made of an account
//! or a link session is left as a checkpoint, so that the state can be derived again for ever.

use std::time::Duration;

use super::{
    derived::Derived,
    store::{self, StoreError, checkpoints::Checkpoint},
};
use crate::{
    clock::{Clock, Time},
    database::Database,
    error::chain,
    ids::{AccountId, LinkId},
};

/// How often it is looked for what is old.
const EVERY: chrono::Duration = chrono::Duration::hours(1);

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
    if removed == Removed::default() {
        return;
    }
    let Removed { facts, changes, webhooks, jobs, links } = removed;
    tracing::info!(
        facts,
        changes,
        webhooks,
        jobs,
        links,
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
    // Deliveries before facts: one that is replayed is held against the facts since it came. What
    // fails holds up nothing else, and is told at the end.
    let webhooks = drained(database, &mut removed.webhooks, Step::Webhooks, before, now).await;
    let facts = drained(database, &mut removed.facts, Step::Facts, before, now).await;
    let changes = drained(database, &mut removed.changes, Step::Changes, before, now).await;
    let jobs = drained(database, &mut removed.jobs, Step::Jobs, before, now).await;
    // Behind the facts: what became of these sessions was folded by then.
    let links = match &facts {
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
    Facts,
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
        let gone = match step {
            Step::Facts => trim_facts(database, before, now).await?,
            Step::Links => trim_links(database, before).await?,
            Step::Webhooks => {
                let tx = database.begin().await?;
                let gone = store::trim_deliveries(&tx, before, AT_ONCE).await?;
                tx.commit().await?;
                gone
            }
            Step::Changes => {
                let tx = database.begin().await?;
                let gone = store::trim_changes(&tx, before, AT_ONCE).await?;
                tx.commit().await?;
                gone
            }
            Step::Jobs => {
                let tx = database.begin().await?;
                let gone = store::trim_jobs(&tx, before, AT_ONCE).await?;
                tx.commit().await?;
                gone
            }
        };
        *count += gone;
        if gone == 0 {
            return Ok(());
        }
    }
}

async fn trim_links(database: &Database, before: Time) -> Result<u64, StoreError> {
    let ended = store::links::ended_for_nothing(database.reader(), before, AT_ONCE).await?;
    if ended.is_empty() {
        return Ok(0);
    }
    let tx = database.begin().await?;
    let gone = store::links::remove(&tx, &ended).await?;
    // One that has led to an account since then stays, with its checkpoint.
    let ids: Vec<_> = ended.iter().filter_map(|id| LinkId::parse(id).ok()).collect();
    let stay = store::links::load_for_update(&tx, &ids).await?;
    let went: Vec<_> =
        ids.iter().filter(|id| !stay.contains_key(id)).map(LinkId::to_string).collect();
    store::checkpoints::remove(&tx, &went).await?;
    tx.commit().await?;
    Ok(gone)
}

async fn trim_facts(database: &Database, before: Time, now: Time) -> Result<u64, StoreError> {
    let tx = database.begin().await?;
    let old = store::oldest_facts(&tx, before, AT_ONCE).await?;
    if old.is_empty() {
        return Ok(0);
    }
    let (mut accounts, mut links) = (Vec::new(), Vec::new());
    for (_, subject) in &old {
        match LinkId::parse(subject) {
            Ok(link) => links.push(link),
            Err(_) => accounts.extend(AccountId::parse(subject)),
        }
    }
    links.sort();
    links.dedup();
    accounts.extend(store::links::accounts_of(&tx, &links).await?);
    accounts.sort();
    accounts.dedup();
    // Locked as the writer locks, in its order: what is unlinked meanwhile is forgotten here, too.
    let states = store::load_for_update(&tx, &accounts, now, store::Locked::Wait).await?.states;
    let sessions = store::links::load_for_update(&tx, &links).await?;
    let numbers: Vec<_> = old.iter().map(|(seq, _)| *seq).collect();
    let facts = store::facts_of_numbers(&tx, &numbers).await?;
    let subjects: Vec<_> = facts.iter().map(|fact| fact.subject.as_str()).collect();
    let mut checkpoints = store::checkpoints::load(&tx, &subjects).await?;
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
    store::checkpoints::save(&tx, &checkpoints, now).await?;
    let removed = store::remove_facts(&tx, &numbers).await?;
    tx.commit().await?;
    Ok(removed)
}
