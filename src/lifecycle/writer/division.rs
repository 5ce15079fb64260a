//! What becomes of a batch that failed because of something in it: it is halved until that stands
//! alone, and all else is written.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Entry, Writer};
use crate::{
    error::chain,
    lifecycle::{
        service::RecordError,
        store::{Locked, StoreError},
    },
};

/// How often an entry is tried alone: somebody else may have been faster once.
const TRIES: usize = 3;

/// How long what somebody else has locked is waited for in all before what is left is refused: then
/// it is more than a row. Enough to find one of 500.
const LONGEST: Duration = Duration::from_millis(1500);

impl Writer {
    /// Writes what can be written of these entries, in their order, and answers for it. Is there
    /// news, and what was left out since its account's row is locked?
    pub(super) async fn divide(&self, batch: Vec<Entry>) -> (Vec<Entry>, bool) {
        let begun = Instant::now();
        let (mut left_out, mut told, mut tries) = (Vec::new(), false, 0);
        let (mut wrote, mut was_locked) = (false, false);
        let mut parts = halves(batch);
        while let Some(part) = parts.pop() {
            let error = match self.write(&part, Locked::Wait).await {
                Ok((results, news)) => {
                    told |= news;
                    wrote |= results.iter().any(Option::is_some);
                    tries = 0;
                    left_out.extend(self.answer(part, results));
                    continue;
                }
                Err(error) => error,
            };
            was_locked |= error.is_locked();
            let stands_still = error.is_locked() && begun.elapsed() > LONGEST;
            if error.is_of_database() || stands_still {
                // Once it is the database that fails, trying the others only takes long.
                let rest = part.into_iter().chain(parts.into_iter().rev().flatten());
                self.refuse(rest.collect(), error);
                break;
            }
            if part.len() > 1 {
                parts.extend(halves(part));
                continue;
            }
            tries += 1;
            // Another replica wrote at the same time: now it can be seen.
            if error.is_conflict() && tries < TRIES {
                parts.push(part);
                continue;
            }
            tries = 0;
            refuse_alone(part, error);
        }
        if was_locked && !wrote {
            // It may be a row, or all of the table: whether anything is taken has to show.
            self.database.took_nothing();
        }
        (left_out, told)
    }
}

fn refuse_alone(part: Vec<Entry>, error: StoreError) {
    tracing::error!(cause = %chain(&error), "a fact could not be written");
    let error = Arc::new(error);
    for entry in part {
        let _ = entry.reply.send(Err(RecordError::Store(error.clone())));
    }
}

/// Two halves, the first one last.
fn halves(mut batch: Vec<Entry>) -> Vec<Vec<Entry>> {
    let second = batch.split_off(batch.len().div_ceil(2));
    [second, batch].into_iter().filter(|half| !half.is_empty()).collect()
}
