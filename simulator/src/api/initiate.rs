//! `POST /v2/accounts/initiate`: a hosted link, for a new account or for one that is known.
//!
//! Source: Mono docs, "Reauth Link Initiation Guide", 2024-03-20, and "Initiate Account Linking",
//! 2024-05-13. Optional parts must be left out: a null is refused.

use axum::{extract::State, http::StatusCode, response::Response};
use serde_json::{Map, Value, json};

use super::{reply, unknown_account};
use crate::{
    Simulator,
    clock::{iso, now},
    shape::{Answer, completed, failed, ok},
    world::{
        World,
        link::{Link, LinkState, Scope},
    },
};

pub(crate) async fn initiate(State(simulator): State<Simulator>, text: String) -> Response {
    reply(simulator.with(|world| {
        let asked = body(&text).and_then(|fields| Asked::read(&fields));
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
fn text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
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

/// A request that makes sense.
struct Asked {
    scope: Scope,
    account: Option<String>,
    customer: Option<String>,
    customer_name: Option<String>,
    meta: Option<Map<String, Value>>,
    redirect_url: Option<String>,
    institution: Option<Map<String, Value>>,
    check_match: bool,
}

impl Asked {
    fn read(fields: &Map<String, Value>) -> Result<Self, String> {
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
        let meta = object(fields, "meta")?;
        if let Some(meta) = &meta {
            text(meta, "ref")?;
        }
        let redirect_url = text(fields, "redirect_url")?;
        let valid = |url: &String| reqwest::Url::parse(url).is_ok_and(|url| url.has_host());
        if !redirect_url.as_ref().is_none_or(valid) {
            return Err("\"redirect_url\" must be a valid uri".to_owned());
        }
        let (customer, customer_name) = customer(fields, scope)?;
        let institution = object(fields, "institution")?;
        if let Some(institution) = &institution {
            for name in ["id", "auth_method", "account_number"] {
                text(institution, name)?;
            }
        }
        let check_match = match fields.get("check_account_match") {
            None => false,
            Some(value) => {
                value.as_bool().ok_or("\"check_account_match\" must be a boolean".to_owned())?
            }
        };
        Ok(Self {
            scope,
            account,
            customer,
            customer_name,
            meta,
            redirect_url,
            institution,
            check_match,
        })
    }

    fn answer(self, world: &mut World) -> Answer {
        let known = self.account.as_ref().map(|id| world.account(id).cloned());
        let account = match (self.scope, known) {
            (Scope::Auth, _) => None,
            (Scope::Reauth, Some(Some(account))) => Some(account),
            (Scope::Reauth, Some(None) | None) => return unknown_account(world.era),
        };
        if account.as_ref().is_some_and(|account| !account.reauthorisable) {
            let message = "This account can not be re-authorised.";
            return failed(world.era, StatusCode::BAD_REQUEST, message);
        }
        let code = format!("AL{}", world.mint.capitals(10));
        let customer = match (&account, self.customer) {
            (Some(account), _) => account.customer.clone(),
            (None, Some(customer)) => customer,
            (None, None) => world.mint.id(),
        };
        let created_at = now();
        let mut data = json!({
            "mono_url": format!("{}/link/{code}", world.base), "customer": customer,
            "scope": self.scope, "created_at": iso(created_at),
            "meta": self.meta.clone().unwrap_or_default(),
        });
        if let Some(url) = &self.redirect_url {
            data["redirect_url"] = json!(url);
        }
        if let Some(account) = &account {
            data["account"] = json!(account.id);
            data["institution"] = json!(account.institution.id);
            data["auth_method"] = json!(account.auth_method);
        }
        let number = self.institution.as_ref().and_then(|bank| bank.get("account_number"));
        let number = number.and_then(Value::as_str).map(str::to_owned);
        world.links.push(Link {
            code,
            scope: self.scope,
            account: account.map(|account| account.id),
            customer,
            customer_name: self.customer_name,
            meta: self.meta.unwrap_or_default(),
            redirect_url: self.redirect_url,
            expected_number: number.filter(|_| self.check_match),
            created_at,
            lifetime_ms: world.behaviour.link_lifetime_ms,
            state: LinkState::Open,
        });
        ok(world.era, completed(world.era), data)
    }
}

/// The customer's id and name. A first link needs to be told who it is for.
fn customer(
    fields: &Map<String, Value>,
    scope: Scope,
) -> Result<(Option<String>, Option<String>), String> {
    let Some(customer) = object(fields, "customer")? else {
        return match scope {
            Scope::Auth => Err("\"customer\" is required".to_owned()),
            Scope::Reauth => Ok((None, None)),
        };
    };
    let id = text(&customer, "id")?;
    let name = text(&customer, "name")?;
    let email = text(&customer, "email")?;
    text(&customer, "phone")?;
    if customer.contains_key("address") {
        return Err("\"customer.address\" is not allowed".to_owned());
    }
    if id.is_none() && scope == Scope::Auth {
        if name.is_none() {
            return Err("\"customer.name\" is required".to_owned());
        }
        if email.is_none() {
            return Err("\"customer.email\" is required".to_owned());
        }
    }
    Ok((id, name))
}
