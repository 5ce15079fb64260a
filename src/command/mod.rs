//! What each command does.

mod check;
mod events;
mod rebuild;
mod simulator;

use std::{io::Write as _, process::ExitCode};

use mono_gateway::{
    app::{Gateway, StartError},
    clock::Clock,
    config::{Cli, Command, Config, ConfigError, Direction, Mode, Settings},
    database::{Database, DatabaseError},
    error::chain,
    schema,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Runs the command that the command line names.
pub(crate) async fn run(cli: Cli) -> ExitCode {
    match cli.command.unwrap_or(Command::Serve { no_migrate: false }) {
        Command::Serve { no_migrate } => serve(&cli.settings, !no_migrate).await,
        Command::Migrate { direction } => migrate(&cli.settings, direction).await,
        Command::Schema { demo } => {
            print(&if demo { schema::demo_sdl() } else { schema::sdl() });
            ExitCode::SUCCESS
        }
        Command::Simulator {
            bind,
            seed,
            accounts,
            webhook_url,
            webhook_secret,
            secret_key,
            explicit,
        } => {
            let world = simulator::World {
                bind,
                seed,
                accounts,
                webhook_url,
                webhook_secret,
                secret_key,
                explicit,
            };
            simulator::alone(world).await
        }
        Command::Events { command } => events::run(&cli.settings, command).await,
        Command::Check => check::run(&cli.settings).await,
        Command::Rebuild { check: _ } => rebuild::run(&cli.settings).await,
    }
}

/// Says on standard error what went wrong.
pub(crate) fn failed(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    say(&chain(error));
    ExitCode::FAILURE
}

/// Says something on standard error.
fn say(text: &str) {
    // A terminal that is gone cannot be told.
    let _ = writeln!(std::io::stderr(), "mono-gateway: {text}");
}

/// Prints an answer. A pipe that was closed, as by `head`, has had enough.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

async fn serve(settings: &Settings, migrate: bool) -> ExitCode {
    let config = match settings.checked(migrate) {
        Ok(config) => config,
        Err(error) => return failed(&error),
    };
    // From the first moment on: whoever is told to stop while it starts stops in order, too.
    let mut signals = Signals::listen();
    let start = async {
        match config.mode {
            Mode::Live => match Gateway::start(config.clone(), Clock::default(), None).await {
                Ok(gateway) => {
                    tracing::info!(address = %gateway.address, admin = %gateway.admin_address, mode = "live", "ready");
                    Ok((gateway, None))
                }
                Err(error) => Err(failed(&error)),
            },
            Mode::Demo => demo(config).await.map(|(gateway, simulator)| (gateway, Some(simulator))),
        }
    };
    let started = tokio::select! {
        started = start => started,
        () = signals.next() => {
            tracing::info!("told to stop before the gateway was ready");
            return ExitCode::SUCCESS;
        }
    };
    let (gateway, simulator) = match started {
        Ok(started) => started,
        Err(code) => return code,
    };
    let stop = async {
        gateway.stop().await;
        if let Some(simulator) = simulator {
            simulator.stop().await;
        }
    };
    until_told_to_stop(signals, stop).await
}

async fn demo(config: Config) -> Result<(Gateway, simulator::Running), ExitCode> {
    let simulator = match simulator::Running::start().await {
        Ok(simulator) => simulator,
        Err(error) => return Err(failed(error.as_ref())),
    };
    tracing::warn!(
        "no MONO_SECRET_KEY is set: demo mode, with invented accounts of its own simulator"
    );
    let gateway = Gateway::start(config.clone(), Clock::default(), Some(simulator.stand())).await;
    let gateway = match gateway {
        Ok(gateway) => gateway,
        Err(error) => return Err(failed(&error)),
    };
    let host = reachable(gateway.address);
    simulator.send_webhooks_to(&format!("http://{host}/webhooks/mono"));
    gateway.open_the_story().await;
    banner(&gateway, &host, &simulator);
    Ok((gateway, simulator))
}

/// An address that this machine can call; 0.0.0.0 is one to listen on only.
fn reachable(address: std::net::SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("127.0.0.1:{}", address.port())
    } else {
        address.to_string()
    }
}

fn banner(gateway: &Gateway, host: &str, simulator: &simulator::Running) {
    let account = gateway.cast.needs_reauth.as_ref().or(gateway.cast.all.first());
    let account = account.map_or("", |id| id.as_str());
    print(&format!(
        "
mono-gateway {version}, demo mode: every account is invented, every bank is the simulator's.

  demo page  http://{host}/demo
  GraphiQL   http://{host}/graphiql
  GraphQL    http://{host}/graphql          (HTTP, WebSocket, server-sent events)
  webhooks   http://{host}/webhooks/mono
  metrics    http://{admin}/metrics
  simulator  {simulator}

Try the story: open the demo page, which needs no GraphQL, or GraphiQL and run its tabs from left
to right. Or begin here: the bank of account {account} asks for its customer again.

  curl -s http://{host}/graphql -H 'content-type: application/json' \\
    -d '{{\"query\":\"mutation {{ initiateReauth(input: {{accountId: \\\"{account}\\\"}}) {{ reauth {{ id url }} }} }}\"}}'

Open the url in a browser and approve; the account's data comes back. Ctrl-C stops.

",
        version = env!("CARGO_PKG_VERSION"),
        admin = gateway.admin_address,
        simulator = simulator.base_url(),
    ));
}

/// Waits for Ctrl-C or a request to terminate, then for `stop`, unless it is told so again.
async fn until_told_to_stop(mut signals: Signals, stop: impl Future<Output = ()>) -> ExitCode {
    signals.next().await;
    tokio::select! {
        () = stop => ExitCode::SUCCESS,
        () = signals.next() => {
            tracing::warn!("told to stop a second time: what is under way is cut");
            ExitCode::FAILURE
        }
    }
}

/// What tells a process to stop.
struct Signals {
    terminate: Option<Signal>,
    interrupt: Option<Signal>,
}

impl Signals {
    fn listen() -> Self {
        let listen = |kind| {
            let to = signal(kind);
            to.inspect_err(|error| tracing::warn!(%error, "a signal will not be heard")).ok()
        };
        Self {
            terminate: listen(SignalKind::terminate()),
            interrupt: listen(SignalKind::interrupt()),
        }
    }

    async fn next(&mut self) {
        tokio::select! {
            () = heard(&mut self.terminate) => {}
            () = heard(&mut self.interrupt) => {}
        }
    }
}

async fn heard(signal: &mut Option<Signal>) {
    let heard = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if heard.is_none() {
        std::future::pending().await
    }
}

async fn migrate(settings: &Settings, direction: Direction) -> ExitCode {
    let url = match settings.database_url() {
        Ok(url) => url,
        Err(error) => return failed(&error),
    };
    let done = async {
        let database = Database::open(&url).await?;
        match direction {
            Direction::Up => database.migrate().await?,
            Direction::Down => database.migrate_down().await?,
            Direction::Status => {}
        }
        for (name, applied) in database.migrations().await? {
            print(&format!("{} {name}\n", if applied { "applied" } else { "pending" }));
        }
        database.close().await;
        Ok::<_, DatabaseError>(())
    };
    match done.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&StartError::Database(error)),
    }
}

/// What a failed check is told with.
pub(crate) fn setting(error: &ConfigError) -> String {
    chain(error)
}
