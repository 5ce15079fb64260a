//! Any bytes as the body of a webhook: `cargo +nightly fuzz run webhook`.

#![no_main]

#[path = "../check.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|body: &[u8]| check::webhook(body));
