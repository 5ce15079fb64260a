//! Linking: from `initiateLink` to an account that is the caller's, and out again.

use chrono::Duration;
use mono_simulator::{
    Behaviour, DataStatus, Era, Exchange, Fault, Finish, Finished, Kind, Oddity, Order, Outcome,
    Script, Variant, Webhook,
};
use serde_json::{Value, json};

use crate::{
    access::{ask_as, token, token_of, world_with_tokens},
    support::*,
};

const INITIATE_LINK: &str = "mutation ($input: InitiateLinkInput!) { initiateLink(input: $input) {
    reused errors { __typename code message retryable }
    link { id reference status url redirectUrl expiresAt expiryBasis createdAt account { id } } } }";

const COMPLETE: &str = "mutation ($input: CompleteLinkInput!) { completeLink(input: $input) {
    errors { __typename code message } account { id dataStatus }
    link { id status account { id } } } }";

const SESSION: &str = "query ($id: ID!) { linkSession(id: $id) { id reference status url expiresAt
    connectedAt completedAt completedVia accountMatch account { id dataStatus accountMatch }
    replaces { id } failure { code message dataStatus } } }";

const LINK: &str =
    "subscription ($id: ID, $after: String) { linkChanged(linkId: $id, after: $after) {
    cursor kind status cause link { id status account { id } } } }";

fn ada() -> Value {
    json!({ "customer": { "name": "Ada Test", "email": "ada@example.test" } })
}

fn with(mut input: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        input[name] = value.clone();
    }
    input
}

impl World {
    async fn initiate_link(&self, input: Value) -> Value {
        self.data(INITIATE_LINK, json!({ "input": input })).await["initiateLink"].take()
    }

    async fn link(&self, id: &Value) -> Value {
        self.data(SESSION, json!({ "id": id })).await["linkSession"].take()
    }

    async fn complete(&self, input: Value) -> Value {
        self.data(COMPLETE, json!({ "input": input })).await["completeLink"].take()
    }

    /// Waits until the session has this status.
    async fn until_link(&self, id: &Value, status: &str) -> Value {
        let wait = async {
            loop {
                let session = self.link(id).await;
                if session["status"] == status {
                    return session;
                }
                tokio::task::yield_now().await;
            }
        };
        match tokio::time::timeout(DEADLINE, wait).await {
            Ok(session) => session,
            Err(_) => panic!("it did not become {status}: {}", self.link(id).await),
        }
    }

    /// The customer visits the link.
    fn visits(&self, link: &Value, finish: impl Into<Finish>) -> Finished {
        let code = link["url"].as_str().unwrap().rsplit('/').next().unwrap();
        self.simulator.finish_link(code, finish).unwrap()
    }

    /// A session whose customer has linked an account that Mono has told of.
    async fn linked(&self, finish: impl Into<Finish>) -> (Value, String) {
        let link = self.initiate_link(ada()).await["link"].take();
        let account = self.visits(&link, finish).account.unwrap();
        self.simulator.deliver_all().await;
        (link["id"].clone(), account)
    }
}

#[tokio::test]
async fn a_customer_links_an_account_and_every_step_is_told() {
    let world = World::new().await;
    let input = with(ada(), json!({ "redirectUrl": "https://app.example.test/back" }));
    let mut payload = world.initiate_link(input).await;
    assert_eq!(payload["errors"], json!([]));
    let link = payload["link"].take();
    assert_eq!((&link["status"], &link["expiryBasis"]), (&json!("LINK_ISSUED"), &json!("ASSUMED")));
    assert_eq!(link["reference"].as_str().unwrap().len(), 20);
    let mut ws = world.subscribe(0, LINK, json!({ "id": link["id"] })).await;
    let snapshot = ws.event().await;
    assert_eq!(
        (&snapshot["kind"], &snapshot["status"]),
        (&json!("SNAPSHOT"), &json!("LINK_ISSUED"))
    );

    let finished = world.visits(&link, Outcome::Approve);
    world.simulator.deliver_all().await;
    let connected = ws.event().await;
    let account = finished.account.unwrap();
    assert_eq!(
        (&connected["status"], &connected["cause"]),
        (&json!("CONNECTED"), &json!("ACCOUNT_CONNECTED"))
    );
    let completed = ws.event().await;
    assert_eq!(
        (&completed["status"], &completed["cause"]),
        (&json!("COMPLETED"), &json!("ACCOUNT_UPDATED"))
    );
    let session = world.link(&link["id"]).await;
    assert_eq!(
        session["account"],
        json!({ "id": account, "dataStatus": "AVAILABLE", "accountMatch": null })
    );
    assert_eq!(session["url"], Value::Null);
    assert_eq!(session["completedVia"], "ACCOUNT_UPDATED");
    assert!(session["connectedAt"].is_string() && session["completedAt"].is_string());
    let answer = world
        .data(
            "query ($reference: String!, $id: ID!) {
                linkSessionByReference(reference: $reference) { id }
                node(id: $id) { __typename id } }",
            json!({ "reference": link["reference"], "id": link["id"] }),
        )
        .await;
    assert_eq!(answer["linkSessionByReference"]["id"], link["id"]);
    assert_eq!(answer["node"]["__typename"], "LinkSession");
    // Who comes late hears all of it from the log.
    let mut late = world.subscribe(0, LINK, json!({ "after": snapshot["cursor"] })).await;
    assert_eq!(late.event().await["cursor"], connected["cursor"]);
    assert_eq!(late.event().await["cursor"], completed["cursor"]);
    world.stop().await;
}

#[tokio::test]
async fn mono_gets_what_was_given_and_nothing_else() {
    let world = World::new().await;
    world.initiate_link(ada()).await;
    let input = json!({
        "customer": { "id": "65aa00000000000000000001", "name": "Ada Test",
            "email": "ada@example.test", "phone": "+2348000000001", "bvn": "22000000001" },
        "institution": { "id": "5f0000000000000000000002", "authMethod": "mobile_banking",
            "accountNumber": "0123456789" },
        "redirectUrl": "https://app.example.test/back", "reference": "user-000042-a1",
        "checkAccountMatch": true,
    });
    let input = with(
        input,
        json!({ "customer": { "name": "Ada Test", "email": "ada@example.test",
        "phone": "+2348000000001", "bvn": "22000000001" } }),
    );
    let payload = world.initiate_link(input).await;
    assert_eq!(payload["link"]["reference"], "user-000042-a1");
    let calls = world.simulator.calls();
    let bodies: Vec<Value> = calls
        .iter()
        .filter(|call| call.path == "/v2/accounts/initiate")
        .map(|call| call.body.clone())
        .collect();
    let names = |body: &Value| body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&bodies[0]), ["customer", "meta", "scope"]);
    assert_eq!(
        bodies[1],
        json!({
            "customer": { "name": "Ada Test", "email": "ada@example.test", "phone": "+2348000000001",
                "identity": { "type": "bvn", "number": "22000000001" } },
            "institution": { "id": "5f0000000000000000000002", "auth_method": "mobile_banking",
                "account_number": "0123456789" },
            "meta": { "ref": "user-000042-a1" }, "scope": "auth",
            "redirect_url": "https://app.example.test/back", "check_account_match": true,
        })
    );
    // Nothing of the customer is kept.
    for table in ["link_session", "fact_log", "change_log"] {
        let db = world.database().await;
        let text = dump(&db, table).await;
        assert!(!text.contains("example.test\"") && !text.contains("Ada Test"), "{table}: {text}");
        assert!(!text.contains("22000000001") && !text.contains("0123456789"), "{table}: {text}");
    }
    world.stop().await;
}

/// A table as text.
async fn dump(db: &sea_orm::DatabaseConnection, table: &str) -> String {
    use sea_orm::{ConnectionTrait as _, Statement};
    let columns = match table {
        "link_session" => {
            "id || owner || reference || coalesce(failure, '') || coalesce(customer, '')"
        }
        "fact_log" => "fact",
        _ => "change",
    };
    let sql = format!("SELECT {columns} FROM {table}");
    let rows =
        db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
    let texts = rows.iter().map(|row| row.try_get_by_index::<String>(0).unwrap());
    texts.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn connected_and_updated_join_the_session_in_either_order_and_every_shape() {
    for (order, variant, first, era) in [
        (Order::Normal, None, None, Era::V2_2026),
        (Order::Reversed, None, None, Era::V2_2026),
        // The update alone carries the reference.
        (Order::Reversed, Some(Variant::E), Some(Variant::Old), Era::V2_2026),
        (Order::Normal, Some(Variant::E), Some(Variant::Old), Era::V2_2026),
        // Only the connection does.
        (Order::Reversed, Some(Variant::A), None, Era::V2_2026),
        // Nothing but the updates tells the reference, and nothing the customer.
        (Order::Normal, Some(Variant::E), None, Era::V2_2024),
        (Order::Reversed, Some(Variant::E), None, Era::V2_2024),
    ] {
        let world = World::new().await;
        world.simulator.set_era(era);
        let first_variant = first;
        world.simulator.script(Script {
            order,
            variant,
            first_variant,
            duplicates: 1,
            ..Script::default()
        });
        let (id, account) = world.linked(Outcome::Approve).await;
        // Where no event tells the customer, the details are asked.
        let session = world.until_link(&id, "COMPLETED").await;
        assert_eq!(session["account"]["id"], json!(account), "{order:?} {variant:?} {first:?}");
        assert_eq!(
            world.count("change_log", "kind = 'LINK'").await,
            match order {
                // Requested, issued, connected, completed: each once, whatever was sent twice.
                Order::Normal | Order::Reversed => 4,
            }
        );
        world.stop().await;
    }
}

#[tokio::test]
async fn a_reference_that_no_webhook_carries_is_found_in_the_details() {
    let world = World::new().await;
    world.simulator.script(Script {
        first_variant: Some(Variant::Old),
        drop: vec![Kind::AccountUpdated],
        ..Script::default()
    });
    let (id, account) = world.linked(Outcome::Approve).await;
    assert_eq!(world.link(&id).await["account"], Value::Null);
    world.clock.advance(Duration::seconds(16));
    world.until(&account, |known| known["dataStatus"] == "AVAILABLE").await;
    let session = world.link(&id).await;
    assert_eq!(
        (&session["status"], &session["completedVia"]),
        (&json!("COMPLETED"), &json!("DETAILS_READ"))
    );
    world.stop().await;
}

#[tokio::test]
async fn a_code_links_the_account_where_no_webhook_comes() {
    for exchange in [Exchange::Envelope, Exchange::Bare] {
        let world = World::new().await;
        world.simulator.set_behaviour(Behaviour { exchange, ..Behaviour::default() });
        let drop = vec![Kind::AccountConnected, Kind::AccountUpdated];
        world.simulator.script(Script { drop, ..Script::default() });
        let link = world.initiate_link(ada()).await["link"].take();
        let finished = world.visits(&link, Outcome::Approve);
        let (code, account) = (finished.code.unwrap(), finished.account.unwrap());
        let input = json!({ "code": code, "reference": link["reference"] });
        let payload = world.complete(input.clone()).await;
        assert_eq!(payload["errors"], json!([]));
        assert_eq!(payload["account"], json!({ "id": account, "dataStatus": "PROCESSING" }));
        assert_eq!(
            payload["link"],
            json!({ "id": link["id"], "status": "CONNECTED", "account": { "id": account } })
        );
        // Repeated, it says the same.
        assert_eq!(world.complete(input).await, payload);
        // The data is found without a webhook.
        world.simulator.deliver_all().await;
        world.clock.advance(Duration::seconds(16));
        world.until(&account, |known| known["dataStatus"] == "AVAILABLE").await;
        assert_eq!(world.link(&link["id"]).await["status"], "COMPLETED");
        world.stop().await;
    }
}

#[tokio::test]
async fn a_bad_code_is_the_caller_s_to_mend_unless_the_webhook_was_faster() {
    let world = World::new().await;
    let codes_work_once = true;
    world.simulator.set_behaviour(Behaviour { codes_work_once, ..Behaviour::default() });
    let payload = world.complete(json!({ "code": "code_nonsense" })).await;
    assert_eq!(payload["errors"][0]["__typename"], "InvalidCodeError");
    assert_eq!(payload["errors"][0]["code"], "INVALID_CODE");
    let link = world.initiate_link(ada()).await["link"].take();
    let input = json!({ "code": "code_nonsense", "linkId": link["id"] });
    assert_eq!(world.complete(input.clone()).await["errors"][0]["code"], "INVALID_CODE");
    let account = world.visits(&link, Outcome::Approve).account.unwrap();
    world.simulator.deliver_all().await;
    let payload = world.complete(input).await;
    assert_eq!(payload["errors"], json!([]));
    assert_eq!(payload["account"]["id"], json!(account));
    for (input, code) in [
        (json!({ "code": "" }), "BAD_USER_INPUT"),
        (json!({ "code": "x", "linkId": link["id"], "reference": "r" }), "BAD_USER_INPUT"),
        (json!({ "code": "x", "linkId": format!("link_{:032x}", 7) }), "NOT_FOUND"),
        (json!({ "code": "x", "linkId": "link_1" }), "BAD_USER_INPUT"),
        (json!({ "code": "x", "reference": "nobody-has-this" }), "NOT_FOUND"),
    ] {
        assert_eq!(world.code(COMPLETE, json!({ "input": input })).await, code, "{input}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_customer_who_gives_up_or_never_comes_ends_the_session_and_a_late_one_repairs_it() {
    let world = World::new().await;
    const CANCEL: &str = "mutation ($input: CancelLinkInput!) { cancelLink(input: $input) {
        errors { __typename code } link { status url } } }";
    let link = world.initiate_link(ada()).await["link"].take();
    let finished = world.visits(&link, Outcome::Close);
    assert_eq!(finished.account, None);
    let input = json!({ "input": { "linkId": link["id"], "reason": "widget_closed" } });
    for _ in 0..2 {
        let payload = world.data(CANCEL, input.clone()).await["cancelLink"].take();
        assert_eq!(
            payload,
            json!({ "errors": [], "link": { "status": "CANCELLED", "url": null } })
        );
    }
    world.visits(&link, Outcome::Approve);
    world.simulator.deliver_all().await;
    assert_eq!(world.link(&link["id"]).await["status"], "COMPLETED");
    let payload = world.data(CANCEL, input).await["cancelLink"].take();
    assert_eq!(payload["errors"][0]["code"], "LINK_NOT_ACTIVE");

    let link = world.initiate_link(ada()).await["link"].take();
    let mut ws = world.subscribe(0, LINK, json!({ "id": link["id"] })).await;
    assert_eq!(ws.event().await["kind"], "SNAPSHOT");
    world.clock.advance(Duration::minutes(31));
    assert_eq!(ws.event().await["status"], "EXPIRED");
    assert_eq!(world.link(&link["id"]).await["url"], Value::Null);
    world.stop().await;
}

#[tokio::test]
async fn data_that_does_not_come_fails_the_session_and_repairs_it_later() {
    let world = World::new().await;
    let (id, account) =
        world.linked(Finish::from(Outcome::Approve).data_status(DataStatus::Unavailable)).await;
    let session = world.link(&id).await;
    assert_eq!(session["status"], "FAILED");
    assert_eq!(session["failure"]["code"], "DATA_UNAVAILABLE");
    assert_eq!(session["failure"]["dataStatus"], "UNAVAILABLE");
    assert_eq!(session["account"]["id"], json!(account));
    let webhook = Webhook::new(Kind::AccountUpdated, &account).data_status(DataStatus::Partial);
    world.simulator.send_webhook(webhook).unwrap();
    world.simulator.deliver_all().await;
    assert_eq!(world.link(&id).await["status"], "COMPLETED");
    world.stop().await;
}

#[tokio::test]
async fn what_mono_refuses_ends_the_session_and_gives_the_reference_back() {
    let world = World::new().await;
    let fault = Fault::status(402).path("/v2/accounts/initiate");
    world.simulator.add_fault(fault).unwrap();
    let input = with(ada(), json!({ "reference": "order-1234567" }));
    let variables = json!({ "input": input });
    assert_eq!(world.code(INITIATE_LINK, variables.clone()).await, "UPSTREAM_REJECTED");
    let answer = world
        .data(
            "{ linkSessionByReference(reference: \"order-1234567\") { status failure { code } } }",
            json!({}),
        )
        .await;
    let failed = json!({ "status": "FAILED", "failure": { "code": "LINK_REFUSED" } });
    assert_eq!(answer["linkSessionByReference"], failed);
    assert_eq!(world.initiate_link(input.clone()).await["link"]["status"], "LINK_ISSUED");
    let payload = world.initiate_link(input).await;
    assert_eq!(payload["errors"][0]["__typename"], "ReferenceInUseError");
    for (more, hint) in [
        (json!({ "customer": { "name": "Ada" } }), "email"),
        (json!({ "customer": { "id": "c", "bvn": "123" } }), "11 digits"),
        (json!({ "customer": { "name": "", "email": "a@b" } }), "customer.name"),
        (json!({ "checkAccountMatch": true }), "accountNumber"),
        (json!({ "reference": "a b" }), "reference"),
        (json!({ "redirectUrl": "javascript:1" }), "redirectUrl"),
        (json!({ "idempotencyKey": "" }), "idempotencyKey"),
    ] {
        let answer = world.ask(INITIATE_LINK, json!({ "input": with(ada(), more) })).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
        assert!(answer["errors"][0]["message"].as_str().unwrap().contains(hint), "{answer}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_key_gives_the_first_answer_and_is_refused_for_another_wish() {
    let mut world = World::new().await;
    let input = with(ada(), json!({ "idempotencyKey": "k-1" }));
    let first = world.initiate_link(input.clone()).await;
    let again = world.initiate_link(input.clone()).await;
    assert_eq!(first, again);
    assert_eq!(world.simulator.links().len(), 1);
    let other = with(input.clone(), json!({ "reference": "another-one" }));
    let payload = world.initiate_link(other).await;
    assert_eq!(payload["errors"][0]["code"], "IDEMPOTENCY_KEY_REUSED");
    // One key, one wish: it cannot be used for something else either.
    let payload =
        world.initiate_with(json!({ "accountId": HEALTHY, "idempotencyKey": "k-1" })).await;
    assert_eq!(payload["errors"][0]["code"], "IDEMPOTENCY_KEY_REUSED");
    let input_of_reauth = json!({ "accountId": HEALTHY, "idempotencyKey": "k-2" });
    let first = world.initiate_with(input_of_reauth.clone()).await;
    world.restart().await;
    assert_eq!(first, world.initiate_with(input_of_reauth.clone()).await);
    // Ten at once are one wish.
    let input = with(ada(), json!({ "idempotencyKey": "k-3" }));
    let ten = (0..10).map(|_| world.initiate_link(input.clone()));
    let ids: std::collections::BTreeSet<_> = futures_util::future::join_all(ten)
        .await
        .iter()
        .map(|payload| payload["link"]["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 1);
    // After a day it stands for nothing.
    world.clock.advance(Duration::hours(25));
    let payload = world.initiate_with(json!({ "accountId": NAIRA, "idempotencyKey": "k-2" })).await;
    assert_eq!(payload["errors"], json!([]));
    world.stop().await;
}

#[tokio::test]
async fn the_same_bank_account_linked_again_is_noticed() {
    let world = World::new().await;
    let (_, first) = world.linked(Outcome::Approve).await;
    let (id, second) = world.linked(Finish::from(Outcome::Approve).same_as(&first)).await;
    let (_, other) = world.linked(Outcome::Approve).await;
    assert_ne!(first, second);
    assert_eq!(world.link(&id).await["replaces"], json!({ "id": first }));
    const SAME: &str = "query ($id: ID!) { account(id: $id) {
        replacedBy { id } sameBankAccount { id } } }";
    let of = |id: String| {
        let world = &world;
        async move { world.data(SAME, json!({ "id": id })).await["account"].take() }
    };
    let expected = json!({ "replacedBy": { "id": second }, "sameBankAccount": [{ "id": second }] });
    assert_eq!(of(first.clone()).await, expected);
    let expected = json!({ "replacedBy": null, "sameBankAccount": [{ "id": first }] });
    assert_eq!(of(second.clone()).await, expected);
    assert_eq!(of(other).await, json!({ "replacedBy": null, "sameBankAccount": [] }));
    // The number itself is nowhere.
    let number = world.simulator.account(&first).unwrap().account_number;
    assert_eq!(world.count("account_state", &format!("state LIKE '%{number}%'")).await, 0);
    world.stop().await;
}

#[tokio::test]
async fn whether_it_is_the_account_that_was_expected_is_told() {
    let world = World::new().await;
    for (outcome, expected) in [(Outcome::Approve, true), (Outcome::OtherAccount, false)] {
        let input = with(
            ada(),
            json!({ "checkAccountMatch": true, "institution": {
                "id": "5f0000000000000000000002", "accountNumber": "0123456789" } }),
        );
        let link = world.initiate_link(input).await["link"].take();
        world.visits(&link, outcome);
        world.simulator.deliver_all().await;
        let session = world.link(&link["id"]).await;
        assert_eq!(session["accountMatch"], json!(expected));
        assert_eq!(session["account"]["accountMatch"], json!(expected));
    }
    world.stop().await;
}

#[tokio::test]
async fn an_account_belongs_to_whoever_linked_it() {
    let world = world_with_tokens().await;
    world.simulator.set_webhook_url(&world.url(0, "/webhooks/mono"));
    let scope = "accounts:read reauth:write";
    let (ada_token, ben) = (token(&world, scope, &[]), token_of(&world, "ben", scope, &[]));
    let ask = |token: &str, query: &'static str, variables: Value| {
        let (world, token) = (&world, token.to_owned());
        async move { ask_as(world, &token, query, variables).await.1 }
    };
    let input = with(ada(), json!({ "reference": "user-000042-a1" }));
    let payload = ask(&ada_token, INITIATE_LINK, json!({ "input": input })).await;
    let link = payload["data"]["initiateLink"]["link"].clone();
    // Somebody who uses the same name for another customer gets nothing by it.
    let customer = json!({ "name": "Ben Test", "email": "ben@example.test" });
    let bens_input = with(input.clone(), json!({ "customer": customer }));
    let payload = ask(&ben, INITIATE_LINK, json!({ "input": bens_input })).await;
    let bens = payload["data"]["initiateLink"]["link"].clone();
    assert_eq!(bens["status"], "LINK_ISSUED", "{payload}");
    let seen = ask(&ben, SESSION, json!({ "id": link["id"] })).await;
    assert_eq!(seen["data"]["linkSession"], Value::Null);
    let account = world.visits(&link, Outcome::Approve).account.unwrap();
    world.simulator.deliver_all().await;

    const ACCOUNT: &str = "query ($id: ID!) { account(id: $id) { id name } }";
    let mine = ask(&ada_token, ACCOUNT, json!({ "id": account })).await;
    assert_eq!(mine["data"]["account"]["id"], json!(account), "{mine}");
    let theirs = ask(&ben, ACCOUNT, json!({ "id": account })).await;
    assert_eq!(theirs["errors"][0]["extensions"]["code"], "NOT_FOUND");
    const LIST: &str = "{ accounts { totalCount nodes { id } } }";
    let listed = |answer: Value| answer["data"]["accounts"]["totalCount"].clone();
    assert_eq!(listed(ask(&ada_token, LIST, json!({})).await), 1);
    assert_eq!(listed(ask(&ben, LIST, json!({})).await), 0);
    let payload = ask(
        &ben,
        "mutation ($id: ID!) { unlinkAccount(input: { accountId: $id }) { accountId } }",
        json!({ "id": account }),
    )
    .await;
    assert_eq!(payload["errors"][0]["extensions"]["code"], "NOT_FOUND");
    let payload = ask(&ada_token, INITIATE, json!({ "input": { "accountId": account } })).await;
    assert_eq!(payload["data"]["initiateReauth"]["reauth"]["status"], "LINK_ISSUED", "{payload}");
    world.stop().await;
}

#[tokio::test]
async fn two_sessions_that_fit_alike_are_told_apart_by_the_code_alone() {
    let world = world_with_tokens().await;
    world.simulator.set_webhook_url(&world.url(0, "/webhooks/mono"));
    let scope = "accounts:read reauth:write";
    let tokens = [token(&world, scope, &[]), token_of(&world, "ben", scope, &[])];
    let input = with(ada(), json!({ "reference": "user-000042-a1" }));
    let mut links = Vec::new();
    for token in &tokens {
        let (_, payload) = ask_as(&world, token, INITIATE_LINK, json!({ "input": input })).await;
        links.push(payload["data"]["initiateLink"]["link"].clone());
    }
    let finished = world.visits(&links[0], Outcome::Approve);
    world.simulator.deliver_all().await;
    let account = finished.account.unwrap();
    const LIST: &str = "{ accounts { nodes { id } } }";
    for token in &tokens {
        let (_, answer) = ask_as(&world, token, LIST, json!({})).await;
        assert_eq!(answer["data"]["accounts"]["nodes"], json!([]));
    }
    let input = json!({ "code": finished.code, "reference": "user-000042-a1" });
    let (_, payload) = ask_as(&world, &tokens[0], COMPLETE, json!({ "input": input })).await;
    let link = &payload["data"]["completeLink"]["link"];
    assert_eq!((&link["id"], &link["status"]), (&links[0]["id"], &json!("COMPLETED")));
    let (_, answer) = ask_as(&world, &tokens[0], LIST, json!({})).await;
    assert_eq!(answer["data"]["accounts"]["nodes"], json!([{ "id": account }]));
    world.stop().await;
}

#[tokio::test]
async fn an_account_that_was_there_before_the_link_is_not_joined_to_it() {
    let world = world_with_tokens().await;
    world.simulator.set_webhook_url(&world.url(0, "/webhooks/mono"));
    // Linked at Mono without the gateway, under a name that can be guessed.
    let account = mono_simulator::NewAccount {
        reference: Some("user-000042-a1".into()),
        ..mono_simulator::NewAccount::default()
    };
    let account = world.simulator.add_account(account).unwrap().id;
    let update = || Webhook::new(Kind::AccountUpdated, &account).variant(Variant::F);
    let scope = "accounts:read reauth:write";
    let ben = token_of(&world, "ben", scope, &[]);
    let input = with(ada(), json!({ "reference": "user-000042-a1" }));
    ask_as(&world, &ben, INITIATE_LINK, json!({ "input": input })).await;
    world.simulator.send_webhook(update()).unwrap();
    world.simulator.send_webhook(update().oddity(Oddity::NoEventId)).unwrap();
    world.simulator.deliver_all().await;
    assert_eq!(world.count("account_state", "version > 0").await, 1);
    let query = "query ($id: ID!) { account(id: $id) { id } }";
    let (_, answer) = ask_as(&world, &ben, query, json!({ "id": account })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND", "{answer}");
    world.stop().await;
}

#[tokio::test]
async fn an_unlinked_account_leaves_nothing_personal_and_is_not_revived() {
    const UNLINK: &str = "mutation ($id: ID!) { unlinkAccount(input: { accountId: $id }) {
        accountId errors { code } } }";
    let world = World::new().await;
    let input = with(ada(), json!({ "redirectUrl": "https://app.example.test/back?who=ada" }));
    let link = world.initiate_link(input).await["link"].take();
    let account = world.visits(&link, Outcome::Approve).account.unwrap();
    let link = link["id"].clone();
    world.simulator.deliver_all().await;
    let input =
        json!({ "accountId": account, "redirectUrl": "https://app.example.test/back?who=ada" });
    let reauth = world.initiate_with(input).await["reauth"].take();
    let mut ws = world.subscribe(0, REAUTH, json!({ "id": account })).await;
    assert_eq!(ws.event().await["kind"], "SNAPSHOT");
    let variables = json!({ "id": account });
    let payload = world.data(UNLINK, variables.clone()).await["unlinkAccount"].take();
    assert_eq!(payload, json!({ "accountId": account, "errors": [] }));
    assert_eq!(ws.event().await["reauthStatus"], "CANCELLED");
    // Mono was told once, and says so itself; late news revives nothing.
    assert!(world.simulator.account(&account).is_none());
    for kind in [Kind::AccountUnlinked, Kind::AccountUpdated, Kind::AccountConnected] {
        let body = json!({ "event": kind.event(), "data": { "account": { "_id": account },
            "id": account, "meta": { "data_status": "AVAILABLE", "ref": "late" } } });
        assert_eq!(world.webhook(body.to_string()).await, 200);
    }
    assert_eq!(
        world.data(UNLINK, variables.clone()).await["unlinkAccount"]["accountId"],
        json!(account)
    );
    let code = world.code("query ($id: ID!) { account(id: $id) { id } }", variables).await;
    assert_eq!(code, "NOT_FOUND");
    let session = world.link(&link).await;
    assert_eq!((&session["status"], &session["account"]), (&json!("COMPLETED"), &Value::Null));
    for (table, condition) in [
        ("reauth_session", "redirect_url IS NOT NULL OR url IS NOT NULL"),
        ("link_session", "redirect_url IS NOT NULL OR customer IS NOT NULL"),
        ("fact_log", "fact LIKE '%who=ada%'"),
        ("account_state", "bank_account IS NOT NULL"),
    ] {
        assert_eq!(world.count(table, condition).await, 0, "{table}");
    }
    // What came before is empty; what came since holds nothing personal anyway.
    let kept = format!("account_id = '{account}' AND length(body) = 0 AND outcome = 'APPLIED'");
    assert_eq!(world.count("webhook_event", &kept).await, 2);
    let query = "query ($id: ID!) { node(id: $id) { ... on ReauthSession { status } } }";
    let node = world.data(query, json!({ "id": reauth["id"] })).await;
    assert_eq!(node["node"]["status"], "CANCELLED");
    world.stop().await;
}

#[tokio::test]
async fn an_account_that_mono_does_not_unlink_stays() {
    const UNLINK: &str = "mutation ($id: ID!) { unlinkAccount(input: { accountId: $id }) {
        accountId } }";
    let world = World::new().await;
    let (_, account) = world.linked(Outcome::Approve).await;
    let fault = Fault::status(500);
    world.simulator.add_fault(fault).unwrap();
    let code = world.code(UNLINK, json!({ "id": account })).await;
    assert_eq!(code, "UPSTREAM_UNAVAILABLE");
    assert_eq!(world.known(&account).await["dataStatus"], "AVAILABLE");
    assert_eq!(world.code(UNLINK, json!({ "id": "nobody" })).await, "NOT_FOUND");
    world.stop().await;
}

#[tokio::test]
async fn a_session_that_a_crash_interrupted_is_not_stuck() {
    let world = World::new().await;
    let slow = Fault::slow(60_000).path("/v2/accounts/initiate");
    world.simulator.add_fault(slow).unwrap();
    let mut ws = world.subscribe(0, LINK, json!({})).await;
    world.heard_by(0, 1).await;
    let body = json!({ "query": INITIATE_LINK, "variables": { "input": ada() } });
    let request = world.http().post(world.url(0, "/graphql")).json(&body).send();
    // The caller goes away, and the gateway's clock passes the time that Mono had.
    let requested = tokio::select! {
        _ = request => panic!("Mono is slow"),
        event = ws.event() => event,
    };
    assert_eq!(requested["status"], "REQUESTED");
    world.clock.advance(Duration::seconds(61));
    let failed = ws.event().await;
    assert_eq!(failed["status"], "FAILED");
    let session = world.link(&requested["link"]["id"]).await;
    assert_eq!(session["failure"]["code"], "INTERRUPTED");
    world.stop().await;
}

#[tokio::test]
async fn who_linked_an_account_hears_of_it_and_nobody_else_does() {
    let world = world_with_tokens().await;
    world.simulator.set_webhook_url(&world.url(0, "/webhooks/mono"));
    let scope = "accounts:read reauth:write";
    let tokens = [token(&world, scope, &[]), token_of(&world, "ben", scope, &[])];
    let mut sockets = Vec::new();
    for token in &tokens {
        let mut ws = Ws::raw(&world.url(0, "/graphql"), Some("graphql-transport-ws")).await;
        let payload = json!({ "authorization": format!("Bearer {token}") });
        ws.send(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(ws.next().await["type"], "connection_ack");
        ws.subscribe("1", DATA_STATUS, json!({})).await;
        sockets.push(ws);
        world.heard_by(0, sockets.len()).await;
    }
    let (_, payload) = ask_as(&world, &tokens[0], INITIATE_LINK, json!({ "input": ada() })).await;
    let link = payload["data"]["initiateLink"]["link"].clone();
    let account = world.visits(&link, Outcome::Approve).account.unwrap();
    world.simulator.deliver_all().await;
    let first = sockets[0].event().await;
    assert_eq!((&first["account"]["id"], &first["to"]), (&json!(account), &json!("PROCESSING")));
    assert_eq!(sockets[0].event().await["to"], "AVAILABLE");
    let unlink = "mutation ($id: ID!) { unlinkAccount(input: { accountId: $id }) { accountId } }";
    ask_as(&world, &tokens[0], unlink, json!({ "id": account })).await;
    // The end of it is the last that they hear.
    let last = sockets[0].event().await;
    assert_eq!((&last["cause"], &last["to"]), (&json!("ACCOUNT_UNLINKED"), &json!("UNKNOWN")));
    // Whoever resumes hears the same; somebody else hears nothing of all this.
    let mut ws = Ws::raw(&world.url(0, "/graphql"), Some("graphql-transport-ws")).await;
    let payload = json!({ "authorization": format!("Bearer {}", tokens[0]) });
    ws.send(json!({ "type": "connection_init", "payload": payload })).await;
    assert_eq!(ws.next().await["type"], "connection_ack");
    ws.subscribe("1", DATA_STATUS, json!({ "after": first["cursor"] })).await;
    assert_eq!(ws.event().await["to"], "AVAILABLE");
    sockets[1].nothing_but_pong().await;
    world.stop().await;
}

#[tokio::test]
async fn case_12_another_account_than_the_one_asked_for_leaves_the_session_open() {
    let world = World::new().await;
    let session = world.initiate(NEEDS_REAUTH).await["reauth"].take();
    let code = session["url"].as_str().unwrap().rsplit('/').next().unwrap();
    let finished = world.simulator.finish_link(code, Outcome::OtherAccount).unwrap();
    world.simulator.deliver_all().await;
    let other = finished.account.unwrap();
    assert_ne!(other, NEEDS_REAUTH);
    // The id in the webhook decides: the other one is authorised, this one is still wanted.
    assert_eq!(world.known(&other).await["dataStatus"], "AVAILABLE");
    let known = world.known(NEEDS_REAUTH).await;
    assert_eq!(known["reauth"]["active"]["status"], "LINK_ISSUED");
    world.stop().await;
}

#[tokio::test]
async fn case_11_an_account_linked_again_instead_of_re_authorised_is_shown_as_replaced() {
    let world = World::new().await;
    // Mono shows the old one's number, and its bank wants the customer.
    world
        .data("query ($id: ID!) { account(id: $id) { name } }", json!({ "id": NEEDS_REAUTH }))
        .await;
    world.simulator.require_reauth(NEEDS_REAUTH, mono_simulator::Announce::Webhook).unwrap();
    let (id, new) = world.linked(Finish::from(Outcome::Approve).same_as(NEEDS_REAUTH)).await;
    let query = "query ($id: ID!) { account(id: $id) { reauth { required } replacedBy { id dataStatus } } }";
    let answer = world.data(query, json!({ "id": NEEDS_REAUTH })).await;
    let replaced = json!({ "id": new, "dataStatus": "AVAILABLE" });
    assert_eq!(
        answer["account"],
        json!({ "reauth": { "required": true }, "replacedBy": replaced })
    );
    assert_eq!(world.link(&id).await["replaces"]["id"], NEEDS_REAUTH);
    world.stop().await;
}

#[tokio::test]
async fn case_19_a_code_and_the_webhooks_may_come_at_one_moment() {
    let world = World::new().await;
    for _ in 0..10 {
        let link = world.initiate_link(ada()).await["link"].take();
        let finished = world.visits(&link, Outcome::Approve);
        let input = json!({ "code": finished.code, "linkId": link["id"] });
        let (payload, _) = tokio::join!(world.complete(input), world.simulator.deliver_all());
        assert_eq!(payload["errors"], json!([]));
        assert_eq!(payload["account"]["id"], json!(finished.account));
        let session = world.link(&link["id"]).await;
        assert_eq!(
            (&session["status"], &session["account"]["id"]),
            (&json!("COMPLETED"), &json!(finished.account))
        );
    }
    // Each of the four steps was told once.
    assert_eq!(world.count("change_log", "kind = 'LINK'").await, 40);
    world.stop().await;
}

#[tokio::test]
async fn an_account_linked_in_a_widget_without_a_session_is_whoever_s_who_has_the_code() {
    let world = world_with_tokens().await;
    world.simulator.set_webhook_url(&world.url(0, "/webhooks/mono"));
    let finished = world.simulator.link_by_widget(mono_simulator::WidgetLink::default()).unwrap();
    world.simulator.deliver_all().await;
    let mine = token(&world, "accounts:read reauth:write", &[]);
    let input = json!({ "code": finished.code });
    let (_, payload) = ask_as(&world, &mine, COMPLETE, json!({ "input": input })).await;
    let payload = &payload["data"]["completeLink"];
    assert_eq!(payload["account"]["id"], json!(finished.account));
    assert_eq!((&payload["link"], &payload["errors"]), (&Value::Null, &json!([])));
    let reader = token(&world, "accounts:read", &[]);
    let (_, refused) = ask_as(&world, &reader, COMPLETE, json!({ "input": input })).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN");
    world.stop().await;
}

#[tokio::test]
async fn several_accounts_of_one_visit_are_linked_and_the_first_is_the_session_s() {
    let world = world_with_tokens().await;
    world.simulator.set_webhook_url(&world.url(0, "/webhooks/mono"));
    let mine = token(&world, "accounts:read reauth:write", &[]);
    let (_, payload) = ask_as(&world, &mine, INITIATE_LINK, json!({ "input": ada() })).await;
    let link = payload["data"]["initiateLink"]["link"].clone();
    let finished = world.visits(&link, Finish::from(Outcome::Approve).accounts(2));
    world.simulator.deliver_all().await;
    let (_, answer) = ask_as(&world, &mine, SESSION, json!({ "id": link["id"] })).await;
    let session = &answer["data"]["linkSession"];
    assert_eq!(session["account"]["id"], json!(finished.accounts[0]));
    for account in &finished.accounts {
        let query = "query ($id: ID!) { account(id: $id) { dataStatus } }";
        let (_, answer) = ask_as(&world, &mine, query, json!({ "id": account })).await;
        assert_eq!(answer["data"]["account"]["dataStatus"], "AVAILABLE", "{answer}");
    }
    // Each step of the session was told once, whatever the others did.
    assert_eq!(world.count("change_log", "kind = 'LINK'").await, 4);
    world.stop().await;
}

/// Somebody else's session has the reference by which another customer's account is linked.
async fn captured(order: Order, first: Option<Variant>, drop: Vec<Kind>, cancel: bool) -> bool {
    let world = world_with_tokens().await;
    world.simulator.set_webhook_url(&world.url(0, "/webhooks/mono"));
    world.simulator.script(Script { order, first_variant: first, drop, ..Script::default() });
    let scope = "accounts:read reauth:write";
    let mallory = token_of(&world, "mallory", scope, &[]);
    let customer = json!({ "name": "Mallory Test", "email": "mallory@example.test" });
    let input = json!({ "customer": customer, "reference": "user-000042-a1" });
    let (_, payload) = ask_as(&world, &mallory, INITIATE_LINK, json!({ "input": input })).await;
    let link = payload["data"]["initiateLink"]["link"].clone();
    if cancel {
        let query =
            "mutation ($id: ID!) { cancelLink(input: { linkId: $id }) { link { status } } }";
        ask_as(&world, &mallory, query, json!({ "id": link["id"] })).await;
    }
    let widget = mono_simulator::WidgetLink {
        name: Some("Victim Test".into()),
        reference: Some("user-000042-a1".into()),
        ..mono_simulator::WidgetLink::default()
    };
    let account = world.simulator.link_by_widget(widget).unwrap().account.unwrap();
    world.simulator.deliver_all().await;
    // Looks and later news do not change it either.
    world.clock.advance(Duration::seconds(16));
    let update = Webhook::new(Kind::AccountUpdated, &account).variant(Variant::E);
    world.simulator.send_webhook(update).unwrap();
    world.simulator.deliver_all().await;
    let operator = token_of(&world, "operator", scope, &[&account]);
    let query = "query ($id: ID!) { account(id: $id) { name dataStatus } }";
    let (_, seen) = ask_as(&world, &operator, query, json!({ "id": account })).await;
    assert_eq!(seen["data"]["account"]["dataStatus"], "AVAILABLE", "{seen}");
    let (_, answer) = ask_as(&world, &mallory, query, json!({ "id": account })).await;
    world.stop().await;
    answer["data"]["account"] != Value::Null
}

#[tokio::test]
async fn a_reference_that_somebody_knows_does_not_give_them_another_s_account() {
    assert!(!captured(Order::Normal, None, Vec::new(), false).await);
    assert!(!captured(Order::Reversed, None, Vec::new(), false).await);
    assert!(!captured(Order::Normal, None, vec![Kind::AccountUpdated], false).await);
    assert!(!captured(Order::Reversed, Some(Variant::Old), Vec::new(), false).await);
    assert!(!captured(Order::Normal, None, Vec::new(), true).await);
}

#[tokio::test]
async fn an_account_that_is_somebody_s_stays_theirs() {
    let world = world_with_tokens().await;
    world.simulator.set_webhook_url(&world.url(0, "/webhooks/mono"));
    let scope = "accounts:read reauth:write";
    let tokens = [token(&world, scope, &[]), token_of(&world, "mallory", scope, &[])];
    let input = with(ada(), json!({ "reference": "user-000042-a1" }));
    let mut links = Vec::new();
    // The same customer, even: only the code tells the two apart.
    for token in &tokens {
        let (_, payload) = ask_as(&world, token, INITIATE_LINK, json!({ "input": input })).await;
        links.push(payload["data"]["initiateLink"]["link"].clone());
    }
    let finished = world.visits(&links[0], Outcome::Approve);
    let input = json!({ "code": finished.code, "linkId": links[0]["id"] });
    ask_as(&world, &tokens[0], COMPLETE, json!({ "input": input })).await;
    world.simulator.deliver_all().await;
    let account = finished.account.unwrap();
    for _ in 0..2 {
        let update = Webhook::new(Kind::AccountUpdated, &account).variant(Variant::E);
        world.simulator.send_webhook(update).unwrap();
        world.simulator.deliver_all().await;
        world.clock.advance(Duration::minutes(40));
    }
    let fresh = token_of(&world, "mallory", scope, &[]);
    let query = "query ($id: ID!) { account(id: $id) { id } }";
    let (_, answer) = ask_as(&world, &fresh, query, json!({ "id": account })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND", "{answer}");
    world.stop().await;
}

#[tokio::test]
async fn a_customer_s_id_serves_those_who_know_the_customer() {
    let world = world_with_tokens().await;
    world.simulator.set_webhook_url(&world.url(0, "/webhooks/mono"));
    let scope = "accounts:read reauth:write";
    let tokens = [token(&world, scope, &[]), token_of(&world, "mallory", scope, &[])];
    let (_, payload) = ask_as(&world, &tokens[0], INITIATE_LINK, json!({ "input": ada() })).await;
    let link = payload["data"]["initiateLink"]["link"].clone();
    let account = world.visits(&link, Outcome::Approve).account.unwrap();
    world.simulator.deliver_all().await;
    let customer = world.simulator.account(&account).unwrap().customer;
    let input = json!({ "customer": { "id": customer } });
    let (_, mine) = ask_as(&world, &tokens[0], INITIATE_LINK, json!({ "input": input })).await;
    assert_eq!(mine["data"]["initiateLink"]["link"]["status"], "LINK_ISSUED", "{mine}");
    let (_, theirs) = ask_as(&world, &tokens[1], INITIATE_LINK, json!({ "input": input })).await;
    assert_eq!(theirs["errors"][0]["extensions"]["code"], "NOT_FOUND", "{theirs}");
    // Whose token names the account knows its customer, too.
    let named = token_of(&world, "mallory", scope, &[&account]);
    let (_, answer) = ask_as(&world, &named, INITIATE_LINK, json!({ "input": input })).await;
    assert_eq!(answer["data"]["initiateLink"]["link"]["status"], "LINK_ISSUED", "{answer}");
    world.stop().await;
}

#[tokio::test]
async fn who_may_only_start_something_reads_nothing_by_what_it_answers() {
    let world = world_with_tokens().await;
    let starter = token(&world, "reauth:write", &[HEALTHY]);
    let query = "mutation ($id: ID!) { initiateReauth(input: { accountId: $id, method: WIDGET }) {
        reauth { status account { id name transactions(page: 1) { totalCount } identity { fullName } } } } }";
    let (_, answer) = ask_as(&world, &starter, query, json!({ "id": HEALTHY })).await;
    let reauth = &answer["data"]["initiateReauth"]["reauth"];
    assert_eq!(reauth["status"], "LINK_ISSUED", "{answer}");
    let nothing = json!({ "id": HEALTHY, "name": null, "transactions": null, "identity": null });
    assert_eq!(reauth["account"], nothing);
    let errors = answer["errors"].as_array().unwrap();
    assert!(errors.iter().all(|error| error["extensions"]["code"] == "FORBIDDEN"), "{answer}");
    world.stop().await;
}

#[tokio::test]
async fn a_key_whose_wish_came_to_nothing_may_be_used_again() {
    let world = World::new().await;
    let input = with(ada(), json!({ "idempotencyKey": "k-1" }));
    world.simulator.add_fault(Fault::status(503).path("/initiate")).unwrap();
    let code = world.code(INITIATE_LINK, json!({ "input": input })).await;
    assert_eq!(code, "UPSTREAM_UNAVAILABLE");
    assert_eq!(world.initiate_link(input).await["link"]["status"], "LINK_ISSUED");
    let input = json!({ "accountId": HEALTHY, "idempotencyKey": "k-2" });
    world.simulator.add_fault(Fault::status(503).path("/initiate")).unwrap();
    let code = world.code(INITIATE, json!({ "input": input })).await;
    assert_eq!(code, "UPSTREAM_UNAVAILABLE");
    assert_eq!(world.initiate_with(input).await["reauth"]["status"], "LINK_ISSUED");
    world.stop().await;
}
