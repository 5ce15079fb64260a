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

    /// Has somebody see whether Mono is back, and hear nothing while `meanwhile` goes on: only so
    /// is it known for sure that nobody else may look.
    async fn while_somebody_looks(&self, meanwhile: impl Future<Output = ()>) {
        self.simulator.add_fault(Fault::slow(60_000).times(1)).unwrap();
        self.clock.advance(Duration::seconds(3));
        let then = async {
            while self.simulator.in_flight() == 0 {
                tokio::task::yield_now().await;
            }
            meanwhile.await;
        };
        tokio::select! {
            codes = self.names(&[HEALTHY], 1) => panic!("{codes:?}"),
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
    let meanwhile = async {
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
            assert_eq!(error["retryAfterMs"], 2_000, "{answer}");
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
        assert_eq!(world.calls(), 1, "whoever sees whether Mono is back");
        world.simulator.clear_faults();
    };
    world.while_somebody_looks(meanwhile).await;
    // Whoever looked went away. The next may look at once, and sees that it is back.
    let mut codes = world.names(&[HEALTHY], 1).await;
    while codes != ["none"] {
        codes = world.names(&[HEALTHY], 1).await;
    }
    assert!(world.names(&ALL, 3).await.iter().all(|code| code == "none"));
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

#[tokio::test]
async fn a_look_that_fell_into_an_outage_is_made_when_mono_is_back() {
    let world = World::new().await;
    world.know_all().await;
    let waiting = ["waits-1", "waits-2"];
    for id in waiting {
        let new = NewAccount {
            id: Some(id.to_owned()),
            data_status: Some(DataStatus::Processing),
            ..NewAccount::default()
        };
        world.simulator.add_account(new).unwrap();
        assert_eq!(world.known(id).await["dataStatus"], "PROCESSING");
    }
    let looks = |id: &str| {
        let calls = world.simulator.calls();
        calls.iter().filter(|call| call.path == format!("/v2/accounts/{id}")).count()
    };
    let looked = || async {
        let both = async {
            while waiting.map(looks).contains(&0) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(3), both).await.is_ok()
    };
    // The looks of the first four minutes. The next are due at 300 and 600 s.
    world.simulator.reset_calls();
    world.clock.advance(Duration::seconds(250));
    assert!(looked().await);
    world.wear_out(Fault::new(FaultKind::Reset)).await;
    let meanwhile = async {
        world.clock.advance(Duration::seconds(50));
        let due =
            async { while world.count("account_state", "claimed_until IS NOT NULL").await < 2 {} };
        tokio::time::timeout(DEADLINE, due).await.expect("the looks come due");
        assert_eq!(waiting.map(looks), [0, 0], "Mono is down: it is not asked");
        world.simulator.clear_faults();
    };
    world.while_somebody_looks(meanwhile).await;
    // It is back before the next looks would be due, and what was put off is made up for. One of the
    // two may be what sees that it is back, while the other is put off once more.
    let mut made_up_for = false;
    for _ in 0..4 {
        world.clock.advance(Duration::seconds(61));
        made_up_for |= looked().await;
    }
    assert!(made_up_for);
    world.stop().await;
}
