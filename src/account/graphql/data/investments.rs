//! What an investment account holds, and what it earned.

use std::sync::Arc;

use async_graphql::{ID, Object};

use super::{Currency, code, money};
use crate::{
    error::Fallible, money::Money, mono::data, paging::Items, scalar::DateTime,
    transaction::Freshness,
};

/// What is held.
pub(in crate::account::graphql) struct Assets {
    pub(super) assets: Arc<data::Assets>,
    pub(super) currency: Currency,
    pub(super) freshness: Freshness,
}

/// What an investment account holds. Empty for accounts of other kinds. Mono documents this answer
/// for 2024 only; what it may have become is read as far as it is alike.
#[Object]
impl Assets {
    /// What is held.
    async fn nodes(&self) -> Items<Asset> {
        let one = |asset: &data::Asset| Asset {
            currency: Some(code(&asset.currency, &self.currency)),
            asset: asset.clone(),
        };
        Items(self.assets.assets.iter().map(one).collect())
    }

    /// Money that is not invested, one amount for each currency.
    async fn balances(&self) -> Items<CurrencyBalance> {
        let one = |(currency, amount): &(String, data::Amount)| CurrencyBalance {
            currency: currency.clone(),
            amount: *amount,
        };
        Items(self.assets.balances.iter().map(one).collect())
    }

    /// How fresh it is. Mono does not tell whether it was fetched at all.
    #[graphql(name = "freshness")]
    async fn freshness_(&self) -> Freshness {
        self.freshness
    }
}

/// Money in one currency.
struct CurrencyBalance {
    currency: String,
    amount: data::Amount,
}

/// Money of an investment account in one currency.
#[Object]
impl CurrencyBalance {
    /// ISO 4217 code, as far as Mono's word for it can be read as one.
    async fn currency(&self) -> &str {
        &self.currency
    }

    /// How much; null if Mono does not tell.
    async fn amount(&self) -> Fallible<Money> {
        money(self.amount, &Some(self.currency.clone()))
    }
}

/// Something held.
struct Asset {
    asset: data::Asset,
    currency: Currency,
}

/// Something that an investment account holds.
#[Object]
impl Asset {
    /// Its name.
    async fn name(&self) -> Option<&str> {
        self.asset.name.as_deref()
    }

    /// Its kind in Mono's words, for example Stocks. An open list.
    #[graphql(name = "type")]
    async fn kind(&self) -> Option<&str> {
        self.asset.kind.as_deref()
    }

    /// What was paid for it.
    async fn cost(&self) -> Fallible<Money> {
        money(self.asset.cost, &self.currency)
    }

    /// What Mono calls its return: as its pages read, what it is worth now, not what was gained.
    #[graphql(name = "return")]
    async fn returns(&self) -> Fallible<Money> {
        money(self.asset.returns, &self.currency)
    }

    /// How much of it, as a decimal number.
    async fn quantity(&self) -> Option<&str> {
        self.asset.quantity.as_deref()
    }

    /// Its sign at the exchange.
    async fn symbol(&self) -> Option<&str> {
        self.asset.symbol.as_deref()
    }

    /// The price of one.
    async fn price(&self) -> Fallible<Money> {
        money(self.asset.price, &self.currency)
    }

    /// Money in it.
    async fn current_balance(&self) -> Fallible<Money> {
        money(self.asset.current_balance, &self.currency)
    }
}

/// What was earned.
pub(in crate::account::graphql) struct Earnings {
    pub(super) earnings: Arc<Vec<data::Earning>>,
    pub(super) currency: Currency,
    pub(super) freshness: Freshness,
}

/// What an investment account earned. Empty for accounts of other kinds. Mono documents this answer
/// for 2024 only; what it may have become is read as far as it is alike.
#[Object]
impl Earnings {
    /// What was earned, in Mono's order.
    async fn nodes(&self) -> Items<Earning> {
        let one = |earning: &data::Earning| Earning {
            earning: earning.clone(),
            currency: self.currency.clone(),
        };
        Items(self.earnings.iter().map(one).collect())
    }

    /// How fresh it is. Mono does not tell whether it was fetched at all.
    #[graphql(name = "freshness")]
    async fn freshness_(&self) -> Freshness {
        self.freshness
    }
}

/// Something earned.
struct Earning {
    earning: data::Earning,
    currency: Currency,
}

/// Something that an investment account earned. Its amounts are taken for the account's currency:
/// Mono does not name one.
#[Object]
impl Earning {
    /// Mono's id, where it tells it.
    async fn id(&self) -> Option<ID> {
        self.earning.id.clone().map(ID)
    }

    /// How much.
    async fn amount(&self) -> Fallible<Money> {
        money(self.earning.amount, &self.currency)
    }

    /// How it came.
    async fn narration(&self) -> Option<&str> {
        self.earning.narration.as_deref()
    }

    /// When it came.
    async fn date(&self) -> Option<DateTime> {
        self.earning.date.map(DateTime)
    }

    /// The name of what it came from.
    async fn asset_name(&self) -> Option<&str> {
        self.earning.asset_name.as_deref()
    }

    /// The sign at the exchange of what it came from.
    async fn asset_symbol(&self) -> Option<&str> {
        self.earning.asset_symbol.as_deref()
    }

    /// The price of one that was sold.
    async fn sale_price(&self) -> Fallible<Money> {
        money(self.earning.sale_price, &self.currency)
    }

    /// How many were sold, as a decimal number.
    async fn quantity_sold(&self) -> Option<&str> {
        self.earning.quantity_sold.as_deref()
    }
}
