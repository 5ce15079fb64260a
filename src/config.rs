//! Every setting: a flag, a variable, a line in the file that `--config` names; a flag beats a
//! variable, a variable beats the file. The only reader of the environment.
//!
//! A setting that is wrong stops the start with one sentence that names it and says what would be
//! right.

use std::{collections::BTreeMap, ffi::OsString, fmt, net::SocketAddr, path::PathBuf};

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Origin, Url};

use crate::{
    access::{Access, SHORTEST_SECRET, Verifier},
    reauth::Redirects,
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
    /// Reads the settings, reaches the database and Mono, and says what is wrong.
    Check,
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

/// How callers show who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Auth {
    /// They do not: only for a gateway that listens on loopback.
    None,
    /// By a bearer token.
    Jwt,
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
    /// How long stopping may take to close streams, in milliseconds.
    #[arg(
        long,
        env = "GATEWAY_DRAIN_MS",
        global = true,
        default_value_t = 3000,
        value_name = "MS"
    )]
    pub gateway_drain_ms: u64,
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
    #[arg(long, env = "MONO_SYNC", global = true, hide = true)]
    mono_sync: Option<String>,
    #[arg(long, env = "GATEWAY_JWKS_URL", global = true, hide = true)]
    gateway_jwks_url: Option<String>,
    #[arg(long, env = "GATEWAY_HTTP_STATUS", global = true, hide = true)]
    gateway_http_status: Option<String>,
    #[arg(long, env = "GATEWAY_CACHE", global = true, hide = true)]
    gateway_cache: Option<String>,
    #[arg(long, env = "GATEWAY_DATA_KEY", global = true, hide = true, hide_env_values = true)]
    gateway_data_key: Option<SecretString>,
    #[arg(long, env = "GATEWAY_LOG_RETENTION_DAYS", global = true, hide = true)]
    gateway_log_retention_days: Option<String>,
    #[arg(long, env = "GATEWAY_TRUSTED_DOCUMENTS", global = true, hide = true)]
    gateway_trusted_documents: Option<String>,
}

impl Later {
    fn check(&self) -> Result<(), ConfigError> {
        let data_key = self.gateway_data_key.as_ref().map(|_| "set");
        let asked: [(&str, Option<&str>, &[&str]); 8] = [
            ("NATS_URL", self.nats_url.as_deref(), &[]),
            ("MONO_SYNC", self.mono_sync.as_deref(), &["realtime"]),
            ("GATEWAY_JWKS_URL", self.gateway_jwks_url.as_deref(), &[]),
            ("GATEWAY_HTTP_STATUS", self.gateway_http_status.as_deref(), &["audit"]),
            // Nothing is remembered yet, so both are true.
            ("GATEWAY_CACHE", self.gateway_cache.as_deref(), &["on", "off"]),
            ("GATEWAY_DATA_KEY", data_key, &[]),
            ("GATEWAY_LOG_RETENTION_DAYS", self.gateway_log_retention_days.as_deref(), &["30"]),
            ("GATEWAY_TRUSTED_DOCUMENTS", self.gateway_trusted_documents.as_deref(), &[]),
        ];
        for (name, value, taken) in asked {
            if value.is_some_and(|value| !value.is_empty() && !taken.contains(&value)) {
                return Err(wrong(format!("{name} is not in this version; unset it")));
            }
        }
        Ok(())
    }
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
    /// What webhooks must carry one of.
    pub webhook_secrets: Vec<SecretString>,
    /// How callers show who they are.
    pub access: Access,
    /// How many streaming connections may be open at once.
    pub max_connections: usize,
    /// Origins of pages that may call.
    pub allowed_origins: Vec<String>,
    /// Where customers may be sent back to.
    pub redirects: Redirects,
    /// Whether GraphiQL is served.
    pub graphiql: bool,
    /// Whether the schema may be asked for.
    pub introspection: bool,
    /// How long stopping may take to close streams, in milliseconds.
    pub drain_ms: u64,
    /// Whether migrations are applied at the start.
    pub migrate: bool,
}

impl Cli {
    /// Reads flags, variables and the file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, ConfigError> {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        let mut command = Self::command();
        if let Some(file) = config_file(&arguments) {
            for (id, value) in read_file(&file)? {
                let known =
                    command.get_arguments().any(|argument| argument.get_id() == id.as_str());
                if !known {
                    return Err(wrong(format!(
                        "{} sets {id}, which is no setting; `mono-gateway --help` lists them",
                        file.display()
                    )));
                }
                command = command.mut_arg(id, |argument| {
                    // Shown in no help: it may be a secret.
                    argument.default_value(value).hide_default_value(true)
                });
            }
        }
        let matches = command
            .try_get_matches_from(arguments)
            .map_err(|error| ConfigError::CommandLine(Box::new(error)))?;
        Self::from_arg_matches(&matches).map_err(|error| ConfigError::CommandLine(Box::new(error)))
    }
}

/// The file that `--config` names, found before the command line is read.
fn config_file(arguments: &[OsString]) -> Option<PathBuf> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == "--config" {
            return arguments.next().map(PathBuf::from);
        }
        if let Some(file) = argument.to_str().and_then(|text| text.strip_prefix("--config=")) {
            return Some(PathBuf::from(file));
        }
    }
    None
}

/// The settings of a file, by the id of their flag.
fn read_file(file: &PathBuf) -> Result<BTreeMap<String, String>, ConfigError> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| wrong(format!("--config {shown} cannot be read: {error}")))?;
    let table: toml::Table =
        text.parse().map_err(|error| wrong(format!("--config {shown} is not TOML: {error}")))?;
    let mut settings = BTreeMap::new();
    for (name, value) in table {
        let id = name.to_ascii_lowercase().replace('-', "_");
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(truth) => truth.to_string(),
            toml::Value::Array(list) => {
                let words: Option<Vec<_>> = list.iter().map(toml::Value::as_str).collect();
                words.map(|words| words.join(",")).ok_or_else(|| {
                    wrong(format!("{name} in {shown} must be a text or a list of texts"))
                })?
            }
            toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => {
                return Err(wrong(format!("{name} in {shown} must be a text, a number or a list")));
            }
        };
        settings.insert(id, text);
    }
    Ok(settings)
}

impl Settings {
    /// Checks the settings for running the gateway.
    ///
    /// # Errors
    /// [`ConfigError::Setting`].
    pub fn checked(&self, migrate: bool) -> Result<Config, ConfigError> {
        let key = secret(
            "MONO_SECRET_KEY",
            self.mono_secret_key.as_ref(),
            self.mono_secret_key_file.as_ref(),
        )?;
        let mode = match (self.gateway_mode, &key) {
            (Some(Mode::Live), None) => {
                return Err(wrong(
                    "GATEWAY_MODE=live needs MONO_SECRET_KEY: the secret key of your app on Mono's dashboard (test_sk_… or live_sk_…)",
                ));
            }
            (Some(Mode::Demo), Some(_)) => {
                return Err(wrong(
                    "GATEWAY_MODE=demo talks to its own simulator and takes no MONO_SECRET_KEY; unset one of the two",
                ));
            }
            (Some(mode), _) => mode,
            (None, Some(_)) => Mode::Live,
            (None, None) => Mode::Demo,
        };
        let secrets = secret(
            "MONO_WEBHOOK_SECRET",
            self.mono_webhook_secret.as_ref(),
            self.mono_webhook_secret_file.as_ref(),
        )?;
        let webhook_secrets = secrets.map(|secrets| split(&secrets)).unwrap_or_default();
        if mode == Mode::Live && webhook_secrets.is_empty() {
            return Err(wrong(
                "live mode needs MONO_WEBHOOK_SECRET: the webhook secret of your app on Mono's dashboard; without it no webhook can be told from a forged one",
            ));
        }
        let access = self.access(mode)?;
        self.later.check()?;
        if self.gateway_bind == self.gateway_admin_bind && self.gateway_bind.port() != 0 {
            return Err(wrong("GATEWAY_ADMIN_BIND must be another address than GATEWAY_BIND"));
        }
        Ok(Config {
            mode,
            bind: self.gateway_bind,
            admin_bind: self.gateway_admin_bind,
            public_url: self.public_url()?,
            database_url: self.database_url()?,
            mono_base_url: self.mono_base_url.clone(),
            mono_secret_key: key.unwrap_or_else(|| SecretString::from("")),
            webhook_secrets,
            access,
            max_connections: self.gateway_max_connections,
            allowed_origins: self.allowed_origins()?,
            redirects: self.redirects(mode)?,
            graphiql: self.gateway_graphiql.unwrap_or(mode == Mode::Demo),
            introspection: self.gateway_introspection.unwrap_or(mode == Mode::Demo),
            drain_ms: self.gateway_drain_ms,
            migrate,
        })
    }

    fn access(&self, mode: Mode) -> Result<Access, ConfigError> {
        let on_loopback = self.gateway_bind.ip().is_loopback();
        let for_all = self.gateway_demo_bind_any.as_deref() == Some("yes-fake-data");
        match (mode, self.gateway_auth) {
            (_, Some(Auth::Jwt)) => self.tokens(),
            (Mode::Live, None) => Err(wrong(
                "live mode needs GATEWAY_AUTH: jwt, or none for a gateway on loopback, whose every \
                 caller may do everything",
            )),
            (Mode::Live, Some(Auth::None)) if !on_loopback => Err(wrong(
                "GATEWAY_AUTH=none needs GATEWAY_BIND to be a loopback address, such as \
                 127.0.0.1:8080: whoever reaches it may do everything; jwt asks for tokens",
            )),
            (Mode::Demo, _) if !on_loopback && !for_all => Err(wrong(
                "demo mode listens on loopback only; GATEWAY_DEMO_BIND_ANY=yes-fake-data lets it \
                 serve its invented accounts to a network",
            )),
            (Mode::Live | Mode::Demo, _) => Ok(Access::Open),
        }
    }

    fn tokens(&self) -> Result<Access, ConfigError> {
        let (given, file) = (&self.gateway_jwt_secret, &self.gateway_jwt_secret_file);
        let secret = secret("GATEWAY_JWT_SECRET", given.as_ref(), file.as_ref())?;
        let Some(secret) = secret.filter(|s| s.expose_secret().len() >= SHORTEST_SECRET) else {
            return Err(wrong(format!(
                "GATEWAY_AUTH=jwt needs GATEWAY_JWT_SECRET: at least {SHORTEST_SECRET} bytes that \
                 tokens are signed with by HS256"
            )));
        };
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (issuer, audience) = (text(&self.gateway_jwt_issuer), text(&self.gateway_jwt_audience));
        let verifier = Verifier::hs256(&secret, issuer.as_deref(), audience.as_deref());
        Ok(Access::Token(Box::new(verifier)))
    }

    /// Where the database is.
    ///
    /// # Errors
    /// [`ConfigError::Setting`] if it stands in a file that cannot be read.
    pub fn database_url(&self) -> Result<String, ConfigError> {
        let in_file = secret("DATABASE_URL", None, self.database_url_file.as_ref())?;
        let in_file = in_file.map(|url| url.expose_secret().to_owned());
        Ok(in_file.unwrap_or_else(|| self.database_url.clone()))
    }

    fn public_url(&self) -> Result<Option<Url>, ConfigError> {
        match &self.gateway_public_url {
            Some(url) if !matches!(url.scheme(), "http" | "https") || !url.has_host() => {
                Err(wrong(
                    "GATEWAY_PUBLIC_URL must be an http(s) URL, as in https://gateway.example.com",
                ))
            }
            other => Ok(other.clone()),
        }
    }

    fn allowed_origins(&self) -> Result<Vec<String>, ConfigError> {
        let origins = texts(&self.gateway_allowed_origins).map(|text| {
            origin("GATEWAY_ALLOWED_ORIGINS", text).map(|origin| origin.ascii_serialization())
        });
        origins.collect()
    }

    fn redirects(&self, mode: Mode) -> Result<Redirects, ConfigError> {
        let listed: Result<Vec<_>, _> = texts(&self.gateway_redirect_origins)
            .map(|text| origin("GATEWAY_REDIRECT_ORIGINS", text))
            .collect();
        let listed = listed?;
        if mode == Mode::Demo && listed.is_empty() {
            Ok(Redirects::Anywhere)
        } else {
            Ok(Redirects::Only(listed))
        }
    }
}

fn texts(list: &[String]) -> impl Iterator<Item = &str> {
    list.iter().map(|text| text.trim()).filter(|text| !text.is_empty())
}

fn origin(setting: &str, text: &str) -> Result<Origin, ConfigError> {
    let url = Url::parse(text).ok().filter(|url| {
        let named = matches!(url.host(), Some(Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_)));
        named
            && matches!(url.scheme(), "http" | "https")
            && url.path() == "/"
            && url.query().is_none()
    });
    url.map(|url| url.origin()).ok_or_else(|| {
        wrong(format!(
            "{setting} lists {text:?}, which is no origin; one looks like https://app.example.com"
        ))
    })
}

/// A secret, given itself or by a file.
fn secret(
    name: &str,
    given: Option<&SecretString>,
    file: Option<&PathBuf>,
) -> Result<Option<SecretString>, ConfigError> {
    let text = match (given, file) {
        (Some(_), Some(_)) => {
            return Err(wrong(format!("{name} and {name}_FILE are both set; set one of them")));
        }
        (Some(secret), None) => secret.expose_secret().to_owned(),
        (None, Some(file)) => std::fs::read_to_string(file).map_err(|error| {
            wrong(format!("{name}_FILE {} cannot be read: {error}", file.display()))
        })?,
        (None, None) => return Ok(None),
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(wrong(format!("{name} is set and empty; set it, or unset it")));
    }
    Ok(Some(SecretString::from(text)))
}

fn split(secrets: &SecretString) -> Vec<SecretString> {
    let each = secrets.expose_secret().split(',').map(str::trim);
    each.filter(|text| !text.is_empty()).map(SecretString::from).collect()
}

#[cfg(test)]
mod tests {
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
        let cases: [(Vec<&str>, &str); 10] = [
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
            (vec!["--config", "/nowhere.toml"], "--config"),
        ];
        for (arguments, named) in cases {
            let error = checked(&arguments).err().unwrap_or_default();
            assert!(error.contains(named), "{arguments:?}: {error}");
        }
    }
}
