//! Logs and metrics, set up once.
//!
//! What third-party crates log is capped: at finer levels they print headers and bodies.

use std::{io::IsTerminal as _, sync::OnceLock};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, filter::filter_fn, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// What our own crates are called by. Others see keys, links and personal data go by: of them only warnings are
/// written, whatever the filter asks for.
const OWN: &str = "mono_";

fn may_be_written(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::WARN || metadata.target().starts_with(OWN)
}

/// The filter of log lines is not one.
#[derive(Debug, thiserror::Error)]
#[error("RUST_LOG is no filter; one looks like info or mono_gateway=debug")]
pub struct BadFilter(#[source] tracing_subscriber::filter::ParseError);

/// Starts logging to standard error. A process that logs already goes on as it does.
///
/// # Errors
/// [`BadFilter`].
pub fn log(filter: &str, as_json: bool) -> Result<(), BadFilter> {
    let filter = EnvFilter::builder().parse(filter).map_err(BadFilter)?;
    let registry = tracing_subscriber::registry().with(filter).with(filter_fn(may_be_written));
    let colours = std::io::stderr().is_terminal();
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    let _ = if as_json {
        registry.with(lines.json()).try_init()
    } else {
        registry.with(lines).try_init()
    };
    Ok(())
}

/// Starts counting. All gateways of a process count together.
#[must_use]
pub fn metrics() -> PrometheusHandle {
    static COUNTS: OnceLock<PrometheusHandle> = OnceLock::new();
    let start = || {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // Another recorder can only be there if somebody embeds the gateway and counts themselves.
        let _ = metrics::set_global_recorder(recorder);
        handle
    };
    COUNTS.get_or_init(start).clone()
}
