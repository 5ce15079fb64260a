//! Settings that are numbers: what would be right is told with the setting's name and an example.

use std::{ops::RangeBounds, str::FromStr};

/// For how many days the logs may be kept.
const RETENTION_DAYS: std::ops::RangeInclusive<u32> = 1..=36_500;

fn number<T: FromStr + PartialOrd>(
    text: &str,
    range: impl RangeBounds<T>,
    right: &str,
) -> Result<T, String> {
    text.trim().parse().ok().filter(|number| range.contains(number)).ok_or_else(|| right.to_owned())
}

pub(super) fn retention_days(text: &str) -> Result<u32, String> {
    number(
        text,
        RETENTION_DAYS,
        "GATEWAY_LOG_RETENTION_DAYS is a whole number of days from 1 to 36500, as in 30",
    )
}

pub(super) fn connections(text: &str) -> Result<usize, String> {
    let right = "GATEWAY_MAX_CONNECTIONS is a whole number of at least 1, as in 50000";
    number(text, 1.., right)
}

pub(super) fn drain_ms(text: &str) -> Result<u64, String> {
    number(text, .., "GATEWAY_DRAIN_MS is a whole number of milliseconds, as in 3000")
}
