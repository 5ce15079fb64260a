//! Reads an account's details, and records what they show of its status.

use std::sync::Arc;

use super::read::Read;
use crate::{
    clock::Time,
    error::chain,
    ids::AccountId,
    lifecycle::{
        AccountState,
        deadlines::look,
        fact::{Fact, What},
        fold::fold,
        service::Lifecycle,
    },
    mono::{Client, Details, MonoError},
};

/// An account's details, and its state once they were recorded.
#[derive(Clone, Debug)]
pub struct Observed {
    /// What Mono shows.
    pub details: Details,
    /// What is true of the account now.
    pub state: Arc<AccountState>,
}

/// Accounts at Mono. Clones share connections.
#[derive(Clone, Debug)]
pub struct Accounts {
    mono: Client,
    lifecycle: Lifecycle,
}

impl Accounts {
    /// The accounts of this Mono, whose state goes through this door.
    #[must_use]
    pub fn new(mono: Client, lifecycle: Lifecycle) -> Self {
        Self { mono, lifecycle }
    }

    /// The door that their state goes through.
    #[must_use]
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    /// An account's details. What they show is recorded, so that queries and subscriptions cannot
    /// disagree.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn details(
        &self,
        id: &AccountId,
        known: Option<&AccountState>,
    ) -> Result<Observed, MonoError> {
        let asked_at = self.lifecycle.clock().now();
        let details = self.mono.account(id).await?;
        let state = self.observe(id, &details, asked_at, known).await;
        Ok(Observed { details, state })
    }

    /// Reads an account's details to learn which link it came by: recorded whatever they show, since
    /// that they say nothing of the customer is an answer, too.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn prove(&self, id: &AccountId) -> Result<(), MonoError> {
        let asked_at = self.lifecycle.clock().now();
        let details = self.mono.account(id).await?;
        let shown = look(self.lifecycle.recogniser(), id, &details, asked_at, false);
        if let Err(error) = self.lifecycle.record(id.clone(), What::Looked(shown)).await {
            tracing::warn!(account = %id, cause = %chain(&error), "what a read showed was not recorded");
        }
        Ok(())
    }

    /// One call of Mono's.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn read<R: Read>(&self, read: &R) -> Result<R::Answer, MonoError> {
        read.read(&self.mono).await
    }

    async fn observe(
        &self,
        id: &AccountId,
        details: &Details,
        asked_at: Time,
        known: Option<&AccountState>,
    ) -> Arc<AccountState> {
        let what = What::Looked(look(self.lifecycle.recogniser(), id, details, asked_at, false));
        let before = known.cloned().unwrap_or_default();
        let fact = Fact { account: id.clone(), at: self.lifecycle.clock().now(), what };
        let folded = fold(&before, &fact);
        // Most reads show nothing new: they cost no write.
        if known.is_some() && folded.state == before {
            return Arc::new(before);
        }
        match self.lifecycle.record(id.clone(), fact.what).await {
            Ok(recorded) => Arc::new(recorded.state),
            Err(error) => {
                // The answer is as good without: the next read shows the same.
                tracing::warn!(account = %id, cause = %chain(&error), "what a read showed was not recorded");
                Arc::new(folded.state)
            }
        }
    }
}
