//! Documents: read, bounded, checked against the schema, and kept for the next time.
//!
//! Text is never handed to the executing library: what was checked is what runs. Reading costs time
//! in proportion to the text, checking in proportion to what its fragments spread to, and both are
//! bounded by [`Limits`].

pub mod bounds;
pub mod lexer;
pub mod library;
pub mod parser;
pub mod store;
pub mod syntax;
pub mod trusted;
pub mod types;
pub mod validate;
pub mod variables;

use std::collections::HashMap;

use async_graphql::{
    Pos, Positioned, Variables,
    parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition, OperationType},
};
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};

use crate::error::ErrorCode;
pub use types::SchemaError;
use types::Types;

/// How much a document may be. GraphiQL's question about the schema has 2 KiB, 330 tokens and 15
/// levels.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Its text, in bytes.
    pub bytes: usize,
    /// Names, numbers, texts and signs.
    pub tokens: usize,
    /// Levels of braces and brackets: selections, values and types.
    pub nesting: usize,
    /// Selections, directives and values, fragments spread.
    pub nodes: u64,
    /// Levels of selections, fragments spread.
    pub levels: u64,
    /// Fields at the root of an operation.
    pub root_fields: u64,
    /// Fields with an alias in an operation.
    pub aliases: u64,
    /// Directives of an operation, wherever they stand.
    pub directives: u64,
    /// `__schema` and `__type` in an operation.
    pub questions: u64,
}

impl Limits {
    /// The limits that are always on.
    pub const DEFAULT: Self = Self {
        bytes: 64 * 1024,
        tokens: 10_000,
        nesting: 40,
        nodes: 10_000,
        levels: 24,
        root_fields: 100,
        aliases: 250,
        directives: 250,
        questions: 10,
    };
}

/// Whether words that may have been meant are named: they tell of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suggestions {
    /// They are.
    On,
    /// They are not.
    Off,
}

/// Something that is wrong with a document or with its variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which kind of wrong.
    pub code: ErrorCode,
    /// What is wrong, and what would be right.
    pub message: String,
    /// Where, if it is at a place.
    pub at: Option<Pos>,
}

impl Fault {
    fn syntax(at: Pos, what: impl std::fmt::Display) -> Self {
        let (line, column) = (at.line, at.column);
        let message =
            format!("the document is not GraphQL: {what}, at line {line}, column {column}");
        Self { code: ErrorCode::GraphqlParseFailed, message, at: Some(at) }
    }

    fn invalid(at: Pos, message: impl Into<String>) -> Self {
        Self { code: ErrorCode::GraphqlValidationFailed, message: message.into(), at: Some(at) }
    }

    fn input(at: Pos, message: impl Into<String>) -> Self {
        Self { code: ErrorCode::BadUserInput, message: message.into(), at: Some(at) }
    }

    fn too_complex(message: impl Into<String>) -> Self {
        Self { code: ErrorCode::DocumentTooComplex, message: message.into(), at: None }
    }
}

/// How many faults are told at most.
const MOST_FAULTS: usize = 100;

/// Faults, as many as are told.
#[derive(Debug, Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, fault: Fault) {
        if !self.is_full() {
            self.0.push(fault);
        }
    }

    fn is_full(&self) -> bool {
        self.0.len() >= MOST_FAULTS
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn into_result(self) -> Result<(), Vec<Fault>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

/// A name as an error repeats it: a short piece of it.
fn piece(name: &str) -> String {
    name.chars().take(syntax::LONGEST_PIECE).collect()
}

/// Words that may have been meant, as the end of a sentence.
fn meant<'n>(wrong: &str, known: impl Iterator<Item = &'n str>) -> String {
    if wrong.len() > syntax::LONGEST_PIECE {
        return String::new();
    }
    let most = wrong.len() * 2 / 5 + 1;
    let mut near: Vec<(usize, &str)> = known
        .filter(|known| !known.starts_with("__"))
        .map(|known| {
            (strsim::damerau_levenshtein(&wrong.to_lowercase(), &known.to_lowercase()), known)
        })
        .filter(|(distance, _)| *distance <= most)
        .collect();
    near.sort_unstable();
    match near.as_slice() {
        [] => String::new(),
        [(_, one)] => format!("; did you mean {one}?"),
        [(_, one), (_, two), ..] => format!("; did you mean {one} or {two}?"),
    }
}

/// What documents are checked against.
#[derive(Debug)]
pub struct Checks {
    types: Types,
    limits: Limits,
    suggestions: Suggestions,
    questions: Questions,
}

/// Whether questions about the schema are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Questions {
    /// They are.
    Answered,
    /// They are not.
    Refused,
}

/// A document that fits the schema.
#[derive(Debug)]
pub struct Document {
    operations: Vec<CheckedOperation>,
    weight: usize,
}

#[derive(Debug)]
struct CheckedOperation {
    name: Option<String>,
    definition: Positioned<OperationDefinition>,
    variables: Vec<variables::Variable>,
    cost: u64,
}

/// An operation with the values of its variables, for the library to run.
#[derive(Debug)]
pub struct Runnable {
    /// The operation alone, its fragments spread.
    pub document: ExecutableDocument,
    /// Its variables, defaults filled in.
    pub variables: Variables,
    /// What it does.
    pub kind: OperationType,
    /// Its selections, directives and values, fragments spread.
    pub cost: u64,
}

/// The SHA-256 of a document's text.
pub type Digest = [u8; 32];

fn digest(text: &str) -> Digest {
    Sha256::digest(text).into()
}

fn hex(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// About how much memory a selection, directive or value of a kept document takes, in bytes.
const BYTES_PER_NODE: usize = 400;

impl Checks {
    /// Checks against this schema, written in the schema definition language.
    ///
    /// # Errors
    /// [`SchemaError`].
    pub fn new(
        sdl: &str,
        suggestions: Suggestions,
        questions: Questions,
    ) -> Result<Self, SchemaError> {
        let types = Types::from_sdl(sdl)?;
        Ok(Self { types, limits: Limits::DEFAULT, suggestions, questions })
    }

    /// Reads and checks a document.
    ///
    /// # Errors
    /// What is wrong with it, `DOCUMENT_TOO_COMPLEX`, `GRAPHQL_PARSE_FAILED` or
    /// `GRAPHQL_VALIDATION_FAILED`.
    pub fn check(&self, text: &str) -> Result<Document, Vec<Fault>> {
        if text.len() > self.limits.bytes {
            let most = self.limits.bytes;
            return Err(vec![Fault::too_complex(format!("a document has at most {most} bytes"))]);
        }
        let written = parser::parse(text, &self.limits).map_err(|fault| vec![fault])?;
        if let Some(at) = written.type_system {
            let text = "a document that is run defines operations and fragments, no types";
            return Err(vec![Fault::invalid(at, text)]);
        }
        let sizes = bounds::check(&written, &self.limits).map_err(|fault| vec![fault])?;
        if self.questions == Questions::Refused && sizes.iter().any(|size| size.questions > 0) {
            let text = "questions about the schema are switched off (GATEWAY_INTROSPECTION)";
            return Err(vec![Fault {
                code: ErrorCode::GraphqlValidationFailed,
                message: text.to_owned(),
                at: None,
            }]);
        }
        let roots = validate::validate(&written, &self.types, self.suggestions)?;
        let fragments: library::Fragments<'_> =
            written.fragments.iter().map(|fragment| (fragment.name.text, fragment)).collect();
        let each = written.operations.iter().zip(&roots).zip(&sizes);
        let operations = each.map(|((operation, roots), size)| CheckedOperation {
            name: operation.name.map(|name| name.text.to_owned()),
            definition: library::operation(operation, roots, &fragments),
            variables: variables::of(operation, &self.types),
            cost: size.nodes,
        });
        let operations = operations.collect();
        let nodes: u64 = sizes.iter().map(|size| size.nodes + 1).sum();
        let nodes = usize::try_from(nodes).unwrap_or(usize::MAX);
        Ok(Document {
            operations,
            weight: nodes.saturating_mul(BYTES_PER_NODE).saturating_add(text.len()),
        })
    }

    /// An operation of a document with values for its variables.
    ///
    /// # Errors
    /// `BAD_USER_INPUT`: the operation is unclear, or values do not fit.
    pub fn run(
        &self,
        document: &Document,
        operation: Option<&str>,
        values: Map<String, Json>,
    ) -> Result<Runnable, Vec<Fault>> {
        let operation = document.operation(operation).map_err(|fault| vec![fault])?;
        let values = variables::read(&operation.variables, values, &self.types)?;
        let mut definition = operation.definition.clone();
        let kind = definition.node.ty;
        library::leave_out(&mut definition.node, &values.omitted);
        let operations = DocumentOperations::Single(definition);
        let document = ExecutableDocument { operations, fragments: HashMap::new() };
        Ok(Runnable { document, variables: values.given, kind, cost: operation.cost })
    }
}

impl Document {
    /// About how much memory it takes, in bytes.
    #[must_use]
    pub const fn weight(&self) -> usize {
        self.weight
    }

    fn operation(&self, name: Option<&str>) -> Result<&CheckedOperation, Fault> {
        let fault = |message: String| Fault { code: ErrorCode::BadUserInput, message, at: None };
        match (name, self.operations.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => Err(fault(
                "the document has several operations; operationName says which to run".to_owned(),
            )),
            (Some(name), operations) => operations
                .iter()
                .find(|operation| operation.name.as_deref() == Some(name))
                .ok_or_else(|| {
                    fault(format!("the document has no operation named {}", piece(name)))
                }),
        }
    }
}
