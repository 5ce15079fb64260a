//! Everything that is true in the simulated bank world. One lock guards all of it, nothing in here
//! waits, and what is to be told to the application is queued, not sent.

pub(crate) mod account;
pub(crate) mod bank;
pub(crate) mod customer;
pub(crate) mod finish;
pub(crate) mod job;
pub(crate) mod link;
pub(crate) mod linking;
pub(crate) mod mint;
pub(crate) mod product;
pub(crate) mod refresh;
pub(crate) mod seed;
pub(crate) mod status;
pub(crate) mod sync;
pub(crate) mod turn;

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use self::{account::Account, customer::Customer, job::Job, link::Link, mint::Mint};
use crate::{
    behaviour::Behaviour,
    calls::Calls,
    clock::now,
    faults::Fault,
    shape::Era,
    webhooks::{
        Kind, Oddity, Script, Webhook,
        queue::{Delivery, Effect, Queue, Queued},
    },
};

/// The stream of the seed that everything made at run time is drawn from.
const RUN_TIME: u64 = u64::MAX;
/// The stream of the seed that unknown accounts are made up from.
const STRANGERS: u64 = u64::MAX - 1;

/// The world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) base: String,
    pub(crate) era: Era,
    pub(crate) behaviour: Behaviour,
    pub(crate) script: Script,
    pub(crate) accounts: Vec<Account>,
    /// What was known of accounts that are gone: a late webhook may still be about one.
    pub(crate) unlinked: Vec<Account>,
    pub(crate) customers: Vec<Customer>,
    pub(crate) links: Vec<Link>,
    pub(crate) codes: HashMap<String, Code>,
    pub(crate) jobs: Vec<Job>,
    /// When each account was last synced by hand.
    pub(crate) synced: HashMap<String, DateTime<Utc>>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) queue: Queue,
    pub(crate) posted: Vec<Posted>,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) calls: Calls,
    pub(crate) webhook_url: Option<String>,
    pub(crate) webhook_secret: String,
    pub(crate) greeted: bool,
    pub(crate) mint: Mint,
    numbers: u64,
}

/// What a widget hands back for the account's id, good for ten minutes.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) account: String,
    pub(crate) made_at: DateTime<Utc>,
    pub(crate) used: bool,
}

/// A webhook that was queued and has not been given its time yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Posted {
    pub(crate) number: u64,
    pub(crate) delay_ms: u64,
    pub(crate) oddity: Oddity,
}

impl World {
    /// The world of `seed` with `count` accounts, reached by browsers at `base`.
    pub(crate) fn new(seed: u64, count: usize, base: String, webhook_secret: String) -> Self {
        let accounts = seed::accounts(seed, count);
        Self {
            seed,
            base,
            era: Era::default(),
            behaviour: Behaviour::default(),
            script: Script::default(),
            customers: accounts.iter().map(Customer::of).collect(),
            accounts,
            unlinked: Vec::new(),
            links: Vec::new(),
            codes: HashMap::new(),
            jobs: Vec::new(),
            synced: HashMap::new(),
            faults: Vec::new(),
            queue: Queue::default(),
            posted: Vec::new(),
            deliveries: Vec::new(),
            calls: Calls::default(),
            webhook_url: None,
            webhook_secret,
            greeted: false,
            mint: Mint::new(seed, RUN_TIME),
            numbers: 0,
        }
    }

    /// Starts over from `seed`. Numbers go on counting, so that nothing old is mistaken for new.
    pub(crate) fn reset(&mut self, seed: u64, count: usize) {
        let (url, numbers) = (self.webhook_url.take(), self.numbers);
        *self = Self::new(seed, count, self.base.clone(), self.webhook_secret.clone());
        self.webhook_url = url;
        self.numbers = numbers;
    }

    pub(crate) fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == id)
    }

    pub(crate) fn account_mut(&mut self, id: &str) -> Option<&mut Account> {
        self.accounts.iter_mut().find(|account| account.id == id)
    }

    /// Takes account `id` away, with the codes that stand for it.
    pub(crate) fn forget(&mut self, id: &str) {
        let (gone, kept) =
            std::mem::take(&mut self.accounts).into_iter().partition(|account| account.id == id);
        self.accounts = kept;
        self.unlinked.extend::<Vec<Account>>(gone);
        self.codes.retain(|_, code| code.account != id);
    }

    /// The account with this id, made up if there is none: a webhook may be about anybody.
    pub(crate) fn account_or_stranger(&self, id: &str) -> Account {
        let stranger = || {
            let new = account::NewAccount { id: Some(id.to_owned()), ..Default::default() };
            seed::account(&mut Mint::new(self.seed, STRANGERS), new, now())
        };
        let gone = || self.unlinked.iter().find(|account| account.id == id);
        self.account(id).or_else(gone).cloned().unwrap_or_else(stranger)
    }

    /// The next number of a webhook or delivery.
    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Queues `item` and returns its number.
    pub(crate) fn post(&mut self, mut item: Queued) -> u64 {
        item.number = self.number();
        let oddity = item.webhook.oddity;
        if oddity == Oddity::Late {
            item.caused_at = Some(now());
        }
        self.posted.push(Posted { number: item.number, delay_ms: item.delay_ms, oddity });
        let number = item.number;
        self.queue.push(item);
        number
    }

    /// Queues a webhook of `kind` about `account` with nothing special about it.
    pub(crate) fn announce(&mut self, kind: Kind, account: &str) -> u64 {
        self.post(Queued::new(Webhook::new(kind, account), Effect::None))
    }

    /// Says, once, which accounts of the seeded world need their customer.
    pub(crate) fn greet(&mut self) {
        if std::mem::replace(&mut self.greeted, true) {
            return;
        }
        let asking: Vec<String> = self
            .accounts
            .iter()
            .filter(|each| each.needs_reauth)
            .map(|each| each.id.clone())
            .collect();
        for id in asking {
            self.announce(Kind::ReauthorisationRequired, &id);
        }
    }

    /// Lets the data of accounts that are being fetched come in, each with its webhook.
    pub(crate) fn finish_processing(&mut self) {
        let waiting = |each: &&Account| each.data_status == status::DataStatus::Processing;
        let ids: Vec<String> =
            self.accounts.iter().filter(waiting).map(|each| each.id.clone()).collect();
        for id in ids {
            let effect = Effect::DataIn { status: None, fresh: false };
            self.post(Queued::new(Webhook::new(Kind::AccountUpdated, &id), effect));
        }
    }
}
