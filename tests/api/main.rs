//! Everything that talks to a running gateway: over HTTP, with the simulator as Mono and a
//! database of its own, SQLite or, with `TEST_POSTGRES_URL`, PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that meets what cannot be has failed")]

mod access;
mod accounts;
mod breaker;
mod browsers;
mod burst;
mod data;
mod deadlines;
mod delivery;
mod documents;
mod errors;
mod frames;
mod framing;
mod healing;
mod histories;
mod idempotency;
mod jobs;
mod leftovers;
mod limits;
mod link;
mod locked;
mod log;
mod mishap;
mod order;
mod raw;
mod reauth;
mod replicas;
mod retention;
mod rude;
mod rust_client;
mod startup;
mod story;
mod streams;
mod subscriptions;
mod support;
mod sync;
mod transport;
mod upstream;
mod webhooks;
mod websocket;
mod widget;
