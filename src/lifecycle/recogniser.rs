//! Knows a bank's account again under another id of Mono's, without keeping its number.

use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

/// Makes digests of bank accounts that mean nothing without its key, so that whoever reads the
/// database cannot try all ten digits of a number. Clones share the key.
#[derive(Clone)]
pub struct Recogniser {
    mac: Arc<Hmac<Sha256>>,
    is_blind: bool,
}

impl std::fmt::Debug for Recogniser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recogniser")
    }
}

impl Recogniser {
    /// One with this secret. Under another secret accounts are not known again, and nothing worse.
    #[must_use]
    pub fn new(secret: &SecretString) -> Self {
        // Takes a key of any length.
        let key = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes());
        let mac = Arc::new(key.unwrap_or_else(|_| Hmac::new(&Default::default())));
        Self { mac, is_blind: false }
    }

    /// One without a secret: it knows no bank's account. Its digest would be another's than that
    /// which the gateway has.
    #[must_use]
    pub fn blind() -> Self {
        Self { is_blind: true, ..Self::new(&SecretString::from("")) }
    }

    /// What the account with this number at this bank is known by. Nothing without both: numbers
    /// of one bank are unique, of two they may be alike.
    #[must_use]
    pub fn digest(&self, bank_code: Option<&str>, number: Option<&str>) -> Option<String> {
        let (bank, number) = (bank_code?.trim(), number?.trim());
        // A masked number is many accounts'.
        let whole = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if self.is_blind || !whole(bank) || !whole(number) {
            return None;
        }
        Some(self.of(&["bank account", bank, number]))
    }

    /// What this list of texts is known by.
    #[must_use]
    pub fn of(&self, parts: &[&str]) -> String {
        let mut mac = Hmac::clone(&self.mac);
        for part in parts {
            // Each behind its length: no two lists read alike.
            mac.update(&part.len().to_be_bytes());
            mac.update(part.as_bytes());
        }
        let digest = mac.finalize().into_bytes();
        digest[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_account_is_known_again_and_two_are_not_mixed_up() {
        let banks = Recogniser::new(&SecretString::from("key"));
        let known = banks.digest(Some("058"), Some("0123456789"));
        assert!(known.is_some());
        assert_eq!(known, banks.digest(Some("058 "), Some(" 0123456789")));
        for (bank, number) in [("059", "0123456789"), ("058", "0123456780"), ("0580", "123456789")]
        {
            assert_ne!(known, banks.digest(Some(bank), Some(number)));
        }
        for (bank, number) in
            [(None, Some("1")), (Some("1"), None), (Some("058"), Some("****6789"))]
        {
            assert_eq!(banks.digest(bank, number), None);
        }
        assert_eq!(Recogniser::blind().digest(Some("058"), Some("0123456789")), None);
        let others = Recogniser::new(&SecretString::from("other key"));
        assert_ne!(known, others.digest(Some("058"), Some("0123456789")));
    }
}
