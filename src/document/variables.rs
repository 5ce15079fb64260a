//! Whether the values of variables are of the types that an operation defines them with: §6.1.2 of
//! the specification, with graphql-js's verdict.

use async_graphql::{Name, Pos, Value as Const, Variables, indexmap::IndexMap};
use serde_json::{Map, Number, Value as Json};

use super::{
    Fault, Faults, library, piece,
    syntax::{Literal, Operation, Value},
    types::{BuiltIn, Type, TypeInfoKind, Types},
};

/// A variable of an operation.
#[derive(Debug)]
pub struct Variable {
    name: String,
    at: Pos,
    ty: Type,
    default: Option<Const>,
}

/// Values for an operation.
#[derive(Debug)]
pub struct Values {
    /// Those that are something, null among them.
    pub given: Variables,
    /// Those that are nothing.
    pub omitted: Vec<Name>,
}

/// The variables of an operation that was checked.
#[must_use]
pub fn of(operation: &Operation<'_>, types: &Types) -> Vec<Variable> {
    let one = |variable: &super::syntax::VariableDefinition<'_>| {
        let ty = types.resolve(&variable.ty)?;
        let default = variable.default.as_ref().map(|value| default(value, &ty, types));
        Some(Variable { name: variable.name.text.to_owned(), at: variable.name.at, ty, default })
    };
    operation.variables.iter().filter_map(one).collect()
}

/// A default as if it had been given: it was checked with the document.
fn default(value: &Value<'_>, ty: &Type, types: &Types) -> Const {
    match (ty, &value.kind) {
        (Type::NonNull(inner), _) => default(value, inner, types),
        (_, Literal::Null) => Const::Null,
        (Type::List(item), Literal::List(items)) => {
            Const::List(items.iter().map(|each| default(each, item, types)).collect())
        }
        (Type::List(item), _) => Const::List(vec![default(value, item, types)]),
        (Type::Named(id), Literal::Object(members)) => match types.kind(*id) {
            TypeInfoKind::Input(fields) => {
                let mut object = IndexMap::new();
                for member in members {
                    let name = member.name.text;
                    if let Some(field) = fields.iter().find(|field| field.name == name) {
                        object.insert(Name::new(name), default(&member.value, &field.ty, types));
                    }
                }
                Const::Object(object)
            }
            TypeInfoKind::BuiltIn(_)
            | TypeInfoKind::Scalar
            | TypeInfoKind::Enum(_)
            | TypeInfoKind::Composite(_) => constant(value),
        },
        (Type::Named(_), _) => constant(value),
    }
}

/// How many values variables may hold together: each is read again wherever its variable is used.
const MOST_VALUES: usize = 1_000;

/// How many values a value holds, itself among them.
fn size(value: &Json) -> usize {
    1 + match value {
        Json::Array(items) => items.iter().map(size).sum(),
        Json::Object(members) => members.values().map(size).sum(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => 0,
    }
}

/// Reads the values of an operation's variables. Others are passed over.
///
/// # Errors
/// What is wrong with them: `BAD_USER_INPUT`.
pub fn read(
    variables: &[Variable],
    mut values: Map<String, Json>,
    types: &Types,
) -> Result<Values, Vec<Fault>> {
    let count: usize = variables.iter().filter_map(|v| values.get(&v.name)).map(size).sum();
    if count > MOST_VALUES {
        let text = format!("variables hold at most {MOST_VALUES} values");
        return Err(vec![Fault::too_complex(text)]);
    }
    let mut reader = Reader { types, faults: Faults::default() };
    let mut given = IndexMap::new();
    let mut omitted = Vec::new();
    for variable in variables {
        let name = Name::new(&variable.name);
        match (values.remove(&variable.name), &variable.default) {
            (Some(value), _) => {
                let root = Place { variable, outer: None, step: "" };
                let value = reader.read(value, &variable.ty, &root);
                given.insert(name, value);
            }
            (None, Some(default)) => {
                given.insert(name, default.clone());
            }
            (None, None) if matches!(variable.ty, Type::NonNull(_)) => {
                let ty = types.shown(&variable.ty);
                let text =
                    format!("the variable ${} of type {ty} must be given", piece(&variable.name));
                reader.faults.add(Fault::input(variable.at, text));
            }
            (None, None) => omitted.push(name),
        }
    }
    reader.faults.into_result()?;
    let given = Variables::from_value(Const::Object(given));
    Ok(Values { given, omitted })
}

/// What a default says; it holds no variables.
fn constant(value: &Value<'_>) -> Const {
    library::value(value).into_const().unwrap_or_default()
}

/// Where in a variable's value something is.
struct Place<'p> {
    variable: &'p Variable,
    outer: Option<&'p Place<'p>>,
    step: &'p str,
}

impl Place<'_> {
    fn shown(&self) -> String {
        match self.outer {
            None => format!("${}", piece(&self.variable.name)),
            Some(outer) => format!("{}.{}", outer.shown(), piece(self.step)),
        }
    }
}

struct Reader<'t> {
    types: &'t Types,
    faults: Faults,
}

impl Reader<'_> {
    fn wrong(&mut self, place: &Place<'_>, text: impl std::fmt::Display) -> Const {
        if !self.faults.is_full() {
            let text = format!("{} {text}", place.shown());
            self.faults.add(Fault::input(place.variable.at, text));
        }
        Const::Null
    }

    fn read(&mut self, value: Json, ty: &Type, place: &Place<'_>) -> Const {
        match (ty, value) {
            (Type::NonNull(_), Json::Null) => {
                let ty = self.types.shown(ty);
                self.wrong(place, format_args!("is null; it must be of type {ty}"))
            }
            (_, Json::Null) => Const::Null,
            (Type::NonNull(inner), value) => self.read(value, inner, place),
            (Type::List(item), Json::Array(items)) => {
                let each = items.into_iter().enumerate().map(|(number, value)| {
                    let step = number.to_string();
                    self.read(value, item, &Place { step: &step, outer: Some(place), ..*place })
                });
                Const::List(each.collect())
            }
            // A single value may stand for a list of one.
            (Type::List(item), value) => Const::List(vec![self.read(value, item, place)]),
            (Type::Named(id), value) => match self.types.kind(*id) {
                TypeInfoKind::Input(fields) => {
                    let Json::Object(mut members) = value else {
                        let name = self.types.name(*id);
                        return self.wrong(place, format_args!("must be an object: {name}"));
                    };
                    let mut object = IndexMap::new();
                    for field in fields {
                        let step = field.name.as_str();
                        let inner = Place { step, outer: Some(place), ..*place };
                        match members.remove(step) {
                            Some(value) => {
                                object.insert(Name::new(step), self.read(value, &field.ty, &inner));
                            }
                            None if field.is_required() => {
                                let ty = self.types.shown(&field.ty);
                                self.wrong(&inner, format_args!("of type {ty} must be given"));
                            }
                            None => {}
                        }
                    }
                    for name in members.keys() {
                        let ty = self.types.name(*id);
                        self.wrong(place, format_args!("has no field {} ({ty})", piece(name)));
                    }
                    Const::Object(object)
                }
                TypeInfoKind::Enum(values) => {
                    if let Some(name) = value.as_str().filter(|name| values.contains(*name)) {
                        return Const::Enum(Name::new(name));
                    }
                    let name = self.types.name(*id);
                    self.wrong(place, format_args!("must be one of the values of {name}"))
                }
                TypeInfoKind::BuiltIn(scalar) => match scalar_value(*scalar, value) {
                    Some(value) => value,
                    None => {
                        let name = self.types.name(*id);
                        self.wrong(place, format_args!("must be of type {name}"))
                    }
                },
                TypeInfoKind::Scalar => Const::from_json(value).unwrap_or_default(),
                // No variable is of such a type.
                TypeInfoKind::Composite(_) => Const::Null,
            },
        }
    }
}

/// A scalar of the specification's, if the value is one.
fn scalar_value(scalar: BuiltIn, value: Json) -> Option<Const> {
    Some(match (scalar, value) {
        (BuiltIn::Int, Json::Number(number)) => {
            Const::Number(i32::try_from(whole(&number)?).ok()?.into())
        }
        (BuiltIn::Float, Json::Number(number)) => Const::Number(number),
        (BuiltIn::String | BuiltIn::Id, Json::String(text)) => Const::String(text),
        (BuiltIn::Id, Json::Number(number)) => Const::String(whole(&number)?.to_string()),
        (BuiltIn::Boolean, Json::Bool(value)) => Const::Boolean(value),
        (
            BuiltIn::Int | BuiltIn::Float | BuiltIn::String | BuiltIn::Id | BuiltIn::Boolean,
            Json::Null
            | Json::Bool(_)
            | Json::Number(_)
            | Json::String(_)
            | Json::Array(_)
            | Json::Object(_),
        ) => return None,
    })
}

/// A number without a fraction, however it is written: JSON does not tell 1 from 1.0.
fn whole(number: &Number) -> Option<i128> {
    if let Some(whole) = number.as_i128() {
        return Some(whole);
    }
    let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
    // Larger than any id; what is cut is so far beyond that it names nothing.
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
    Some(float as i128)
}
