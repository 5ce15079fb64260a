//! The operations that run on one connection, by their ids.
//!
//! One that ends leaves nothing: it is given up at once, and dropped when its connection next
//! looks for answers. An id is free again from then on.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_util::{
    Stream, StreamExt as _,
    stream::{AbortHandle, Abortable, BoxStream, SelectAll, abortable},
};

use super::super::{Ended, Subscription, message::Answer};

/// What an operation sends.
pub(super) enum Sent {
    /// An answer of the operation with this id.
    Answer(Arc<str>, Box<Answer>),
    /// There are no more.
    Done(Arc<str>),
}

/// The operations of a connection.
#[derive(Default)]
pub(super) struct Operations {
    running: HashMap<Arc<str>, Running>,
    answers: SelectAll<Abortable<Answers>>,
}

struct Running {
    handle: AbortHandle,
    /// Counts it, if it is a subscription.
    counted: Option<Subscription>,
}

impl Running {
    fn end(mut self, why: Ended) {
        self.handle.abort();
        if let Some(counted) = &mut self.counted {
            counted.ends(why);
        }
    }
}

impl Operations {
    pub(super) fn has(&self, id: &str) -> bool {
        self.running.contains_key(id)
    }

    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    /// Begins with an operation, whose id is free.
    pub(super) fn insert(
        &mut self,
        id: &str,
        answers: BoxStream<'static, Answer>,
        counted: Option<Subscription>,
    ) {
        let id: Arc<str> = id.into();
        let (answers, handle) = abortable(Answers { id: id.clone(), answers: Some(answers) });
        self.running.insert(id, Running { handle, counted });
        self.answers.push(answers);
    }

    /// Ends an operation, if it runs.
    pub(super) fn remove(&mut self, id: &str, why: Ended) {
        if let Some(running) = self.running.remove(id) {
            running.end(why);
        }
    }

    /// Ends all of them.
    pub(super) fn end(&mut self, why: Ended) {
        self.running.drain().for_each(|(_, running)| running.end(why));
    }

    /// Counts an answer that was written to the client.
    pub(super) fn told(&self, id: &str) {
        if let Some(counted) = self.running.get(id).and_then(|running| running.counted.as_ref()) {
            counted.told();
        }
    }

    /// What is sent next; nothing while nothing runs.
    pub(super) async fn next(&mut self) -> Option<Sent> {
        self.answers.next().await
    }
}

/// The answers of one operation, then its end. One that was given up sends neither.
struct Answers {
    id: Arc<str>,
    answers: Option<BoxStream<'static, Answer>>,
}

impl Stream for Answers {
    type Item = Sent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Sent>> {
        let Some(answers) = &mut self.answers else { return Poll::Ready(None) };
        let answer = ready!(answers.poll_next_unpin(context));
        Poll::Ready(Some(match answer {
            Some(answer) => Sent::Answer(self.id.clone(), Box::new(answer)),
            None => {
                self.answers = None;
                Sent::Done(self.id.clone())
            }
        }))
    }
}
