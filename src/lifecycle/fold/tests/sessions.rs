//! One live session an account, and what an unlinked account still does.

use super::*;
use DataStatus::Partial;

fn is_new(request: Request, story: Story) -> bool {
    let story = story.hears(What::Requested(request));
    story.verdict == Verdict::Applied && story.session() == Some(ReauthStatus::Requested)
}

#[test]
fn asking_again_returns_the_live_session_at_every_stage() {
    let live = [
        Story::with_data().hears(requested(1)),
        Story::with_link(),
        Story::with_link().hears(reauthorized(None)),
    ];
    for story in live {
        let before = story.state.clone();
        let story = story.later(1).hears(requested(2));
        assert_eq!((story.verdict, story.state), (Verdict::Reused(id(1)), before));
    }
}

#[test]
fn another_reference_alone_returns_the_live_session_with_its_own() {
    let other = Request { reference: "mine".into(), ..request(2) };
    let story = Story::with_link().hears(What::Requested(other));
    assert_eq!(story.verdict, Verdict::Reused(id(1)));
    assert_eq!(story.state.session.map(|session| session.reference), Some("ref-1".into()));
}

#[test]
fn another_redirect_or_the_wish_for_a_new_one_supersedes() {
    let elsewhere = Some("https://app.example/".to_owned());
    let others = [
        Request { redirect_url: elsewhere, ..request(2) },
        Request { reuse_active: false, ..request(2) },
    ];
    let live = || [Story::with_link(), Story::with_link().hears(reauthorized(None))];
    for story in live() {
        for other in &others {
            let folded = hear(&story.state, story.now(), &What::Requested(other.clone()));
            let old = folded.superseded.map(|session| (session.id, session.status()));
            assert_eq!(old, Some((id(1), ReauthStatus::Superseded)));
            assert_eq!(folded.state.session.map(|session| session.id), Some(id(2)));
        }
    }
}

#[test]
fn a_session_that_has_ended_is_neither_reused_nor_superseded() {
    let refused = What::LinkRefused {
        id: id(1),
        code: SyncFailureCode::LinkRefused,
        told: String::new(),
        message: "no".into(),
    };
    let ended = [
        Story::with_data().hears(requested(1)).hears(refused),
        Story::with_link().hears(What::Cancelled { id: id(1) }),
        Story::with_link().waits(30 * MINUTE, None),
        Story::with_link().hears(reauthorized(None)).hears(updated(Partial)),
        Story::with_link().hears(reauthorized(None)).waits(30 * MINUTE, None),
    ];
    for story in ended {
        let folded = hear(&story.state, story.now(), &requested(2));
        assert_eq!((folded.verdict, folded.superseded), (Verdict::Applied, None));
    }
}

#[test]
fn an_authorised_session_lives_until_mono_asks_again() {
    let story = Story::with_link().hears(reauthorized(stamp(10))).hears(required(stamp(20)));
    assert_eq!(story.session(), Some(ReauthStatus::Authorized));
    assert!(story.state.live_session().is_none());
    let folded = hear(&story.state, story.now(), &requested(2));
    assert_eq!(folded.superseded.map(|session| session.id), Some(id(1)));
    assert!(is_new(request(2), story));
}

#[test]
fn an_authorised_session_lives_again_once_mono_takes_it_back() {
    let story = Story::with_link().hears(reauthorized(stamp(10))).hears(required(stamp(20)));
    let story = story.hears(reauthorized(stamp(30)));
    assert_eq!(story.hears(requested(2)).verdict, Verdict::Reused(id(1)));
}

#[test]
fn an_older_reauthorisation_does_not_authorise_the_link_for_a_newer_need() {
    let story = Story::with_data().hears(required(stamp(20))).hears(requested(1));
    let story = story.hears(link_issued(1)).hears(reauthorized(stamp(10)));
    assert_eq!((story.session(), story.is_wanted()), (Some(ReauthStatus::LinkIssued), true));
}

#[test]
fn news_that_overtakes_the_answer_of_mono_finds_its_session() {
    let story = Story::with_data().hears(requested(1)).hears(reauthorized(None));
    assert_eq!(story.session(), Some(ReauthStatus::Authorized));
    let story = story.hears(link_issued(1));
    assert_eq!(story.session(), Some(ReauthStatus::Authorized));
    assert_eq!(story.verdict, Verdict::Ignored(Ignored::Stale));
}

#[test]
fn a_customer_who_has_finished_can_not_give_up() {
    let story = Story::with_link().hears(reauthorized(None)).hears(What::Cancelled { id: id(1) });
    assert_eq!(
        (&story.verdict, story.session()),
        (&Verdict::Refused, Some(ReauthStatus::Authorized))
    );
}

#[test]
fn an_unlinked_account_refuses_to_be_reauthorised() {
    let story = Story::with_data().hears(What::Unlinked);
    let before = story.state.clone();
    let story = story.hears(requested(1));
    assert_eq!((story.verdict, story.state), (Verdict::Refused, before));
}

#[test]
fn unlinking_forgets_what_was_known_and_ends_what_is_under_way() {
    let story = Story::with_link().hears(reauthorized(None)).hears(What::Unlinked);
    assert_eq!((story.status(), story.is_wanted()), (None, false));
    assert_eq!(story.session(), Some(ReauthStatus::Cancelled));
    assert_eq!(story.state.next_deadline(), None);
}

#[test]
fn unlinking_leaves_a_session_that_had_ended_as_it_was() {
    let story = Story::with_link().hears(reauthorized(None)).waits(30 * MINUTE, None);
    let before = story.state.session.clone();
    assert_eq!(story.hears(What::Unlinked).state.session, before);
}
