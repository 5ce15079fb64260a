//! A GraphQL gateway over Mono's bank-account flows.
//!
//! The modules, from the ground up; each may use those above it (`tests/layers.rs` checks):
//!
//! - [`clock`], [`error`], [`ids`], [`money`], [`caller`]: the ground. No I/O, no settings.
//! - [`database`], [`mono`], [`events`], [`server`]: the outside world; [`document`]: what it asks,
//!   checked; [`seal`]: what is personal, before it is stored.
//! - [`lifecycle`]: what is true of an account, folded from facts; the log and its feed.
//! - [`access`]: who may see what.
//! - [`transaction`], [`account`], [`reauth`], [`job`], [`webhook`]: the domains.
//! - [`schema`], [`transport`], [`telemetry`]: assembly.
//! - [`head`], [`http`], [`config`], [`app`]: the top.

pub mod caller;
pub mod clock;
pub mod error;
pub mod ids;
pub mod money;

pub mod database;
pub mod document;
pub mod events;
pub mod mono;
pub mod seal;
pub mod server;

pub mod lifecycle;

pub mod handover;
pub mod paging;
pub mod scalar;
pub mod user_error;

pub mod access;
pub mod account;
pub mod demo;
pub mod job;
pub mod link;
pub mod reauth;
pub mod transaction;
pub mod webhook;

pub mod schema;

pub mod telemetry;
pub mod transport;

pub mod app;
pub mod config;
pub mod head;
pub mod http;
