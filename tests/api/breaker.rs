//! While all of Mono is down nobody waits for it, and one call now and then sees whether it is back;
//! as long as anything of it answers it is asked.

use chrono::Duration;
use futures_util::future::join_all;
use mono_simulator::{DataStatus, Fault, FaultKind, NewAccount};
use serde_json::{Value, json};

use crate::support::*;

const NAME: &str = "query ($id: ID!) { account(id: $id) { id name } }";

/// Accounts about which nobody asks by himself: nothing of them is on its way.
const ALL: [&str; 7] = [HEALTHY, NEEDS_REAUTH, PARTIAL, UNAVAILABLE, FAILED, BIG, NAIRA];

const ALWAYS: u32 = 100_000;

impl World {
    /// Asks for the names of these accounts, all at once and more than once, and returns the codes.
    async fn names(&self, ids: &[&str], times: usize) -> Vec<String> {
        let ids = std::iter::repeat_n(ids, times).flatten();
        let asks = ids.map(|id| async move {
            let answer = self.ask(NAME, json!({ "id": id })).await;
            let code = answer["errors"][0]["extensions"]["code"].as_str();
            code.unwrap_or("none").to_owned()
        });
        join_all(asks).await
    }

    async fn know_all(&self) {
        for id in ALL {
            self.known(id).await;
        }
    }

    /// Lets nothing come back for longer than the gateway bears with. `fault` says in which way.
    async fn wear_out(&self, fault: Fault) {
        self.simulator.add_fault(fault.times(ALWAYS)).unwrap();
        let codes = self.names(&ALL, 3).await;
        assert!(codes.iter().all(|code| code == "UPSTREAM_UNAVAILABLE"), "{codes:?}");
        self.clock.advance(Duration::seconds(11));
        self.names(&[HEALTHY], 1).await;
        self.simulator.reset_calls();
    }

    /// Has Mono answer whoever sees whether it is back that it wants to be left alone for half a
    /// minute: only so is it known for sure that nobody else may look. `fault` is what is then.
    async fn wants_to_be_left_alone(&self, fault: Fault) {
        self.simulator.clear_faults();
        self.simulator.add_fault(Fault::status(429).retry_after(30)).unwrap();
        self.simulator.add_fault(fault.times(ALWAYS)).unwrap();
        self.clock.advance(Duration::seconds(3));
        assert_eq!(self.names(&[HEALTHY], 1).await, ["UPSTREAM_RATE_LIMITED"]);
        self.simulator.reset_calls();
    }

    /// Mono is back, and whoever looks next sees it.
    async fn is_back(&self) {
        self.simulator.clear_faults();
        self.clock.advance(Duration::seconds(31));
        assert_eq!(self.names(&[HEALTHY], 1).await, ["none"]);
    }

    /// Has somebody see whether Mono is back, and hear nothing while `meanwhile` goes on.
    async fn while_somebody_looks(&self, about: &str, meanwhile: impl Future<Output = ()>) {
        self.simulator.add_fault(Fault::slow(60_000).account(about).times(1)).unwrap();
        self.clock.advance(Duration::seconds(3));
        let then = async {
            while self.simulator.in_flight() == 0 {
                tokio::task::yield_now().await;
            }
            meanwhile.await;
        };
        let who = [about];
        tokio::select! {
            codes = self.names(&who, 1) => panic!("{codes:?}"),
            () = then => {}
        }
    }

    fn calls(&self) -> usize {
        self.simulator.calls().len()
    }
}

const SYNC: &str = "mutation ($id: ID!) { syncAccount(input: { accountId: $id }) { started } }";

const LINK: &str = "mutation { initiateLink(input: {
    customer: { name: \"Ada\", email: \"ada@example.test\" } }) { reused } }";

const UNLINK: &str =
    "mutation ($id: ID!) { unlinkAccount(input: { accountId: $id }) { accountId } }";

#[tokio::test]
async fn nobody_waits_for_a_mono_that_is_down() {
    let world = World::new().await;
    world.know_all().await;
    world.wear_out(Fault::new(FaultKind::Reset)).await;
    world.wants_to_be_left_alone(Fault::new(FaultKind::Reset)).await;
    // Reads and writes alike.
    let about = json!({ "id": BIG });
    for (query, variables) in [
        (NAME, about.clone()),
        (INITIATE, json!({ "input": { "accountId": BIG } })),
        (SYNC, about.clone()),
        (LINK, Value::Null),
        (UNLINK, about),
    ] {
        let answer = world.ask(query, variables).await;
        let error = &answer["errors"][0]["extensions"];
        assert_eq!(error["code"], "UPSTREAM_UNAVAILABLE", "{answer}");
        assert_eq!(error["retryable"], true, "{answer}");
        let wait = error["retryAfterMs"].as_i64().unwrap();
        assert!((1..=30_000).contains(&wait), "{answer}");
        assert!(error["requestId"].is_string(), "{answer}");
    }
    // What could not be asked for is settled, not stuck.
    for table in ["reauth_session", "link_session", "account_job"] {
        assert_eq!(world.count(table, "status = 'FAILED'").await, 1, "{table}");
    }
    // What the gateway keeps itself is answered, and what Mono tells is taken and told.
    let mut told = world.subscribe(0, DATA_STATUS, json!({ "id": BIG })).await;
    assert_eq!(told.event().await["to"], "AVAILABLE");
    let update = json!({ "event": "mono.events.account_updated", "data": {
        "meta": { "data_status": "PARTIAL" }, "account": { "_id": BIG } } });
    assert_eq!(world.webhook(update.to_string()).await, 200);
    assert_eq!(told.event().await["to"], "PARTIAL");
    assert_eq!(world.known(BIG).await["dataStatus"], "PARTIAL");
    assert_eq!(world.calls(), 0, "nobody asked Mono");
    world.is_back().await;
    assert!(world.names(&ALL, 3).await.iter().all(|code| code == "none"));
    world.stop().await;
}

#[tokio::test]
async fn whoever_sees_whether_mono_is_back_and_hears_nothing_keeps_others_out_for_2_seconds() {
    let world = World::new().await;
    world.know_all().await;
    world.wear_out(Fault::new(FaultKind::Reset)).await;
    world.simulator.clear_faults();
    let meanwhile = async {
        world.clock.advance(Duration::seconds(2));
        assert_eq!(world.names(&[BIG], 1).await, ["none"]);
        assert!(world.names(&ALL[1..], 3).await.iter().all(|code| code == "none"));
    };
    world.while_somebody_looks(HEALTHY, meanwhile).await;
    world.stop().await;
}

#[tokio::test]
async fn one_bank_of_many_accounts_that_hangs_does_not_keep_the_others_out() {
    let world = World::new().await;
    world.know_all().await;
    let (bank, others) = ALL.split_at(5);
    for id in bank {
        world.simulator.add_fault(Fault::status(502).account(id).times(ALWAYS)).unwrap();
    }
    // At night nobody else is asked about.
    world.names(bank, 5).await;
    world.clock.advance(Duration::seconds(11));
    world.names(bank, 1).await;
    world.simulator.reset_calls();
    let codes = world.names(bank, 3).await;
    assert!(world.calls() < codes.len(), "it is open, so that this tests something");
    let meanwhile = async {
        assert_eq!(world.names(&others[..1], 1).await, ["none"]);
        assert_eq!(world.names(others, 1).await, ["none"; 2]);
    };
    // One of theirs has the turn, and hangs.
    world.while_somebody_looks(bank[0], meanwhile).await;
    world.stop().await;
}

#[tokio::test]
async fn a_key_by_which_mono_was_not_asked_serves_for_a_new_try() {
    let world = World::new().await;
    world.know_all().await;
    world.wear_out(Fault::status(503)).await;
    world.wants_to_be_left_alone(Fault::status(503)).await;
    let customer = json!({ "name": "Ada", "email": "ada@example.test" });
    let wishes = [
        (
            "mutation ($input: SyncAccountInput!) { done: syncAccount(input: $input) {
                errors { code } it: job { id status } } }",
            json!({ "accountId": BIG, "idempotencyKey": "k-1" }),
        ),
        (
            "mutation ($input: RequestStatementInput!) { done: requestStatement(input: $input) {
                errors { code } it: job { id status } } }",
            json!({ "accountId": BIG, "months": 3, "idempotencyKey": "k-2" }),
        ),
        (
            "mutation ($input: InitiateReauthInput!) { done: initiateReauth(input: $input) {
                errors { code } it: reauth { id status } } }",
            json!({ "accountId": BIG, "idempotencyKey": "k-3" }),
        ),
        (
            "mutation ($input: InitiateLinkInput!) { done: initiateLink(input: $input) {
                errors { code } it: link { id status } } }",
            json!({ "customer": customer, "idempotencyKey": "k-4" }),
        ),
    ];
    for _ in 0..2 {
        for (query, input) in &wishes {
            let answer = world.ask(query, json!({ "input": input })).await;
            let error = &answer["errors"][0]["extensions"];
            assert_eq!(error["code"], "UPSTREAM_UNAVAILABLE", "{answer}");
            assert_eq!(error["retryable"], true, "{answer}");
        }
    }
    assert_eq!(world.calls(), 0, "nobody asked Mono");
    assert_eq!(world.count("idempotency_key", "true").await, 0);
    world.is_back().await;
    for (query, input) in &wishes {
        let first = world.data(query, json!({ "input": input })).await;
        let done = &first["done"];
        assert_eq!(done["errors"], json!([]), "{done}");
        let is_under_way = ["PROCESSING", "FINISHED", "LINK_ISSUED"].map(Value::from);
        assert!(is_under_way.contains(&done["it"]["status"]), "{done}");
        let again = world.data(query, json!({ "input": input })).await;
        assert_eq!(again["done"]["it"]["id"], done["it"]["id"], "now it stands for this");
    }
    world.stop().await;
}

#[tokio::test]
async fn one_call_at_a_time_sees_whether_mono_is_back() {
    let world = World::new().await;
    world.know_all().await;
    world.wear_out(Fault::status(503)).await;
    for _ in 0..2 {
        world.simulator.reset_calls();
        world.simulator.add_fault(Fault::slow(1_000).times(1)).unwrap();
        world.clock.advance(Duration::seconds(3));
        let codes = world.names(&ALL, 4).await;
        assert!(codes.iter().all(|code| code == "UPSTREAM_UNAVAILABLE"), "{codes:?}");
        assert_eq!(world.calls(), 1, "28 callers, one call");
    }
    world.stop().await;
}

#[tokio::test]
async fn one_account_that_is_answered_keeps_all_being_asked() {
    let world = World::new().await;
    world.know_all().await;
    for id in &ALL[1..] {
        world.simulator.add_fault(Fault::status(500).account(id).times(ALWAYS)).unwrap();
    }
    for _ in 0..4 {
        let codes = world.names(&ALL[1..], 3).await;
        assert!(codes.iter().all(|code| code == "UPSTREAM_UNAVAILABLE"), "{codes:?}");
        world.clock.advance(Duration::seconds(4));
        assert_eq!(world.names(&[HEALTHY], 1).await, ["none"]);
    }
    world.simulator.reset_calls();
    world.names(&ALL[1..], 1).await;
    assert_eq!(world.calls(), 6 * 3, "each is still asked, and tried again");
    world.stop().await;
}

#[tokio::test]
async fn one_bank_s_trouble_does_not_cut_off_the_others() {
    let world = World::new().await;
    world.know_all().await;
    let (bank, others) = ALL.split_at(4);
    for id in bank {
        world.simulator.add_fault(Fault::status(502).account(id).times(ALWAYS)).unwrap();
    }
    // Nobody else is asked about meanwhile.
    for _ in 0..3 {
        world.names(bank, 5).await;
        world.clock.advance(Duration::seconds(60));
    }
    assert!(world.names(others, 1).await.iter().all(|code| code == "none"));
    world.stop().await;
}

#[tokio::test]
async fn a_storm_of_limits_cuts_nobody_off() {
    let world = World::new().await;
    world.know_all().await;
    world.simulator.add_fault(Fault::status(429).retry_after(60).times(ALWAYS)).unwrap();
    for _ in 0..2 {
        let codes = world.names(&ALL, 4).await;
        assert!(codes.iter().all(|code| code == "UPSTREAM_RATE_LIMITED"), "{codes:?}");
        world.clock.advance(Duration::seconds(11));
    }
    world.simulator.clear_faults();
    assert!(world.names(&ALL, 1).await.iter().all(|code| code == "none"));
    world.stop().await;
}

/// Accounts that wait for their data, and have a link out that ends so many seconds after one of
/// their looks is due.
async fn waiting_with_links(world: &World, ends_s: [i64; 3]) -> [&'static str; 3] {
    let waiting = ["waits-1", "waits-2", "waits-3"];
    let began = world.clock.now();
    for (id, end_s) in waiting.into_iter().zip(ends_s) {
        let new = NewAccount { id: Some(id.to_owned()), ..NewAccount::default() };
        world.simulator.add_account(new).unwrap();
        assert_eq!(world.known(id).await["dataStatus"], "AVAILABLE");
        let at = began + Duration::seconds(end_s);
        world.clock.advance(at - world.clock.now());
        let widget = json!({ "accountId": id, "method": "WIDGET" });
        assert_eq!(world.initiate_with(widget).await["reauth"]["status"], "LINK_ISSUED");
    }
    // The link of half an hour, and the look after five minutes.
    let at = began + Duration::minutes(25);
    world.clock.advance(at - world.clock.now());
    for id in waiting {
        world.simulator.set_status(id, DataStatus::Processing).unwrap();
        let body = json!({ "event": "mono.events.account_updated", "data": {
            "meta": { "data_status": "PROCESSING" }, "account": { "_id": id } } });
        assert_eq!(world.webhook(body.to_string()).await, 200);
    }
    waiting
}

#[tokio::test]
async fn a_look_that_fell_into_an_outage_is_made_when_mono_is_back_and_holds_up_nothing_else() {
    let world = World::new().await;
    world.know_all().await;
    let waiting = waiting_with_links(&world, [2, 3, 60]).await;
    let due = world.clock.now() + Duration::seconds(300);
    let looks = || {
        waiting.map(|id| {
            let calls = world.simulator.calls();
            calls.iter().filter(|call| call.path == format!("/v2/accounts/{id}")).count()
        })
    };
    let until = |at: chrono::DateTime<chrono::Utc>| world.clock.advance(at - world.clock.now());
    let expires = async |id: &str| {
        world
            .until(id, |known| known["reauth"]["sessions"]["nodes"][0]["status"] == "EXPIRED")
            .await
    };
    // The looks of the first four minutes.
    until(due - Duration::seconds(45));
    let first = async {
        while looks().contains(&0) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, first).await.expect("they are looked at");
    world.wear_out(Fault::new(FaultKind::Reset)).await;
    until(due - Duration::seconds(8));
    world.wants_to_be_left_alone(Fault::new(FaultKind::Reset)).await;
    // The looks are due, and behind them two links end, one after the other.
    until(due + Duration::seconds(2));
    expires("waits-1").await;
    until(due + Duration::seconds(3));
    let known = expires("waits-2").await;
    assert_eq!((looks(), &known["dataStatus"]), ([0; 3], &json!("PROCESSING")));
    let still = |known: &Value| known["reauth"]["sessions"]["nodes"][0]["status"] == "LINK_ISSUED";
    assert!(still(&world.known("waits-3").await));
    assert_eq!(world.count("account_state", "claimed_until IS NOT NULL").await, 0);
    // It is back long before the next looks are due, and what was put off is made up for.
    for id in waiting {
        world.simulator.set_status(id, DataStatus::Available).unwrap();
    }
    world.is_back().await;
    for id in waiting {
        world.until(id, |known| known["dataStatus"] == "AVAILABLE").await;
    }
    assert!(world.clock.now() < due + Duration::seconds(250));
    world.stop().await;
}
