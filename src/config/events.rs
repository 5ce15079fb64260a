//! What `mono-gateway events` is asked for.

use clap::{Args, Subcommand};

use crate::{
    clock::Time,
    ids::{AccountId, EventId},
    lifecycle::store::Outcome,
};

/// What to do with the log of webhooks.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum EventsCommand {
    /// Lists webhooks, newest first.
    List(Listing),
    /// Has webhooks told again, as this version understands them. What was applied before changes
    /// nothing. Exits with 1 if one of them cannot be replayed.
    Replay {
        /// Their ids: evt_ and 32 hexadecimal digits.
        #[arg(required = true, value_name = "ID", value_parser = EventId::parse)]
        ids: Vec<EventId>,
    },
}

/// Which webhooks to list, and how.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct Listing {
    /// Only those about this account.
    #[arg(long, value_name = "ID", value_parser = AccountId::parse)]
    pub account: Option<AccountId>,
    /// Only those of this name, as in mono.events.account_updated.
    #[arg(long, value_name = "NAME")]
    pub event: Option<String>,
    /// Only those of which this became: APPLIED, DUPLICATE, IGNORED, UNKNOWN, NO_ACCOUNT or
    /// UNDECODABLE.
    #[arg(long, value_name = "OUTCOME", value_parser = outcome)]
    pub outcome: Option<Outcome>,
    /// Only those that came then or later, as in 2026-02-03T10:11:12Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub since: Option<Time>,
    /// Only those that came before that.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub before: Option<Time>,
    /// How many at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 20,
        value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: u64,
    /// Prints one JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// Prints the bodies, too, as far as they are kept. With GATEWAY_DATA_KEY they hold what is
    /// personal.
    #[arg(long)]
    pub bodies: bool,
}

fn outcome(text: &str) -> Result<Outcome, String> {
    Outcome::parse(&text.to_ascii_uppercase()).ok_or_else(|| {
        let words = Outcome::ALL.map(Outcome::as_str);
        format!("an outcome is one of {}", words.join(", "))
    })
}

fn time(text: &str) -> Result<Time, String> {
    let time = chrono::DateTime::parse_from_rfc3339(text);
    time.map(|at| at.to_utc()).map_err(|_| "a time looks like 2026-02-03T10:11:12Z".into())
}
