//! Builds the gateway from its settings, runs it, and stops it in order.
//!
//! Stopping: not ready any more, nothing new is accepted, streams are closed so that their clients
//! come back, requests under way end, what is in the queue is committed, the database is closed. The
//! admin address answers until then, so that whoever looks after it sees that it stops.

use std::{io, net::SocketAddr, time::Duration};

use secrecy::SecretString;
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use crate::{
    access::Access,
    account::{loader::Sources, service::Accounts},
    clock::Clock,
    config::{Config, Mode},
    database::{Database, DatabaseError},
    demo::{Cast, Controls, DemoError},
    document::{
        Checks, Questions, SchemaError, Suggestions,
        store::Documents,
        trusted::{Trusted, TrustedError},
    },
    error::chain,
    events::{self, BusError},
    http::{self, Health, Public},
    job::service::Jobs,
    lifecycle::{
        deadlines,
        fact::What,
        recogniser::Recogniser,
        retention,
        service::{Lifecycle, Tasks},
        store::StoreError,
    },
    link::service::Links,
    mono::{self, BuildError},
    reauth::service::Reauths,
    schema::{GatewayMode, Introspection, Parts, Schema, definitions},
    server, telemetry,
    transaction::service::Transactions,
    transport::{Engine, Limits, browser::Pages, graphiql::Explorer, http::Endpoint},
    webhook::{self, http::Secrets, service::Webhooks},
};

/// How many operations one WebSocket may run.
const OPERATIONS: usize = 200;

/// How many connections wait to be taken, if the system lets them: a burst that finds no place in
/// this queue is silently tried again by its senders after 1, 3, 7 … seconds.
const WAITING: u32 = 4096;

/// How many connections the admin address takes.
const MOST_ON_ADMIN: usize = 256;

/// How long after the drain stopping may take at most, and how much of that is kept for writing
/// what waits and for closing the database.
const GRACE: Duration = Duration::from_millis(900);
const LAST_STEPS: Duration = Duration::from_millis(600);

/// The gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The documents that are trusted.
    #[error(transparent)]
    Documents(#[from] TrustedError),
    /// The schema's own text.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The log in it.
    #[error("the log cannot be read")]
    Log(#[from] StoreError),
    /// The log is of another mode.
    #[error(
        "DATABASE_URL leads to a database of {found} mode, and this is {mode} mode; invented and real accounts are never mixed: use another database"
    )]
    OtherMode {
        /// The mode of the database.
        found: String,
        /// The mode that was asked for.
        mode: &'static str,
    },
    /// The client of Mono.
    #[error(transparent)]
    Mono(#[from] BuildError),
    /// The wake-ups between replicas.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The simulator.
    #[error("the simulator of demo mode cannot be used")]
    Demo(#[from] DemoError),
    /// An address that cannot be listened on.
    #[error("{setting} {address} cannot be listened on")]
    Listen {
        /// The setting that names it.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// A Mono that demo mode runs against.
#[derive(Clone, Debug)]
pub struct Stand {
    /// Where it is.
    pub base_url: String,
    /// The key that it takes.
    pub secret_key: SecretString,
    /// What its webhooks carry.
    pub webhook_secret: SecretString,
}

/// A gateway that runs.
#[derive(Debug)]
pub struct Gateway {
    /// Where clients are served.
    pub address: SocketAddr,
    /// Where metrics and health are served.
    pub admin_address: SocketAddr,
    /// The accounts of the demo.
    pub cast: Cast,
    controls: Option<Controls>,
    database: Database,
    drain_ms: u64,
    draining: watch::Sender<bool>,
    engine: Engine,
    lifecycle: Lifecycle,
    server: JoinHandle<()>,
    admin: JoinHandle<()>,
    closing_admin: watch::Sender<bool>,
    workers: Vec<JoinHandle<()>>,
    tasks: Tasks,
}

/// What clients hold open at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenNow {
    /// Streaming connections.
    pub connections: usize,
    /// Subscriptions on them.
    pub subscriptions: usize,
    /// Places at which changes are waited for, by subscriptions and others.
    pub listeners: usize,
}

fn listen(setting: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    let bind = || {
        let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
        // A gateway that starts again takes the place of the one before at once.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(WAITING)
    };
    bind().map_err(|source| StartError::Listen { setting, address, source })
}

/// Opens the database and brings its tables up to date, or refuses.
///
/// # Errors
/// [`StartError`].
pub async fn open_database(config: &Config) -> Result<Database, StartError> {
    let database = Database::open(&config.database_url).await?;
    if config.migrate {
        database.migrate().await?;
    } else {
        database.require_migrated().await?;
    }
    Ok(database)
}

/// What documents are checked against, and those that are trusted.
///
/// # Errors
/// [`StartError::Documents`].
pub fn documents(config: &Config) -> Result<Documents, StartError> {
    let sdl = definitions(match config.mode {
        Mode::Demo => GatewayMode::Demo,
        Mode::Live => GatewayMode::Live,
    });
    let (suggestions, questions) = if config.introspection {
        (Suggestions::On, Questions::Answered)
    } else {
        (Suggestions::Off, Questions::Refused)
    };
    let checks = Checks::new(&sdl, suggestions, questions)?;
    let trusted = match &config.trusted_documents {
        Some((path, others)) => Some(Trusted::read(path, *others, &checks)?),
        None => None,
    };
    Ok(Documents::new(checks, trusted))
}

impl Gateway {
    /// Starts a gateway. `stand` is the Mono of demo mode.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        config: Config,
        clock: Clock,
        stand: Option<Stand>,
    ) -> Result<Self, StartError> {
        let metrics = telemetry::metrics();
        let documents = documents(&config)?;
        let listener = listen("GATEWAY_BIND", config.bind)?;
        let admin = listen("GATEWAY_ADMIN_BIND", config.admin_bind)?;
        let database = open_database(&config).await?;
        let mode = config.mode.as_str();
        let head = Lifecycle::log(&database, mode).await?;
        if head.mode != mode {
            return Err(StartError::OtherMode { found: head.mode, mode });
        }
        let bus = events::connect(&database).await?;
        let (base_url, key, secrets) = match &stand {
            Some(stand) => (&stand.base_url, &stand.secret_key, vec![stand.webhook_secret.clone()]),
            None => {
                (&config.mono_base_url, &config.mono_secret_key, config.webhook_secrets.clone())
            }
        };
        let mono = mono::Client::new(base_url, key, clock.clone())?;
        let recogniser = Recogniser::new(key);
        let (lifecycle, tasks) = Lifecycle::start(
            database.clone(),
            clock.clone(),
            bus.clone(),
            &head,
            recogniser,
            config.data_keys.clone(),
        );
        let accounts = Accounts::new(mono.clone(), lifecycle.clone());
        let controls = stand.as_ref().map(|stand| Controls::new(&stand.base_url)).transpose()?;
        let cast = match &controls {
            Some(controls) => meet(controls, &accounts).await?,
            None => Cast::default(),
        };
        let looks = deadlines::run(lifecycle.clone(), mono.clone(), database.clone());
        let days = config.log_retention_days;
        let removals = retention::run(database.clone(), clock.clone(), days);
        let workers = vec![tokio::spawn(looks), tokio::spawn(removals)];
        let (draining, is_draining) = watch::channel(false);
        let webhooks = Webhooks::new(accounts.clone(), config.data_keys.clone());
        let parts = Parts {
            sources: Sources {
                accounts: accounts.clone(),
                transactions: Transactions::new(mono.clone()),
            },
            links: Links::new(mono.clone(), lifecycle.clone(), config.redirects.clone()),
            jobs: Jobs::new(mono.clone(), accounts.clone(), config.mono_sync),
            reauths: Reauths::new(mono, accounts.clone(), config.redirects.clone()),
            webhooks: webhooks.clone(),
            demo: controls.clone(),
        };
        let introspection =
            if config.introspection { Introspection::On } else { Introspection::Off };
        let schema = Schema::build(parts, introspection);
        let limits = Limits {
            connections: config.max_connections,
            operations_per_connection: OPERATIONS,
            drain_ms: config.drain_ms,
            patience: config.patience,
        };
        let engine = Engine::new(
            schema,
            documents,
            clock,
            is_draining.clone(),
            limits,
            config.access.clone(),
        );
        let health = Health {
            database: database.clone(),
            bus,
            tasks: [&tasks.writer, &tasks.reader, &workers[0], &workers[1]]
                .map(JoinHandle::abort_handle)
                .into(),
            draining: is_draining.clone(),
            mode,
        };
        let webhooks = webhook::http::routes(webhooks, Secrets::new(&secrets));
        let routes = http::public(Public {
            endpoint: Endpoint {
                engine: engine.clone(),
                pages: pages(&config),
                statuses: config.http_status,
            },
            webhooks,
            explorer: config.graphiql.then(|| explorer(mode, &cast)),
            health: health.clone(),
            mode,
        });
        let address = local(&listener, config.bind);
        let admin_address = local(&admin, config.admin_bind);
        let most = config.max_connections.saturating_add(config.bounds.headroom);
        let server = server::serve(listener, routes, most, config.bounds, is_draining);
        let (closing_admin, is_closing) = watch::channel(false);
        // Counted apart: whoever looks after a gateway that is full must still reach it.
        let admin = server::serve(
            admin,
            http::admin(health, metrics, admin_pages(&config)),
            MOST_ON_ADMIN,
            config.bounds,
            is_closing,
        );
        let drain_ms = config.drain_ms;
        Ok(Self {
            address,
            admin_address,
            cast,
            controls,
            database,
            drain_ms,
            draining,
            engine,
            lifecycle,
            server,
            admin,
            closing_admin,
            workers,
            tasks,
        })
    }

    /// What clients hold open now.
    #[must_use]
    pub fn open_now(&self) -> OpenNow {
        let (connections, subscriptions) = self.engine.open_now();
        OpenNow { connections, subscriptions, listeners: self.lifecycle.feed().listeners() }
    }

    /// Lets the bank of the demo ask for its customer, whatever an earlier run on this database
    /// ended with. Does nothing in live mode.
    pub async fn open_the_story(&self) {
        let (Some(controls), Some(account)) = (&self.controls, &self.cast.needs_reauth) else {
            return;
        };
        // With an id and a time of its own, so that it is no copy of an earlier run's.
        let body = json!({
            "account": account.as_str(),
            "kind": "reauthorisation_required",
            "variant": "F",
        });
        if let Err(error) = controls.pull(&["webhooks"], body).await {
            tracing::warn!(cause = %chain(&error), "the bank of the demo asks for nobody");
        }
    }

    /// Stops the gateway in order. Ends within the drain time and a second.
    pub async fn stop(self) {
        tracing::info!("stopping");
        // Whoever waits for this learns of it even if nobody waits.
        self.draining.send_replace(true);
        let end = Instant::now() + Duration::from_millis(self.drain_ms) + GRACE;
        let (mut server, mut admin) = (self.server, self.admin);
        let all = async {
            let _ = (&mut server).await;
            // Upgraded connections are no longer the server's.
            self.engine.all_closed().await;
        };
        if timeout_at(end - LAST_STEPS, all).await.is_err() {
            tracing::warn!("requests were still under way; they are cut");
        }
        server.abort();
        self.workers.iter().for_each(JoinHandle::abort);
        // What was brought so far is written, and everybody answered.
        self.tasks.close();
        if timeout_at(end, self.tasks.writer).await.is_err() {
            tracing::warn!("something could not be written in time; nobody was told that it was");
        }
        self.tasks.reader.abort();
        let _ = timeout_at(end, self.database.close()).await;
        self.closing_admin.send_replace(true);
        if timeout_at(end, &mut admin).await.is_err() {
            admin.abort();
        }
        tracing::info!("stopped");
    }
}

fn local(listener: &TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}

/// Demo mode knows its accounts from the start. Links of an earlier run lead to a simulator that is
/// gone: their sessions end.
async fn meet(controls: &Controls, accounts: &Accounts) -> Result<Cast, StartError> {
    let cast = controls.cast().await?;
    let lifecycle = accounts.lifecycle();
    for id in &cast.all {
        let known = lifecycle.states(std::slice::from_ref(id)).await?.remove(id);
        if let Some(session) = known.as_ref().and_then(|state| state.session.as_ref())
            && session.is_out()
            && let Err(error) =
                lifecycle.record(id.clone(), What::Cancelled { id: session.id }).await
        {
            tracing::warn!(account = %id, cause = %chain(&error), "a link of an earlier run was not ended");
        }
        if let Err(error) = accounts.details(id, known.as_ref()).await {
            tracing::warn!(account = %id, cause = %chain(&error), "a demo account was not met");
        }
    }
    Ok(cast)
}

fn pages(config: &Config) -> Pages {
    let public = config.public_url.as_ref().and_then(|url| url.host_str()).map(str::to_owned);
    // A demo for a network, as in a container, is called by names that nobody knows beforehand.
    let any_name = config.mode == Mode::Demo && !config.bind.ip().is_loopback();
    // Tokens are asked for: a foreign page that rebinds its name has none.
    let asks = matches!(config.access, Access::Token(_));
    let hosts = (!any_name && !asks).then(|| public.into_iter().collect());
    // A proxy may hand on another name than the one by which the gateway's own pages know it.
    let own = config.public_url.as_ref().map(|url| url.origin().ascii_serialization());
    let origins = config.allowed_origins.iter().cloned().chain(own).collect();
    let https = config.public_url.as_ref().is_some_and(|url| url.scheme() == "https");
    Pages { origins, hosts, https }
}

/// The admin address asks for no token: on loopback it is called by names of loopback, so that no
/// page can rebind its own and read. Elsewhere, as in a container, its names are the network's.
fn admin_pages(config: &Config) -> Pages {
    let public = config.public_url.as_ref().and_then(|url| url.host_str()).map(str::to_owned);
    let hosts = config.admin_bind.ip().is_loopback().then(|| public.into_iter().collect());
    Pages { origins: Vec::new(), hosts, https: false }
}

fn explorer(mode: &'static str, cast: &Cast) -> Explorer {
    let healthy = cast.healthy.as_ref().or(cast.all.first());
    let needs = cast.needs_reauth.as_ref().or(cast.all.first());
    let accounts = healthy.zip(needs).map(|(a, b)| (a.as_str().to_owned(), b.as_str().to_owned()));
    Explorer { mode, accounts }
}
