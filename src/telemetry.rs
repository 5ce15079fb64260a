//! Logs and metrics, set up once.
//!
//! What third-party crates log is capped: at finer levels they print headers and bodies.

use std::io::IsTerminal as _;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{
    EnvFilter, filter::Directive, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// Crates that see keys, links or personal data go by.
const CAPPED: [&str; 9] = [
    "reqwest=warn",
    "hyper=warn",
    "hyper_util=warn",
    "h2=warn",
    "sqlx=warn",
    "sea_orm=warn",
    "sea_orm_migration=warn",
    "rustls=warn",
    "tungstenite=warn",
];

/// The filter of log lines is not one.
#[derive(Debug, thiserror::Error)]
#[error("RUST_LOG is no filter; one looks like info or mono_gateway=debug")]
pub struct BadFilter(#[source] tracing_subscriber::filter::ParseError);

/// Starts logging to standard error. A process that logs already goes on as it does.
///
/// # Errors
/// [`BadFilter`].
pub fn log(filter: &str, as_json: bool) -> Result<(), BadFilter> {
    let mut filter = EnvFilter::builder().parse(filter).map_err(BadFilter)?;
    for directive in CAPPED {
        let directive: Directive = directive.parse().map_err(BadFilter)?;
        filter = filter.add_directive(directive);
    }
    let registry = tracing_subscriber::registry().with(filter);
    let colours = std::io::stderr().is_terminal();
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    let _ = if as_json {
        registry.with(lines.json()).try_init()
    } else {
        registry.with(lines).try_init()
    };
    Ok(())
}

/// Starts counting. A process that counts already goes on as it does.
#[must_use]
pub fn metrics() -> PrometheusHandle {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _ = metrics::set_global_recorder(recorder);
    handle
}
