//! Bounds a document before anything walks it: its bytes and its nesting before it is parsed, what
//! its fragments expand to afterwards. Both in one pass over the document, whatever it says.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Positioned,
    parser::types::{
        ExecutableDocument, FragmentDefinition, OperationType, Selection, SelectionSet,
    },
};

use super::documents;
use crate::error::{ApiError, ErrorCode};

/// The largest document, in bytes.
const LARGEST: usize = 64 * 1024;

/// How deeply selections, values and types may nest. GraphiQL's introspection has 15.
const DEEPEST: usize = 48;

/// How many selections a document may have once its fragments are expanded.
const MOST_SELECTIONS: u64 = 10_000;

/// How many fields the root may have.
const MOST_ROOT_FIELDS: u64 = 100;

fn too_complex(message: String) -> ApiError {
    ApiError::new(ErrorCode::DocumentTooComplex, message)
}

/// Bounds the text, before it is parsed.
///
/// # Errors
/// `DOCUMENT_TOO_COMPLEX`.
pub fn check_text(text: &str) -> Result<(), ApiError> {
    if text.len() > LARGEST {
        return Err(too_complex(format!("a document has at most {LARGEST} bytes")));
    }
    let mut depth = 0_usize;
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' | b'(' => {
                depth += 1;
                if depth > DEEPEST {
                    return Err(too_complex(format!("a document nests at most {DEEPEST} levels")));
                }
            }
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            b'"' => at = string_end(bytes, at),
            b'#' => at = line_end(bytes, at),
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// The last byte of the string that begins at `at`.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    if rest.starts_with(b"\"\"\"") {
        let mut end = at + 3;
        while end < bytes.len() {
            let rest = bytes.get(end..).unwrap_or_default();
            if rest.starts_with(b"\\\"\"\"") {
                end += 4;
            } else if rest.starts_with(b"\"\"\"") {
                return end + 2;
            } else {
                end += 1;
            }
        }
        return end;
    }
    let mut end = at + 1;
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'\\' => end += 1,
            b'"' | b'\n' | b'\r' => return end,
            _ => {}
        }
        end += 1;
    }
    end
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len())
}

/// Bounds what the document asks for, and refuses what the library would run wrongly: a mutation
/// that names a root field twice would run it twice, a subscription must have one root field.
///
/// # Errors
/// `DOCUMENT_TOO_COMPLEX`, `GRAPHQL_VALIDATION_FAILED`.
pub fn check(document: &ExecutableDocument, operation_name: Option<&str>) -> Result<(), ApiError> {
    let mut sizes = Sizes { fragments: &document.fragments, known: HashMap::new() };
    let mut total = 0_u64;
    for (_, operation) in document.operations.iter() {
        total = total.saturating_add(sizes.of(&operation.node.selection_set.node)?);
    }
    // Fragments that nothing spreads are walked by validation all the same.
    for name in document.fragments.keys() {
        total = total.saturating_add(sizes.of_fragment(name)?);
    }
    if total > MOST_SELECTIONS {
        let text =
            format!("a document selects at most {MOST_SELECTIONS} fields, fragments expanded");
        return Err(too_complex(text));
    }
    let Some(operation) = documents::operation(document, operation_name) else { return Ok(()) };
    let mut keys = Vec::new();
    root_keys(&operation.selection_set.node, &document.fragments, &mut keys);
    if keys.len() as u64 > MOST_ROOT_FIELDS {
        return Err(too_complex(format!(
            "an operation has at most {MOST_ROOT_FIELDS} root fields"
        )));
    }
    let invalid = |text: &str| Err(ApiError::new(ErrorCode::GraphqlValidationFailed, text));
    let distinct: HashSet<_> = keys.iter().collect();
    match operation.ty {
        OperationType::Mutation if distinct.len() < keys.len() => {
            invalid("a mutation names each of its root fields once; give the other an alias")
        }
        OperationType::Subscription if keys.len() != 1 => {
            invalid("a subscription has exactly one root field")
        }
        OperationType::Query | OperationType::Mutation | OperationType::Subscription => Ok(()),
    }
}

/// Refuses questions about the schema.
///
/// # Errors
/// `GRAPHQL_VALIDATION_FAILED`.
pub fn refuse_introspection(document: &ExecutableDocument) -> Result<(), ApiError> {
    let sets = document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node);
    let fragments = document.fragments.values().map(|fragment| &fragment.node.selection_set.node);
    let mut left: Vec<&SelectionSet> = sets.chain(fragments).collect();
    while let Some(set) = left.pop() {
        for item in &set.items {
            match &item.node {
                Selection::Field(field)
                    if field.node.name.node.starts_with("__")
                        && field.node.name.node != "__typename" =>
                {
                    let text =
                        "questions about the schema are switched off (GATEWAY_INTROSPECTION)";
                    return Err(ApiError::new(ErrorCode::GraphqlValidationFailed, text));
                }
                Selection::Field(field) => left.push(&field.node.selection_set.node),
                Selection::InlineFragment(inline) => left.push(&inline.node.selection_set.node),
                Selection::FragmentSpread(_) => {}
            }
        }
    }
    Ok(())
}

/// Selections after expansion, each fragment counted once.
struct Sizes<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    /// A fragment that is being counted has no size yet: meeting it again is a cycle.
    known: HashMap<&'a Name, Option<u64>>,
}

impl<'a> Sizes<'a> {
    fn of(&mut self, set: &'a SelectionSet) -> Result<u64, ApiError> {
        let mut size = 0_u64;
        for item in &set.items {
            let inner = match &item.node {
                Selection::Field(field) => self.of(&field.node.selection_set.node)?,
                Selection::InlineFragment(inline) => self.of(&inline.node.selection_set.node)?,
                Selection::FragmentSpread(spread) => {
                    self.of_fragment(&spread.node.fragment_name.node)?
                }
            };
            size = size.saturating_add(inner).saturating_add(1);
        }
        Ok(size)
    }

    fn of_fragment(&mut self, name: &Name) -> Result<u64, ApiError> {
        // An unknown fragment is for validation to name.
        let fragments = self.fragments;
        let Some((name, fragment)) = fragments.get_key_value(name) else { return Ok(0) };
        match self.known.get(name) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => {
                let text = "a fragment must not spread itself, directly or through others";
                return Err(ApiError::new(ErrorCode::GraphqlValidationFailed, text));
            }
            None => {}
        }
        self.known.insert(name, None);
        let size = self.of(&fragment.node.selection_set.node)?;
        self.known.insert(name, Some(size));
        Ok(size)
    }
}

/// The response keys at the root, through fragments. Cycles and size are bounded by now.
fn root_keys<'a>(
    set: &'a SelectionSet,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    keys: &mut Vec<&'a Name>,
) {
    for item in &set.items {
        match &item.node {
            Selection::Field(field) => keys.push(&field.node.response_key().node),
            Selection::InlineFragment(inline) => {
                root_keys(&inline.node.selection_set.node, fragments, keys);
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = fragments.get(&spread.node.fragment_name.node) {
                    root_keys(&fragment.node.selection_set.node, fragments, keys);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Result<(), ErrorCode> {
        check_text(text).map_err(|error| error.code())?;
        let document = documents::parse(text).map_err(|error| error.code())?;
        check(&document, None).map_err(|error| error.code())
    }

    #[test]
    fn ordinary_documents_pass() {
        for text in [
            "{ a }",
            "query ($x: [[Int!]!]) { a(b: {c: [1, {d: \"}}}{{{\"}]}) { ...F } } fragment F on T { b }",
            "mutation { a b c: a }",
            "subscription { a }",
            "{ a(x: \"\"\" \\\"\"\" {{{ \"\"\") } # {{{{",
        ] {
            assert_eq!(verdict(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn nesting_and_size_are_bounded_before_parsing() {
        let deep =
            |open: &str, close: &str| format!("{{ a{}{} }}", open.repeat(60), close.repeat(60));
        assert_eq!(verdict(&deep("{a", "}")), Err(ErrorCode::DocumentTooComplex));
        assert_eq!(verdict(&deep("(b:[", "])")), Err(ErrorCode::DocumentTooComplex));
        let large = format!("{{ {} }}", "a ".repeat(40_000));
        assert_eq!(verdict(&large), Err(ErrorCode::DocumentTooComplex));
    }

    #[test]
    fn expansion_is_counted_not_done() {
        let mut text = String::from("{ ...F0 }");
        for n in 0..200 {
            text.push_str(&format!(" fragment F{n} on T {{ ...F{0} ...F{0} }}", n + 1));
        }
        text.push_str(" fragment F200 on T { a }");
        assert_eq!(verdict(&text), Err(ErrorCode::DocumentTooComplex));
        let cycle = "{ ...A } fragment A on T { ...B } fragment B on T { ...A }";
        assert_eq!(verdict(cycle), Err(ErrorCode::GraphqlValidationFailed));
    }

    #[test]
    fn a_root_field_runs_once() {
        assert_eq!(verdict("mutation { a a }"), Err(ErrorCode::GraphqlValidationFailed));
        let hidden = "mutation { a ...F } fragment F on M { ... { a } }";
        assert_eq!(verdict(hidden), Err(ErrorCode::GraphqlValidationFailed));
        assert_eq!(verdict("subscription { a b }"), Err(ErrorCode::GraphqlValidationFailed));
        assert_eq!(verdict("subscription { a b: a }"), Err(ErrorCode::GraphqlValidationFailed));
    }
}
