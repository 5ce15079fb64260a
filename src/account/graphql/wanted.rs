//! Reading ahead: what a selection will want of Mono.

use async_graphql::{InputType, Name, SelectionField, Value};
use chrono::NaiveDate;

use super::data::checked_months;
use crate::transaction::{Filter, PageRequest, graphql::TransactionFilter};

/// The fields of an account that stand in Mono's details, or need what stands there.
const OF_DETAILS: [&str; 11] = [
    "name",
    "accountNumber",
    "bvn",
    "type",
    "authMethod",
    "currency",
    "customer",
    "institution",
    "customerId",
    "subscribedToDataSync",
    "retrievedData",
];

/// A call of Mono's that needs only the account's id. A live balance is none of these: it is billed,
/// so it is not asked for before the account is known to be one.
pub(super) enum Ahead {
    Page(PageRequest),
    Identity,
    IncomeRecords,
    Credits,
    Debits,
    Assets,
    Earnings,
    Statement(u8),
}

/// What a selection wants of Mono.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) details: bool,
    pub(super) status: bool,
    pub(super) ahead: Vec<Ahead>,
}

impl Wanted {
    pub(super) fn of(field: SelectionField<'_>, today: NaiveDate) -> Self {
        let mut wanted = Self::default();
        for field in field.selection_set().filter(is_included) {
            match field.name() {
                name if OF_DETAILS.contains(&name) => wanted.details = true,
                "balance" => wanted.details |= !is_live(&field),
                "dataStatus" | "dataStatusRaw" => wanted.status = true,
                name => wanted.ahead.extend(ahead(name, &field, today)),
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

/// What a field asks of Mono by the account's id alone.
fn ahead(name: &str, field: &SelectionField<'_>, today: NaiveDate) -> Option<Ahead> {
    match name {
        "transactions" => page_request(field, today).map(Ahead::Page),
        "identity" => Some(Ahead::Identity),
        "income" | "incomeRecords" => Some(Ahead::IncomeRecords),
        "credits" => Some(Ahead::Credits),
        "debits" => Some(Ahead::Debits),
        "assets" => Some(Ahead::Assets),
        "earnings" => Some(Ahead::Earnings),
        "statement" => {
            let arguments = field.arguments().ok()?;
            let months = argument::<Option<i32>>(&arguments, "months").flatten();
            checked_months(months).ok().map(Ahead::Statement)
        }
        _ => None,
    }
}

fn is_live(field: &SelectionField<'_>) -> bool {
    let arguments = field.arguments().unwrap_or_default();
    argument::<Option<bool>>(&arguments, "live").flatten() == Some(true)
}

fn argument<T: InputType>(arguments: &[(Name, Value)], name: &str) -> Option<T> {
    let (_, value) = arguments.iter().find(|(argument, _)| argument == name)?;
    T::parse(Some(value.clone())).ok()
}

/// The page that a `transactions` field will ask for. Nothing if its arguments are wrong, which
/// the field says itself, or if it may not ask at all.
fn page_request(field: &SelectionField<'_>, today: NaiveDate) -> Option<PageRequest> {
    let arguments = field.arguments().ok()?;
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
