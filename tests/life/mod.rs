//! Whole lives of accounts, as Mono and a customer would lead them: linked, refreshed, asked for
//! again, re-authorised or not, unlinked; and the deliveries that follow from that.
//!
//! A life is made of chapters. Written out it is a timeline: what we do ourselves, what Mono
//! sends, and what its details would show meanwhile.

#![expect(clippy::unwrap_used, reason = "a test that meets what cannot be has failed")]

pub(crate) mod author;
pub(crate) mod plan;
pub(crate) mod shapes;

use std::fmt;

use mono_gateway::{
    clock::Time,
    ids::{AccountId, JobId},
    lifecycle::fact::{JobWord, What},
};
use serde_json::Value;
use shapes::Event;

/// What happens at a moment.
#[derive(Clone)]
pub(crate) enum Scene {
    /// We do something, or Mono answers us.
    Ours(Box<What>),
    /// From now on Mono's details show this.
    Shows { status: &'static str, balance: i64 },
    /// From now on Mono says this of its job.
    JobStands(JobId, JobWord),
}

/// A delivery of Mono's.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) event: Event,
    pub(crate) at_ms: i64,
    pub(crate) body: Value,
}

/// A life, written out. Times are milliseconds after its beginning.
#[derive(Clone)]
pub(crate) struct Life {
    pub(crate) account: AccountId,
    pub(crate) scenes: Vec<(i64, Scene)>,
    pub(crate) sent: Vec<Sent>,
}

impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        for (at_ms, scene) in &self.scenes {
            match scene {
                Scene::Ours(what) => writeln!(f, "    {at_ms} ms: we: {what:?}")?,
                Scene::Shows { status, balance } => {
                    writeln!(f, "    {at_ms} ms: Mono shows {status} and {balance}")?;
                }
                Scene::JobStands(id, word) => writeln!(f, "    {at_ms} ms: {id} is {word:?}")?,
            }
        }
        for (n, sent) in self.sent.iter().enumerate() {
            let Sent { event, at_ms, body } = sent;
            let (status, sync) =
                (&body["data"]["meta"]["data_status"], &body["data"]["meta"]["sync_status"]);
            writeln!(
                f,
                "    {at_ms} ms: delivery {n}: {event:?} {status} {sync} {}",
                body["data"]["status"]
            )?;
        }
        Ok(())
    }
}

/// Our clock, `ms` after the beginning of a life.
pub(crate) fn ours(ms: i64) -> Time {
    Time::from_timestamp_millis(1_767_214_800_000 + ms).unwrap()
}
