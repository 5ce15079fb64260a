//! What a connection is doing, and until when it may.
//!
//! Told by the socket, the requests and their answers; asked by whoever drives the connection.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use tokio::time::Instant;

use super::Bounds;

/// Why a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// A head was begun, or is owed, and does not come.
    Head,
    /// Nothing was asked for long.
    Idle,
    /// An answer is not read.
    Answer,
    /// The peer has ended its side and is taken to be gone.
    Gone,
    /// It is done and has waited long enough for its peer.
    Done,
}

impl Why {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Idle => "idle",
            Self::Answer => "answer",
            Self::Gone => "gone",
            Self::Done => "done",
        }
    }
}

/// How far the answer to a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// There is none yet.
    Awaited,
    /// It is on its way, all of it, since then.
    Leaving(Instant),
    /// It is on its way and ends when it ends.
    Endless,
}

#[derive(Debug)]
struct UnderWay {
    id: u64,
    /// Whether the request has arrived to its end.
    is_whole: bool,
    answer: Answer,
    since: Instant,
}

#[derive(Debug)]
struct Beat {
    is_http2: bool,
    was_asked: bool,
    under_way: Vec<UnderWay>,
    serial: u64,
    /// When nothing was under way any more.
    quiet_since: Instant,
    /// When the first byte came after that.
    head_since: Option<Instant>,
    /// Since when the socket takes nothing.
    blocked_since: Option<Instant>,
    /// Since when the peer writes no more.
    ended_since: Option<Instant>,
    /// Since when there is nothing left but to wait for the peer.
    done_since: Option<Instant>,
    may_linger: bool,
    /// A reader that is not told yet that the peer writes no more.
    untold: Option<Waker>,
}

/// What a connection is doing.
#[derive(Debug)]
pub(super) struct Pulse {
    bounds: Bounds,
    beat: Mutex<Beat>,
}

impl Pulse {
    pub(super) fn new(bounds: Bounds) -> Self {
        let beat = Beat {
            is_http2: false,
            was_asked: false,
            under_way: Vec::new(),
            serial: 0,
            quiet_since: Instant::now(),
            head_since: None,
            blocked_since: None,
            ended_since: None,
            done_since: None,
            may_linger: true,
            untold: None,
        };
        Self { bounds, beat: Mutex::new(beat) }
    }

    fn beat(&self) -> MutexGuard<'_, Beat> {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the connection is to be looked at next, and why it would end if it were the same then.
    /// Without a reason nothing is owed.
    pub(super) fn due(&self) -> (Instant, Option<Why>) {
        let beat = self.beat();
        let bounds = &self.bounds;
        if let Some(since) = beat.done_since {
            return (since + bounds.linger, Some(Why::Done));
        }
        let leaving = beat.under_way.iter().filter_map(|exchange| match exchange.answer {
            Answer::Leaving(since) => Some(since),
            Answer::Awaited | Answer::Endless => None,
        });
        let unread = leaving.chain(beat.blocked_since).min();
        let unread = unread.map(|since| (since + bounds.answer, Some(Why::Answer)));
        let gone = beat.gone_since().map(|since| (since + bounds.listens, Some(Why::Gone)));
        if let Some(due) = unread.into_iter().chain(gone).min_by_key(|(at, _)| *at) {
            return due;
        }
        if !beat.under_way.is_empty() {
            return (Instant::now() + bounds.head, None);
        }
        let quiet = beat.quiet_since;
        match beat.head_since {
            _ if !beat.was_asked => (quiet + bounds.head, Some(Why::Head)),
            // Over HTTP/2 not every byte is the beginning of a request.
            Some(since) if !beat.is_http2 => (since + bounds.head, Some(Why::Head)),
            Some(_) | None => (quiet + bounds.idle, Some(Why::Idle)),
        }
    }

    /// A request's head has come.
    pub(super) fn begin(self: &Arc<Self>, is_http2: bool, is_whole: bool) -> Exchange {
        let mut beat = self.beat();
        beat.is_http2 = is_http2;
        beat.was_asked = true;
        beat.head_since = None;
        beat.serial += 1;
        let id = beat.serial;
        let since = Instant::now();
        beat.under_way.push(UnderWay { id, is_whole, answer: Answer::Awaited, since });
        Exchange { pulse: self.clone(), id }
    }

    fn with<T>(&self, id: u64, change: impl FnOnce(&mut UnderWay) -> T) -> Option<T> {
        self.beat().under_way.iter_mut().find(|exchange| exchange.id == id).map(change)
    }

    /// A request has arrived to its end.
    pub(super) fn arrived(&self, id: u64) {
        self.with(id, |exchange| exchange.is_whole = true);
    }

    fn end(&self, id: u64) {
        let mut beat = self.beat();
        beat.under_way.retain(|exchange| exchange.id != id);
        if beat.under_way.is_empty() {
            beat.quiet_since = Instant::now();
        }
        let untold = beat.untold.take();
        drop(beat);
        if let Some(reader) = untold {
            reader.wake();
        }
    }

    /// Bytes have come.
    pub(super) fn read(&self) {
        let mut beat = self.beat();
        if beat.under_way.is_empty() && beat.head_since.is_none() {
            beat.head_since = Some(Instant::now());
        }
    }

    /// The socket takes nothing.
    pub(super) fn blocked(&self) {
        self.beat().blocked_since.get_or_insert_with(Instant::now);
    }

    /// The socket took something.
    pub(super) fn wrote(&self) {
        let mut beat = self.beat();
        beat.blocked_since = None;
        let untold = beat.untold.take();
        drop(beat);
        if let Some(reader) = untold {
            reader.wake();
        }
    }

    /// Whether the reader is to learn that the peer writes no more. Not while a request that is
    /// whole waits for its answer: a peer may say all that it has to say and then listen, for a
    /// while. If not, `reader` is woken once it is. Who asked for a stream and writes no more is taken to be
    /// gone: a stream to nobody would hold a subscription for as long as nothing happens.
    pub(super) fn tells_of_end(&self, reader: &Waker) -> bool {
        let mut beat = self.beat();
        beat.ended_since.get_or_insert_with(Instant::now);
        let listens = beat
            .under_way
            .iter()
            .all(|exchange| exchange.is_whole && exchange.answer != Answer::Endless);
        let waits = !beat.under_way.is_empty() || beat.blocked_since.is_some();
        let tells = beat.is_http2 || !waits || !listens;
        beat.untold = (!tells).then(|| reader.clone());
        tells
    }

    /// Nothing is left but to wait for the peer.
    pub(super) fn done(&self) {
        self.beat().done_since.get_or_insert_with(Instant::now);
    }

    /// Whether the peer may be waited for.
    pub(super) fn may_linger(&self) -> bool {
        self.beat().may_linger
    }

    /// The peer will not be waited for: the gateway stops, or the connection is no longer HTTP's.
    pub(super) fn no_lingering(&self) {
        self.beat().may_linger = false;
    }
}

impl Beat {
    /// Since when a peer that writes no more waits for an answer.
    fn gone_since(&self) -> Option<Instant> {
        let ended = self.ended_since?;
        let awaited = self.under_way.iter().filter(|exchange| exchange.answer == Answer::Awaited);
        awaited.map(|exchange| exchange.since.max(ended)).min()
    }
}

/// A request and its answer, under way until this is dropped.
#[derive(Debug)]
pub(super) struct Exchange {
    pulse: Arc<Pulse>,
    id: u64,
}

impl Exchange {
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn answered(&self, answer: Answer) {
        self.pulse.with(self.id, |exchange| exchange.answer = answer);
    }

    /// Whether the request has arrived to its end.
    pub(super) fn is_whole(&self) -> bool {
        self.pulse.with(self.id, |exchange| exchange.is_whole).unwrap_or(true)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.pulse.end(self.id);
    }
}
