//! What subscribers hear, and that they hear it once.

use super::*;
use crate::lifecycle::ChangeCause;
use DataStatus::{Available, Partial, Processing};

fn data(from: DataStatus, to: DataStatus, cause: ChangeCause, reauth: Option<ReauthId>) -> Change {
    Change::DataStatus { from: Some(from), to, cause, reauth }
}

#[test]
fn the_whole_story_is_told_step_by_step() {
    let session = Some(id(1));
    let told = |required, cause, status| {
        let reason = Some(ReauthReason::Webhook).filter(|_| required);
        Change::Reauth { required, reason, cause, reauth: session, status: Some(status) }
    };
    let story = Story::with_data().quietly().hears(required(None));
    let wanted = Change::Reauth {
        required: true,
        reason: Some(ReauthReason::Webhook),
        cause: ChangeCause::ReauthorisationRequired,
        reauth: None,
        status: None,
    };
    assert_eq!(story.told, [wanted]);

    let story = story.quietly().hears(requested(1)).hears(link_issued(1));
    let by_us = ChangeCause::Mutation;
    let expected =
        [told(true, by_us, ReauthStatus::Requested), told(true, by_us, ReauthStatus::LinkIssued)];
    assert_eq!(story.told, expected);

    let story = story.quietly().hears(reauthorized(None));
    let cause = ChangeCause::AccountReauthorized;
    let expected =
        [data(Available, Processing, cause, session), told(false, cause, ReauthStatus::Authorized)];
    assert_eq!(story.told, expected);

    let story = story.quietly().hears(updated(Partial));
    let cause = ChangeCause::AccountUpdated;
    let expected =
        [data(Processing, Partial, cause, session), told(false, cause, ReauthStatus::Completed)];
    assert_eq!(story.told, expected);
}

#[test]
fn what_is_told_once_is_not_told_again() {
    let whole = [required(None), reauthorized(None), updated(Partial)];
    let story = whole.iter().cloned().fold(Story::with_data(), Story::hears).quietly();
    let story = story.later(1).hears(updated(Partial)).hears(reauthorized(None));
    assert_eq!(story.hears(required(None)).told, vec![]);
}

#[test]
fn a_status_that_stays_is_not_told() {
    let story = Story::with_data().quietly().hears(update(Available, stamp(5), None));
    assert_eq!((&story.verdict, &story.told), (&Verdict::Applied, &vec![]));
}

#[test]
fn data_that_came_early_under_an_unchanged_status_is_told_exactly_once() {
    let early = update(Available, stamp(20), None);
    let story = Story::with_link().quietly().hears(early.clone());
    assert_eq!(story.statuses_told(), []);
    let story = story.hears(reauthorized(stamp(21)));
    let told = data(Available, Available, ChangeCause::AccountReauthorized, Some(id(1)));
    assert_eq!(story.told.first(), Some(&told));
    let story = story.hears(reauthorized(stamp(21))).hears(early).hears(required(stamp(1)));
    assert_eq!(story.statuses_told(), [Available]);
}

#[test]
fn data_that_came_early_and_moved_the_status_is_told_exactly_once() {
    let story = Story::with_link().quietly().hears(updated(Partial)).hears(reauthorized(None));
    assert_eq!(story.statuses_told(), [Partial]);
    assert_eq!(story.session(), Some(ReauthStatus::Completed));
}

#[test]
fn data_that_came_early_is_told_exactly_once_even_if_the_news_of_the_customer_is_lost() {
    let early = update(Available, stamp(20), Some(SyncStatus::Successful));
    let story = Story::with_link().quietly().hears(early).waits(30 * MINUTE, None);
    assert_eq!(story.session(), Some(ReauthStatus::Completed));
    assert_eq!(story.statuses_told(), [Available]);
    let story = story.hears(reauthorized(stamp(21)));
    assert_eq!(story.statuses_told(), [Available]);
}

#[test]
fn a_session_that_gives_way_is_told_before_the_one_that_takes_its_place() {
    let other = Request { reuse_active: false, ..request(2) };
    let story = Story::with_link().quietly().hears(What::Requested(other));
    let moves = story.told.iter().map(|change| match change {
        Change::Reauth { reauth, status, .. } => (*reauth, *status),
        Change::DataStatus { .. } | Change::Link { .. } | Change::Job { .. } => (None, None),
    });
    let expected = [
        (Some(id(1)), Some(ReauthStatus::Superseded)),
        (Some(id(2)), Some(ReauthStatus::Requested)),
    ];
    assert_eq!(moves.collect::<Vec<_>>(), expected);
}

#[test]
fn the_deadline_tells_what_it_decided() {
    let story = Story::with_link().hears(reauthorized(None)).quietly();
    let story = story.waits(30 * MINUTE, None);
    assert_eq!(story.statuses_told(), [DataStatus::Failed]);
    let completed = Story::with_link().hears(reauthorized(None)).quietly();
    let completed = completed.waits(30 * MINUTE, Some((Available, "a")));
    assert_eq!(completed.statuses_told(), [Available]);
}

#[test]
fn a_reused_session_and_a_refusal_tell_nothing() {
    let story = Story::with_link().quietly().hears(requested(2));
    let story = story.hears(What::Cancelled { id: id(9) });
    assert_eq!(story.told, vec![]);
}
