//! Whether the settings fit together, and what they amount to.

use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Origin, Url};

use super::{Auth, Config, ConfigError, Later, Mode, Settings, TrustedMode, wrong};
use crate::{
    access::{Access, SHORTEST_SECRET, Verifier},
    document::trusted::Others,
    handover::Redirects,
    seal::DataKeys,
    server::Bounds,
    transport::websocket::Patience,
};

impl Later {
    fn check(&self) -> Result<(), ConfigError> {
        let asked: [(&str, Option<&str>, &[&str]); 3] = [
            ("NATS_URL", self.nats_url.as_deref(), &[]),
            ("GATEWAY_JWKS_URL", self.gateway_jwks_url.as_deref(), &[]),
            // Nothing is remembered yet, so both are true.
            ("GATEWAY_CACHE", self.gateway_cache.as_deref(), &["on", "off"]),
        ];
        for (name, value, taken) in asked {
            if value.is_some_and(|value| !value.is_empty() && !taken.contains(&value)) {
                return Err(wrong(format!("{name} is not in this version; unset it")));
            }
        }
        Ok(())
    }
}

impl Settings {
    /// Checks the settings for running the gateway.
    ///
    /// # Errors
    /// [`ConfigError::Setting`].
    pub fn checked(&self, migrate: bool) -> Result<Config, ConfigError> {
        let key = self.mono_secret_key()?;
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
            mono_sync: self.mono_sync.into(),
            webhook_secrets,
            access,
            max_connections: self.gateway_max_connections,
            patience: Patience::default(),
            allowed_origins: self.allowed_origins()?,
            redirects: self.redirects(mode)?,
            graphiql: self.gateway_graphiql.unwrap_or(mode == Mode::Demo),
            introspection: self.gateway_introspection.unwrap_or(mode == Mode::Demo),
            trusted_documents: self.trusted_documents(),
            http_status: self.gateway_http_status,
            drain_ms: self.gateway_drain_ms,
            data_keys: self.data_keys()?,
            log_retention_days: self.gateway_log_retention_days,
            migrate,
            bounds: Bounds::default(),
        })
    }

    fn trusted_documents(&self) -> Option<(PathBuf, Others)> {
        let others = match self.gateway_trusted_documents_mode {
            TrustedMode::IdOnly => Others::Refused,
            TrustedMode::Warn => Others::Warned,
        };
        let path = self.gateway_trusted_documents.clone();
        path.filter(|path| !path.as_os_str().is_empty()).map(|path| (path, others))
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

    /// Mono's key, if there is one.
    ///
    /// # Errors
    /// [`ConfigError::Setting`] if it is set twice, empty, or in a file that cannot be read.
    pub fn mono_secret_key(&self) -> Result<Option<SecretString>, ConfigError> {
        let (given, file) = (&self.mono_secret_key, &self.mono_secret_key_file);
        secret("MONO_SECRET_KEY", given.as_ref(), file.as_ref())
    }

    /// What is personal is sealed with these.
    ///
    /// # Errors
    /// [`ConfigError::Setting`] if one of them is no key.
    pub fn data_keys(&self) -> Result<DataKeys, ConfigError> {
        let (given, file) = (&self.gateway_data_key, &self.gateway_data_key_file);
        let Some(texts) = secret("GATEWAY_DATA_KEY", given.as_ref(), file.as_ref())? else {
            return Ok(DataKeys::default());
        };
        let keys = DataKeys::parse(&split(&texts)).ok().filter(|keys| !keys.is_empty());
        keys.ok_or_else(|| {
            wrong(
                "GATEWAY_DATA_KEY must be 32 random bytes as base64 or hexadecimal, several \
                 separated by commas; `openssl rand -base64 32` makes one",
            )
        })
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
            && url.fragment().is_none()
            // These would be taken for more than they say.
            && !text.contains(['*', '@'])
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
