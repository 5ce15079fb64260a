//! The rules, told as stories of one account. A digest is made from what a delivery says, so that
//! equal deliveries have equal digests; copies that carry Mono's id never come this far.

mod anything;
mod cases;
mod histories;
mod jobs;
mod patience;
mod refresh;
mod rules;
mod sessions;
mod telling;
mod waits;
mod widgets;

use super::*;
use crate::{
    ids::AccountId,
    lifecycle::{
        RetrievedData,
        job::{Answer, Job, JobKind, JobRequest, JobStatus, SyncPart, SyncVia},
        session::ReauthMethod,
    },
};

const STATUSES: [DataStatus; 6] = [
    DataStatus::Available,
    DataStatus::Partial,
    DataStatus::Processing,
    DataStatus::Unavailable,
    DataStatus::Failed,
    DataStatus::Unknown,
];

const SYNCS: [Option<SyncStatus>; 4] = [
    None,
    Some(SyncStatus::Successful),
    Some(SyncStatus::Failed),
    Some(SyncStatus::ReauthorisationRequired),
];

/// Mono's clock, `s` seconds after some midnight.
fn stamp(s: i64) -> Option<Time> {
    Some(moment(1_767_225_600 + s))
}

/// Our clock, which is not Mono's: three hours behind.
fn ours(s: i64) -> Time {
    moment(1_767_214_800 + s)
}

fn moment(s: i64) -> Time {
    Time::from_timestamp(s, 0).expect("the calendar reaches that far")
}

fn update(status: DataStatus, stamp: Option<Time>, sync: Option<SyncStatus>) -> What {
    fetched(Some(word(status)), stamp, sync, None)
}

fn word(status: DataStatus) -> Reported {
    Reported { status, raw: status.as_mono().into() }
}

fn fetched(
    reported: Option<Reported>,
    stamp: Option<Time>,
    sync: Option<SyncStatus>,
    retrieved: Option<Vec<RetrievedData>>,
) -> What {
    let digest = format!("updated {reported:?} {stamp:?} {sync:?} {retrieved:?}");
    What::Updated(Update { stamp, digest, reported, sync, retrieved, ..Update::default() })
}

fn updated(status: DataStatus) -> What {
    update(status, None, None)
}

fn connected() -> What {
    What::Connected { reported: None, reference: None, customer: None }
}

/// The link `n` of `owner` led to the account, or a code of theirs that names no link.
fn linked(n: Option<u128>, owner: &str) -> What {
    let link = n.map(|n| LinkId::parse(&format!("link_{n:032x}")).expect("an id"));
    What::Linked { link, owner: owner.to_owned() }
}

fn required(stamp: Option<Time>) -> What {
    What::Required { stamp, digest: format!("required {stamp:?}") }
}

fn reauthorized(stamp: Option<Time>) -> What {
    What::Reauthorized { stamp }
}

fn sync_failed(stamp: Option<Time>) -> What {
    What::SyncFailed { stamp, digest: format!("sync_failed {stamp:?}") }
}

fn id(n: u128) -> ReauthId {
    ReauthId::parse(&format!("reauth_{n:032x}")).expect("an id")
}

fn request(n: u128) -> Request {
    Request {
        id: id(n),
        owner: "ada".into(),
        reference: format!("ref-{n}"),
        method: ReauthMethod::HostedLink,
        redirect_url: None,
        reuse_active: true,
        key: None,
    }
}

fn requested(n: u128) -> What {
    What::Requested(request(n))
}

fn link_issued(n: u128) -> What {
    What::LinkIssued { id: id(n), url: format!("https://link.example/{n}") }
}

fn job_id(n: u128) -> JobId {
    JobId::parse(&format!("job_{n:032x}")).expect("an id")
}

/// Somebody asks for a job; a refresh in real time.
fn asked(kind: JobKind, n: u128) -> JobNews {
    let is_refresh = kind == JobKind::Refresh;
    JobNews::Requested(JobRequest {
        id: job_id(n),
        product: kind,
        owner: "ada".into(),
        key: None,
        part: is_refresh.then_some(SyncPart::Transactions),
        via: is_refresh.then_some(SyncVia::Realtime),
        months: None,
        arguments: None,
    })
}

/// Somebody asks for a job with these arguments.
fn asked_with(kind: JobKind, n: u128, arguments: &str) -> What {
    let JobNews::Requested(request) = asked(kind, n) else { unreachable!() };
    let arguments = Some(arguments.to_owned());
    What::Job(JobNews::Requested(JobRequest { arguments, ..request }))
}

fn polled(n: u128, word: Option<JobWord>) -> JobNews {
    JobNews::Polled { id: job_id(n), word, result: Personal::default() }
}

/// Folds `what`, learned at `at`.
fn hear(state: &AccountState, at: Time, what: &What) -> Folded {
    let account = AccountId::parse("65aa00000000000000000abc").expect("an id");
    fold(state, &Fact { account, at, what: what.clone() })
}

/// Facts on one line, for whoever reads of a failure.
fn brief(whats: &[What]) -> String {
    let one = |what: &What| {
        let What::Updated(update) = what else { return format!("{what:?}") };
        let status = update.reported.as_ref().map(|reported| reported.status);
        format!("Updated {{ {:?} {status:?} {:?} }}", update.stamp, update.sync)
    };
    whats.iter().map(one).collect::<Vec<_>>().join("; ")
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// An account and what it goes through. Every step takes and returns the story.
struct Story {
    state: AccountState,
    now_s: i64,
    told: Vec<Change>,
    verdict: Verdict,
}

impl Story {
    fn new() -> Self {
        let (state, told) = (AccountState::default(), Vec::new());
        Self { state, now_s: 0, told, verdict: Verdict::Applied }
    }

    /// An account whose data is there.
    fn with_data() -> Self {
        Self::new().hears(connected()).hears(updated(DataStatus::Available)).later(HOUR)
    }

    /// One whose customer is wanted as well, and has been sent a link.
    fn with_link() -> Self {
        Self::with_data().hears(required(None)).hears(requested(1)).hears(link_issued(1))
    }

    fn later(mut self, seconds: i64) -> Self {
        self.now_s += seconds;
        self
    }

    fn now(&self) -> Time {
        ours(self.now_s)
    }

    fn hears(mut self, what: What) -> Self {
        let folded = hear(&self.state, self.now(), &what);
        self.told.extend(folded.changes);
        Self { state: folded.state, verdict: folded.verdict, ..self }
    }

    /// Somebody reads the account's details, which show this.
    fn sees(self, status: DataStatus, balance: &str) -> Self {
        let look = self.look(Some(status), balance);
        self.hears(What::Looked(look))
    }

    fn look(&self, status: Option<DataStatus>, balance: &str) -> Look {
        Look {
            asked_at: self.now(),
            scheduled: false,
            reported: status.map(word),
            balance: Some(balance.to_owned()),
            ..Look::default()
        }
    }

    /// Does what is due until `seconds` have passed. Each look shows this, or fails.
    fn waits(mut self, seconds: i64, shown: Option<(DataStatus, &str)>) -> Self {
        let end = self.now_s + seconds;
        while let Some(due) = self.state.next_deadline().filter(|due| *due <= ours(end)) {
            self.now_s = self.now_s.max((due - ours(0)).num_seconds());
            if self.state.waiting.as_ref().is_some_and(|waiting| waiting.next_at <= due) {
                let what = shown.map_or_else(
                    || What::LookFailed { code: "UPSTREAM_TIMEOUT".into() },
                    |(status, balance)| {
                        let look = self.look(Some(status), balance);
                        What::Looked(Look { scheduled: true, ..look })
                    },
                );
                self = self.hears(what);
            }
            let due_jobs =
                self.state.jobs.iter().filter(|job| {
                    job.is_asked_after() && job.deadline().is_some_and(|at| at <= due)
                });
            for id in due_jobs.map(|job| job.id).collect::<Vec<_>>() {
                let result = Personal::default();
                self = self.hears(What::Job(JobNews::Polled { id, word: None, result }));
            }
            self = self.hears(What::TimePassed);
            let next = self.state.next_deadline();
            assert!(next.is_none_or(|next| next > due), "{due} is not met: {:?}", self.state);
        }
        self.now_s = end;
        self
    }

    /// Forgets what was told so far.
    fn quietly(mut self) -> Self {
        self.told.clear();
        self
    }

    fn status(&self) -> Option<DataStatus> {
        self.state.data.status
    }

    fn is_wanted(&self) -> bool {
        self.state.need.is_some()
    }

    fn reason(&self) -> Option<ReauthReason> {
        self.state.need.as_ref().map(|need| need.reason)
    }

    fn session(&self) -> Option<ReauthStatus> {
        self.state.session.as_ref().map(Session::status)
    }

    fn completed_via(&self) -> Option<CompletionEvidence> {
        match self.state.session.as_ref()?.stage {
            Stage::Completed { via, .. } => Some(via),
            Stage::Requested
            | Stage::LinkIssued { .. }
            | Stage::Authorized { .. }
            | Stage::Failed { .. }
            | Stage::Expired { .. }
            | Stage::Cancelled { .. }
            | Stage::Superseded { .. } => None,
        }
    }

    fn failure(&self) -> Option<&SyncFailure> {
        match &self.state.session.as_ref()?.stage {
            Stage::Failed { failure, .. } => Some(failure),
            Stage::Requested
            | Stage::LinkIssued { .. }
            | Stage::Authorized { .. }
            | Stage::Completed { .. }
            | Stage::Expired { .. }
            | Stage::Cancelled { .. }
            | Stage::Superseded { .. } => None,
        }
    }

    /// The statuses that subscribers heard of.
    fn statuses_told(&self) -> Vec<DataStatus> {
        let to = |change: &Change| match change {
            Change::DataStatus { to, .. } => Some(*to),
            Change::Reauth { .. } | Change::Link { .. } | Change::Job { .. } => None,
        };
        self.told.iter().filter_map(to).collect()
    }
}
