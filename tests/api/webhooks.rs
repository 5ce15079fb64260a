//! `POST /webhooks/mono`: what is kept, what it changes, and what is refused.

use mono_simulator::{Kind, Oddity, Variant, Webhook};
use serde_json::{Value, json};

use crate::support::*;

#[tokio::test]
async fn case_20_without_the_right_secret_nothing_is_stored() {
    let world = World::new().await;
    let body =
        json!({ "event": "mono.events.account_connected", "data": { "id": "acc" } }).to_string();
    for secret in ["", "wrong", "whsec_for_test", "whsec_for_testss"] {
        assert_eq!(world.webhook_with(secret, body.clone()).await, 401, "{secret}");
    }
    let bare = world.http().post(world.url(0, "/webhooks/mono")).body(body.clone());
    assert_eq!(bare.send().await.unwrap().status(), 401);
    let two = world.http().post(world.url(0, "/webhooks/mono")).body(body.clone());
    let two = two.header("mono-webhook-secret", WEBHOOK_SECRET).header("mono-webhook-secret", "x");
    assert_eq!(two.send().await.unwrap().status(), 401);
    assert_eq!(world.count("webhook_event", "1 = 1").await, 0);
    assert_eq!(world.count("account_state", "1 = 1").await, 0);
    assert_eq!(world.webhook(body).await, 200);
    assert_eq!(world.count("webhook_event", "1 = 1").await, 1);
    assert_eq!(
        world.http().get(world.url(0, "/webhooks/mono")).send().await.unwrap().status(),
        405
    );
    world.stop().await;
}

#[tokio::test]
async fn what_is_not_understood_is_kept_and_acknowledged() {
    let world = World::new().await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let cases = [
        (
            "UNKNOWN",
            "{\"event\":\"mono.events.something_new\",\"data\":{\"account\":{\"_id\":\"a\"}}}"
                .to_owned(),
        ),
        ("UNKNOWN", "{\"event\":\"mono.events.webhook_test\"}".to_owned()),
        ("UNKNOWN", "{}".to_owned()),
        ("UNKNOWN", "[1,2]".to_owned()),
        ("UNKNOWN", "null".to_owned()),
        ("UNKNOWN", deep),
        ("NO_ACCOUNT", "{\"event\":\"mono.events.account_updated\",\"data\":{}}".to_owned()),
        (
            "NO_ACCOUNT",
            "{\"event\":\"mono.events.account_connected\",\"data\":{\"id\":\"a\\u0000b\"}}"
                .to_owned(),
        ),
        ("UNDECODABLE", "{\"event\":\"mono.events.acc".to_owned()),
        ("UNKNOWN", "{\"event\":\"\\ud800\"}".to_owned()),
        ("UNDECODABLE", String::new()),
    ];
    for (count, (outcome, body)) in cases.iter().enumerate() {
        assert_eq!(world.webhook(body.clone()).await, 200, "{outcome}");
        let kept = world.count("webhook_event", &format!("outcome = '{outcome}'")).await;
        let so_far = cases[..=count].iter().filter(|(other, _)| other == outcome).count();
        assert_eq!(kept as usize, so_far, "{outcome}");
    }
    assert_eq!(world.webhook(vec![0xff, 0x00, 0xfe]).await, 200);
    assert_eq!(world.count("account_state", "1 = 1").await, 0);
    assert_eq!(world.webhook(" ".repeat(1024 * 1024 + 1)).await, 413);
    world.stop().await;
}

#[tokio::test]
async fn every_variant_of_an_update_moves_the_status() {
    let world = World::new().await;
    let variants =
        [Variant::Old, Variant::A, Variant::B, Variant::C, Variant::D, Variant::E, Variant::F];
    for (n, variant) in variants.into_iter().enumerate() {
        let account = world.simulator.accounts()[n].id.clone();
        let webhook = Webhook::new(Kind::AccountUpdated, &account).variant(variant);
        world
            .simulator
            .send_webhook(webhook.data_status(mono_simulator::DataStatus::Partial))
            .unwrap();
        world.simulator.deliver_all().await;
        let known = world.known(&account).await;
        assert_eq!(known["dataStatus"], "PARTIAL", "{variant:?}");
        assert_eq!(known["version"], 1);
    }
    assert_eq!(world.simulator.calls().len(), 0, "what a webhook tells need not be asked");
    world.stop().await;
}

#[tokio::test]
async fn case_04_a_repeated_webhook_changes_nothing() {
    let world = World::new().await;
    for (kind, account) in [(Kind::AccountUpdated, HEALTHY), (Kind::ReauthorisationRequired, NAIRA)]
    {
        let webhook = Webhook::new(kind, account).oddity(Oddity::Duplicate);
        world.simulator.send_webhook(webhook).unwrap();
        world.simulator.deliver_all().await;
        let query = "query ($id: ID!) { account(id: $id) { version } }";
        let data = world.data(query, json!({ "id": account })).await;
        assert_eq!(data["account"]["version"], 1, "{kind:?}");
    }
    assert_eq!(world.count("webhook_event", "outcome = 'DUPLICATE'").await, 2);
    assert_eq!(world.count("webhook_event", "outcome = 'APPLIED'").await, 2);
    assert_eq!(world.count("change_log", "1 = 1").await, 2);
    world.stop().await;
}

#[tokio::test]
async fn deliveries_that_come_together_are_all_kept_and_a_poisonous_one_harms_nobody() {
    let world = World::new().await;
    let sends = (0..300).map(|n| {
        let body = match n % 10 {
            0 => b"{\"event\":\"mono.events.account_updated\",\"data\":{\"account\":{\"_id\":\"\\u0000\"}}}".to_vec(),
            1 => vec![0, 0xff, b'{'],
            2 => format!("{{\"event\":\"mono.events.account_updated\",\"event_id\":\"x\\u0000{n}\",\"data\":{{\"account\":{{\"_id\":\"acc{n}\",\"balance\":1e999}},\"meta\":{{\"data_status\":\"A\\u0000B\"}}}}}}").into_bytes(),
            _ => json!({ "event": "mono.events.account_updated", "event_id": format!("e{n}"),
                "data": { "account": { "_id": format!("acc{}", n % 7) }, "meta": { "data_status": "AVAILABLE" } } })
                .to_string().into_bytes(),
        };
        world.webhook(body)
    });
    let statuses = futures_util::future::join_all(sends).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(world.count("webhook_event", "1 = 1").await, 300);
    assert_eq!(world.known("acc3").await["dataStatus"], "AVAILABLE");
    assert_eq!(world.known("acc2").await["dataStatus"], "AVAILABLE");
    assert_eq!(world.count("account_state", "data_status = 'UNKNOWN'").await, 30 - 1);
    world.stop().await;
}

#[tokio::test]
async fn nothing_personal_is_kept() {
    let world = World::new().await;
    let body = json!({ "event": "mono.events.account_updated", "data": {
        "account": { "_id": "acc", "name": "ADA TEST", "accountNumber": "0123456789", "bvn": "22000000000",
            "balance": 1754200, "institution": { "name": "Example Bank", "bankCode": "058" } },
        "meta": { "data_status": "AVAILABLE" } } });
    assert_eq!(world.webhook(body.to_string()).await, 200);
    let db = world.database().await;
    use sea_orm::{ConnectionTrait as _, Statement};
    for table in ["webhook_event", "fact_log", "account_state", "change_log"] {
        let sql = format!("SELECT * FROM {table}");
        let rows =
            db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
        for row in rows {
            let body: Vec<u8> = row.try_get("", "body").unwrap_or_default();
            let others = ["state", "fact", "change"]
                .map(|name| row.try_get::<String>("", name).unwrap_or_default());
            let text = String::from_utf8(body).unwrap() + &others.concat();
            for personal in ["ADA", "0123456789", "22000000000", "1754200"] {
                assert!(!text.contains(personal), "{table}: {text}");
            }
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn case_18_an_unlinked_account_is_not_revived() {
    let world = World::new().await;
    world.initiate(HEALTHY).await;
    let mut events = world.subscribe(0, REAUTH, json!({ "id": HEALTHY })).await;
    events.event().await;
    world.simulator.send_webhook(Webhook::new(Kind::AccountUnlinked, HEALTHY)).unwrap();
    world.simulator.deliver_all().await;
    assert_eq!(events.event().await["reauthStatus"], "CANCELLED");
    for kind in [Kind::AccountReauthorized, Kind::AccountUpdated, Kind::ReauthorisationRequired] {
        world.simulator.send_webhook(Webhook::new(kind, HEALTHY)).unwrap();
        world.simulator.deliver_all().await;
    }
    events.nothing_but_pong().await;
    let query = "query ($id: ID!) { account(id: $id) { id } }";
    assert_eq!(world.code(query, json!({ "id": HEALTHY })).await, "NOT_FOUND");
    let payload = world.initiate(HEALTHY).await;
    assert_eq!(payload["errors"][0]["code"], "NOT_REAUTHORISABLE");
    let data = world.data("{ accounts { totalCount } }", Value::Null).await;
    assert_eq!(data["accounts"]["totalCount"], 0);
    world.stop().await;
}

#[tokio::test]
async fn case_19_a_webhook_about_an_unknown_account_creates_it() {
    let world = World::new().await;
    let connected = json!({ "event": "mono.events.account_connected", "data": { "id": "new-1" } });
    assert_eq!(world.webhook(connected.to_string()).await, 200);
    let required = json!({ "event": "mono.events.reauthorisation_required", "data": { "account": { "_id": "new-2" } } });
    assert_eq!(world.webhook(required.to_string()).await, 200);
    let data = world.data("{ accounts { nodes { id reauth { required } } } }", Value::Null).await;
    let nodes = json!([
        { "id": "new-1", "reauth": { "required": false } },
        { "id": "new-2", "reauth": { "required": true } },
    ]);
    assert_eq!(data["accounts"]["nodes"], nodes);
    assert_eq!(world.known("new-1").await["dataStatus"], "PROCESSING");
    // A status that nobody told is asked for; if that fails, the other fields still come.
    let query = "{ account(id: \"new-2\") { dataStatus version } }";
    let answer = world.ask(query, Value::Null).await;
    assert_eq!(answer["data"]["account"], json!({ "dataStatus": null, "version": 1 }));
    assert_eq!(answer["errors"][0]["path"], json!(["account", "dataStatus"]));
    world.stop().await;
}

#[tokio::test]
async fn a_body_that_is_damaged_in_one_place_tells_what_it_tells_in_others() {
    let world = World::new().await;
    let bodies: [&[u8]; 4] = [
        b"\xef\xbb\xbf{\"event\":\"mono.events.reauthorisation_required\",\"data\":{\"account\":{\"_id\":\"a1\"}}}",
        b"{\"event\":\"x\",\"event\":\"mono.events.reauthorisation_required\",\"data\":{\"account\":{\"_id\":\"a2\"}}}",
        b"{\"event\":\"mono.events.reauthorisation_required\",\"data\":{\"account\":{\"_id\":\"x\",\"_id\":\"a3\"}}}",
        b"{\"event\":\"mono.events.reauthorisation_required\",\"data\":{\"account\":{\"_id\":\"a4\",\"name\":\"Ren\xe9\"}}}",
    ];
    for body in bodies {
        assert_eq!(world.webhook(body.to_vec()).await, 200);
    }
    let data =
        world.data("{ accounts(filter: {needsReauth: true}) { nodes { id } } }", Value::Null).await;
    let ids = json!([{ "id": "a1" }, { "id": "a2" }, { "id": "a3" }, { "id": "a4" }]);
    assert_eq!(data["accounts"]["nodes"], ids);
    world.stop().await;
}

#[tokio::test]
async fn an_unlinked_account_is_neither_read_nor_shown() {
    let world = World::new().await;
    world.initiate(HEALTHY).await;
    let session = world.known(HEALTHY).await["reauth"]["active"]["id"].clone();
    world.simulator.send_webhook(Webhook::new(Kind::AccountUnlinked, HEALTHY)).unwrap();
    world.simulator.deliver_all().await;
    world.simulator.reset_calls();
    let mut events = world.subscribe(0, DATA_STATUS, json!({ "id": HEALTHY })).await;
    events.nothing_but_pong().await;
    let query = "query ($id: ID!) { reauthSession(id: $id) { status account { id name transactions { totalCount } } } }";
    let answer = world.ask(query, json!({ "id": session })).await;
    let account = &answer["data"]["reauthSession"]["account"];
    assert_eq!(account, &json!({ "id": HEALTHY, "name": null, "transactions": null }), "{answer}");
    assert_eq!(world.simulator.calls().len(), 0);
    world.stop().await;
}
