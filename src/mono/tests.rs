//! Decoding against the fixtures, each of which says what is to be read from it.

use reqwest::StatusCode;
use serde_json::Value;

use super::{transport::refusal, *};

pub(super) fn fixture(file: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/mono/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).expect("the fixture is there")
}

pub(super) fn index(prefix: &str) -> Vec<(String, Value)> {
    let all: Vec<Value> =
        serde_json::from_slice(&fixture("index.json")).expect("the index is JSON");
    let of_kind = all.into_iter().filter_map(|entry| {
        let file = entry["file"].as_str()?.to_owned();
        (file.starts_with(prefix) && entry["malformed"] != true)
            .then(|| (file, entry["expect"].clone()))
    });
    of_kind.collect()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[test]
fn every_form_of_account_details_is_read() {
    let fixtures = index("details__");
    assert!(fixtures.len() >= 15, "{} fixtures", fixtures.len());
    for (file, expect) in fixtures {
        let body = fixture(&file);
        let details = Details::decode(&body).expect(&file);
        assert_eq!(details.id, text(&expect["account"]), "{file}");
        assert_eq!(details.name, text(&expect["name"]), "{file}");
        assert_eq!(details.account_number, text(&expect["account_number"]), "{file}");
        assert_eq!(details.bvn, text(&expect["bvn"]), "{file}");
        let bank_code = details.institution.and_then(|bank| bank.bank_code);
        assert_eq!(bank_code, text(&expect["bank_code"]), "{file}");
        assert_eq!(details.currency, text(&expect["currency"]), "{file}");
        assert_eq!(details.auth_method, text(&expect["auth_method"]), "{file}");
        assert_eq!(details.data_status, text(&expect["raw_status"]), "{file}");
        match details.balance {
            // Never rounded: what is not a whole number of minor units is refused.
            Some(Err(_)) => {
                assert!(file.contains("fractional") || file.contains("beyond"), "{file}")
            }
            Some(Ok(minor)) => assert_eq!(Some(minor), expect["balance"].as_i64(), "{file}"),
            None => assert!(expect["balance"].is_null(), "{file}"),
        }
        let retrieved =
            details.retrieved_data.map(|words| words.into_iter().map(Value::from).collect());
        assert_eq!(retrieved.map_or(Value::Null, Value::Array), expect["retrieved_data"], "{file}");
    }
}

#[test]
fn every_form_of_a_page_of_transactions_is_read() {
    let fixtures = index("transactions__");
    assert!(fixtures.len() >= 8, "{} fixtures", fixtures.len());
    for (file, expect) in fixtures {
        let page = TransactionPage::decode(&fixture(&file)).expect(&file);
        assert_eq!(Some(page.transactions.len() as u64), expect["count"].as_u64(), "{file}");
        assert_eq!(page.total, expect["total"].as_i64(), "{file}");
        assert_eq!(page.page, expect["page"].as_i64(), "{file}");
        match page.next {
            Next::Page(number) => assert_eq!(Some(number), expect["next_page"].as_i64(), "{file}"),
            Next::End | Next::Unsaid => assert!(expect["next_page"].is_null(), "{file}"),
        }
        assert_eq!(page.previous, expect["previous_page"].as_i64(), "{file}");
    }
}

#[test]
fn every_form_of_a_hosted_link_is_read() {
    let mut fixtures = index("initiate_reauth__");
    fixtures.extend(index("initiate_auth__"));
    assert!(!fixtures.is_empty());
    for (file, expect) in fixtures {
        let link = HostedLink::decode(&fixture(&file)).expect(&file);
        assert_eq!(Some(link.url), text(&expect["mono_url"]), "{file}");
    }
}

#[test]
fn what_is_no_answer_is_refused() {
    for body in ["", "{}", "null", "[]", "{\"data\":null}", "{\"data\":{}}", "<html>", "{\"data\":"]
    {
        assert!(Details::decode(body.as_bytes()).is_err(), "{body}");
        assert!(TransactionPage::decode(body.as_bytes()).is_err(), "{body}");
        assert!(HostedLink::decode(body.as_bytes()).is_err(), "{body}");
    }
    let script = r#"{"data":{"mono_url":"javascript:alert(1)"}}"#;
    assert!(HostedLink::decode(script.as_bytes()).is_err());
}

#[test]
fn an_id_cannot_leave_its_segment() {
    let segment = |text: &str| AccountId::parse(text).map(|id| segment(id.as_str()));
    assert_eq!(segment("a/b?c=d#e"), Ok(Ok("a%2Fb%3Fc%3Dd%23e".to_owned())));
    assert_eq!(segment(".."), Ok(Err(MonoError::NotFound)));
    assert_eq!(segment("é"), Ok(Ok("%C3%A9".to_owned())));
}

#[test]
fn filters_are_written_in_mono_s_way() {
    let query = TransactionQuery {
        page: Some(2),
        limit: Some(50),
        start: chrono::NaiveDate::from_ymd_opt(2025, 12, 28),
        end: chrono::NaiveDate::from_ymd_opt(2026, 1, 3),
        kind: Some("debit"),
        narration: Some("NIP & co".into()),
    };
    assert_eq!(
        query.encode(),
        "page=2&limit=50&start=28-12-2025&end=03-01-2026&type=debit&narration=NIP+%26+co"
    );
    assert_eq!(TransactionQuery::default().encode(), "");
}

#[test]
fn every_answer_to_a_manual_sync_is_read() {
    use super::refresh::{Synced, SyncedCode};
    let fixtures = index("sync__");
    assert!(fixtures.len() >= 8, "{} fixtures", fixtures.len());
    for (file, expect) in fixtures {
        let synced = Synced::decode(&fixture(&file)).expect(&file);
        let code = match expect["code"].as_str() {
            Some("SYNC_SUCCESSFUL" | "SYNCED_SUCCESSFUL") => SyncedCode::Successful,
            Some("REAUTHORISATION_REQUIRED") => SyncedCode::ReauthorisationRequired,
            Some("SYNC_ERROR") => SyncedCode::Error,
            Some("INCOMPLETE_STATEMENT_ERROR") => SyncedCode::IncompleteStatement,
            other => panic!("{other:?} in {file}"),
        };
        assert_eq!(
            (synced.code, synced.new_data),
            (code, expect["has_new_data"].as_bool()),
            "{file}"
        );
    }
    for body in ["", "{}", r#"{"code":"NEW_CODE"}"#, r#"{"data":null}"#, "[]"] {
        assert!(Synced::decode(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn how_a_job_stands_is_read() {
    use super::jobs::decode_job_status;
    for prefix in ["job_status__", "enrichment__"] {
        let fixtures = index(prefix);
        assert!(fixtures.len() >= 3, "{} fixtures of {prefix}", fixtures.len());
        for (file, expect) in fixtures {
            let word = decode_job_status(&fixture(&file)).expect(&file);
            assert_eq!(Some(word.as_str()), expect["status"].as_str(), "{file}");
        }
    }
    assert!(decode_job_status(br#"{"status":"successful","data":null}"#).is_err());
    let started = super::jobs::Started::decode(&fixture("enrichment__started.json"));
    assert!(started.is_ok_and(|started| started.job.is_some()));
}

#[test]
fn how_a_statement_stands_is_read() {
    use super::jobs::{PdfState, StatementPdf};
    for (file, expect) in index("statement_pdf__") {
        let pdf = StatementPdf::decode(&fixture(&file)).expect(&file);
        assert_eq!(pdf.job, text(&expect["job"]), "{file}");
        let state = match &pdf.state {
            PdfState::Building => "building",
            PdfState::Built(url) => {
                assert_eq!(Some(url.as_str()), expect["url"].as_str(), "{file}");
                "built"
            }
            PdfState::Failed => "failed",
        };
        assert_eq!(Some(state), expect["state"].as_str(), "{file}");
    }
    for body in [r#"{"data":{"status":"BUILT","path":"javascript:x"}}"#, "{}", r#"{"data":null}"#] {
        assert!(StatementPdf::decode(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn a_missing_webhook_url_is_told_from_a_missing_account() {
    let status = StatusCode::NOT_FOUND;
    let no_webhook = fixture("error__v2_404_no_webhook.json");
    assert_eq!(refusal(status, None, &no_webhook), MonoError::NoWebhook);
    assert_eq!(refusal(status, None, &fixture("error__v2_404.json")), MonoError::NotFound);
}

#[test]
fn every_form_of_an_exchanged_code_is_read() {
    let fixtures = index("exchange_token__");
    assert_eq!(fixtures.len(), 2);
    for (file, expect) in fixtures {
        let account = link::exchanged(&fixture(&file)).expect(&file);
        assert_eq!(Some(account.as_str()), expect["account"].as_str(), "{file}");
    }
}

#[test]
fn every_link_says_whose_it_is_and_when_it_was_made() {
    for (file, expect) in index("initiate_auth__") {
        let link = HostedLink::decode(&fixture(&file)).expect(&file);
        assert_eq!(link.customer, text(&expect["customer"]), "{file}");
        let made = expect["created_at"].as_str().and_then(model::time);
        assert_eq!(link.created_at, made, "{file}");
    }
}
