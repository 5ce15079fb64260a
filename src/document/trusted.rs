//! Documents that were written before: read once at the start, asked for by their ids.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value as Json;

use super::{Checks, Digest, Document, digest, hex};

/// What may be asked beside trusted documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// Nothing: documents are asked for by id alone.
    Refused,
    /// Anything; each that is not trusted is noted in the log and counted.
    Warned,
}

/// Documents that are trusted.
#[derive(Debug)]
pub struct Trusted {
    /// What else may be asked.
    pub others: Others,
    by_id: HashMap<String, Arc<Document>>,
    by_digest: HashMap<Digest, Arc<Document>>,
}

/// Trusted documents that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustedError {
    /// A file or folder that cannot be read.
    #[error("GATEWAY_TRUSTED_DOCUMENTS: {path} cannot be read", path = .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// A file that is no manifest.
    #[error(
        "GATEWAY_TRUSTED_DOCUMENTS: {path} is no manifest; one is a JSON object of ids and documents, or Apollo's with format and operations",
        path = .0.display()
    )]
    Manifest(PathBuf),
    /// A document that does not fit the schema.
    #[error("GATEWAY_TRUSTED_DOCUMENTS: the document {id} of {path} cannot be run: {fault}", path = .path.display())]
    Document {
        /// Where it stands.
        path: PathBuf,
        /// Its id.
        id: String,
        /// The first thing that is wrong with it.
        fault: String,
    },
    /// Two documents with the same id.
    #[error("GATEWAY_TRUSTED_DOCUMENTS: {path} has another document with the id {id}", path = .path.display())]
    Twice {
        /// Where the second stands.
        path: PathBuf,
        /// Their id.
        id: String,
    },
    /// There is none.
    #[error(
        "GATEWAY_TRUSTED_DOCUMENTS: {path} has no documents; a folder holds .graphql files or .json manifests",
        path = .0.display()
    )]
    None(PathBuf),
}

impl Trusted {
    /// Reads a manifest, a document, or a folder of them. A document of a folder has the name of its
    /// file as its id; every document also has the SHA-256 of its text, in hexadecimal digits.
    ///
    /// # Errors
    /// [`TrustedError`].
    pub fn read(path: &Path, others: Others, checks: &Checks) -> Result<Self, TrustedError> {
        let mut trusted = Self { others, by_id: HashMap::new(), by_digest: HashMap::new() };
        for file in files(path)? {
            let text = fs::read_to_string(&file)
                .map_err(|error| TrustedError::Read(file.clone(), error))?;
            if file.extension().is_some_and(|extension| extension == "json") {
                let manifest =
                    manifest(&text).ok_or_else(|| TrustedError::Manifest(file.clone()))?;
                for (id, text) in manifest {
                    trusted.add(&file, id, &text, checks)?;
                }
            } else {
                let id = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                trusted.add(&file, id, &text, checks)?;
            }
        }
        if trusted.by_id.is_empty() {
            Err(TrustedError::None(path.to_owned()))
        } else {
            Ok(trusted)
        }
    }

    fn add(
        &mut self,
        file: &Path,
        id: String,
        text: &str,
        checks: &Checks,
    ) -> Result<(), TrustedError> {
        let document = checks.check(text).map_err(|faults| TrustedError::Document {
            path: file.to_owned(),
            id: id.clone(),
            fault: faults.into_iter().next().map(|fault| fault.message).unwrap_or_default(),
        })?;
        let digest = digest(text);
        let document = self.by_digest.entry(digest).or_insert(Arc::new(document)).clone();
        for id in [hex(&digest), id] {
            let known = self.by_id.entry(id.clone()).or_insert(document.clone());
            if !Arc::ptr_eq(known, &document) {
                return Err(TrustedError::Twice { path: file.to_owned(), id });
            }
        }
        Ok(())
    }

    /// The document with this id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<Arc<Document>> {
        // The over-HTTP draft writes ids that are hashes with the name of the hash before them.
        let known = self.by_id.get(id).or_else(|| self.by_id.get(id.strip_prefix("sha256:")?));
        known.cloned()
    }

    /// The document with this text.
    #[must_use]
    pub fn by_digest(&self, digest: &Digest) -> Option<Arc<Document>> {
        self.by_digest.get(digest).cloned()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_digest.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_digest.is_empty()
    }
}

/// The files to read: the one that is named, or all of a folder.
fn files(path: &Path) -> Result<Vec<PathBuf>, TrustedError> {
    let unreadable = |error| TrustedError::Read(path.to_owned(), error);
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let is_one = |extension: &std::ffi::OsStr| {
            ["graphql", "gql", "json"].into_iter().any(|known| extension == known)
        };
        if file.extension().is_some_and(is_one) {
            found.push(file);
        }
    }
    found.sort();
    Ok(found)
}

/// The ids and documents of a manifest: an object of them, or Apollo's form.
fn manifest(text: &str) -> Option<Vec<(String, String)>> {
    let Json::Object(members) = serde_json::from_str(text).ok()? else { return None };
    if let Some(Json::Array(operations)) = members.get("operations") {
        let one = |operation: &Json| {
            let text = |name: &str| operation.get(name)?.as_str().map(str::to_owned);
            Some((text("id")?, text("body")?))
        };
        return operations.iter().map(one).collect();
    }
    let one = |(id, text): (String, Json)| match text {
        Json::String(text) => Some((id, text)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => None,
    };
    members.into_iter().map(one).collect()
}
