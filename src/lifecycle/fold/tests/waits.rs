//! Every state in which something waits has a moment at which the waiting ends, and that moment is
//! the one which is stored. A state that is new has to be placed here to compile.

use proptest::prelude::*;

use super::{anything::facts, *};
use crate::lifecycle::{
    job::JobStage,
    link::{
        Connection, LinkFact, LinkRequest, LinkSession, LinkStage, LinkWhat, fold as fold_link,
    },
};

/// What waits in this state, each with when something is done about it at the latest.
fn waits(state: &AccountState) -> Vec<(String, Option<Time>)> {
    let mut waits = Vec::new();
    if let Some(session) = &state.session {
        let of = |until| (format!("session {:?}", session.status()), until);
        match &session.stage {
            Stage::Requested => waits.push(of(session.deadline())),
            Stage::LinkIssued { expires_at, .. } => waits.push(of(Some(*expires_at))),
            // Its data is looked for, or nothing would end it.
            Stage::Authorized { .. } => {
                waits.push(of(state.waiting.as_ref().map(|waiting| waiting.next_at)));
            }
            Stage::Completed { .. }
            | Stage::Failed { .. }
            | Stage::Expired { .. }
            | Stage::Cancelled { .. }
            | Stage::Superseded { .. } => {}
        }
    }
    match state.data.status {
        Some(DataStatus::Processing) => {
            let next_at = state.waiting.as_ref().map(|waiting| waiting.next_at);
            waits.push(("data".into(), next_at));
        }
        Some(
            DataStatus::Available
            | DataStatus::Partial
            | DataStatus::Unavailable
            | DataStatus::Failed
            | DataStatus::Unknown,
        )
        | None => {}
    }
    for job in state.all_jobs() {
        match &job.stage {
            JobStage::Requested | JobStage::Processing { .. } => {
                // One that gave way to another would never be come to.
                let is_kept = state.jobs.iter().any(|kept| kept.id == job.id);
                waits.push((format!("job {:?}", job.kind), job.deadline().filter(|_| is_kept)));
            }
            JobStage::Finished { .. } | JobStage::Failed { .. } => {
                waits.extend(job.look_at.map(|at| (format!("look of {:?}", job.kind), Some(at))));
            }
        }
    }
    waits
}

/// Whether a link session waits, and if so until when; what waits for its account ends with that.
fn link_waits(link: &LinkSession) -> Option<Option<Time>> {
    match &link.stage {
        LinkStage::Requested | LinkStage::Issued { .. } => Some(link.deadline()),
        LinkStage::Connected(Connection { .. })
        | LinkStage::Completed { .. }
        | LinkStage::Failed { .. }
        | LinkStage::Expired { .. }
        | LinkStage::Cancelled { .. } => None,
    }
}

fn link_news() -> impl Strategy<Value = LinkWhat> {
    let request = LinkRequest {
        owner: "ada".into(),
        reference: "ref-1".into(),
        redirect_url: None,
        key: None,
    };
    let account = AccountId::parse("65aa00000000000000000abc").expect("an id");
    let via = CompletionEvidence::AccountUpdated;
    prop_oneof![
        4 => Just(LinkWhat::Requested(request)),
        4 => Just(LinkWhat::Issued { url: "https://link.example/".into(), customer: None, stamp: None }),
        1 => Just(LinkWhat::Refused { told: "x".into(), message: "no".into() }),
        2 => Just(LinkWhat::Connected { account }),
        2 => proptest::sample::select(&STATUSES).prop_map(move |status| LinkWhat::Arrived { status, via }),
        1 => Just(LinkWhat::Unlinked),
        1 => Just(LinkWhat::Cancelled),
        3 => Just(LinkWhat::TimePassed),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_waits_has_a_deadline_that_is_stored(facts in facts()) {
        let mut state = AccountState::default();
        for (at, what) in &facts {
            let folded = hear(&state, *at, what);
            state = folded.state;
            let waits = waits(&state);
            let stored = state.next_deadline();
            for (who, until) in &waits {
                prop_assert!(until.is_some(), "{} waits for ever after {:?}", who, what);
                prop_assert!(stored <= *until, "{} is come to too late after {:?}", who, what);
            }
            prop_assert_eq!(stored.is_some(), !waits.is_empty(), "after {:?}", what);
            // Whatever gives way does not wait behind the scenes.
            if let Some(old) = &folded.superseded {
                prop_assert!(!old.is_out() && old.deadline().is_none());
            }
        }
    }

    #[test]
    fn a_link_session_that_waits_has_a_deadline(
        news in proptest::collection::vec((0..2_000i64, link_news()), 1..12)
    ) {
        let link = LinkId::parse(&format!("link_{:032x}", 1)).expect("an id");
        let (mut session, mut now_s) = (None, 0);
        for (step, what) in news {
            now_s += step;
            let fact = LinkFact { link, at: ours(now_s), what };
            session = fold_link(session.as_ref(), &fact).session;
            let Some(session) = &session else { continue };
            let until = link_waits(session);
            prop_assert!(until != Some(None), "it waits for ever after {:?}", fact.what);
            prop_assert_eq!(session.deadline(), until.flatten());
        }
        // Nothing is heard from now on.
        if let Some(due) = session.as_ref().and_then(LinkSession::deadline) {
            prop_assert!(due <= ours(now_s + 30 * MINUTE));
            let fact = LinkFact { link, at: due, what: LinkWhat::TimePassed };
            let ended = fold_link(session.as_ref(), &fact).session;
            prop_assert_eq!(ended.and_then(|link| link.deadline()), None);
        }
    }
}
