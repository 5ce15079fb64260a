//! The simulator as its callers meet it: over HTTP, with a receiver for its webhooks.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod control;
mod data;
mod faults;
mod linking;
mod page;
mod products;
mod reads;
mod reauth;
mod refresh;
mod support;
mod sync;
mod webhooks;
mod world;
