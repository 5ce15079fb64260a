//! Relay's way through a list, for lists of our own.

use async_graphql::SimpleObject;

use crate::error::{ApiError, ErrorCode, Result};

/// Where a page of a list lies in the whole of it.
#[derive(Clone, Debug, Default, SimpleObject)]
pub struct PageInfo {
    /// Whether there is more behind this page.
    pub has_next_page: bool,
    /// Whether there is something before this page. False where going back is not offered.
    pub has_previous_page: bool,
    /// The cursor of the first item; null for an empty page.
    pub start_cursor: Option<String>,
    /// The cursor of the last item: what to pass as after for the next page. Null for an empty page.
    pub end_cursor: Option<String>,
}

/// Checks how many items are asked for.
///
/// # Errors
/// `BAD_USER_INPUT` unless it is from 1 to 100.
pub fn checked_first(first: Option<i32>, default: u64) -> Result<u64> {
    match first {
        None => Ok(default),
        Some(first @ 1..=100) => Ok(u64::from(first.unsigned_abs())),
        Some(_) => Err(ApiError::new(ErrorCode::BadUserInput, "first is a number from 1 to 100")),
    }
}
