//! Lost webhooks: what nobody tells is found by looking, told once, and not undone by what comes
//! late.

use std::collections::BTreeMap;

use chrono::Duration;
use mono_simulator::{
    Announce, Behaviour, DataStatus, Era, Fault, FaultKind, Finish, JobEnd, JobKind, JobOutcome,
    Kind, NewAccount, Oddity, Outcome, Realtime, Script, Webhook,
};
use serde_json::{Value, json};

use crate::support::*;

/// When an account that is being fetched is looked at, in seconds after that began.
const LOOKS_S: [i64; 11] = [15, 30, 60, 120, 240, 300, 600, 900, 1200, 1500, 1800];

const NEVER: i64 = i64::MAX;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// The data of a re-authorisation.
    Reauth,
    /// The data of a first link.
    Link,
    /// The end of a refresh, and its data.
    Refresh,
}

/// An account whose data comes when nobody tells.
#[derive(Clone, Debug)]
struct Case {
    wait: Wait,
    /// What the details show until then.
    meanwhile: DataStatus,
    /// When it comes, in seconds after the waiting began.
    ready_s: i64,
    /// What comes.
    data: DataStatus,
    account: String,
    session: Value,
}

impl Case {
    fn of(wait: Wait, meanwhile: DataStatus, ready_s: i64, data: DataStatus) -> Self {
        Self { wait, meanwhile, ready_s, data, account: String::new(), session: Value::Null }
    }

    /// How it stands once it was looked at `s` seconds after the waiting began: the status, the
    /// session's, and by what, or why not.
    fn expected(&self, s: i64) -> (&'static str, &'static str, &'static str) {
        let is_last = s == LOOKS_S[LOOKS_S.len() - 1];
        let waits = if self.wait == Wait::Link { "CONNECTED" } else { "AUTHORIZED" };
        if self.ready_s < s && self.data == DataStatus::Available {
            return ("AVAILABLE", "COMPLETED", "DETAILS_READ");
        }
        if self.ready_s < s && self.data == DataStatus::Unavailable {
            return ("UNAVAILABLE", "FAILED", "DATA_UNAVAILABLE");
        }
        if self.ready_s < s {
            return ("FAILED", "FAILED", "DATA_FAILED");
        }
        match is_last {
            true if self.meanwhile == DataStatus::Available => {
                ("AVAILABLE", "COMPLETED", "DEADLINE")
            }
            true => ("FAILED", "FAILED", "TIMED_OUT"),
            false => ("PROCESSING", waits, ""),
        }
    }
}

fn cases(era: Era) -> Vec<Case> {
    use DataStatus::{Available, Failed, Partial, Processing, Unavailable};
    let mut cases = Vec::new();
    for ready_s in [0, 20, 100, 1_250] {
        for meanwhile in [Available, Processing] {
            cases.push(Case::of(Wait::Reauth, meanwhile, ready_s, Available));
        }
        cases.push(Case::of(Wait::Link, Processing, ready_s, Available));
    }
    // Until 2025 there was one word for all troubles.
    let trouble = if era == Era::V2_2026 { Unavailable } else { Failed };
    cases.push(Case::of(Wait::Reauth, Available, 1_300, trouble));
    cases.push(Case::of(Wait::Reauth, Processing, 1_300, Failed));
    cases.push(Case::of(Wait::Link, Processing, 1_300, Failed));
    cases.push(Case::of(Wait::Reauth, Available, NEVER, Available));
    cases.push(Case::of(Wait::Reauth, Processing, NEVER, Available));
    cases.push(Case::of(Wait::Link, Processing, NEVER, Available));
    for ready_s in [20, 1_250] {
        cases.push(Case::of(Wait::Refresh, Partial, ready_s, Available));
    }
    // In the order in which their data comes.
    cases.sort_by_key(|case| case.ready_s);
    cases
}

impl World {
    /// Begins what this case waits for, up to where only its data is missing.
    async fn begin(&self, case: &mut Case, era: Era) {
        match case.wait {
            Wait::Reauth => self.begin_reauth(case).await,
            Wait::Link => self.begin_link(case).await,
            Wait::Refresh if era == Era::V2_2026 => self.begin_refresh(case).await,
            // Of old there was no such read.
            Wait::Refresh => {}
        }
    }

    async fn begin_reauth(&self, case: &mut Case) {
        let new = NewAccount { needs_reauth: true, ..NewAccount::default() };
        case.account = self.simulator.add_account(new).unwrap().id;
        self.simulator.require_reauth(&case.account, Announce::Webhook).unwrap();
        self.simulator.deliver(1).await;
        let started = self.initiate(&case.account).await;
        case.session = started["reauth"]["id"].clone();
        assert_eq!(started["reauth"]["status"], "LINK_ISSUED", "{started}");
        // What there was before is known.
        assert_eq!(self.known(&case.account).await["dataStatus"], "AVAILABLE");
    }

    async fn begin_link(&self, case: &mut Case) {
        let query = "mutation ($input: InitiateLinkInput!) { initiateLink(input: $input) {
            link { id url } } }";
        let customer = json!({ "name": "Ada Test", "email": "ada@example.test" });
        let variables = json!({ "input": { "customer": customer } });
        let started = self.data(query, variables).await["initiateLink"]["link"].take();
        case.session = started;
    }

    async fn begin_refresh(&self, case: &mut Case) {
        let new = NewAccount { data_status: Some(DataStatus::Partial), ..NewAccount::default() };
        case.account = self.simulator.add_account(new).unwrap().id;
        let query = "mutation ($id: ID!) { syncAccount(input: { accountId: $id }) {
            started job { id status } } }";
        let started = self.data(query, json!({ "id": case.account })).await["syncAccount"].take();
        assert_eq!(started["job"]["status"], "PROCESSING", "{started}");
        case.session = started["job"]["id"].clone();
    }

    /// The customer finishes, and Mono tells of that, but will not tell of the data.
    async fn approve(&self, case: &mut Case) {
        let finish = Finish::from(Outcome::Approve).data_status(case.data.clone());
        let kind = match case.wait {
            Wait::Reauth => {
                let until = Some(case.meanwhile.clone());
                self.simulator.set_behaviour(Behaviour { until_updated: until, ..held() });
                let query = "query ($id: ID!) { reauthSession(id: $id) { reference } }";
                let session = self.data(query, json!({ "id": case.session })).await;
                let reference = session["reauthSession"]["reference"].as_str().unwrap();
                self.simulator.finish_by_reference(reference, finish).unwrap();
                Kind::AccountReauthorized
            }
            Wait::Link => {
                let url = case.session["url"].as_str().unwrap().to_owned();
                let link = url.rsplit('/').next().unwrap();
                let finished = self.simulator.finish_link(link, finish).unwrap();
                case.account = finished.account.unwrap();
                // The page brings the code back: that works in every era.
                let query = "mutation ($input: CompleteLinkInput!) { completeLink(input: $input) {
                    errors { code } account { id } } }";
                let input = json!({ "code": finished.code, "linkId": case.session["id"] });
                let done = self.data(query, json!({ "input": input })).await;
                assert_eq!(done["completeLink"]["account"]["id"], json!(case.account), "{done}");
                return;
            }
            Wait::Refresh => return,
        };
        let told = Webhook::new(kind, &case.account).oddity(Oddity::Reversed);
        self.simulator.send_webhook(told).unwrap();
        let sent = self.simulator.deliver_next().await;
        assert!(sent[0].acknowledged && sent[0].kind == kind, "{sent:?}");
    }

    /// The data comes, and nobody tells.
    async fn data_comes(&self, case: &Case) {
        if case.wait == Wait::Refresh {
            let end = JobEnd::from(JobOutcome::Finished).silent();
            let job = JobKind::Transactions;
            self.simulator.end_running_job(&case.account, job, end).unwrap();
            return;
        }
        // The two webhooks of its approval, of which none arrives.
        let sent = self.simulator.deliver(2).await;
        assert!(sent.iter().all(|sent| sent.lost), "{sent:?}");
        assert_eq!(sent[1].account.as_deref(), Some(case.account.as_str()));
    }

    /// Waits until nothing is due and nobody is at work on anything.
    async fn is_idle(&self) {
        let idle = async {
            loop {
                let now = self.clock.now().timestamp_millis();
                let due = format!("next_deadline_at <= {now} OR claimed_until IS NOT NULL");
                if self.count("account_state", &due).await == 0 {
                    break;
                }
            }
        };
        tokio::time::timeout(DEADLINE, idle).await.expect("all looks come to their end");
    }

    /// How the case stands: status, session's status, and by what or why not.
    async fn stands(&self, case: &Case) -> (String, String, String) {
        let query = match case.wait {
            Wait::Reauth => {
                "query ($account: ID!, $id: ID!) { account(id: $account) { dataStatus }
                session: reauthSession(id: $id) { status completedVia failure { code } } }"
            }
            Wait::Link => {
                "query ($account: ID!, $id: ID!) { account(id: $account) { dataStatus }
                session: linkSession(id: $id) { status completedVia failure { code } } }"
            }
            Wait::Refresh => {
                "query ($account: ID!, $id: ID!) { account(id: $account) { dataStatus }
                session: job(id: $id) { status failure { code } } }"
            }
        };
        let id = case.session.get("id").unwrap_or(&case.session);
        let data = self.data(query, json!({ "account": case.account, "id": id })).await;
        let session = &data["session"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let why = text(&session["completedVia"]) + &text(&session["failure"]["code"]);
        (text(&data["account"]["dataStatus"]), text(&session["status"]), why)
    }
}

fn held() -> Behaviour {
    Behaviour { realtime: Realtime::Enqueued, hold_jobs: true, ..Behaviour::default() }
}

/// What a subscription heard of each account, up to the account `last`.
async fn heard(ws: &mut Ws, what: &str, last: &str) -> BTreeMap<String, Vec<String>> {
    let mut heard: BTreeMap<String, Vec<String>> = BTreeMap::new();
    loop {
        let event = ws.event().await;
        let account = event["account"]["id"].as_str().unwrap().to_owned();
        if account == last {
            return heard;
        }
        // Of need no session is told here.
        if let Some(word) = event[what].as_str() {
            heard.entry(account).or_default().push(word.to_owned());
        }
    }
}

/// Something that everybody hears of, so that all before it is known to have been heard.
async fn mark(world: &World, account: &str) {
    for event in ["account_updated", "reauthorisation_required"] {
        let body = json!({ "event": format!("mono.events.{event}"), "data": {
            "account": { "_id": account }, "meta": { "data_status": "AVAILABLE" } } });
        assert_eq!(world.webhook(body.to_string()).await, 200);
    }
}

async fn heals(era: Era, seed: u64) {
    let world = World::new().await;
    world.simulator.reset(Some(seed));
    world.simulator.set_webhook_url(&world.url(0, "/webhooks/mono"));
    world.simulator.set_era(era);
    world.simulator.set_behaviour(held());
    let mut cases = cases(era);
    for case in &mut cases {
        world.begin(case, era).await;
    }
    cases.retain(|case| !case.session.is_null());
    let mut statuses = world.subscribe(0, DATA_STATUS, json!({})).await;
    let mut reauths = world.subscribe(0, REAUTH, json!({})).await;
    world.heard_by(0, 2).await;
    let drop = [Kind::AccountConnected, Kind::AccountReauthorized, Kind::AccountUpdated].into();
    world.simulator.script(Script { drop, ..Script::default() });
    for case in &mut cases {
        world.approve(case).await;
        // Whatever is asked on the way does not count.
        world.is_idle().await;
    }
    let began = world.clock.now();
    let mut coming = cases.clone();
    for look_s in LOOKS_S {
        while coming.first().is_some_and(|case| case.ready_s < look_s) {
            let case = coming.remove(0);
            world.data_comes(&case).await;
        }
        let due = began + Duration::seconds(look_s + 1);
        world.clock.advance(due - world.clock.now());
        world.is_idle().await;
        for case in cases.iter().filter(|case| case.wait != Wait::Refresh) {
            let (status, session, why) = world.stands(case).await;
            let stands = (status.as_str(), session.as_str(), why.as_str());
            assert_eq!(stands, case.expected(look_s), "after {look_s} s: {case:?}");
        }
    }
    // A refresh's data is looked at a while after its end was found.
    world.clock.advance(Duration::seconds(16));
    world.is_idle().await;
    for case in cases.iter().filter(|case| case.wait == Wait::Refresh) {
        let (status, job, _) = world.stands(case).await;
        assert_eq!((status.as_str(), job.as_str()), ("AVAILABLE", "FINISHED"), "{case:?}");
    }
    mark(&world, "mark-1").await;
    let told = heard(&mut statuses, "to", "mark-1").await;
    let moved = heard(&mut reauths, "reauthStatus", "mark-1").await;
    for case in &cases {
        let (status, session, _) = world.stands(case).await;
        let waited = case.wait != Wait::Refresh;
        let wanted: Vec<_> = waited.then_some("PROCESSING".to_owned()).into_iter().collect();
        let wanted = [wanted, vec![status]].concat();
        assert_eq!(told.get(&case.account), Some(&wanted), "{case:?}");
        if case.wait == Wait::Reauth {
            let wanted = vec!["AUTHORIZED".to_owned(), session];
            assert_eq!(moved.get(&case.account), Some(&wanted), "{case:?}");
        }
    }

    // Hours later everything that was lost comes after all, in the wrong order and twice.
    world.clock.advance(Duration::hours(5));
    let mut stood = Vec::new();
    for case in &cases {
        stood.push(world.stands(case).await);
    }
    let sent = world.simulator.deliveries();
    // What was heard comes again as well; its twin that was lost tells of another approval.
    let is_late = |kind: Kind, lost: bool| {
        (kind == Kind::AccountUpdated && lost) || (kind == Kind::AccountReauthorized && !lost)
    };
    let late = sent.iter().rev().filter(|sent| is_late(sent.kind, sent.lost));
    let mut late_ones = 0;
    for sent in late {
        for _ in 0..2 {
            assert_eq!(world.webhook(sent.body.to_string()).await, 200);
            late_ones += 1;
        }
    }
    assert!(late_ones >= 2 * (cases.len() - 3), "{late_ones}");
    mark(&world, "mark-2").await;
    let told = heard(&mut statuses, "to", "mark-2").await;
    let moved = heard(&mut reauths, "reauthStatus", "mark-2").await;
    assert_eq!((told, moved), (BTreeMap::new(), BTreeMap::new()), "nothing is told twice");
    for (case, stood) in cases.iter().zip(stood) {
        assert_eq!(world.stands(case).await, stood, "nothing goes back: {case:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn data_that_nobody_tells_of_is_found_on_schedule_and_told_once() {
    heals(Era::V2_2026, 1).await;
}

#[tokio::test]
async fn so_it_is_in_the_shapes_of_2024() {
    heals(Era::V2_2024, 2).await;
}

#[tokio::test]
async fn so_it_is_in_the_first_shapes_and_the_last_without_an_envelope() {
    heals(Era::V1, 3).await;
    heals(Era::Legacy, 4).await;
}

/// An approved re-authorisation: its session, and the account.
async fn approved(world: &World) -> (String, Value) {
    let mut case = Case::of(Wait::Reauth, DataStatus::Available, NEVER, DataStatus::Available);
    world.begin_reauth(&mut case).await;
    let query = "query ($id: ID!) { reauthSession(id: $id) { reference } }";
    let session = world.data(query, json!({ "id": case.session })).await;
    let reference = session["reauthSession"]["reference"].as_str().unwrap();
    world.simulator.finish_by_reference(reference, Outcome::Approve).unwrap();
    (case.account, case.session)
}

fn newest(known: &Value) -> &Value {
    &known["reauth"]["sessions"]["nodes"][0]
}

/// What was lost of this kind, as it would have come.
fn lost(world: &World, account: &str, kind: Kind) -> String {
    let sent = world.simulator.deliveries();
    let of = |sent: &&mono_simulator::Delivery| {
        sent.lost && sent.kind == kind && sent.account.as_deref() == Some(account)
    };
    sent.iter().find(of).expect("it was lost").body.to_string()
}

#[tokio::test]
async fn without_account_reauthorized_the_data_itself_shows_that_the_customer_has_finished() {
    for era in [Era::V2_2026, Era::V2_2024] {
        let world = World::new().await;
        world.simulator.set_era(era);
        let drop = vec![Kind::AccountReauthorized];
        world.simulator.script(Script { drop, ..Script::default() });
        let mut statuses = world.subscribe(0, DATA_STATUS, json!({})).await;
        world.heard_by(0, 1).await;
        let (account, _) = approved(&world).await;
        assert_eq!(statuses.event().await["to"], "AVAILABLE");
        world.simulator.deliver_all().await;
        // Of old an update did not say how the refresh behind it ended.
        let says = era == Era::V2_2026;
        let known = world.known(&account).await;
        assert_eq!(known["reauth"]["required"], !says, "{known}");
        world.clock.advance(Duration::minutes(31));
        // Then a look shows it, before the link is taken for dead.
        let via = if says { "ACCOUNT_UPDATED" } else { "DETAILS_READ" };
        let known = world.until(&account, |known| newest(known)["status"] == "COMPLETED").await;
        assert_eq!(known["dataStatus"], "AVAILABLE");
        // It comes after all.
        world.clock.advance(Duration::hours(3));
        let late = lost(&world, &account, Kind::AccountReauthorized);
        assert_eq!(world.webhook(late).await, 200);
        let known = world.known(&account).await;
        assert_eq!(newest(&known)["status"], "COMPLETED", "{known}");
        assert_eq!(newest(&known)["completedVia"], via, "{known}");
        assert_eq!(
            (&known["dataStatus"], &known["reauth"]["required"]),
            (&json!("AVAILABLE"), &json!(false))
        );
        mark(&world, "mark").await;
        let told = heard(&mut statuses, "to", "mark").await;
        let news = told.get(&account).cloned().unwrap_or_default();
        assert_eq!(news, vec!["AVAILABLE"], "the new data is told once, and under its status");
        world.stop().await;
    }
}

#[tokio::test]
async fn a_link_of_which_nothing_is_heard_expires_and_what_comes_late_repairs_it() {
    let world = World::new().await;
    let drop = vec![Kind::AccountReauthorized, Kind::AccountUpdated];
    world.simulator.script(Script { drop, ..Script::default() });
    let (account, _) = approved(&world).await;
    world.simulator.deliver_all().await;
    world.simulator.add_fault(Fault::status(500).account(&account).times(1000)).unwrap();
    world.clock.advance(Duration::minutes(31));
    let known = world.until(&account, |known| newest(known)["status"] == "EXPIRED").await;
    assert_eq!(newest(&known)["url"], Value::Null);
    assert_eq!(known["reauth"]["required"], true, "nobody said that it was not");
    world.clock.advance(Duration::hours(3));
    for (kind, session) in
        [(Kind::AccountReauthorized, "AUTHORIZED"), (Kind::AccountUpdated, "COMPLETED")]
    {
        assert_eq!(world.webhook(lost(&world, &account, kind)).await, 200);
        assert_eq!(newest(&world.known(&account).await)["status"], session);
    }
    assert_eq!(world.known(&account).await["dataStatus"], "AVAILABLE");
    world.stop().await;
}

#[tokio::test]
async fn however_the_details_fail_it_ends_with_the_reason_and_a_late_success_repairs_it() {
    let world = World::new().await;
    world.simulator.script(Script { drop: vec![Kind::AccountUpdated], ..Script::default() });
    let faults = [
        Fault::status(500),
        Fault::status(429).retry_after(3600),
        Fault::status(404),
        Fault::new(FaultKind::Reset),
        Fault::new(FaultKind::Garbage),
        Fault::new(FaultKind::Truncated),
        Fault::new(FaultKind::DataNull),
        Fault::new(FaultKind::Empty),
        Fault::slow(11_000),
    ];
    let mut accounts = Vec::new();
    for _ in &faults {
        let (account, _) = approved(&world).await;
        world.simulator.deliver_all().await;
        accounts.push(account);
    }
    let begun = world.clock.now();
    for (fault, account) in faults.into_iter().zip(&accounts) {
        // What hangs does so only at the end: this test is to be quick.
        let hangs = fault.kind == FaultKind::Slow;
        let fault = if hangs { Fault::status(503) } else { fault };
        world.simulator.add_fault(fault.account(account).times(1000)).unwrap();
    }
    for look_s in [16, 31] {
        world.clock.advance(begun + Duration::seconds(look_s) - world.clock.now());
        world.is_idle().await;
        for account in &accounts {
            let known = world.known(account).await;
            assert_eq!(newest(&known)["status"], "AUTHORIZED", "{known}");
            assert!(known["sync"]["waitingUntil"].is_string(), "the next look stands: {known}");
        }
    }
    // Of one the trouble passes.
    world.simulator.clear_faults();
    let healed = accounts.remove(0);
    let hanging = accounts.pop().unwrap();
    for account in &accounts {
        world.simulator.add_fault(Fault::status(502).account(account).times(1000)).unwrap();
    }
    world.simulator.add_fault(Fault::slow(11_000).account(&hanging).times(1000)).unwrap();
    accounts.push(hanging);
    world.clock.advance(Duration::seconds(31));
    world.until(&healed, |known| newest(known)["completedVia"] == "DETAILS_READ").await;
    world.clock.advance(Duration::minutes(31));
    for account in &accounts {
        world.until(account, |known| newest(known)["status"] == "FAILED").await;
        let known = world.known(account).await;
        assert_eq!(newest(&known)["failure"]["code"], "TIMED_OUT");
        assert_eq!(
            (&known["dataStatus"], &known["dataStatusRaw"]),
            (&json!("FAILED"), &Value::Null)
        );
        assert_eq!(known["sync"]["failure"]["code"], "TIMED_OUT");
        assert_eq!(known["reauth"]["required"], false, "the customer did their part");
        assert_eq!(known["sync"]["waitingUntil"], Value::Null);
    }
    world.simulator.clear_faults();
    let read = "query ($id: ID!) { account(id: $id) { balance { minor } } }";
    for (n, account) in accounts.iter().enumerate() {
        let via = if n % 2 == 0 {
            assert_eq!(world.webhook(lost(&world, account, Kind::AccountUpdated)).await, 200);
            "ACCOUNT_UPDATED"
        } else {
            world.ask(read, json!({ "id": account })).await;
            "DETAILS_READ"
        };
        let known = world.known(account).await;
        assert_eq!(
            (&newest(&known)["status"], &newest(&known)["completedVia"]),
            (&json!("COMPLETED"), &json!(via))
        );
        assert_eq!(
            (&known["dataStatus"], &known["sync"]["failure"]),
            (&json!("AVAILABLE"), &Value::Null)
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn what_was_due_while_the_gateway_was_down_is_done_when_it_is_back() {
    let mut world = World::new().await;
    world.simulator.script(Script { drop: vec![Kind::AccountUpdated], ..Script::default() });
    let (ready, _) = approved(&world).await;
    world.simulator.deliver_all().await;
    // Its data never comes.
    let (stuck, _) = approved(&world).await;
    world.simulator.deliver_all().await;
    world.simulator.set_status(&stuck, DataStatus::Processing).unwrap();
    let unused = world.initiate(HEALTHY).await;
    assert_eq!(unused["reauth"]["status"], "LINK_ISSUED");
    world.gateways.pop().unwrap().stop().await;
    world.clock.advance(Duration::hours(26));
    world.simulator.reset_calls();
    world.start_gateway().await;
    let known = world.until(&ready, |known| newest(known)["status"] == "COMPLETED").await;
    assert_eq!(newest(&known)["completedVia"], "DETAILS_READ");
    let known = world.until(&stuck, |known| newest(known)["status"] == "FAILED").await;
    assert_eq!(newest(&known)["failure"]["code"], "TIMED_OUT");
    assert_eq!(newest(&known)["failure"]["dataStatus"], "PROCESSING");
    world.until(HEALTHY, |known| newest(known)["status"] == "EXPIRED").await;
    assert_eq!(world.simulator.calls().len(), 2, "what was missed is not made up for");
    world.stop().await;
}
