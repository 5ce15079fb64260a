//! First links: every field, every way back, and the accounts that they end in.

use mono_simulator::{
    Behaviour, DataStatus, Era, Exchange, Finish, Kind, Order, Outcome, RefusedAs, Script, Variant,
    WidgetLink,
};
use serde_json::{Value, json};

use crate::support::{ASKING, HEALTHY, Here, Inbox};

async fn initiate(here: &Here, more: Value) -> Value {
    let mut body = json!({
        "scope": "auth", "customer": { "name": "Ada Test", "email": "ada@example.test" },
        "redirect_url": "https://app.example.test/linked",
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let response = here.post("/v2/accounts/initiate", &body).await;
    assert_eq!(response.status(), 200, "{body}");
    response.json::<Value>().await.unwrap()["data"].clone()
}

fn finish(here: &Here, link: &Value, finish: impl Into<Finish>) -> mono_simulator::Finished {
    let code = link["mono_url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    here.simulator.finish_link(&code, finish).unwrap()
}

#[tokio::test]
async fn every_field_of_a_first_link_counts() {
    let here = Here::new().await;
    let mut inbox = Inbox::new().await;
    here.simulator.set_webhook_url(&inbox.url);
    let link = initiate(
        &here,
        json!({
            "customer": {
                "name": "Ada Test", "email": "ada@example.test", "phone": "+2348000000001",
                "identity": { "type": "bvn", "number": "22000000001" },
            },
            "meta": { "ref": "user-000042-a1", "campaign": "june", "data_status": "MINE" },
            "institution": {
                "id": "5f0000000000000000000002", "auth_method": "mobile_banking",
                "account_number": "0123456789",
            },
            "check_account_match": true, "is_multi": false,
        }),
    )
    .await;
    let names: Vec<&String> = link.as_object().unwrap().keys().collect();
    assert_eq!(names, ["created_at", "customer", "meta", "mono_url", "redirect_url", "scope"]);
    let meta = json!({ "ref": "user-000042-a1", "campaign": "june", "data_status": "MINE" });
    assert_eq!(link["meta"], meta);
    let page = here.http.get(link["mono_url"].as_str().unwrap()).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("Specimen Bank"));

    let finished = finish(&here, &link, Outcome::Approve);
    let id = finished.account.unwrap();
    let account = here.simulator.account(&id).unwrap();
    assert_eq!(
        (account.name.as_str(), account.account_number.as_str()),
        ("ADA TEST", "0123456789")
    );
    assert_eq!(account.institution.name, "Specimen Bank");
    assert_eq!(account.auth_method, "mobile_banking");
    assert_eq!(here.simulator.customers().last().unwrap().phone.as_deref(), Some("+2348000000001"));
    let back = finished.redirect_to.unwrap();
    let code = finished.code.unwrap();
    let expected = "https://app.example.test/linked?status=linked&reason=account_linked&reference=\
                    user-000042-a1&code=";
    assert_eq!(back, format!("{expected}{code}"));
    assert_eq!(here.read(&format!("/v2/accounts/{id}/transactions")).await["data"], json!([]));

    here.simulator.deliver_all().await;
    let connected = inbox.next().await.json();
    assert_eq!(connected["event"], "mono.events.account_connected");
    assert_eq!(connected["data"]["id"], json!(id));
    assert_eq!(connected["data"]["customer"], link["customer"]);
    assert_eq!(connected["data"]["meta"]["ref"], "user-000042-a1");
    assert_eq!(connected["data"]["meta"]["campaign"], "june");
    assert_eq!(connected["data"]["meta"]["data_status"], "PROCESSING");
    let updated = inbox.next().await.json();
    assert_eq!(updated["data"]["account"]["account_match"], true);
    assert_eq!(updated["data"]["meta"]["ref"], "user-000042-a1");
    assert_eq!(updated["data"]["meta"]["data_status"], "AVAILABLE");
    let details = here.read(&format!("/v2/accounts/{id}")).await["data"].clone();
    assert_eq!(details["meta"]["ref"], "user-000042-a1");
    assert_eq!(details["meta"]["campaign"], "june");
    assert_eq!(details["customer"]["id"], link["customer"]);
    let state = json!(here.simulator.state());
    assert_eq!(state["links"][0]["authorised"], json!([id]));
}

#[tokio::test]
async fn the_two_webhooks_of_a_first_link_come_in_either_order_and_shape() {
    let here = Here::new().await;
    here.simulator.script(Script {
        order: Order::Reversed,
        first_variant: Some(Variant::Old),
        ..Script::default()
    });
    let link = initiate(&here, json!({ "meta": { "ref": "reversed-01" } })).await;
    let id = finish(&here, &link, Outcome::Approve).account;
    let sent = here.simulator.deliver_all().await;
    let kinds: Vec<Kind> = sent.iter().map(|each| each.kind).collect();
    assert_eq!(kinds, [Kind::AccountUpdated, Kind::AccountConnected]);
    assert_eq!(sent[1].body["data"], json!({ "id": id }));
}

#[tokio::test]
async fn a_customer_may_link_another_account_than_the_one_expected() {
    let here = Here::new().await;
    let asked = json!({
        "institution": { "id": "x", "account_number": "0123456789" }, "check_account_match": true,
    });
    let link = initiate(&here, asked).await;
    let id = finish(&here, &link, Outcome::OtherAccount).account.unwrap();
    assert_eq!(here.simulator.account(&id).unwrap().account_match, Some(false));
    let sent = here.simulator.deliver_all().await;
    assert_eq!(sent[1].body["data"]["account"]["account_match"], false);
}

#[tokio::test]
async fn an_account_that_is_linked_again_gets_another_id() {
    let here = Here::new().await;
    let link = initiate(&here, json!({})).await;
    let id = finish(&here, &link, Finish::from(Outcome::Approve).same_as(HEALTHY)).account.unwrap();
    assert_ne!(id, HEALTHY);
    here.simulator.deliver_all().await;
    let [old, new] = [HEALTHY, &id].map(|id| here.simulator.account(id).unwrap());
    assert_eq!(old.account_number, new.account_number);
    assert_eq!(old.institution.bank_code, new.institution.bank_code);
    assert_eq!(json!(new.customer), link["customer"]);
    assert_eq!(old.transactions.len(), new.transactions.len());
    assert_ne!(old.transactions[0].id, new.transactions[0].id);
    let page = here.read(&format!("/v2/accounts/{id}/transactions")).await;
    assert_eq!(page["meta"]["total"], 307);

    here.post(&format!("/v2/accounts/{HEALTHY}/unlink"), &json!({})).await;
    let link = initiate(&here, json!({})).await;
    let again = finish(&here, &link, Finish::from(Outcome::Approve).same_as(HEALTHY));
    let third = here.simulator.account(&again.account.unwrap()).unwrap();
    assert_eq!(third.account_number, old.account_number);
}

#[tokio::test]
async fn one_visit_may_link_several_accounts() {
    let here = Here::new().await;
    let link = initiate(&here, json!({ "meta": { "ref": "several-001" } })).await;
    let finished = finish(&here, &link, Finish::from(Outcome::Approve).accounts(3));
    assert_eq!(finished.accounts.len(), 3);
    let banks: Vec<String> = finished
        .accounts
        .iter()
        .map(|id| here.simulator.account(id).unwrap().institution.name)
        .collect();
    assert!(banks.iter().all(|bank| *bank == banks[0]));
    let sent = here.simulator.deliver_all().await;
    let connected = sent.iter().filter(|each| each.kind == Kind::AccountConnected);
    assert!(connected.clone().all(|each| each.body["data"]["meta"]["ref"] == "several-001"));
    assert_eq!(connected.count(), 3);
    let code = json!({ "code": finished.code });
    let id: Value = here.post("/account/auth", &code).await.json().await.unwrap();
    assert_eq!(id["id"], json!(finished.accounts[0]));
}

#[tokio::test]
async fn a_failed_or_closed_visit_links_nothing() {
    let here = Here::new().await;
    for (outcome, reason) in [(Outcome::Fail, "login_failed"), (Outcome::Close, "widget_closed")] {
        let link = initiate(&here, json!({ "meta": { "ref": "nothing-001" } })).await;
        let finished = finish(&here, &link, outcome);
        let expected = format!(
            "https://app.example.test/linked?status=failed&reason={reason}&reference=nothing-001"
        );
        assert_eq!(finished.redirect_to, Some(expected));
        assert_eq!((finished.account, finished.code), (None, None));
    }
    assert_eq!(here.simulator.accounts().len(), 8);
    assert_eq!(here.simulator.pending(), 0);
}

#[tokio::test]
async fn a_known_customer_is_named_by_id_or_by_address() {
    let here = Here::new().await;
    let known = here.simulator.account(HEALTHY).unwrap().customer;
    let link = initiate(&here, json!({ "customer": { "id": known } })).await;
    assert_eq!(link["customer"], json!(known));
    let first = initiate(&here, json!({})).await;
    assert_ne!(first["customer"], json!(known));
    assert_eq!(initiate(&here, json!({})).await["customer"], first["customer"]);
    let body = json!({ "scope": "auth", "customer": { "id": "000000000000000000000000" } });
    assert_eq!(here.post("/v2/accounts/initiate", &body).await.status(), 404);
}

#[tokio::test]
async fn what_one_page_demands_and_another_does_not_is_a_switch() {
    let here = Here::new().await;
    let customer = json!({ "name": "Ada Test", "email": "ada@example.test" });
    let bodies = [
        json!({ "scope": "auth", "customer": customer }),
        json!({
            "scope": "auth", "customer": customer, "meta": { "ref": "short-ref" },
            "redirect_url": "https://app.example.test/",
        }),
    ];
    let switches = Behaviour {
        long_references: true,
        redirect_needed: true,
        initiate_answers_201: true,
        ..Behaviour::default()
    };
    for (body, part) in bodies.iter().zip(["redirect_url", "meta.ref"]) {
        here.simulator.set_behaviour(Behaviour::default());
        assert_eq!(here.post("/v2/accounts/initiate", body).await.status(), 200);
        here.simulator.set_behaviour(switches.clone());
        let refused = here.post("/v2/accounts/initiate", body).await;
        assert_eq!(refused.status(), 400);
        let refused: Value = refused.json().await.unwrap();
        assert!(refused["message"].as_str().unwrap().contains(part), "{refused}");
    }
    let reauth = json!({ "scope": "reauth", "account": HEALTHY, "meta": { "ref": "ten-digits" } });
    assert_eq!(here.post("/v2/accounts/initiate", &reauth).await.status(), 201);
}

#[tokio::test]
async fn identities_and_addresses_are_checked() {
    let here = Here::new().await;
    for (customer, part) in [
        (json!({ "name": "Ada", "email": "nowhere" }), "email"),
        (json!({ "name": "Ada", "email": "a@b", "phone": 7 }), "phone"),
        (json!({ "name": "Ada", "email": "a@b", "address": "x" }), "address"),
        (json!({ "name": "Ada", "email": "a@b", "identity": { "type": "nin" } }), "type"),
        (
            json!({ "name": "Ada", "email": "a@b", "identity": { "type": "bvn", "number": "2" } }),
            "11 digits",
        ),
    ] {
        let body = json!({ "scope": "auth", "customer": customer });
        let refused = here.post("/v2/accounts/initiate", &body).await;
        assert_eq!(refused.status(), 400, "{body}");
        let refused: Value = refused.json().await.unwrap();
        assert!(refused["message"].as_str().unwrap().contains(part), "{body}: {refused}");
    }
}

#[tokio::test]
async fn a_code_may_be_left_out_run_out_or_work_once() {
    let here = Here::new().await;
    let exchange = async |code: &Option<String>| {
        here.post("/v2/accounts/auth", &json!({ "code": code })).await.status()
    };
    here.simulator.set_behaviour(Behaviour { redirect_without_code: true, ..Behaviour::default() });
    let finished = finish(&here, &initiate(&here, json!({})).await, Outcome::Approve);
    assert!(finished.redirect_to.unwrap().ends_with("status=linked&reason=account_linked"));
    assert_eq!(exchange(&finished.code).await, 200);
    assert_eq!(exchange(&finished.code).await, 200);
    here.simulator.set_behaviour(Behaviour { codes_work_once: true, ..Behaviour::default() });
    assert_eq!(exchange(&finished.code).await, 400);
    let finished = finish(&here, &initiate(&here, json!({})).await, Outcome::Approve);
    assert_eq!(exchange(&finished.code).await, 200);
    assert_eq!(exchange(&finished.code).await, 400);
    here.simulator.set_behaviour(Behaviour { code_lifetime_ms: 0, ..Behaviour::default() });
    let finished = finish(&here, &initiate(&here, json!({})).await, Outcome::Approve);
    let code = json!({ "code": finished.code });
    let refused: Value = here.post("/v2/accounts/auth", &code).await.json().await.unwrap();
    assert_eq!(refused["message"], "You are using an invalid or expired code.");
}

#[tokio::test]
async fn a_code_for_an_account_that_was_unlinked_is_good_for_nothing() {
    let here = Here::new().await;
    let finished = finish(&here, &initiate(&here, json!({})).await, Outcome::Approve);
    let id = finished.account.unwrap();
    here.post(&format!("/v2/accounts/{id}/unlink"), &json!({})).await;
    let refused = here.post("/v2/accounts/auth", &json!({ "code": finished.code })).await;
    assert_eq!(refused.status(), 400);
}

#[tokio::test]
async fn a_widget_links_without_a_call() {
    let here = Here::new().await;
    let link = WidgetLink { reference: Some("widget-0001".to_owned()), ..WidgetLink::default() };
    let finished = here.simulator.link_by_widget(link).unwrap();
    let code = json!({ "code": finished.code });
    let answer: Value = here.post("/v2/accounts/auth", &code).await.json().await.unwrap();
    assert_eq!(answer["data"]["id"], json!(finished.account));
    let sent = here.simulator.deliver_all().await;
    assert_eq!(sent[0].body["data"]["meta"]["ref"], "widget-0001");
    let nobody = WidgetLink { customer: Some("none".to_owned()), ..WidgetLink::default() };
    assert!(here.simulator.link_by_widget(nobody).unwrap_err().to_string().contains("customers"));
}

#[tokio::test]
async fn the_code_of_a_widget_reauthorisation_stands_for_the_account() {
    let here = Here::new().await;
    let closed = here.simulator.finish_widget(ASKING, Outcome::Close).unwrap();
    assert_eq!(closed.code, None);
    let finished = here.simulator.finish_widget(ASKING, Outcome::Approve).unwrap();
    assert!(!here.simulator.account(ASKING).unwrap().needs_reauth);
    let code = json!({ "code": finished.code });
    let answer: Value = here.post("/account/auth", &code).await.json().await.unwrap();
    assert_eq!(answer, json!({ "id": ASKING }));
    let kinds: Vec<Kind> =
        here.simulator.deliver_all().await.iter().map(|each| each.kind).collect();
    assert_eq!(kinds, [Kind::AccountReauthorized, Kind::AccountUpdated]);
}

#[tokio::test]
async fn a_widget_token_runs_out_and_comes_bare_or_in_an_envelope() {
    let here = Here::new().await;
    let path = format!("/accounts/{ASKING}/reauthorise");
    let ask = async || here.post(&path, &json!({})).await.json::<Value>().await.unwrap();
    let behaviour =
        Behaviour { token: Exchange::Envelope, token_lifetime_ms: 0, ..Behaviour::default() };
    here.simulator.set_behaviour(behaviour);
    let token = ask().await["data"]["token"].as_str().unwrap().to_owned();
    let refused = here.simulator.finish_link(&token, Outcome::Approve).unwrap_err();
    assert!(refused.to_string().contains("expired"), "{refused}");
    assert!(here.simulator.account(ASKING).unwrap().needs_reauth);
    here.simulator.set_behaviour(Behaviour::default());
    assert!(ask().await["token"].is_string());
}

#[tokio::test]
async fn an_account_that_can_not_be_reauthorised_is_refused_in_both_ways() {
    let here = Here::new().await;
    here.simulator.set_reauthorisable(ASKING, false).unwrap();
    let body = json!({ "scope": "reauth", "account": ASKING });
    let message = "This account can not be re-authorised.";
    for (refusal, status) in [(RefusedAs::Error, 400), (RefusedAs::Success, 200)] {
        here.simulator.set_behaviour(Behaviour { refusal, ..Behaviour::default() });
        for path in ["/v2/accounts/initiate".to_owned(), format!("/accounts/{ASKING}/reauthorise")]
        {
            let response = here.post(&path, &body).await;
            assert_eq!(response.status(), status, "{path}");
            let answer: Value = response.json().await.unwrap();
            assert_eq!((&answer["message"], &answer["data"]), (&json!(message), &Value::Null));
        }
    }
    here.simulator.set_era(Era::Legacy);
    let response = here.post(&format!("/accounts/{ASKING}/reauthorise"), &json!({})).await;
    assert_eq!(response.json::<Value>().await.unwrap(), json!({ "message": message }));
}

#[tokio::test]
async fn a_link_may_end_in_data_that_is_not_there() {
    let here = Here::new().await;
    let link = initiate(&here, json!({})).await;
    let end = Finish::from(Outcome::Approve).data_status(DataStatus::Unavailable);
    let id = finish(&here, &link, end).account.unwrap();
    here.simulator.deliver_all().await;
    assert_eq!(here.simulator.account(&id).unwrap().data_status, DataStatus::Unavailable);
}
