//! The one reader of the wall clock.
//!
//! Every rule takes its time as an argument; only whoever calls a rule asks here. A clock can be
//! moved forward, so that a test sees half an hour pass without waiting for it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, Duration, Utc};
use tokio::sync::Notify;

/// A moment in UTC, to the millisecond.
pub type Time = DateTime<Utc>;

/// Tells the time; clones share one setting.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead_ms: Arc<AtomicI64>,
    moved: Arc<Notify>,
}

impl Clock {
    /// The present, cut to whole milliseconds so that what is stored equals what was told.
    #[expect(clippy::disallowed_methods, reason = "the only reader of the wall clock")]
    #[must_use]
    pub fn now(&self) -> Time {
        let ms = Utc::now().timestamp_millis() + self.ahead_ms.load(Ordering::Relaxed);
        from_ms(ms).unwrap_or_default()
    }

    /// Moves this clock and all its clones forward.
    pub fn advance(&self, by: Duration) {
        self.ahead_ms.fetch_add(by.num_milliseconds(), Ordering::Relaxed);
        self.moved.notify_waiters();
    }

    /// Ends when somebody moves the clock.
    pub async fn moved(&self) {
        self.moved.notified().await;
    }
}

/// The moment `ms` milliseconds after 1970, if the calendar reaches that far.
#[must_use]
pub fn from_ms(ms: i64) -> Option<Time> {
    DateTime::from_timestamp_millis(ms)
}

/// RFC 3339 in UTC with milliseconds and `Z`, as Mono prints times.
#[must_use]
pub fn rfc3339(at: Time) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
