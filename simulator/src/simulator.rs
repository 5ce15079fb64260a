//! The running simulator: its server, its tasks and its one lock.

use std::{
    fmt,
    future::Future,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{
    Options, Pace, StartError, api, control, line::Door, line::Switch, page, world::World,
};

/// How long a stop waits for requests in flight.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a webhook's receiver may take.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// A running simulator. Clones are handles to the same one.
///
/// It runs until [`Simulator::stop`] or the end of the runtime that it was started on.
#[derive(Clone)]
pub struct Simulator(Arc<Core>);

struct Core {
    options: Options,
    base_url: String,
    client: reqwest::Client,
    world: Mutex<World>,
    tasks: Mutex<JoinSet<()>>,
    stopping: watch::Sender<bool>,
    written: Arc<AtomicU64>,
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").field("base_url", &self.0.base_url).finish_non_exhaustive()
    }
}

impl Simulator {
    /// Listens, seeds its world and serves it.
    ///
    /// # Errors
    /// [`StartError`] if the address is taken or the webhook client cannot be built.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        // Somebody may have installed a provider before, which is as good.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(WEBHOOK_TIMEOUT)
            .build()
            .map_err(StartError::Client)?;
        let refused = |error| StartError::Listen(options.bind, error);
        let listener = TcpListener::bind(options.bind).await.map_err(refused)?;
        let base_url = format!("http://{}", reachable(listener.local_addr().map_err(refused)?));
        let public = options.public_url.clone().unwrap_or_else(|| base_url.clone());
        let public = public.trim_end_matches('/').to_owned();
        let secret = options.webhook_secret.clone();
        let mut world = World::new(options.seed, options.accounts, public, secret);
        world.webhook_url.clone_from(&options.webhook_url);
        let simulator = Self(Arc::new(Core {
            options,
            base_url,
            client,
            world: Mutex::new(world),
            tasks: Mutex::default(),
            stopping: watch::Sender::new(false),
            written: Arc::default(),
        }));
        simulator.serve(listener);
        simulator.wake();
        Ok(simulator)
    }

    fn serve(&self, listener: TcpListener) {
        let router = api::router(self)
            .merge(page::router())
            .merge(control::http::router())
            .with_state(self.clone());
        let door = Door { listener, written: self.0.written.clone() };
        let service = router.into_make_service_with_connect_info::<Switch>();
        let mut stopping = self.0.stopping.subscribe();
        let stopped = async move {
            // An error means that there is nobody left who could ask for a stop.
            let _asked = stopping.wait_for(|stop| *stop).await;
        };
        let server = axum::serve(door, service).with_graceful_shutdown(stopped);
        self.spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "the simulator's server ended");
            }
        });
    }

    /// Lets a new world say what it has to say by itself, at the automatic pace.
    pub(crate) fn wake(&self) {
        if self.pace() != Pace::Explicit {
            self.act(|world| {
                world.finish_processing();
                if world.webhook_url.is_some() {
                    world.greet();
                }
            });
        }
    }

    /// Where it listens, as `http://127.0.0.1:4010`, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.0.base_url
    }

    /// The key that callers must send in `mono-sec-key`.
    pub fn secret_key(&self) -> &str {
        &self.0.options.secret_key
    }

    /// How many bytes it has written to its callers.
    pub fn bytes_written(&self) -> u64 {
        self.0.written.load(Ordering::Relaxed)
    }

    /// What webhooks carry in `mono-webhook-secret`.
    pub fn webhook_secret(&self) -> &str {
        &self.0.options.webhook_secret
    }

    /// Sends webhooks to `url` from now on. At the automatic pace the first address that is known
    /// hears at once of the accounts that need their customer.
    pub fn set_webhook_url(&self, url: &str) {
        self.act(|world| {
            world.webhook_url = Some(url.to_owned());
            if self.pace() != Pace::Explicit {
                world.greet();
            }
        });
    }

    /// Stops accepting, ends every task and returns when they have ended.
    pub async fn stop(&self) {
        self.0.stopping.send_replace(true);
        let mut tasks = std::mem::take(&mut *self.tasks());
        let ended = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(PATIENCE, ended).await.is_err() {
            tracing::debug!("the simulator stops with requests in flight");
        }
        tasks.shutdown().await;
    }

    /// Reads or changes the world.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut World) -> T) -> T {
        f(&mut self.0.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the world and sends, at the automatic pace, what that posts.
    pub(crate) fn act<T>(&self, f: impl FnOnce(&mut World) -> T) -> T {
        let (result, posted) = self.with(|world| (f(world), std::mem::take(&mut world.posted)));
        self.send_by_itself(posted);
        result
    }

    pub(crate) fn pace(&self) -> Pace {
        self.0.options.pace
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.0.client
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.0.stopping.borrow()
    }

    /// Waits, though not beyond a stop.
    pub(crate) async fn pause(&self, wait: Duration) {
        let mut stopping = self.0.stopping.subscribe();
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stopping.wait_for(|stop| *stop) => {}
        }
    }

    /// Runs `task` until it ends or the simulator stops.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if self.is_stopping() {
            return;
        }
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, JoinSet<()>> {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `address`, or its loopback if it stands for all interfaces.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        return SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port());
    }
    address
}
