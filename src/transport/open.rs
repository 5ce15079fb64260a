//! What is open now, counted: streaming connections and the subscriptions on them.
//!
//! A count goes down when its value is dropped, so nothing that ends, however it ends, stays
//! counted.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// The counts of one gateway.
#[derive(Debug, Default)]
pub(super) struct Open {
    connections: AtomicUsize,
    subscriptions: AtomicUsize,
    closed: Notify,
}

/// Why a subscription or its connection ended, as metrics say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// There was nothing more to tell.
    Complete,
    /// It could not start.
    Refused,
    /// The client said so.
    Client,
    /// The client went away without a word.
    Gone,
    /// The client did not take what was written to it in time.
    Slow,
    /// The client answered no pings.
    Silent,
    /// The client broke the protocol.
    Protocol,
    /// The client's token ended, or was not good.
    Token,
    /// Too much was open.
    Overload,
    /// The gateway stops.
    Drain,
}

impl Ended {
    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Refused => "refused",
            Self::Client => "client",
            Self::Gone => "gone",
            Self::Slow => "slow",
            Self::Silent => "silent",
            Self::Protocol => "protocol",
            Self::Token => "token",
            Self::Overload => "overload",
            Self::Drain => "drain",
        }
    }
}

impl Open {
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Acquire)
    }

    pub(super) fn subscriptions(&self) -> usize {
        self.subscriptions.load(Ordering::Acquire)
    }

    /// Counts a connection in, unless there are `most`.
    pub(super) fn connect(
        self: &Arc<Self>,
        transport: &'static str,
        most: usize,
    ) -> Option<Connection> {
        let before = self.connections.fetch_add(1, Ordering::Relaxed);
        if before >= most {
            self.connections.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        metrics::gauge!("mono_gateway_connections", "transport" => transport).increment(1.0);
        Some(Connection { open: self.clone(), transport, ended: Ended::Gone })
    }

    /// Ends when no connection is open.
    pub(super) async fn all_closed(&self) {
        loop {
            let closed = self.closed.notified();
            if self.connections() == 0 {
                return;
            }
            closed.await;
        }
    }
}

/// A streaming connection that counts as long as it lives.
#[derive(Debug)]
pub struct Connection {
    open: Arc<Open>,
    transport: &'static str,
    ended: Ended,
}

impl Connection {
    /// Says why it ends. Without that, its client went away.
    pub fn ends(&mut self, why: Ended) {
        self.ended = why;
    }

    /// Counts a subscription in.
    #[must_use]
    pub fn subscription(&self) -> Subscription {
        let transport = self.transport;
        self.open.subscriptions.fetch_add(1, Ordering::Relaxed);
        metrics::gauge!("mono_gateway_subscriptions", "transport" => transport).increment(1.0);
        metrics::counter!("mono_gateway_subscriptions_started_total", "transport" => transport)
            .increment(1);
        Subscription { open: self.open.clone(), transport, ended: Ended::Gone }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let (transport, reason) = (self.transport, self.ended.as_str());
        self.open.connections.fetch_sub(1, Ordering::AcqRel);
        self.open.closed.notify_waiters();
        metrics::gauge!("mono_gateway_connections", "transport" => transport).decrement(1.0);
        metrics::counter!("mono_gateway_connections_ended_total", "transport" => transport, "reason" => reason)
            .increment(1);
    }
}

/// A subscription that counts as long as it lives.
#[derive(Debug)]
pub struct Subscription {
    open: Arc<Open>,
    transport: &'static str,
    ended: Ended,
}

impl Subscription {
    /// Says why it ends. Without that, its client went away.
    pub fn ends(&mut self, why: Ended) {
        self.ended = why;
    }

    /// Counts an event that was written to the client.
    pub fn told(&self) {
        metrics::counter!("mono_gateway_subscription_messages_total", "transport" => self.transport)
            .increment(1);
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let (transport, reason) = (self.transport, self.ended.as_str());
        self.open.subscriptions.fetch_sub(1, Ordering::AcqRel);
        metrics::gauge!("mono_gateway_subscriptions", "transport" => transport).decrement(1.0);
        metrics::counter!("mono_gateway_subscriptions_ended_total", "transport" => transport, "reason" => reason)
            .increment(1);
    }
}
