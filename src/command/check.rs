//! `mono-gateway check`: reaches what the settings name and says how to mend what cannot be.

use std::process::ExitCode;

use mono_gateway::{
    app::{self, StartError},
    clock::Clock,
    config::{Mode, Settings},
    database::Database,
    error::chain,
    events,
    lifecycle::service::Lifecycle,
    mono::{Client, MonoError},
    seal::DataKeys,
    webhook::events::unopenable,
};

use super::print;

/// Checks one thing after the other; 1 if anything is wrong.
pub(crate) async fn run(settings: &Settings) -> ExitCode {
    let config = match settings.checked(false) {
        Ok(config) => config,
        Err(error) => {
            print(&format!("settings   {}\n", super::setting(&error)));
            return ExitCode::FAILURE;
        }
    };
    print(&format!("settings   ok, {} mode\n", config.mode.as_str()));
    let mut all_well = true;
    let mut say = |what: &str, result: Result<String, String>| {
        all_well &= result.is_ok();
        let (Ok(text) | Err(text)) = result;
        print(&format!("{what:<10} {text}\n"));
    };
    if config.trusted_documents.is_some() {
        let documents = app::documents(&config);
        let count = documents.map(|documents| format!("ok, {} of them", documents.trusted()));
        say("documents", count.map_err(|error| chain(&error)));
    }
    match Database::open(&config.database_url).await {
        Ok(database) => {
            say("database", look_at(&database, config.mode).await.map_err(|error| chain(&error)));
            if let Some(sealed) = sealed(&database, &config.data_keys).await {
                say("sealed", sealed);
            }
            let bus = events::connect(&database).await;
            say("bus", bus.map(|_| "ok".into()).map_err(|error| chain(&error)));
            database.close().await;
        }
        Err(error) => say("database", Err(chain(&error))),
    }
    let mono = match config.mode {
        Mode::Demo => Ok("ok, the simulator comes with the gateway".into()),
        Mode::Live => {
            match Client::new(&config.mono_base_url, &config.mono_secret_key, Clock::default()) {
                Ok(client) => client.probe().await.map(|()| "ok".to_owned()).map_err(mend),
                Err(error) => Err(chain(&error)),
            }
        }
    };
    say("mono", mono);
    if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether `serve` would take this database.
async fn look_at(database: &Database, mode: Mode) -> Result<String, StartError> {
    let pending = database.pending().await?;
    if pending > 0 {
        return Ok(format!("ok, with {pending} migration(s) that serve will apply"));
    }
    let found = Lifecycle::log(database, mode.as_str()).await?.mode;
    if found == mode.as_str() {
        Ok("ok, migrations applied".into())
    } else {
        Err(StartError::OtherMode { found, mode: mode.as_str() })
    }
}

/// Whether what is sealed in this database can be opened; nothing if there is nothing to open yet.
async fn sealed(database: &Database, keys: &DataKeys) -> Option<Result<String, String>> {
    if !matches!(database.pending().await, Ok(0)) {
        return None;
    }
    Some(match unopenable(database, keys).await {
        Ok(missing) if missing.is_empty() => Ok("ok, every body of a webhook opens".into()),
        Ok(missing) => {
            let each = missing.iter().map(|(key, bodies)| format!("{bodies} with key {key}"));
            Err(format!(
                "bodies of webhooks are sealed with keys that are not in GATEWAY_DATA_KEY: {}; add \
                 those keys behind the first, or wait until retention removes the bodies",
                each.collect::<Vec<_>>().join(", ")
            ))
        }
        Err(error) => Err(chain(&error)),
    })
}

fn mend(error: MonoError) -> String {
    let hint = match error {
        MonoError::Unauthorized => "copy the secret key of your app from Mono's dashboard",
        MonoError::Unavailable { .. } | MonoError::NotAsked { .. } => {
            "does MONO_BASE_URL lead to Mono, and may this machine go there?"
        }
        MonoError::Timeout => "try again; if it stays, ask whether a firewall swallows packets",
        MonoError::NotFound
        | MonoError::Rejected(_)
        | MonoError::NoWebhook
        | MonoError::NotReauthorisable
        | MonoError::RateLimited { .. }
        | MonoError::BadResponse(_) => "is MONO_BASE_URL Mono's address, without a version in it?",
    };
    format!("{error}; {hint}")
}
