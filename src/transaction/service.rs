//! Asks Mono for a page and cuts it to what was wanted.

use super::{PageRequest, Place};
use crate::{
    ids::AccountId,
    mono::{Client, MonoError, Next, Transaction, TransactionQuery},
};

/// A page as it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The transactions, each with its place.
    pub transactions: Vec<(Place, Transaction)>,
    /// Which page of Mono's they are from.
    pub number: i64,
    /// The number of the next page that is not empty, if there is one.
    pub next: Option<i64>,
    /// The number of the page before, if there is one.
    pub previous: Option<i64>,
    /// Whether there are more behind the last of them.
    pub has_more: bool,
    /// How many there are in all.
    pub total: Option<i64>,
}

impl Page {
    /// All transactions of a statement, as one page behind which there is nothing.
    #[must_use]
    pub fn of_statement(transactions: Vec<Transaction>) -> Self {
        let on_page = transactions.len();
        let place = |(index, transaction)| {
            let seen = index + 1;
            (Place { page: 1, limit: None, seen, is_last: seen == on_page }, transaction)
        };
        Self {
            transactions: transactions.into_iter().enumerate().map(place).collect(),
            number: 1,
            next: None,
            previous: None,
            has_more: false,
            total: None,
        }
    }
}

/// Pages of transactions. Clones share connections.
#[derive(Clone, Debug)]
pub struct Transactions {
    mono: Client,
}

impl Transactions {
    /// Transactions that this Mono has.
    #[must_use]
    pub fn new(mono: Client) -> Self {
        Self { mono }
    }

    /// One page.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn page(
        &self,
        account: &AccountId,
        request: &PageRequest,
    ) -> Result<Page, MonoError> {
        let query = TransactionQuery {
            // Mono's own samples ask for the first page without naming it.
            page: Some(request.page).filter(|page| *page > 1),
            limit: request.limit,
            start: request.filter.start,
            end: request.filter.end,
            kind: request.filter.kind.map(super::TransactionType::as_mono),
            narration: request.filter.narration.clone(),
        };
        let answer = self.mono.transactions(account, &query).await?;
        let number = request.page;
        let on_page = answer.transactions.len();
        let wanted = request.first.unwrap_or(usize::MAX);
        let total = answer.total.filter(|total| is_int(*total));
        let next = match answer.next {
            // An empty page leads nowhere, whatever it says.
            Next::Page(next) => {
                Some(next).filter(|next| *next > number && is_int(*next) && on_page > 0)
            }
            Next::End => None,
            Next::Unsaid => total.and_then(|total| next_by_count(number, on_page, total)),
        };
        let transactions: Vec<_> = answer
            .transactions
            .into_iter()
            .enumerate()
            .skip(request.skip)
            .take(wanted)
            .map(|(index, transaction)| {
                let seen = index + 1;
                let is_last = seen == on_page;
                (Place { page: number, limit: request.limit, seen, is_last }, transaction)
            })
            .collect();
        let cut = request.skip + transactions.len() < on_page;
        Ok(Page {
            transactions,
            number,
            next,
            previous: Some(number - 1).filter(|page| *page > 0),
            has_more: cut || next.is_some(),
            total,
        })
    }
}

/// Whether GraphQL's Int holds it.
fn is_int(number: i64) -> bool {
    (0..=i64::from(i32::MAX)).contains(&number)
}

/// The next page, if Mono only says how many transactions there are: there is one unless this page
/// is empty or all before it, taken for as long, make up the whole.
fn next_by_count(number: i64, on_page: usize, total: i64) -> Option<i64> {
    let on_page = i64::try_from(on_page).ok().filter(|count| *count > 0)?;
    (number.saturating_mul(on_page) < total).then_some(number + 1)
}
