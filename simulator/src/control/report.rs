//! What there is to see of a simulator from outside.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    Simulator,
    clock::now,
    faults::Fault,
    shape::Era,
    webhooks::{Kind, queue::Delivery},
    world::{
        job::Job,
        link::{LinkState, Scope},
        status::DataStatus,
    },
};

/// The state of a simulator, as `GET /_simulator/state` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct State {
    /// The seed of the world.
    pub seed: u64,
    /// The era whose shapes it answers in.
    pub era: Era,
    /// Where webhooks go.
    pub webhook_url: Option<String>,
    /// The accounts, the seeded ones first.
    pub accounts: Vec<AccountState>,
    /// The hosted links, oldest first.
    pub links: Vec<LinkReport>,
    /// The jobs, oldest first: real-time sessions and products.
    pub jobs: Vec<Job>,
    /// The webhooks that wait, in the order in which they will leave.
    pub pending_webhooks: Vec<Pending>,
    /// The webhooks that left, oldest first.
    pub deliveries: Vec<Delivery>,
    /// What is still to go wrong.
    pub faults: Vec<Fault>,
    /// How often each kind of request was made.
    pub calls: BTreeMap<String, u64>,
    /// The most requests that were in flight at once.
    pub max_concurrent: usize,
}

/// An account in short.
#[derive(Clone, Debug, Serialize)]
pub struct AccountState {
    /// Its id.
    pub id: String,
    /// The holder's name.
    pub name: String,
    /// `data_status`.
    pub status: DataStatus,
    /// What can be read.
    pub retrieved_data: Vec<String>,
    /// Whether the bank asks for the customer.
    pub needs_reauth: bool,
    /// How many transactions it has, readable or not.
    pub transactions: usize,
}

/// A hosted link in short.
#[derive(Clone, Debug, Serialize)]
pub struct LinkReport {
    /// The last part of its address.
    pub code: String,
    /// What it is for.
    pub scope: Scope,
    /// The account to re-authorise.
    pub account: Option<String>,
    /// `meta.ref`.
    pub reference: Option<String>,
    /// What became of it.
    pub state: LinkState,
    /// The accounts that it ended in.
    pub authorised: Vec<String>,
}

/// A webhook that waits.
#[derive(Clone, Debug, Serialize)]
pub struct Pending {
    /// Its number.
    pub number: u64,
    /// What it is about.
    pub kind: Kind,
    /// The account that it is about.
    pub account: Option<String>,
}

impl Simulator {
    /// What there is, what waits and what has happened.
    pub fn state(&self) -> State {
        let at = now();
        self.with(|world| State {
            seed: world.seed,
            era: world.era,
            webhook_url: world.webhook_url.clone(),
            accounts: world
                .accounts
                .iter()
                .map(|each| AccountState {
                    id: each.id.clone(),
                    name: each.name.clone(),
                    status: each.data_status.clone(),
                    retrieved_data: each.retrieved_data.clone(),
                    needs_reauth: each.needs_reauth,
                    transactions: each.transactions.len(),
                })
                .collect(),
            links: world
                .links
                .iter()
                .map(|each| LinkReport {
                    code: each.code.clone(),
                    scope: each.scope,
                    account: each.account.clone(),
                    reference: each.reference().map(str::to_owned),
                    state: each.state_at(at),
                    authorised: each.authorised.clone(),
                })
                .collect(),
            jobs: world.jobs.clone(),
            pending_webhooks: world
                .queue
                .iter()
                .map(|each| Pending {
                    number: each.number,
                    kind: each.webhook.kind,
                    account: each.webhook.account.clone(),
                })
                .collect(),
            deliveries: world.deliveries.clone(),
            faults: world.faults.clone(),
            calls: world.calls.counts(),
            max_concurrent: world.calls.most_in_flight(),
        })
    }
}
