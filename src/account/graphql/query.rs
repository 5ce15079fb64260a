//! `account` and `accounts`.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{Account, institution::Institution};
use crate::{
    access::require,
    account::{loader::Loaders, read},
    caller::Scope,
    error::{ApiError, ErrorCode, Fallible, Result},
    ids::AccountId,
    lifecycle::{DataStatus, store},
    mono::data::InstitutionQuery,
    paging::{PageInfo, checked_first},
};

/// Which accounts.
#[derive(Clone, Debug, Default, InputObject)]
pub(super) struct AccountFilter {
    /// Only those whose customer must authorise again, or only those whose need not.
    needs_reauth: Option<bool>,
    /// Only those in one of these.
    data_status: Option<Vec<DataStatus>>,
}

/// A page of the accounts that the gateway knows.
#[derive(SimpleObject)]
pub(super) struct AccountConnection {
    /// The accounts with their cursors.
    edges: Vec<AccountEdge>,
    /// The accounts.
    nodes: Vec<Account>,
    /// Where this page lies in the whole.
    page_info: PageInfo,
    /// How many there are in all.
    total_count: Option<u64>,
}

/// An account with its place in the list.
#[derive(SimpleObject)]
pub(super) struct AccountEdge {
    /// What to pass as after for what lies behind it.
    cursor: String,
    /// The account.
    node: Account,
}

/// Checks a word that is passed on to Mono.
fn word(name: &str, text: Option<String>) -> Result<Option<String>> {
    let fits = |text: &String| {
        (1..=100).contains(&text.chars().count()) && !text.contains(char::is_control)
    };
    if text.as_ref().is_none_or(fits) {
        return Ok(text);
    }
    let wrong = format!("{name} has 1 to 100 characters and no control characters");
    Err(ApiError::new(ErrorCode::BadUserInput, wrong))
}

async fn institutions(
    ctx: &Context<'_>,
    scope: Option<String>,
    bank_code: Option<String>,
    auth_method: Option<String>,
) -> Result<Vec<Institution>> {
    let loaders = ctx.data_unchecked::<Loaders>();
    require(loaders.caller(), Scope::AccountsRead)?;
    let query = InstitutionQuery {
        scope: word("scope", scope)?,
        bank_code: word("bankCode", bank_code)?,
        auth_method: word("authMethod", auth_method)?,
    };
    let banks = loaders.read(read::Institutions(query)).await?;
    Ok(banks.iter().cloned().map(Institution).collect())
}

/// The queries about accounts.
#[derive(Debug, Default)]
pub struct AccountQuery;

/// Everything that can be asked.
#[Object]
impl AccountQuery {
    /// One account. Null with the error NOT_FOUND if there is no such account, or if it is not
    /// yours.
    async fn account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Mono's id of the account.")] id: ID,
    ) -> Fallible<Account> {
        let id = match AccountId::parse(&id) {
            Ok(id) => id,
            Err(error) => return Some(Err(error.into())),
        };
        Some(Account::find(ctx, id).await)
    }

    /// The banks that accounts can be linked at, in Mono's order. One call of Mono's.
    async fn institutions(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default_with = "Some(\"financial_data\".to_owned())",
            desc = "Only those for this product of Mono's: financial_data, payments or another. All if null."
        )]
        scope: Option<String>,
        #[graphql(desc = "Only those with this code, with leading zeros.")] bank_code: Option<
            String,
        >,
        #[graphql(
            desc = "Only those whose customers can log in so: internet_banking, mobile_banking or another."
        )]
        auth_method: Option<String>,
    ) -> Fallible<Vec<Institution>> {
        Some(institutions(ctx, scope, bank_code, auth_method).await)
    }

    /// The accounts that the gateway knows and that you may see, by id.
    async fn accounts(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many at most, from 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Begin behind this cursor.")] after: Option<String>,
        #[graphql(desc = "Only these.")] filter: Option<AccountFilter>,
    ) -> Result<AccountConnection> {
        let loaders = ctx.data_unchecked::<Loaders>();
        require(loaders.caller(), Scope::AccountsRead)?;
        let first = checked_first(first, 20)?;
        let after = after.as_deref().map(AccountId::parse).transpose().map_err(|_| {
            let text = "after is what an earlier answer carried in endCursor, unchanged";
            ApiError::new(ErrorCode::BadUserInput, text)
        })?;
        let filter = filter.unwrap_or_default();
        let filter = store::AccountFilter {
            needs_reauth: filter.needs_reauth,
            data_status: filter.data_status,
        };
        let lifecycle = loaders.sources().accounts.lifecycle();
        let page = lifecycle
            .list(loaders.caller(), &filter, after.as_ref(), first)
            .await
            .map_err(ApiError::from)?;
        let mut nodes = Vec::with_capacity(page.accounts.len());
        for (id, state) in page.accounts {
            let state = Arc::new(state);
            loaders.know(&id, state.clone()).await;
            nodes.push(Account::new(id, state, loaders.clone()));
        }
        let cursor = |account: Option<&Account>| account.map(|a| a.id.as_str().to_owned());
        let edge = |account: &Account| AccountEdge {
            cursor: account.id.as_str().to_owned(),
            node: account.clone(),
        };
        Ok(AccountConnection {
            page_info: PageInfo {
                has_next_page: page.has_next,
                has_previous_page: false,
                start_cursor: cursor(nodes.first()),
                end_cursor: cursor(nodes.last()),
            },
            edges: nodes.iter().map(edge).collect(),
            nodes,
            total_count: Some(page.total),
        })
    }
}
