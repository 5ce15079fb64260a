//! Rules of operations as wholes: their names, their variables, their root fields.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::{DirectiveLocation, OperationType};

use super::{Checker, Usage};
use crate::document::{
    piece,
    syntax::{Directive, Document, Field, Fragment, Literal, Operation, Selection, TypeRef, Value},
    types::{Type, TypeId},
};

/// The root fields of an operation, fragments spread.
#[derive(Debug, Default)]
pub struct Roots<'a> {
    /// In order.
    pub fields: Vec<&'a Field<'a>>,
    /// Whether one of them depends on a variable.
    pub depends: bool,
}

/// Collects the root fields of an operation, leaving out what its own text leaves out. A fragment
/// counts each time that it is spread, as the executing library counts.
fn roots<'a>(
    operation: &'a Operation<'a>,
    fragment: impl Fn(&str) -> Option<&'a Fragment<'a>>,
    on: impl Fn(&str) -> bool,
) -> Roots<'a> {
    let mut roots = Roots::default();
    let mut left: Vec<_> = operation.selections.iter().rev().collect();
    while let Some(selection) = left.pop() {
        let directives = match selection {
            Selection::Field(field) => &field.directives,
            Selection::Inline(inline) => &inline.directives,
            Selection::Spread(spread) => &spread.directives,
        };
        match kept(directives) {
            Some(false) => continue,
            Some(true) => {}
            None => roots.depends = true,
        }
        match selection {
            Selection::Field(field) => roots.fields.push(field),
            Selection::Inline(inline) => {
                if inline.on.is_none_or(|name| on(name.text)) {
                    left.extend(inline.selections.iter().rev());
                }
            }
            Selection::Spread(spread) => {
                let name = spread.name.text;
                if let Some(fragment) = fragment(name)
                    && on(fragment.on.text)
                {
                    left.extend(fragment.selections.iter().rev());
                }
            }
        }
    }
    roots
}

/// Whether `@skip` and `@include` keep what they stand at; none if that depends on a variable.
fn kept(directives: &[Directive<'_>]) -> Option<bool> {
    let mut kept = true;
    for directive in directives {
        let keeps_if = match directive.name.text {
            "skip" => false,
            "include" => true,
            _ => continue,
        };
        match directive.arguments.first().map(|argument| &argument.value.kind) {
            Some(Literal::Boolean(value)) => kept &= *value == keeps_if,
            Some(_) | None => return None,
        }
    }
    Some(kept)
}

impl<'a, 't> Checker<'a, 't> {
    pub(super) fn names_of_operations(&mut self, document: &Document<'a>) {
        let mut seen = HashSet::new();
        for operation in &document.operations {
            match operation.name {
                Some(name) if !seen.insert(name.text) => {
                    let text = format!("there are several operations {}", piece(name.text));
                    self.fault(name.at, text);
                }
                None if document.operations.len() > 1 => {
                    let text = "an operation without a name must be the document's only one";
                    self.fault(operation.at, text);
                }
                Some(_) | None => {}
            }
        }
    }

    /// Checks how an operation defines its variables.
    pub(super) fn definitions(&mut self, operation: &'a Operation<'a>) {
        let mut seen = HashSet::new();
        for variable in &operation.variables {
            let name = variable.name;
            if !seen.insert(name.text) {
                self.fault(name.at, format!("the variable ${} is defined twice", piece(name.text)));
            }
            self.directives(&variable.directives, DirectiveLocation::VariableDefinition);
            if let Some(id) = self.known_type(type_name(&variable.ty))
                && self.types.is_composite(id)
            {
                let ty = self.types.name(id);
                let text = format!(
                    "the variable ${} cannot be of type {ty}, which is for answers",
                    piece(name.text)
                );
                self.fault(name.at, text);
            }
            if let Some(default) = &variable.default {
                self.default(default, &variable.ty);
            }
        }
    }

    /// Checks a default against the type that is written beside it, level by level, since that type
    /// is none of the schema's own.
    fn default(&mut self, value: &'a Value<'a>, ty: &TypeRef<'a>) {
        let types = self.types;
        match (ty, &value.kind) {
            (TypeRef::NonNull(_), Literal::Null) => {
                self.fault(value.at, "null is no value of a type that ends with !");
            }
            (_, Literal::Null) => {}
            (TypeRef::NonNull(inner), _) => self.default(value, inner),
            (TypeRef::List(inner), Literal::List(items)) => {
                for item in items {
                    self.default(item, inner);
                }
            }
            // A single value may stand for a list of one.
            (TypeRef::List(inner), _) => {
                let mut inner = inner.as_ref();
                while let TypeRef::List(next) | TypeRef::NonNull(next) = inner {
                    inner = next;
                }
                self.default(value, inner);
            }
            (TypeRef::Named(name), _) => match types.id(name.text).and_then(|id| types.used(id)) {
                Some(ty) => self.value(value, Some(ty), false),
                None => self.value(value, None, false),
            },
        }
    }

    /// Checks every use of an operation's variables against their definitions.
    pub(super) fn variables<'u>(
        &mut self,
        operation: &'a Operation<'a>,
        usages: impl Iterator<Item = &'u Usage<'a, 't>>,
    ) where
        'a: 'u,
        't: 'u,
    {
        let mut defined = HashMap::new();
        for variable in &operation.variables {
            let is_filled =
                variable.default.as_ref().is_some_and(|value| !matches!(value.kind, Literal::Null));
            defined.insert(variable.name.text, (self.types.resolve(&variable.ty), is_filled));
        }
        let mut used = HashSet::new();
        for usage in usages {
            used.insert(usage.name);
            let name = piece(usage.name);
            let Some((ty, is_filled)) = defined.get(usage.name) else {
                let text = format!("the variable ${name} is not defined by {}", title(operation));
                self.fault(usage.at, text);
                continue;
            };
            if let (Some(ty), Some(wanted)) = (ty, usage.wanted)
                && !may_stand(ty, *is_filled, wanted, usage.has_default)
            {
                let (ty, wanted) = (self.types.shown(ty), self.types.shown(wanted));
                let text = format!(
                    "the variable ${name} is of type {ty}, where one of type {wanted} is needed"
                );
                self.fault(usage.at, text);
            }
        }
        for variable in operation.variables.iter().filter(|v| !used.contains(v.name.text)) {
            let name = piece(variable.name.text);
            let text = format!("the variable ${name} is not used by {}", title(operation));
            self.fault(variable.name.at, text);
        }
    }

    /// Collects the root fields of a subscription or a mutation, and checks them.
    pub(super) fn roots(
        &mut self,
        operation: &'a Operation<'a>,
        document: &'a Document<'a>,
    ) -> Roots<'a> {
        if operation.kind == OperationType::Query {
            return Roots::default();
        }
        let (types, root) = (self.types, self.types.root(operation.kind));
        let is_on_root = |name: &str| types.id(name).is_some_and(|id| is_met(types, id, root));
        let fragment = |name: &str| document.fragments.get(self.fragments.get(name)?.0);
        let roots = roots(operation, fragment, is_on_root);
        let mut seen = HashSet::new();
        let again: Vec<_> = roots
            .fields
            .iter()
            .map(|field| field.key())
            .filter(|key| !seen.insert(key.text))
            .collect();
        if operation.kind == OperationType::Mutation {
            // The executing library would run the field once for each time that it is named.
            for key in again {
                let text = "a mutation names each of its root fields once; give the other an alias";
                self.fault(key.at, text);
            }
            return roots;
        }
        if seen.len() > 1 {
            self.fault(operation.at, "a subscription has exactly one root field");
        }
        if roots.depends {
            let text = "the root field of a subscription does not depend on a variable";
            self.fault(operation.at, text);
        }
        if roots.fields.iter().any(|field| field.name.text.starts_with("__")) {
            let text = "a subscription's root field is one of the schema's own";
            self.fault(operation.at, text);
        }
        roots
    }
}

/// Whether a fragment about `id` is met at the root.
fn is_met(types: &crate::document::types::Types, id: TypeId, root: TypeId) -> bool {
    id == root || (!types.is_object(id) && types.overlap(id, root))
}

fn type_name<'a>(ty: &TypeRef<'a>) -> crate::document::syntax::Name<'a> {
    match ty {
        TypeRef::Named(name) => *name,
        TypeRef::List(inner) | TypeRef::NonNull(inner) => type_name(inner),
    }
}

fn title(operation: &Operation<'_>) -> String {
    match operation.name {
        Some(name) => format!("the operation {}", piece(name.text)),
        None => "the operation".to_owned(),
    }
}

/// Whether a variable may stand where `wanted` is wanted.
fn may_stand(ty: &Type, is_filled: bool, wanted: &Type, has_default: bool) -> bool {
    match (wanted, ty) {
        (Type::NonNull(inner), Type::Named(_) | Type::List(_)) => {
            (is_filled || has_default) && ty.fits(inner)
        }
        (Type::NonNull(_) | Type::Named(_) | Type::List(_), _) => ty.fits(wanted),
    }
}
