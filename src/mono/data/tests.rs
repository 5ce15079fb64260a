//! Decoding against the fixtures, each of which says what is to be read from it.

use serde_json::{Value, json};

use super::{
    super::tests::{fixture, index},
    *,
};

/// The fixtures of a kind, at least so many.
fn each(prefix: &str, at_least: usize) -> Vec<(String, Vec<u8>, Value)> {
    let all = index(prefix);
    assert!(all.len() >= at_least, "{} fixtures of {prefix}", all.len());
    all.into_iter().map(|(file, expect)| (file.clone(), fixture(&file), expect)).collect()
}

/// An amount as the index has it.
fn told(amount: &Amount) -> Value {
    match amount {
        None => Value::Null,
        Some(Ok(minor)) => json!(minor),
        Some(Err(_)) => json!("refused"),
    }
}

fn read(fraction: &Fraction) -> Value {
    fraction.as_ref().map_or(Value::Null, |read| json!(read.as_ref().ok()))
}

#[test]
fn every_form_of_a_balance_is_read() {
    for (file, body, expect) in each("balance__", 6) {
        if expect["balance"].is_null() {
            // A bank that does not tell is none that tells of nothing.
            assert_eq!(LiveBalance::decode(&body).map(|live| live.balance), Ok(None), "{file}");
            continue;
        }
        let live = LiveBalance::decode(&body).expect(&file);
        assert_eq!(told(&live.balance), expect["balance"], "{file}");
        assert_eq!(json!(live.currency), expect["currency"], "{file}");
    }
    let enqueued = LiveBalance::decode(&fixture("enqueued__balance.json"));
    assert!(matches!(enqueued, Err(MonoError::BadResponse(_))), "{enqueued:?}");
}

#[test]
fn every_form_of_an_identity_is_read() {
    for (file, body, expect) in each("identity__", 8) {
        let identity = Identity::decode(&body).expect(&file);
        let found = identity.map(|identity| {
            json!({
                "full_name": identity.full_name, "bvn": identity.bvn, "email": identity.email,
                "phone": identity.phone, "gender": identity.gender,
                "born_on": identity.born_on.map(|day| day.to_string()),
                "address_line1": identity.address_line1, "address_line2": identity.address_line2,
                "state_of_origin": identity.state_of_origin, "lga_of_origin": identity.lga_of_origin,
                "marital_status": identity.marital_status, "account_number": identity.account_number,
                "institution_name": identity.institution_name,
                "updated_at": identity.updated_at.map(crate::clock::rfc3339),
            })
        });
        assert_eq!(found.unwrap_or_default(), expect, "{file}");
    }
}

#[test]
fn every_form_of_income_records_is_read_newest_first() {
    for (file, body, expect) in each("income_records__", 7) {
        let records = Income::decode_records(&body).expect(&file);
        assert_eq!(json!(records.len()), expect["count"], "{file}");
        let Some(newest) = records.first() else { continue };
        let found = json!({
            "count": records.len(), "newest": newest.id, "total": told(&newest.total),
            "monthly_average": read(&newest.monthly_average),
            "regular": read(&newest.monthly_average_regular),
            "irregular": read(&newest.monthly_average_irregular),
            "monthly": read(&newest.monthly), "streams": newest.streams.len(),
            "stability": newest.streams[0].stability, "employer": newest.employer,
            "last_amount": told(&newest.streams[0].last_amount),
        });
        assert_eq!(found, expect, "{file}");
    }
}

#[test]
fn every_form_of_credits_and_debits_is_read() {
    for (file, body, expect) in [each("credits__", 4), each("debits__", 3)].concat() {
        let flow = Flow::decode(&body).expect(&file);
        let periods: Vec<_> = flow.history.iter().map(|period| period.period.clone()).collect();
        let found = json!({
            "total": told(&flow.total), "transactions": flow.transaction_count, "periods": periods,
            "last_amount": flow.history.last().map(|period| told(&period.amount)),
        });
        assert_eq!(found, expect, "{file}");
    }
}

#[test]
fn every_form_of_assets_is_read() {
    for (file, body, expect) in each("assets__", 4) {
        let read = Assets::decode(&body).expect(&file);
        let of = |pick: fn(&Asset) -> Value| read.assets.iter().map(pick).collect::<Vec<_>>();
        let balances: Vec<_> =
            read.balances.iter().map(|(code, amount)| json!([code, told(amount)])).collect();
        let found = json!({
            "count": read.assets.len(), "balances": balances,
            "costs": of(|asset| told(&asset.cost)), "returns": of(|asset| told(&asset.returns)),
            "quantities": of(|asset| json!(asset.quantity)),
            "symbols": of(|asset| json!(asset.symbol)),
        });
        assert_eq!(found, expect, "{file}");
    }
}

#[test]
fn every_form_of_earnings_is_read() {
    for (file, body, expect) in each("earnings__", 4) {
        let read = Earning::decode_list(&body).expect(&file);
        let of = |pick: fn(&Earning) -> Value| read.iter().map(pick).collect::<Vec<_>>();
        let found = json!({
            "ids": of(|earning| json!(earning.id)), "amounts": of(|earning| told(&earning.amount)),
            "symbols": of(|earning| json!(earning.asset_symbol)),
            "sale_prices": of(|earning| told(&earning.sale_price)),
            "quantities": of(|earning| json!(earning.quantity_sold)),
        });
        assert_eq!(found, expect, "{file}");
        assert!(read.iter().all(|earning| earning.date.is_some()), "{file}");
    }
}

#[test]
fn every_form_of_a_statement_is_read() {
    for (file, body, expect) in each("statement__", 5) {
        let read = Statement::decode(&body).expect(&file);
        let ids: Vec<_> = read.transactions.iter().map(|one| one.id.clone()).collect();
        let amounts: Vec<_> = read.transactions.iter().map(|one| one.amount.ok()).collect();
        assert_eq!(
            json!({ "count": read.count, "ids": ids, "amounts": amounts }),
            expect,
            "{file}"
        );
    }
}

#[test]
fn every_form_of_a_customer_is_read() {
    for (file, body, expect) in each("customer__", 3) {
        let read = Customer::decode(&body).expect(&file);
        let found = json!({
            "id": read.id, "name": read.name, "email": read.email, "phone": read.phone,
            "address": read.address,
        });
        assert_eq!(found, expect, "{file}");
    }
}

#[test]
fn every_form_of_the_list_of_institutions_is_read() {
    for (file, body, expect) in each("institutions__", 3) {
        let read = institutions::decode_list(&body).expect(&file);
        let names: Vec<_> = read.iter().map(|bank| bank.name.clone()).collect();
        let listing = read[0].listing.as_deref().expect("what the list tells");
        let methods: Vec<_> = listing.login_methods.iter().map(|one| one.kind.clone()).collect();
        let hints: Vec<_> =
            listing.login_methods[0].fields.iter().map(|field| field.hint.clone()).collect();
        let found = json!({
            "names": names, "id": read[0].id, "nip_code": listing.nip_code,
            "scopes": listing.scopes, "methods": methods, "hints": hints,
            "color": listing.primary_color, "country": listing.country,
        });
        assert_eq!(found, expect, "{file}");
    }
}

#[test]
fn what_is_no_answer_is_refused() {
    for body in ["", "null", "<html>", "{\"data\":", "7", "\"x\"", "{\"data\":7}"] {
        let body = body.as_bytes();
        let bad = |error: Option<MonoError>| matches!(error, Some(MonoError::BadResponse(_)));
        let text = String::from_utf8_lossy(body);
        assert!(bad(LiveBalance::decode(body).err()), "{text}");
        assert!(bad(Identity::decode(body).err()), "{text}");
        assert!(bad(Income::decode_records(body).err()), "{text}");
        assert!(bad(Flow::decode(body).err()), "{text}");
        assert!(bad(Assets::decode(body).err()), "{text}");
        assert!(bad(Earning::decode_list(body).err()), "{text}");
        assert!(bad(Statement::decode(body).err()), "{text}");
        assert!(bad(Customer::decode(body).err()), "{text}");
        assert!(bad(institutions::decode_list(body).err()), "{text}");
    }
    // What needs something in it says so.
    for body in ["{}", "{\"data\":{}}", "{\"data\":null}"] {
        let body = body.as_bytes();
        assert!(LiveBalance::decode(body).is_err() && Flow::decode(body).is_err());
        assert!(Statement::decode(body).is_err() && Customer::decode(body).is_err());
        assert!(institutions::decode_list(body).is_err());
    }
}

#[test]
fn a_day_is_read_in_every_order_that_mono_prints() {
    let read = |text: &str| day(&Text(Some(text.into()))).map(|day| day.to_string());
    for text in ["1990-02-09", "09-02-1990", "09/02/1990", "09-Feb-1990", "1990-02-09T00:00:00Z"] {
        assert_eq!(read(text).as_deref(), Some("1990-02-09"), "{text}");
    }
    for text in ["", "1990", "31-31-1990", "tomorrow", "00-00-0000"] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn personal_data_is_not_printed() {
    let identity = Identity::decode(&fixture("identity__v2.json")).unwrap();
    let customer = Customer::decode(&fixture("customer__v2.json")).unwrap();
    let printed = format!("{identity:?} {customer:?}");
    assert!(
        !printed.contains("22910047718") && !printed.to_lowercase().contains("ifeoma"),
        "{printed}"
    );
}
