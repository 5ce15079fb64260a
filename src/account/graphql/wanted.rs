//! Reading ahead: what a selection will want of Mono.

use async_graphql::{InputType, Name, SelectionField, Value};
use chrono::NaiveDate;

use crate::transaction::{Filter, PageRequest, graphql::TransactionFilter};

/// The fields of an account that only Mono can tell.
const OF_MONO: [&str; 11] = [
    "name",
    "accountNumber",
    "bvn",
    "type",
    "authMethod",
    "currency",
    "balance",
    "institution",
    "customerId",
    "subscribedToDataSync",
    "retrievedData",
];

/// What a selection wants of Mono.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) details: bool,
    pub(super) status: bool,
    pub(super) pages: Vec<PageRequest>,
}

impl Wanted {
    pub(super) fn of(field: SelectionField<'_>, today: NaiveDate) -> Self {
        let mut wanted = Self::default();
        for field in field.selection_set().filter(is_included) {
            match field.name() {
                name if OF_MONO.contains(&name) => wanted.details = true,
                "dataStatus" | "dataStatusRaw" => wanted.status = true,
                "transactions" => {
                    if let Some(page) = page_request(&field, today) {
                        wanted.pages.push(page);
                    }
                }
                _ => {}
            }
        }
        wanted
    }
}

/// Whether the field's own `@skip` and `@include` let it be.
fn is_included(field: &SelectionField<'_>) -> bool {
    let directives = field.directives().unwrap_or_default();
    directives.iter().all(|directive| {
        let condition = directive.arguments.iter().find(|(name, _)| name.node == "if");
        let holds = condition.is_some_and(|(_, value)| value.node == true.into());
        match directive.name.node.as_str() {
            "skip" => !holds,
            "include" => holds,
            _ => true,
        }
    })
}

/// The page that a `transactions` field will ask for. Nothing if its arguments are wrong, which
/// the field says itself, or if it may not ask at all.
fn page_request(field: &SelectionField<'_>, today: NaiveDate) -> Option<PageRequest> {
    let arguments = field.arguments().ok()?;
    fn argument<T: InputType>(arguments: &[(Name, Value)], name: &str) -> Option<T> {
        let (_, value) = arguments.iter().find(|(argument, _)| argument == name)?;
        T::parse(Some(value.clone())).ok()
    }
    let argument_filter: Option<Option<TransactionFilter>> = argument(&arguments, "filter");
    if argument::<Option<bool>>(&arguments, "requireFresh").flatten() == Some(true) {
        return None;
    }
    let after: Option<String> = argument::<Option<String>>(&arguments, "after").flatten();
    let filter = Filter::from(argument_filter.flatten().unwrap_or_default());
    PageRequest::new(
        argument::<Option<i32>>(&arguments, "page").flatten(),
        argument::<Option<i32>>(&arguments, "first").flatten(),
        after.as_deref(),
        filter.checked(today).ok()?,
    )
    .ok()
}

/// Whether a selection asks for a currency, or for what depends on it.
pub(super) fn names_currency(field: &SelectionField<'_>) -> bool {
    field
        .selection_set()
        .any(|inner| matches!(inner.name(), "currency" | "decimal") || names_currency(&inner))
}
