//! The command line: reads the settings, chooses Mono, runs the command; nothing else.

mod command;

use std::process::ExitCode;

use mono_gateway::{
    config::{Cli, ConfigError, LogFormat},
    telemetry,
};

fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(ConfigError::CommandLine(error)) => error.exit(),
        Err(error @ ConfigError::Setting(_)) => return command::failed(&error),
    };
    let as_json = cli.settings.gateway_log_format == LogFormat::Json;
    if let Err(error) = telemetry::log(&cli.settings.rust_log, as_json) {
        return command::failed(&error);
    }
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(command::run(cli)),
        Err(error) => command::failed(&error),
    }
}
