//! Identities and customers.
//!
//! Source: Mono docs, "Identity", 2024-04-08, and its earlier version. What a customer looks like
//! is printed nowhere that was read: its fields are those that clients send.

use serde_json::{Value, json};

use super::Era;
use crate::{
    behaviour::IdentityGiven,
    clock::iso,
    world::{
        account::Account,
        customer::{Customer, DETAILS, email},
        mint::Mint,
    },
};

const STATES: [(&str, &str); 4] =
    [("Lagos", "Ikeja"), ("Oyo", "Ibadan North"), ("Kano", "Nassarawa"), ("Enugu", "Nsukka")];

/// What the bank knows of the holder of `account`, invented; null if it gives nothing.
pub(crate) fn identity(era: Era, account: &Account, given: IdentityGiven) -> Value {
    if given == IdentityGiven::Null || !account.holds("identity") {
        return Value::Null;
    }
    let mut mint = Mint::of(&account.id, DETAILS);
    let (year, month, day) = (mint.between(1955, 2004), mint.between(1, 12), mint.between(1, 28));
    let (state, area) = mint.pick(&STATES);
    let gender = mint.pick(&["male", "female"]);
    let marital_status = mint.pick(&["single", "married"]);
    let phone = format!("0800{}", mint.digits(7));
    let street = format!("{} Example Street", mint.between(1, 99));
    let known = |value: Value| if given == IdentityGiven::Name { Value::Null } else { value };
    let mut identity = json!({
        "bvn": known(json!(account.bvn)), "email": known(json!(email(&account.name))),
        "phone": known(json!(phone)), "gender": known(json!(gender)),
    });
    if era == Era::Legacy {
        identity["fullName"] = json!(account.name);
        identity["dob"] = known(json!(format!("{day:02}-{month:02}-{year}")));
        identity["maritalStatus"] = known(json!(marital_status));
        identity["addressLine1"] = known(json!(street));
        identity["addressLine2"] = known(json!(area));
        return identity;
    }
    identity["full_name"] = json!(account.name);
    identity["dob"] = known(json!(format!("{year}-{month:02}-{day:02}")));
    identity["marital_status"] = known(json!(marital_status));
    identity["address_line1"] = known(json!(street));
    identity["address_line2"] = Value::Null;
    identity["state_of_origin"] = known(json!(state));
    identity["lga_of_origin"] = known(json!(area));
    identity["created_at"] = json!(iso(account.created_at));
    identity["updated_at"] = json!(iso(account.updated_at));
    identity
}

/// A customer of the business.
pub(crate) fn customer(from: &Customer) -> Value {
    let (first, last) = from.name.split_once(' ').unwrap_or((&from.name, ""));
    json!({
        "id": from.id, "name": from.name, "first_name": first, "last_name": last,
        "email": from.email, "phone": from.phone, "address": from.address,
        "identification_type": from.bvn.as_ref().map(|_| "bvn"),
        "identification_no": from.bvn, "bvn": from.bvn,
    })
}
