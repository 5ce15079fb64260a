//! The customers of the business.

use std::collections::HashMap;

use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::Response,
};
use serde_json::{Map, Value, json};

use super::{
    initiate::{body, text},
    products::months,
    reply,
};
use crate::{
    Simulator,
    clock::iso,
    shape::{Answer, Era, completed, failed, ok, person, statement::rows},
    world::customer::Customer,
};

/// How many customers or transactions a page has.
const PAGE: usize = 20;

type Here = State<Simulator>;
type Asked = Query<HashMap<String, String>>;

fn unknown(era: Era) -> Answer {
    failed(era, StatusCode::NOT_FOUND, "This customer does not exist.")
}

/// `GET /v2/customers`, narrowed by `email` and `phone`.
pub(crate) async fn list(State(simulator): Here, Query(query): Asked) -> Response {
    reply(simulator.with(|world| {
        let asked = |name: &str| query.get(name);
        let shown: Vec<Value> = world
            .customers
            .iter()
            .filter(|each| asked("email").is_none_or(|email| each.email == *email))
            .filter(|each| asked("phone").is_none_or(|phone| each.phone.as_ref() == Some(phone)))
            .map(person::customer)
            .collect();
        page(world.era, &shown, &query, &format!("{}/v2/customers", world.base))
    }))
}

/// The page of `all` that `query` asks for.
fn page(era: Era, all: &[Value], query: &HashMap<String, String>, base: &str) -> Answer {
    let number = query.get("page").map_or(Ok(1), |text| text.parse::<usize>());
    let Some(number) = number.ok().filter(|number| *number > 0) else {
        return failed(era, StatusCode::BAD_REQUEST, "page must be a positive number");
    };
    let link = |number: usize| json!(format!("{base}?page={number}"));
    let shown: Vec<&Value> =
        all.iter().skip((number - 1).saturating_mul(PAGE)).take(PAGE).collect();
    let (status, mut body) = ok(era, completed(era), json!(shown));
    if era != Era::Legacy {
        body["meta"] = json!({
            "total": all.len(), "page": number,
            "previous": if number > 1 { link(number - 1) } else { Value::Null },
            "next": if all.len() > number.saturating_mul(PAGE) {
                link(number + 1)
            } else {
                Value::Null
            },
        });
    }
    (status, body)
}

/// `GET /v2/customers/{id}`.
pub(crate) async fn details(State(simulator): Here, Path(id): Path<String>) -> Response {
    reply(simulator.with(|world| match world.customer(&id) {
        Some(customer) => ok(world.era, completed(world.era), person::customer(customer)),
        None => unknown(world.era),
    }))
}

/// `PATCH /v2/customers/{id}`.
pub(crate) async fn update(
    State(simulator): Here,
    Path(id): Path<String>,
    text: String,
) -> Response {
    reply(simulator.with(|world| {
        let era = world.era;
        let Some(customer) = world.customers.iter_mut().find(|each| each.id == id) else {
            return unknown(era);
        };
        match body(&text).and_then(|fields| changed(customer, &fields)) {
            Ok(changed) => {
                *customer = changed;
                ok(era, "Customer updated successfully", person::customer(customer))
            }
            Err(message) => failed(era, StatusCode::BAD_REQUEST, &message),
        }
    }))
}

/// `customer` with what `fields` say.
fn changed(customer: &Customer, fields: &Map<String, Value>) -> Result<Customer, String> {
    let known = ["name", "email", "phone", "address"];
    if let Some(name) = fields.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("\"{name}\" is not allowed"));
    }
    let mut changed = customer.clone();
    if let Some(name) = text(fields, "name")? {
        changed.name = name;
    }
    if let Some(email) = text(fields, "email")? {
        changed.email = email;
    }
    if let Some(phone) = text(fields, "phone")? {
        changed.phone = Some(phone);
    }
    if let Some(address) = text(fields, "address")? {
        changed.address = Some(address);
    }
    Ok(changed)
}

/// `GET /v2/customers/{id}/transactions`, narrowed by `account` and `period`.
pub(crate) async fn transactions(
    State(simulator): Here,
    Path(id): Path<String>,
    Query(query): Asked,
) -> Response {
    reply(simulator.with(|world| {
        let era = world.era;
        if world.customer(&id).is_none() {
            return unknown(era);
        }
        let Some(months) = query.get("period").map_or(Some(12), |text| months(text)) else {
            let message = "period must be one of last1months to last12months";
            return failed(era, StatusCode::BAD_REQUEST, message);
        };
        let account = query.get("account");
        let shown: Vec<Value> = world
            .accounts
            .iter()
            .filter(|each| each.customer == id && account.is_none_or(|asked| each.id == *asked))
            .flat_map(|each| rows(each, months).into_iter().map(move |row| (each, row)))
            .map(|(account, row)| {
                json!({
                    "id": row.id, "account": account.id, "narration": row.narration,
                    "amount": row.amount, "type": row.kind, "balance": row.balance,
                    "date": iso(row.date), "category": row.category,
                })
            })
            .collect();
        page(era, &shown, &query, &format!("{}/v2/customers/{id}/transactions", world.base))
    }))
}
