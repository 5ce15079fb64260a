//! Does what is due when nothing is heard: looks at accounts that are being fetched, lets links
//! expire. Each deadline stands in the database, so it survives a restart, and is claimed, so one
//! replica takes it.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use sha2::{Digest as _, Sha256};

use super::{
    RetrievedData,
    fact::{Look, Reported, What},
    service::Lifecycle,
    store,
};
use crate::{
    clock::Time,
    database::Database,
    error::chain,
    ids::AccountId,
    mono::{Client, Details},
};

/// How often the database is asked for what is due.
const PERIOD: Duration = Duration::from_secs(1);

/// How many accounts are looked at in one round, and how many of them at once.
const ROUND: u64 = 64;
const AT_ONCE: usize = 16;

/// How long a replica may take over one deadline before another may.
const CLAIM: chrono::Duration = chrono::Duration::seconds(30);

/// Looks after deadlines, for ever.
pub async fn run(lifecycle: Lifecycle, mono: Client, database: Database) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = lifecycle.clock().moved() => {}
        }
        while round(&lifecycle, &mono, &database).await {}
    }
}

/// Does what is due now. True if there may be more.
async fn round(lifecycle: &Lifecycle, mono: &Client, database: &Database) -> bool {
    let now = lifecycle.clock().now();
    match store::next_deadlines(database.reader(), now, ROUND).await {
        Ok(accounts) => {
            let full = accounts.len() as u64 == ROUND;
            stream::iter(accounts)
                .for_each_concurrent(AT_ONCE, |account| async move {
                    if let Err(error) = meet(lifecycle, mono, database, &account).await {
                        tracing::error!(%account, cause = %chain(error.as_ref()), "a deadline was not met; it stays due");
                    }
                })
                .await;
            full
        }
        Err(error) => {
            tracing::error!(cause = %chain(&error), "deadlines cannot be read; trying again");
            false
        }
    }
}

async fn meet(
    lifecycle: &Lifecycle,
    mono: &Client,
    database: &Database,
    account: &AccountId,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let now = lifecycle.clock().now();
    if !store::claim(database.writer(), account, now, now + CLAIM).await? {
        return Ok(());
    }
    let state = lifecycle.states(std::slice::from_ref(account)).await?.remove(account);
    let waiting = state.and_then(|state| state.waiting);
    if waiting.is_some_and(|waiting| waiting.next_at <= now) {
        let asked_at = lifecycle.clock().now();
        let what = match mono.account(account).await {
            Ok(details) => What::Looked(look(account, &details, asked_at, true)),
            Err(error) => What::LookFailed { code: error.code().as_str().to_owned() },
        };
        lifecycle.record(account.clone(), what).await?;
    }
    lifecycle.record(account.clone(), What::TimePassed).await?;
    store::release(database.writer(), account).await?;
    Ok(())
}

/// What an account's details show, as evidence: a status, and digests that tell a change.
#[must_use]
pub fn look(account: &AccountId, details: &Details, asked_at: Time, scheduled: bool) -> Look {
    let digest = |text: String| {
        let hash = Sha256::new_with_prefix(account.as_str()).chain_update(text).finalize();
        hash[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let retrieved = details.retrieved_data.as_ref().map(|words| {
        let mut kinds: Vec<_> =
            words.iter().filter_map(|word| RetrievedData::from_mono(word)).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    });
    Look {
        asked_at,
        scheduled,
        reported: details.data_status.as_deref().map(Reported::from_mono),
        balance: details.balance.and_then(Result::ok).map(|minor| digest(minor.to_string())),
        request_id: details.data_request_id.clone(),
        retrieved,
        currency: details.currency.clone(),
    }
}
