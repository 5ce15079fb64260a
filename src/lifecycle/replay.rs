//! A delivery that is told again much later: what the account has heard since is newer.
//!
//! A replay is folded as what it is, news of the moment at which its delivery came. Where Mono's
//! stamps place it among other deliveries the fold does that, as with any that come late. Where
//! nothing does, what was learned since stands.

use super::{
    fact::What,
    job::{JobKind, JobNews},
};
use crate::clock::Time;

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

/// Whether `replayed` is old news because of `newer`, which was learned after it had come.
pub(super) fn is_outrun(replayed: &What, newer: &What) -> bool {
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
        // What a refresh brought and found out.
        What::Job(JobNews::Answered { .. } | JobNews::Polled { .. }) => !of_a_job,
        What::Updated(_)
        | What::Required { .. }
        | What::Reauthorized { .. }
        | What::SyncFailed { .. }
        | What::JobUpdated { .. } => !of_a_job && !placed_by_stamps,
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
