//! Refreshes: one per account and five minutes, four ways to say that the customer is wanted, and a
//! status that only Mono moves.

use DataStatus::*;

use super::*;
use crate::lifecycle::job::{LOOK_AFTER, REQUEST_LIFE};

fn ask(n: u128) -> What {
    What::Job(asked(JobKind::Refresh, n))
}

fn answer(n: u128, mono_job: Option<&str>, answer: Answer, asks: Option<ReauthReason>) -> What {
    let (mono_job, result) = (mono_job.map(str::to_owned), Personal::default());
    What::Job(JobNews::Answered { id: job_id(n), mono_job, answer, asks, result })
}

fn finished(n: u128, new_data: bool) -> What {
    answer(n, Some("m1"), Answer::Finished { new_data: Some(new_data) }, None)
}

fn failed(n: u128, asks: Option<ReauthReason>) -> What {
    let code =
        if asks.is_some() { SyncFailureCode::ReauthRequired } else { SyncFailureCode::SyncFailed };
    answer(n, Some("m1"), Answer::Failed { code }, asks)
}

fn job_update(mono_job: &str, status: JobWord) -> What {
    What::JobUpdated { stamp: None, status, job: Some(mono_job.to_owned()) }
}

fn update_of(mono_job: &str, status: DataStatus, sync: Option<SyncStatus>) -> What {
    let What::Updated(update) = update(status, None, sync) else { unreachable!() };
    let digest = format!("{} {mono_job}", update.digest);
    What::Updated(Update { job: Some(mono_job.to_owned()), digest, ..update })
}

/// An account whose refresh m1 runs.
fn running(story: Story) -> Story {
    story.hears(ask(1)).hears(answer(1, Some("m1"), Answer::Taken, None))
}

fn job(story: &Story) -> Option<JobStatus> {
    story.state.job(JobKind::Refresh).map(Job::status)
}

fn failure(story: &Story) -> Option<SyncFailureCode> {
    story.state.job(JobKind::Refresh)?.failure().map(|failure| failure.code)
}

#[test]
fn of_two_who_ask_for_a_refresh_one_starts_it() {
    let story = Story::with_data().hears(ask(1));
    assert_eq!(story.verdict, Verdict::Applied);
    let story = story.hears(ask(2));
    assert_eq!(story.verdict, Verdict::UnderWay(job_id(1)));
    let story = story.hears(answer(1, Some("m1"), Answer::Taken, None)).later(10 * MINUTE);
    assert_eq!(story.hears(ask(3)).verdict, Verdict::UnderWay(job_id(1)));
}

#[test]
fn after_a_refresh_the_next_one_waits_for_five_minutes() {
    let story = Story::with_data().hears(ask(1)).later(20).hears(finished(1, true));
    let allowed = ours(HOUR + 20 + 5 * MINUTE);
    assert_eq!(story.state.next_sync_allowed_at(story.now()), Some(allowed));
    let story = story.later(5 * MINUTE - 1).hears(ask(2));
    assert_eq!(story.verdict, Verdict::TooSoon(allowed));
    let story = story.later(1);
    assert_eq!(story.state.next_sync_allowed_at(story.now()), None);
    assert_eq!(story.hears(ask(3)).verdict, Verdict::Applied);
}

#[test]
fn what_mono_did_not_take_does_not_count() {
    let refused = |again_at| {
        What::Job(JobNews::Refused {
            id: job_id(1),
            code: SyncFailureCode::RequestRefused,
            told: "UPSTREAM_UNAVAILABLE".into(),
            message: "no".into(),
            again_at,
        })
    };
    let story = Story::with_data().hears(ask(1)).hears(refused(None));
    assert_eq!(
        (job(&story), failure(&story)),
        (Some(JobStatus::Failed), Some(SyncFailureCode::RequestRefused))
    );
    assert_eq!(story.hears(ask(2)).verdict, Verdict::Applied);

    let later = Story::with_data();
    let until = later.now() + Duration::seconds(90);
    let story = later.hears(ask(1)).hears(refused(Some(until)));
    assert_eq!(story.hears(ask(2)).verdict, Verdict::TooSoon(until));
}

#[test]
fn the_four_announcements_raise_the_same_need_each_with_its_reason() {
    let raised = [
        (Story::with_data().hears(required(None)), ReauthReason::Webhook),
        (
            Story::with_data().hears(update(
                Available,
                None,
                Some(SyncStatus::ReauthorisationRequired),
            )),
            ReauthReason::SyncStatus,
        ),
        (
            Story::with_data().hears(job_update("m1", JobWord::ReauthorisationRequired)),
            ReauthReason::JobStatus,
        ),
        (
            Story::with_data().hears(ask(1)).hears(failed(1, Some(ReauthReason::Header))),
            ReauthReason::Header,
        ),
        (
            Story::with_data().hears(ask(1)).hears(failed(1, Some(ReauthReason::SyncCode))),
            ReauthReason::SyncCode,
        ),
        (
            running(Story::with_data())
                .hears(What::Job(polled(1, Some(JobWord::ReauthorisationRequired)))),
            ReauthReason::JobStatus,
        ),
    ];
    for (story, reason) in raised {
        assert_eq!((story.is_wanted(), story.reason()), (true, Some(reason)));
        assert_eq!(story.status(), Some(Available), "{reason:?}");
        assert!(story.state.sync.failure.is_none(), "{reason:?} is not the bank's failure");
    }
}

#[test]
fn case_16_a_refresh_that_failed_asks_nobody_until_mono_says_why() {
    let header = Story::with_data().hears(ask(1)).hears(failed(1, None));
    let webhook = running(Story::with_data()).hears(job_update("m1", JobWord::Failed));
    let asked = running(Story::with_data()).hears(What::Job(polled(1, Some(JobWord::Failed))));
    for story in [header, webhook, asked] {
        assert_eq!((job(&story), story.is_wanted()), (Some(JobStatus::Failed), false));
        assert_eq!(failure(&story), Some(SyncFailureCode::SyncFailed));
        assert_eq!(story.status(), Some(Available), "older data is still served");
        assert!(story.state.sync.failure.is_some());
        let asks = update_of("m1", Available, Some(SyncStatus::ReauthorisationRequired));
        let story = story.hears(asks);
        assert_eq!(story.reason(), Some(ReauthReason::SyncStatus));
        assert_eq!(failure(&story), Some(SyncFailureCode::ReauthRequired));
    }
}

#[test]
fn case_17_an_answer_with_the_refresh_of_before_is_news_of_nothing() {
    let before = || {
        let story = Story::with_data().hears(ask(1)).hears(finished(1, true));
        story.later(5 * MINUTE).hears(ask(2))
    };
    for stale in [finished(2, true), failed(2, Some(ReauthReason::Header)), failed(2, None)] {
        let story = before().hears(stale);
        assert_eq!((&story.state.sync, &story.state.need), (&before().state.sync, &None));
        let again = story.now() + Duration::minutes(1);
        assert_eq!(story.state.next_sync_allowed_at(story.now()), Some(again));
    }
}

#[test]
fn a_refresh_that_runs_takes_nothing_away() {
    for status in [Available, Partial, Unavailable, Failed] {
        let story = running(Story::new().hears(connected()).hears(updated(status))).quietly();
        assert_eq!((story.status(), &story.state.waiting), (Some(status), &None));
        let story = story.waits(2 * HOUR, Some((status, "a")));
        assert_eq!(story.statuses_told(), []);
        assert_eq!(failure(&story), Some(SyncFailureCode::TimedOut));
    }
}

#[test]
fn a_refresh_ends_by_the_webhook_of_its_job_or_by_asking_or_by_the_update_behind_it() {
    let done = Some(SyncStatus::Successful);
    for news in [
        job_update("m1", JobWord::Finished),
        What::Job(polled(1, Some(JobWord::Finished))),
        update_of("m1", Available, done),
        update_of("m1", Available, None),
    ] {
        let story = running(Story::with_data()).hears(news.clone());
        assert_eq!(job(&story), Some(JobStatus::Finished), "{news:?}");
    }
    for other in [
        job_update("m2", JobWord::Finished),
        update_of("m2", Available, done),
        update(Available, stamp(50), done),
        update_of("m1", Processing, None),
        job_update("m1", JobWord::Processing),
    ] {
        let story = running(Story::with_data()).hears(other.clone());
        assert_eq!(job(&story), Some(JobStatus::Processing), "{other:?}");
    }
}

#[test]
fn a_webhook_that_overtakes_the_answer_ends_the_refresh_all_the_same() {
    for early in [
        job_update("m1", JobWord::Finished),
        update_of("m1", Available, Some(SyncStatus::Successful)),
    ] {
        let story = Story::with_data().hears(ask(1)).hears(early);
        assert_eq!(job(&story), Some(JobStatus::Requested));
        let story = story.hears(answer(1, Some("m1"), Answer::Taken, None));
        assert_eq!(job(&story), Some(JobStatus::Finished));
    }
    let story = Story::with_data().hears(ask(1)).hears(job_update("m9", JobWord::Finished));
    let story = story.hears(answer(1, Some("m1"), Answer::Taken, None));
    assert_eq!(job(&story), Some(JobStatus::Processing));
}

/// The table of Mono's "Real-Time Data", Mar 2026: the status is what Mono says afterwards, be it
/// by its webhook or by the details.
#[test]
fn after_a_refresh_the_status_is_what_mono_says() {
    for (before, after) in [
        (Failed, Partial),
        (Partial, Available),
        (Partial, Partial),
        (Unavailable, Partial),
        (Available, Available),
    ] {
        let refreshed =
            || Story::new().hears(updated(before)).hears(ask(1)).hears(finished(1, true));
        let told = refreshed().hears(update_of("m1", after, Some(SyncStatus::Successful)));
        assert_eq!(told.status(), Some(after), "{before:?}");
        assert_eq!(told.state.next_deadline(), None, "nobody looks where a webhook told");
        let due = refreshed().state.next_deadline();
        assert_eq!(due, Some(refreshed().now() + LOOK_AFTER));
        let seen = refreshed().later(15).sees(after, "b");
        assert_eq!((seen.status(), seen.state.next_deadline()), (Some(after), None), "{before:?}");
    }
}

#[test]
fn nothing_new_is_no_reason_to_look() {
    let story = Story::with_data().hears(ask(1)).hears(finished(1, false));
    assert_eq!((job(&story), story.state.next_deadline()), (Some(JobStatus::Finished), None));
    assert_eq!(story.state.sync.last_success_at, Some(story.now()));
}

#[test]
fn a_refresh_without_an_id_ends_when_the_details_show_something_new() {
    let running = || {
        let story = Story::with_data().sees(Available, "a").later(MINUTE).hears(ask(1));
        story.hears(answer(1, None, Answer::Taken, None)).later(15)
    };
    assert_eq!(job(&running().sees(Available, "a")), Some(JobStatus::Processing));
    assert_eq!(job(&running().sees(Available, "b")), Some(JobStatus::Finished));
    let of_old = running().hears(update(Available, None, Some(SyncStatus::Failed)));
    assert_eq!(failure(&of_old), Some(SyncFailureCode::SyncFailed));
}

#[test]
fn new_data_shows_good_consent_of_those_who_were_asked_before() {
    let wanted = || Story::with_data().hears(required(None)).later(1);
    assert!(!wanted().hears(ask(1)).hears(finished(1, true)).is_wanted());
    assert!(wanted().hears(ask(1)).hears(finished(1, false)).is_wanted());
    let meanwhile = Story::with_data().hears(ask(1)).later(1).hears(required(None));
    assert!(meanwhile.hears(finished(1, true)).is_wanted());
}

#[test]
fn an_interrupted_refresh_still_tells_that_the_customer_is_wanted() {
    let late = REQUEST_LIFE.num_seconds() + 1;
    let story = Story::with_data().hears(ask(1)).waits(late, None);
    assert_eq!(failure(&story), Some(SyncFailureCode::Interrupted));
    let story = story.hears(failed(1, Some(ReauthReason::Header)));
    assert_eq!(story.reason(), Some(ReauthReason::Header));
}

/// A refresh 1 that runs, whose customer has authorised meanwhile.
fn authorised_meanwhile(mono_job: Option<&str>) -> Story {
    let story = Story::with_link().later(1).hears(ask(1));
    let story = match mono_job {
        Some(id) => story.hears(answer(1, Some(id), Answer::Taken, None)),
        None => story,
    };
    story.later(10).hears(What::Reauthorized { stamp: None }).later(1)
}

#[test]
fn a_refresh_from_before_a_reauthorisation_does_not_ask_for_another() {
    let answered = authorised_meanwhile(None).hears(failed(1, Some(ReauthReason::Header)));
    assert!(!answered.is_wanted());
    let word = Some(JobWord::ReauthorisationRequired);
    let asked_after = authorised_meanwhile(Some("m1")).hears(What::Job(polled(1, word)));
    assert_eq!((asked_after.is_wanted(), job(&asked_after)), (false, Some(JobStatus::Failed)));
    let since = authorised_meanwhile(None).hears(finished(1, true)).later(5 * MINUTE);
    let since = since.hears(ask(2)).hears(answer(2, Some("m2"), Answer::Taken, None));
    assert!(since.hears(What::Job(polled(2, word))).is_wanted());
}

#[test]
fn a_refresh_that_works_shows_that_a_doubtful_need_was_none_however_it_ends() {
    let doubtful = |story: Story| {
        let story = story.hears(What::Reauthorized { stamp: None }).hears(updated(Available));
        let story = story.later(HOUR).sees(Available, "a").hears(required(None)).later(1);
        assert_eq!(story.reason(), Some(ReauthReason::Unconfirmed));
        story
    };
    let named = running(doubtful(Story::with_link()));
    assert!(!named.hears(job_update("m1", JobWord::Finished)).is_wanted());
    let asked_after = running(doubtful(Story::with_link()));
    assert!(!asked_after.hears(What::Job(polled(1, Some(JobWord::Finished)))).is_wanted());
    let nameless = doubtful(Story::with_link()).hears(ask(1));
    let nameless = nameless.hears(answer(1, None, Answer::Taken, None)).later(15);
    let seen = nameless.sees(Available, "b");
    assert_eq!((job(&seen), seen.is_wanted()), (Some(JobStatus::Finished), false));
    // What Mono said for certain stays.
    let certain = running(Story::with_data().hears(required(None)).later(1));
    assert!(certain.hears(job_update("m1", JobWord::Finished)).is_wanted());
}

#[test]
fn a_look_that_came_too_early_or_failed_is_not_the_last() {
    let finished =
        || Story::with_data().sees(Available, "a").hears(ask(1)).hears(finished(1, true));
    let due =
        |story: &Story| story.state.next_deadline().map(|at| (at - finished().now()).num_seconds());
    let early = finished().later(15).sees(Available, "a");
    assert_eq!(due(&early), Some(30));
    let failed = finished().later(15).hears(What::Job(polled(1, None)));
    assert_eq!(due(&failed), Some(30));
    assert_eq!(due(&early.later(15).sees(Available, "b")), None);
    // Others may look meanwhile, and nobody for ever.
    assert_eq!(due(&finished().later(5).sees(Available, "a")), Some(15));
    let end = finished().waits(31 * MINUTE, None);
    assert_eq!(end.state.next_deadline(), None);
    let last = finished().later(30 * MINUTE - 1).hears(What::Job(polled(1, None)));
    assert_eq!(due(&last), Some(30 * MINUTE));
    let nameless = update(Available, stamp(50), Some(SyncStatus::Successful));
    for told in [update_of("m1", Available, Some(SyncStatus::Successful)), nameless] {
        assert_eq!(due(&finished().later(1).hears(told)), None);
    }
    let anothers = update_of("m9", Available, Some(SyncStatus::Successful));
    assert_eq!(due(&finished().later(1).hears(anothers)), Some(15));
}

#[test]
fn late_news_repairs_a_refresh_that_was_given_up_if_mono_names_it() {
    let given_up = || {
        let story = running(Story::with_data()).waits(33 * MINUTE, None);
        assert_eq!(failure(&story), Some(SyncFailureCode::TimedOut));
        story
    };
    let done = Some(SyncStatus::Successful);
    for late in [job_update("m1", JobWord::Finished), update_of("m1", Available, done)] {
        assert_eq!(job(&given_up().hears(late)), Some(JobStatus::Finished));
    }
    for other in [
        job_update("m2", JobWord::Finished),
        update_of("m2", Available, done),
        update(Available, stamp(50), done),
    ] {
        assert_eq!(failure(&given_up().hears(other)), Some(SyncFailureCode::TimedOut));
    }
}

#[test]
fn a_refused_request_does_not_make_the_refresh_before_it_news() {
    let refused = What::Job(JobNews::Refused {
        id: job_id(2),
        code: SyncFailureCode::RequestRefused,
        told: "UPSTREAM_UNAVAILABLE".into(),
        message: "no".into(),
        again_at: None,
    });
    let story = Story::with_data().hears(ask(1)).hears(finished(1, true)).later(5 * MINUTE);
    let story = story.hears(ask(2)).hears(refused).later(1).hears(ask(3));
    let story = story.hears(failed(3, Some(ReauthReason::Header)));
    assert_eq!(story.reason(), None);
}

#[test]
fn that_an_early_refresh_runs_does_not_hide_that_it_ended() {
    let story = Story::with_data().hears(ask(1)).hears(job_update("m1", JobWord::Finished));
    let story = story.hears(job_update("m1", JobWord::Processing));
    let story = story.hears(answer(1, Some("m1"), Answer::Taken, None));
    assert_eq!(job(&story), Some(JobStatus::Finished));
}
