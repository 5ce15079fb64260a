//! What holds of any facts in any order at any times: the fold is total, what it reports is the
//! difference between the states, and nothing waits for ever.

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;
use crate::lifecycle::fact::Token;

fn stamps() -> impl Strategy<Value = Option<Time>> {
    option::of((0..40i64).prop_map(|n| stamp(n * 120).expect("a stamp")))
}

fn statuses() -> impl Strategy<Value = DataStatus> {
    select(&STATUSES)
}

fn kinds() -> impl Strategy<Value = Option<Vec<RetrievedData>>> {
    let kinds = [RetrievedData::Identity, RetrievedData::Balance, RetrievedData::Transactions];
    option::of(proptest::sample::subsequence(kinds.to_vec(), 0..=3))
}

fn digests() -> impl Strategy<Value = Option<String>> {
    option::of(select(vec!["one".to_owned(), "two".to_owned()]))
}

fn deliveries() -> impl Strategy<Value = What> {
    let updates = (stamps(), option::of(statuses()), select(&SYNCS), kinds());
    let jobs =
        [JobWord::Processing, JobWord::Finished, JobWord::Failed, JobWord::ReauthorisationRequired];
    prop_oneof![
        1 => option::of(statuses())
            .prop_map(|status| What::Connected { reported: status.map(word), reference: None, customer: None }),
        1 => (option::of(1..3u128), select(vec!["", "ada", "ben"]))
            .prop_map(|(link, owner)| linked(link, owner)),
        6 => updates.prop_map(|(stamp, status, sync, retrieved)| {
            fetched(status.map(word), stamp, sync, retrieved)
        }),
        3 => stamps().prop_map(required),
        3 => stamps().prop_map(reauthorized),
        1 => stamps().prop_map(sync_failed),
        2 => (stamps(), select(jobs.to_vec()), mono_jobs())
            .prop_map(|(stamp, status, job)| What::JobUpdated { stamp, status, job }),
    ]
}

/// Mono's ids of jobs: few, so that they meet.
fn mono_jobs() -> impl Strategy<Value = Option<String>> {
    option::of(select(vec!["m1".to_owned(), "m2".to_owned()]))
}

fn kinds_of_job() -> impl Strategy<Value = JobKind> {
    select(vec![JobKind::Refresh, JobKind::Refresh, JobKind::Statement, JobKind::Income])
}

fn job_news() -> impl Strategy<Value = JobNews> {
    let words = [JobWord::Processing, JobWord::Finished, JobWord::Failed];
    let words = option::of(select([&words[..], &[JobWord::ReauthorisationRequired]].concat()));
    let answers = prop_oneof![
        3 => Just(Answer::Taken),
        2 => option::of(any::<bool>()).prop_map(|new_data| Answer::Finished { new_data }),
        1 => Just(Answer::Failed { code: SyncFailureCode::SyncFailed }),
        1 => Just(Answer::Failed { code: SyncFailureCode::ReauthRequired }),
    ];
    let asks = option::weighted(0.2, Just(ReauthReason::Header));
    let ids = || 1..3u128;
    prop_oneof![
        4 => kinds_of_job().prop_map(|kind| asked(kind, 0)),
        5 => (ids(), mono_jobs(), answers, asks).prop_map(|(n, mono_job, answer, asks)| {
            JobNews::Answered { id: job_id(n), mono_job, answer, asks, result: Personal::default() }
        }),
        1 => ids().prop_map(|n| JobNews::Refused {
            id: job_id(n),
            code: SyncFailureCode::RequestRefused,
            told: "UPSTREAM_UNAVAILABLE".into(),
            message: "no".into(),
            again_at: None,
        }),
        3 => (ids(), words).prop_map(|(n, word)| polled(n, word)),
        2 => (kinds_of_job(), mono_jobs(), any::<bool>(), digests(), stamps()).prop_map(
            |(product, mono_job, failed, digest, stamp)| {
                let (digest, result) = (digest.unwrap_or_default(), Personal(Some("{}".into())));
                JobNews::Told { product, mono_job, failed, stamp, digest, result }
            },
        ),
    ]
}

/// A look at the details, asked for `ago_s` seconds before it was answered.
fn looks() -> impl Strategy<Value = (i64, Look)> {
    let shown = (digests(), digests(), kinds());
    (0..20i64, any::<bool>(), option::of(statuses()), shown).prop_map(
        |(ago_s, scheduled, status, (balance, request_id, retrieved))| {
            let reported = status.map(word);
            let currency = Some("NGN".to_owned());
            let asked_at = ours(0);
            let look = Look {
                asked_at,
                scheduled,
                reported,
                balance,
                request_id,
                retrieved,
                currency,
                ..Look::default()
            };
            (ago_s, look)
        },
    )
}

fn methods() -> impl Strategy<Value = ReauthMethod> {
    let methods = [ReauthMethod::HostedLink, ReauthMethod::Widget, ReauthMethod::WidgetToken];
    select(methods.to_vec())
}

fn our_own() -> impl Strategy<Value = What> {
    let ids = || 1..4u128;
    let refused = |n| What::LinkRefused {
        id: id(n),
        told: String::new(),
        code: SyncFailureCode::LinkRefused,
        message: "no".into(),
    };
    prop_oneof![
        3 => (ids(), any::<bool>(), any::<bool>(), methods()).prop_map(
            |(n, reuse_active, redirects, method)| {
                let redirect_url = redirects.then(|| "https://app.example/".to_owned());
                What::Requested(Request { reuse_active, redirect_url, method, ..request(n) })
            }
        ),
        3 => ids().prop_map(link_issued),
        1 => ids().prop_map(|n| What::TokenIssued { id: id(n), token: Token("t".into()) }),
        1 => ids().prop_map(refused),
        1 => ids().prop_map(|n| What::Cancelled { id: id(n) }),
        3 => Just(What::TimePassed),
        2 => Just(What::LookFailed { code: "UPSTREAM_TIMEOUT".into() }),
    ]
}

/// Facts that follow each other after some time, at times after a jump of hours back or forth.
pub(super) fn facts() -> impl Strategy<Value = Vec<(Time, What)>> {
    let what = prop_oneof![
        40 => deliveries().prop_map(|what| (0, what)),
        10 => looks().prop_map(|(ago_s, look)| (ago_s, What::Looked(look))),
        20 => our_own().prop_map(|what| (0, what)),
        15 => job_news().prop_map(|news| (0, What::Job(news))),
        1 => Just((0, What::Unlinked)),
    ];
    let step = prop_oneof![8 => 0..100i64, 2 => 0..2_000i64, 1 => -20_000..20_000i64];
    vec((step, what), 1..40).prop_map(|facts| {
        let (mut at_s, mut newest, mut jobs) = (0, 0, 0);
        let place = |(step, (ago_s, what))| {
            at_s += step;
            newest += u128::from(matches!(what, What::Requested(_)));
            jobs += u128::from(matches!(what, What::Job(JobNews::Requested(_))));
            (ours(at_s), placed(what, ours(at_s - ago_s), newest, jobs))
        };
        facts.into_iter().map(place).collect()
    })
}

/// A fact with what depends on those before it: each request has an id of its own, and the others
/// mean the newest session or one of the two before it.
fn placed(mut what: What, asked_at: Time, newest: u128, jobs: u128) -> What {
    if let What::Looked(look) = &mut what {
        look.asked_at = asked_at;
    }
    if let What::Requested(request) = &mut what {
        request.id = id(newest);
    }
    if let What::Job(JobNews::Requested(request)) = &mut what {
        request.id = job_id(jobs);
    }
    if let What::Job(
        JobNews::Answered { id: meant, .. }
        | JobNews::Refused { id: meant, .. }
        | JobNews::Polled { id: meant, .. },
    ) = &mut what
    {
        let back = u128::from(*meant != job_id(1));
        *meant = job_id(jobs.saturating_sub(back));
    }
    if let What::LinkIssued { id: meant, .. }
    | What::TokenIssued { id: meant, .. }
    | What::LinkRefused { id: meant, .. }
    | What::Cancelled { id: meant } = &mut what
    {
        let back = (0..2).find(|back| *meant == id(back + 1)).unwrap_or(2);
        *meant = id(newest.saturating_sub(back));
    }
    what
}

/// What subscribers should hear, derived from the states alone.
fn differences(before: &AccountState, folded: &Folded) -> Vec<String> {
    let after = &folded.state;
    let mut all = Vec::new();
    if let Some(old) = &folded.superseded {
        all.push(format!("{} Superseded", old.id));
    }
    let to = after.data.status.unwrap_or(DataStatus::Unknown);
    if before.data.status != after.data.status && before.data.status != Some(to) {
        all.push(format!("{:?} to {to:?}", before.data.status));
    }
    let of = |state: &AccountState| state.session.as_ref().map(|s| (s.id, s.status()));
    let moved = of(after).filter(|now| of(before) != Some(*now));
    if before.need.is_some() != after.need.is_some() || moved.is_some() {
        let wanted = after.need.is_some();
        all.push(moved.map_or(format!("wanted {wanted}"), |(id, to)| format!("{id} {to:?}")));
    }
    for job in after.all_jobs() {
        let stood = before.all_jobs().find(|old| old.id == job.id).map(Job::status);
        if stood != Some(job.status()) {
            all.push(format!("{} {:?}", job.id, job.status()));
        }
    }
    all
}

/// What subscribers hear, in the same words.
fn reported(changes: &[Change]) -> Vec<String> {
    let each = changes.iter().map(|change| match change {
        Change::DataStatus { from, to, .. } => format!("{from:?} to {to:?}"),
        Change::Reauth { reauth: Some(id), status: Some(status), .. } => format!("{id} {status:?}"),
        Change::Reauth { required, .. } => format!("wanted {required}"),
        Change::Link { status, .. } => format!("link {status:?}"),
        Change::Job { job, status, .. } => format!("{job} {status:?}"),
    });
    each.collect()
}

/// News of a re-authorisation's data that came under the status that the account had before.
fn is_refresh(change: &Change) -> bool {
    matches!(change, Change::DataStatus { from, to, .. } if *from == Some(*to))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_facts_are_folded_and_what_is_told_is_the_difference(facts in facts()) {
        let mut state = AccountState::default();
        for (at, what) in &facts {
            let folded = hear(&state, *at, what);
            let after = &folded.state;
            let refreshes = folded.changes.iter().filter(|change| is_refresh(change)).count();
            let mut told = folded.changes.clone();
            told.retain(|change| !is_refresh(change));
            prop_assert_eq!(reported(&told), differences(&state, &folded), "at {:?}", what);
            prop_assert!(folded.changes.iter().all(|change| change.cause() == what.cause()));
            prop_assert!(refreshes <= 1 && (refreshes == 0 || told.len() == folded.changes.len() - 1));

            let mut unversioned = after.clone();
            unversioned.version = state.version;
            let step = i64::from(unversioned != state);
            prop_assert_eq!(after.version, state.version + step, "at {:?}", what);
            prop_assert!(step == 1 || folded.changes.is_empty());
            if folded.verdict != Verdict::Applied {
                prop_assert_eq!(step, 0, "{:?} of {:?}", folded.verdict, what);
            }
            state = folded.state;
        }
    }

    #[test]
    fn whoever_waits_is_looked_at_and_whoever_does_not_is_left_alone(facts in facts()) {
        let mut state = AccountState::default();
        for (at, what) in &facts {
            state = hear(&state, *at, what).state;
            let fetching = state.data.status == Some(DataStatus::Processing);
            prop_assert_eq!(fetching, state.waiting.is_some(), "after {:?}", what);
            let status = state.session.as_ref().map(Session::status);
            prop_assert!(status != Some(ReauthStatus::Authorized) || state.waiting.is_some());
        }
    }

    #[test]
    fn nothing_waits_for_ever(facts in facts()) {
        let mut state = AccountState::default();
        for (at, what) in &facts {
            state = hear(&state, *at, what).state;
        }
        // Nothing is heard from now on and every look fails: each deadline that is met gives way
        // to a later one, and within the looks of one schedule, the questions after two jobs, a
        // link's end and a request's for each of three jobs there is none.
        for _ in 0..48 {
            let Some(due) = state.next_deadline() else { break };
            if state.waiting.as_ref().is_some_and(|waiting| waiting.next_at <= due) {
                let failed = What::LookFailed { code: "UPSTREAM_TIMEOUT".into() };
                state = hear(&state, due, &failed).state;
            }
            for id in state.jobs.iter().map(|job| job.id).collect::<Vec<_>>() {
                let asked = state.jobs.iter().any(|job| {
                    job.id == id && job.deadline().is_some_and(|at| at <= due) && job.is_asked_after()
                });
                if asked {
                    let silent = JobNews::Polled { id, word: None, result: Personal::default() };
                    state = hear(&state, due, &What::Job(silent)).state;
                }
            }
            state = hear(&state, due, &What::TimePassed).state;
            prop_assert!(state.next_deadline().is_none_or(|next| next > due));
        }
        prop_assert_eq!(state.next_deadline(), None);
        prop_assert!(state.jobs.iter().all(|job| !job.is_live()));
        prop_assert!(state.waiting.is_none() && state.session.as_ref().is_none_or(|s| !s.is_out()));
    }

    #[test]
    fn nothing_revives_an_unlinked_account(before in facts(), after in facts()) {
        let mut state = AccountState::default();
        for (at, what) in &before {
            state = hear(&state, *at, what).state;
        }
        let unlinked = hear(&state, ours(0), &What::Unlinked).state;
        for (at, what) in &after {
            let folded = hear(&unlinked, *at, what);
            prop_assert_eq!(&folded.state, &unlinked);
            prop_assert_eq!(folded.changes, vec![]);
            prop_assert_ne!(folded.verdict, Verdict::Applied);
        }
    }
}
