//! What grows from a seed.

use mono_simulator::{DataStatus, NewAccount, Options, Outcome, Pace, Simulator};
use serde_json::{Value, json};

use crate::support::{
    ASKING, DOLLARS, HEALTHY, Here, LARGE, NAIRA, PARTIAL, PROCESSING, UNAVAILABLE,
};

async fn world(seed: u64, accounts: usize) -> Vec<Value> {
    let options = Options { seed, accounts, pace: Pace::Explicit, ..Options::default() };
    let simulator = Simulator::start(options).await.unwrap();
    let accounts = simulator.accounts();
    simulator.stop().await;
    accounts.iter().map(|account| json!([account, account.transactions])).collect()
}

#[tokio::test]
async fn the_same_seed_gives_the_same_world() {
    let first = world(7, 10).await;
    assert_eq!(first, world(7, 10).await);
    assert_ne!(first, world(8, 10).await);
    assert_eq!(first[..3], world(7, 3).await);
}

#[tokio::test]
async fn what_a_run_makes_has_ids_that_no_earlier_run_gave() {
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let here = Here::new().await;
        let customer = json!({ "name": "Ada Test", "email": "ada@example.test" });
        let body =
            json!({ "scope": "auth", "customer": customer, "meta": { "ref": "run-0000001" } });
        assert_eq!(here.post("/v2/accounts/initiate", &body).await.status(), 200);
        let finished = here.simulator.finish_by_reference("run-0000001", Outcome::Approve).unwrap();
        let sent = here.simulator.deliver_all().await;
        let events = sent.iter().filter_map(|each| each.event_id.clone());
        for id in events.chain(finished.account) {
            assert!(seen.insert(id.clone()), "{id} was given twice");
        }
        here.simulator.stop().await;
    }
    assert!(seen.len() >= 6, "{seen:?}");
}

#[tokio::test]
async fn seed_1_is_as_documented() {
    let here = Here::new().await;
    let ids: Vec<String> = here.simulator.accounts().into_iter().map(|each| each.id).collect();
    let known = [HEALTHY, ASKING, PROCESSING, PARTIAL, UNAVAILABLE, DOLLARS, LARGE, NAIRA];
    assert_eq!(ids, known);
    let account = |id: &str| here.simulator.account(id).unwrap();
    assert_eq!(account(HEALTHY).data_status, DataStatus::Available);
    assert_eq!(account(HEALTHY).transactions.len(), 307);
    assert!(account(ASKING).needs_reauth);
    assert_eq!(account(PROCESSING).data_status, DataStatus::Processing);
    assert_eq!(account(PARTIAL).retrieved_data, ["identity", "balance"]);
    assert_eq!(account(UNAVAILABLE).data_status, DataStatus::Unavailable);
    assert_eq!(account(DOLLARS).data_status, DataStatus::Failed);
    assert_eq!(account(DOLLARS).currency, "USD");
    let large = account(LARGE);
    assert!(large.balance > i64::from(u32::MAX));
    assert!(large.transactions.iter().any(|each| each.amount > i64::from(u32::MAX)));
    assert!(large.transactions.iter().all(|each| each.balance.is_none()));
    assert!(large.transactions.iter().any(|each| each.category.is_none()));
    assert_eq!(account(NAIRA).currency, "Naira");
}

#[tokio::test]
async fn balances_add_up() {
    let here = Here::new().await;
    let account = here.simulator.account(HEALTHY).unwrap();
    assert_eq!(account.transactions[0].balance, Some(account.balance));
    for pair in account.transactions.windows(2) {
        let [newer, older] = pair else { unreachable!() };
        let moved = if newer.kind == "credit" { newer.amount } else { -newer.amount };
        assert_eq!(older.balance.unwrap() + moved, newer.balance.unwrap());
        assert!(older.date < newer.date);
    }
}

#[tokio::test]
async fn a_reset_starts_over() {
    let here = Here::new().await;
    let before = json!(here.simulator.accounts());
    here.simulator.set_status(HEALTHY, DataStatus::Failed).unwrap();
    here.simulator.add_account(NewAccount::default()).unwrap();
    here.simulator.reset(None);
    assert_eq!(json!(here.simulator.accounts()), before);
    here.simulator.reset(Some(2));
    assert_ne!(json!(here.simulator.accounts()), before);
    assert_eq!(here.simulator.state().seed, 2);
}

#[tokio::test]
async fn a_stopped_simulator_lets_go_of_its_address() {
    let here = Here::new().await;
    let bind = here.simulator.base_url().trim_start_matches("http://").parse().unwrap();
    here.read("/v2/accounts").await;
    here.simulator.stop().await;
    let again = Simulator::start(Options { bind, ..Options::default() }).await.unwrap();
    again.stop().await;
}
