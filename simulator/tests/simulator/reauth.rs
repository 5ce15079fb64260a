//! Links, from initiation to the webhooks that follow the customer's visit.

use mono_simulator::{Behaviour, DataStatus, Finish, Kind, Options, Order, Outcome, Pace, Script};
use serde_json::{Value, json};

use crate::support::{ASKING, HEALTHY, Here, Inbox, PROCESSING};

async fn initiate(here: &Here, account: &str, reference: &str) -> Value {
    let body = json!({
        "account": account, "scope": "reauth", "meta": { "ref": reference },
        "redirect_url": "https://app.example.test/back?tab=1",
    });
    let response = here.post("/v2/accounts/initiate", &body).await;
    assert_eq!(response.status(), 200);
    response.json::<Value>().await.unwrap()["data"].clone()
}

#[tokio::test]
async fn a_customer_comes_back() {
    let mut inbox = Inbox::new().await;
    let here = Here::with(Options {
        webhook_url: Some(inbox.url.clone()),
        pace: Pace::Auto { step_ms: 20 },
        ..Options::default()
    })
    .await;
    let mut first = [inbox.next().await.json(), inbox.next().await.json()];
    first.sort_by_key(|event| event["event"].to_string());
    assert_eq!(first[0]["data"]["account"]["_id"], PROCESSING);
    assert_eq!(first[0]["data"]["meta"]["data_status"], "AVAILABLE");
    assert_eq!(first[1]["event"], "mono.events.reauthorisation_required");
    assert_eq!(first[1]["data"], json!({ "account": { "_id": ASKING } }));

    let before = here.simulator.account(ASKING).unwrap();
    let link = initiate(&here, ASKING, "reauth-000042-7").await;
    assert_eq!(link["account"], ASKING);
    assert_eq!(link["scope"], "reauth");
    assert_eq!(link["meta"], json!({ "ref": "reauth-000042-7" }));
    assert_eq!(link["institution"], json!(before.institution.id));
    assert_eq!(link["customer"], json!(before.customer));
    assert!(link["created_at"].is_string() && link["auth_method"].is_string());

    let url = link["mono_url"].as_str().unwrap();
    let answer = here.http.post(format!("{url}/approve")).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    let location = answer.headers()["location"].to_str().unwrap();
    let expected = "https://app.example.test/back?tab=1&status=linked&reason=account_linked\
                    &reference=reauth-000042-7&code=code_";
    assert!(location.starts_with(expected), "{location}");
    let code = location.rsplit('=').next().unwrap();
    let exchanged = here.post("/v2/accounts/auth", &json!({ "code": code })).await;
    assert_eq!(exchanged.json::<Value>().await.unwrap()["data"]["id"], ASKING);

    let reauthorized = inbox.next().await;
    assert_eq!(reauthorized.secret(), here.simulator.webhook_secret());
    assert_eq!(reauthorized.event(), "mono.events.account_reauthorized");
    assert_eq!(reauthorized.json()["data"]["account"], json!({ "_id": ASKING }));
    let event = inbox.next().await.json();
    assert_eq!(event["event"], "mono.events.account_updated");
    assert_eq!(event["data"]["meta"]["data_status"], "AVAILABLE");
    assert_eq!(event["data"]["meta"]["sync_status"], "SUCCESSFUL");
    assert_eq!(event["data"]["meta"]["has_new_data"], true);
    let after = here.simulator.account(ASKING).unwrap();
    assert!(!after.needs_reauth);
    assert!(after.balance > before.balance);
    assert_eq!(event["data"]["account"]["balance"], json!(after.balance));
    let page = here.read(&format!("/v2/accounts/{ASKING}/transactions")).await;
    assert_eq!(page["meta"]["total"], 46);
    here.simulator.stop().await;
}

#[tokio::test]
async fn an_early_read_after_a_reauthorisation_returns_old_data() {
    let here = Here::new().await;
    let path = format!("/v2/accounts/{ASKING}");
    initiate(&here, ASKING, "early-0001").await;
    here.simulator.finish_by_reference("early-0001", Outcome::Approve).unwrap();
    assert_eq!(here.simulator.pending(), 2);
    let total = async || here.read(&format!("{path}/transactions")).await["meta"]["total"].clone();
    assert_eq!(here.read(&path).await["data"]["meta"]["data_status"], "AVAILABLE");
    assert_eq!(total().await, 45);
    here.simulator.deliver_next().await;
    assert_eq!(total().await, 45);
    here.simulator.deliver_next().await;
    assert_eq!(total().await, 46);

    let until_updated = Some(DataStatus::Processing);
    here.simulator.set_behaviour(Behaviour { until_updated, ..Behaviour::default() });
    let finish = Finish::from(Outcome::Approve).data_status(DataStatus::Partial);
    here.simulator.finish_widget(ASKING, finish).unwrap();
    assert_eq!(here.read(&path).await["data"]["meta"]["data_status"], "PROCESSING");
    here.simulator.deliver_all().await;
    assert_eq!(here.read(&path).await["data"]["meta"]["data_status"], "PARTIAL");
}

#[tokio::test]
async fn approvals_follow_the_script() {
    let here = Here::new().await;
    let mut inbox = Inbox::new().await;
    here.simulator.set_webhook_url(&inbox.url);
    let script = Script { order: Order::Reversed, duplicates: 1, ..Script::default() };
    here.simulator.script(script);
    here.simulator.finish_widget(ASKING, Outcome::Approve).unwrap();
    here.simulator.deliver_all().await;
    let events: Vec<Value> = inbox.rest().iter().map(|each| each.json()).collect();
    let names: Vec<&str> = events.iter().map(|each| each["event"].as_str().unwrap()).collect();
    let [reauthorized, updated] = [Kind::AccountReauthorized.event(), Kind::AccountUpdated.event()];
    assert_eq!(names, [updated, updated, reauthorized, reauthorized]);
    assert_eq!(events[0], events[1]);

    let drop = vec![Kind::AccountUpdated];
    here.simulator.script(Script { drop, ..Script::default() });
    here.simulator.finish_widget(ASKING, Outcome::Approve).unwrap();
    let sent = here.simulator.deliver_all().await;
    assert_eq!(sent.iter().map(|each| each.lost).collect::<Vec<_>>(), [false, true]);
    assert_eq!(inbox.rest().len(), 1);
    assert_eq!(here.simulator.account(ASKING).unwrap().transactions.len(), 47);
}

#[tokio::test]
async fn a_customer_who_gives_up_is_sent_back_and_may_return() {
    let here = Here::new().await;
    for (number, choice, reason) in [(1, "close", "widget_closed"), (2, "fail", "login_failed")] {
        let reference = format!("giveup-000{number}");
        let link = initiate(&here, ASKING, &reference).await;
        let url = link["mono_url"].as_str().unwrap();
        let answer = here.http.post(format!("{url}/{choice}")).send().await.unwrap();
        assert_eq!(answer.status(), 303);
        let location = answer.headers()["location"].to_str().unwrap();
        let expected = format!("tab=1&status=failed&reason={reason}&reference={reference}");
        assert!(location.ends_with(&expected), "{location}");
        assert_eq!(here.simulator.pending(), 0);
        assert!(here.simulator.account(ASKING).unwrap().needs_reauth);
        here.simulator.finish_by_reference(&reference, Outcome::Approve).unwrap();
        here.simulator.finish_by_reference(&reference, Outcome::Approve).unwrap_err();
        here.simulator.reset(None);
    }
}

#[tokio::test]
async fn a_customer_may_pick_another_account() {
    let here = Here::new().await;
    initiate(&here, ASKING, "other-00001").await;
    let finished =
        here.simulator.finish_by_reference("other-00001", Outcome::OtherAccount).unwrap();
    assert_eq!(finished.account.as_deref(), Some(PROCESSING));
    let sent = here.simulator.deliver_all().await;
    assert!(sent.iter().all(|each| each.account.as_deref() == Some(PROCESSING)));
    assert!(here.simulator.account(ASKING).unwrap().needs_reauth);
}

#[tokio::test]
async fn a_new_account_is_linked() {
    let here = Here::new().await;
    let body = json!({
        "customer": { "name": "Ada Test", "email": "ada@example.test" },
        "meta": { "ref": "user-000042-a1", "plan": "gold" }, "scope": "auth",
        "redirect_url": "https://app.example.test/linked", "check_account_match": true,
        "institution": { "id": "1", "auth_method": "internet_banking", "account_number": "0123456789" },
    });
    let response = here.post("/v2/accounts/initiate", &body).await;
    let link = response.json::<Value>().await.unwrap()["data"].clone();
    assert!(link.get("account").is_none());
    assert_eq!(link["meta"]["plan"], "gold");
    let finished = here.simulator.finish_by_reference("user-000042-a1", Outcome::Approve).unwrap();
    let id = finished.account.unwrap();
    let details = here.read(&format!("/v2/accounts/{id}")).await;
    assert_eq!(details["data"]["meta"]["data_status"], "PROCESSING");
    assert_eq!(details["data"]["meta"]["ref"], "user-000042-a1");
    let page = here.read(&format!("/v2/accounts/{id}/transactions")).await;
    assert_eq!(page["data"], json!([]));
    let sent = here.simulator.deliver_all().await;
    assert_eq!(sent[0].body["event"], "mono.events.account_connected");
    assert_eq!(sent[0].body["data"]["id"], json!(id));
    assert_eq!(sent[0].body["data"]["meta"]["ref"], "user-000042-a1");
    assert_eq!(sent[1].body["data"]["account"]["account_match"], true);
    let page = here.read(&format!("/v2/accounts/{id}/transactions")).await;
    assert_eq!(page["meta"]["total"], 45);
    let code = json!({ "code": finished.code });
    let bare: Value = here.post("/account/auth", &code).await.json().await.unwrap();
    assert_eq!(bare, json!({ "id": id }));
    let wrong = here.post("/v2/accounts/auth", &json!({ "code": "code_none" })).await;
    assert_eq!(wrong.status(), 400);
}

#[tokio::test]
async fn a_widget_token_leads_to_the_same_end() {
    let here = Here::new().await;
    let path = format!("/accounts/{ASKING}/reauthorise");
    let body: Value = here.post(&path, &json!({})).await.json().await.unwrap();
    let token = body["token"].as_str().unwrap();
    here.simulator.finish_link(token, Outcome::Approve).unwrap();
    assert!(!here.simulator.account(ASKING).unwrap().needs_reauth);
}

#[tokio::test]
async fn what_makes_no_sense_cannot_be_initiated() {
    let here = Here::new().await;
    let unknown = json!({ "account": "000000000000000000000000", "scope": "reauth" });
    assert_eq!(here.post("/v2/accounts/initiate", &unknown).await.status(), 404);
    for (wrong, part) in [
        (json!([]), "object"),
        (json!({}), "scope"),
        (json!({ "scope": "payments" }), "scope"),
        (json!({ "scope": "reauth" }), "account"),
        (json!({ "scope": "reauth", "account": 7 }), "account"),
        (json!({ "scope": "reauth", "account": HEALTHY, "meta": null }), "meta"),
        (json!({ "scope": "reauth", "account": HEALTHY, "meta": { "ref": null } }), "ref"),
        (json!({ "scope": "reauth", "account": HEALTHY, "redirect_url": null }), "redirect_url"),
        (json!({ "scope": "reauth", "account": HEALTHY, "redirect_url": "back" }), "redirect_url"),
        (json!({ "scope": "auth" }), "customer"),
        (json!({ "scope": "auth", "customer": { "name": "Ada" } }), "email"),
        (json!({ "scope": "auth", "customer": { "id": "1", "address": "x" } }), "address"),
        (json!({ "scope": "auth", "customer": { "id": "1" }, "institution": "x" }), "institution"),
    ] {
        let response = here.post("/v2/accounts/initiate", &wrong).await;
        assert_eq!(response.status(), 400, "{wrong}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["status"], "failed");
        assert!(body["message"].as_str().unwrap().contains(part), "{wrong}: {body}");
    }
}
