//! What is due about an account at one moment, and those that wait for Mono to be asked about them:
//! for room, or for a Mono that is down. Nobody's end waits for that for longer than [`SLACK`].

use std::collections::{BTreeMap, HashMap};

use chrono::Duration;

use super::{
    AccountState,
    job::{Job, JobStage, SLACK},
    session::Session,
    store::Deadline,
};
use crate::{clock::Time, ids::AccountId};

/// How long after it should have been come to again nothing is due about an account any more.
const GONE_AFTER: Duration = Duration::minutes(1);

/// Something that Mono is to be asked about before time alone ends it.
struct Ending {
    /// When its time is up.
    at: Time,
    /// From when on recording that time passed ends it, asked about or not.
    cut_from: Time,
}

/// What is due about an account.
pub(super) struct Due {
    /// Whether its details are looked at, by the schedule of its waiting.
    pub(super) look: bool,
    /// Whether its details are looked at once before its link ends.
    pub(super) look_at_link: bool,
    /// The jobs that Mono is asked after, or whose data is looked at.
    pub(super) jobs: Vec<Job>,
    /// Whether something is over that Mono is not asked about.
    pub(super) is_over: bool,
    /// When the next is over that Mono is not asked about.
    next: Option<Time>,
    endings: Vec<Ending>,
    now: Time,
}

impl Due {
    /// What is due of this state at `now`.
    pub(super) fn of(state: AccountState, now: Time) -> Self {
        let mut endings = Vec::new();
        let late = |at: Time| Ending { at, cut_from: at + SLACK };
        if let Some(waiting) = &state.waiting {
            endings.push(late(waiting.until));
        }
        let link = state.session.as_ref().and_then(Session::deadline);
        let found = link.filter(|_| state.may_have_finished());
        endings.extend(found.map(|at| Ending { at, cut_from: at }));
        let look = state.waiting.is_some_and(|waiting| waiting.next_at <= now);
        let (asked, silent): (Vec<_>, Vec<_>) =
            state.jobs.into_iter().partition(|job| job.is_asked_after() && job.mono_was_asked());
        let ended = |job: &Job| match job.stage {
            JobStage::Requested | JobStage::Processing { .. } => job.waiting_until(),
            JobStage::Finished { .. } | JobStage::Failed { .. } => job.look_at,
        };
        endings.extend(asked.iter().filter_map(ended).map(late));
        let is_due = |job: &Job| job.deadline().is_some_and(|at| at <= now);
        let jobs = asked.into_iter().filter(is_due).collect();
        let session = link.filter(|_| found.is_none());
        let alone: Vec<_> = silent.iter().filter_map(Job::deadline).chain(session).collect();
        Self {
            look,
            look_at_link: found.is_some_and(|at| at <= now),
            jobs,
            is_over: alone.iter().any(|at| *at <= now),
            next: alone.into_iter().filter(|at| *at > now).min(),
            endings,
            now,
        }
    }

    /// Whether there is anything to ask Mono.
    pub(super) fn asks(&self) -> bool {
        self.look || self.look_at_link || !self.jobs.is_empty()
    }

    /// Whether recording that time passed would end what Mono is yet to be asked about.
    pub(super) fn cuts(&self) -> bool {
        self.endings.iter().any(|ending| ending.cut_from <= self.now)
    }

    /// Whether all that this would end has waited for long enough, of an account that has waited
    /// for Mono to be asked since `since`.
    pub(super) fn is_out_of_patience(&self, since: Time) -> bool {
        let mut cut = self.endings.iter().filter(|ending| ending.cut_from <= self.now).peekable();
        cut.peek().is_some() && cut.all(|ending| ending.at.max(since) + SLACK <= self.now)
    }

    /// When there is something to do next that Mono need not be asked for.
    pub(super) fn again_at(&self, since: Time) -> Option<Time> {
        let ends = self.endings.iter().map(|ending| ending.at.max(since) + SLACK);
        ends.chain(self.next).min()
    }
}

/// An account that waits for Mono to be asked about it.
struct Waits {
    deadline: Deadline,
    since: Time,
    again_at: Option<Time>,
    /// Its place in the queue, if it is room that it waits for.
    place: Option<u64>,
}

/// Accounts about which Mono is to be asked and could not be yet. They hold up nobody whose deadline
/// needs no asking, and neither are their own of that kind held up.
#[derive(Default)]
pub(super) struct Backlog {
    /// Where the last round stopped, if it did not come to the end.
    pub(super) after: Option<(Time, AccountId)>,
    known: HashMap<AccountId, Waits>,
    /// Those that wait for room, in the order in which they are come to.
    queue: BTreeMap<u64, AccountId>,
    places: u64,
}

impl Backlog {
    /// Whether anybody waits for room.
    pub(super) fn waits_for_room(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether there is something to do about this now, as far as is known here.
    pub(super) fn is_to_be_met(&self, deadline: &Deadline, now: Time) -> bool {
        self.known.get(&deadline.account).is_none_or(|waits| {
            waits.deadline != *deadline || waits.again_at.is_some_and(|at| at <= now)
        })
    }

    /// Since when it has waited here.
    pub(super) fn since(&self, account: &AccountId) -> Option<Time> {
        self.known.get(account).map(|waits| waits.since)
    }

    /// It has waited since `since` and goes on waiting, until `again_at` at first; for room, unless
    /// it is Mono that is down.
    pub(super) fn keep(
        &mut self,
        deadline: Deadline,
        since: Time,
        again_at: Option<Time>,
        for_room: bool,
    ) {
        let account = deadline.account.clone();
        let before = self.known.remove(&account).and_then(|waits| waits.place);
        let place = match before {
            Some(place) if for_room => Some(place),
            Some(place) => {
                self.queue.remove(&place);
                None
            }
            None if for_room => {
                self.places += 1;
                self.queue.insert(self.places, account.clone());
                Some(self.places)
            }
            None => None,
        };
        self.known.insert(account, Waits { deadline, since, again_at, place });
    }

    /// Forgets those that wait for Mono and about which nothing is due any more: they were not come
    /// to again.
    pub(super) fn forget_gone(&mut self, now: Time) {
        self.known.retain(|_, waits| {
            waits.place.is_some() || waits.again_at.is_some_and(|at| at + GONE_AFTER > now)
        });
    }

    /// It does not wait any more.
    pub(super) fn forget(&mut self, account: &AccountId) {
        let place = self.known.remove(account).and_then(|waits| waits.place);
        if let Some(place) = place {
            self.queue.remove(&place);
        }
    }

    /// The one that is to have room next, with since when it has waited.
    pub(super) fn next(&mut self) -> Option<(Deadline, Time)> {
        let (_, account) = self.queue.pop_first()?;
        let waits = self.known.remove(&account)?;
        Some((waits.deadline, waits.since))
    }
}
