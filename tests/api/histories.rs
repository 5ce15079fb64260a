//! Generated lives of accounts through a real gateway: deliveries over HTTP, late, shuffled, copied
//! and lost; mutations beside them; time that passes on the clock of the world. What the database
//! has in the end is what the fold makes of the facts, and what subscribers were told is what it
//! says changed.
//!
//! `SEED` gives a failing run back, `LIVES` chooses how many are led.

#![expect(clippy::disallowed_methods, reason = "SEED and LIVES are no settings of the gateway")]

use std::collections::BTreeMap;

use mono_gateway::{
    ids::AccountId,
    lifecycle::{
        AccountState, Change, DataStatus,
        fact::{Fact, What},
        fold::fold,
        job::JobNews,
        session::ReauthMethod,
    },
};
use mono_simulator::{Options, Pace, Simulator};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngSeed, TestRunner},
};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use serde_json::{Value, json};

use crate::support::*;

#[path = "../life/mod.rs"]
mod life;

use life::{
    Life, Scene,
    author::write,
    plan::lives,
    shapes::{Dialect, Shapes},
};

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// What happens to an account from outside, and when.
enum Step<'a> {
    Ours(&'a What),
    Arrives(&'a Value),
}

/// The steps of a life in the order in which they come, with late, lost and copied deliveries.
fn steps<'a>(life: &'a Life, late: &[Vec<i64>]) -> Vec<(i64, Step<'a>)> {
    let ours = life.scenes.iter().filter_map(|(at_ms, scene)| match scene {
        Scene::Ours(what) => Some((*at_ms, Step::Ours(what.as_ref()))),
        // What Mono's details show is the simulator's to say.
        Scene::Shows { .. } | Scene::JobStands(..) => None,
    });
    let sent = life.sent.iter().enumerate().flat_map(|(n, sent)| {
        let each = late[n % late.len()].iter();
        each.map(move |late| (sent.at_ms + late, Step::Arrives(&sent.body)))
    });
    let mut steps: Vec<_> = ours.chain(sent).collect();
    steps.sort_by_key(|(at_ms, _)| *at_ms);
    steps
}

/// Asks the gateway for what the life's people ask for. What Mono answers is the simulator's.
async fn ask_for(world: &World, account: &str, what: &What) {
    match what {
        What::Requested(request) => {
            let method = match request.method {
                ReauthMethod::HostedLink => "HOSTED_LINK",
                ReauthMethod::Widget => "WIDGET",
                ReauthMethod::WidgetToken => "WIDGET_TOKEN",
            };
            let input = json!({ "accountId": account, "method": method,
                "reuseActive": request.reuse_active });
            world.ask(INITIATE, json!({ "input": input })).await;
        }
        What::Cancelled { .. } => {
            let query = "query ($id: ID!) { account(id: $id) { reauth { active { id } } } }";
            let answer = world.ask(query, json!({ "id": account })).await;
            let id = &answer["data"]["account"]["reauth"]["active"]["id"];
            if id.is_string() {
                let query = "mutation ($id: ID!) { cancelReauth(input: { reauthId: $id }) {
                    errors { code } } }";
                world.ask(query, json!({ "id": id })).await;
            }
        }
        What::Job(JobNews::Requested(_)) => {
            let query = "mutation ($id: ID!) { syncAccount(input: { accountId: $id }) {
                errors { code } } }";
            world.ask(query, json!({ "id": account })).await;
        }
        What::Unlinked => {
            let query = "mutation ($id: ID!) { unlinkAccount(input: { accountId: $id }) {
                errors { code } } }";
            world.ask(query, json!({ "id": account })).await;
        }
        What::Connected { .. }
        | What::Linked { .. }
        | What::Updated(_)
        | What::Required { .. }
        | What::Reauthorized { .. }
        | What::SyncFailed { .. }
        | What::JobUpdated { .. }
        | What::Job(_)
        | What::Looked(_)
        | What::LookFailed { .. }
        | What::LinkIssued { .. }
        | What::TokenIssued { .. }
        | What::LinkRefused { .. }
        | What::TimePassed => {}
    }
}

async fn rows(db: &DatabaseConnection, sql: &str) -> Vec<sea_orm::QueryResult> {
    db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap()
}

/// Lets the clock pass every deadline, one after the other, until nothing is due any more.
async fn rest(world: &World, db: &DatabaseConnection) {
    let next = async || -> Option<i64> {
        let sql = "SELECT MIN(next_deadline_at) AS at FROM account_state";
        rows(db, sql).await[0].try_get("", "at").unwrap()
    };
    let wait = async {
        while let Some(due) = next().await {
            let ahead = due - world.clock.now().timestamp_millis();
            // Many are due soon after each other: a minute at once is soon enough.
            world.clock.advance(chrono::Duration::milliseconds(ahead.max(0) + 60_000));
            while next().await.is_some_and(|at| at <= world.clock.now().timestamp_millis()) {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        }
    };
    let within = std::time::Duration::from_secs(60);
    tokio::time::timeout(within, wait).await.expect("nothing is due for ever");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stored_and_told_of_60_generated_lives_is_what_the_fold_makes_of_their_facts() {
    let seed = setting("SEED").unwrap_or_else(rand::random);
    let count = setting("LIVES").unwrap_or(60) as usize;
    let config = Config { rng_seed: RngSeed::Fixed(seed), ..Config::default() };
    let mut dice = TestRunner::new(config);
    let mut world = World::with_replicas(0).await;
    let options = Options {
        accounts: count,
        pace: Pace::Explicit,
        webhook_secret: WEBHOOK_SECRET.into(),
        ..Options::default()
    };
    let simulator = Simulator::start(options).await.unwrap();
    std::mem::replace(&mut world.simulator, simulator).stop().await;
    let mut config = world.config();
    // Years pass here, and every fact is wanted in the end.
    config.log_retention_days = 3650;
    let gateway = world.try_start(config).await.unwrap();
    world.gateways.push(gateway);
    let shapes = Shapes::read();
    let any = [Dialect::Printed, Dialect::Both, Dialect::Stamps, Dialect::Ids, Dialect::Neither];
    let late = prop_oneof![5 => 0..2_000i64, 2 => 0..120_000i64, 1 => 0..172_800_000i64];
    let times = prop_oneof![1 => Just(0..1usize), 7 => Just(1..2), 2 => Just(2..4)];
    let late = vec(times.prop_flat_map(move |times| vec(late.clone(), times)), 24);
    let ids: Vec<String> = world.simulator.accounts().into_iter().map(|a| a.id).collect();
    let mut delivered = 0;
    for (n, id) in ids.iter().enumerate() {
        let plan = lives(&any).new_tree(&mut dice).unwrap().current();
        let late = late.new_tree(&mut dice).unwrap().current();
        let life = write(&shapes, &plan, n, id);
        assert_eq!(life.account.as_str(), id);
        let mut now_ms = 0;
        for (at_ms, step) in steps(&life, &late) {
            // Looks and links' ends come when they are due, beside what happens.
            if at_ms - now_ms >= 1000 {
                world.clock.advance(chrono::Duration::milliseconds(at_ms - now_ms));
            }
            now_ms = at_ms;
            match step {
                Step::Ours(what) => ask_for(&world, id, what).await,
                Step::Arrives(body) => {
                    delivered += 1;
                    let status = world.webhook(body.to_string()).await;
                    assert_eq!(status, 200, "SEED={seed}: {body}");
                }
            }
        }
    }
    let db = world.database().await;
    rest(&world, &db).await;

    let mut facts: BTreeMap<String, Vec<Fact>> = BTreeMap::new();
    for row in rows(&db, "SELECT account_id, fact FROM fact_log ORDER BY seq").await {
        let account: String = row.try_get("", "account_id").unwrap();
        let fact: String = row.try_get("", "fact").unwrap();
        // Those of link sessions are about something else.
        if let Ok(fact) = serde_json::from_str::<Fact>(&fact) {
            facts.entry(account).or_default().push(fact);
        }
    }
    let mut told: BTreeMap<String, Vec<Change>> = BTreeMap::new();
    for row in rows(&db, "SELECT account_id, change FROM change_log ORDER BY seq").await {
        let account: String = row.try_get("", "account_id").unwrap();
        let change: String = row.try_get("", "change").unwrap();
        told.entry(account).or_default().push(serde_json::from_str(&change).unwrap());
    }
    let sql = "SELECT a.account_id, a.state, a.unlinked, s.status FROM account_state a \
        LEFT JOIN reauth_session s ON s.id = a.session_id WHERE a.version > 0";
    let (mut held, mut unlinked) = (0, 0);
    for row in rows(&db, sql).await {
        let account: String = row.try_get("", "account_id").unwrap();
        assert!(ids.contains(&account), "SEED={seed}: {account}");
        if row.try_get::<bool>("", "unlinked").unwrap() {
            // Its facts are erased; those of late deliveries that came since say nothing.
            unlinked += 1;
            continue;
        }
        let (mut state, mut changes) = (AccountState::default(), Vec::new());
        for fact in facts.get(&account).into_iter().flatten() {
            assert_eq!(fact.account, AccountId::parse(&account).unwrap());
            let folded = fold(&state, fact);
            changes.extend(folded.changes);
            state = folded.state;
        }
        let stored: String = row.try_get("", "state").unwrap();
        let stored: AccountState = serde_json::from_str(&stored).unwrap();
        let status = state.session.as_ref().map(|session| json!(session.status()));
        let kept: Option<String> = row.try_get("", "status").unwrap();
        assert_eq!(status, kept.map(Value::from), "SEED={seed}: the session of {account}");
        assert!(state.session.as_ref().is_none_or(|session| !session.is_live()));
        assert_ne!(state.data.status, Some(DataStatus::Processing), "SEED={seed}: {account}");
        state.session = None;
        assert_eq!(stored, state, "SEED={seed}: {account}");
        let told = told.remove(&account).unwrap_or_default();
        assert_eq!(told, changes, "SEED={seed}: what was told of {account}");
        held += 1;
    }
    assert!(held + unlinked >= count * 8 / 10 && held >= count / 2, "{held} and {unlinked} lives");
    assert!(delivered > 4 * count, "{delivered} deliveries");
    world.stop().await;
}
