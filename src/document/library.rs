//! A checked document as the executing library takes it.
//!
//! Its own parser is not asked: what was checked is what runs.

use std::collections::HashMap;

use async_graphql::{
    Name as LibraryName, Positioned,
    indexmap::IndexMap,
    parser::types::{
        BaseType, Directive as LibraryDirective, Field as LibraryField, FragmentDefinition,
        FragmentSpread, InlineFragment, OperationDefinition, OperationType,
        Selection as LibrarySelection, SelectionSet, Type, TypeCondition,
        VariableDefinition as LibraryVariable,
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

/// An operation.
pub fn operation(operation: &Operation<'_>, roots: &Roots<'_>) -> Positioned<OperationDefinition> {
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
        // The library would listen once for each time that the root field is named.
        OperationType::Subscription => merged(roots),
        OperationType::Query | OperationType::Mutation => set(&operation.selections),
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
fn merged(roots: &Roots<'_>) -> SelectionSet {
    let Some(first) = roots.fields.first() else { return SelectionSet::default() };
    let mut one = field(first);
    for other in roots.fields.iter().skip(1) {
        one.selection_set.node.items.extend(field(other).selection_set.node.items);
    }
    let at = first.name.at;
    SelectionSet {
        items: vec![Positioned::new(LibrarySelection::Field(Positioned::new(one, at)), at)],
    }
}

/// A fragment.
pub fn fragment(fragment: &Fragment<'_>) -> Positioned<FragmentDefinition> {
    let definition = FragmentDefinition {
        type_condition: condition(fragment.on),
        directives: vec![],
        selection_set: Positioned::new(set(&fragment.selections), fragment.at),
    };
    Positioned::new(definition, fragment.at)
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

fn set(selections: &[Selection<'_>]) -> SelectionSet {
    SelectionSet { items: selections.iter().map(selection).collect() }
}

fn selection(selection: &Selection<'_>) -> Positioned<LibrarySelection> {
    match selection {
        Selection::Field(written) => {
            let at = written.alias.unwrap_or(written.name).at;
            Positioned::new(LibrarySelection::Field(Positioned::new(field(written), at)), at)
        }
        Selection::Spread(spread) => {
            let node = FragmentSpread {
                fragment_name: name(spread.name),
                directives: directives(&spread.directives),
            };
            let node = Positioned::new(node, spread.at);
            Positioned::new(LibrarySelection::FragmentSpread(node), spread.at)
        }
        Selection::Inline(inline) => {
            let node = InlineFragment {
                type_condition: inline.on.map(condition),
                directives: directives(&inline.directives),
                selection_set: Positioned::new(set(&inline.selections), inline.at),
            };
            let node = Positioned::new(node, inline.at);
            Positioned::new(LibrarySelection::InlineFragment(node), inline.at)
        }
    }
}

fn field(written: &Field<'_>) -> LibraryField {
    let inner = written.selections.as_deref().map(set).unwrap_or_default();
    LibraryField {
        alias: written.alias.map(name),
        name: name(written.name),
        arguments: arguments(&written.arguments),
        directives: directives(&written.directives),
        selection_set: Positioned::new(inner, written.name.at),
    }
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

/// A number as JSON has it: exact while it fits 64 bits.
pub fn number(digits: &str) -> Number {
    let whole = digits.parse::<i64>().map(Number::from);
    let whole = whole.or_else(|_| digits.parse::<u64>().map(Number::from));
    whole.unwrap_or_else(|_| {
        let float = digits.parse::<f64>().unwrap_or_default();
        // What no double holds is told from others by being the largest.
        let bounded = float.clamp(f64::MIN, f64::MAX);
        Number::from_f64(bounded).unwrap_or_else(|| Number::from(0))
    })
}

/// Takes away arguments whose variable is not given: such an argument is as if it were not written,
/// and the field's own default counts.
pub fn leave_out(
    operation: &mut OperationDefinition,
    fragments: &mut HashMap<LibraryName, Positioned<FragmentDefinition>>,
    omitted: &[LibraryName],
) {
    if omitted.is_empty() {
        return;
    }
    leave_out_of(&mut operation.selection_set.node, omitted);
    for fragment in fragments.values_mut() {
        leave_out_of(&mut fragment.node.selection_set.node, omitted);
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
