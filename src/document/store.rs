//! Documents by how they are asked for: by their text, by its hash, or by an id.

use std::sync::Arc;

use moka::sync::Cache;

use super::{
    Checks, Digest, Document, Fault, digest, hex, piece,
    trusted::{Others, Trusted},
};
use crate::error::ErrorCode;

/// How much memory documents may take that were asked before, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// A document, as a request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// By its text.
    Text(String),
    /// By the id of a trusted document.
    Id(String),
    /// By the SHA-256 of its text in hexadecimal digits, with the text if the client thinks that it
    /// is not known: automatic persisted queries.
    Hash {
        /// The digits.
        hash: String,
        /// The text.
        text: Option<String>,
    },
}

/// All documents that are known. A document is read and checked once and kept while there is room.
#[derive(Debug)]
pub struct Documents {
    checks: Checks,
    kept: Cache<Digest, Arc<Document>>,
    trusted: Option<Trusted>,
}

impl Documents {
    /// No document but trusted ones is known yet.
    #[must_use]
    pub fn new(checks: Checks, trusted: Option<Trusted>) -> Self {
        let weight = |_: &Digest, document: &Arc<Document>| {
            u32::try_from(document.weight()).unwrap_or(u32::MAX)
        };
        let kept = Cache::builder().weigher(weight).max_capacity(LARGEST).build();
        Self { checks, kept, trusted }
    }

    /// What documents are checked against.
    #[must_use]
    pub const fn checks(&self) -> &Checks {
        &self.checks
    }

    /// The document that is asked for.
    ///
    /// # Errors
    /// What is wrong with it, or with asking for it so.
    pub fn find(&self, asked: &Asked) -> Result<Arc<Document>, Vec<Fault>> {
        let found = match asked {
            Asked::Id(id) => self.by_id(id),
            Asked::Text(text) => self.by_text(text, &digest(text)),
            Asked::Hash { hash, text } => self.by_hash(hash, text.as_deref()),
        };
        let outcome = match &found {
            Ok((_, outcome)) => outcome,
            Err(_) => "refused",
        };
        metrics::counter!("mono_gateway_documents_total", "outcome" => outcome.to_owned())
            .increment(1);
        found.map(|(document, _)| document)
    }

    /// How many documents are trusted.
    #[must_use]
    pub fn trusted(&self) -> usize {
        self.trusted.as_ref().map_or(0, Trusted::len)
    }

    /// How much memory the documents take that are kept, in bytes.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        self.kept.run_pending_tasks();
        self.kept.weighted_size()
    }

    fn by_id(&self, id: &str) -> Result<(Arc<Document>, &'static str), Vec<Fault>> {
        let Some(trusted) = &self.trusted else {
            let text = "no documents have ids here; GATEWAY_TRUSTED_DOCUMENTS names those that do";
            return Err(refused(ErrorCode::BadUserInput, text));
        };
        trusted.by_id(id).map(|document| (document, "trusted")).ok_or_else(|| {
            let text = format!("there is no trusted document with the id {}", piece(id));
            refused(ErrorCode::PersistedQueryNotFound, text)
        })
    }

    fn by_text(
        &self,
        text: &str,
        digest: &Digest,
    ) -> Result<(Arc<Document>, &'static str), Vec<Fault>> {
        if let Some(trusted) = &self.trusted {
            let known = trusted.by_digest(digest);
            match trusted.others {
                Others::Refused => {
                    let text = "this gateway runs trusted documents only: name one by documentId, \
                                instead of query";
                    return Err(refused(ErrorCode::Forbidden, text));
                }
                Others::Warned => match known {
                    Some(document) => return Ok((document, "trusted")),
                    None => {
                        metrics::counter!("mono_gateway_untrusted_documents_total").increment(1);
                        let hash = hex(digest);
                        tracing::warn!(hash, "a document was run that is not trusted");
                    }
                },
            }
        }
        if let Some(document) = self.kept.get(digest) {
            return Ok((document, "hit"));
        }
        let document = Arc::new(self.checks.check(text)?);
        self.kept.insert(*digest, document.clone());
        Ok((document, "miss"))
    }

    fn by_hash(
        &self,
        hash: &str,
        text: Option<&str>,
    ) -> Result<(Arc<Document>, &'static str), Vec<Fault>> {
        let Some(wanted) = from_hex(hash) else {
            let text = "extensions.persistedQuery.sha256Hash has 64 hexadecimal digits";
            return Err(refused(ErrorCode::BadUserInput, text));
        };
        if text.is_some_and(|text| digest(text) != wanted) {
            let text = "extensions.persistedQuery.sha256Hash is not the SHA-256 of query";
            return Err(refused(ErrorCode::BadUserInput, text));
        }
        let trusted = self.trusted.as_ref().and_then(|trusted| trusted.by_digest(&wanted));
        if let Some(document) = trusted {
            return Ok((document, "trusted"));
        }
        if let Some(text) = text {
            return self.by_text(text, &wanted);
        }
        let is_open = self.trusted.as_ref().is_none_or(|t| t.others == Others::Warned);
        if is_open && let Some(document) = self.kept.get(&wanted) {
            return Ok((document, "hit"));
        }
        // Clients know this text and answer it by sending the document.
        Err(refused(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound"))
    }
}

fn refused(code: ErrorCode, message: impl Into<String>) -> Vec<Fault> {
    vec![Fault { code, message: message.into(), at: None }]
}

fn from_hex(digits: &str) -> Option<Digest> {
    let mut digest = Digest::default();
    if digits.len() != digest.len() * 2 || !digits.is_ascii() {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        document::{Questions, Suggestions},
        schema::{GatewayMode, definitions},
    };

    fn documents() -> Documents {
        let sdl = definitions(GatewayMode::Live);
        Documents::new(Checks::new(&sdl, Suggestions::Off, Questions::Refused).unwrap(), None)
    }

    #[test]
    fn a_document_is_kept_from_its_first_time_on() {
        let documents = documents();
        let asked = Asked::Text("{ gateway { mode } }".into());
        let first = documents.find(&asked).unwrap();
        for _ in 0..100 {
            assert!(Arc::ptr_eq(&first, &documents.find(&asked).unwrap()));
        }
    }

    #[test]
    fn a_document_weighs_what_its_fragments_spread_to() {
        let checks = documents().checks;
        let weight = |spreads: usize| {
            let (spreads, fields) = ("...F ".repeat(spreads), "mode ".repeat(90));
            let text =
                format!("{{ gateway {{ {spreads} }} }} fragment F on GatewayInfo {{ {fields} }}");
            checks.check(&text).unwrap().weight()
        };
        assert!(weight(90) > 50 * weight(1));
    }

    #[test]
    fn documents_take_no_more_room_than_there_is() {
        let documents = documents();
        for number in 0..3_000 {
            let fields = "mode version schemaHash ".repeat(40);
            let text = format!("query Q{number} {{ gateway {{ {fields} }} }}");
            documents.find(&Asked::Text(text)).unwrap();
        }
        assert!(documents.kept_bytes() <= LARGEST, "{}", documents.kept_bytes());
        assert!(documents.kept_bytes() > LARGEST / 2, "{}", documents.kept_bytes());
    }
}
