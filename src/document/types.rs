//! What a schema lets documents say: its types, with their fields and arguments, and directives.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Positioned,
    parser::{
        self,
        types::{
            BaseType, DirectiveLocation, EnumValueDefinition, FieldDefinition,
            InputValueDefinition, OperationType, Type as Written, TypeDefinition, TypeKind,
            TypeSystemDefinition,
        },
    },
};

/// A type, by its number in [`Types`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TypeId(usize);

/// A schema, as validation needs it.
#[derive(Debug)]
pub struct Types {
    all: Vec<TypeInfo>,
    /// Each type as it is used by its name alone.
    plain: Vec<Type>,
    by_name: HashMap<String, TypeId>,
    directives: HashMap<String, DirectiveInfo>,
    query: TypeId,
    mutation: TypeId,
    subscription: TypeId,
    /// What every composite type has.
    typename: FieldInfo,
    /// `__schema` and `__type`, which only the query type has.
    about_schema: HashMap<&'static str, FieldInfo>,
}

/// A type.
#[derive(Debug)]
pub struct TypeInfo {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: TypeInfoKind,
}

/// What a type is.
#[derive(Debug)]
pub enum TypeInfoKind {
    /// One of the specification's.
    BuiltIn(BuiltIn),
    /// One of ours, whose values are judged when they are used.
    Scalar,
    /// With its values.
    Enum(HashSet<String>),
    /// With its fields in order.
    Input(Vec<InputInfo>),
    /// Something with fields.
    Composite(Composite),
}

/// The specification's scalars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltIn {
    /// 32 bits, signed.
    Int,
    /// Double precision, finite.
    Float,
    /// A text.
    String,
    /// True or false.
    Boolean,
    /// A text, or a whole number.
    Id,
}

/// An object, an interface or a union.
#[derive(Debug)]
pub struct Composite {
    fields: HashMap<String, FieldInfo>,
    /// The objects that a value of it can be: one, if it is an object itself.
    possible: HashSet<TypeId>,
    is_object: bool,
}

/// A field.
#[derive(Debug)]
pub struct FieldInfo {
    /// What it answers with.
    pub ty: Type,
    /// Its arguments.
    pub arguments: Vec<InputInfo>,
}

/// An argument, or a field of an input object.
#[derive(Debug)]
pub struct InputInfo {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub ty: Type,
    /// Whether it is something when nothing is given.
    pub has_default: bool,
}

impl InputInfo {
    /// Whether it must be given.
    #[must_use]
    pub fn is_required(&self) -> bool {
        matches!(self.ty, Type::NonNull(_)) && !self.has_default
    }
}

/// A directive.
#[derive(Debug)]
pub struct DirectiveInfo {
    /// Its arguments.
    pub arguments: Vec<InputInfo>,
    /// Where it may stand, once in each place: the library's reader of schemas does not tell which
    /// may be repeated, and none of ours may.
    pub locations: Vec<DirectiveLocation>,
}

/// A type where it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// A value or null.
    Named(TypeId),
    /// A list or null.
    List(Box<Type>),
    /// Never null.
    NonNull(Box<Type>),
}

impl Type {
    /// The type without its lists and without its promise of not being null.
    #[must_use]
    pub fn named(&self) -> TypeId {
        match self {
            Self::Named(id) => *id,
            Self::List(inner) | Self::NonNull(inner) => inner.named(),
        }
    }

    /// The type, null allowed.
    #[must_use]
    pub fn nullable(&self) -> &Self {
        match self {
            Self::NonNull(inner) => inner,
            Self::Named(_) | Self::List(_) => self,
        }
    }

    /// Whether every value of this type is one of the other. Both are input types, of which none is
    /// another's subtype by name.
    #[must_use]
    pub fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::NonNull(a), Self::NonNull(b)) | (Self::List(a), Self::List(b)) => a.fits(b),
            (Self::NonNull(a), Self::Named(_) | Self::List(_)) => a.fits(other),
            (Self::Named(a), Self::Named(b)) => a == b,
            (Self::Named(_) | Self::List(_), _) => false,
        }
    }
}

/// A schema that cannot be made sense of.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// Its text is not the schema definition language.
    #[error("the schema cannot be read")]
    Text(#[from] parser::Error),
    /// It names a type that it does not have.
    #[error("the schema has no type {0}")]
    Unknown(String),
}

/// What every schema has beside its own types: the specification's scalars, and the types that
/// describe schemas (GraphQL specification, September 2025, §4.2, as the executing library answers).
const INTROSPECTION: &str = r#"
scalar String scalar Boolean
type __Schema {
  description: String types: [__Type!]! queryType: __Type! mutationType: __Type
  subscriptionType: __Type directives: [__Directive!]!
}
type __Type {
  kind: __TypeKind! name: String description: String specifiedByURL: String
  fields(includeDeprecated: Boolean = false): [__Field!] interfaces: [__Type!] possibleTypes: [__Type!]
  enumValues(includeDeprecated: Boolean = false): [__EnumValue!]
  inputFields(includeDeprecated: Boolean = false): [__InputValue!] ofType: __Type isOneOf: Boolean
}
type __Field {
  name: String! description: String args(includeDeprecated: Boolean = false): [__InputValue!]!
  type: __Type! isDeprecated: Boolean! deprecationReason: String
}
type __InputValue {
  name: String! description: String type: __Type! defaultValue: String isDeprecated: Boolean!
  deprecationReason: String
}
type __EnumValue {
  name: String! description: String isDeprecated: Boolean! deprecationReason: String
}
type __Directive {
  name: String! description: String isRepeatable: Boolean! locations: [__DirectiveLocation!]!
  args(includeDeprecated: Boolean = false): [__InputValue!]!
}
enum __TypeKind { SCALAR OBJECT INTERFACE UNION ENUM INPUT_OBJECT LIST NON_NULL }
enum __DirectiveLocation {
  QUERY MUTATION SUBSCRIPTION FIELD FRAGMENT_DEFINITION FRAGMENT_SPREAD INLINE_FRAGMENT
  VARIABLE_DEFINITION SCHEMA SCALAR OBJECT FIELD_DEFINITION ARGUMENT_DEFINITION INTERFACE UNION ENUM
  ENUM_VALUE INPUT_OBJECT INPUT_FIELD_DEFINITION
}
directive @deprecated(reason: String! = "n") on FIELD_DEFINITION | ARGUMENT_DEFINITION | INPUT_FIELD_DEFINITION | ENUM_VALUE
directive @oneOf on INPUT_OBJECT
directive @specifiedBy(url: String!) on SCALAR
directive @skip(if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
directive @include(if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
"#;

/// The numeric and id scalars: a schema has those that it uses.
const ON_USE: [&str; 3] = ["Int", "Float", "ID"];

fn built_in(name: &str) -> Option<BuiltIn> {
    Some(match name {
        "Int" => BuiltIn::Int,
        "Float" => BuiltIn::Float,
        "String" => BuiltIn::String,
        "Boolean" => BuiltIn::Boolean,
        "ID" => BuiltIn::Id,
        _ => return None,
    })
}

impl Types {
    /// Reads a schema.
    ///
    /// # Errors
    /// [`SchemaError`].
    pub fn from_sdl(sdl: &str) -> Result<Self, SchemaError> {
        let mut definitions = Vec::new();
        let mut directives = Vec::new();
        let mut roots = [String::from("Query"), "Mutation".into(), "Subscription".into()];
        let own = parser::parse_schema(sdl)?.definitions;
        for definition in own.into_iter().chain(parser::parse_schema(INTROSPECTION)?.definitions) {
            match definition {
                TypeSystemDefinition::Type(definition) => definitions.push(definition.node),
                TypeSystemDefinition::Directive(definition) => directives.push(definition.node),
                TypeSystemDefinition::Schema(schema) => {
                    let schema = schema.node;
                    let named = [schema.query, schema.mutation, schema.subscription];
                    for (root, named) in roots.iter_mut().zip(named) {
                        if let Some(name) = named {
                            *root = name.node.to_string();
                        }
                    }
                }
            }
        }
        let mut names: Names = Names::default();
        for definition in &definitions {
            names.add(&definition.name.node);
        }
        for name in ON_USE.into_iter().filter(|name| definitions.iter().any(|d| uses(d, name))) {
            names.add(name);
        }
        let mut all = Vec::new();
        for definition in &definitions {
            all.push(info(definition, &names)?);
        }
        for name in names.order.iter().skip(definitions.len()) {
            let kind = built_in(name).map_or(TypeInfoKind::Scalar, TypeInfoKind::BuiltIn);
            all.push(TypeInfo { name: name.clone(), kind });
        }
        for definition in &definitions {
            add_to_abstract(definition, &names, &mut all)?;
        }
        let mut known = HashMap::new();
        for directive in directives {
            let info = DirectiveInfo {
                arguments: inputs(&directive.arguments, &names)?,
                locations: directive.locations.into_iter().map(|location| location.node).collect(),
            };
            known.insert(directive.name.node.to_string(), info);
        }
        let named = |name: &str| names.id(name).map(Type::Named);
        let must = |ty: Type| Type::NonNull(Box::new(ty));
        let field = |ty, arguments| FieldInfo { ty, arguments };
        let name =
            InputInfo { name: "name".into(), ty: must(named("String")?), has_default: false };
        let about_schema = HashMap::from([
            ("__schema", field(must(named("__Schema")?), vec![])),
            ("__type", field(named("__Type")?, vec![name])),
        ]);
        Ok(Self {
            query: names.id(&roots[0])?,
            mutation: names.id(&roots[1])?,
            subscription: names.id(&roots[2])?,
            typename: field(must(named("String")?), vec![]),
            about_schema,
            plain: (0..all.len()).map(|number| Type::Named(TypeId(number))).collect(),
            all,
            by_name: names.ids,
            directives: known,
        })
    }

    /// The type of this name.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<TypeId> {
        self.by_name.get(name).copied()
    }

    /// What a type is.
    #[must_use]
    pub fn kind(&self, id: TypeId) -> &TypeInfoKind {
        static NOTHING: TypeInfoKind = TypeInfoKind::Scalar;
        // Ids are handed out by this table alone.
        self.all.get(id.0).map_or(&NOTHING, |info| &info.kind)
    }

    /// A type's name.
    #[must_use]
    pub fn name(&self, id: TypeId) -> &str {
        self.all.get(id.0).map_or("", |info| &info.name)
    }

    /// A type as it is used by its name alone.
    #[must_use]
    pub fn used(&self, id: TypeId) -> Option<&Type> {
        self.plain.get(id.0)
    }

    /// The type at the root of an operation.
    #[must_use]
    pub const fn root(&self, kind: OperationType) -> TypeId {
        match kind {
            OperationType::Query => self.query,
            OperationType::Mutation => self.mutation,
            OperationType::Subscription => self.subscription,
        }
    }

    /// A type as it is written where it is used.
    #[must_use]
    pub fn shown(&self, ty: &Type) -> String {
        match ty {
            Type::Named(id) => self.name(*id).to_owned(),
            Type::List(inner) => format!("[{}]", self.shown(inner)),
            Type::NonNull(inner) => format!("{}!", self.shown(inner)),
        }
    }

    /// A field of a type.
    #[must_use]
    pub fn field(&self, parent: TypeId, name: &str) -> Option<&FieldInfo> {
        let TypeInfoKind::Composite(composite) = self.kind(parent) else { return None };
        match name {
            "__typename" => Some(&self.typename),
            _ if parent == self.query && name.starts_with("__") => self.about_schema.get(name),
            _ => composite.fields.get(name),
        }
    }

    /// The names of a type's fields.
    pub fn field_names(&self, parent: TypeId) -> impl Iterator<Item = &str> {
        let fields = match self.kind(parent) {
            TypeInfoKind::Composite(composite) => Some(composite.fields.keys().map(String::as_str)),
            TypeInfoKind::BuiltIn(_)
            | TypeInfoKind::Scalar
            | TypeInfoKind::Enum(_)
            | TypeInfoKind::Input(_) => None,
        };
        fields.into_iter().flatten()
    }

    /// The names of all types.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|info| info.name.as_str())
    }

    /// A directive.
    #[must_use]
    pub fn directive(&self, name: &str) -> Option<&DirectiveInfo> {
        self.directives.get(name)
    }

    /// Whether a type has fields to select.
    #[must_use]
    pub fn is_composite(&self, id: TypeId) -> bool {
        matches!(self.kind(id), TypeInfoKind::Composite(_))
    }

    /// Whether a type is an object, not one of several.
    #[must_use]
    pub fn is_object(&self, id: TypeId) -> bool {
        matches!(self.kind(id), TypeInfoKind::Composite(composite) if composite.is_object)
    }

    /// Whether something can be of both types.
    #[must_use]
    pub fn overlap(&self, a: TypeId, b: TypeId) -> bool {
        match (self.kind(a), self.kind(b)) {
            (TypeInfoKind::Composite(first), TypeInfoKind::Composite(second)) => {
                a == b || !first.possible.is_disjoint(&second.possible)
            }
            (
                TypeInfoKind::Composite(_)
                | TypeInfoKind::BuiltIn(_)
                | TypeInfoKind::Scalar
                | TypeInfoKind::Enum(_)
                | TypeInfoKind::Input(_),
                _,
            ) => false,
        }
    }

    /// The type that a variable is declared with, if all of it is known.
    #[must_use]
    pub fn resolve(&self, written: &super::syntax::TypeRef<'_>) -> Option<Type> {
        use super::syntax::TypeRef;
        Some(match written {
            TypeRef::Named(name) => Type::Named(self.id(name.text)?),
            TypeRef::List(inner) => Type::List(Box::new(self.resolve(inner)?)),
            TypeRef::NonNull(inner) => Type::NonNull(Box::new(self.resolve(inner)?)),
        })
    }
}

#[derive(Default)]
struct Names {
    ids: HashMap<String, TypeId>,
    order: Vec<String>,
}

impl Names {
    fn add(&mut self, name: &str) {
        self.ids.insert(name.to_owned(), TypeId(self.order.len()));
        self.order.push(name.to_owned());
    }

    fn id(&self, name: &str) -> Result<TypeId, SchemaError> {
        self.ids.get(name).copied().ok_or_else(|| SchemaError::Unknown(name.to_owned()))
    }

    fn ty(&self, written: &Written) -> Result<Type, SchemaError> {
        let inner = match &written.base {
            BaseType::Named(name) => Type::Named(self.id(name)?),
            BaseType::List(inner) => Type::List(Box::new(self.ty(inner)?)),
        };
        Ok(if written.nullable { inner } else { Type::NonNull(Box::new(inner)) })
    }
}

fn base(written: &Written) -> &str {
    match &written.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => base(inner),
    }
}

/// Whether a definition names this type anywhere.
fn uses(definition: &TypeDefinition, name: &str) -> bool {
    let input = |input: &Positioned<InputValueDefinition>| base(&input.node.ty.node) == name;
    let field = |field: &Positioned<FieldDefinition>| {
        base(&field.node.ty.node) == name || field.node.arguments.iter().any(input)
    };
    match &definition.kind {
        TypeKind::Object(object) => object.fields.iter().any(field),
        TypeKind::Interface(interface) => interface.fields.iter().any(field),
        TypeKind::InputObject(object) => object.fields.iter().any(input),
        TypeKind::Scalar | TypeKind::Union(_) | TypeKind::Enum(_) => false,
    }
}

fn inputs(
    written: &[Positioned<InputValueDefinition>],
    names: &Names,
) -> Result<Vec<InputInfo>, SchemaError> {
    let input = |input: &Positioned<InputValueDefinition>| {
        Ok(InputInfo {
            name: input.node.name.node.to_string(),
            ty: names.ty(&input.node.ty.node)?,
            has_default: input.node.default_value.is_some(),
        })
    };
    written.iter().map(input).collect()
}

fn fields(
    written: &[Positioned<FieldDefinition>],
    names: &Names,
) -> Result<HashMap<String, FieldInfo>, SchemaError> {
    let field = |field: &Positioned<FieldDefinition>| {
        let info = FieldInfo {
            ty: names.ty(&field.node.ty.node)?,
            arguments: inputs(&field.node.arguments, names)?,
        };
        Ok((field.node.name.node.to_string(), info))
    };
    written.iter().map(field).collect()
}

fn info(definition: &TypeDefinition, names: &Names) -> Result<TypeInfo, SchemaError> {
    let name = definition.name.node.to_string();
    let id = names.id(&name)?;
    let composite = |fields, possible, is_object| {
        TypeInfoKind::Composite(Composite { fields, possible, is_object })
    };
    let kind = match &definition.kind {
        TypeKind::Scalar => built_in(&name).map_or(TypeInfoKind::Scalar, TypeInfoKind::BuiltIn),
        TypeKind::Object(object) => {
            composite(fields(&object.fields, names)?, HashSet::from([id]), true)
        }
        TypeKind::Interface(interface) => {
            composite(fields(&interface.fields, names)?, HashSet::new(), false)
        }
        TypeKind::Union(_) => composite(HashMap::new(), HashSet::new(), false),
        TypeKind::Enum(values) => {
            let value = |value: &Positioned<EnumValueDefinition>| value.node.value.node.to_string();
            TypeInfoKind::Enum(values.values.iter().map(value).collect())
        }
        TypeKind::InputObject(object) => TypeInfoKind::Input(inputs(&object.fields, names)?),
    };
    Ok(TypeInfo { name, kind })
}

/// Makes an object known to the interfaces and unions that it can be met as.
fn add_to_abstract(
    definition: &TypeDefinition,
    names: &Names,
    all: &mut [TypeInfo],
) -> Result<(), SchemaError> {
    let mut add = |to: &str, object: TypeId| {
        let to = names.id(to)?;
        if let Some(TypeInfo { kind: TypeInfoKind::Composite(composite), .. }) = all.get_mut(to.0) {
            composite.possible.insert(object);
        }
        Ok(())
    };
    match &definition.kind {
        TypeKind::Object(object) => {
            let id = names.id(&definition.name.node)?;
            object.implements.iter().try_for_each(|interface| add(&interface.node, id))
        }
        TypeKind::Union(union) => {
            let mut members = union.members.iter();
            members.try_for_each(|member| add(&definition.name.node, names.id(&member.node)?))
        }
        TypeKind::Scalar
        | TypeKind::Interface(_)
        | TypeKind::Enum(_)
        | TypeKind::InputObject(_) => Ok(()),
    }
}
