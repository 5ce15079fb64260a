//! Every setting: a flag, a variable, a line in the file that `--config` names; a flag beats a
//! variable, a variable beats the file. The only reader of the environment.
//!
//! A setting that is wrong stops the start with one sentence that names it and says what would be
//! right.

mod check;
mod events;
mod numbers;
mod read;

use std::{fmt, net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use secrecy::SecretString;
use url::Url;

pub use events::{EventsCommand, Listing};

use crate::{
    access::Access,
    document::trusted::Others,
    handover::Redirects,
    lifecycle::job::SyncVia,
    seal::DataKeys,
    server::Bounds,
    transport::{status::Statuses, websocket::Patience},
};

/// A setting is wrong, or one is missing.
#[derive(Debug)]
pub enum ConfigError {
    /// What the command line itself says: usage, help, version.
    CommandLine(Box<clap::Error>),
    /// One sentence that names the setting and says what would be right.
    Setting(String),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine(error) => error.fmt(f),
            Self::Setting(sentence) => f.write_str(sentence),
        }
    }
}

impl std::error::Error for ConfigError {}

fn wrong(sentence: impl Into<String>) -> ConfigError {
    ConfigError::Setting(sentence.into())
}

/// A GraphQL gateway over Mono's bank-account flows.
///
/// Without MONO_SECRET_KEY it runs in demo mode, with a Mono of its own and invented accounts.
#[derive(Debug, Parser)]
#[command(name = "mono-gateway", version, max_term_width = 100)]
pub struct Cli {
    /// What to do; serve if left out.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// A TOML file with settings, named like the variables or like the flags.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// All settings.
    #[command(flatten)]
    pub settings: Settings,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Runs the gateway; applies pending migrations first.
    Serve {
        /// Refuses to start if migrations are pending, instead of applying them.
        #[arg(long)]
        no_migrate: bool,
    },
    /// Applies, takes back or lists migrations.
    Migrate {
        /// Which of the three.
        #[arg(value_enum)]
        direction: Direction,
    },
    /// Prints the live schema in the schema definition language.
    Schema {
        /// Prints the schema of demo mode instead.
        #[arg(long)]
        demo: bool,
    },
    /// Runs the simulator of Mono alone, for the tests of other programs.
    Simulator {
        /// Where it listens.
        #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDRESS")]
        bind: SocketAddr,
        /// Which world: the same number gives the same accounts.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// How many accounts the world has.
        #[arg(long, default_value_t = 8)]
        accounts: usize,
        /// Where it sends webhooks.
        #[arg(long, value_name = "URL")]
        webhook_url: Option<String>,
        /// What its webhooks carry as their secret.
        #[arg(long, default_value = "simulator-webhook-secret", value_name = "SECRET")]
        webhook_secret: String,
        /// The key that it takes.
        #[arg(long, default_value = "test_sk_simulator", value_name = "KEY")]
        secret_key: String,
        /// Holds webhooks back until it is told to send them.
        #[arg(long)]
        explicit: bool,
    },
    /// Looks through the log of webhooks, or replays some of them: straight on the database, whether
    /// a gateway runs or not.
    Events {
        /// Which of the two.
        #[command(subcommand)]
        command: EventsCommand,
    },
    /// Reads the settings, reaches the database and Mono, and says what is wrong.
    Check,
    /// Derives every account's state again from the log, and compares it with what is stored.
    Rebuild {
        /// Only compares, and exits with 1 if anything differs. Nothing else is offered.
        #[arg(long, required = true)]
        check: bool,
    },
}

/// What to do with migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Direction {
    /// Applies what is pending.
    Up,
    /// Takes the newest back.
    Down,
    /// Lists them.
    Status,
}

/// What the gateway talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Its own simulator.
    Demo,
    /// Mono.
    Live,
}

impl Mode {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Live => "live",
        }
    }
}

/// How Mono is asked for new data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MonoSync {
    /// By reads with x-realtime: one per account and 5 minutes.
    Realtime,
    /// By POST /accounts/{id}/sync: one per account and 2 minutes.
    Legacy,
}

impl From<MonoSync> for SyncVia {
    fn from(sync: MonoSync) -> Self {
        match sync {
            MonoSync::Realtime => Self::Realtime,
            MonoSync::Legacy => Self::Legacy,
        }
    }
}

/// How callers show who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Auth {
    /// They do not: only for a gateway that listens on loopback.
    None,
    /// By a bearer token.
    Jwt,
}

/// What happens to documents that are not trusted while others are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TrustedMode {
    /// They are refused: documents are asked for by their ids.
    IdOnly,
    /// They are run, and a line is left in the log.
    Warn,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For programs.
    Json,
}

/// Every setting, as it is given.
#[derive(Debug, Args)]
pub struct Settings {
    /// demo or live; live if MONO_SECRET_KEY is set, demo if not.
    #[arg(long, env = "GATEWAY_MODE", global = true, value_enum)]
    pub gateway_mode: Option<Mode>,
    /// Where clients are served.
    #[arg(
        long,
        env = "GATEWAY_BIND",
        global = true,
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS"
    )]
    pub gateway_bind: SocketAddr,
    /// Where metrics and health are served.
    #[arg(
        long,
        env = "GATEWAY_ADMIN_BIND",
        global = true,
        default_value = "127.0.0.1:9090",
        value_name = "ADDRESS"
    )]
    pub gateway_admin_bind: SocketAddr,
    /// The address by which clients know the gateway.
    #[arg(long, env = "GATEWAY_PUBLIC_URL", global = true, value_name = "URL")]
    pub gateway_public_url: Option<Url>,
    /// yes-fake-data lets demo mode listen beyond loopback, for a demo container.
    #[arg(long, env = "GATEWAY_DEMO_BIND_ANY", global = true, value_name = "yes-fake-data")]
    pub gateway_demo_bind_any: Option<String>,
    /// SQLite (sqlite://FILE?mode=rwc) or PostgreSQL (postgres://USER:PASSWORD@HOST/NAME).
    #[arg(
        long,
        env = "DATABASE_URL",
        global = true,
        default_value = "sqlite://mono-gateway.db?mode=rwc",
        value_name = "URL",
        hide_env_values = true
    )]
    pub database_url: String,
    /// A file that holds it.
    #[arg(long, env = "DATABASE_URL_FILE", global = true, value_name = "FILE")]
    pub database_url_file: Option<PathBuf>,
    /// Mono's address, without a version in it.
    #[arg(
        long,
        env = "MONO_BASE_URL",
        global = true,
        default_value = "https://api.withmono.com",
        value_name = "URL"
    )]
    pub mono_base_url: String,
    /// Mono's secret key of your app (test_sk_… or live_sk_…).
    #[arg(
        long,
        env = "MONO_SECRET_KEY",
        global = true,
        value_name = "KEY",
        hide_env_values = true
    )]
    pub mono_secret_key: Option<SecretString>,
    /// A file that holds it.
    #[arg(long, env = "MONO_SECRET_KEY_FILE", global = true, value_name = "FILE")]
    pub mono_secret_key_file: Option<PathBuf>,
    /// The secret that Mono's webhooks carry; several, separated by commas, while one is replaced.
    #[arg(
        long,
        env = "MONO_WEBHOOK_SECRET",
        global = true,
        value_name = "SECRETS",
        hide_env_values = true
    )]
    pub mono_webhook_secret: Option<SecretString>,
    /// A file that holds it.
    #[arg(long, env = "MONO_WEBHOOK_SECRET_FILE", global = true, value_name = "FILE")]
    pub mono_webhook_secret_file: Option<PathBuf>,
    /// How Mono is asked for new data: by real-time reads, or by the manual sync of before Oct 2023.
    #[arg(long, env = "MONO_SYNC", global = true, value_enum, default_value = "realtime")]
    pub mono_sync: MonoSync,
    /// How callers show who they are: by a token, or not at all, which is for loopback only.
    #[arg(long, env = "GATEWAY_AUTH", global = true, value_enum)]
    pub gateway_auth: Option<Auth>,
    /// What callers' tokens are signed with by HS256: at least 32 bytes.
    #[arg(
        long,
        env = "GATEWAY_JWT_SECRET",
        global = true,
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub gateway_jwt_secret: Option<SecretString>,
    /// A file that holds it.
    #[arg(long, env = "GATEWAY_JWT_SECRET_FILE", global = true, value_name = "FILE")]
    pub gateway_jwt_secret_file: Option<PathBuf>,
    /// Who must have issued tokens; anybody if left out.
    #[arg(long, env = "GATEWAY_JWT_ISSUER", global = true, value_name = "TEXT")]
    pub gateway_jwt_issuer: Option<String>,
    /// Whom tokens must be meant for; anybody if left out.
    #[arg(long, env = "GATEWAY_JWT_AUDIENCE", global = true, value_name = "TEXT")]
    pub gateway_jwt_audience: Option<String>,
    /// How many streaming connections may be open at once.
    #[arg(
        long,
        env = "GATEWAY_MAX_CONNECTIONS",
        global = true,
        default_value_t = 50_000,
        value_parser = numbers::connections,
        value_name = "NUMBER"
    )]
    pub gateway_max_connections: usize,
    /// Settings of the contract that this version has no use for yet.
    #[command(flatten)]
    pub later: Later,
    /// Origins of pages that may call the gateway, beside its own, separated by commas.
    #[arg(
        long,
        env = "GATEWAY_ALLOWED_ORIGINS",
        global = true,
        value_delimiter = ',',
        value_name = "ORIGINS"
    )]
    pub gateway_allowed_origins: Vec<String>,
    /// Origins that customers may be sent back to, separated by commas. Unset: any in demo mode,
    /// none in live mode.
    #[arg(
        long,
        env = "GATEWAY_REDIRECT_ORIGINS",
        global = true,
        value_delimiter = ',',
        value_name = "ORIGINS"
    )]
    pub gateway_redirect_origins: Vec<String>,
    /// Whether GraphiQL is served; by default in demo mode only.
    #[arg(long, env = "GATEWAY_GRAPHIQL", global = true, value_name = "true|false")]
    pub gateway_graphiql: Option<bool>,
    /// Whether the schema may be asked for; by default in demo mode only.
    #[arg(long, env = "GATEWAY_INTROSPECTION", global = true, value_name = "true|false")]
    pub gateway_introspection: Option<bool>,
    /// Documents that may be asked for by their ids: a .graphql file, a JSON manifest, or a folder of
    /// such files.
    #[arg(long, env = "GATEWAY_TRUSTED_DOCUMENTS", global = true, value_name = "PATH")]
    pub gateway_trusted_documents: Option<PathBuf>,
    /// What happens to other documents while some are trusted: id-only refuses them, warn runs them
    /// and leaves a line in the log.
    #[arg(
        long,
        env = "GATEWAY_TRUSTED_DOCUMENTS_MODE",
        global = true,
        value_enum,
        default_value = "id-only"
    )]
    pub gateway_trusted_documents_mode: TrustedMode,
    /// Which HTTP statuses refused requests have where the draft of GraphQL over HTTP and the suite
    /// that audits servers for it disagree: the suite's, or the draft's.
    #[arg(long, env = "GATEWAY_HTTP_STATUS", global = true, value_enum, default_value = "audit")]
    pub gateway_http_status: Statuses,
    /// How long stopping may take to close streams, in milliseconds.
    #[arg(
        long,
        env = "GATEWAY_DRAIN_MS",
        global = true,
        default_value_t = 3000,
        value_parser = numbers::drain_ms,
        value_name = "MS"
    )]
    pub gateway_drain_ms: u64,
    /// What the bodies of webhooks are sealed with in the database: 32 bytes as base64 or
    /// hexadecimal; several, separated by commas: the first seals, all open. Without it what is
    /// personal in them is removed.
    #[arg(
        long,
        env = "GATEWAY_DATA_KEY",
        global = true,
        value_name = "KEYS",
        hide_env_values = true
    )]
    pub gateway_data_key: Option<SecretString>,
    /// A file that holds it.
    #[arg(long, env = "GATEWAY_DATA_KEY_FILE", global = true, value_name = "FILE")]
    pub gateway_data_key_file: Option<PathBuf>,
    /// For how many days the logs of webhooks, facts and changes are kept, 1 to 36500; better 3 at
    /// least, since Mono sends a webhook again for up to 48 hours. A subscriber that comes back later
    /// than that is told to read everything again.
    #[arg(long, env = "GATEWAY_LOG_RETENTION_DAYS", global = true, default_value_t = 30,
        value_parser = numbers::retention_days, value_name = "DAYS")]
    pub gateway_log_retention_days: u32,
    /// How log lines look.
    #[arg(long, env = "GATEWAY_LOG_FORMAT", global = true, value_enum, default_value = "pretty")]
    pub gateway_log_format: LogFormat,
    /// Which log lines are written, as tracing's EnvFilter reads it.
    #[arg(long, env = "RUST_LOG", global = true, default_value = "info", value_name = "FILTER")]
    pub rust_log: String,
}

/// Settings of the contract whose parts come with a later version. Their defaults are taken; any
/// other value is refused, since ignoring it would be worse.
#[derive(Debug, Args)]
pub struct Later {
    #[arg(long, env = "NATS_URL", global = true, hide = true, hide_env_values = true)]
    nats_url: Option<String>,
    #[arg(long, env = "GATEWAY_JWKS_URL", global = true, hide = true)]
    gateway_jwks_url: Option<String>,
    #[arg(long, env = "GATEWAY_CACHE", global = true, hide = true)]
    gateway_cache: Option<String>,
}

/// The gateway's settings, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// What it talks to.
    pub mode: Mode,
    /// Where clients are served.
    pub bind: SocketAddr,
    /// Where metrics and health are served.
    pub admin_bind: SocketAddr,
    /// The name by which clients know it.
    pub public_url: Option<Url>,
    /// Where state is kept.
    pub database_url: String,
    /// Mono's address; the simulator's in demo mode, once it runs.
    pub mono_base_url: String,
    /// Mono's key.
    pub mono_secret_key: SecretString,
    /// How Mono is asked for new data.
    pub mono_sync: SyncVia,
    /// What webhooks must carry one of.
    pub webhook_secrets: Vec<SecretString>,
    /// How callers show who they are.
    pub access: Access,
    /// How many streaming connections may be open at once.
    pub max_connections: usize,
    /// How long the client of a WebSocket is waited for. No setting: only tests are impatient.
    pub patience: Patience,
    /// Origins of pages that may call.
    pub allowed_origins: Vec<String>,
    /// Where customers may be sent back to.
    pub redirects: Redirects,
    /// Whether GraphiQL is served.
    pub graphiql: bool,
    /// Whether the schema may be asked for.
    pub introspection: bool,
    /// Documents that are trusted, and what becomes of others.
    pub trusted_documents: Option<(PathBuf, Others)>,
    /// Which HTTP statuses refused requests have.
    pub http_status: Statuses,
    /// How long stopping may take to close streams, in milliseconds.
    pub drain_ms: u64,
    /// What is personal is sealed with these.
    pub data_keys: DataKeys,
    /// For how many days the logs are kept.
    pub log_retention_days: u32,
    /// Whether migrations are applied at the start.
    pub migrate: bool,
    /// How long connections may take over things.
    pub bounds: Bounds,
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn checked(arguments: &[&str]) -> Result<Config, String> {
        let arguments = ["mono-gateway"].iter().chain(arguments).map(OsString::from);
        let cli = Cli::read(arguments).map_err(|error| error.to_string())?;
        cli.settings.checked(true).map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_key_it_is_a_demo_and_with_one_it_is_not() {
        assert_eq!(checked(&[]).map(|config| config.mode), Ok(Mode::Demo));
        let live = [
            "--mono-secret-key",
            "test_sk_1",
            "--mono-webhook-secret",
            "a, b,",
            "--gateway-auth",
            "none",
        ];
        let live = checked(&live).unwrap();
        assert_eq!((live.mode, live.webhook_secrets.len(), live.graphiql), (Mode::Live, 2, false));
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_would_be_right() {
        let key = ["--mono-secret-key", "test_sk_1"];
        let webhook = ["--mono-webhook-secret", "s"];
        let none = ["--gateway-auth", "none"];
        let cases: [(Vec<&str>, &str); 16] = [
            (vec!["--gateway-mode", "live"], "MONO_SECRET_KEY"),
            (key.to_vec(), "MONO_WEBHOOK_SECRET"),
            ([&key[..], &webhook].concat(), "GATEWAY_AUTH"),
            (
                [&key[..], &webhook, &none, &["--gateway-bind", "0.0.0.0:8080"]].concat(),
                "GATEWAY_BIND",
            ),
            (vec!["--gateway-bind", "0.0.0.0:8080"], "GATEWAY_DEMO_BIND_ANY"),
            (vec!["--mono-secret-key", " "], "MONO_SECRET_KEY"),
            (vec!["--gateway-allowed-origins", "app.example.com"], "GATEWAY_ALLOWED_ORIGINS"),
            (vec!["--gateway-redirect-origins", "https://a.test/path"], "GATEWAY_REDIRECT_ORIGINS"),
            (vec!["--gateway-public-url", "ftp://a.test"], "GATEWAY_PUBLIC_URL"),
            (vec!["--gateway-http-status", "200"], "audit, draft"),
            (vec!["--gateway-log-retention-days", "abc"], "GATEWAY_LOG_RETENTION_DAYS is a whole"),
            (vec!["--gateway-log-retention-days", "0"], "from 1 to 36500"),
            (vec!["--gateway-log-retention-days", "36501"], "1 to 36500, as in 30"),
            (
                vec!["--gateway-drain-ms", "3s"],
                "GATEWAY_DRAIN_MS is a whole number of milliseconds",
            ),
            (vec!["--gateway-max-connections", "0"], "GATEWAY_MAX_CONNECTIONS is a whole number"),
            (vec!["--config", "/nowhere.toml"], "--config"),
        ];
        for (arguments, named) in cases {
            let error = checked(&arguments).err().unwrap_or_default();
            assert!(error.contains(named), "{arguments:?}: {error}");
        }
    }
    #[test]
    fn an_origin_that_is_none_or_that_means_several_is_refused() {
        for origin in ["*", "null", "https://*.a.test", "https://me@a.test", "https://a.test#b"] {
            let error = checked(&["--gateway-allowed-origins", origin]).err().unwrap_or_default();
            assert!(error.contains("GATEWAY_ALLOWED_ORIGINS"), "{origin}: {error}");
        }
        let written = checked(&["--gateway-allowed-origins", "HTTPS://App.a.test:443/"]);
        assert_eq!(written.expect("an origin").allowed_origins, ["https://app.a.test"]);
    }
}
