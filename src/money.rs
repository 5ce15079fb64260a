//! Money in minor units: kobo, pesewas and cents pass GraphQL's 32-bit `Int` at 21 million naira.

use async_graphql::{InputValueError, InputValueResult, Object, Scalar, ScalarType, Value};

/// The largest amount that JavaScript reads exactly, in minor units: 2^53.
const LARGEST: u64 = 1 << 53;

/// The code ISO 4217 keeps for "no currency": what an amount has whose currency nobody told us.
pub const NO_CURRENCY: &str = "XXX";

/// An amount in the smallest unit of its currency, sent as a JSON integer of up to 54 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinorUnits(pub i64);

/// An amount of money in the smallest unit of its currency (kobo, pesewa, cent), as a JSON integer
/// between -9007199254740992 and 9007199254740992. GraphQL's Int ends at 2147483647.
#[Scalar(name = "MinorUnits")]
impl ScalarType for MinorUnits {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) => {
                number.as_i64().filter(|n| n.unsigned_abs() <= LARGEST).map(MinorUnits).ok_or_else(
                    || InputValueError::custom("an amount is a whole number of minor units"),
                )
            }
            Value::Null
            | Value::String(_)
            | Value::Boolean(_)
            | Value::Binary(_)
            | Value::Enum(_)
            | Value::List(_)
            | Value::Object(_) => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::from(self.0)
    }
}

/// An amount that Mono sent and that is not one.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("Mono sent an amount that is not a whole number of minor units up to 2^53")]
pub struct BadAmount;

/// Reads an amount from the text of a JSON number. Never rounds.
///
/// # Errors
/// [`BadAmount`] if it is not a number, has a fraction, or lies beyond ±2^53.
pub fn minor_units(json: &str) -> Result<i64, BadAmount> {
    let whole = match json.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|b| b == b'0') => whole,
        Some(_) => return Err(BadAmount),
        None => json,
    };
    whole.parse().ok().filter(|n: &i64| n.unsigned_abs() <= LARGEST).ok_or(BadAmount)
}

/// Reads an amount that may have a fraction of a minor unit, as averages have, from the text of a
/// JSON number: a plain decimal number without trailing zeros. Never rounds.
///
/// # Errors
/// [`BadAmount`] if it is not a number, is written with an exponent or lies beyond ±2^53.
pub fn fraction(json: &str) -> Result<String, BadAmount> {
    let (whole, fraction) = json.split_once('.').unwrap_or((json, "0"));
    let plain = (1..=30).contains(&fraction.len()) && fraction.bytes().all(|b| b.is_ascii_digit());
    if !plain {
        return Err(BadAmount);
    }
    minor_units(whole)?;
    let fraction = fraction.trim_end_matches('0');
    // The sign of -0.5 stands in its text alone.
    Ok(if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") })
}

/// Mono's spelling of a currency as ISO 4217 has it, or nothing if it is not one.
///
/// Source: Mono docs, "Account Update" prints `Naira`; "Account Details" prints `NGN`; v1 `ngn`.
#[must_use]
pub fn currency_code(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_uppercase();
    match text.as_str() {
        "NAIRA" => Some("NGN".into()),
        "CEDI" | "CEDIS" | "GHC" => Some("GHS".into()),
        "KSH" => Some("KES".into()),
        "RAND" => Some("ZAR".into()),
        code if code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()) => Some(text),
        _ => None,
    }
}

/// How many digits the minor unit of a currency takes. Source: ISO 4217, table A.1.
fn digits(currency: &str) -> usize {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money {
    /// The amount in minor units.
    pub minor: i64,
    /// ISO 4217, or [`NO_CURRENCY`].
    pub currency: String,
}

/// An amount of money in one currency.
#[Object]
impl Money {
    /// The amount in the smallest unit of the currency (kobo, pesewa, cent).
    async fn minor(&self) -> MinorUnits {
        MinorUnits(self.minor)
    }

    /// ISO 4217 code; XXX if Mono did not say which currency it is.
    async fn currency(&self) -> &str {
        &self.currency
    }

    /// The same amount in major units as a decimal number, for example 22644.00.
    async fn decimal(&self) -> String {
        self.decimal_text()
    }
}

impl Money {
    /// The amount in major units, with as many decimals as the currency has.
    #[must_use]
    pub fn decimal_text(&self) -> String {
        let digits = digits(&self.currency);
        let sign = if self.minor < 0 { "-" } else { "" };
        let text = format!("{:0width$}", self.minor.unsigned_abs(), width = digits + 1);
        let (whole, fraction) = text.split_at(text.len() - digits);
        if digits == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }
}

/// An average or an estimate, which may have a fraction of a minor unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AverageMoney {
    /// The amount in minor units, as [`fraction`] gives it.
    pub minor: String,
    /// ISO 4217, or [`NO_CURRENCY`].
    pub currency: String,
}

/// An average or estimated amount of money, which may have a fraction of its smallest unit and is
/// therefore a decimal number as a text.
#[Object]
impl AverageMoney {
    /// The amount in the smallest unit of the currency (kobo, pesewa, cent), for example 213333.25.
    async fn minor(&self) -> &str {
        &self.minor
    }

    /// ISO 4217 code; XXX if Mono did not say which currency it is.
    async fn currency(&self) -> &str {
        &self.currency
    }

    /// The same amount in major units, not rounded, for example 2133.3325.
    async fn decimal(&self) -> String {
        self.decimal_text()
    }
}

impl AverageMoney {
    /// The amount in major units, with at least as many decimals as the currency has.
    #[must_use]
    pub fn decimal_text(&self) -> String {
        let digits = digits(&self.currency);
        let (whole, fraction) = self.minor.split_once('.').unwrap_or((&self.minor, ""));
        let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
        let text = format!("{whole:0>width$}", width = digits + 1);
        let (whole, minor) = text.split_at(text.len() - digits);
        let point = if minor.is_empty() && fraction.is_empty() { "" } else { "." };
        format!("{sign}{whole}{point}{minor}{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_keeps_every_digit() {
        let decimal = |json: &str, currency: &str| {
            let average =
                AverageMoney { minor: fraction(json).unwrap(), currency: currency.into() };
            average.decimal_text()
        };
        assert_eq!(decimal("213333.3333333333", "NGN"), "2133.333333333333");
        assert_eq!(decimal("6130", "NGN"), "61.30");
        assert_eq!(decimal("-0.5", "NGN"), "-0.005");
        assert_eq!(decimal("7.250", "NGN"), "0.0725");
        assert_eq!(decimal("7.25", "JPY"), "7.25");
        assert_eq!(decimal("7.0", "JPY"), "7");
        assert_eq!(fraction("10.00").as_deref(), Ok("10"));
        for bad in ["", "null", "\"5\"", "1e3", "1.5e3", "9007199254740993", "1.", "1.2.3", ".5"] {
            assert_eq!(fraction(bad), Err(BadAmount), "{bad}");
        }
    }

    #[test]
    fn an_amount_is_exact_or_refused() {
        assert_eq!(minor_units("2264400"), Ok(2_264_400));
        assert_eq!(minor_units("9007199254740992"), Ok(1 << 53));
        assert_eq!(minor_units("-5"), Ok(-5));
        assert_eq!(minor_units("10.00"), Ok(10));
        for bad in [
            "9007199254740993",
            "-9223372036854775808",
            "10.5",
            "1e3",
            "1e999",
            "\"10\"",
            "true",
            "{}",
            "",
        ] {
            assert_eq!(minor_units(bad), Err(BadAmount), "{bad}");
        }
    }

    #[test]
    fn decimals_follow_the_currency() {
        let text =
            |minor, currency: &str| Money { minor, currency: currency.into() }.decimal_text();
        assert_eq!(text(2_264_400, "NGN"), "22644.00");
        assert_eq!(text(-5, "NGN"), "-0.05");
        assert_eq!(text(0, "GHS"), "0.00");
        assert_eq!(text(500, "UGX"), "500");
        assert_eq!(text(1_234, "TND"), "1.234");
    }

    #[test]
    fn every_spelling_of_a_currency_that_mono_uses_is_known() {
        for (text, code) in [("NGN", "NGN"), ("ngn", "NGN"), ("Naira", "NGN"), (" ghs ", "GHS")] {
            assert_eq!(currency_code(text).as_deref(), Some(code));
        }
        assert_eq!(currency_code(""), None);
        assert_eq!(currency_code("money"), None);
    }
}
