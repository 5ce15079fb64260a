//! What a document amounts to once its fragments are spread, and whether that is too much.
//!
//! Each fragment is counted once, whatever spreads it, so counting costs no more than reading did.

use std::collections::HashMap;

use super::{
    Fault, Limits,
    syntax::{Argument, Directive, Document, Fragment, Literal, Selection, Value},
};

/// What a set of selections amounts to, fragments spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Selections, directives and values.
    pub nodes: u64,
    /// Fields with an alias.
    pub aliases: u64,
    /// Directives.
    pub directives: u64,
    /// How many levels it has.
    pub levels: u64,
    /// Fields on its own level.
    pub fields: u64,
    /// How often the schema is asked about itself.
    pub questions: u64,
    /// The most lists of a schema's description that stand within each other.
    pub lists: u64,
}

impl Size {
    fn add(&mut self, other: Self) {
        self.nodes = self.nodes.saturating_add(other.nodes);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.directives = self.directives.saturating_add(other.directives);
        self.questions = self.questions.saturating_add(other.questions);
        self.levels = self.levels.max(other.levels);
        self.lists = self.lists.max(other.lists);
    }
}

/// How many lists of a schema's description may stand within each other: each multiplies the answer.
const MOST_LISTS: u64 = 2;

/// Counts a document and refuses it if it is too much.
///
/// # Errors
/// `DOCUMENT_TOO_COMPLEX`; `GRAPHQL_VALIDATION_FAILED` if a fragment spreads itself, since such a
/// document has no size.
pub fn check<'a>(document: &'a Document<'a>, limits: &Limits) -> Result<Vec<Size>, Fault> {
    let mut counter = Counter { fragments: HashMap::new(), known: HashMap::new(), limits };
    for fragment in &document.fragments {
        counter.fragments.entry(fragment.name.text).or_insert(fragment);
    }
    let mut total = 0_u64;
    let mut sizes = Vec::with_capacity(document.operations.len());
    for operation in &document.operations {
        let mut size = counter.set(&operation.selections, 1)?;
        let mut own = directives(&operation.directives);
        for variable in &operation.variables {
            own.add(directives(&variable.directives));
            own.nodes = own.nodes.saturating_add(1);
            own.nodes = own.nodes.saturating_add(variable.default.as_ref().map_or(0, values));
        }
        size.add(own);
        limits.check(&size)?;
        total = total.saturating_add(size.nodes);
        sizes.push(size);
    }
    // What nothing spreads is looked at all the same.
    for fragment in &document.fragments {
        total = total.saturating_add(counter.fragment(fragment, 1)?.nodes);
    }
    limits.check_nodes(total)?;
    Ok(sizes)
}

impl Limits {
    fn check_nodes(&self, nodes: u64) -> Result<(), Fault> {
        within(nodes, self.nodes, "selections, directives and values, fragments spread")
    }

    fn check(&self, size: &Size) -> Result<(), Fault> {
        self.check_nodes(size.nodes)?;
        within(size.levels, self.levels, "levels, fragments spread")?;
        within(size.fields, self.root_fields, "fields at its root")?;
        within(size.aliases, self.aliases, "aliases, fragments spread")?;
        within(size.directives, self.directives, "directives, fragments spread")?;
        within(size.questions, self.questions, "questions about the schema")
    }
}

fn within(count: u64, most: u64, what: &str) -> Result<(), Fault> {
    if count > most {
        return Err(Fault::too_complex(format!("an operation has at most {most} {what}")));
    }
    Ok(())
}

fn values(value: &Value<'_>) -> u64 {
    1 + match &value.kind {
        Literal::List(items) => items.iter().map(values).sum(),
        Literal::Object(members) => arguments(members),
        Literal::Variable(_)
        | Literal::Int(_)
        | Literal::Float(_)
        | Literal::String(_)
        | Literal::Block(_)
        | Literal::Boolean(_)
        | Literal::Null
        | Literal::Enum(_) => 0,
    }
}

fn arguments(arguments: &[Argument<'_>]) -> u64 {
    arguments.iter().map(|argument| values(&argument.value)).sum()
}

fn directives(directives: &[Directive<'_>]) -> Size {
    let count = directives.len() as u64;
    let inner: u64 = directives.iter().map(|directive| arguments(&directive.arguments)).sum();
    Size { nodes: count + inner, directives: count, ..Size::default() }
}

struct Counter<'a, 'l> {
    fragments: HashMap<&'a str, &'a Fragment<'a>>,
    /// A fragment that is being counted has no size yet: meeting it again is a cycle.
    known: HashMap<&'a str, Option<Size>>,
    limits: &'l Limits,
}

impl<'a> Counter<'a, '_> {
    /// `level` is how many sets stand around this one on the way here: what bounds the recursion.
    fn set(&mut self, set: &'a [Selection<'a>], level: u64) -> Result<Size, Fault> {
        within(level, self.limits.levels, "levels, fragments spread")?;
        let mut size = Size::default();
        for selection in set {
            let mut inner = match selection {
                Selection::Field(field) => {
                    let mut inner = match &field.selections {
                        Some(set) => self.set(set, level + 1)?,
                        None => Size::default(),
                    };
                    inner.fields = 1;
                    inner.aliases = inner.aliases.saturating_add(field.alias.is_some().into());
                    inner.nodes = inner.nodes.saturating_add(arguments(&field.arguments));
                    if matches!(field.name.text, "__schema" | "__type") {
                        inner.questions = inner.questions.saturating_add(1);
                        if inner.lists > MOST_LISTS {
                            let text = format!(
                                "{} asks for more than {MOST_LISTS} lists within each other",
                                field.name.text
                            );
                            return Err(Fault::invalid(field.name.at, text));
                        }
                    }
                    let lists = ["fields", "interfaces", "possibleTypes", "inputFields"];
                    inner.lists += u64::from(lists.contains(&field.name.text));
                    inner.add(directives(&field.directives));
                    inner
                }
                Selection::Inline(inline) => {
                    let mut inner = self.set(&inline.selections, level + 1)?;
                    inner.add(directives(&inline.directives));
                    inner
                }
                Selection::Spread(spread) => {
                    // A fragment that is not there is for validation to name.
                    let mut inner = match self.fragments.get(spread.name.text).copied() {
                        Some(fragment) => self.fragment(fragment, level + 1)?,
                        None => Size::default(),
                    };
                    inner.add(directives(&spread.directives));
                    inner
                }
            };
            inner.nodes = inner.nodes.saturating_add(1);
            size.fields = size.fields.saturating_add(inner.fields);
            size.add(inner);
        }
        size.levels += 1;
        Ok(size)
    }

    fn fragment(&mut self, fragment: &'a Fragment<'a>, level: u64) -> Result<Size, Fault> {
        let name = fragment.name.text;
        match self.known.get(name) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => {
                let text = format!(
                    "the fragment {} spreads itself, directly or through others",
                    super::piece(name)
                );
                return Err(Fault::invalid(fragment.at, text));
            }
            None => {}
        }
        self.known.insert(name, None);
        let mut size = self.set(&fragment.selections, level)?;
        size.add(directives(&fragment.directives));
        self.known.insert(name, Some(size));
        Ok(size)
    }
}
