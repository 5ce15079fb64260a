//! A Mono of our own, over real HTTP: accounts, hosted links, webhooks and faults on demand.
//!
//! It knows Mono's documentation and nothing of whoever calls it, so each wrong guess of a caller
//! shows. The same seed gives the same world: ids, names, numbers and transactions.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use mono_simulator::{Options, Pace, Simulator};
//!
//! let options = Options { pace: Pace::Explicit, ..Options::default() };
//! let simulator = Simulator::start(options).await?;
//! simulator.set_webhook_url("http://127.0.0.1:8080/webhooks/mono");
//! // … call simulator.base_url() with simulator.secret_key() …
//! simulator.deliver_all().await;
//! simulator.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # The accounts of seed 1
//!
//! | id | what it is |
//! | --- | --- |
//! | `86f13963d4eb77b20d2b07f9` | `AVAILABLE`, 307 transactions |
//! | `ede03881dfe5be2aed62963f` | `AVAILABLE`, and its bank asks for the customer again |
//! | `9eea4528ef67e2c67f46412b` | `PROCESSING`; at the automatic pace `AVAILABLE` after one step |
//! | `290ab396d3b02f05f3c42d68` | `PARTIAL`: the balance, no transactions |
//! | `6a16f67c89d001287ebf0f79` | `UNAVAILABLE`: neither |
//! | `06ff75f3e1b95a0387f52931` | `FAILED`, in USD: its bank only ever gives the balance |
//! | `4869ea0d7aefbdc1cf35e218` | `AVAILABLE`, balance and amounts beyond 32 bits, transactions without a balance and half of them without a category |
//! | `373b4d5bbbe5a3c7d0c7e4b2` | `AVAILABLE`, currency `Naira`, and its bank's code spelled `bankCode` |
//!
//! Accounts beyond the eighth are `AVAILABLE`, in NGN, with 45 transactions.
//!
//! # What it answers
//!
//! Every endpoint of Mono's account flows, under `/v2`, and under `/v1` and without a version what
//! existed then: links, exchange, the legacy re-authorisation token and manual sync, real-time
//! sessions with their jobs, details, balance, transactions, identity, income and its records,
//! credits, debits, assets, earnings, statements as JSON and PDF, creditworthiness, enrichments,
//! unlinking, institutions (`/v3`, `/coverage`) and customers. Not the Partners API. The era decides
//! the shape of an answer, the path decides nothing. Shapes that Mono prints nowhere (income
//! records, assets, earnings, customers, enrichment records, statements as JSON in v2, how a product
//! fails) are made up, and each says so where it is made.
//!
//! # Levers
//!
//! Each is a method of [`Simulator`] and the same under `/_simulator`, with a JSON body.
//!
//! | `POST /_simulator/…` | method | what it does |
//! | --- | --- | --- |
//! | `accounts` | [`Simulator::add_account`] | adds an account |
//! | `accounts/ID/status` | [`Simulator::set_status`] | changes its data status |
//! | `accounts/ID/require-reauth` | [`Simulator::require_reauth`] | its bank asks for the customer |
//! | `accounts/ID/reauthorisable` | [`Simulator::set_reauthorisable`] | whether it can be re-authorised at all |
//! | `accounts/ID/outcome`, `accounts/ID/widget-reauth` | [`Simulator::finish_widget`] | ends a re-authorisation in the widget, without a link |
//! | `widget-link` | [`Simulator::link_by_widget`] | ends a first link in the widget, without a call |
//! | `links/CODE/outcome`, `tokens/TOKEN/outcome` | [`Simulator::finish_link`] | ends a visit to a hosted link, or to the widget with a token |
//! | `links/by-reference/REF/outcome` | [`Simulator::finish_by_reference`] | the same by `meta.ref` |
//! | `jobs/ID/outcome` | [`Simulator::end_job`] | ends a real-time session or a product |
//! | `accounts/ID/jobs/KIND/outcome` | [`Simulator::end_running_job`] | the same by account and kind |
//! | `webhooks` | [`Simulator::send_webhook`] | says anything, true or not |
//! | `webhooks/url` | [`Simulator::set_webhook_url`] | where webhooks go |
//! | `webhooks/script` | [`Simulator::script`] | order, copies, losses and shapes of an approval's webhooks |
//! | `webhooks/deliver` | [`Simulator::deliver`] | lets webhooks leave at the explicit pace |
//! | `faults` | [`Simulator::add_fault`] | lets requests go wrong; `DELETE` stops it |
//! | `behaviour` | [`Simulator::set_behaviour`] | switches where documentation is silent: [`Behaviour`] |
//! | `era` | [`Simulator::set_era`] | the shape of all answers |
//! | `reset` | [`Simulator::reset`] | starts over |
//!
//! `GET /_simulator/state` shows accounts, links, jobs and webhooks, and `GET /_simulator/calls` what
//! was asked.
//!
//! # Map
//!
//! `world` is what is true, `shape` how each era writes it, `api` Mono's endpoints, `page` the
//! hosted link page, `webhooks` what is told and how it is sent, `faults` what goes wrong on
//! purpose, `behaviour` the points on which the documentation is silent, and `control` the levers
//! of tests: typed methods on [`Simulator`] and the same under `/_simulator`.

mod api;
mod behaviour;
mod calls;
mod clock;
mod control;
mod faults;
mod line;
mod options;
mod page;
mod shape;
mod simulator;
mod webhooks;
mod world;

pub use behaviour::{Behaviour, Exchange, IdentityGiven, JobWords, Realtime, RefusedAs, SyncCode};
pub use calls::Call;
pub use control::{
    Announce, Refusal, StatusChange, WidgetLink,
    report::{AccountState, LinkReport, Pending, State},
};
pub use faults::{Fault, FaultKind};
pub use options::{Options, Pace, StartError};
pub use shape::{Era, transactions::NextLinks};
pub use simulator::Simulator;
pub use webhooks::{Kind, Oddity, Order, Script, Variant, Webhook, queue::Delivery};
pub use world::{
    account::{Account, Institution, NewAccount, Transaction},
    customer::Customer,
    job::{Job, JobEnd, JobKind, JobOutcome, JobState},
    link::{Finish, Finished, Link, LinkState, Outcome, Scope},
    status::DataStatus,
};
