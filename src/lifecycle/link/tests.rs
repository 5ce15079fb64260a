//! The life of a link session, fact by fact.

use proptest::{prelude::*, sample::select};

use super::*;

fn at(s: i64) -> Time {
    Time::from_timestamp(1_767_214_800 + s, 0).expect("the calendar reaches that far")
}

fn id() -> LinkId {
    LinkId::parse(&format!("link_{:032x}", 1)).expect("an id")
}

fn account(text: &str) -> AccountId {
    AccountId::parse(text).expect("an id")
}

fn request() -> LinkWhat {
    LinkWhat::Requested(LinkRequest {
        owner: "ada".into(),
        reference: "ref-1".into(),
        redirect_url: None,
        key: None,
    })
}

fn issued() -> LinkWhat {
    let url = "https://link.mono.co/A".to_owned();
    LinkWhat::Issued { url, customer: Some("c1".into()), stamp: Some(at(0)) }
}

fn connected(text: &str) -> LinkWhat {
    LinkWhat::Connected { account: account(text) }
}

fn arrived(status: DataStatus) -> LinkWhat {
    LinkWhat::Arrived { status, via: CompletionEvidence::AccountUpdated }
}

/// The session after these facts, a second apart, and the statuses that subscribers heard of.
fn after(facts: &[LinkWhat]) -> (LinkSession, Vec<LinkStatus>) {
    let (mut session, mut told) = (None, Vec::new());
    for (s, what) in (0..).zip(facts) {
        let folded =
            fold(session.as_ref(), &LinkFact { link: id(), at: at(s), what: what.clone() });
        if let Some(Change::Link { status, .. }) = folded.change {
            told.push(status);
        }
        session = folded.session;
    }
    (session.expect("a session"), told)
}

#[test]
fn a_link_is_issued_connected_and_completed_and_each_step_is_told_once() {
    use LinkStatus::*;
    let facts = [request(), issued(), connected("a1"), arrived(DataStatus::Available)];
    let (session, told) = after(&facts);
    assert_eq!(told, [Requested, LinkIssued, Connected, Completed]);
    assert_eq!(session.account(), Some(&account("a1")));
    assert_eq!(session.link(), None);
    let twice: Vec<_> = facts.iter().flat_map(|what| [what.clone(), what.clone()]).collect();
    assert_eq!(after(&twice).1, told);
}

#[test]
fn data_that_failed_is_put_right_by_data_that_comes_later() {
    let failed = [request(), issued(), connected("a1"), arrived(DataStatus::Unavailable)];
    let (session, _) = after(&failed);
    let code = session.failure().map(|failure| failure.code);
    assert_eq!(code, Some(SyncFailureCode::DataUnavailable));
    let mut repaired = failed.to_vec();
    repaired.push(arrived(DataStatus::Partial));
    assert_eq!(after(&repaired).0.status(), LinkStatus::Completed);
}

#[test]
fn what_mono_says_beats_our_clock_and_the_page() {
    for early in [LinkWhat::Cancelled, LinkWhat::TimePassed] {
        let mut session = after(&[request(), issued()]).0;
        let fact = LinkFact { link: id(), at: at(3600), what: early };
        session = fold(Some(&session), &fact).session.expect("a session");
        assert!(session.link().is_none(), "{:?}", session.stage);
        let fact = LinkFact { link: id(), at: at(3601), what: connected("a1") };
        session = fold(Some(&session), &fact).session.expect("a session");
        assert_eq!(session.status(), LinkStatus::Connected);
    }
}

#[test]
fn a_session_leads_to_one_account() {
    let facts = [request(), issued(), connected("a1"), connected("a2")];
    assert_eq!(after(&facts).0.account(), Some(&account("a1")));
}

#[test]
fn a_customer_who_has_finished_cannot_be_given_up() {
    let session = after(&[request(), issued(), connected("a1")]).0;
    let fact = LinkFact { link: id(), at: at(9), what: LinkWhat::Cancelled };
    assert_eq!(fold(Some(&session), &fact).verdict, Verdict::Refused);
}

#[test]
fn a_session_that_a_crash_interrupted_ends_after_a_minute() {
    let session = after(&[request()]).0;
    assert_eq!(session.deadline(), Some(at(60)));
    let fact = LinkFact { link: id(), at: at(60), what: LinkWhat::TimePassed };
    let session = fold(Some(&session), &fact).session.expect("a session");
    assert_eq!(session.failure().map(|f| f.code), Some(SyncFailureCode::Interrupted));
    assert!(!session.keeps_reference());
}

#[test]
fn another_customer_s_account_and_an_older_one_do_not_belong_to_it() {
    let session = after(&[request(), issued()]).0;
    let now = at(9);
    assert!(session.may_lead_to(None, None, now));
    assert!(session.may_lead_to(Some("c1"), Some(at(0)), now));
    assert!(!session.may_lead_to(Some("c2"), None, now));
    assert!(!session.may_lead_to(None, Some(at(-1)), now));
}

#[test]
fn a_visit_may_lead_to_several_accounts_but_not_for_ever() {
    let session = after(&[request(), issued(), connected("a1")]).0;
    assert!(session.may_lead_to(None, None, at(1800)));
    assert!(!session.may_lead_to(None, None, at(1803)));
}

#[test]
fn an_account_that_is_unlinked_before_its_data_came_ends_the_session() {
    let facts = [request(), issued(), connected("a1"), LinkWhat::Unlinked];
    let (session, told) = after(&facts);
    assert_eq!(session.failure().map(|f| f.code), Some(SyncFailureCode::Unlinked));
    assert_eq!(told.last(), Some(&LinkStatus::Failed));
    let whole =
        [request(), issued(), connected("a1"), arrived(DataStatus::Available), LinkWhat::Unlinked];
    assert_eq!(after(&whole).0.status(), LinkStatus::Completed);
}

#[test]
fn a_session_is_not_open_to_accounts_for_ever() {
    let session = after(&[request(), issued()]).0;
    assert!(session.may_lead_to(None, None, at(48 * 3600)));
    assert!(!session.may_lead_to(None, None, at(49 * 3600)));
}

fn anything() -> impl Strategy<Value = LinkWhat> {
    let refused = || LinkWhat::Refused { told: "UPSTREAM_REJECTED".into(), message: "no".into() };
    select(vec![
        request(),
        issued(),
        refused(),
        connected("a1"),
        connected("a2"),
        arrived(DataStatus::Available),
        arrived(DataStatus::Failed),
        arrived(DataStatus::Processing),
        LinkWhat::Unlinked,
        LinkWhat::Cancelled,
        LinkWhat::TimePassed,
    ])
}

proptest! {
    /// Whatever comes in whatever order: an account once known stays, a repeated fact changes
    /// nothing more, and what is told is what moved.
    #[test]
    fn any_history_makes_sense(facts in prop::collection::vec((anything(), 0..4000i64), 1..20)) {
        let (mut session, mut now): (Option<LinkSession>, i64) = (None, 0);
        for (what, step) in facts {
            now += step;
            let fact = LinkFact { link: id(), at: at(now), what };
            let folded = fold(session.as_ref(), &fact);
            let status = |s: &Option<LinkSession>| s.as_ref().map(LinkSession::status);
            prop_assert_eq!(folded.change.is_some(), status(&session) != status(&folded.session));
            if let Some(known) = session.as_ref().and_then(LinkSession::account) {
                let still = folded.session.as_ref().and_then(LinkSession::account);
                prop_assert_eq!(still, Some(known));
            }
            let again = fold(folded.session.as_ref(), &fact);
            prop_assert_eq!(&again.session, &folded.session);
            prop_assert!(again.change.is_none());
            session = folded.session;
        }
    }
}
