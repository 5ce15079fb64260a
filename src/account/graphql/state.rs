//! What the gateway keeps of an account: its refreshes, and its consent.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};

use super::Account;
use crate::{
    account::loader::Loaders,
    clock::Time,
    error::{ApiError, ErrorCode, Result},
    ids::ReauthId,
    lifecycle::{
        AccountState, DataStatus, ReauthReason, SyncFailure, SyncFailureCode, session::Session,
    },
    paging::{PageInfo, checked_first},
    reauth::graphql::ReauthSession,
    scalar::DateTime,
};

/// How an account's refreshes went.
pub(super) struct SyncState(pub(super) Arc<AccountState>);

/// How an account's refreshes went, by the gateway's clock.
#[Object]
impl SyncState {
    /// When readable data last arrived; null if none ever did.
    async fn as_of(&self) -> Option<DateTime> {
        self.0.data.as_of.map(DateTime)
    }

    /// When a refresh last succeeded.
    async fn last_success_at(&self) -> Option<DateTime> {
        self.0.sync.last_success_at.map(DateTime)
    }

    /// When a refresh last failed.
    async fn last_failure_at(&self) -> Option<DateTime> {
        self.0.sync.last_failure_at.map(DateTime)
    }

    /// Why the newest refresh failed; null once one succeeds.
    async fn failure(&self) -> Option<SyncFailureView> {
        self.0.sync.failure.clone().map(SyncFailureView)
    }

    /// When syncAccount may start a refresh again; null: now.
    async fn next_sync_allowed_at(&self, ctx: &Context<'_>) -> Option<DateTime> {
        let loaders = ctx.data_unchecked::<Loaders>();
        let now = loaders.sources().accounts.lifecycle().clock().now();
        self.0.next_sync_allowed_at(now).map(DateTime)
    }

    /// While the data is awaited: when the gateway stops waiting at the latest.
    async fn waiting_until(&self) -> Option<DateTime> {
        self.0.waiting.as_ref().map(|waiting| DateTime(waiting.until))
    }
}

/// Why there is no data.
pub struct SyncFailureView(pub SyncFailure);

/// Why a refresh or a re-authorisation brought no data.
#[Object(name = "SyncFailure")]
impl SyncFailureView {
    /// The reason as a code.
    async fn code(&self) -> SyncFailureCode {
        self.0.code
    }

    /// The reason as a sentence.
    async fn message(&self) -> &str {
        &self.0.message
    }

    /// The status that came instead of data.
    async fn data_status(&self) -> Option<DataStatus> {
        self.0.status
    }

    /// When, by the gateway's clock.
    async fn at(&self) -> DateTime {
        DateTime(self.0.at)
    }
}

/// An account's consent.
pub(super) struct ReauthState {
    pub(super) account: Account,
}

/// Whether the customer must authorise again, and the attempts at it.
#[Object]
impl ReauthState {
    /// Whether the customer must authorise again.
    async fn required(&self) -> bool {
        self.account.state.need.is_some()
    }

    /// When the gateway heard of it.
    async fn since(&self) -> Option<DateTime> {
        let since = |need: &crate::lifecycle::Need| -> Time { need.since };
        self.account.state.need.as_ref().map(since).map(DateTime)
    }

    /// How Mono said so.
    async fn reason(&self) -> Option<ReauthReason> {
        self.account.state.need.as_ref().map(|need| need.reason)
    }

    /// The session that initiateReauth would return now, if there is one.
    async fn active(&self) -> Option<ReauthSession> {
        let session = self.account.state.live_session()?.clone();
        Some(ReauthSession::new(session, self.account.loaders.clone()))
    }

    /// All attempts, newest first.
    async fn sessions(
        &self,
        #[graphql(default = 10, desc = "How many at most, from 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Begin behind this cursor.")] after: Option<String>,
    ) -> Result<ReauthSessionConnection> {
        let first = checked_first(first, 10)?;
        let after = after.as_deref().map(ReauthId::parse).transpose().map_err(|_| {
            let text = "after is what an earlier answer carried in endCursor, unchanged";
            ApiError::new(ErrorCode::BadUserInput, text)
        })?;
        let account = &self.account;
        let lifecycle = account.loaders.sources().accounts.lifecycle();
        let mut sessions =
            lifecycle.sessions_of(&account.id, after, first + 1).await.map_err(ApiError::from)?;
        let has_next_page = sessions.len() as u64 > first;
        sessions.truncate(usize::try_from(first).unwrap_or(usize::MAX));
        Ok(ReauthSessionConnection::new(sessions, has_next_page, &account.loaders))
    }
}

/// The attempts to have a customer authorise again.
#[derive(SimpleObject)]
pub(super) struct ReauthSessionConnection {
    /// The sessions with their cursors.
    edges: Vec<ReauthSessionEdge>,
    /// The sessions.
    nodes: Vec<ReauthSession>,
    /// Where this page lies in the whole.
    page_info: PageInfo,
}

/// A session with its place in the list.
#[derive(SimpleObject)]
pub(super) struct ReauthSessionEdge {
    /// What to pass as after for what lies behind it.
    cursor: String,
    /// The session.
    node: ReauthSession,
}

impl ReauthSessionConnection {
    fn new(sessions: Vec<Session>, has_next_page: bool, loaders: &Loaders) -> Self {
        let cursor = |session: Option<&Session>| session.map(|session| session.id.to_string());
        let page_info = PageInfo {
            has_next_page,
            has_previous_page: false,
            start_cursor: cursor(sessions.first()),
            end_cursor: cursor(sessions.last()),
        };
        let view = |session: &Session| ReauthSession::new(session.clone(), loaders.clone());
        let edge = |s: &Session| ReauthSessionEdge { cursor: s.id.to_string(), node: view(s) };
        Self {
            edges: sessions.iter().map(edge).collect(),
            nodes: sessions.iter().map(view).collect(),
            page_info,
        }
    }
}
