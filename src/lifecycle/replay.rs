//! A delivery that is told again much later: what the account has heard since is newer.
//!
//! A replay is folded as what it is, news of the moment at which its delivery came. Where Mono's
//! stamps place it among other deliveries the fold does that, as with any that come late. Where
//! nothing does, what was learned since stands.

use super::{
    SyncFailureCode,
    fact::{JobWord, What},
    job::{Answer, JobKind, JobNews},
};
use crate::{clock::Time, ids::JobId};

/// What a delivery is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Matter {
    /// That there is an account: told once, and kept whatever else is heard.
    Existence,
    /// The data.
    Data,
    /// The customer is wanted.
    Need,
    /// The customer has authorised.
    Consent,
    /// A refresh.
    Refresh,
    /// A job of this kind.
    Job(JobKind),
    /// The end of the account.
    End,
    /// Nothing of Mono's: no delivery tells it.
    None,
}

fn matter(what: &What) -> Matter {
    match what {
        What::Connected { .. } => Matter::Existence,
        What::Updated(_) => Matter::Data,
        What::Required { .. } => Matter::Need,
        What::Reauthorized { .. } => Matter::Consent,
        What::SyncFailed { .. } | What::JobUpdated { .. } => Matter::Refresh,
        What::Job(JobNews::Told { product, .. }) => Matter::Job(*product),
        What::Unlinked => Matter::End,
        What::Job(
            JobNews::Requested(_)
            | JobNews::Answered { .. }
            | JobNews::Refused { .. }
            | JobNews::Polled { .. },
        )
        | What::Linked { .. }
        | What::Looked(_)
        | What::LookFailed { .. }
        | What::Requested(_)
        | What::LinkIssued { .. }
        | What::TokenIssued { .. }
        | What::LinkRefused { .. }
        | What::Cancelled { .. }
        | What::TimePassed => Matter::None,
    }
}

/// Mono's time of sending it.
fn stamp(what: &What) -> Option<Time> {
    match what {
        What::Updated(update) => update.stamp,
        What::Required { stamp, .. }
        | What::Reauthorized { stamp }
        | What::SyncFailed { stamp, .. }
        | What::JobUpdated { stamp, .. }
        | What::Job(JobNews::Told { stamp, .. }) => *stamp,
        What::Job(
            JobNews::Requested(_)
            | JobNews::Answered { .. }
            | JobNews::Refused { .. }
            | JobNews::Polled { .. },
        )
        | What::Connected { .. }
        | What::Unlinked
        | What::Linked { .. }
        | What::Looked(_)
        | What::LookFailed { .. }
        | What::Requested(_)
        | What::LinkIssued { .. }
        | What::TokenIssued { .. }
        | What::LinkRefused { .. }
        | What::Cancelled { .. }
        | What::TimePassed => None,
    }
}

/// The job that a fact tells of by its id alone.
pub(super) fn job_of(what: &What) -> Option<JobId> {
    let What::Job(news) = what else { return None };
    match news {
        JobNews::Answered { id, .. } | JobNews::Polled { id, .. } => Some(*id),
        JobNews::Requested(_) | JobNews::Refused { .. } | JobNews::Told { .. } => None,
    }
}

/// What Mono said last of one of our jobs; nothing if it only runs, or if Mono was not heard.
fn word_of(news: &JobNews) -> Option<JobWord> {
    match news {
        // Whatever the job was for, the customer is wanted.
        JobNews::Answered { asks: Some(_), .. }
        | JobNews::Answered {
            answer: Answer::Failed { code: SyncFailureCode::ReauthRequired },
            ..
        } => Some(JobWord::ReauthorisationRequired),
        JobNews::Answered { answer: Answer::Finished { .. }, .. } => Some(JobWord::Finished),
        JobNews::Answered { answer: Answer::Failed { .. }, .. } => Some(JobWord::Failed),
        JobNews::Polled { word, .. } => *word,
        JobNews::Answered { answer: Answer::Taken, .. }
        | JobNews::Requested(_)
        | JobNews::Refused { .. }
        | JobNews::Told { .. } => None,
    }
}

/// Whether this word of a job, a refresh or another, says something newer of what is replayed.
fn is_outrun_by_word(about: Matter, word: Option<JobWord>, is_refresh: bool) -> bool {
    let is_of_account = !matches!(about, Matter::Job(_));
    match word {
        // Data from before that is no answer to it.
        Some(JobWord::ReauthorisationRequired) => is_of_account,
        // It shows the data, and that the consent is good.
        Some(JobWord::Finished) => is_refresh && is_of_account,
        // A failed one says nothing about the customer.
        Some(JobWord::Failed) => is_refresh && matches!(about, Matter::Data | Matter::Refresh),
        Some(JobWord::Processing) | None => false,
    }
}

/// Whether `replayed` is old news because of `newer`, which was learned after it had come.
/// `is_refresh` knows the kind of a job of ours.
pub(super) fn is_outrun(replayed: &What, newer: &What, is_refresh: impl Fn(JobId) -> bool) -> bool {
    let about = matter(replayed);
    // The fold lets the first word about these stand, whatever the order.
    if matches!(about, Matter::Existence | Matter::End | Matter::None) {
        return false;
    }
    let placed_by_stamps = stamp(replayed).is_some() && stamp(newer).is_some();
    let of_a_job = matches!(about, Matter::Job(_));
    match newer {
        What::Unlinked => true,
        What::Job(JobNews::Told { .. }) => matter(newer) == about && !placed_by_stamps,
        // A job that was asked for since is not the one that this ended.
        What::Job(JobNews::Requested(request)) => about == Matter::Job(request.product),
        What::Job(news @ (JobNews::Answered { id, .. } | JobNews::Polled { id, .. })) => {
            is_outrun_by_word(about, word_of(news), is_refresh(*id))
        }
        What::JobUpdated { status, .. } => {
            is_outrun_by_word(about, Some(*status), true) && !placed_by_stamps
        }
        What::Updated(_)
        | What::Required { .. }
        | What::Reauthorized { .. }
        | What::SyncFailed { .. } => !of_a_job && !placed_by_stamps,
        // A look shows the data; of consent it says nothing.
        What::Looked(_) => matches!(about, Matter::Data | Matter::Consent | Matter::Refresh),
        // What came before a re-authorisation was asked for does not answer it.
        What::Requested(_) => matches!(about, Matter::Data | Matter::Consent),
        What::Connected { .. }
        | What::Linked { .. }
        | What::Job(JobNews::Refused { .. })
        | What::LookFailed { .. }
        | What::LinkIssued { .. }
        | What::TokenIssued { .. }
        | What::LinkRefused { .. }
        | What::Cancelled { .. }
        // Mono's word beats our clock.
        | What::TimePassed => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{is_outrun as is_outrun_if, *};
    use crate::{
        clock::from_ms,
        lifecycle::{
            ReauthReason,
            fact::{Look, Update},
            job::Personal,
        },
    };

    fn is_outrun(replayed: &What, newer: &What) -> bool {
        is_outrun_if(replayed, newer, |_| true)
    }

    fn answered(answer: Answer, asks: Option<ReauthReason>) -> What {
        let id = JobId::new(Time::default());
        let result = Personal::default();
        What::Job(JobNews::Answered { id, mono_job: None, answer, asks, result })
    }

    fn polled(word: Option<JobWord>) -> What {
        let id = JobId::new(Time::default());
        What::Job(JobNews::Polled { id, word, result: Personal::default() })
    }

    fn sync_failed() -> What {
        What::SyncFailed { stamp: None, digest: String::new() }
    }

    fn update(ms: Option<i64>) -> What {
        What::Updated(Update { stamp: ms.and_then(from_ms), ..Update::default() })
    }

    fn required(ms: Option<i64>) -> What {
        What::Required { stamp: ms.and_then(from_ms), digest: String::new() }
    }

    fn reauthorized(ms: Option<i64>) -> What {
        What::Reauthorized { stamp: ms.and_then(from_ms) }
    }

    #[test]
    fn deliveries_that_both_carry_stamps_are_left_to_the_fold_and_others_are_outrun() {
        let kinds = [update, required, reauthorized];
        for (replayed, newer) in kinds.iter().flat_map(|a| kinds.iter().map(move |b| (a, b))) {
            assert!(!is_outrun(&replayed(Some(1)), &newer(Some(2))));
            for (a, b) in [(None, Some(2)), (Some(1), None), (None, None)] {
                assert!(is_outrun(&replayed(a), &newer(b)), "{:?} {:?}", replayed(a), newer(b));
            }
        }
    }

    #[test]
    fn a_look_outruns_old_data_and_no_old_need() {
        let look = What::Looked(Look::default());
        assert!(is_outrun(&update(Some(1)), &look) && is_outrun(&reauthorized(None), &look));
        assert!(!is_outrun(&required(None), &look));
    }

    #[test]
    fn what_says_nothing_of_the_account_outruns_nothing() {
        let failed = What::LookFailed { code: "UPSTREAM_TIMEOUT".into() };
        for newer in [What::TimePassed, failed] {
            for replayed in [update(None), required(None), reauthorized(None)] {
                assert!(!is_outrun(&replayed, &newer), "{replayed:?} {newer:?}");
            }
        }
    }

    #[test]
    fn that_there_is_an_account_and_that_it_ended_is_never_old() {
        let connected = What::Connected { reported: None, reference: None, customer: None };
        let job = What::JobUpdated { stamp: None, status: JobWord::Finished, job: None };
        for newer in [update(None), required(None), job] {
            assert!(!is_outrun(&connected, &newer) && !is_outrun(&What::Unlinked, &newer));
        }
    }

    #[test]
    fn of_jobs_only_what_says_the_same_of_the_account_outruns() {
        let replayed = [update(None), required(None), reauthorized(None), sync_failed()];
        let (all, none, data) = ([true; 4], [false; 4], [true, false, false, true]);
        let wanted = Answer::Failed { code: SyncFailureCode::ReauthRequired };
        let failed = Answer::Failed { code: SyncFailureCode::SyncFailed };
        let cases = [
            // Which job, if it is a refresh, if it is another.
            (answered(Answer::Taken, None), none, none),
            (polled(None), none, none),
            (polled(Some(JobWord::Processing)), none, none),
            (answered(Answer::Finished { new_data: Some(true) }, None), all, none),
            (polled(Some(JobWord::Finished)), all, none),
            (answered(failed, None), data, none),
            (polled(Some(JobWord::Failed)), data, none),
            (answered(wanted, None), all, all),
            (answered(failed, Some(ReauthReason::Header)), all, all),
            (polled(Some(JobWord::ReauthorisationRequired)), all, all),
        ];
        for (newer, by_refresh, by_other) in cases {
            for (is_refresh, expected) in [(true, by_refresh), (false, by_other)] {
                let outrun =
                    replayed.each_ref().map(|old| is_outrun_if(old, &newer, |_| is_refresh));
                assert_eq!(outrun, expected, "{newer:?}, a refresh: {is_refresh}");
            }
        }
        let runs = What::JobUpdated { stamp: None, status: JobWord::Processing, job: None };
        assert!(replayed.iter().all(|old| !is_outrun(old, &runs)));
    }
}
