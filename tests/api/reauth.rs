//! `initiateReauth`, `cancelReauth`, `reauthSession`, `reauthSessionByReference`.

use mono_simulator::{Fault, FaultKind, Outcome};
use serde_json::{Value, json};

use crate::support::*;

#[tokio::test]
async fn mono_is_asked_exactly_as_its_guide_says() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.simulator.reset_calls();
    let input = json!({ "accountId": HEALTHY, "reference": "099777-x", "redirectUrl": "https://app.example.test/back" });
    let payload = world.initiate_with(input).await;
    assert_eq!(payload["reauth"]["reference"], "099777-x");
    assert_eq!(payload["reauth"]["redirectUrl"], "https://app.example.test/back");
    assert_eq!(payload["reauth"]["account"]["id"], HEALTHY);
    let calls = world.simulator.calls();
    let call = calls.iter().find(|call| call.method == "POST").unwrap();
    assert_eq!(call.path, "/v2/accounts/initiate");
    assert_eq!(
        call.body,
        json!({ "account": HEALTHY, "scope": "reauth", "meta": { "ref": "099777-x" },
            "redirect_url": "https://app.example.test/back" })
    );

    // Optional parts are left out, never null; our own references have 20 characters.
    world.simulator.reset_calls();
    let payload = world.initiate(NAIRA).await;
    let reference = payload["reauth"]["reference"].as_str().unwrap();
    assert_eq!(reference.len(), 20);
    let calls = world.simulator.calls();
    let call = calls.iter().find(|call| call.method == "POST").unwrap();
    assert_eq!(
        call.body,
        json!({ "account": NAIRA, "scope": "reauth", "meta": { "ref": reference } })
    );
    world.stop().await;
}

#[tokio::test]
async fn asking_again_returns_the_link_that_is_out() {
    let world = World::new().await;
    let first = world.initiate(HEALTHY).await;
    let again = world.initiate(HEALTHY).await;
    assert_eq!((&first["reused"], &again["reused"]), (&json!(false), &json!(true)));
    assert_eq!(first["reauth"]["id"], again["reauth"]["id"]);
    assert_eq!(first["reauth"]["url"], again["reauth"]["url"]);
    // Another reference alone returns the existing one with its own.
    let named =
        world.initiate_with(json!({ "accountId": HEALTHY, "reference": "another-one" })).await;
    assert_eq!(named["reauth"]["reference"], first["reauth"]["reference"]);
    let posts = world.simulator.calls().iter().filter(|call| call.method == "POST").count();
    assert_eq!(posts, 1);
    world.stop().await;
}

#[tokio::test]
async fn case_08_of_many_who_ask_at_once_all_get_one_link() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.simulator.add_fault(Fault::slow(300).path("/initiate").times(1)).unwrap();
    let asks = (0..12).map(|_| world.initiate(HEALTHY));
    let answers = futures_util::future::join_all(asks).await;
    let urls: std::collections::BTreeSet<_> =
        answers.iter().map(|answer| answer["reauth"]["url"].as_str().unwrap()).collect();
    assert_eq!(urls.len(), 1);
    assert_eq!(answers.iter().filter(|answer| answer["reused"] == false).count(), 1);
    let posts = world.simulator.calls().iter().filter(|call| call.method == "POST").count();
    assert_eq!(posts, 1);
    world.stop().await;
}

#[tokio::test]
async fn another_redirect_or_no_reuse_takes_the_place_of_the_live_session() {
    let world = World::new().await;
    let first = world.initiate(HEALTHY).await;
    let other = json!({ "accountId": HEALTHY, "redirectUrl": "https://app.example.test/other" });
    let second = world.initiate_with(other).await;
    let third = world.initiate_with(json!({ "accountId": HEALTHY, "reuseActive": false })).await;
    assert_eq!((&second["reused"], &third["reused"]), (&json!(false), &json!(false)));
    let known = world.known(HEALTHY).await;
    let sessions = known["reauth"]["sessions"]["nodes"].as_array().unwrap();
    let statuses: Vec<_> =
        sessions.iter().map(|session| session["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["LINK_ISSUED", "SUPERSEDED", "SUPERSEDED"]);
    assert!(sessions[1]["url"].is_null() && sessions[2]["url"].is_null());
    assert_eq!(known["reauth"]["active"]["id"], third["reauth"]["id"]);

    // Case 7: both links may still be live at Mono; success of either is success of the newest.
    let reference = first["reauth"]["reference"].as_str().unwrap();
    world.simulator.finish_by_reference(reference, Outcome::Approve).unwrap();
    world.simulator.deliver_all().await;
    let known = world.known(HEALTHY).await;
    assert_eq!(known["reauth"]["sessions"]["nodes"][0]["status"], "COMPLETED");
    world.stop().await;
}

#[tokio::test]
async fn a_reference_names_one_session() {
    let world = World::new().await;
    world.initiate_with(json!({ "accountId": HEALTHY, "reference": "mine-1" })).await;
    let taken = world.initiate_with(json!({ "accountId": NAIRA, "reference": "mine-1" })).await;
    assert_eq!(taken["reauth"], Value::Null);
    assert_eq!(taken["errors"][0]["code"], "REFERENCE_IN_USE");
    assert_eq!(taken["errors"][0]["__typename"], "ReferenceInUseError");
    assert_eq!(world.count("reauth_session", "1 = 1").await, 1);

    // One that never got a link gives its reference back.
    world.simulator.add_fault(Fault::status(500).path("/initiate").times(9)).unwrap();
    let code = world
        .code(INITIATE, json!({ "input": { "accountId": NAIRA, "reference": "mine-2" } }))
        .await;
    assert_eq!(code, "UPSTREAM_UNAVAILABLE");
    world.simulator.clear_faults();
    let freed = world.initiate_with(json!({ "accountId": NAIRA, "reference": "mine-2" })).await;
    assert_eq!(freed["reauth"]["status"], "LINK_ISSUED");
    let query = "query ($r: String!) { reauthSessionByReference(reference: $r) { id status } }";
    let found = world.data(query, json!({ "r": "mine-2" })).await;
    assert_eq!(found["reauthSessionByReference"]["id"], freed["reauth"]["id"]);
    for unknown in ["nobody", "", "a b", &"x".repeat(1000)] {
        let found = world.data(query, json!({ "r": unknown })).await;
        assert_eq!(found["reauthSessionByReference"], Value::Null);
    }
    world.stop().await;
}

#[tokio::test]
async fn malformed_input_is_refused_before_mono_hears_of_it() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.simulator.reset_calls();
    for (input, wanted) in [
        (json!({ "accountId": "" }), "empty"),
        (json!({ "accountId": HEALTHY, "reference": "" }), "1 to 64"),
        (json!({ "accountId": HEALTHY, "reference": "a b" }), "1 to 64"),
        (json!({ "accountId": HEALTHY, "reference": "x".repeat(65) }), "1 to 64"),
        (json!({ "accountId": HEALTHY, "redirectUrl": "javascript:alert(1)" }), "http(s)"),
        (json!({ "accountId": HEALTHY, "redirectUrl": "app.example.test" }), "http(s)"),
        (json!({ "accountId": HEALTHY, "redirectUrl": "" }), "http(s)"),
    ] {
        let answer = world.ask(INITIATE, json!({ "input": input })).await;
        assert_eq!(answer["data"]["initiateReauth"], Value::Null, "{answer}");
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
        assert!(answer["errors"][0]["message"].as_str().unwrap().contains(wanted), "{answer}");
    }
    assert_eq!(world.simulator.calls().len(), 0);
    assert_eq!(
        world.code(INITIATE, json!({ "input": { "accountId": "nobody" } })).await,
        "NOT_FOUND"
    );
    assert_eq!(world.count("reauth_session", "1 = 1").await, 0);
    world.stop().await;
}

#[tokio::test]
async fn case_13_what_can_not_be_re_authorised_is_an_error_of_the_payload() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.simulator.add_fault(Fault::new(FaultKind::NotReauthorisable).times(1)).unwrap();
    let payload = world.initiate(HEALTHY).await;
    assert_eq!(payload["reauth"], Value::Null);
    assert_eq!(payload["errors"][0]["code"], "NOT_REAUTHORISABLE");
    let known = world.known(HEALTHY).await;
    assert_eq!(known["reauth"]["required"], false, "nobody is asked to do the impossible");
    assert_eq!(known["reauth"]["active"], Value::Null);
    assert_eq!(known["reauth"]["sessions"]["nodes"][0]["failure"]["code"], "NOT_REAUTHORISABLE");
    world.stop().await;
}

#[tokio::test]
async fn a_link_that_mono_does_not_give_leaves_a_failed_session_and_no_flag() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    for (fault, code) in [
        (Fault::status(500), "UPSTREAM_UNAVAILABLE"),
        (Fault::status(400), "UPSTREAM_REJECTED"),
        (Fault::status(401), "UPSTREAM_UNAUTHORIZED"),
        (Fault::status(429), "UPSTREAM_RATE_LIMITED"),
        (Fault::status(404), "NOT_FOUND"),
        (Fault::new(FaultKind::Garbage), "UPSTREAM_BAD_RESPONSE"),
        (Fault::new(FaultKind::DataNull), "UPSTREAM_BAD_RESPONSE"),
        (Fault::new(FaultKind::Reset), "UPSTREAM_UNAVAILABLE"),
    ] {
        world.simulator.add_fault(fault.path("/initiate").times(1)).unwrap();
        assert_eq!(world.code(INITIATE, json!({ "input": { "accountId": HEALTHY } })).await, code);
        world.simulator.clear_faults();
        let known = world.known(HEALTHY).await;
        assert_eq!(known["reauth"]["sessions"]["nodes"][0]["status"], "FAILED");
        assert_eq!(known["reauth"]["active"], Value::Null);
    }
    // What was heard is never sent twice.
    let posts = world.simulator.calls().iter().filter(|call| call.method == "POST").count();
    assert_eq!(posts, 8);
    assert_eq!(world.initiate(HEALTHY).await["reauth"]["status"], "LINK_ISSUED");
    world.stop().await;
}

#[tokio::test]
async fn case_09_a_page_can_give_a_session_up_and_mono_may_still_say_otherwise() {
    let world = World::new().await;
    let cancel =
        "mutation ($id: ID!) { cancelReauth(input: {reauthId: $id, reason: \"widget_closed\"}) {
        reauth { id status url } errors { code } } }";
    let started = world.initiate(HEALTHY).await;
    let id = json!({ "id": started["reauth"]["id"] });
    for _ in 0..2 {
        let data = world.data(cancel, id.clone()).await;
        assert_eq!(data["cancelReauth"]["reauth"]["status"], "CANCELLED");
        assert_eq!(data["cancelReauth"]["errors"], json!([]));
    }
    let reference = started["reauth"]["reference"].as_str().unwrap();
    world.simulator.finish_by_reference(reference, Outcome::Approve).unwrap();
    world.simulator.deliver_all().await;
    let known = world.known(HEALTHY).await;
    assert_eq!(known["reauth"]["sessions"]["nodes"][0]["status"], "COMPLETED");
    let data = world.data(cancel, id).await;
    assert_eq!(data["cancelReauth"]["errors"][0]["code"], "REAUTH_NOT_ACTIVE");
    assert_eq!(world.code(cancel, json!({ "id": "reauth_1" })).await, "BAD_USER_INPUT");
    let unknown = format!("reauth_{}", "0".repeat(32));
    assert_eq!(world.code(cancel, json!({ "id": unknown })).await, "NOT_FOUND");
    world.stop().await;
}

#[tokio::test]
async fn redirects_lead_to_listed_origins_only() {
    let mut world = World::new().await;
    world.known(HEALTHY).await;
    let mut config = world.config();
    config.redirects = mono_gateway::handover::Redirects::Only(Vec::new());
    world.gateways.pop().unwrap().stop().await;
    let gateway = world.try_start(config).await.unwrap();
    world.gateways.push(gateway);
    let input = json!({ "accountId": HEALTHY, "redirectUrl": "https://app.example.test/" });
    let answer = world.ask(INITIATE, json!({ "input": input })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    assert!(answer["errors"][0]["message"].as_str().unwrap().contains("GATEWAY_REDIRECT_ORIGINS"));
    assert_eq!(world.initiate(HEALTHY).await["reauth"]["status"], "LINK_ISSUED");
    world.stop().await;
}

#[tokio::test]
async fn a_mutation_names_a_root_field_once() {
    let world = World::new().await;
    let twice = format!(
        "mutation {{ initiateReauth(input: {{accountId: \"{HEALTHY}\"}}) {{ reused }}
           initiateReauth(input: {{accountId: \"{HEALTHY}\"}}) {{ reused }} }}"
    );
    assert_eq!(world.code(&twice, json!({})).await, "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(world.simulator.calls().len(), 0);
    world.stop().await;
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_nothing_half_asked() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.simulator.add_fault(Fault::slow(200).path("/initiate").times(1)).unwrap();
    // The request is dropped as soon as Mono was asked, and before it answered.
    let asking = world.initiate(HEALTHY);
    let asked = async {
        while !world.simulator.calls().iter().any(|call| call.method == "POST") {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = asking => panic!("it was answered before it could be dropped"),
        () = asked => {}
    }
    let known =
        world.until(HEALTHY, |known| known["reauth"]["active"]["status"] == "LINK_ISSUED").await;
    assert!(known["reauth"]["active"]["url"].is_string());
    let again = world.initiate(HEALTHY).await;
    assert_eq!(again["reused"], true);
    world.stop().await;
}

#[tokio::test]
async fn whoever_waits_for_another_s_answer_gets_the_same() {
    let world = World::new().await;
    world.known(HEALTHY).await;
    world.simulator.add_fault(Fault::status(400).path("/initiate").times(1)).unwrap();
    world.simulator.add_fault(Fault::slow(300).path("/initiate").times(1)).unwrap();
    let input = json!({ "input": { "accountId": HEALTHY } });
    let asks = (0..4).map(|_| world.code(INITIATE, input.clone()));
    let codes = futures_util::future::join_all(asks).await;
    let posts = world.simulator.calls().iter().filter(|call| call.method == "POST").count();
    assert!(
        codes.iter().all(|code| code == "UPSTREAM_REJECTED"),
        "{codes:?} after {posts} requests"
    );
    world.stop().await;
}
