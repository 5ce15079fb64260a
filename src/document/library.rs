//! A checked document as the executing library takes it.
//!
//! Its own parser is not asked: what was checked is what runs.

use std::collections::HashMap;

use async_graphql::{
    Name as LibraryName, Pos, Positioned,
    indexmap::IndexMap,
    parser::types::{
        BaseType, Directive as LibraryDirective, Field as LibraryField, InlineFragment,
        OperationDefinition, OperationType, Selection as LibrarySelection, SelectionSet, Type,
        TypeCondition, VariableDefinition as LibraryVariable,
    },
};
use async_graphql_value::Value as LibraryValue;
use serde_json::Number;

use super::{
    syntax::{
        Argument, Directive, Field, Fragment, Literal, Name, Operation, Selection, TypeRef, Value,
    },
    validate::Roots,
};

fn name(name: Name<'_>) -> Positioned<LibraryName> {
    Positioned::new(LibraryName::new(name.text), name.at)
}

/// The fragments of a document, by their names.
pub type Fragments<'a> = HashMap<&'a str, &'a Fragment<'a>>;

/// An operation, its fragments spread: each field is there once in each place where it is asked,
/// since the library would resolve it once for each time that it is written.
#[must_use]
pub fn operation<'a>(
    operation: &'a Operation<'a>,
    roots: &Roots<'a>,
    fragments: &Fragments<'a>,
) -> Positioned<OperationDefinition> {
    let variables = operation.variables.iter().map(|variable| {
        let definition = LibraryVariable {
            name: name(variable.name),
            var_type: Positioned::new(type_ref(&variable.ty), variable.name.at),
            directives: vec![],
            // What is not given is filled in before the library sees it.
            default_value: None,
        };
        Positioned::new(definition, variable.name.at)
    });
    let set = match operation.kind {
        // The library looks for a subscription's field at the root alone.
        OperationType::Subscription => root_of_subscription(roots, fragments),
        OperationType::Query | OperationType::Mutation => {
            Gathering::set(&[operation.selections.as_slice()], fragments)
        }
    };
    let definition = OperationDefinition {
        ty: operation.kind,
        variable_definitions: variables.collect(),
        directives: vec![],
        selection_set: Positioned::new(set, operation.at),
    };
    Positioned::new(definition, operation.at)
}

/// One field that selects what all of these do: they have the same name and arguments.
fn root_of_subscription<'a>(roots: &Roots<'a>, fragments: &Fragments<'a>) -> SelectionSet {
    let Some(first) = roots.fields.first() else { return SelectionSet::default() };
    let inner: Vec<_> =
        roots.fields.iter().filter_map(|field| field.selections.as_deref()).collect();
    SelectionSet { items: vec![field(first, Gathering::set(&inner, fragments))] }
}

/// A type condition with those around it, by a number.
type Conditions = usize;

/// What is gathered from the sets of selections that make up one set of an answer.
struct Gathering<'a, 'f> {
    fragments: &'f Fragments<'a>,
    /// Fields without directives: the first that was met of a name, and what all of them select.
    fields: Vec<(&'a Field<'a>, Vec<&'a [Selection<'a>]>)>,
    known: HashMap<(Conditions, &'a str), usize>,
    conditions: HashMap<(Conditions, &'a str), Conditions>,
}

/// Something gathered, in the order in which it was met.
enum Entry<'a> {
    /// By its number in [`Gathering::fields`].
    Field(usize),
    /// A field that depends on its directives.
    Single(&'a Field<'a>),
    /// What is asked of one type.
    On(Option<Name<'a>>, Pos, Vec<Entry<'a>>),
    /// A fragment that depends on its directives.
    Depends(Option<Name<'a>>, Pos, &'a [Directive<'a>], &'a [Selection<'a>]),
}

impl<'a, 'f> Gathering<'a, 'f> {
    fn set(sets: &[&'a [Selection<'a>]], fragments: &'f Fragments<'a>) -> SelectionSet {
        let mut gathering =
            Self { fragments, fields: vec![], known: HashMap::new(), conditions: HashMap::new() };
        let mut entries = Vec::new();
        for set in sets {
            gathering.gather(set, (0, None), &mut entries);
        }
        gathering.written(&entries)
    }

    /// `within` is the condition around these selections, and the last type of it.
    fn gather(
        &mut self,
        set: &'a [Selection<'a>],
        within: (Conditions, Option<&'a str>),
        entries: &mut Vec<Entry<'a>>,
    ) {
        for selection in set {
            match selection {
                Selection::Field(field) if field.directives.is_empty() => {
                    let next = self.fields.len();
                    let number = *self.known.entry((within.0, field.key().text)).or_insert(next);
                    if number == next {
                        self.fields.push((field, Vec::new()));
                        entries.push(Entry::Field(number));
                    }
                    if let (Some(inner), Some((_, sets))) =
                        (field.selections.as_deref(), self.fields.get_mut(number))
                    {
                        sets.push(inner);
                    }
                }
                Selection::Field(field) => entries.push(Entry::Single(field)),
                Selection::Inline(inline) => {
                    let (on, at) = (inline.on, inline.at);
                    let (directives, inner) = (&inline.directives, &inline.selections);
                    self.fragment(on, at, directives, inner, within, entries);
                }
                Selection::Spread(spread) => {
                    if let Some(fragment) = self.fragments.get(spread.name.text).copied() {
                        let (on, at) = (Some(fragment.on), spread.at);
                        let (directives, inner) = (&spread.directives, &fragment.selections);
                        self.fragment(on, at, directives, inner, within, entries);
                    }
                }
            }
        }
    }

    fn fragment(
        &mut self,
        on: Option<Name<'a>>,
        at: Pos,
        directives: &'a [Directive<'a>],
        set: &'a [Selection<'a>],
        within: (Conditions, Option<&'a str>),
        entries: &mut Vec<Entry<'a>>,
    ) {
        if !directives.is_empty() {
            entries.push(Entry::Depends(on, at, directives, set));
            return;
        }
        let Some(name) = on.filter(|on| within.1 != Some(on.text)) else {
            return self.gather(set, within, entries);
        };
        let next = self.conditions.len() + 1;
        let number = *self.conditions.entry((within.0, name.text)).or_insert(next);
        let mut inner = Vec::new();
        self.gather(set, (number, Some(name.text)), &mut inner);
        if !inner.is_empty() {
            entries.push(Entry::On(on, at, inner));
        }
    }

    fn written(&self, entries: &[Entry<'a>]) -> SelectionSet {
        let one = |entry: &Entry<'a>| match entry {
            Entry::Field(number) => {
                let (first, sets) = self.fields.get(*number)?;
                Some(field(first, Self::set(sets, self.fragments)))
            }
            Entry::Single(one) => {
                let inner: Vec<_> = one.selections.as_deref().into_iter().collect();
                Some(field(one, Self::set(&inner, self.fragments)))
            }
            Entry::On(on, at, entries) => Some(inline(*on, *at, &[], self.written(entries))),
            Entry::Depends(on, at, directives, set) => {
                Some(inline(*on, *at, directives, Self::set(&[*set], self.fragments)))
            }
        };
        SelectionSet { items: entries.iter().filter_map(one).collect() }
    }
}

fn inline(
    on: Option<Name<'_>>,
    at: Pos,
    written: &[Directive<'_>],
    set: SelectionSet,
) -> Positioned<LibrarySelection> {
    let node = InlineFragment {
        type_condition: on.map(condition),
        directives: directives(written),
        selection_set: Positioned::new(set, at),
    };
    Positioned::new(LibrarySelection::InlineFragment(Positioned::new(node, at)), at)
}

fn condition(on: Name<'_>) -> Positioned<TypeCondition> {
    Positioned::new(TypeCondition { on: name(on) }, on.at)
}

fn type_ref(ty: &TypeRef<'_>) -> Type {
    match ty {
        TypeRef::Named(name) => {
            Type { base: BaseType::Named(LibraryName::new(name.text)), nullable: true }
        }
        TypeRef::List(inner) => {
            Type { base: BaseType::List(Box::new(type_ref(inner))), nullable: true }
        }
        TypeRef::NonNull(inner) => Type { nullable: false, ..type_ref(inner) },
    }
}

fn field(written: &Field<'_>, inner: SelectionSet) -> Positioned<LibrarySelection> {
    let at = written.key().at;
    let node = LibraryField {
        alias: written.alias.map(name),
        name: name(written.name),
        arguments: arguments(&written.arguments),
        directives: directives(&written.directives),
        selection_set: Positioned::new(inner, written.name.at),
    };
    Positioned::new(LibrarySelection::Field(Positioned::new(node, at)), at)
}

fn directives(all: &[Directive<'_>]) -> Vec<Positioned<LibraryDirective>> {
    let one = |directive: &Directive<'_>| {
        let node = LibraryDirective {
            name: name(directive.name),
            arguments: arguments(&directive.arguments),
        };
        Positioned::new(node, directive.at)
    };
    all.iter().map(one).collect()
}

type LibraryArgument = (Positioned<LibraryName>, Positioned<LibraryValue>);

fn arguments(all: &[Argument<'_>]) -> Vec<LibraryArgument> {
    let one = |argument: &Argument<'_>| {
        let value = Positioned::new(value(&argument.value), argument.value.at);
        (name(argument.name), value)
    };
    all.iter().map(one).collect()
}

/// A value as the library takes it.
pub fn value(written: &Value<'_>) -> LibraryValue {
    match &written.kind {
        Literal::Variable(name) => LibraryValue::Variable(LibraryName::new(name)),
        // Only an id is larger, and the library takes no such number for one.
        Literal::Int(digits) if digits.parse::<i64>().is_err() => {
            LibraryValue::String((*digits).to_owned())
        }
        Literal::Int(digits) | Literal::Float(digits) => LibraryValue::Number(number(digits)),
        Literal::String(text) => LibraryValue::String(text.as_ref().to_owned()),
        Literal::Block(text) => LibraryValue::String(text.clone()),
        Literal::Boolean(value) => LibraryValue::Boolean(*value),
        Literal::Null => LibraryValue::Null,
        Literal::Enum(name) => LibraryValue::Enum(LibraryName::new(name)),
        Literal::List(items) => LibraryValue::List(items.iter().map(value).collect()),
        Literal::Object(members) => {
            let member =
                |member: &Argument<'_>| (LibraryName::new(member.name.text), value(&member.value));
            LibraryValue::Object(members.iter().map(member).collect::<IndexMap<_, _>>())
        }
    }
}

/// A number as JSON has it.
fn number(digits: &str) -> Number {
    digits.parse::<i64>().map(Number::from).unwrap_or_else(|_| {
        let float = digits.parse::<f64>().unwrap_or_default();
        // What no double holds is told from others by being the largest.
        let bounded = float.clamp(f64::MIN, f64::MAX);
        Number::from_f64(bounded).unwrap_or_else(|| Number::from(0))
    })
}

/// Takes away arguments whose variable is not given: such an argument is as if it were not written,
/// and the field's own default counts.
pub fn leave_out(operation: &mut OperationDefinition, omitted: &[LibraryName]) {
    if !omitted.is_empty() {
        leave_out_of(&mut operation.selection_set.node, omitted);
    }
}

fn leave_out_of(set: &mut SelectionSet, omitted: &[LibraryName]) {
    for selection in &mut set.items {
        match &mut selection.node {
            LibrarySelection::Field(field) => {
                let field = &mut field.node;
                field.arguments.retain(|(_, value)| {
                    !matches!(&value.node, LibraryValue::Variable(name) if omitted.contains(name))
                });
                leave_out_of(&mut field.selection_set.node, omitted);
            }
            LibrarySelection::InlineFragment(inline) => {
                leave_out_of(&mut inline.node.selection_set.node, omitted);
            }
            LibrarySelection::FragmentSpread(_) => {}
        }
    }
}
