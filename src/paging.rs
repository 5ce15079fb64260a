//! Relay's way through a list, for lists of our own.

use std::borrow::Cow;

use async_graphql::{
    ContextSelectionSet, OutputType, Positioned, ServerResult, SimpleObject, Value,
    parser::types::Field, registry::Registry,
};
use futures_util::future::try_join_all;

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

/// A list whose items may fail. The library's own lists forget at which field of an item it was.
#[derive(Clone, Debug)]
pub struct Items<T>(pub Vec<T>);

impl<T: OutputType> OutputType for Items<T> {
    fn type_name() -> Cow<'static, str> {
        <Vec<T> as OutputType>::type_name()
    }

    fn qualified_type_name() -> String {
        <Vec<T> as OutputType>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Vec<T> as OutputType>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let items =
            self.0.iter().enumerate().map(|(index, item)| async move {
                let ctx = ctx.with_index(index);
                let resolved = OutputType::resolve(item, &ctx, field).await;
                resolved.map_err(|error| {
                    if error.path.is_empty() { ctx.set_error_path(error) } else { error }
                })
            });
        Ok(Value::List(try_join_all(items).await?))
    }
}
