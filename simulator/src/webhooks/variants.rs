//! Which shapes each kind of webhook has, and which of them is usual in which era.

use super::{Kind, Variant};
use crate::shape::Era;

/// The shapes that `kind` has.
pub(crate) fn of(kind: Kind) -> &'static [Variant] {
    use Variant::{A, B, C, D, E, F, Old};
    match kind {
        Kind::AccountConnected => &[Old, A, B, C, E, F],
        Kind::AccountUpdated => &[Old, A, B, C, D, E, F],
        Kind::ReauthorisationRequired | Kind::AccountReauthorized | Kind::SyncFailed => {
            &[Old, A, B, C, E, F]
        }
        Kind::AccountUnlinked | Kind::JobUpdate => &[Old, A, B, F],
        Kind::AccountCreditWorthiness => &[Old, B, F],
        Kind::AccountSynced
        | Kind::AccountIncome
        | Kind::TransactionCategorisation
        | Kind::TransactionMetadata
        | Kind::StatementInsights
        | Kind::Unknown
        | Kind::Test => &[Old, F],
    }
}

/// The shape that `kind` has in `era`.
///
/// Only the three events of the January 2026 changelog are known to carry an `event_id`.
pub(crate) fn usual(kind: Kind, era: Era) -> Variant {
    match (kind, era) {
        (
            Kind::AccountConnected | Kind::AccountUpdated | Kind::AccountReauthorized,
            Era::V2_2026,
        ) => Variant::F,
        (Kind::AccountUpdated, Era::V2_2024) => Variant::C,
        (Kind::AccountUpdated, Era::V1 | Era::Legacy) => Variant::A,
        (
            Kind::AccountConnected
            | Kind::ReauthorisationRequired
            | Kind::AccountReauthorized
            | Kind::SyncFailed
            | Kind::AccountSynced
            | Kind::AccountUnlinked
            | Kind::JobUpdate
            | Kind::AccountIncome
            | Kind::AccountCreditWorthiness
            | Kind::TransactionCategorisation
            | Kind::TransactionMetadata
            | Kind::StatementInsights
            | Kind::Unknown
            | Kind::Test,
            Era::V2_2026 | Era::V2_2024 | Era::V1 | Era::Legacy,
        ) => Variant::Old,
    }
}
