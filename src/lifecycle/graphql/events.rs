//! What subscribers read of an event.

use async_graphql::Object;

use super::{ChangeKind, follow::Told};
use crate::{
    account::graphql::Account,
    error::Result,
    lifecycle::{
        Change, ChangeCause, DataStatus, ReauthReason, link::LinkStatus, session::ReauthStatus,
    },
    link::graphql::{LinkSession, find_by_id},
    reauth::graphql::ReauthSession,
    scalar::DateTime,
};

/// The data status of an account moved.
pub(super) struct DataStatusChange(pub(super) Told);

/// The data status of an account moved, or the data of a re-authorisation arrived under the status
/// that it had.
#[Object]
impl DataStatusChange {
    /// Where this stands in the log. Pass it as after to hear what comes behind it, each once.
    async fn cursor(&self) -> String {
        self.0.cursor.to_string()
    }

    /// What this event is.
    async fn kind(&self) -> ChangeKind {
        self.0.kind
    }

    /// The status before; null if it was not known, and for SNAPSHOT and RESYNC.
    async fn from(&self) -> Option<DataStatus> {
        match self.0.change {
            Some(Change::DataStatus { from, .. }) if self.0.kind == ChangeKind::Change => from,
            _ => None,
        }
    }

    /// The status now; null for RESYNC.
    async fn to(&self) -> Option<DataStatus> {
        if let Some(Change::DataStatus { to, .. }) = self.0.change { Some(to) } else { None }
    }

    /// What caused it; null for SNAPSHOT and RESYNC.
    async fn cause(&self) -> Option<ChangeCause> {
        self.0.cause()
    }

    /// The account as it is when this is told; null for RESYNC.
    async fn account(&self) -> Option<Result<Account>> {
        self.0.account().await.transpose()
    }

    /// The re-authorisation that this belongs to, as it is when this is told.
    async fn reauth(&self) -> Option<Result<ReauthSession>> {
        let Some(Change::DataStatus { reauth, .. }) = self.0.change else { return None };
        self.0.session(reauth).await.transpose()
    }

    /// When it was recorded, by the gateway's clock.
    async fn occurred_at(&self) -> DateTime {
        DateTime(self.0.at)
    }
}

/// The customer is wanted or no longer wanted, or a session moved.
pub(super) struct ReauthChange(pub(super) Told);

/// The customer must authorise again, or no longer must, or a session moved.
#[Object]
impl ReauthChange {
    /// Where this stands in the log. Pass it as after to hear what comes behind it, each once.
    async fn cursor(&self) -> String {
        self.0.cursor.to_string()
    }

    /// What this event is.
    async fn kind(&self) -> ChangeKind {
        self.0.kind
    }

    /// Whether the customer must authorise again, once this happened; null for RESYNC.
    async fn required(&self) -> Option<bool> {
        if let Some(Change::Reauth { required, .. }) = self.0.change {
            Some(required)
        } else {
            None
        }
    }

    /// How Mono said so; null if the customer is not wanted.
    async fn reason(&self) -> Option<ReauthReason> {
        if let Some(Change::Reauth { reason, .. }) = self.0.change { reason } else { None }
    }

    /// What caused it; null for SNAPSHOT and RESYNC.
    async fn cause(&self) -> Option<ChangeCause> {
        self.0.cause()
    }

    /// The account as it is when this is told; null for RESYNC.
    async fn account(&self) -> Option<Result<Account>> {
        self.0.account().await.transpose()
    }

    /// The session that moved, as it is when this is told; null if none moved.
    async fn reauth(&self) -> Option<Result<ReauthSession>> {
        let Some(Change::Reauth { reauth, .. }) = self.0.change else { return None };
        self.0.session(reauth).await.transpose()
    }

    /// How far that session was once this happened; null if none moved.
    async fn reauth_status(&self) -> Option<ReauthStatus> {
        if let Some(Change::Reauth { status, .. }) = self.0.change { status } else { None }
    }

    /// When it was recorded, by the gateway's clock.
    async fn occurred_at(&self) -> DateTime {
        DateTime(self.0.at)
    }
}

/// A link session moved.
pub(super) struct LinkChange(pub(super) Told);

/// A link session moved.
#[Object]
impl LinkChange {
    /// Where this stands in the log. Pass it as after to hear what comes behind it, each once.
    async fn cursor(&self) -> String {
        self.0.cursor.to_string()
    }

    /// What this event is.
    async fn kind(&self) -> ChangeKind {
        self.0.kind
    }

    /// How far the session was once this happened; null for RESYNC.
    async fn status(&self) -> Option<LinkStatus> {
        if let Some(Change::Link { status, .. }) = self.0.change { Some(status) } else { None }
    }

    /// What caused it; null for SNAPSHOT and RESYNC.
    async fn cause(&self) -> Option<ChangeCause> {
        self.0.cause()
    }

    /// The session as it is when this is told; null for RESYNC.
    async fn link(&self) -> Option<Result<LinkSession>> {
        let Some(Change::Link { link, .. }) = self.0.change else { return None };
        find_by_id(&self.0.loaders, link).await.transpose()
    }

    /// When it was recorded, by the gateway's clock.
    async fn occurred_at(&self) -> DateTime {
        DateTime(self.0.at)
    }
}
