//! What income and creditworthiness webhooks bring, as far as its shape is known.
//!
//! The whole is kept beside it, as Mono wrote it: what a later version of Mono adds is not lost.
//! Source: `account_income` from an integrator's tests, 2026; `account_credit_worthiness` from Mono
//! docs, "Credit Worthiness", Oct 2025; fixtures `account_income__*`, `account_credit_worthiness__*`.

use serde::Deserialize;

use crate::mono::wire::{Raw, Text, part};

/// A number as Mono wrote it, unrounded: averages of income may be fractional.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal(pub String);

/// A customer's income.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Income {
    /// In all, in minor units.
    pub total: Option<Decimal>,
    /// Who pays it.
    pub employer: Option<String>,
    /// A year's, in minor units.
    pub annual: Option<Decimal>,
    /// A month's, in minor units.
    pub monthly: Option<Decimal>,
    /// Where it comes from.
    pub streams: Vec<Stream>,
}

/// One source of income.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// Mono's word for it, for example `SALARY`.
    pub kind: Option<String>,
    /// Mono's word for how often it comes, for example `MONTHLY`.
    pub frequency: Option<String>,
    /// A month's average, in minor units.
    pub monthly_average: Option<Decimal>,
    /// The currency as Mono wrote it.
    pub currency: Option<String>,
    /// How steady it is, from 0 to 1.
    pub stability: Option<Decimal>,
}

/// Whether a loan can be afforded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Creditworthiness {
    /// Whether it can.
    pub can_afford: Option<bool>,
    /// What a month would cost, in minor units.
    pub monthly_payment: Option<Decimal>,
    /// The first day that was looked at, as Mono wrote it.
    pub assessed_from: Option<String>,
    /// The last day.
    pub assessed_to: Option<String>,
    /// Whether credit bureaus were asked.
    pub credit_checked: Option<bool>,
    /// What is owed already, in minor units.
    pub total_debt: Option<Decimal>,
    /// To whom.
    pub debts: Vec<Debt>,
}

/// What is owed to one lender.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Debt {
    /// The lender.
    pub institution: Option<String>,
    /// How much, in minor units.
    pub owed: Option<Decimal>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct IncomeBody {
    income_summary: Raw,
    income_streams: Raw,
    annual_income: Raw,
    monthly_income: Raw,
    total_income: Raw,
    employer: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StreamBody {
    income_type: Text,
    frequency: Text,
    // Two names: renamed on 10 Mar 2025.
    aggregated_monthly_average: Raw,
    monthly_average: Raw,
    currency: Text,
    stability: Raw,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CreditBody {
    months_assessed: Raw,
    summary: Raw,
    debt: Raw,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Months {
    start: Text,
    end: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Summary {
    can_afford: Raw,
    monthly_payment: Raw,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DebtBody {
    credit_check: Raw,
    total_debt: Raw,
    debt_by_institution: Raw,
    institution: Text,
    amount_owed: Raw,
}

fn decimal(raw: &Raw) -> Option<Decimal> {
    let text = raw.as_deref()?.get();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (plain && !digits.is_empty() && digits.len() <= 40).then(|| Decimal(text.to_owned()))
}

impl Income {
    /// Reads the data of an `account_income`; what is missing or of another shape is absent.
    #[must_use]
    pub fn decode(data: &str) -> Self {
        let body: IncomeBody = serde_json::from_str(data).unwrap_or_default();
        let summary: IncomeBody = part(&body.income_summary).unwrap_or_default();
        let streams: Vec<StreamBody> = part(&body.income_streams).unwrap_or_default();
        let stream = |stream: StreamBody| Stream {
            kind: stream.income_type.take(),
            frequency: stream.frequency.take(),
            monthly_average: decimal(&stream.aggregated_monthly_average)
                .or_else(|| decimal(&stream.monthly_average)),
            currency: stream.currency.take(),
            stability: decimal(&stream.stability),
        };
        Self {
            total: decimal(&summary.total_income).or_else(|| decimal(&body.total_income)),
            employer: summary.employer.take().or(body.employer.take()),
            annual: decimal(&body.annual_income),
            monthly: decimal(&body.monthly_income),
            streams: streams.into_iter().map(stream).collect(),
        }
    }
}

impl Creditworthiness {
    /// Reads the data of an `account_credit_worthiness`, as tolerantly.
    #[must_use]
    pub fn decode(data: &str) -> Self {
        let body: CreditBody = serde_json::from_str(data).unwrap_or_default();
        let months: Months = part(&body.months_assessed).unwrap_or_default();
        let summary: Summary = part(&body.summary).unwrap_or_default();
        let debt: DebtBody = part(&body.debt).unwrap_or_default();
        let debts: Vec<DebtBody> = part(&debt.debt_by_institution).unwrap_or_default();
        let owed = |debt: DebtBody| Debt {
            institution: debt.institution.take(),
            owed: decimal(&debt.amount_owed),
        };
        Self {
            can_afford: part(&summary.can_afford),
            monthly_payment: decimal(&summary.monthly_payment),
            assessed_from: months.start.take(),
            assessed_to: months.end.take(),
            credit_checked: part(&debt.credit_check),
            total_debt: decimal(&debt.total_debt),
            debts: debts.into_iter().map(owed).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn data(file: &str) -> String {
        let path = format!("{}/tests/fixtures/mono/{file}", env!("CARGO_MANIFEST_DIR"));
        let body: Value =
            serde_json::from_slice(&std::fs::read(path).expect("the fixture")).expect("JSON");
        body["data"].to_string()
    }

    fn number(text: &str) -> Option<Decimal> {
        Some(Decimal(text.to_owned()))
    }

    #[test]
    fn an_income_is_read_without_rounding() {
        let income = Income::decode(&data("account_income__plain.json"));
        assert_eq!((income.total, income.monthly), (number("183402750"), number("15283562.5")));
        assert_eq!(income.employer.as_deref(), Some("SPECIMEN LTD"));
        let stream = &income.streams[0];
        assert_eq!(
            (&stream.monthly_average, &stream.stability),
            (&number("15283562.5"), &number("0.87"))
        );
        assert_eq!(stream.kind.as_deref(), Some("SALARY"));
    }

    #[test]
    fn creditworthiness_is_read() {
        let credit = Creditworthiness::decode(&data("account_credit_worthiness__plain.json"));
        assert_eq!((credit.can_afford, credit.credit_checked), (Some(false), Some(true)));
        assert_eq!(credit.monthly_payment, number("2190400"));
        assert_eq!(credit.assessed_from.as_deref(), Some("2025-06-02"));
        assert_eq!((credit.debts.len(), &credit.debts[0].owed), (1, &number("57420000")));
    }

    #[test]
    fn what_has_another_shape_is_absent() {
        for odd in [
            "null",
            "[]",
            "\"x\"",
            r#"{"income_summary":[1],"income_streams":{},"summary":"no","debt":null}"#,
        ] {
            assert_eq!(Income::decode(odd), Income::default(), "{odd}");
            assert_eq!(Creditworthiness::decode(odd), Creditworthiness::default(), "{odd}");
        }
    }
}
