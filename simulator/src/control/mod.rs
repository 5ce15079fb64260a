//! How a test or a person moves the world: typed methods here, the same over HTTP in `http`.

pub(crate) mod http;
mod jobs;
pub(crate) mod report;

use std::{error::Error, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    Simulator,
    behaviour::Behaviour,
    calls::Call,
    clock::now,
    faults::Fault,
    shape::Era,
    webhooks::{
        Kind, Script, Webhook,
        queue::{Delivery, Effect, Queued},
        variants,
    },
    world::{
        account::{Account, NewAccount},
        customer::{self, Customer},
        link::{Finish, Finished, Link, Outcome, Scope},
        seed,
        status::DataStatus,
    },
};

/// Why something that was asked of the simulator was not done, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such thing.
    NotFound(String),
    /// It makes no sense.
    Invalid(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(message) | Self::Invalid(message) => f.write_str(message),
        }
    }
}

impl Error for Refusal {}

/// A new status of an account's data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusChange {
    /// The status.
    pub data_status: DataStatus,
    /// What can be read; if left out, what is usual in that status.
    #[serde(default)]
    pub retrieved_data: Option<Vec<String>>,
    /// Whether an `account_updated` follows.
    #[serde(default)]
    pub announce: bool,
}

impl From<DataStatus> for StatusChange {
    fn from(data_status: DataStatus) -> Self {
        Self { data_status, retrieved_data: None, announce: false }
    }
}

/// How the application hears that an account needs its customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Announce {
    /// By the webhook `reauthorisation_required`.
    #[default]
    Webhook,
    /// By `account_updated` with `sync_status` `REAUTHORISATION_REQUIRED`.
    SyncStatus,
    /// By a job that ends in `REAUTHORISATION_REQUIRED`.
    Job,
    /// Not at all, until it asks.
    None,
}

/// A visit to the widget in which a first account is linked: nobody asked Mono before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WidgetLink {
    /// The id of a known customer.
    pub customer: Option<String>,
    /// The name of a new customer, if none is known.
    pub name: Option<String>,
    /// `meta.ref`.
    pub reference: Option<String>,
    /// The rest of `meta`.
    pub meta: serde_json::Map<String, serde_json::Value>,
    /// How the visit ends.
    pub finish: Finish,
}

impl Default for WidgetLink {
    fn default() -> Self {
        Self {
            customer: None,
            name: None,
            reference: None,
            meta: serde_json::Map::new(),
            finish: Finish::from(Outcome::Approve),
        }
    }
}

impl Simulator {
    /// All accounts, the seeded ones first.
    pub fn accounts(&self) -> Vec<Account> {
        self.with(|world| world.accounts.clone())
    }

    /// The account with this id.
    pub fn account(&self, id: &str) -> Option<Account> {
        self.with(|world| world.account(id).cloned())
    }

    /// All hosted links and widget tokens, oldest first.
    pub fn links(&self) -> Vec<Link> {
        self.with(|world| world.links.clone())
    }

    /// Adds an account. At the automatic pace the data of one that is `PROCESSING` comes in after
    /// a step.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if the id is taken.
    pub fn add_account(&self, new: NewAccount) -> Result<Account, Refusal> {
        let auto = self.pace() != crate::Pace::Explicit;
        self.act(|world| {
            if let Some(id) = new.id.as_ref().filter(|id| world.account(id).is_some()) {
                return Err(Refusal::Invalid(format!("the id `{id}` is taken; leave it out")));
            }
            let account = seed::account(&mut world.mint, new, now());
            world.know_customer_of(&account);
            world.accounts.push(account.clone());
            if auto && account.data_status == DataStatus::Processing {
                let effect = Effect::DataIn { status: None, fresh: false };
                let updated = Webhook::new(Kind::AccountUpdated, &account.id);
                world.post(Queued::new(updated, effect));
            }
            Ok(account)
        })
    }

    /// Puts account `id` into another status.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if there is no such account.
    pub fn set_status(&self, id: &str, change: impl Into<StatusChange>) -> Result<(), Refusal> {
        let change = change.into();
        self.act(|world| {
            let account = world.account_mut(id).ok_or_else(|| unknown(id))?;
            account.enter(change.data_status, change.retrieved_data);
            account.updated_at = now();
            if change.announce {
                world.announce(Kind::AccountUpdated, id);
            }
            Ok(())
        })
    }

    /// Lets the bank ask for the customer of account `id`, and the application hear of it.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if there is no such account.
    pub fn require_reauth(&self, id: &str, announce: Announce) -> Result<(), Refusal> {
        self.act(|world| {
            world.account_mut(id).ok_or_else(|| unknown(id))?.needs_reauth = true;
            let required = "REAUTHORISATION_REQUIRED";
            let webhook = match announce {
                Announce::Webhook => Webhook::new(Kind::ReauthorisationRequired, id),
                Announce::SyncStatus => {
                    Webhook::new(Kind::AccountUpdated, id).sync_status(required)
                }
                Announce::Job => Webhook::new(Kind::JobUpdate, id).sync_status(required),
                Announce::None => return Ok(()),
            };
            world.post(Queued::new(webhook, Effect::None));
            Ok(())
        })
    }

    /// Ends a visit to the hosted link `code`, or to the page of that widget token.
    ///
    /// # Errors
    /// [`Refusal`] if there is no such link, or it is not open any more.
    pub fn finish_link(&self, code: &str, finish: impl Into<Finish>) -> Result<Finished, Refusal> {
        let finish = finish.into();
        self.act(|world| world.finish(code, &finish))
    }

    /// The same by `meta.ref`; of several links with that reference, the newest.
    ///
    /// # Errors
    /// [`Refusal`] if there is no such link, or it is not open any more.
    pub fn finish_by_reference(
        &self,
        reference: &str,
        finish: impl Into<Finish>,
    ) -> Result<Finished, Refusal> {
        let finish = finish.into();
        self.act(|world| {
            let link = world.links.iter().rev().find(|link| link.reference() == Some(reference));
            let code = link.map(|link| link.code.clone()).ok_or_else(|| {
                Refusal::NotFound(format!("no link was made with the reference `{reference}`"))
            })?;
            world.finish(&code, &finish)
        })
    }

    /// Ends a visit to the widget that was opened with the id of account `id`, without a link.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if there is no such account.
    pub fn finish_widget(&self, id: &str, finish: impl Into<Finish>) -> Result<Finished, Refusal> {
        let finish = finish.into();
        self.act(|world| {
            let customer = world.account(id).ok_or_else(|| unknown(id))?.customer.clone();
            let code = world.mint.capitals(12);
            world.links.push(Link::reauth(code.clone(), id, customer));
            world.finish(&code, &finish)
        })
    }

    /// Ends a visit to the widget that was opened to link an account, without a call to Mono.
    ///
    /// # Errors
    /// [`Refusal`] if the customer is unknown, or the end asked for makes no sense.
    pub fn link_by_widget(&self, link: WidgetLink) -> Result<Finished, Refusal> {
        self.act(|world| {
            let customer = match (link.customer, link.name) {
                (Some(id), _) if world.customer(&id).is_none() => {
                    let message = format!("no customer has the id `{id}`; GET /v2/customers");
                    return Err(Refusal::NotFound(message));
                }
                (Some(id), _) => id,
                (None, name) => {
                    let name = name.unwrap_or_else(|| "Widget Sample".to_owned());
                    let email = customer::email(&name);
                    world.customer_by_email(name, email, None, None)
                }
            };
            let code = world.mint.capitals(12);
            let mut meta = link.meta;
            if let Some(reference) = link.reference {
                meta.insert("ref".to_owned(), serde_json::Value::String(reference));
            }
            let name = world.customer(&customer).map(|customer| customer.name.clone());
            let made = Link::new(code.clone(), Scope::Auth, customer);
            world.links.push(Link { customer_name: name, meta, ..made });
            world.finish(&code, &link.finish)
        })
    }

    /// The customers of the business, those of seeded accounts first.
    pub fn customers(&self) -> Vec<Customer> {
        self.with(|world| world.customers.clone())
    }

    /// Lets account `id` be one that can be re-authorised, or that can never be.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if there is no such account.
    pub fn set_reauthorisable(&self, id: &str, reauthorisable: bool) -> Result<(), Refusal> {
        self.with(|world| {
            world.account_mut(id).ok_or_else(|| unknown(id))?.reauthorisable = reauthorisable;
            Ok(())
        })
    }

    /// Queues one webhook, true or not, and returns its number.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if it names no account, or a shape that its kind does not have.
    pub fn send_webhook(&self, webhook: Webhook) -> Result<u64, Refusal> {
        let alone = matches!(webhook.kind, Kind::Unknown | Kind::Test);
        if webhook.account.is_none() && !alone {
            let message = "`account` is needed: the id of the account that the webhook is about";
            return Err(Refusal::Invalid(message.to_owned()));
        }
        let known = variants::of(webhook.kind);
        if let Some(variant) = webhook.variant.filter(|variant| !known.contains(variant)) {
            return Err(Refusal::Invalid(format!(
                "{} has no variant {variant:?}; it has {known:?}",
                webhook.kind.event()
            )));
        }
        Ok(self.act(|world| world.post(Queued::new(webhook, Effect::None))))
    }

    /// Sets what approvals send from now on.
    pub fn script(&self, script: Script) {
        self.with(|world| world.script = script);
    }

    /// Sets how the world behaves where the documentation is silent.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        self.with(|world| world.behaviour = behaviour);
    }

    /// Sets the shape of all answers and webhooks from now on.
    pub fn set_era(&self, era: Era) {
        self.with(|world| world.era = era);
    }

    /// Sends the next queued webhook and returns, after its last try, what became of each copy;
    /// nothing if none was queued.
    pub async fn deliver_next(&self) -> Vec<Delivery> {
        self.send_next().await
    }

    /// Sends all queued webhooks, one after another, and returns what became of them.
    pub async fn deliver_all(&self) -> Vec<Delivery> {
        self.deliver(usize::MAX).await
    }

    /// Sends at most `count` queued webhooks, one after another.
    pub async fn deliver(&self, count: usize) -> Vec<Delivery> {
        let waiting = self.with(|world| world.queue.len());
        let mut delivered = Vec::new();
        for _ in 0..count.min(waiting) {
            delivered.extend(self.send_next().await);
        }
        delivered
    }

    /// How many webhooks wait for their turn.
    pub fn pending(&self) -> usize {
        self.with(|world| world.queue.len())
    }

    /// Every webhook that left or was lost, oldest first.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.with(|world| world.deliveries.clone())
    }

    /// Lets something go wrong with requests to come.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if the fault lacks something that its kind needs.
    pub fn add_fault(&self, fault: Fault) -> Result<(), Refusal> {
        fault.check()?;
        self.with(|world| world.faults.push(fault));
        Ok(())
    }

    /// Lets nothing more go wrong.
    pub fn clear_faults(&self) {
        self.with(|world| world.faults.clear());
    }

    /// Starts over: the world of `seed`, or of the seed that it had, and nothing else.
    pub fn reset(&self, seed: Option<u64>) {
        let count = self.options().accounts;
        self.with(|world| {
            let seed = seed.unwrap_or(world.seed);
            world.reset(seed, count);
        });
        self.wake();
    }

    /// The requests that reached the API, oldest first; at most the last 10,000.
    pub fn calls(&self) -> Vec<Call> {
        self.with(|world| world.calls.all())
    }

    /// Forgets all requests, and how many were in flight at once.
    pub fn reset_calls(&self) {
        self.with(|world| world.calls.reset());
    }

    /// How many API requests are in flight: neither answered nor given up by whoever asked.
    pub fn in_flight(&self) -> usize {
        self.with(|world| world.calls.in_flight())
    }

    /// The most API requests that were in flight at once.
    pub fn max_concurrent(&self) -> usize {
        self.with(|world| world.calls.most_in_flight())
    }
}

fn unknown(id: &str) -> Refusal {
    Refusal::NotFound(format!("no account has the id `{id}`; GET /_simulator/state lists them"))
}
