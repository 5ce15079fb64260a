//! What proves that data is fresh, and how long it is waited for.

use super::*;
use DataStatus::{Available, Failed, Partial, Processing, Unavailable, Unknown};

/// An account that showed `balance` before its customer authorised again.
fn authorized_after(balance: &str) -> Story {
    Story::with_link().sees(Available, balance).later(MINUTE).hears(reauthorized(None)).later(1)
}

#[test]
fn an_update_after_the_reauthorisation_completes_it() {
    let story = authorized_after("a").hears(updated(Partial));
    assert_eq!(story.session(), Some(ReauthStatus::Completed));
    assert_eq!(story.completed_via(), Some(CompletionEvidence::AccountUpdated));
    assert!(story.state.waiting.is_none());
}

#[test]
fn processing_after_the_reauthorisation_completes_nothing() {
    let story = authorized_after("a").hears(updated(Processing)).hears(updated(Unknown));
    assert_eq!(
        (story.session(), story.status()),
        (Some(ReauthStatus::Authorized), Some(Processing))
    );
}

#[test]
fn a_look_that_shows_what_was_known_before_proves_nothing() {
    let story = authorized_after("a").sees(Available, "a");
    assert_eq!(
        (story.session(), story.status()),
        (Some(ReauthStatus::Authorized), Some(Processing))
    );
}

#[test]
fn a_look_that_differs_in_anything_completes_the_session() {
    let base = || Look {
        request_id: Some("one".into()),
        retrieved: Some(vec![RetrievedData::Balance]),
        ..Story::new().look(Some(Available), "a")
    };
    let others = [
        Look { reported: Some(word(Partial)), ..base() },
        Look { balance: Some("b".into()), ..base() },
        Look { request_id: Some("two".into()), ..base() },
        Look { retrieved: Some(vec![RetrievedData::Identity]), ..base() },
    ];
    for other in others {
        let story = Story::with_link();
        let asked_at = story.now();
        let story = story.hears(What::Looked(Look { asked_at, ..base() })).later(MINUTE);
        let story = story.hears(reauthorized(None)).later(1);
        let asked_at = story.now();
        let story = story.hears(What::Looked(Look { asked_at, ..base() }));
        assert_eq!(story.session(), Some(ReauthStatus::Authorized));
        let story = story.hears(What::Looked(Look { asked_at, ..other }));
        assert_eq!(story.session(), Some(ReauthStatus::Completed));
        assert_eq!(story.completed_via(), Some(CompletionEvidence::DetailsRead));
    }
}

#[test]
fn what_only_one_of_two_looks_tells_is_no_difference() {
    let story = authorized_after("a");
    let bare = Look { balance: None, ..story.look(Some(Available), "") };
    let more = Look { request_id: Some("one".into()), ..story.look(Some(Available), "a") };
    let story = story.hears(What::Looked(bare)).hears(What::Looked(more));
    assert_eq!(story.session(), Some(ReauthStatus::Authorized));
}

#[test]
fn a_look_that_differs_and_shows_no_data_fails_the_session() {
    let story = authorized_after("a").sees(Unavailable, "a");
    assert_eq!(story.failure().and_then(|f| f.status), Some(Unavailable));
    assert_eq!((story.status(), story.is_wanted()), (Some(Unavailable), false));
}

#[test]
fn without_a_baseline_the_first_look_becomes_it() {
    let story = Story::with_link().hears(reauthorized(None)).later(1).sees(Available, "a");
    assert_eq!(story.session(), Some(ReauthStatus::Authorized));
    let story = story.sees(Available, "b");
    assert_eq!(story.completed_via(), Some(CompletionEvidence::DetailsRead));
}

#[test]
fn after_processing_was_seen_or_told_the_same_data_is_fresh() {
    let seen = authorized_after("a").sees(Processing, "a");
    let told = authorized_after("a").hears(updated(Processing));
    for story in [seen, told] {
        let story = story.sees(Available, "a");
        assert_eq!(story.completed_via(), Some(CompletionEvidence::DetailsRead));
    }
}

#[test]
fn a_look_that_was_asked_for_before_the_news_is_out_of_date() {
    let story = Story::with_link().sees(Available, "a");
    let look = story.look(Some(Partial), "b");
    let story = story.later(2).hears(reauthorized(None)).hears(What::Looked(look));
    assert_eq!(
        (story.session(), story.status()),
        (Some(ReauthStatus::Authorized), Some(Processing))
    );
}

#[test]
fn a_look_that_shows_a_word_that_we_do_not_know_decides_nothing() {
    let story = authorized_after("a").sees(Unknown, "b");
    assert_eq!(
        (story.session(), story.status()),
        (Some(ReauthStatus::Authorized), Some(Processing))
    );
    assert_eq!(Story::with_data().sees(Unknown, "b").status(), Some(Available));
    assert_eq!(Story::new().sees(Unknown, "b").status(), Some(Unknown));
}

#[test]
fn at_the_deadline_readable_data_completes_the_session() {
    for data in [Available, Partial] {
        let story = Story::new().hears(connected()).hears(updated(data)).later(HOUR);
        let story = story.hears(requested(1)).hears(link_issued(1)).hears(reauthorized(None));
        let story = story.waits(30 * MINUTE, Some((data, "a")));
        assert_eq!((story.session(), story.status()), (Some(ReauthStatus::Completed), Some(data)));
        assert_eq!(story.completed_via(), Some(CompletionEvidence::Deadline));
    }
}

#[test]
fn at_the_deadline_another_status_fails_the_session_with_it() {
    for data in [Failed, Unavailable, Processing] {
        let story = Story::with_link().hears(reauthorized(None));
        let story = story.waits(30 * MINUTE, Some((data, "a")));
        assert_eq!(story.failure().and_then(|f| f.status), Some(data));
        assert!(story.state.waiting.is_none() && !story.is_wanted());
    }
}

#[test]
fn at_the_deadline_it_is_the_last_read_that_succeeded_that_counts() {
    let story = authorized_after("a").sees(Available, "a").waits(30 * MINUTE, None);
    assert_eq!(story.completed_via(), Some(CompletionEvidence::Deadline));
}

#[test]
fn at_the_deadline_without_any_read_the_session_fails() {
    let story = Story::with_link().hears(reauthorized(None)).waits(30 * MINUTE, None);
    assert_eq!((story.session(), story.status()), (Some(ReauthStatus::Failed), Some(Failed)));
    let failure = story.failure().map(|failure| (failure.code, failure.status));
    assert_eq!(failure, Some((SyncFailureCode::TimedOut, None)));
}

#[test]
fn a_later_success_repairs_a_failed_session() {
    let timed_out = || Story::with_link().hears(reauthorized(None)).waits(30 * MINUTE, None);
    let failed = || Story::with_link().hears(reauthorized(None)).hears(updated(Failed)).later(1);
    for story in [timed_out(), failed()] {
        let told = story.later(HOUR).hears(updated(Partial));
        assert_eq!(told.completed_via(), Some(CompletionEvidence::AccountUpdated));
        assert_eq!((told.status(), &told.state.sync.failure), (Some(Partial), &None));
    }
    for story in [timed_out(), failed()] {
        let seen = story.later(HOUR).sees(Partial, "a");
        assert_eq!(seen.completed_via(), Some(CompletionEvidence::DetailsRead));
        assert_eq!(seen.status(), Some(Partial));
    }
}

#[test]
fn what_came_of_a_session_is_not_undone_by_worse_data() {
    let story = authorized_after("a").hears(updated(Partial)).hears(updated(Failed));
    assert_eq!((story.session(), story.status()), (Some(ReauthStatus::Completed), Some(Failed)));
}

#[test]
fn an_account_that_is_being_fetched_is_looked_at_by_a_schedule() {
    let begins = [
        Story::new().hears(connected()),
        Story::with_data().hears(updated(Processing)),
        Story::with_data().sees(Processing, "a"),
        Story::with_link().hears(reauthorized(None)),
    ];
    for mut story in begins {
        let began = story.now_s;
        let mut looked_s = Vec::new();
        while let Some(waiting) = &story.state.waiting {
            let due_s = (waiting.next_at - ours(0)).num_seconds();
            looked_s.push(due_s - began);
            story = story.later(due_s - began).waits(0, Some((Processing, "a")));
            story.now_s = began;
        }
        assert_eq!(looked_s, [15, 30, 60, 120, 240, 300, 600, 900, 1200, 1500, 1800]);
        assert_eq!(story.status(), Some(Failed));
        let code = story.state.sync.failure.map(|failure| failure.code);
        assert_eq!(code, Some(SyncFailureCode::TimedOut));
    }
}

#[test]
fn looks_that_were_missed_are_not_made_up_for() {
    let story = Story::new().hears(connected()).later(7 * MINUTE);
    let story = story.waits(0, Some((Processing, "a")));
    let next_at = story.state.next_deadline();
    assert_eq!(next_at, Some(ours(10 * MINUTE)));
}

#[test]
fn a_look_that_nobody_scheduled_moves_no_deadline() {
    let story = Story::new().hears(connected()).later(20);
    let due = story.state.next_deadline();
    assert_eq!(story.sees(Processing, "a").state.next_deadline(), due);
}

#[test]
fn waiting_ends_even_if_no_look_ever_comes_to_its_end() {
    let story = Story::with_link().hears(reauthorized(None));
    let story = story.later(33 * MINUTE).hears(What::TimePassed);
    assert_eq!((story.session(), story.status()), (Some(ReauthStatus::Failed), Some(Failed)));
    assert_eq!(story.state.next_deadline(), None);
}

#[test]
fn a_link_expires_after_30_minutes() {
    let story = Story::with_link();
    assert_eq!(story.state.next_deadline(), Some(story.now() + Duration::minutes(30)));
    let story = story.waits(30 * MINUTE - 1, None);
    assert_eq!(story.session(), Some(ReauthStatus::LinkIssued));
    assert_eq!(story.waits(1, None).session(), Some(ReauthStatus::Expired));
}

/// An account whose customer is wanted, has a link, and of which the details showed this then.
fn wanted_and_seen(balance: &str) -> Story {
    Story::with_link().later(1).sees(Available, balance)
}

#[test]
fn a_link_whose_time_ends_has_worked_if_the_details_show_data_that_came_while_it_was_out() {
    for (status, balance) in [(Available, "b"), (Partial, "a"), (Partial, "b")] {
        let story = wanted_and_seen("a").later(29 * MINUTE).quietly().sees(status, balance);
        assert_eq!(story.session(), Some(ReauthStatus::LinkIssued));
        let story = story.later(MINUTE).hears(What::TimePassed);
        assert_eq!(story.completed_via(), Some(CompletionEvidence::DetailsRead));
        assert_eq!((story.status(), story.is_wanted()), (Some(status), false));
        assert_eq!(story.statuses_told().last(), Some(&status));
        assert_eq!(story.state.data.as_of, Some(story.now()));
        // Its webhooks come after all: nothing moves.
        for at in [None, stamp(10)] {
            let late = wanted_and_seen("a").later(29 * MINUTE).sees(status, balance);
            let late = late.later(MINUTE).hears(What::TimePassed).later(HOUR).quietly();
            let late = late.hears(reauthorized(at)).hears(update(status, at, None));
            assert_eq!(
                (late.session(), late.status()),
                (Some(ReauthStatus::Completed), Some(status))
            );
            assert_eq!((late.is_wanted(), &late.told), (false, &vec![]), "{at:?}");
            // The next one is news.
            let next = late.later(HOUR).hears(required(stamp(20))).hears(reauthorized(stamp(30)));
            assert_eq!(next.status(), Some(Processing));
        }
    }
}

#[test]
fn a_link_whose_time_ends_is_expired_if_the_details_prove_nothing() {
    let at_end = |story: Story| story.later(29 * MINUTE).sees(Available, "b").later(MINUTE);
    let stories = [
        // The same as before, data that is none, and nothing to hold it against.
        wanted_and_seen("a").later(29 * MINUTE).sees(Available, "a").later(MINUTE),
        wanted_and_seen("a").later(29 * MINUTE).sees(Failed, "b").later(MINUTE),
        // An earlier fetch came to its end.
        Story::with_link()
            .later(1)
            .sees(Processing, "a")
            .later(29 * MINUTE)
            .sees(Available, "a")
            .later(MINUTE),
        wanted_and_seen("a").later(29 * MINUTE).sees(Unavailable, "b").later(MINUTE),
        at_end(Story::with_link()),
        at_end(
            Story::with_data()
                .sees(Available, "a")
                .hears(required(None))
                .hears(requested(1))
                .hears(link_issued(1)),
        ),
        // A refresh that failed meanwhile may have left its traces.
        at_end(wanted_and_seen("a").hears(update(Available, None, Some(SyncStatus::Failed)))),
        at_end(wanted_and_seen("a").hears(required(stamp(9)))),
        // Mono may have fetched by itself: nobody was wanted, or nobody knows.
        at_end(Story::with_data().hears(requested(1)).hears(link_issued(1)).sees(Available, "a")),
        at_end(
            Story::with_data()
                .hears(reauthorized(None))
                .hears(updated(Available))
                .later(HOUR)
                .hears(required(None))
                .hears(requested(1))
                .hears(link_issued(1))
                .sees(Available, "a"),
        ),
    ];
    for (n, story) in stories.into_iter().enumerate() {
        let wanted = story.is_wanted();
        let story = story.hears(What::TimePassed);
        assert_eq!(
            (story.session(), story.is_wanted()),
            (Some(ReauthStatus::Expired), wanted),
            "{n}"
        );
    }
}

#[test]
fn a_request_that_a_crash_interrupted_fails_and_may_be_made_again() {
    let story = Story::with_data().hears(requested(1)).waits(59, None);
    assert_eq!(story.session(), Some(ReauthStatus::Requested));
    let story = story.waits(1, None);
    assert_eq!(story.failure().map(|f| f.code), Some(SyncFailureCode::Interrupted));
    assert_eq!(story.hears(requested(2)).verdict, Verdict::Applied);
}

#[test]
fn a_link_that_expires_after_its_refresh_worked_has_worked() {
    let story = Story::with_link().hears(update(Partial, None, Some(SyncStatus::Successful)));
    let story = story.waits(30 * MINUTE, None);
    assert_eq!(story.session(), Some(ReauthStatus::Completed));
}

#[test]
fn a_link_that_nobody_needed_expires_whatever_data_came_meanwhile() {
    let successful = Some(SyncStatus::Successful);
    for at in [[stamp(10), stamp(20)], [None, None]] {
        let story = Story::new().hears(update(Available, at[0], successful)).later(HOUR);
        let story = story.hears(requested(1)).hears(link_issued(1));
        let story = story.hears(update(Partial, at[1], successful)).waits(30 * MINUTE, None);
        assert_eq!(story.session(), Some(ReauthStatus::Expired));
    }
}
