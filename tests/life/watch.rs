//! Leads an account through a life, fact by fact, as the gateway would: what is due is done in
//! between. Every step is held against what must hold of any step.

#![expect(clippy::unwrap_used, reason = "a test that meets what cannot be has failed")]

use std::collections::{BTreeMap, BTreeSet};

use mono_gateway::{
    ids::{JobId, ReauthId},
    lifecycle::{
        AccountState, Change, DataStatus,
        fact::{Fact, JobWord, Look, Reported, What},
        fold::{Folded, Verdict, fold},
        job::{Job, JobNews, JobStage, Personal},
        recogniser::Recogniser,
        session::{ReauthStatus, Session, Stage},
    },
    webhook::decode,
};
use secrecy::SecretString;

use crate::life::{Life, Scene, ours};

/// What Mono answers when its details, or a job of its, are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mono {
    /// What is true there.
    Answers,
    /// Nothing: every call fails.
    IsDown,
}

/// When which delivery arrives, in milliseconds after the life's beginning.
pub(crate) type Post = Vec<(i64, usize)>;

/// Everything arrives once, as it was sent.
pub(crate) fn on_time(life: &Life) -> Post {
    life.sent.iter().enumerate().map(|(n, sent)| (sent.at_ms, n)).collect()
}

/// An account that is led through a life.
pub(crate) struct Watched {
    pub(crate) state: AccountState,
    pub(crate) told: Vec<Change>,
    /// How many facts were folded.
    pub(crate) facts: usize,
    now_ms: i64,
    life: Life,
    mono: Mono,
    banks: Recogniser,
    seen: BTreeSet<String>,
    shows: Option<(&'static str, i64)>,
    jobs: BTreeMap<JobId, JobWord>,
}

/// Leads an account through `life`, with the post as it arrives, until nothing is due any more.
pub(crate) fn lead(life: &Life, post: &Post, mono: Mono) -> Watched {
    let mut watched = Watched::new(life, mono);
    watched.live(post, i64::MAX);
    watched.rest();
    watched
}

impl Watched {
    pub(crate) fn new(life: &Life, mono: Mono) -> Self {
        Self {
            state: AccountState::default(),
            told: Vec::new(),
            facts: 0,
            now_ms: 0,
            life: life.clone(),
            mono,
            banks: Recogniser::new(&SecretString::from("a key")),
            seen: BTreeSet::new(),
            shows: None,
            jobs: BTreeMap::new(),
        }
    }

    /// Goes through what happens and arrives up to `until_ms`.
    pub(crate) fn live(&mut self, post: &Post, until_ms: i64) {
        let life = self.life.clone();
        let scenes = life.scenes.iter().map(|(at_ms, scene)| (*at_ms, 0, Some(scene), 0));
        let post = post.iter().enumerate().map(|(n, (at_ms, sent))| (*at_ms, 1 + n, None, *sent));
        let mut all: Vec<_> = scenes.chain(post).filter(|one| one.0 <= until_ms).collect();
        all.sort_by_key(|(at_ms, order, ..)| (*at_ms, *order));
        for (at_ms, _, scene, sent) in all {
            self.wait_until(at_ms);
            match scene {
                None => self.arrives(sent),
                Some(Scene::Ours(what)) => {
                    self.hear(*what.clone());
                    let blocked = matches!(**what, What::Requested(_)) && self.state.is_blocked();
                    // What there is before the customer goes to the bank.
                    if blocked && self.mono == Mono::Answers {
                        self.look(false);
                    }
                }
                Some(Scene::Shows { status, balance }) => self.shows = Some((status, *balance)),
                Some(Scene::JobStands(id, word)) => drop(self.jobs.insert(*id, *word)),
            }
        }
        if until_ms < i64::MAX {
            self.wait_until(until_ms);
        }
    }

    /// A delivery comes in. One whose id was seen is known for a copy before anything is folded.
    pub(crate) fn arrives(&mut self, sent: usize) {
        let body = self.life.sent[sent].body.to_string();
        let decoded = decode(body.as_bytes(), &self.banks);
        if decoded.mono_event_id.is_some_and(|id| !self.seen.insert(id)) {
            return;
        }
        if let (Some(account), Some(what)) = (decoded.account, decoded.what) {
            assert_eq!(account, self.life.account, "{body}");
            self.hear(what);
        }
    }

    /// Does what is due until then.
    fn wait_until(&mut self, at_ms: i64) {
        while let Some(due) = self.state.next_deadline().filter(|due| *due <= ours(at_ms)) {
            self.now_ms = self.now_ms.max((due - ours(0)).num_milliseconds());
            self.meet();
            let next = self.state.next_deadline();
            assert!(next.is_none_or(|next| next > due), "stuck at {due}: {:?}", self.state);
        }
        self.now_ms = self.now_ms.max(at_ms);
    }

    /// Nothing more is heard: every deadline passes, and then nothing is live.
    pub(crate) fn rest(&mut self) {
        let begin = self.now_ms;
        while let Some(due) = self.state.next_deadline() {
            let due_ms = (due - ours(0)).num_milliseconds();
            self.wait_until(due_ms);
            // A link's half hour, a fetch's after it, and some looks after a refresh.
            assert!(self.now_ms <= begin + 2 * 3_600_000, "for ever: {:?}", self.state);
        }
        let state = &self.state;
        assert!(
            state.waiting.is_none() && state.jobs.iter().all(|job| !job.is_live()),
            "{state:?}"
        );
        assert_ne!(state.data.status, Some(DataStatus::Processing), "{state:?}");
        if let Some(session) = &state.session {
            assert!(is_end(session), "no end: {session:?}");
        }
    }

    /// Meets the deadlines that are due, as the gateway's worker does.
    fn meet(&mut self) {
        let now = ours(self.now_ms);
        let before = self.state.clone();
        let is_due = |job: &&Job| job.deadline().is_some_and(|at| at <= now);
        let (asked, ran_out): (Vec<&Job>, Vec<&Job>) = before
            .jobs
            .iter()
            .filter(is_due)
            .partition(|job| job.is_asked_after() && job.mono_was_asked());
        let session_is_due = before.session.as_ref().and_then(Session::deadline);
        let ends = session_is_due.is_some_and(|at| at <= now) && before.may_have_finished();
        if ends && self.mono == Mono::Answers {
            self.look(false);
        }
        if session_is_due.is_some_and(|at| at <= now) || !ran_out.is_empty() {
            self.hear(What::TimePassed);
        }
        if before.waiting.as_ref().is_some_and(|waiting| waiting.next_at <= now) {
            self.look(true);
        }
        for job in &asked {
            let runs = matches!(job.stage, JobStage::Processing { .. });
            let by_details = job.kind == mono_gateway::lifecycle::job::JobKind::Refresh
                && !(runs && job.mono_job.is_some());
            if by_details && self.mono == Mono::Answers {
                self.look(false);
            }
            let word = self.jobs.get(&job.id).copied().filter(|_| self.mono == Mono::Answers);
            let word = word.filter(|_| !by_details);
            let result = Personal::default();
            self.hear(What::Job(JobNews::Polled { id: job.id, word, result }));
        }
        if asked.iter().any(|job| job.is_overdue(now)) {
            self.hear(What::TimePassed);
        }
    }

    fn look(&mut self, scheduled: bool) {
        let what = match (self.mono, self.shows) {
            (Mono::Answers, Some((status, balance))) => What::Looked(Look {
                asked_at: ours(self.now_ms),
                scheduled,
                reported: Some(Reported::from_mono(status)),
                balance: Some(format!("balance {balance}")),
                ..Look::default()
            }),
            (Mono::Answers, None) | (Mono::IsDown, _) => {
                What::LookFailed { code: "UPSTREAM_TIMEOUT".into() }
            }
        };
        self.hear(what);
    }

    /// Folds a fact, and checks the step.
    pub(crate) fn hear(&mut self, what: What) -> Verdict {
        let fact = Fact { account: self.life.account.clone(), at: ours(self.now_ms), what };
        let folded = fold(&self.state, &fact);
        check(&self.state, &fact, &folded);
        self.told.extend(folded.changes);
        self.state = folded.state;
        self.facts += 1;
        folded.verdict
    }

    /// What is true of the account, in short: how its data is, and whether its customer is wanted.
    pub(crate) fn essence(&self) -> (Option<DataStatus>, bool, bool) {
        let state = &self.state;
        (state.data.status, state.need.is_some(), state.unlinked)
    }

    /// The newest session, and how far it is.
    pub(crate) fn session(&self) -> Option<(ReauthId, ReauthStatus)> {
        self.state.session.as_ref().map(|session| (session.id, session.status()))
    }
}

/// What holds of every step.
fn check(before: &AccountState, fact: &Fact, folded: &Folded) {
    let after = &folded.state;
    let again = fold(before, fact);
    assert_eq!(&again, folded, "the same step came out differently");
    // The state that is kept is the state that was folded.
    let kept = serde_json::to_string(after).unwrap();
    let mut read: AccountState = serde_json::from_str(&kept).unwrap();
    read.session.clone_from(&after.session);
    assert_eq!(&read, after, "at {:?}", fact.what);

    let mut unversioned = after.clone();
    unversioned.version = before.version;
    unversioned.first_seen_at = before.first_seen_at;
    let moved = unversioned != *before;
    assert_eq!(after.version, before.version + i64::from(moved), "at {:?}", fact.what);
    assert!(moved || folded.changes.is_empty(), "{:?}", folded.changes);
    assert!(moved || before.version > 0 || after.version == 0);
    if folded.verdict != Verdict::Applied {
        assert!(!moved, "{:?} of {:?}", folded.verdict, fact.what);
    }
    check_told(before, folded, fact);
    check_session(before, folded);
    let newest = after.marks.asked.last().copied();
    if let What::Reauthorized { stamp } = &fact.what
        && folded.verdict == Verdict::Applied
        && stamp.is_none_or(|stamp| Some(stamp) >= newest)
    {
        let unplaced = after.need.as_ref().is_some_and(|need| need.stamp.is_none());
        assert!(after.need.is_none() || (stamp.is_some() && unplaced), "{after:?}");
    }
}

/// What is told is the difference between the states: all of it, and nothing twice.
fn check_told(before: &AccountState, folded: &Folded, fact: &Fact) {
    let after = &folded.state;
    let mut wanted: Vec<String> = Vec::new();
    if let Some(old) = &folded.superseded {
        wanted.push(format!("{} Superseded", old.id));
    }
    let to = after.data.status.unwrap_or(DataStatus::Unknown);
    if before.data.status != after.data.status && before.data.status != Some(to) {
        wanted.push(format!("{:?} to {to:?}", before.data.status));
    }
    let of = |state: &AccountState| state.session.as_ref().map(|s| (s.id, s.status()));
    let moved = of(after).filter(|now| of(before) != Some(*now));
    if before.need.is_some() != after.need.is_some() || moved.is_some() {
        let need = after.need.is_some();
        wanted.push(moved.map_or(format!("wanted {need}"), |(id, to)| format!("{id} {to:?}")));
    }
    for job in after.all_jobs() {
        let stood = before.all_jobs().find(|old| old.id == job.id).map(Job::status);
        if stood != Some(job.status()) {
            wanted.push(format!("{} {:?}", job.id, job.status()));
        }
    }
    let mut refreshed = 0;
    let mut told: Vec<String> = Vec::new();
    for change in &folded.changes {
        assert_eq!(change.cause(), fact.what.cause());
        match change {
            // Data of a re-authorisation that came under the status that was known before.
            Change::DataStatus { from, to, .. } if *from == Some(*to) => refreshed += 1,
            Change::DataStatus { from, to, .. } => told.push(format!("{from:?} to {to:?}")),
            Change::Reauth { required, reauth, status, .. } => {
                assert_eq!(*required, after.need.is_some());
                told.push(match (reauth, status) {
                    (Some(id), Some(status)) => format!("{id} {status:?}"),
                    _ => format!("wanted {required}"),
                });
            }
            Change::Job { job, status, .. } => told.push(format!("{job} {status:?}")),
            Change::Link { .. } => panic!("an account's fold tells of no link"),
        }
    }
    assert_eq!(told, wanted, "at {:?}", fact.what);
    assert!(refreshed <= 1);
}

/// Sessions go forward, by moves that exist.
fn check_session(before: &AccountState, folded: &Folded) {
    use ReauthStatus::*;
    let Some(new) = &folded.state.session else {
        assert!(before.session.is_none() || folded.superseded.is_some());
        return;
    };
    let Some(old) = &before.session else {
        assert!(matches!(new.status(), Requested | LinkIssued), "begun as {new:?}");
        return;
    };
    if old.id != new.id {
        assert!(matches!(new.status(), Requested | LinkIssued), "begun as {new:?}");
        let gave_way = folded.superseded.as_ref().map(|session| (session.id, session.status()));
        if old.is_live() || old.status() == Authorized {
            assert_eq!(gave_way, Some((old.id, Superseded)));
        } else {
            assert_eq!(gave_way, None, "{old:?}");
        }
        return;
    }
    let had_finished = old.authorized_at().is_some();
    let may = match old.status() {
        Requested => {
            matches!(new.status(), LinkIssued | Authorized | Completed | Failed | Cancelled)
        }
        LinkIssued => {
            matches!(new.status(), Authorized | Completed | Failed | Expired | Cancelled)
        }
        Authorized => matches!(new.status(), Completed | Failed | Cancelled),
        // Mono's word beats our clock and the page's.
        Expired | Cancelled => matches!(new.status(), Authorized | Completed | Failed),
        Failed => had_finished && matches!(new.status(), Authorized | Completed),
        Completed | Superseded => false,
    };
    assert!(old.status() == new.status() || may, "from {old:?} to {new:?}");
    assert!(!had_finished || new.authorized_at().is_some() || new.status() == Cancelled);
}

/// Whether nothing is to be waited for any more, and it says why.
fn is_end(session: &Session) -> bool {
    match &session.stage {
        Stage::Requested | Stage::LinkIssued { .. } | Stage::Authorized { .. } => false,
        Stage::Failed { failure, .. } => !failure.message.is_empty(),
        Stage::Completed { .. }
        | Stage::Expired { .. }
        | Stage::Cancelled { .. }
        | Stage::Superseded { .. } => true,
    }
}
