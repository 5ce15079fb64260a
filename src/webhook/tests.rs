//! Decoding against the fixtures, each of which says what is to be read from it.

use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::Value;

use super::*;
use crate::clock::rfc3339;

fn fixture(file: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/mono/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).expect("the fixture is there")
}

fn banks() -> Recogniser {
    Recogniser::new(&SecretString::from("a key"))
}

fn stamp_of(what: &What) -> Option<crate::clock::Time> {
    match what {
        What::Updated(update) => update.stamp,
        What::Required { stamp, .. }
        | What::Reauthorized { stamp }
        | What::SyncFailed { stamp, .. }
        | What::JobUpdated { stamp, .. } => *stamp,
        What::Connected { .. }
        | What::Linked { .. }
        | What::Unlinked
        | What::Looked(_)
        | What::LookFailed { .. }
        | What::Requested(_)
        | What::LinkIssued { .. }
        | What::TokenIssued { .. }
        | What::LinkRefused { .. }
        | What::Cancelled { .. }
        | What::Job(_)
        | What::TimePassed => None,
    }
}

#[test]
fn every_form_of_a_webhook_is_understood() {
    let all: Vec<Value> =
        serde_json::from_slice(&fixture("index.json")).expect("the index is JSON");
    let mut read = 0;
    for entry in all.iter().filter(|entry| entry["kind"] == "webhook") {
        let file = entry["file"].as_str().expect("a name");
        let decoded = decode(&fixture(file), &banks());
        if entry["malformed"] == true {
            assert_eq!(decoded.otherwise, Outcome::Undecodable, "{file}");
            assert_eq!(decoded.what, None, "{file}");
            continue;
        }
        read += 1;
        let expect = &entry["expect"];
        let account = decoded.account.as_ref().map(AccountId::as_str);
        assert_eq!(account, expect["account"].as_str(), "{file}");
        assert_eq!(decoded.mono_event_id.as_deref(), expect["event_id"].as_str(), "{file}");
        let event = match &decoded.what {
            Some(What::Connected { .. }) => "account_connected",
            Some(What::Updated(_)) => "account_updated",
            Some(What::Required { .. }) => "reauthorisation_required",
            Some(What::Reauthorized { .. }) => "account_reauthorized",
            Some(What::SyncFailed { .. }) => "sync_failed",
            Some(What::Unlinked) => "account_unlinked",
            Some(What::JobUpdated { .. }) => "job_update",
            Some(What::Job(JobNews::Told { product, .. })) => match product {
                JobKind::Income => "account_income",
                JobKind::Creditworthiness => "account_credit_worthiness",
                JobKind::Categorisation => "transaction_categorisation",
                JobKind::Refresh | JobKind::Statement => "other",
            },
            _ => "other",
        };
        // What names no account, and what the gateway has no use for, tells it nothing.
        let wanted = match expect["event"].as_str() {
            _ if expect["account"].is_null() => "other",
            Some("account_synced") | None => "other",
            Some(event) => event,
        };
        assert_eq!(event, wanted, "{file}");
        let Some(what) = &decoded.what else { continue };
        if !matches!(what, What::Connected { .. } | What::Unlinked) {
            let stamp = expect["stamp"].as_str().and_then(time).map(rfc3339);
            assert_eq!(stamp_of(what).map(rfc3339), stamp, "{file}");
        }
        if let What::JobUpdated { job, .. } | What::Updated(Update { job, .. }) = what {
            assert_eq!(job.as_deref(), expect["job"].as_str(), "{file}");
        }
        if let What::Job(JobNews::Told { mono_job, failed, result, product, .. }) = what {
            assert_eq!(mono_job.as_deref(), expect["job"].as_str(), "{file}");
            assert_eq!(Some(*failed), expect["failed"].as_bool(), "{file}");
            let brings = !failed && *product != JobKind::Categorisation;
            assert_eq!(result.0.is_some(), brings, "{file}");
        }
        if let What::Updated(update) = what {
            let status = update.reported.as_ref().map(|reported| reported.status.as_mono());
            assert_eq!(status, expect["data_status"].as_str(), "{file}");
            let sync = update.sync.map(|sync| serde_json::to_value(sync).expect("a word"));
            assert_eq!(sync.unwrap_or_default(), expect["sync_status"], "{file}");
        }
    }
    assert!(read >= 60, "{read} webhooks read");
}

#[test]
fn an_amount_that_is_none_does_not_cost_the_news_beside_it() {
    let body = br#"{"event":"mono.events.account_updated","data":{"account":{"_id":"acc","balance":1e999},"meta":{"data_status":"AVAILABLE"}}}"#;
    assert!(matches!(decode(body, &banks()).what, Some(What::Updated(_))));
}

proptest! {
    #[test]
    fn no_body_makes_decoding_fail(body in proptest::collection::vec(any::<u8>(), 0..512)) {
        let decoded = decode(&body, &banks());
        prop_assert!(decoded.what.is_none() || decoded.account.is_some());
        let _ = redact::redact(&body);
    }

    #[test]
    fn no_json_makes_decoding_fail(event in ".{0,40}", id in ".{0,40}", status in ".{0,40}") {
        let body = serde_json::json!({
            "event": event, "event_id": id,
            "data": { "account": { "_id": id }, "meta": { "data_status": status } },
        });
        let decoded = decode(body.to_string().as_bytes(), &banks());
        prop_assert!(decoded.event.is_none_or(|name| !name.contains(char::is_control)));
    }
}

#[test]
fn what_a_webhook_tells_of_its_link_is_read() {
    let all: Vec<Value> =
        serde_json::from_slice(&fixture("index.json")).expect("the index is JSON");
    let (mut references, mut customers, mut matches) = (0, 0, 0);
    for entry in all.iter().filter(|entry| entry["kind"] == "webhook") {
        let file = entry["file"].as_str().expect("a name");
        let Ok(body) = serde_json::from_slice::<Value>(&fixture(file)) else { continue };
        let data = &body["data"];
        let told = data["meta"]["ref"].as_str();
        match decode(&fixture(file), &banks()).what {
            Some(What::Connected { reference, customer, .. }) => {
                assert_eq!(reference.as_deref(), told, "{file}");
                let its = data["customer"].as_str().or(data["customer"]["id"].as_str());
                assert_eq!(customer.as_deref(), its, "{file}");
                customers += usize::from(customer.is_some());
                references += usize::from(reference.is_some());
            }
            Some(What::Updated(update)) => {
                assert_eq!(update.reference.as_deref(), told, "{file}");
                assert_eq!(
                    update.account_match,
                    data["account"]["account_match"].as_bool(),
                    "{file}"
                );
                let made = data["account"]["created_at"].as_str().and_then(time);
                assert_eq!(update.account_created, made, "{file}");
                matches += usize::from(update.account_match.is_some());
                references += usize::from(update.reference.is_some());
            }
            _ => {}
        }
    }
    assert!(
        references >= 3 && customers >= 2 && matches >= 1,
        "{references} {customers} {matches}"
    );
}
