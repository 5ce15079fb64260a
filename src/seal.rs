//! Seals what is personal before it is stored: AES-256-GCM, bound to the row and column in which it
//! stands, so that nobody who can write to the database can pass one person's data off as another's.
//!
//! Sealed bytes begin with a mark that no UTF-8 text begins with, and with the id of their key, so
//! that a key that is missing is told from damage. Source of the limits: NIST SP 800-38D, section
//! 8.3: random nonces are good for 2^32 uses of one key; rotate long before.

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom as _, SystemRandom},
};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

/// The first byte of what is sealed: the first version of this form. In no UTF-8.
pub const MARK: u8 = 0xc1;

/// How long a key is, in bytes.
const KEY: usize = 32;

/// How long the id of a key is, in bytes.
const ID: usize = 4;

/// How many of the first bytes say whether something is sealed, and with which key.
pub const OPENING: usize = 1 + ID;

/// What sealed text in a column of text begins with.
const TEXT_MARK: &str = "sealed:";

/// It is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a data key is 32 random bytes as base64 or hexadecimal; `openssl rand -base64 32` makes one"
)]
pub struct KeyError;

/// Something sealed does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It was sealed with a key that is not here.
    #[error("it is sealed with a key that is not in GATEWAY_DATA_KEY")]
    MissingKey,
    /// It is not what was sealed, or not in its place.
    #[error("what is sealed was changed, or stands in another row than it was sealed for")]
    Damaged,
    /// The system gave no random numbers.
    #[error("the system gives no random numbers")]
    NoRandom,
}

/// Where something sealed stands.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Table and column.
    pub column: &'static str,
    /// The id of the row.
    pub row: &'a str,
}

/// Keys that seal and open. The first seals, all open. Without any nothing is sealed. Clones share
/// them.
#[derive(Clone, Default)]
pub struct DataKeys(Arc<Vec<DataKey>>);

struct DataKey {
    id: [u8; ID],
    key: LessSafeKey,
}

impl fmt::Debug for DataKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKeys({})", self.0.len())
    }
}

impl DataKeys {
    /// Reads keys as the settings have them.
    ///
    /// # Errors
    /// [`KeyError`] if one of them is none.
    pub fn parse(texts: &[SecretString]) -> Result<Self, KeyError> {
        let keys: Result<Vec<_>, _> =
            texts.iter().map(|text| DataKey::parse(text.expose_secret())).collect();
        Ok(Self(Arc::new(keys?)))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Seals for this place, with the first key; nothing if there is no key.
    ///
    /// # Errors
    /// [`SealError::NoRandom`].
    pub fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Option<Vec<u8>>, SealError> {
        let Some(DataKey { id, key }) = self.0.first() else { return Ok(None) };
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| SealError::NoRandom)?;
        let mut sealed = plain.to_vec();
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(bound_to(*id, place)),
            &mut sealed,
        )
        .map_err(|_| SealError::Damaged)?;
        Ok(Some([&[MARK], &id[..], &nonce, &sealed].concat()))
    }

    /// Opens what stands in this place.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let DataKey { id, key } = self.key_of(sealed)?;
        let rest = sealed.get(OPENING..).ok_or(SealError::Damaged)?;
        let (nonce, rest) = rest.split_at_checked(NONCE_LEN).ok_or(SealError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Damaged)?;
        let mut plain = rest.to_vec();
        let length = key
            .open_in_place(nonce, Aad::from(bound_to(*id, place)), &mut plain)
            .map_err(|_| SealError::Damaged)?
            .len();
        plain.truncate(length);
        Ok(plain)
    }

    /// Whether what begins so can be opened, as far as keys go.
    #[must_use]
    pub fn can_open(&self, opening: &[u8]) -> bool {
        self.key_of(opening).is_ok()
    }

    /// Seals a text for a column of text; leaves it as it is if there is no key.
    ///
    /// # Errors
    /// [`SealError::NoRandom`].
    pub fn seal_text(&self, place: Place<'_>, plain: &str) -> Result<String, SealError> {
        Ok(match self.seal(place, plain.as_bytes())? {
            Some(sealed) => format!("{TEXT_MARK}{}", STANDARD.encode(sealed)),
            None => plain.to_owned(),
        })
    }

    /// Opens a text that may be sealed; one that is not is left as it is.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn open_text(&self, place: Place<'_>, text: &str) -> Result<String, SealError> {
        let Some(sealed) = text.strip_prefix(TEXT_MARK) else { return Ok(text.to_owned()) };
        let sealed = STANDARD.decode(sealed).map_err(|_| SealError::Damaged)?;
        String::from_utf8(self.open(place, &sealed)?).map_err(|_| SealError::Damaged)
    }

    /// The id of the key that opens what begins so, in hexadecimal, if that key is not here.
    #[must_use]
    pub fn missing(&self, opening: &[u8]) -> Option<String> {
        let id = opening.get(1..OPENING).filter(|_| is_sealed(opening))?;
        let hex = || id.iter().map(|byte| format!("{byte:02x}")).collect();
        (!self.can_open(opening)).then(hex)
    }

    fn key_of(&self, opening: &[u8]) -> Result<&DataKey, SealError> {
        let id = opening.strip_prefix(&[MARK]).and_then(|rest| rest.get(..ID));
        let id = id.ok_or(SealError::Damaged)?;
        self.0.iter().find(|key| key.id == id).ok_or(SealError::MissingKey)
    }
}

/// Whether what begins so is sealed.
#[must_use]
pub fn is_sealed(opening: &[u8]) -> bool {
    opening.first() == Some(&MARK)
}

impl DataKey {
    fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = bytes(text.trim()).filter(|bytes| bytes.len() == KEY).ok_or(KeyError)?;
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| KeyError)?;
        let digest = Sha256::new_with_prefix("mono-gateway data key").chain_update(&bytes);
        let mut id = [0; ID];
        id.copy_from_slice(&digest.finalize()[..ID]);
        Ok(Self { id, key: LessSafeKey::new(key) })
    }
}

/// A key's bytes: hexadecimal if it has the length of that, else base64 of either alphabet.
fn bytes(text: &str) -> Option<Vec<u8>> {
    if text.len() == 2 * KEY {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let pair = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
        return text.as_bytes().chunks_exact(2).map(pair).collect();
    }
    let plain = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    base64::engine::general_purpose::STANDARD_NO_PAD.decode(plain).ok()
}

/// What is authenticated beside the text: form, key and place, each behind its length.
fn bound_to(id: [u8; ID], place: Place<'_>) -> Vec<u8> {
    let mut bound = vec![MARK];
    bound.extend_from_slice(&id);
    for part in [place.column, place.row] {
        bound.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bound.extend_from_slice(part.as_bytes());
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place<'_> = Place { column: "webhook_event.body", row: "evt_1" };

    fn keys(bytes: &[u8]) -> DataKeys {
        let texts: Vec<_> =
            bytes.iter().map(|byte| SecretString::from(STANDARD.encode([*byte; KEY]))).collect();
        DataKeys::parse(&texts).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_with_its_key_and_not_otherwise() {
        let ours = keys(&[1]);
        for plain in [&b""[..], b"a", b"\xff\x00", &[7; 100_000]] {
            let sealed = ours.seal(HERE, plain).unwrap().unwrap();
            assert!(is_sealed(&sealed) && std::str::from_utf8(&sealed[..1]).is_err());
            assert_eq!(ours.open(HERE, &sealed).as_deref(), Ok(plain));
            assert!(plain.len() < 2 || !sealed.windows(plain.len()).any(|part| part == plain));
            // Never twice the same.
            assert_ne!(ours.seal(HERE, plain).unwrap().unwrap(), sealed);
            assert_eq!(keys(&[2]).open(HERE, &sealed), Err(SealError::MissingKey));
            assert_eq!(keys(&[]).open(HERE, &sealed), Err(SealError::MissingKey));
            for place in [
                Place { row: "evt_2", ..HERE },
                Place { column: "account_job.result", ..HERE },
                Place { column: "webhook_event.bod", row: "yevt_1" },
            ] {
                assert_eq!(ours.open(place, &sealed), Err(SealError::Damaged));
            }
        }
    }

    #[test]
    fn a_flipped_bit_or_a_missing_byte_is_found_anywhere() {
        let ours = keys(&[1, 2]);
        let sealed = ours.seal(HERE, b"ADA TEST").unwrap().unwrap();
        for at in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            let wanted = match at / 8 {
                1..OPENING => SealError::MissingKey,
                _ => SealError::Damaged,
            };
            assert_eq!(ours.open(HERE, &flipped), Err(wanted), "bit {at}");
        }
        for length in 0..sealed.len() {
            assert_eq!(ours.open(HERE, &sealed[..length]), Err(SealError::Damaged));
        }
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let (old, both, new) = (keys(&[1]), keys(&[2, 1]), keys(&[2]));
        let before = old.seal(HERE, b"before").unwrap().unwrap();
        let after = both.seal(HERE, b"after").unwrap().unwrap();
        assert_eq!(both.open(HERE, &before).unwrap(), b"before");
        assert_eq!(both.open(HERE, &after).unwrap(), b"after");
        assert_eq!(new.open(HERE, &after).unwrap(), b"after");
        let missing = new.missing(&before).unwrap();
        assert!(missing.len() == 2 * ID && both.missing(&before).is_none());
        assert_eq!((new.missing(&after), new.missing(b"plain")), (None, None));
        assert!(!new.can_open(&before) && !old.can_open(&after) && both.can_open(&before));
        assert_eq!(DataKeys::default().seal(HERE, b"x"), Ok(None));
    }

    #[test]
    fn a_text_is_sealed_as_text_and_one_that_is_not_sealed_is_read_as_it_is() {
        let ours = keys(&[1]);
        let sealed = ours.seal_text(HERE, "https://bank.test/?token=1").unwrap();
        assert!(!sealed.contains("bank") && sealed.is_ascii());
        assert_eq!(ours.open_text(HERE, &sealed).unwrap(), "https://bank.test/?token=1");
        assert_eq!(ours.open_text(HERE, "plain"), Ok("plain".into()));
        assert_eq!(keys(&[]).seal_text(HERE, "plain"), Ok("plain".into()));
        assert_eq!(keys(&[2]).open_text(HERE, &sealed), Err(SealError::MissingKey));
        assert_eq!(ours.open_text(HERE, "sealed:nonsense!"), Err(SealError::Damaged));
    }

    #[test]
    fn a_key_is_thirty_two_bytes_of_base64_or_hexadecimal() {
        let parse = |text: &str| DataKeys::parse(&[SecretString::from(text)]);
        let key: Vec<u8> = (0..32).map(|n| 255 - n * 7).collect();
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let texts = [
            STANDARD.encode(&key),
            STANDARD.encode(&key).trim_end_matches('=').to_owned(),
            STANDARD.encode(&key).replace('+', "-").replace('/', "_"),
            format!(" {} ", hex.to_uppercase()),
            hex,
        ];
        let sealed = parse(&texts[0]).unwrap().seal(HERE, b"x").unwrap().unwrap();
        for text in &texts {
            assert_eq!(parse(text).unwrap().open(HERE, &sealed).unwrap(), b"x", "{text}");
        }
        for wrong in
            ["", "short", &"g".repeat(64), &STANDARD.encode([1; 31]), &STANDARD.encode([1; 33])]
        {
            assert_eq!(parse(wrong).err(), Some(KeyError), "{wrong}");
        }
    }
}
