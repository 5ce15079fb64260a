//! Accounts as a client sees them: Mono's details beside our state.

pub mod graphql;
pub mod loader;
pub mod read;
pub mod service;
