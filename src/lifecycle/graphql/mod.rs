//! What subscribers are told: `dataStatusChanged`, `reauthChanged`, `linkChanged`, `jobChanged`.

mod events;
mod follow;
mod jobs;

use async_graphql::{Context, Enum, ID, Subscription};
use futures_util::{Stream, StreamExt as _};

use super::Subject;
use crate::{
    error::Result,
    ids::{AccountId, LinkId},
};
use events::{DataStatusChange, LinkChange, ReauthChange};
use follow::{Topic, follow};
use jobs::JobChange;

/// What an event of a subscription is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum ChangeKind {
    /// How things stand as the subscription begins. Nothing happened.
    Snapshot,
    /// Something became true.
    Change,
    /// The gateway cannot tell what happened since the cursor in after. Read anew, then go on from
    /// here.
    Resync,
}

/// The subscriptions about accounts.
#[derive(Debug, Default)]
pub struct LifecycleSubscription;

/// Everything that can be listened to.
#[Subscription]
impl LifecycleSubscription {
    /// Tells when the data status of an account moves: each change once, in order.
    async fn data_status_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this account; of all that you may see if left out.")]
        account_id: Option<ID>,
        #[graphql(desc = "The cursor of the last event that you saw: tells what came since.")]
        after: Option<String>,
        #[graphql(
            default = true,
            desc = "Begin with how things stand, if accountId is given and after is not."
        )]
        snapshot: bool,
    ) -> Result<impl Stream<Item = DataStatusChange>> {
        let subject = account(account_id)?;
        let told = Box::pin(follow(ctx, Topic::DataStatus, subject, after, snapshot)).await?;
        Ok(told.map(DataStatusChange))
    }

    /// Tells when a customer must authorise again or no longer must, and when a session moves:
    /// each change once, in order.
    async fn reauth_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this account; of all that you may see if left out.")]
        account_id: Option<ID>,
        #[graphql(desc = "The cursor of the last event that you saw: tells what came since.")]
        after: Option<String>,
        #[graphql(
            default = true,
            desc = "Begin with how things stand, if accountId is given and after is not."
        )]
        snapshot: bool,
    ) -> Result<impl Stream<Item = ReauthChange>> {
        let subject = account(account_id)?;
        let told = Box::pin(follow(ctx, Topic::Reauth, subject, after, snapshot)).await?;
        Ok(told.map(ReauthChange))
    }

    /// Tells when a link session moves: each change once, in order.
    async fn link_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this session; of all of yours if left out.")] link_id: Option<ID>,
        #[graphql(desc = "The cursor of the last event that you saw: tells what came since.")]
        after: Option<String>,
        #[graphql(
            default = true,
            desc = "Begin with how things stand, if linkId is given and after is not."
        )]
        snapshot: bool,
    ) -> Result<impl Stream<Item = LinkChange>> {
        let subject = link_id.map(|id| LinkId::parse(&id).map(Subject::Link)).transpose()?;
        let told = Box::pin(follow(ctx, Topic::Link, subject, after, snapshot)).await?;
        Ok(told.map(LinkChange))
    }

    /// Tells when a job is asked for and when it moves: each change once, in order.
    async fn job_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this account; of all that you may see if left out.")]
        account_id: Option<ID>,
        #[graphql(desc = "The cursor of the last event that you saw: tells what came since.")]
        after: Option<String>,
        #[graphql(
            default = true,
            desc = "Begin with how things stand, if accountId is given and after is not."
        )]
        snapshot: bool,
    ) -> Result<impl Stream<Item = JobChange>> {
        let subject = account(account_id)?;
        let told = Box::pin(follow(ctx, Topic::Job, subject, after, snapshot)).await?;
        Ok(told.map(JobChange))
    }
}

fn account(id: Option<ID>) -> Result<Option<Subject>> {
    Ok(id.map(|id| AccountId::parse(&id).map(Subject::Account)).transpose()?)
}
