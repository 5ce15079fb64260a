//! Sends webhooks, and sends them again until they are answered with exactly 200.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;

use super::{
    Oddity,
    queue::{Delivery, Letter},
};
use crate::{Pace, Simulator, world::Posted};

/// How many steps a late webhook waits.
const LATE: u64 = 5;

impl Simulator {
    /// Sends what was posted, one after another, each after its wait. A webhook that is not
    /// acknowledged at once does not hold up those after it.
    pub(crate) fn send_by_itself(&self, batch: Vec<Posted>) {
        let Pace::Auto { step_ms } = self.pace() else {
            return;
        };
        let (late, timely): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|posted| posted.oddity == Oddity::Late);
        for batch in [timely, late].into_iter().filter(|batch| !batch.is_empty()) {
            let simulator = self.clone();
            self.spawn(async move {
                for posted in batch {
                    let steps = match posted.oddity {
                        Oddity::Reversed => 0,
                        Oddity::Late => LATE,
                        Oddity::None
                        | Oddity::Duplicate
                        | Oddity::Lost
                        | Oddity::WrongSecret
                        | Oddity::NoEventId
                        | Oddity::Garbage => 1,
                    };
                    let wait = step_ms.saturating_mul(steps).saturating_add(posted.delay_ms);
                    simulator.pause(Duration::from_millis(wait)).await;
                    if simulator.is_stopping() {
                        return;
                    }
                    simulator.send_now(posted.number).await;
                }
            });
        }
    }

    /// Gives webhook `number` its turn. Its first try ends before this does; further ones go on
    /// in the background.
    async fn send_now(&self, number: u64) {
        let letters = self.with(|world| {
            world.queue.take(number).map(|item| world.turn(item)).unwrap_or_default()
        });
        for letter in letters.into_iter().filter_map(|(_, letter)| letter) {
            if !self.attempt(&letter).await {
                let simulator = self.clone();
                self.spawn(async move { simulator.retry(&letter).await });
            }
        }
    }

    /// Sends whatever webhook is next, with all its tries, and returns what became of each copy.
    pub(crate) async fn send_next(&self) -> Vec<Delivery> {
        let letters =
            self.with(|world| world.queue.next().map(|item| world.turn(item)).unwrap_or_default());
        let numbers: Vec<u64> = letters.iter().map(|(number, _)| *number).collect();
        for letter in letters.into_iter().filter_map(|(_, letter)| letter) {
            if !self.attempt(&letter).await {
                self.retry(&letter).await;
            }
        }
        self.with(|world| {
            let known = numbers.into_iter().filter_map(|number| world.delivery(number).cloned());
            known.collect()
        })
    }

    /// All tries after the first.
    async fn retry(&self, letter: &Letter) {
        let (tries, first_wait) =
            self.with(|world| (world.behaviour.webhook_tries, world.behaviour.webhook_wait_ms));
        let mut wait = Duration::from_millis(first_wait);
        for _ in 1..tries {
            self.pause(wait).await;
            if self.is_stopping() || self.attempt(letter).await {
                return;
            }
            wait = wait.saturating_mul(2);
        }
    }

    /// Sends `letter` once and notes the answer. Returns whether there is nothing left to do.
    async fn attempt(&self, letter: &Letter) -> bool {
        let request = self
            .client()
            .post(&letter.url)
            .header(CONTENT_TYPE, "application/json")
            .header("mono-webhook-secret", &letter.secret)
            .body(letter.body.clone());
        let status = match request.send().await {
            Ok(response) => Some(response.status().as_u16()),
            Err(error) => {
                tracing::debug!(%error, delivery = letter.delivery, "a webhook was not answered");
                None
            }
        };
        self.with(|world| {
            // The world was reset in the meantime: nobody waits for this one.
            let Some(delivery) = world.delivery(letter.delivery) else {
                return true;
            };
            delivery.tries += 1;
            delivery.last_status = status;
            delivery.acknowledged = status == Some(200);
            delivery.acknowledged
        })
    }
}
