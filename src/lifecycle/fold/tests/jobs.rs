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
    told_by("a", product, mono_job, failed)
}

/// The news of a webhook with this digest.
fn told_by(digest: &str, product: JobKind, mono_job: Option<&str>, failed: bool) -> What {
    What::Job(JobNews::Told {
        product,
        mono_job: mono_job.map(str::to_owned),
        failed,
        stamp: None,
        digest: digest.to_owned(),
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

/// Job 1 of this kind has ended so, of which Mono gives no id; job 2 runs.
fn followed(kind: JobKind, end: impl FnOnce(Story) -> Story) -> Story {
    let first = Story::with_data().hears(asked_with(kind, 1, "one"));
    let first = end(first.hears(answered(1, None, Answer::Taken)));
    first.hears(asked_with(kind, 2, "two")).hears(answered(2, None, Answer::Taken))
}

#[test]
fn a_copy_of_one_assessment_does_not_end_the_next() {
    let kind = JobKind::Creditworthiness;
    let story = followed(kind, |story| story.hears(told_by("a", kind, None, false)).later(HOUR));
    let copied = hear(&story.state, story.now(), &told_by("a", kind, None, false));
    assert_eq!((copied.result, copied.verdict), (None, Verdict::Ignored(Ignored::Duplicate)));
    let own = hear(&story.state, story.now(), &told_by("b", kind, None, false));
    assert_eq!(own.result.map(|(id, _)| id), Some(job_id(2)));
    // After Mono's last try to deliver, the same words are news again.
    let much_later = story.now() + RETRY_WINDOW;
    let own = hear(&story.state, much_later, &told_by("a", kind, None, false));
    assert_eq!(own.result.map(|(id, _)| id), Some(job_id(2)));
}

#[test]
fn news_that_mono_sent_before_the_last_one_does_not_end_the_next_job() {
    let kind = JobKind::Income;
    let at = |digest: &str, sent: i64| {
        let mut what = told_by(digest, kind, None, false);
        if let What::Job(JobNews::Told { stamp: of, .. }) = &mut what {
            *of = stamp(sent);
        }
        what
    };
    let story = followed(kind, |story| story.hears(at("a", 50)).later(HOUR));
    let old = hear(&story.state, story.now(), &at("b", 40));
    assert_eq!((old.result, old.verdict), (None, Verdict::Ignored(Ignored::Stale)));
    let own = hear(&story.state, story.now(), &at("b", 60));
    assert_eq!(own.result.map(|(id, _)| id), Some(job_id(2)));
}

#[test]
fn late_news_is_the_older_jobs_that_was_given_up() {
    let kind = JobKind::Income;
    let story = followed(kind, |story| story.waits(31 * MINUTE, None)).quietly();
    let folded = hear(&story.state, story.now(), &told_by("a", kind, None, false));
    assert_eq!(folded.result.map(|(id, _)| id), Some(job_id(1)));
    let changes: Vec<_> = folded.changes.iter().map(|change| {
        matches!(change, Change::Job { job, status: JobStatus::Finished, .. } if *job == job_id(1))
    }).collect();
    assert_eq!(changes, [true], "subscribers hear of it");
    let story = story.hears(told_by("a", kind, None, false));
    assert_eq!(status(&story, kind), Some(JobStatus::Processing));
    let next = hear(&story.state, story.now(), &told_by("b", kind, None, false));
    assert_eq!(next.result.map(|(id, _)| id), Some(job_id(2)));
    // After two days Mono does not try any more.
    let story = followed(kind, |story| story.waits(31 * MINUTE, None)).later(49 * HOUR);
    let own = hear(&story.state, story.now(), &told_by("a", kind, None, false));
    assert_eq!(own.result.map(|(id, _)| id), Some(job_id(2)));
}

#[test]
fn late_news_serves_whoever_waits_for_the_same_answer() {
    let kind = JobKind::Income;
    let first = Story::with_data().hears(asked_with(kind, 1, "one"));
    let first = first.hears(answered(1, None, Answer::Taken)).waits(31 * MINUTE, None);
    let story = first.hears(asked_with(kind, 2, "one")).hears(answered(2, None, Answer::Taken));
    let story = story.hears(told_by("a", kind, None, false));
    assert_eq!(status(&story, kind), Some(JobStatus::Finished));
    let next = hear(&story.state, story.now(), &told_by("b", kind, None, false));
    assert_eq!(next.result.map(|(id, _)| id), Some(job_id(1)));
}

#[test]
fn a_request_without_an_answer_is_repaired_by_the_news_that_it_was_taken() {
    let unanswered = |told: &str| {
        What::Job(JobNews::Refused {
            id: job_id(1),
            code: SyncFailureCode::RequestUnanswered,
            told: told.into(),
            message: "no".into(),
            again_at: None,
        })
    };
    let kind = JobKind::Creditworthiness;
    let story = |told| Story::with_data().hears(asked_with(kind, 1, "one")).hears(unanswered(told));
    let repaired = story("UPSTREAM_TIMEOUT").hears(told_by("a", kind, None, false));
    assert_eq!(status(&repaired, kind), Some(JobStatus::Finished));
    // Mono was at work on the first, or had begun nothing.
    for (told, whose) in [("UPSTREAM_TIMEOUT", 1), ("UPSTREAM_UNAVAILABLE", 2)] {
        let next = story(told).hears(asked_with(kind, 2, "two"));
        let next = next.hears(answered(2, None, Answer::Taken));
        let folded = hear(&next.state, next.now(), &told_by("a", kind, None, false));
        assert_eq!(folded.result.map(|(id, _)| id), Some(job_id(whose)), "{told}");
    }
}

#[test]
fn a_job_for_other_arguments_is_no_answer() {
    let story = Story::with_data().hears(asked_with(JobKind::Income, 1, "one"));
    let same = hear(&story.state, story.now(), &asked_with(JobKind::Income, 2, "one"));
    assert_eq!(same.verdict, Verdict::UnderWay(job_id(1)));
    let other = hear(&story.state, story.now(), &asked_with(JobKind::Income, 2, "two"));
    assert_eq!((other.verdict, other.state), (Verdict::Refused, story.state));
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
fn a_job_whose_request_seemed_interrupted_fails_and_a_late_answer_puts_it_right() {
    let story = Story::with_data().hears(What::Job(asked(JobKind::Statement, 1)));
    let story = story.waits(3 * MINUTE, None);
    assert_eq!(code(&story, JobKind::Statement), Some(SyncFailureCode::Interrupted));
    let story = story.hears(answered(1, Some("m1"), Answer::Taken));
    assert_eq!(code(&story, JobKind::Statement), None);
    assert_eq!(story.state.next_deadline(), Some(story.now() + Duration::seconds(15)));
    // Given up, and another asked for: now it comes too late.
    let story = Story::with_data().hears(What::Job(asked(JobKind::Statement, 1)));
    let story = story.waits(3 * MINUTE, None).hears(What::Job(asked(JobKind::Statement, 2)));
    let before = story.state.clone();
    assert_eq!(story.hears(answered(1, Some("m1"), Answer::Taken)).state, before);
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
