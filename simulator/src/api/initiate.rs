//! `POST /v2/accounts/initiate`: a hosted link, for a new account or for one that is known.
//!
//! Source: Mono docs, "Reauth Link Initiation Guide", 2024-03-20, and "Initiate Account Linking",
//! 2024-05-13. Optional parts must be left out: a null is refused.

use axum::{extract::State, http::StatusCode, response::Response};
use serde_json::{Map, Value, json};

use super::{exchange::not_reauthorisable, reply, unknown_account};
use crate::{
    Simulator,
    behaviour::Behaviour,
    clock::iso,
    shape::{Answer, completed, failed, ok},
    world::{
        World, bank,
        link::{Link, Scope},
    },
};

pub(crate) async fn initiate(State(simulator): State<Simulator>, text: String) -> Response {
    reply(simulator.with(|world| {
        let asked = body(&text).and_then(|fields| Asked::read(&fields, &world.behaviour));
        match asked {
            Ok(asked) => asked.answer(world),
            Err(message) => failed(world.era, StatusCode::BAD_REQUEST, &message),
        }
    }))
}

/// The fields of a JSON object.
pub(crate) fn body(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("the body must be a JSON object".to_owned()),
        Err(_) => Err("the body must be JSON".to_owned()),
    }
}

/// A string that may be left out, but not be null or anything else.
pub(crate) fn text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match fields.get(name) {
        None => Ok(None),
        Some(value) => value
            .as_str()
            .map(|text| Some(text.to_owned()))
            .ok_or(format!("\"{name}\" must be a string")),
    }
}

/// An object that may be left out, but not be null or anything else.
fn object(fields: &Map<String, Value>, name: &str) -> Result<Option<Map<String, Value>>, String> {
    match fields.get(name) {
        None => Ok(None),
        Some(value) => value
            .as_object()
            .map(|fields| Some(fields.clone()))
            .ok_or(format!("\"{name}\" must be an object")),
    }
}

/// A boolean that may be left out.
fn flag(fields: &Map<String, Value>, name: &str) -> Result<bool, String> {
    match fields.get(name) {
        None => Ok(false),
        Some(value) => value.as_bool().ok_or(format!("\"{name}\" must be a boolean")),
    }
}

/// A request that makes sense.
struct Asked {
    scope: Scope,
    account: Option<String>,
    customer: Option<Customer>,
    meta: Map<String, Value>,
    redirect_url: Option<String>,
    institution: Map<String, Value>,
    check_match: bool,
}

/// Who a first link is for.
enum Customer {
    /// Somebody whom Mono knows.
    Known(String),
    /// Somebody who is known from now on.
    New { name: String, email: String, phone: Option<String>, bvn: Option<String> },
}

impl Asked {
    fn read(fields: &Map<String, Value>, behaviour: &Behaviour) -> Result<Self, String> {
        let scope = match text(fields, "scope")?.as_deref() {
            Some("auth") => Scope::Auth,
            Some("reauth") => Scope::Reauth,
            Some(_) => return Err("\"scope\" must be one of [auth, reauth]".to_owned()),
            None => return Err("\"scope\" is required".to_owned()),
        };
        let account = text(fields, "account")?;
        if scope == Scope::Reauth && account.is_none() {
            return Err("\"account\" is required".to_owned());
        }
        let meta = object(fields, "meta")?.unwrap_or_default();
        let reference = text(&meta, "ref")?;
        let short = |reference: &String| reference.chars().count() < 10;
        if behaviour.long_references && reference.as_ref().is_some_and(short) {
            return Err("\"meta.ref\" length must be at least 10 characters long".to_owned());
        }
        let redirect_url = text(fields, "redirect_url")?;
        if redirect_url.is_none() && behaviour.redirect_needed && scope == Scope::Auth {
            return Err("\"redirect_url\" is required".to_owned());
        }
        let valid = |url: &String| reqwest::Url::parse(url).is_ok_and(|url| url.has_host());
        if !redirect_url.as_ref().is_none_or(valid) {
            return Err("\"redirect_url\" must be a valid uri".to_owned());
        }
        let customer = customer(fields, scope)?;
        let institution = object(fields, "institution")?.unwrap_or_default();
        for name in ["id", "auth_method", "account_number"] {
            text(&institution, name)?;
        }
        flag(fields, "is_multi")?;
        let check_match = flag(fields, "check_account_match")?;
        Ok(Self { scope, account, customer, meta, redirect_url, institution, check_match })
    }

    fn answer(self, world: &mut World) -> Answer {
        let known = self.account.as_ref().map(|id| world.account(id).cloned());
        let account = match (self.scope, known) {
            (Scope::Auth, _) => None,
            (Scope::Reauth, Some(Some(account))) => Some(account),
            (Scope::Reauth, Some(None) | None) => return unknown_account(world.era),
        };
        if account.as_ref().is_some_and(|account| !account.reauthorisable) {
            return not_reauthorisable(world);
        }
        let code = format!("AL{}", world.mint.capitals(10));
        let customer = match (&account, self.customer) {
            (Some(account), _) => account.customer.clone(),
            (None, Some(Customer::Known(id))) if world.customer(&id).is_some() => id,
            (None, Some(Customer::New { name, email, phone, bvn })) => {
                world.customer_by_email(name, email, phone, bvn)
            }
            (None, Some(Customer::Known(_)) | None) => {
                let message = "This customer does not exist.";
                return failed(world.era, StatusCode::NOT_FOUND, message);
            }
        };
        let name = world.customer(&customer).map(|customer| customer.name.clone());
        let part = |name: &str| self.institution.get(name).and_then(Value::as_str);
        let link = Link {
            account: account.as_ref().map(|account| account.id.clone()),
            customer_name: name.filter(|_| account.is_none()),
            meta: self.meta.clone(),
            redirect_url: self.redirect_url.clone(),
            expected_number: part("account_number").map(str::to_owned).filter(|_| self.check_match),
            lifetime_ms: world.behaviour.link_lifetime_ms,
            bank: part("id").and_then(bank::by_id),
            auth_method: part("auth_method").map(str::to_owned),
            ..Link::new(code.clone(), self.scope, customer.clone())
        };
        let mut data = json!({
            "mono_url": format!("{}/link/{code}", world.base), "customer": customer,
            "scope": self.scope, "created_at": iso(link.created_at), "meta": self.meta,
        });
        if let Some(url) = self.redirect_url {
            data["redirect_url"] = json!(url);
        }
        if let Some(account) = &account {
            data["account"] = json!(account.id);
            data["institution"] = json!(account.institution.id);
            data["auth_method"] = json!(account.auth_method);
        }
        world.links.push(link);
        let (_, body) = ok(world.era, completed(world.era), data);
        let created = world.behaviour.initiate_answers_201;
        (if created { StatusCode::CREATED } else { StatusCode::OK }, body)
    }
}

/// The customer. A first link needs to be told who it is for.
fn customer(fields: &Map<String, Value>, scope: Scope) -> Result<Option<Customer>, String> {
    let Some(customer) = object(fields, "customer")? else {
        return match scope {
            Scope::Auth => Err("\"customer\" is required".to_owned()),
            Scope::Reauth => Ok(None),
        };
    };
    let id = text(&customer, "id")?;
    let name = text(&customer, "name")?;
    let email = text(&customer, "email")?;
    let phone = text(&customer, "phone")?;
    let bvn = bvn(&customer)?;
    if customer.contains_key("address") {
        return Err("\"customer.address\" is not allowed".to_owned());
    }
    match (id, name, email) {
        (Some(id), _, _) => Ok(Some(Customer::Known(id))),
        (None, Some(name), Some(email)) => {
            if !email.contains('@') {
                return Err("\"customer.email\" must be a valid email".to_owned());
            }
            Ok(Some(Customer::New { name, email, phone, bvn }))
        }
        (None, _, _) if scope == Scope::Reauth => Ok(None),
        (None, None, _) => Err("\"customer.name\" is required".to_owned()),
        (None, Some(_), None) => Err("\"customer.email\" is required".to_owned()),
    }
}

/// `customer.identity`: a BVN and nothing else.
fn bvn(customer: &Map<String, Value>) -> Result<Option<String>, String> {
    let Some(identity) = object(customer, "identity")? else {
        return Ok(None);
    };
    if text(&identity, "type")?.as_deref() != Some("bvn") {
        return Err("\"customer.identity.type\" must be one of [bvn]".to_owned());
    }
    match text(&identity, "number")? {
        Some(number) if is_bvn(&number) => Ok(Some(number)),
        Some(_) | None => Err("\"customer.identity.number\" must have 11 digits".to_owned()),
    }
}

/// Whether `text` looks like a bank verification number.
pub(crate) fn is_bvn(text: &str) -> bool {
    text.len() == 11 && text.bytes().all(|byte| byte.is_ascii_digit())
}
