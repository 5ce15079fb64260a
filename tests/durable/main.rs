//! What was answered is kept. The real program is killed, starved of its database and stopped, over
//! real sockets, and its database is looked at afterwards.

#![expect(clippy::unwrap_used, reason = "a test that meets what cannot be has failed")]

mod books;
mod kill;
mod postgres;
mod stop;
mod support;
mod trouble;
