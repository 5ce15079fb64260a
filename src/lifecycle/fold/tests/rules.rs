//! Copies, stamps, and data that comes before the news that it follows.

use super::*;
use DataStatus::{Available, Failed, Partial, Processing, Unavailable, Unknown};

const SUCCESSFUL: Option<SyncStatus> = Some(SyncStatus::Successful);
const ASKS: Option<SyncStatus> = Some(SyncStatus::ReauthorisationRequired);

fn duplicate() -> Verdict {
    Verdict::Ignored(Ignored::Duplicate)
}

#[test]
fn an_update_equal_to_the_last_one_is_a_copy() {
    let story = Story::with_data();
    let before = story.state.clone();
    let story = story.later(100 * HOUR).hears(updated(Available));
    assert_eq!((story.verdict, story.state), (duplicate(), before));
}

#[test]
fn an_update_equal_to_one_before_the_last_is_a_new_fact() {
    let story = Story::with_data().hears(updated(Failed)).hears(updated(Available));
    assert_eq!((story.verdict, story.state.data.status), (Verdict::Applied, Some(Available)));
}

#[test]
fn an_update_without_a_status_that_we_know_is_known_by_its_copies_too() {
    let blank = || fetched(None, None, Some(SyncStatus::Failed), None);
    let story = Story::with_data().hears(blank());
    let before = story.state.clone();
    let story = story.later(MINUTE).hears(blank());
    assert_eq!((&story.verdict, &story.state), (&duplicate(), &before));
    let story = story.hears(updated(Available)).hears(blank());
    assert_eq!(story.verdict, Verdict::Applied);
}

#[test]
fn an_update_with_an_older_stamp_than_the_last_is_ignored() {
    let story = Story::new().hears(update(Available, stamp(20), None));
    let before = story.state.clone();
    let story = story.hears(update(Failed, stamp(19), None));
    assert_eq!((story.verdict, story.state), (Verdict::Ignored(Ignored::Stale), before));
}

#[test]
fn an_update_with_the_stamp_of_the_last_is_not_older() {
    let story = Story::new().hears(update(Processing, stamp(20), None));
    assert_eq!(story.hears(update(Available, stamp(20), None)).status(), Some(Available));
}

#[test]
fn an_update_without_a_stamp_is_never_older() {
    let story = Story::new().hears(update(Available, stamp(20), None)).hears(updated(Failed));
    assert_eq!(story.status(), Some(Failed));
}

#[test]
fn stamps_are_never_held_against_our_clock() {
    let (long_ago, far_off) = (stamp(-1_000 * HOUR), stamp(1_000 * HOUR));
    for stamp in [long_ago, far_off] {
        let story = Story::with_link().hears(reauthorized(stamp));
        assert_eq!(story.session(), Some(ReauthStatus::Authorized));
        let story = story.hears(update(Partial, stamp, None));
        assert_eq!(story.session(), Some(ReauthStatus::Completed));
        let story = story.hears(requested(2)).hears(link_issued(2)).sees(Failed, "a");
        assert_eq!(story.status(), Some(Failed));
    }
}

#[test]
fn an_older_update_may_still_tell_of_consent_that_ended_an_older_need() {
    let story = Story::new().hears(required(stamp(10))).hears(update(Failed, stamp(30), None));
    let story = story.hears(update(Available, stamp(20), SUCCESSFUL));
    assert_eq!((story.status(), story.is_wanted()), (Some(Failed), false));
}

#[test]
fn an_older_update_says_nothing_against_a_need_without_a_stamp() {
    let story = Story::new()
        .hears(update(Available, stamp(10), SUCCESSFUL))
        .hears(update(Available, stamp(20), None))
        .hears(required(None));
    assert!(story.hears(update(Available, stamp(10), SUCCESSFUL)).is_wanted());
}

#[test]
fn a_copy_of_a_need_does_not_outlive_a_reauthorisation_without_a_stamp() {
    let story = Story::new()
        .hears(required(stamp(10)))
        .hears(update(Failed, stamp(15), ASKS))
        .hears(update(Available, stamp(20), None))
        .hears(reauthorized(None));
    assert!(!story.is_wanted());
    let story = story.hears(required(stamp(10))).hears(update(Failed, stamp(15), ASKS));
    assert!(!story.is_wanted());
    assert!(story.hears(required(stamp(30))).is_wanted());
}

#[test]
fn how_a_refresh_ended_is_taken_from_its_newest_news() {
    let story = Story::new().hears(update(Available, stamp(20), SUCCESSFUL));
    let story = story.hears(sync_failed(stamp(10)));
    assert_eq!(story.state.sync.failure, None);
    let story = story.hears(sync_failed(stamp(30)));
    assert_eq!(story.state.sync.last_failure_at, Some(story.now()));
    let story = story.later(HOUR);
    let before = story.state.clone();
    let story = story.hears(sync_failed(stamp(30))).hears(update(Available, stamp(20), SUCCESSFUL));
    assert_eq!(story.state, before);
}

#[test]
fn an_identical_need_within_an_hour_is_a_copy_and_later_it_is_news() {
    let story = Story::with_link().hears(reauthorized(None)).hears(updated(Partial));
    let copy = story.later(HOUR - 1).hears(required(None));
    assert_eq!((&copy.verdict, copy.is_wanted()), (&duplicate(), false));
    let news = copy.later(1).hears(required(None));
    assert_eq!((&news.verdict, news.is_wanted()), (&Verdict::Applied, true));
}

#[test]
fn an_identical_sync_failed_within_an_hour_is_a_copy_and_later_it_is_news() {
    let story = Story::with_data().hears(sync_failed(None));
    let first = story.now();
    let story = story.hears(update(Available, None, SUCCESSFUL));
    let copy = story.later(HOUR - 1).hears(sync_failed(None));
    assert_eq!((&copy.verdict, copy.state.sync.last_failure_at), (&duplicate(), Some(first)));
    let news = copy.later(1).hears(sync_failed(None));
    assert_eq!(news.state.sync.last_failure_at, Some(ours(news.now_s)));
}

#[test]
fn a_reauthorisation_is_applied_by_state() {
    let story = Story::with_link().hears(reauthorized(None));
    let copy = story.later(MINUTE).hears(reauthorized(None));
    assert_eq!(copy.verdict, duplicate());
    let done = copy.hears(updated(Partial)).later(MINUTE).hears(reauthorized(None));
    assert_eq!((&done.verdict, done.status()), (&duplicate(), Some(Partial)));

    // To the letter the same, and honest: the customer is wanted again.
    let again = done.later(2 * HOUR).hears(required(None)).hears(reauthorized(None));
    assert_eq!((&again.verdict, again.is_wanted()), (&Verdict::Applied, false));
    assert_eq!(again.status(), Some(Processing));
}

#[test]
fn a_need_without_a_stamp_within_48_hours_of_a_reauthorisation_is_unconfirmed() {
    let done = || Story::with_link().hears(reauthorized(None)).hears(updated(Partial));
    let soon = done().later(48 * HOUR - 1).hears(required(None));
    assert_eq!(soon.reason(), Some(ReauthReason::Unconfirmed));
    let late = done().later(48 * HOUR).hears(required(None));
    assert_eq!(late.reason(), Some(ReauthReason::Webhook));
    let stamped = done().later(HOUR).hears(required(stamp(99)));
    assert_eq!(stamped.reason(), Some(ReauthReason::Webhook));
}

#[test]
fn an_unconfirmed_need_is_lowered_by_the_next_good_sync_or_update_and_by_nothing_else() {
    let doubtful = || {
        let done = Story::with_link().hears(reauthorized(None)).hears(updated(Partial));
        done.later(2 * HOUR).hears(required(None))
    };
    for good in [update(Processing, None, SUCCESSFUL), updated(Available)] {
        assert!(!doubtful().hears(good).is_wanted());
    }
    let failed = Some(SyncStatus::Failed);
    for other in [updated(Failed), update(Available, None, failed), sync_failed(None)] {
        assert_eq!(doubtful().hears(other).reason(), Some(ReauthReason::Unconfirmed));
    }
    let confirmed = doubtful().hears(update(Available, None, ASKS));
    assert_eq!(confirmed.reason(), Some(ReauthReason::SyncStatus));
}

#[test]
fn a_need_that_is_certain_is_lowered_by_a_good_sync_and_not_by_data_alone() {
    let wanted = || Story::with_data().hears(required(None));
    assert!(wanted().hears(updated(Partial)).is_wanted());
    assert!(!wanted().hears(update(Partial, None, SUCCESSFUL)).is_wanted());
}

#[test]
fn an_older_good_sync_does_not_lower_a_newer_need() {
    let story = Story::new().hears(required(stamp(20)));
    assert!(story.hears(update(Available, stamp(10), SUCCESSFUL)).is_wanted());
}

#[test]
fn readable_data_while_the_customer_is_wanted_is_that_reauthorisations() {
    for data in [Available, Partial] {
        let story = Story::new().hears(updated(Failed)).hears(required(None)).hears(updated(data));
        let story = story.quietly().hears(reauthorized(None));
        assert_eq!((story.status(), story.is_wanted()), (Some(data), false));
        assert!(!story.statuses_told().contains(&Processing));
    }
}

#[test]
fn readable_data_while_a_link_is_out_is_that_reauthorisations() {
    let story = Story::with_data().hears(requested(1)).hears(link_issued(1));
    let story = story.hears(updated(Partial)).quietly().hears(reauthorized(None));
    assert_eq!(story.session(), Some(ReauthStatus::Completed));
    assert_eq!(story.completed_via(), Some(CompletionEvidence::AccountUpdated));
    assert_eq!(story.status(), Some(Partial));
    assert!(!story.statuses_told().contains(&Processing));
}

#[test]
fn what_is_not_readable_or_asks_for_the_customer_is_no_data_of_a_reauthorisation() {
    let others = [
        updated(Failed),
        updated(Unavailable),
        updated(Processing),
        updated(Unknown),
        update(Partial, None, ASKS),
    ];
    for other in others {
        let story = Story::with_link().hears(other).hears(reauthorized(None));
        assert_eq!(story.session(), Some(ReauthStatus::Authorized));
        assert_eq!(story.status(), Some(Processing));
    }
}

#[test]
fn an_update_that_asks_for_the_customer_again_is_not_the_data_that_was_waited_for() {
    for at in [[stamp(30), stamp(31)], [None, None]] {
        let story = Story::with_link().hears(reauthorized(at[0]));
        let story = story.hears(update(Partial, at[1], ASKS));
        assert_eq!((story.status(), story.is_wanted()), (Some(Processing), true));
        assert_eq!(story.session(), Some(ReauthStatus::Authorized));
    }
}

#[test]
fn data_from_before_the_link_is_not_that_links_data() {
    for at in [[stamp(10), stamp(20)], [None, None]] {
        let story = Story::new().hears(update(Available, at[0], None)).later(MINUTE);
        let story = story.hears(requested(1)).hears(link_issued(1)).hears(reauthorized(at[1]));
        assert_eq!(story.session(), Some(ReauthStatus::Authorized));
        assert_eq!(story.status(), Some(Processing));
    }
}

#[test]
fn data_of_one_reauthorisation_is_not_the_data_of_the_next() {
    for at in [[10, 20, 30, 40].map(stamp), [None; 4]] {
        for sync in [None, SUCCESSFUL] {
            let story = Story::new()
                .hears(required(at[0]))
                .hears(reauthorized(at[1]))
                .hears(update(Available, at[2], sync))
                .later(MINUTE)
                .hears(requested(1))
                .hears(link_issued(1))
                .hears(reauthorized(at[3]));
            assert_eq!(story.session(), Some(ReauthStatus::Authorized));
            assert_eq!(story.status(), Some(Processing));
        }
    }
}

#[test]
fn a_need_that_a_refresh_ended_lends_its_data_to_no_later_link() {
    for at in [[0, 10, 40 * HOUR].map(stamp), [None; 3]] {
        let story = Story::with_data()
            .hears(required(at[0]))
            .hears(update(Partial, at[1], SUCCESSFUL))
            .later(40 * HOUR)
            .hears(requested(1))
            .hears(link_issued(1))
            .hears(reauthorized(at[2]));
        assert_eq!(story.session(), Some(ReauthStatus::Authorized));
    }
}

#[test]
fn a_need_after_the_data_shows_that_it_was_not_the_reauthorisations() {
    let story = Story::with_data().hears(requested(1)).hears(link_issued(1));
    let story = story.hears(updated(Partial)).hears(required(None)).hears(reauthorized(None));
    assert_eq!(story.session(), Some(ReauthStatus::Authorized));
}
