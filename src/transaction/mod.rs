//! Pages of transactions, and how fresh they are.

pub mod graphql;
pub mod service;

use async_graphql::Enum;
use chrono::NaiveDate;

use crate::{
    clock::Time,
    lifecycle::{AccountState, DataStatus, RetrievedData},
};

/// The most transactions that can be asked for at once.
pub const MOST: i32 = 100;

/// Which transactions are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PageRequest {
    /// The page, from 1 on.
    pub page: i64,
    /// How many on a page; Mono's own number if not said.
    pub limit: Option<i64>,
    /// How many of the page were seen before.
    pub skip: usize,
    /// How many to answer at most.
    pub first: Option<usize>,
    /// Which of them.
    pub filter: Filter,
}

/// Which transactions, of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Not before this day.
    pub start: Option<NaiveDate>,
    /// Not after this day.
    pub end: Option<NaiveDate>,
    /// Only these.
    pub kind: Option<TransactionType>,
    /// Only with this in the narration.
    pub narration: Option<String>,
}

/// Which way the money went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum TransactionType {
    /// Into the account.
    Credit,
    /// Out of the account.
    Debit,
}

impl TransactionType {
    /// Mono's word.
    #[must_use]
    pub fn as_mono(self) -> &'static str {
        match self {
            Self::Credit => "credit",
            Self::Debit => "debit",
        }
    }

    /// Reads Mono's word.
    #[must_use]
    pub fn from_mono(word: &str) -> Option<Self> {
        match word.trim().to_ascii_lowercase().as_str() {
            "credit" => Some(Self::Credit),
            "debit" => Some(Self::Debit),
            _ => None,
        }
    }
}

/// What is wrong with what was asked for.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum RequestError {
    /// There is no such page.
    #[error("page counts from 1")]
    Page,
    /// Too few or too many.
    #[error("first is a number from 1 to {MOST}")]
    First,
    /// Two ways of saying where to begin.
    #[error("page and after both say where to begin; give one of them")]
    PageAndAfter,
    /// Not a cursor of ours.
    #[error(
        "after is what an earlier answer carried in endCursor or in an edge's cursor, unchanged"
    )]
    Cursor,
    /// The end is before the start.
    #[error("filter.end must not be before filter.start")]
    Order,
    /// Mono takes an end only with a start.
    #[error("filter.end needs filter.start beside it")]
    EndWithoutStart,
    /// A text that is too long.
    #[error("filter.narration has at most 200 characters and no control characters")]
    Narration,
}

/// A transaction's place: its page as Mono cut it, and how many of that page lie before or at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The page, from 1 on.
    pub page: i64,
    /// How many were asked for on a page.
    pub limit: Option<i64>,
    /// How many of the page lie before it or are it.
    pub seen: usize,
    /// Whether nothing of the page is left.
    pub is_last: bool,
}

impl Place {
    /// The cursor of this place. Opaque to clients.
    #[must_use]
    pub fn cursor(self) -> String {
        let end = if self.is_last { "e" } else { "m" };
        format!("t{}.{}.{}{end}", self.page, self.limit.unwrap_or(0), self.seen)
    }

    fn parse(cursor: &str) -> Option<Self> {
        let rest = cursor.strip_prefix('t')?;
        let (rest, is_last) = match (rest.strip_suffix('e'), rest.strip_suffix('m')) {
            (Some(rest), _) => (rest, true),
            (None, Some(rest)) => (rest, false),
            (None, None) => return None,
        };
        let mut parts = rest.split('.');
        let mut number = || parts.next()?.parse::<i64>().ok().filter(|n| (0..1 << 31).contains(n));
        let (page, limit, seen) = (number()?, number()?, number()?);
        let limit = Some(limit).filter(|limit| *limit > 0);
        (page > 0 && parts.next().is_none()).then_some(Self {
            page,
            limit,
            seen: usize::try_from(seen).ok()?,
            is_last,
        })
    }
}

impl PageRequest {
    /// Checks what a client asks for.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn new(
        page: Option<i32>,
        first: Option<i32>,
        after: Option<&str>,
        filter: Filter,
    ) -> Result<Self, RequestError> {
        if page.is_some() && after.is_some() {
            return Err(RequestError::PageAndAfter);
        }
        if first.is_some_and(|first| !(1..=MOST).contains(&first)) {
            return Err(RequestError::First);
        }
        let limit = first.map(i64::from);
        let first = first.and_then(|first| usize::try_from(first).ok());
        let request = Self { page: 1, limit, skip: 0, first, filter };
        if let Some(cursor) = after {
            let place = Place::parse(cursor).ok_or(RequestError::Cursor)?;
            // Pages stay as Mono cut them before: another size would cut them elsewhere.
            let limit = place.limit;
            return Ok(if place.is_last {
                Self { page: place.page + 1, limit, ..request }
            } else {
                Self { page: place.page, limit, skip: place.seen, ..request }
            });
        }
        match page {
            Some(page) if page < 1 => Err(RequestError::Page),
            Some(page) => Ok(Self { page: page.into(), ..request }),
            None => Ok(request),
        }
    }
}

impl Filter {
    /// Checks a filter. A start without an end reaches to `today`: Mono takes both or none.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn checked(mut self, today: NaiveDate) -> Result<Self, RequestError> {
        match (self.start, self.end) {
            (None, Some(_)) => return Err(RequestError::EndWithoutStart),
            (Some(start), Some(end)) if end < start => return Err(RequestError::Order),
            (Some(start), None) => self.end = Some(today.max(start)),
            (Some(_), Some(_)) | (None, None) => {}
        }
        let fits = |text: &String| text.chars().count() <= 200 && !text.contains(char::is_control);
        if self.narration.as_ref().is_some_and(|text| !fits(text)) {
            return Err(RequestError::Narration);
        }
        self.narration = self.narration.filter(|text| !text.is_empty());
        Ok(self)
    }
}

/// Whether data is what the bank has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum FreshnessState {
    /// It is what Mono last fetched, and that fetch worked.
    Fresh,
    /// It is older than it should be; reason says why.
    Stale,
    /// There is none yet, or this part of it was not fetched; reason says why.
    NotReady,
}

/// Why data is not fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum FreshnessReason {
    /// Mono is fetching.
    Processing,
    /// The customer must authorise again first.
    ReauthRequired,
    /// The newest refresh failed.
    SyncFailed,
    /// Only a part was fetched, and this is not known to belong to it.
    Partial,
    /// The bank gave nothing.
    Unavailable,
    /// Mono failed to fetch.
    Failed,
    /// How far the data is, is not known.
    Unknown,
}

/// How fresh an account's data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Whether they are.
    pub state: FreshnessState,
    /// When Mono last told of readable data, by our clock.
    pub as_of: Option<Time>,
    /// Why they are not.
    pub reason: Option<FreshnessReason>,
}

impl Freshness {
    /// How fresh the transactions of an account in this state are.
    #[must_use]
    pub fn of_transactions(state: &AccountState) -> Self {
        Self::of(state, Some(RetrievedData::Transactions))
    }

    /// How fresh data of this kind is, or of a kind of which Mono does not tell whether it was
    /// fetched.
    #[must_use]
    pub fn of(state: &AccountState, kind: Option<RetrievedData>) -> Self {
        let as_of = state.data.as_of;
        // Data that was there once is old; data that never was is not ready.
        let without =
            if as_of.is_some() { FreshnessState::Stale } else { FreshnessState::NotReady };
        let (state, reason) = match state.data.status {
            None | Some(DataStatus::Unknown) => {
                (FreshnessState::Stale, Some(FreshnessReason::Unknown))
            }
            Some(DataStatus::Processing) => (without, Some(FreshnessReason::Processing)),
            Some(DataStatus::Unavailable) => (without, Some(FreshnessReason::Unavailable)),
            Some(DataStatus::Failed) => (without, Some(FreshnessReason::Failed)),
            Some(DataStatus::Partial) => match (&state.data.retrieved, kind) {
                (Some(kinds), Some(kind)) if !kinds.contains(&kind) => {
                    (FreshnessState::NotReady, Some(FreshnessReason::Partial))
                }
                (Some(_), Some(_)) => Self::of_readable(state),
                (None, _) | (_, None) => (FreshnessState::Stale, Some(FreshnessReason::Partial)),
            },
            // Balance and transactions are there; of who holds the account it says nothing.
            Some(DataStatus::Available) => match (&state.data.retrieved, kind) {
                (Some(kinds), Some(RetrievedData::Identity))
                    if !kinds.contains(&RetrievedData::Identity) =>
                {
                    (FreshnessState::NotReady, Some(FreshnessReason::Partial))
                }
                (_, _) => Self::of_readable(state),
            },
        };
        Self { state, as_of, reason }
    }

    fn of_readable(state: &AccountState) -> (FreshnessState, Option<FreshnessReason>) {
        if state.need.is_some() {
            (FreshnessState::Stale, Some(FreshnessReason::ReauthRequired))
        } else if state.sync.failure.is_some() {
            (FreshnessState::Stale, Some(FreshnessReason::SyncFailed))
        } else {
            (FreshnessState::Fresh, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_being_printed_and_read() {
        for (limit, seen, is_last) in [(None, 20, true), (Some(50), 3, false)] {
            let place = Place { page: 7, limit, seen, is_last };
            assert_eq!(Place::parse(&place.cursor()), Some(place));
        }
        for bad in ["", "t", "t1", "t1.0.3", "t0.0.3e", "t1.0.-3e", "x1.0.3e", "t1.0.3.4e", "tée"]
        {
            assert_eq!(Place::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_asked_for_is_checked() {
        let new = |page, first, after| PageRequest::new(page, first, after, Filter::default());
        assert_eq!(new(Some(0), None, None), Err(RequestError::Page));
        assert_eq!(new(Some(-3), None, None), Err(RequestError::Page));
        assert_eq!(new(None, Some(0), None), Err(RequestError::First));
        assert_eq!(new(None, Some(101), None), Err(RequestError::First));
        assert_eq!(new(Some(1), None, Some("t1.0.20e")), Err(RequestError::PageAndAfter));
        assert_eq!(new(None, None, Some("nonsense")), Err(RequestError::Cursor));
        assert_eq!(new(None, None, Some("t1.0.20e")).map(|r| (r.page, r.skip)), Ok((2, 0)));
        assert_eq!(new(None, None, Some("t2.0.5m")).map(|r| (r.page, r.skip)), Ok((2, 5)));
    }

    #[test]
    fn a_filter_is_checked() {
        let day = |d| NaiveDate::from_ymd_opt(2026, 1, d);
        let today = day(20).expect("a day");
        let filter = |start, end| Filter { start, end, ..Filter::default() }.checked(today);
        assert_eq!(filter(day(3), day(2)), Err(RequestError::Order));
        assert_eq!(filter(None, day(2)), Err(RequestError::EndWithoutStart));
        assert_eq!(filter(day(3), None).map(|filter| filter.end), Ok(day(20)));
    }

    #[test]
    fn data_is_fresh_if_its_own_kind_was_fetched() {
        use RetrievedData::{Balance, Identity, Transactions};
        let fresh = |status, retrieved: Option<&[RetrievedData]>, kind| {
            let mut state = AccountState::default();
            state.data.status = Some(status);
            state.data.retrieved = retrieved.map(<[_]>::to_vec);
            let freshness = Freshness::of(&state, kind);
            (freshness.state, freshness.reason)
        };
        let (good, partial) = ((FreshnessState::Fresh, None), Some(FreshnessReason::Partial));
        let (missing, unsaid) = (FreshnessState::NotReady, FreshnessState::Stale);
        let both = &[Balance, Transactions][..];
        assert_eq!(fresh(DataStatus::Available, Some(both), Some(Transactions)), good);
        assert_eq!(fresh(DataStatus::Available, Some(both), Some(Identity)), (missing, partial));
        assert_eq!(fresh(DataStatus::Available, None, Some(Identity)), good);
        assert_eq!(fresh(DataStatus::Available, Some(both), None), good);
        assert_eq!(fresh(DataStatus::Partial, Some(&[Balance]), Some(Balance)), good);
        assert_eq!(
            fresh(DataStatus::Partial, Some(&[Balance]), Some(Transactions)),
            (missing, partial)
        );
        assert_eq!(fresh(DataStatus::Partial, Some(&[Balance]), None), (unsaid, partial));
        assert_eq!(fresh(DataStatus::Partial, None, Some(Balance)), (unsaid, partial));
    }
}
