//! The banks that a customer can choose from, the same in every world.

use super::account::Institution;

/// A bank as the list of institutions shows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bank {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    /// What accounts show as `bank_code`.
    pub(crate) code: &'static str,
    /// The code of Nigeria's interbank network, six digits; none abroad.
    pub(crate) nip_code: Option<&'static str>,
    /// Two letters.
    pub(crate) country: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) auth_methods: &'static [&'static str],
}

const BOTH: &[&str] = &["internet_banking", "mobile_banking"];

const fn nigerian(
    id: &'static str,
    name: &'static str,
    code: &'static str,
    nip_code: &'static str,
) -> Bank {
    let (country, kind) = ("NG", "PERSONAL_BANKING");
    Bank { id, name, code, nip_code: Some(nip_code), country, kind, auth_methods: BOTH }
}

/// The banks of seeded accounts. Accounts are drawn by position: add none here.
pub(crate) const SEEDED: [Bank; 5] = [
    nigerian("5f0000000000000000000001", "Example Bank", "058", "000013"),
    nigerian("5f0000000000000000000002", "Specimen Bank", "035", "000017"),
    nigerian("5f0000000000000000000003", "Sample Microfinance Bank", "090267", "090267"),
    nigerian("5f0000000000000000000004", "Model Trust Bank", "000018", "000018"),
    nigerian("5f0000000000000000000005", "Pattern Savings Bank", "011", "000016"),
];

/// Banks that no seeded account is at.
const OTHERS: [Bank; 2] = [
    Bank {
        kind: "BUSINESS_BANKING",
        auth_methods: &["internet_banking"],
        ..nigerian("5f0000000000000000000006", "Example Bank Business", "058", "000013")
    },
    Bank {
        nip_code: None,
        country: "GH",
        auth_methods: &["mobile_banking"],
        ..nigerian("5f0000000000000000000007", "Outline Mobile Money", "300591", "")
    },
];

/// All banks, in the order of the list.
pub(crate) fn all() -> impl Iterator<Item = &'static Bank> {
    SEEDED.iter().chain(&OTHERS)
}

/// The bank with this id.
pub(crate) fn by_id(id: &str) -> Option<&'static Bank> {
    all().find(|bank| bank.id == id)
}

impl From<&Bank> for Institution {
    fn from(bank: &Bank) -> Self {
        Self {
            id: bank.id.to_owned(),
            name: bank.name.to_owned(),
            bank_code: bank.code.to_owned(),
            kind: bank.kind.to_owned(),
            camel_case: false,
        }
    }
}
