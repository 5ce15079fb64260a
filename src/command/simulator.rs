//! The only place that names the simulator. Everything else speaks to it as it speaks to Mono.

#[cfg(feature = "simulator")]
pub(crate) use with::{Running, alone};
#[cfg(not(feature = "simulator"))]
pub(crate) use without::{Running, alone};

use std::net::SocketAddr;

/// A world to simulate.
#[cfg_attr(not(feature = "simulator"), expect(dead_code, reason = "read by the simulator alone"))]
pub(crate) struct World {
    pub(crate) bind: SocketAddr,
    pub(crate) seed: u64,
    pub(crate) accounts: usize,
    pub(crate) webhook_url: Option<String>,
    pub(crate) webhook_secret: String,
    pub(crate) secret_key: String,
    pub(crate) explicit: bool,
}

/// The simulator cannot be had.
type Failure = Box<dyn std::error::Error + 'static>;

#[cfg(feature = "simulator")]
mod with {
    use std::process::ExitCode;

    use mono_gateway::app::Stand;
    use mono_simulator::{Options, Pace, Simulator};
    use secrecy::SecretString;

    use super::{Failure, World};

    /// The simulator of demo mode.
    pub(crate) struct Running(Simulator);

    impl Running {
        pub(crate) async fn start() -> Result<Self, Failure> {
            let random = || format!("{:016x}{:016x}", rand::random::<u64>(), rand::random::<u64>());
            let options = Options {
                secret_key: format!("test_sk_{}", random()),
                webhook_secret: random(),
                ..Options::default()
            };
            Ok(Self(Simulator::start(options).await?))
        }

        pub(crate) fn base_url(&self) -> &str {
            self.0.base_url()
        }

        pub(crate) fn stand(&self) -> Stand {
            Stand {
                base_url: self.0.base_url().to_owned(),
                secret_key: SecretString::from(self.0.secret_key()),
                webhook_secret: SecretString::from(self.0.webhook_secret()),
            }
        }

        pub(crate) fn send_webhooks_to(&self, url: &str) {
            self.0.set_webhook_url(url);
        }

        pub(crate) async fn stop(&self) {
            self.0.stop().await;
        }
    }

    /// Runs the simulator until it is told to stop.
    pub(crate) async fn alone(world: World) -> ExitCode {
        let defaults = Options::default();
        let options = Options {
            bind: world.bind,
            seed: world.seed,
            accounts: world.accounts,
            webhook_url: world.webhook_url,
            webhook_secret: world.webhook_secret,
            secret_key: world.secret_key,
            pace: if world.explicit { Pace::Explicit } else { defaults.pace },
            ..Options::default()
        };
        let simulator = match Simulator::start(options).await {
            Ok(simulator) => simulator,
            Err(error) => return crate::command::failed(&error),
        };
        let base = simulator.base_url();
        crate::command::print(&format!(
            "A simulated Mono listens at {base}, with the key {}.\n\
             Its levers are under {base}/_simulator; its state is at {base}/_simulator/state.\n",
            simulator.secret_key(),
        ));
        crate::command::Signals::listen().next().await;
        simulator.stop().await;
        ExitCode::SUCCESS
    }
}

#[cfg(not(feature = "simulator"))]
mod without {
    use std::process::ExitCode;

    use mono_gateway::app::Stand;

    use super::{Failure, World};

    const SENTENCE: &str =
        "this build has no simulator; set MONO_SECRET_KEY to serve Mono, or build with it";

    /// There is none.
    pub(crate) enum Running {}

    impl Running {
        pub(crate) async fn start() -> Result<Self, Failure> {
            Err(SENTENCE.into())
        }

        pub(crate) fn base_url(&self) -> &str {
            match *self {}
        }

        pub(crate) fn stand(&self) -> Stand {
            match *self {}
        }

        pub(crate) fn send_webhooks_to(&self, _: &str) {
            match *self {}
        }

        pub(crate) async fn stop(&self) {
            match *self {}
        }
    }

    pub(crate) async fn alone(_: World) -> ExitCode {
        let error: Failure = SENTENCE.into();
        crate::command::failed(error.as_ref())
    }
}
