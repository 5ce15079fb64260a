//! Plans of lives: what happens to an account and its customer, chapter by chapter.

use mono_gateway::lifecycle::{job::JobKind, session::ReauthMethod};
use proptest::{collection::vec, prelude::*, sample::select};

use super::shapes::Dialect;

/// How an account comes to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linked {
    Session,
    Code,
    Webhook,
    /// Before there was a gateway: nothing tells of it.
    LongAgo,
}

/// How Mono says that the customer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Webhook,
    SyncStatus,
    JobStatus,
    Header,
    SyncCode,
}

/// What becomes of a re-authorisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Finishes,
    /// After we took its link for dead.
    FinishesLate,
    GivesUp,
    /// The page says so, and the customer finishes all the same.
    GivesUpAndFinishes,
    Vanishes,
    LinkRefused,
    /// We stopped between asking Mono and hearing its answer.
    Interrupted,
    /// Not by a session of ours: elsewhere.
    Elsewhere,
}

/// How a job ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Finishes,
    FinishesAtOnce,
    Fails,
    /// Mono asks for the customer.
    Asks,
    Refused,
    Vanishes,
}

/// A piece of a life.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Chapter {
    /// Mono fetches by itself.
    Fetch {
        status: &'static str,
        sync: Option<&'static str>,
        slow: bool,
    },
    /// It could not.
    FetchFails,
    Wanted(Asked),
    Reauth {
        method: ReauthMethod,
        outcome: Outcome,
        status: &'static str,
        fresh: bool,
        slow: bool,
    },
    Job {
        kind: JobKind,
        work: Work,
        status: &'static str,
    },
    /// Something that tells nothing.
    Noise,
    Unlinked {
        by_us: bool,
    },
}

/// The plan of a life.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) dialect: Dialect,
    pub(crate) linked: Linked,
    /// Each with what passes before it, in seconds, and which form its deliveries have.
    pub(crate) chapters: Vec<(i64, usize, Chapter)>,
}

const STATUSES: [&str; 6] =
    ["AVAILABLE", "AVAILABLE", "PARTIAL", "UNAVAILABLE", "FAILED", "AVAILABLE"];

fn chapter() -> impl Strategy<Value = Chapter> {
    let status = || select(STATUSES.to_vec());
    let sync = select(vec![None, Some("SUCCESSFUL"), Some("FAILED")]);
    let asked = [Asked::Webhook, Asked::SyncStatus, Asked::JobStatus, Asked::Header];
    let asked = select([&asked[..], &[Asked::SyncCode]].concat());
    let outcomes = [
        Outcome::Finishes,
        Outcome::Finishes,
        Outcome::Finishes,
        Outcome::FinishesLate,
        Outcome::GivesUp,
        Outcome::GivesUpAndFinishes,
        Outcome::Vanishes,
        Outcome::LinkRefused,
        Outcome::Interrupted,
        Outcome::Elsewhere,
    ];
    let methods = [ReauthMethod::HostedLink, ReauthMethod::Widget, ReauthMethod::WidgetToken];
    let reauth = (
        select(methods.to_vec()),
        select(outcomes.to_vec()),
        status(),
        any::<bool>(),
        any::<bool>(),
    );
    let work = [
        Work::Finishes,
        Work::FinishesAtOnce,
        Work::Fails,
        Work::Asks,
        Work::Refused,
        Work::Vanishes,
    ];
    let kinds = [JobKind::Refresh, JobKind::Refresh, JobKind::Statement, JobKind::Income];
    let job = (select(kinds.to_vec()), select(work.to_vec()), status());
    prop_oneof![
        4 => (status(), sync, any::<bool>())
            .prop_map(|(status, sync, slow)| Chapter::Fetch { status, sync, slow }),
        1 => Just(Chapter::FetchFails),
        4 => asked.prop_map(Chapter::Wanted),
        6 => reauth.prop_map(|(method, outcome, status, fresh, slow)| {
            Chapter::Reauth { method, outcome, status, fresh, slow }
        }),
        3 => job.prop_map(|(kind, work, status)| Chapter::Job { kind, work, status }),
        1 => Just(Chapter::Noise),
    ]
}

/// Lives whose deliveries are marked in one of these ways.
pub(crate) fn lives(dialects: &[Dialect]) -> impl Strategy<Value = Plan> + use<> {
    let linked = [Linked::Session, Linked::Code, Linked::Webhook, Linked::LongAgo];
    let gap = prop_oneof![3 => 1..90i64, 2 => 90..2_400i64, 1 => 2_400..300_000i64];
    let chapters = vec((gap, any::<u8>().prop_map(usize::from), chapter()), 0..8);
    let end = prop_oneof![4 => Just(None), 1 => any::<bool>().prop_map(Some)];
    (select(dialects.to_vec()), select(linked.to_vec()), chapters, end).prop_map(
        |(dialect, linked, mut chapters, end)| {
            if let Some(by_us) = end {
                chapters.push((30, 0, Chapter::Unlinked { by_us }));
            }
            Plan { dialect, linked, chapters }
        },
    )
}
