//! The ambiguous cases of Mono's workflow, by their numbers.
//!
//! Of some only a part is the fold's to decide. A new link whose account has to be merged with an
//! old one (11), which account a customer chose at the bank (12), a refresh that runs already (17)
//! and waiting for an exchange to commit (19) belong to the use cases; a wrong secret (20) never
//! comes this far and is tested over HTTP.

use super::*;
use crate::transaction::{Freshness, FreshnessReason, FreshnessState};
use DataStatus::{Available, Failed, Partial, Processing, Unavailable, Unknown};

#[test]
fn case_01_an_update_before_the_connection_makes_the_account() {
    let story = Story::new().hears(updated(Available)).hears(connected());
    assert_eq!(story.verdict, Verdict::Ignored(Ignored::NothingNew));
    assert_eq!(story.status(), Some(Available));
    assert!(story.state.waiting.is_none() && story.state.announced_at.is_some());
    assert_eq!(story.statuses_told(), [Available]);
}

#[test]
fn case_02_data_before_the_reauthorisation_is_kept_and_ends_it() {
    let story = Story::with_link().hears(updated(Partial));
    assert_eq!((story.status(), story.is_wanted()), (Some(Partial), true));
    let story = story.hears(reauthorized(None));
    assert_eq!((story.status(), story.is_wanted()), (Some(Partial), false));
    assert_eq!(story.session(), Some(ReauthStatus::Completed));
}

#[test]
fn case_02_stamps_tell_data_from_before_the_need_from_data_of_the_reauthorisation() {
    let asked = Story::new().hears(update(Available, stamp(10), None)).hears(required(stamp(20)));
    let without = asked.hears(reauthorized(stamp(30)));
    assert_eq!(without.status(), Some(Processing));

    let asked = Story::new().hears(required(stamp(20))).hears(update(Available, stamp(29), None));
    let with = asked.hears(reauthorized(stamp(30)));
    assert_eq!(with.status(), Some(Available));
}

#[test]
fn case_03_a_late_need_is_ignored_if_its_stamp_is_older() {
    let story = Story::with_data().hears(required(stamp(10))).hears(reauthorized(stamp(20)));
    let story = story.later(HOUR).hears(required(stamp(15)));
    assert!(!story.is_wanted());
    let story = story.hears(required(stamp(25)));
    assert_eq!(story.reason(), Some(ReauthReason::Webhook));
}

#[test]
fn case_03_a_late_need_without_a_stamp_is_unconfirmed() {
    let story = Story::with_link().hears(reauthorized(None)).hears(updated(Available));
    let story = story.later(2 * HOUR).hears(required(None));
    assert_eq!(story.reason(), Some(ReauthReason::Unconfirmed));
    let story = story.later(HOUR).hears(update(Available, None, Some(SyncStatus::Successful)));
    assert!(!story.is_wanted());
}

#[test]
fn case_04_a_repeated_delivery_changes_nothing() {
    let story = Story::with_data().hears(required(None));
    let before = story.state.clone();
    let story = story.later(MINUTE).hears(required(None)).hears(connected());
    assert_eq!(story.state, before);
}

#[test]
fn case_04_two_honest_needs_weeks_apart_both_count() {
    let week = 7 * 24 * HOUR;
    let story = Story::with_link().hears(reauthorized(None)).hears(updated(Partial));
    let story = story.later(week).hears(required(None));
    assert_eq!(story.reason(), Some(ReauthReason::Webhook));
    let story = story.hears(reauthorized(None)).later(week).hears(required(None));
    assert_eq!(story.reason(), Some(ReauthReason::Webhook));
}

#[test]
fn case_05_an_older_processing_never_overwrites_available() {
    let story = Story::new().hears(update(Available, stamp(20), None)).quietly();
    let story = story.hears(update(Processing, stamp(10), None));
    assert_eq!(story.verdict, Verdict::Ignored(Ignored::Stale));
    assert_eq!(story.status(), Some(Available));
    assert_eq!(story.told, vec![]);
}

#[test]
fn case_05_of_two_updates_of_one_refresh_the_newer_one_holds() {
    let story = Story::new().hears(update(Processing, stamp(10), None));
    assert_eq!(story.status(), Some(Processing));
    assert_eq!(story.hears(update(Available, stamp(20), None)).status(), Some(Available));
}

#[test]
fn case_06_without_any_webhook_a_look_finds_the_data() {
    let story = Story::new().hears(connected()).waits(6 * MINUTE, Some((Processing, "a")));
    assert_eq!(story.status(), Some(Processing));
    let story = story.waits(10 * MINUTE, Some((Available, "a")));
    assert_eq!(story.status(), Some(Available));
    assert_eq!(story.statuses_told(), [Processing, Available]);
}

#[test]
fn case_07_of_two_links_the_newer_session_takes_the_success_of_either() {
    let other = Request { reuse_active: false, ..request(2) };
    let story = Story::with_link().hears(What::Requested(other)).hears(link_issued(2));
    let story = story.hears(link_issued(1));
    assert_eq!(story.verdict, Verdict::Ignored(Ignored::Stale));
    let story = story.hears(reauthorized(None));
    let session = story.state.session.as_ref().map(|session| (session.id, session.status()));
    assert_eq!(session, Some((id(2), ReauthStatus::Authorized)));
}

#[test]
fn case_08_whoever_asks_while_a_link_is_out_gets_that_link() {
    let story = Story::with_link().later(MINUTE).hears(requested(2));
    assert_eq!(story.verdict, Verdict::Reused(id(1)));
    assert_eq!(story.session(), Some(ReauthStatus::LinkIssued));
}

#[test]
fn case_09_an_abandoned_reauthorisation_expires_and_the_customer_is_still_wanted() {
    let story = Story::with_link().waits(30 * MINUTE, None);
    assert_eq!(story.session(), Some(ReauthStatus::Expired));
    assert!(story.is_wanted());
}

#[test]
fn case_09_the_page_may_say_that_the_customer_gave_up() {
    let story = Story::with_link().hears(What::Cancelled { id: id(1) });
    assert_eq!((story.session(), story.is_wanted()), (Some(ReauthStatus::Cancelled), true));
    let story = story.hears(What::Cancelled { id: id(1) });
    assert_eq!(story.verdict, Verdict::Ignored(Ignored::Duplicate));
    assert_eq!(story.hears(What::Cancelled { id: id(2) }).verdict, Verdict::Refused);
}

#[test]
fn case_10_a_link_that_we_took_for_dead_may_still_have_worked() {
    let ended = [
        Story::with_link().waits(31 * MINUTE, None),
        Story::with_link().hears(What::Cancelled { id: id(1) }),
    ];
    for story in ended {
        let story = story.hears(reauthorized(None));
        assert_eq!((story.session(), story.is_wanted()), (Some(ReauthStatus::Authorized), false));
        let story = story.hears(updated(Partial));
        assert_eq!(story.session(), Some(ReauthStatus::Completed));
    }
}

#[test]
fn case_10_after_its_end_a_new_link_is_given() {
    let story = Story::with_link().waits(31 * MINUTE, None).hears(requested(2));
    assert_eq!(story.verdict, Verdict::Applied);
    assert_eq!(story.session(), Some(ReauthStatus::Requested));
}

#[test]
fn case_11_connecting_says_nothing_about_the_consent_of_a_known_account() {
    let story = Story::with_data().hears(required(None)).hears(connected());
    assert!(story.is_wanted());
}

#[test]
fn case_12_the_account_of_the_webhook_is_reauthorised_whoever_asked() {
    let story = Story::with_data().hears(required(None)).hears(reauthorized(None));
    assert_eq!((story.status(), story.is_wanted()), (Some(Processing), false));
    assert_eq!(story.state.session, None);
}

#[test]
fn case_13_a_refused_link_is_a_failed_session_and_no_need() {
    let (code, message) = (SyncFailureCode::NotReauthorisable, "it can not".to_owned());
    let refused = What::LinkRefused { id: id(1), code, told: String::new(), message };
    let story = Story::with_data().hears(requested(1)).hears(refused);
    assert_eq!(story.session(), Some(ReauthStatus::Failed));
    assert_eq!(story.failure().map(|f| f.code), Some(SyncFailureCode::NotReauthorisable));
    assert_eq!((story.status(), story.is_wanted()), (Some(Available), false));
}

#[test]
fn case_14_a_good_reauthorisation_with_bad_data_does_not_ask_the_customer_again() {
    for (data, code) in
        [(Failed, SyncFailureCode::DataFailed), (Unavailable, SyncFailureCode::DataUnavailable)]
    {
        let story = Story::with_link().hears(reauthorized(None)).hears(updated(data));
        assert_eq!((story.status(), story.is_wanted()), (Some(data), false));
        assert_eq!(story.session(), Some(ReauthStatus::Failed));
        assert_eq!(story.failure().map(|f| (f.code, f.status)), Some((code, Some(data))));
        assert!(story.state.live_session().is_none());
    }
    let story = Story::with_link().hears(reauthorized(None)).hears(updated(Partial));
    assert_eq!(story.session(), Some(ReauthStatus::Completed));
}

#[test]
fn case_15_available_beside_a_failed_sync_is_old_data() {
    let story = Story::with_data().hears(update(Available, None, Some(SyncStatus::Failed)));
    let freshness = Freshness::of_transactions(&story.state);
    assert_eq!(freshness.state, FreshnessState::Stale);
    assert_eq!(freshness.reason, Some(FreshnessReason::SyncFailed));
    let story = story.hears(update(Available, None, Some(SyncStatus::Successful)));
    assert_eq!(Freshness::of_transactions(&story.state).state, FreshnessState::Fresh);
}

#[test]
fn case_16_a_failed_sync_asks_nobody_and_one_that_wants_the_customer_does() {
    let job = |status| What::JobUpdated { stamp: None, status, job: None };
    let failed = Story::with_data()
        .hears(sync_failed(None))
        .hears(update(Available, None, Some(SyncStatus::Failed)))
        .hears(job(JobWord::Failed));
    assert_eq!((failed.status(), failed.is_wanted()), (Some(Available), false));

    let asks = update(Available, None, Some(SyncStatus::ReauthorisationRequired));
    assert_eq!(Story::with_data().hears(asks).reason(), Some(ReauthReason::SyncStatus));
    let asks = job(JobWord::ReauthorisationRequired);
    assert_eq!(Story::with_data().hears(asks).reason(), Some(ReauthReason::JobStatus));
}

#[test]
fn case_17_a_job_that_runs_or_is_done_changes_nothing() {
    let before = Story::with_data();
    for status in [JobWord::Processing, JobWord::Finished, JobWord::Failed] {
        let folded =
            hear(&before.state, before.now(), &What::JobUpdated { stamp: None, status, job: None });
        assert_eq!(folded.state, before.state);
    }
}

#[test]
fn case_18_late_news_of_an_unlinked_account_is_ignored() {
    let story = Story::with_link().hears(What::Unlinked);
    assert_eq!(story.session(), Some(ReauthStatus::Cancelled));
    let story = story.quietly();
    let late = [connected(), updated(Available), required(None), reauthorized(None)];
    let story = late.into_iter().fold(story, |story, what| {
        let story = story.hears(what);
        assert_eq!(story.verdict, Verdict::Ignored(Ignored::Unlinked));
        story
    });
    assert!(story.state.unlinked && story.told.is_empty());
}

#[test]
fn case_19_any_delivery_makes_an_account_that_nobody_knew() {
    assert!(Story::new().hears(required(None)).is_wanted());
    assert_eq!(Story::new().hears(updated(Failed)).status(), Some(Failed));
    assert_eq!(Story::new().hears(reauthorized(None)).status(), Some(Processing));
    assert!(Story::new().hears(sync_failed(None)).state.sync.failure.is_some());
}

#[test]
fn case_21_a_word_that_we_do_not_know_is_kept_and_overwrites_nothing() {
    let odd = || fetched(Some(Reported::from_mono("ARCHIVED")), None, None, None);
    let story = Story::new().hears(odd());
    assert_eq!(story.status(), Some(Unknown));
    assert_eq!(story.state.data.raw.as_deref(), Some("ARCHIVED"));

    let story = Story::with_data().quietly().hears(odd());
    assert_eq!(story.status(), Some(Available));
    assert_eq!(story.state.data.raw.as_deref(), Some("ARCHIVED"));
    assert_eq!(story.told, vec![]);
}

#[test]
fn case_21_a_word_that_we_do_not_know_gives_way_to_any_other() {
    let story = Story::new().hears(updated(Unknown)).hears(connected());
    assert_eq!(story.status(), Some(Processing));
    let story = Story::new().hears(update(Unknown, stamp(20), None));
    let story = story.hears(update(Available, stamp(10), None));
    assert_eq!(story.status(), Some(Available));
}

#[test]
fn case_22_partial_without_transactions_says_so() {
    let partial =
        |kinds: &[RetrievedData]| fetched(Some(word(Partial)), None, None, Some(kinds.to_vec()));
    let freshness = |what| {
        let freshness = Freshness::of_transactions(&Story::new().hears(what).state);
        (freshness.state, freshness.reason)
    };
    let without = freshness(partial(&[RetrievedData::Identity, RetrievedData::Balance]));
    assert_eq!(without, (FreshnessState::NotReady, Some(FreshnessReason::Partial)));
    let with = freshness(partial(&[RetrievedData::Transactions]));
    assert_eq!(with, (FreshnessState::Fresh, None));
    let untold = freshness(updated(Partial));
    assert_eq!(untold, (FreshnessState::Stale, Some(FreshnessReason::Partial)));
}
