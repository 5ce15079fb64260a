//! The command line: reads the settings, chooses Mono, runs the command; nothing else.

mod command;

use std::process::ExitCode;

use mono_gateway::{
    config::{Cli, ConfigError, LogFormat},
    telemetry,
};

/// What a delivery brings is made by one thread and given back by another, which the system's
/// allocator is slow at: with this one a webhook costs a seventh less.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a thread that answers requests may use for its stack, in bytes. The library that executes
/// documents goes down one frame after the other for each level of a document, some 80 KiB for each
/// in a debug build; the deepest document that is taken needs an eighth of this. Memory is used only
/// as far as a stack was ever deep.
const STACK: usize = 16 * 1024 * 1024;

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
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    match runtime.enable_all().thread_stack_size(STACK).build() {
        Ok(runtime) => {
            let code = runtime.block_on(command::run(cli));
            // What is still under way was cut on purpose; it is not waited for.
            runtime.shutdown_background();
            code
        }
        Err(error) => command::failed(&error),
    }
}
