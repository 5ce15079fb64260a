//! `kill -9` at any moment, again and again over one database that grows.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use mono_gateway::webhook::digest;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use tokio::{sync::Notify, task::JoinSet};

use crate::{
    books::{Books, Listener},
    support::*,
};

/// How many deliver webhooks at once, each about an account of its own and others that it met.
const LANES: usize = 10;

const STATUSES: [&str; 3] = ["AVAILABLE", "PARTIAL", "UNAVAILABLE"];

/// A webhook, and what it must have done once it was answered 200.
#[derive(Clone)]
pub(crate) struct Delivery {
    pub(crate) body: Vec<u8>,
    pub(crate) effect: Effect,
}

#[derive(Clone, PartialEq)]
pub(crate) enum Effect {
    /// The lane's account has this status now.
    Moves(&'static str),
    /// None: it is a copy of one that was answered.
    Copy,
    /// An account that nobody knew is known, with this status.
    Meets(String, &'static str),
    /// A customer that nobody knew must authorise again.
    Wants(String),
    /// It is kept, and that is all.
    Kept,
}

impl Effect {
    /// Every kind of webhook, in a word.
    pub(crate) const KINDS: [&str; 5] = ["moves", "copies", "meets", "wants", "poisonous"];

    pub(crate) fn kind(&self) -> &'static str {
        let [moves, copies, meets, wants, poisonous] = Self::KINDS;
        match self {
            Self::Moves(_) => moves,
            Self::Copy => copies,
            Self::Meets(..) => meets,
            Self::Wants(_) => wants,
            Self::Kept => poisonous,
        }
    }
}

/// Who delivers webhooks one after the other, and what they know.
pub(crate) struct Lane {
    pub(crate) account: String,
    /// Half of them have ids of Mono's, the others only its stamps.
    has_ids: bool,
    turn: usize,
    /// How many deliveries were made, each of which moves the account's status.
    pub(crate) moves: i64,
    pub(crate) status: Option<&'static str>,
    last_move: Option<Delivery>,
    /// Answered since the last start.
    pub(crate) answered: Vec<Delivery>,
    /// Sent, and cut off before it was answered.
    pub(crate) open: Option<Delivery>,
}

impl Lane {
    fn new(number: usize) -> Self {
        Self {
            account: format!("lane-{number}"),
            has_ids: number.is_multiple_of(2),
            turn: 0,
            moves: 0,
            status: None,
            last_move: None,
            answered: Vec::new(),
            open: None,
        }
    }

    fn next(&mut self, random: &mut StdRng) -> Delivery {
        self.turn += 1;
        let name = format!("{}-{}", self.account, self.turn);
        match random.random_range(0..10) {
            0 => self.poison(&name, random),
            1 => {
                let status = STATUSES[random.random_range(0..3)];
                let body = update(&name, status, json!({ "event_id": format!("m-{name}") }));
                Delivery { body, effect: Effect::Meets(name, status) }
            }
            2 => {
                let body = json!({ "event": "mono.events.reauthorisation_required",
                    "event_id": format!("w-{name}"), "data": { "account": { "_id": name } } });
                Delivery { body: body.to_string().into(), effect: Effect::Wants(name) }
            }
            3 if self.last_move.is_some() => {
                Delivery { effect: Effect::Copy, ..self.last_move.clone().unwrap() }
            }
            _ => {
                self.moves += 1;
                let status = STATUSES[self.moves as usize % STATUSES.len()];
                let mark = if self.has_ids {
                    json!({ "event_id": format!("e-{name}") })
                } else {
                    let at = chrono::DateTime::from_timestamp(1_790_000_000 + self.moves, 0);
                    json!({ "timestamp": at.unwrap().to_rfc3339() })
                };
                let body = update(&self.account, status, mark);
                Delivery { body, effect: Effect::Moves(status) }
            }
        }
    }

    fn poison(&self, name: &str, random: &mut StdRng) -> Delivery {
        let body = match random.random_range(0..5) {
            0 => format!("{{\"event\":\"mono.events.account_upd {name}").into_bytes(),
            1 => [name.as_bytes(), &[0, 0xff, 0xfe]].concat(),
            2 => update("\0", "AVAILABLE", json!({ "event_id": format!("\0{name}") })),
            3 => format!("{}\"{name}\"{}", "[".repeat(5000), "]".repeat(5000)).into_bytes(),
            _ => format!("{{\"event\":\"\\ud800{name}\",\"data\":1e999}}").into_bytes(),
        };
        Delivery { body, effect: Effect::Kept }
    }

    fn is_answered(&mut self, delivery: Delivery) {
        if let Effect::Moves(status) = delivery.effect {
            self.status = Some(status);
            self.last_move = Some(delivery.clone());
        }
        self.answered.push(delivery);
    }

    /// Delivers until the gateway is gone.
    async fn run(mut self, gateway: Arc<Gateway>, seed: u64, count: Arc<Count>) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        loop {
            let delivery = self.next(&mut random);
            if until_kept(&gateway, &delivery).await.is_err() {
                self.open = Some(delivery);
                return self;
            }
            let kind = delivery.effect.kind();
            self.is_answered(delivery);
            count.one(kind);
        }
    }

    /// Sends again what was not answered, as Mono does.
    async fn send_again(&mut self, gateway: &Gateway) {
        self.answered.clear();
        if let Some(delivery) = self.open.take() {
            let kept = tokio::time::timeout(DEADLINE, until_kept(gateway, &delivery)).await;
            kept.expect("it is kept in the end").expect("an answer");
            self.is_answered(delivery);
        }
    }

    /// What the account's status may be: as the last answer said, or as the delivery says that was
    /// under way.
    pub(crate) fn may_be(&self) -> [Option<&'static str>; 2] {
        let open = self.open.as_ref().and_then(|open| match open.effect {
            Effect::Moves(status) => Some(status),
            Effect::Copy | Effect::Meets(..) | Effect::Wants(_) | Effect::Kept => None,
        });
        [self.status, open.or(self.status)]
    }
}

/// Delivers until it is answered 200, as Mono does. PostgreSQL may still hold the locks of the gateway
/// that was killed: then it is 503 for a while.
async fn until_kept(gateway: &Gateway, delivery: &Delivery) -> reqwest::Result<()> {
    loop {
        match gateway.webhook(delivery.body.clone()).await? {
            200 => return Ok(()),
            503 => {}
            other => panic!("{other}: {}", text(&delivery.body)),
        }
    }
}

fn update(account: &str, status: &str, mark: Value) -> Vec<u8> {
    let mut body = json!({ "event": "mono.events.account_updated", "data": {
        "account": { "_id": account, "name": "ADA TEST" }, "meta": { "data_status": status } } });
    for (name, value) in mark.as_object().unwrap() {
        body[name] = value.clone();
    }
    body.to_string().into_bytes()
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(200).collect()
}

pub(crate) fn digest_of(delivery: &Delivery) -> String {
    digest(&delivery.body)
}

/// A mutation that begins something.
#[derive(Clone)]
struct Kind {
    /// The field of the root, the field of its payload, and the table that has its row.
    field: &'static str,
    made: &'static str,
    pub(crate) table: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind { field: "initiateReauth", made: "reauth", table: "reauth_session" },
    Kind { field: "initiateLink", made: "link", table: "link_session" },
    Kind { field: "syncAccount", made: "job", table: "account_job" },
];

/// Who asks for something again and again, by another key each time.
struct Wishes {
    kind: Kind,
    /// More than there are turns: what a crash interrupted is waited for by whoever asks for the same.
    accounts: Arc<Vec<String>>,
    turn: usize,
    /// The input and the id that was answered, since the last start.
    answered: Vec<(Value, String)>,
}

impl Wishes {
    fn input(&self) -> Value {
        let account = &self.accounts[self.turn];
        let key = format!("{}-{}", self.kind.field, self.turn);
        match self.kind.field {
            "initiateReauth" => {
                json!({ "accountId": account, "reuseActive": false, "idempotencyKey": key })
            }
            "initiateLink" => json!({ "idempotencyKey": key,
                "customer": { "name": "Ada Test", "email": "ada@example.test" },
                "redirectUrl": "https://app.example.test/back" }),
            _ => json!({ "accountId": account, "idempotencyKey": key }),
        }
    }

    async fn ask(&self, gateway: &Gateway, input: &Value) -> reqwest::Result<Option<String>> {
        let Kind { field, made, .. } = &self.kind;
        let argument = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
        let query = format!(
            "mutation ($input: {argument}!) {{ {field}(input: $input) {{
                errors {{ __typename }} {made} {{ id }} }} }}"
        );
        let answer = gateway.ask(&query, json!({ "input": input })).await?;
        Ok(answer["data"][field][made]["id"].as_str().map(str::to_owned))
    }

    async fn run(mut self, gateway: Arc<Gateway>, count: Arc<Count>) -> Self {
        loop {
            self.turn += 1;
            let input = self.input();
            match self.ask(&gateway, &input).await {
                Ok(Some(id)) => {
                    self.answered.push((input, id));
                    count.one(self.kind.field);
                }
                Ok(None) => {}
                Err(_) => return self,
            }
        }
    }

    /// Whoever asks again by the key that was answered gets what was answered.
    async fn repeat(&self, gateway: &Gateway) {
        if let Some((input, id)) = self.answered.last() {
            let again = self.ask(gateway, input).await.expect("an answer");
            assert_eq!(again.as_ref(), Some(id), "{} {input}", self.kind.field);
        }
    }
}

/// Counts answers, and says when there were enough: so many, and some of whatever each round is to
/// have had.
struct Count {
    left: Mutex<(usize, Vec<&'static str>)>,
    enough: Notify,
}

impl Count {
    fn to(answers: usize) -> Arc<Self> {
        let each = KINDS.iter().map(|kind| kind.field).chain([Effect::KINDS[0]]).collect();
        Arc::new(Self { left: Mutex::new((answers, each)), enough: Notify::new() })
    }

    fn one(&self, kind: &'static str) {
        let mut left = self.left.lock().unwrap();
        left.0 = left.0.saturating_sub(1);
        left.1.retain(|missing| *missing != kind);
        if left.0 == 0 && left.1.is_empty() {
            self.enough.notify_one();
        }
    }

    /// Waits until there were enough.
    async fn reached(&self) {
        if tokio::time::timeout(DEADLINE, self.enough.notified()).await.is_err() {
            let (answers, kinds) = &*self.left.lock().unwrap();
            panic!("{answers} answers are missing, and all of {kinds:?}");
        }
    }
}

/// Lets everybody loose on the gateway, and kills it in the midst of it.
async fn load_and_kill(
    gateway: Gateway,
    listener: Listener,
    lanes: Vec<Lane>,
    wishes: Vec<Wishes>,
    random: &mut StdRng,
) -> (Listener, Vec<Lane>, Vec<Wishes>) {
    let gateway = Arc::new(gateway);
    let count = Count::to(random.random_range(5..200));
    let listening = tokio::spawn(listener.until_cut());
    let mut delivering = JoinSet::new();
    for lane in lanes {
        delivering.spawn(lane.run(gateway.clone(), random.random(), count.clone()));
    }
    let mut wishing = JoinSet::new();
    for wish in wishes {
        wishing.spawn(wish.run(gateway.clone(), count.clone()));
    }
    count.reached().await;
    // Not only right behind an answer: anywhere between two of them.
    let moment = Instant::now() + Duration::from_micros(random.random_range(0..4000));
    while Instant::now() < moment {
        tokio::task::yield_now().await;
    }
    gateway.kill();
    let all = async {
        let lanes = delivering.join_all().await;
        (listening.await.unwrap(), lanes, wishing.join_all().await)
    };
    let (listener, mut lanes, mut wishes) =
        tokio::time::timeout(DEADLINE, all).await.expect("everybody sees that it is gone");
    lanes.sort_by(|one, other| one.account.cmp(&other.account));
    wishes.sort_by_key(|wishes| wishes.kind.field);
    (listener, lanes, wishes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_answered_outlives_kill_9_at_any_moment() {
    let rounds = setting("KILLS", if postgres().is_some() { 15 } else { 50 });
    let seed = setting("SEED", rand::random());
    println!("KILLS={rounds} SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let database_url = new_database(folder.path()).await;
    let mono = mono(400).await;
    let accounts: Vec<String> = mono.accounts().into_iter().map(|account| account.id).collect();
    let accounts = Arc::new(accounts);
    let mut lanes: Vec<Lane> = (0..LANES).map(Lane::new).collect();
    let wishes = |kind| Wishes { kind, accounts: accounts.clone(), turn: 0, answered: Vec::new() };
    let mut wishes: Vec<Wishes> = KINDS.into_iter().map(wishes).collect();
    let mut books = Books::new(&database_url);
    let mut listener = Listener::default();
    for round in 0..=rounds {
        println!("round {round}");
        let gateway = Gateway::start(program(&database_url, mono.base_url()));
        listener.come_back(&gateway, &books).await;
        books.check_deliveries(&lanes).await;
        for lane in &mut lanes {
            lane.send_again(&gateway).await;
        }
        for wishes in &mut wishes {
            wishes.repeat(&gateway).await;
            let ids = wishes.answered.drain(..).map(|(_, id)| id).collect();
            books.check_rows(wishes.kind.table, ids).await;
        }
        listener.catch_up(&books).await;
        books.check_all(&lanes, &mut listener).await;
        if round > 0 {
            let each = KINDS.iter().map(|kind| kind.table).chain(["moves", "cut off"]);
            books.have_grown(each.chain(["DATA_STATUS", "REAUTH", "LINK", "JOB"]));
        }
        if round < rounds {
            let loaded = load_and_kill(gateway, listener, lanes, wishes, &mut random).await;
            (listener, lanes, wishes) = loaded;
        }
    }
    // The states are what their facts make of them, by the program's own judgement.
    let mut check = program(&database_url, mono.base_url());
    let checked = check.args(["rebuild", "--check"]).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    print!("{said}");
    assert!(checked.status.success(), "{said}");
    println!("{rounds} kills; {books}");
    // What is rarer than once a round.
    let least = usize::try_from(rounds / 10).unwrap();
    for kind in Effect::KINDS {
        assert!(books.count(kind) >= least, "{kind}: {books}");
    }
    mono.stop().await;
}
