//! Whether a document fits the schema: the rules of the specification's §5, with graphql-js's
//! verdict on every document but mutations that name a root field twice, which are refused.
//!
//! Each definition is walked once; what depends on who spreads a fragment (variables, merging) is
//! then asked of each operation, whose size is bounded by [`super::bounds`].

mod merging;
mod operations;
mod values;

pub use operations::Roots;

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Pos,
    parser::types::{DirectiveLocation, OperationType},
};

use super::{
    Fault, Faults, piece,
    syntax::{Argument, Directive, Document, Field, Fragment, Name, Selection},
    types::{InputInfo, Type, TypeId, Types},
};

/// Checks a document against a schema.
///
/// # Errors
/// What is wrong with it: at least one fault, not necessarily all.
pub fn validate<'a>(
    document: &'a Document<'a>,
    types: &Types,
    help: super::Suggestions,
) -> Result<Vec<Roots<'a>>, Vec<Fault>> {
    let mut checker = Checker {
        types,
        help,
        faults: Faults::default(),
        fragments: HashMap::new(),
        uses: Uses::default(),
    };
    for (number, fragment) in document.fragments.iter().enumerate() {
        let known = (number, fragment.on.text);
        if checker.fragments.insert(fragment.name.text, known).is_some() {
            let name = piece(fragment.name.text);
            checker.fault(fragment.name.at, format!("there are several fragments {name}"));
        }
    }
    let mut of_fragments = Vec::with_capacity(document.fragments.len());
    for fragment in &document.fragments {
        checker.fragment(fragment);
        of_fragments.push(std::mem::take(&mut checker.uses));
    }
    let mut of_operations = Vec::with_capacity(document.operations.len());
    for operation in &document.operations {
        checker.operation(operation);
        of_operations.push(std::mem::take(&mut checker.uses));
    }
    let mut used = HashSet::new();
    for (operation, uses) in document.operations.iter().zip(&of_operations) {
        let fragments = reach(&uses.fragments, &of_fragments);
        used.extend(fragments.iter().copied());
        let of_fragments = fragments.iter().filter_map(|number| of_fragments.get(*number));
        let usages = uses.variables.iter().chain(of_fragments.flat_map(|uses| &uses.variables));
        checker.variables(operation, usages);
    }
    checker.names_of_operations(document);
    for (number, fragment) in document.fragments.iter().enumerate() {
        if !used.contains(&number) {
            let name = piece(fragment.name.text);
            checker.fault(fragment.name.at, format!("the fragment {name} is used nowhere"));
        }
    }
    // What follows follows the fields, which must be there.
    let mut roots = Vec::with_capacity(document.operations.len());
    if checker.faults.is_empty() {
        for operation in &document.operations {
            roots.push(checker.roots(operation, document));
            merging::check(operation, document, &mut checker);
        }
    }
    checker.faults.into_result().map(|()| roots)
}

/// The fragments that are reached from these, each once, by their numbers.
fn reach(first: &[usize], of_fragments: &[Uses<'_, '_>]) -> Vec<usize> {
    let mut seen = HashSet::new();
    let mut all: Vec<usize> = first.iter().copied().filter(|number| seen.insert(*number)).collect();
    let mut at = 0;
    while let Some(number) = all.get(at).copied() {
        for next in of_fragments.get(number).map(|uses| &uses.fragments).into_iter().flatten() {
            if seen.insert(*next) {
                all.push(*next);
            }
        }
        at += 1;
    }
    all
}

/// What a definition itself uses.
#[derive(Debug, Default)]
struct Uses<'a, 't> {
    variables: Vec<Usage<'a, 't>>,
    fragments: Vec<usize>,
}

/// A variable where it is used.
#[derive(Clone, Copy, Debug)]
struct Usage<'a, 't> {
    name: &'a str,
    at: Pos,
    /// What is wanted there, if that is known.
    wanted: Option<&'t Type>,
    /// Whether there is something when the variable is not given.
    has_default: bool,
}

struct Checker<'a, 't> {
    types: &'t Types,
    help: super::Suggestions,
    faults: Faults,
    /// Their numbers, and the types that they are about.
    fragments: HashMap<&'a str, (usize, &'a str)>,
    uses: Uses<'a, 't>,
}

impl<'a, 't> Checker<'a, 't> {
    fn fault(&mut self, at: Pos, text: impl Into<String>) {
        self.faults.add(Fault::invalid(at, text));
    }

    /// Words that may have been meant, as the end of a sentence.
    fn meant<'n>(&self, wrong: &str, known: impl Iterator<Item = &'n str>) -> String {
        if self.help == super::Suggestions::Off || self.faults.len() >= MOST_HELPED {
            return String::new();
        }
        super::meant(wrong, known)
    }

    fn fragment(&mut self, fragment: &'a Fragment<'a>) {
        let on = self.condition(fragment.on);
        self.directives(&fragment.directives, DirectiveLocation::FragmentDefinition);
        self.selections(&fragment.selections, on);
    }

    fn operation(&mut self, operation: &'a super::syntax::Operation<'a>) {
        self.definitions(operation);
        let location = match operation.kind {
            OperationType::Query => DirectiveLocation::Query,
            OperationType::Mutation => DirectiveLocation::Mutation,
            OperationType::Subscription => DirectiveLocation::Subscription,
        };
        self.directives(&operation.directives, location);
        self.selections(&operation.selections, Some(self.types.root(operation.kind)));
    }

    /// The type that a fragment is about, if it can be about it.
    fn condition(&mut self, on: Name<'a>) -> Option<TypeId> {
        let id = self.known_type(on)?;
        if self.types.is_composite(id) {
            return Some(id);
        }
        self.fault(on.at, format!("{} has no fields, so no fragment is about it", on.text));
        None
    }

    fn known_type(&mut self, name: Name<'a>) -> Option<TypeId> {
        let id = self.types.id(name.text);
        if id.is_none() {
            let meant = self.meant(name.text, self.types.names());
            self.fault(name.at, format!("there is no type {}{meant}", piece(name.text)));
        }
        id
    }

    fn selections(&mut self, set: &'a [Selection<'a>], parent: Option<TypeId>) {
        for selection in set {
            match selection {
                Selection::Field(field) => self.field(field, parent),
                Selection::Inline(inline) => {
                    self.directives(&inline.directives, DirectiveLocation::InlineFragment);
                    let on = match inline.on {
                        Some(on) => self.condition(on),
                        None => parent,
                    };
                    self.may_be(on, parent, inline.at);
                    self.selections(&inline.selections, on);
                }
                Selection::Spread(spread) => {
                    self.directives(&spread.directives, DirectiveLocation::FragmentSpread);
                    let name = spread.name;
                    match self.fragments.get(name.text).copied() {
                        Some((number, on)) => {
                            self.uses.fragments.push(number);
                            let on = self.types.id(on).filter(|id| self.types.is_composite(*id));
                            self.may_be(on, parent, spread.at);
                        }
                        None => {
                            let text = format!("there is no fragment {}", piece(name.text));
                            self.fault(name.at, text);
                        }
                    }
                }
            }
        }
    }

    /// Checks that a fragment is about something that can be met where it stands.
    fn may_be(&mut self, on: Option<TypeId>, parent: Option<TypeId>, at: Pos) {
        if let (Some(on), Some(parent)) = (on, parent)
            && !self.types.overlap(on, parent)
        {
            let (on, parent) = (self.types.name(on), self.types.name(parent));
            self.fault(at, format!("nothing of type {parent} is ever of type {on}"));
        }
    }

    fn field(&mut self, field: &'a Field<'a>, parent: Option<TypeId>) {
        let name = field.name;
        let info = parent.and_then(|parent| self.types.field(parent, name.text));
        if let (Some(parent), None) = (parent, info) {
            let meant = self.meant(name.text, self.types.field_names(parent));
            let parent = self.types.name(parent);
            self.fault(name.at, format!("{parent} has no field {}{meant}", piece(name.text)));
        }
        self.directives(&field.directives, DirectiveLocation::Field);
        let known = info.map(|info| info.arguments.as_slice());
        self.arguments(&field.arguments, known, name.at, || {
            format!("the field {}", piece(name.text))
        });
        let inner = info.map(|info| info.ty.named());
        match (&field.selections, inner) {
            (Some(_), Some(inner)) if !self.types.is_composite(inner) => {
                let text = format!(
                    "{} is of type {}, which has no fields",
                    name.text,
                    self.types.name(inner)
                );
                self.fault(name.at, text);
            }
            (None, Some(inner)) if self.types.is_composite(inner) => {
                let text = format!(
                    "{0} is of type {1}: name the fields that you want, as in {0} {{ … }}",
                    name.text,
                    self.types.name(inner)
                );
                self.fault(name.at, text);
            }
            (Some(_) | None, _) => {}
        }
        if let Some(set) = &field.selections {
            self.selections(set, inner.filter(|inner| self.types.is_composite(*inner)));
        }
    }

    /// Checks arguments against those that are known; `known` is none where that is unclear.
    fn arguments(
        &mut self,
        given: &'a [Argument<'a>],
        known: Option<&'t [InputInfo]>,
        at: Pos,
        whose: impl Fn() -> String,
    ) {
        let mut seen = HashSet::new();
        for argument in given {
            let name = argument.name;
            if !seen.insert(name.text) {
                let text = format!("{} is given {} twice", whose(), piece(name.text));
                self.fault(name.at, text);
            }
            let info = known.and_then(|known| known.iter().find(|info| info.name == name.text));
            if let (Some(known), None) = (known, info) {
                let meant = self.meant(name.text, known.iter().map(|info| info.name.as_str()));
                let text = format!("{} has no argument {}{meant}", whose(), piece(name.text));
                self.fault(name.at, text);
            }
            let wanted = info.map(|info| &info.ty);
            self.value(&argument.value, wanted, info.is_some_and(|info| info.has_default));
        }
        for info in known.unwrap_or_default() {
            if info.is_required() && !seen.contains(info.name.as_str()) {
                let ty = self.types.shown(&info.ty);
                let text = format!("{} needs the argument {} of type {ty}", whose(), info.name);
                self.fault(at, text);
            }
        }
    }

    fn directives(&mut self, given: &'a [Directive<'a>], location: DirectiveLocation) {
        let mut seen = HashSet::new();
        for directive in given {
            let name = directive.name.text;
            let info = self.types.directive(name);
            match info {
                None => {
                    self.fault(directive.at, format!("there is no directive @{}", piece(name)));
                }
                Some(info) if !info.locations.contains(&location) => {
                    self.fault(directive.at, format!("the directive @{name} cannot stand here"));
                }
                Some(_) if !seen.insert(name) => {
                    self.fault(directive.at, format!("the directive @{name} stands here twice"));
                }
                Some(_) => {}
            }
            let known = info.map(|info| info.arguments.as_slice());
            self.arguments(&directive.arguments, known, directive.at, || {
                format!("the directive @{}", piece(name))
            });
        }
    }
}

/// After how many faults no help with spelling is given: looking for words costs.
const MOST_HELPED: usize = 5;
