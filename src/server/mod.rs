//! Takes TCP connections and speaks HTTP over them, for callers that are slow, rude or gone.
//!
//! Knows HTTP and nothing of what is asked. Whatever a peer does or leaves undone, what its
//! connection holds is given back after a time that [`Bounds`] says.

pub mod body;
mod connection;
mod pulse;
mod stream;

use std::{convert::Infallible, io, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::{Request, Response, body::Body};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};
use tower::Service;

use body::{Arriving, BoxError};

/// How long things may take, and how many connections there may be. No setting: whoever needs
/// other bounds puts a proxy in front. Tests take smaller ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How long a request's head may take, from its first byte; for the first request of a
    /// connection from the connection's start. A head fits a few packets, so even a bad mobile
    /// link needs a second or two.
    pub head: Duration,
    /// How long a connection may stay without a request. Longer than the 60 s for which the usual
    /// proxies keep theirs, so that it is the proxy that closes, and no request meets a closing
    /// connection.
    pub idle: Duration,
    /// How long a request's body may take, from the end of its head. None is larger than 1 MiB.
    pub body: Duration,
    /// How long the peer may take to read an answer, and how long a stream may wait for a peer
    /// that reads nothing.
    pub answer: Duration,
    /// How long a peer that writes no more waits for an answer. Somebody who has said everything and
    /// listens looks the same as somebody who went away, for whom nothing should be asked.
    pub listens: Duration,
    /// How long a connection that is done waits for its peer to see that. Closed at once, with
    /// bytes of the peer's unread, the system would send a reset, which may overtake the answer.
    pub linger: Duration,
    /// How many connections there may be beside the streaming ones.
    pub headroom: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body: Duration::from_secs(15),
            answer: Duration::from_secs(60),
            listens: Duration::from_secs(2),
            linger: Duration::from_secs(5),
            headroom: 1024,
        }
    }
}

/// How long accepting rests after the system refused, mostly for want of file descriptors.
const REST: Duration = Duration::from_millis(100);

/// How many peers are told at once that there is no place, and for how long each is waited for.
/// Beyond, connections are closed without a word.
const REFUSALS: usize = 64;
const LONGEST_REFUSAL: Duration = Duration::from_secs(1);

/// What a peer is told for whom there is no place. Nothing of what it sent is looked at.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
content-type: application/json\r\n\
content-length: 75\r\n\
retry-after: 1\r\n\
connection: close\r\n\
\r\n\
{\"message\":\"too many connections are open; try again in a moment or later\"}";

/// Serves every connection of `listener` with `service`, at most `most` at once, until `draining`
/// says so; then ends once every request under way is answered. Aborting it cuts them.
pub fn serve<S, B>(
    listener: TcpListener,
    service: S,
    most: usize,
    bounds: Bounds,
    draining: watch::Receiver<bool>,
) -> JoinHandle<()>
where
    S: Service<Request<Arriving>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    tokio::spawn(async move {
        let slots = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        let refusals = Arc::new(Semaphore::new(REFUSALS));
        let mut connections = JoinSet::new();
        let mut stops = draining.clone();
        let mut stop = pin!(stops.wait_for(|draining| *draining));
        let mut was_refused = false;
        loop {
            let accepted = tokio::select! {
                biased;
                _ = &mut stop => break,
                Some(_) = connections.join_next() => continue,
                accepted = listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) if is_of_the_peer(&error) => continue,
                Err(error) => {
                    if !was_refused {
                        tracing::error!(%error, "no connection can be taken; trying again");
                    }
                    was_refused = true;
                    sleep(REST).await;
                    continue;
                }
            };
            was_refused = false;
            // Small frames must not wait for an acknowledgement: with Nagle's algorithm on, an
            // event is 40 ms late.
            let _ = stream.set_nodelay(true);
            if let Ok(slot) = slots.clone().try_acquire_owned() {
                let (service, draining) = (service.clone(), draining.clone());
                connections.spawn(connection::drive(stream, slot, service, bounds, draining));
            } else {
                metrics::counter!("mono_gateway_connections_refused_total").increment(1);
                if let Ok(turn) = refusals.clone().try_acquire_owned() {
                    connections.spawn(async move {
                        let _ = timeout(LONGEST_REFUSAL, refuse(stream)).await;
                        drop(turn);
                    });
                }
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    })
}

/// Whether a connection was gone before it was taken, which says nothing of the next one.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    [ConnectionAborted, ConnectionRefused, ConnectionReset].contains(&error.kind())
}

async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(FULL).await?;
    stream.shutdown().await?;
    let mut unread = [0; 1024];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_says_its_own_length() {
        let text = std::str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
    }
}
