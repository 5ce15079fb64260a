//! Whether values are of the types that are wanted, and which variables they use.

use std::collections::HashSet;

use super::{Checker, Usage};
use crate::document::{
    piece,
    syntax::{Argument, Literal, Value},
    types::{BuiltIn, InputInfo, Type, TypeInfoKind},
};

impl<'a, 't> Checker<'a, 't> {
    /// Checks a value; `wanted` is none where that is unclear.
    pub(super) fn value(
        &mut self,
        value: &'a Value<'a>,
        wanted: Option<&'t Type>,
        has_default: bool,
    ) {
        let Some(ty) = wanted else { return self.untyped(value, None, has_default) };
        match &value.kind {
            Literal::Variable(_) => self.untyped(value, wanted, has_default),
            Literal::Null => {
                if let Type::NonNull(_) = ty {
                    self.misfit(value, ty);
                }
            }
            Literal::List(items) => {
                if let Type::List(item) = ty.nullable() {
                    for each in items {
                        self.value(each, Some(item.as_ref()), false);
                    }
                } else {
                    self.leaf(value, ty);
                    self.untyped(value, wanted, has_default);
                }
            }
            Literal::Object(members) => {
                if let TypeInfoKind::Input(fields) = self.types.kind(ty.named()) {
                    self.members(value, members, fields, ty);
                } else {
                    self.leaf(value, ty);
                    self.untyped(value, wanted, has_default);
                }
            }
            Literal::Int(_)
            | Literal::Float(_)
            | Literal::String(_)
            | Literal::Block(_)
            | Literal::Boolean(_)
            | Literal::Enum(_) => self.leaf(value, ty),
        }
    }

    fn misfit(&mut self, value: &Value<'_>, ty: &Type) {
        let text = format!("{} is no value of type {}", value.shown(), self.types.shown(ty));
        self.fault(value.at, text);
    }

    /// Checks a value that stands for itself. A single one may stand for a list of one.
    fn leaf(&mut self, value: &'a Value<'a>, ty: &'t Type) {
        let fits = match self.types.kind(ty.named()) {
            TypeInfoKind::Scalar => true,
            TypeInfoKind::BuiltIn(scalar) => is_of(*scalar, &value.kind),
            TypeInfoKind::Enum(values) => {
                matches!(&value.kind, Literal::Enum(name) if values.contains(*name))
            }
            TypeInfoKind::Input(_) | TypeInfoKind::Composite(_) => false,
        };
        if fits {
            return;
        }
        if let (Literal::Enum(name), TypeInfoKind::Enum(values)) =
            (&value.kind, self.types.kind(ty.named()))
        {
            let meant = self.meant(name, values.iter().map(String::as_str));
            let text =
                format!("{} has no value {}{meant}", self.types.name(ty.named()), piece(name));
            return self.fault(value.at, text);
        }
        self.misfit(value, ty);
    }

    fn members(
        &mut self,
        value: &'a Value<'a>,
        members: &'a [Argument<'a>],
        fields: &'t [InputInfo],
        ty: &'t Type,
    ) {
        self.distinct(members);
        let given: HashSet<_> = members.iter().map(|member| member.name.text).collect();
        for member in members {
            let name = member.name;
            let field = fields.iter().find(|field| field.name == name.text);
            if field.is_none() {
                let meant = self.meant(name.text, fields.iter().map(|field| field.name.as_str()));
                let ty = self.types.name(ty.named());
                self.fault(name.at, format!("{ty} has no field {}{meant}", piece(name.text)));
            }
            let wanted = field.map(|field| &field.ty);
            self.value(&member.value, wanted, field.is_some_and(|field| field.has_default));
        }
        for field in fields.iter().filter(|field| field.is_required()) {
            if !given.contains(field.name.as_str()) {
                let (ty, of) = (self.types.name(ty.named()), self.types.shown(&field.ty));
                let text = format!("{ty} needs the field {} of type {of}", field.name);
                self.fault(value.at, text);
            }
        }
    }

    fn distinct(&mut self, members: &'a [Argument<'a>]) {
        let mut seen = HashSet::new();
        for member in members {
            if !seen.insert(member.name.text) {
                let text = format!("the field {} is given twice", piece(member.name.text));
                self.fault(member.name.at, text);
            }
        }
    }

    /// Notes the variables of a value whose type is judged elsewhere, or not known.
    fn untyped(&mut self, value: &'a Value<'a>, wanted: Option<&'t Type>, has_default: bool) {
        match &value.kind {
            Literal::Variable(name) => {
                self.uses.variables.push(Usage { name, at: value.at, wanted, has_default });
            }
            Literal::List(items) => {
                let item = wanted.map(|wanted| match wanted.nullable() {
                    Type::List(item) => item.as_ref(),
                    other @ (Type::Named(_) | Type::NonNull(_)) => other,
                });
                for each in items {
                    self.untyped(each, item, false);
                }
            }
            Literal::Object(members) => {
                self.distinct(members);
                for member in members {
                    self.untyped(&member.value, None, false);
                }
            }
            Literal::Int(_)
            | Literal::Float(_)
            | Literal::String(_)
            | Literal::Block(_)
            | Literal::Boolean(_)
            | Literal::Null
            | Literal::Enum(_) => {}
        }
    }
}

/// Whether a literal is a value of this scalar.
fn is_of(scalar: BuiltIn, literal: &Literal<'_>) -> bool {
    match scalar {
        BuiltIn::Int => {
            matches!(literal, Literal::Int(digits) if digits.parse::<i32>().is_ok())
        }
        BuiltIn::Float => matches!(literal, Literal::Int(_) | Literal::Float(_)),
        BuiltIn::String => matches!(literal, Literal::String(_) | Literal::Block(_)),
        BuiltIn::Boolean => matches!(literal, Literal::Boolean(_)),
        BuiltIn::Id => {
            matches!(literal, Literal::String(_) | Literal::Block(_) | Literal::Int(_))
        }
    }
}
