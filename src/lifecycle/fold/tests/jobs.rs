//! Jobs other than refreshes: one of a kind at a time, ended by news, by asking, or by time.

use super::*;

fn answered(n: u128, mono_job: Option<&str>, answer: Answer) -> What {
    What::Job(JobNews::Answered {
        id: job_id(n),
        mono_job: mono_job.map(str::to_owned),
        answer,
        asks: None,
        result: Personal::default(),
    })
}

fn told(product: JobKind, mono_job: Option<&str>, failed: bool) -> What {
    What::Job(JobNews::Told {
        product,
        mono_job: mono_job.map(str::to_owned),
        failed,
        result: Personal(Some("{}".into())),
    })
}

fn status(story: &Story, kind: JobKind) -> Option<JobStatus> {
    story.state.job(kind).map(Job::status)
}

fn code(story: &Story, kind: JobKind) -> Option<SyncFailureCode> {
    story.state.job(kind)?.failure().map(|failure| failure.code)
}

/// An account whose job 1 of this kind runs.
fn running(kind: JobKind) -> Story {
    let story = Story::with_data().hears(What::Job(asked(kind, 1)));
    story.hears(answered(1, Some("m1"), Answer::Taken))
}

#[test]
fn one_job_of_a_kind_runs_at_a_time_and_asking_again_returns_it() {
    let story = running(JobKind::Statement).later(MINUTE);
    let story = story.hears(What::Job(asked(JobKind::Statement, 2)));
    assert_eq!(story.verdict, Verdict::UnderWay(job_id(1)));
    let story = story.hears(What::Job(asked(JobKind::Income, 3)));
    assert_eq!(story.verdict, Verdict::Applied);
    let story = story.hears(What::Job(polled(1, Some(JobWord::Finished))));
    let story = story.hears(What::Job(asked(JobKind::Statement, 4)));
    assert_eq!(story.verdict, Verdict::Applied);
    assert_eq!(story.state.jobs.len(), 2);
}

#[test]
fn a_webhook_ends_the_job_of_its_kind_and_hands_over_what_it_brought() {
    let story = running(JobKind::Income);
    let folded = hear(&story.state, story.now(), &told(JobKind::Income, None, false));
    assert_eq!(folded.result, Some((job_id(1), Personal(Some("{}".into())))));
    let story = story.hears(told(JobKind::Creditworthiness, None, false));
    assert_eq!(status(&story, JobKind::Income), Some(JobStatus::Processing));
    let story = story.hears(told(JobKind::Income, Some("another"), false));
    assert_eq!(status(&story, JobKind::Income), Some(JobStatus::Processing));
    let story = story.hears(told(JobKind::Income, Some("m1"), false));
    assert_eq!(status(&story, JobKind::Income), Some(JobStatus::Finished));
    let again = hear(&story.state, story.now(), &told(JobKind::Income, None, false));
    assert_eq!((again.result, again.state), (None, story.state.clone()));

    let failed = running(JobKind::Creditworthiness);
    let failed = failed.hears(told(JobKind::Creditworthiness, None, true));
    assert_eq!(code(&failed, JobKind::Creditworthiness), Some(SyncFailureCode::JobFailed));
}

#[test]
fn what_nobody_asked_for_is_not_kept() {
    let story = Story::with_data();
    let folded = hear(&story.state, story.now(), &told(JobKind::Income, None, false));
    assert_eq!((folded.result, folded.verdict), (None, Verdict::Ignored(Ignored::NothingNew)));
}

#[test]
fn a_job_of_which_nothing_is_heard_fails_and_late_news_repairs_it() {
    for kind in [JobKind::Income, JobKind::Statement] {
        let story = running(kind).quietly().waits(29 * MINUTE, None);
        assert_eq!(status(&story, kind), Some(JobStatus::Processing));
        let story = story.waits(2 * MINUTE, None);
        assert_eq!(code(&story, kind), Some(SyncFailureCode::TimedOut));
        let told_of = |change: &Change| matches!(change, Change::Job { .. });
        assert_eq!(story.told.iter().filter(|change| told_of(change)).count(), 1);
        let story = story.hears(told(kind, None, false));
        assert_eq!(status(&story, kind), Some(JobStatus::Finished));
    }
}

#[test]
fn a_job_whose_request_a_crash_interrupted_does_not_stay_requested() {
    let story = Story::with_data().hears(What::Job(asked(JobKind::Statement, 1)));
    let story = story.waits(3 * MINUTE, None);
    assert_eq!(code(&story, JobKind::Statement), Some(SyncFailureCode::Interrupted));
    let story = story.hears(answered(1, Some("m1"), Answer::Taken));
    assert_eq!(code(&story, JobKind::Statement), Some(SyncFailureCode::Interrupted));
}

#[test]
fn what_jobs_brought_stands_in_no_fact() {
    let news = told(JobKind::Income, None, false);
    let text = serde_json::to_string(&news).expect("JSON");
    assert!(text.contains("INCOME") && !text.contains("{}"), "{text}");
    assert_eq!(
        serde_json::from_str::<What>(&text).ok().map(|what| what.cause()),
        Some(news.cause())
    );
    for news in [
        asked(JobKind::Refresh, 1),
        polled(1, Some(JobWord::Finished)),
        JobNews::Answered {
            id: job_id(1),
            mono_job: None,
            answer: Answer::Failed { code: SyncFailureCode::SyncFailed },
            asks: Some(ReauthReason::Header),
            result: Personal::default(),
        },
    ] {
        let what = What::Job(news);
        let text = serde_json::to_string(&what).expect("JSON");
        assert_eq!(serde_json::from_str::<What>(&text).ok(), Some(what), "{text}");
    }
}

#[test]
fn unlinking_ends_jobs() {
    let story = running(JobKind::Income).hears(What::Unlinked);
    assert_eq!(code(&story, JobKind::Income), Some(SyncFailureCode::Unlinked));
    assert_eq!(story.state.next_deadline(), None);
    let story = story.hears(What::Job(asked(JobKind::Income, 2)));
    assert_eq!(story.verdict, Verdict::Refused);
}
