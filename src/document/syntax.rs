//! What a document says, as it was written: names and values are pieces of its text, and every one
//! knows its place.

use std::borrow::Cow;

use async_graphql::{Pos, parser::types::OperationType};

/// A document's definitions that can be run, in order.
#[derive(Debug)]
pub struct Document<'a> {
    /// Queries, mutations and subscriptions.
    pub operations: Vec<Operation<'a>>,
    /// Fragments.
    pub fragments: Vec<Fragment<'a>>,
    /// Where a definition stands that belongs in a schema, if one does.
    pub type_system: Option<Pos>,
    /// How many tokens it has.
    pub tokens: usize,
}

/// A name and its place.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a> {
    /// Where it begins.
    pub at: Pos,
    /// The name.
    pub text: &'a str,
}

/// A query, a mutation or a subscription.
#[derive(Debug)]
pub struct Operation<'a> {
    /// Where it begins.
    pub at: Pos,
    /// What it does.
    pub kind: OperationType,
    /// Its name.
    pub name: Option<Name<'a>>,
    /// Its variables.
    pub variables: Vec<VariableDefinition<'a>>,
    /// Its directives.
    pub directives: Vec<Directive<'a>>,
    /// What it selects; never empty.
    pub selections: Vec<Selection<'a>>,
}

/// A variable of an operation.
#[derive(Debug)]
pub struct VariableDefinition<'a> {
    /// Its name, without the dollar.
    pub name: Name<'a>,
    /// Its type.
    pub ty: TypeRef<'a>,
    /// What it is when nothing is given.
    pub default: Option<Value<'a>>,
    /// Its directives.
    pub directives: Vec<Directive<'a>>,
}

/// A type as a variable names it.
#[derive(Debug)]
pub enum TypeRef<'a> {
    /// By its name.
    Named(Name<'a>),
    /// `[…]`.
    List(Box<TypeRef<'a>>),
    /// `…!`.
    NonNull(Box<TypeRef<'a>>),
}

/// A fragment.
#[derive(Debug)]
pub struct Fragment<'a> {
    /// Where it begins.
    pub at: Pos,
    /// Its name.
    pub name: Name<'a>,
    /// The type that it is about.
    pub on: Name<'a>,
    /// Its directives.
    pub directives: Vec<Directive<'a>>,
    /// What it selects; never empty.
    pub selections: Vec<Selection<'a>>,
}

/// One of the things that are selected.
#[derive(Debug)]
pub enum Selection<'a> {
    /// A field.
    Field(Field<'a>),
    /// `...Name`.
    Spread(Spread<'a>),
    /// `... on Type { … }`.
    Inline(Inline<'a>),
}

/// A field.
#[derive(Debug)]
pub struct Field<'a> {
    /// What it is called in the answer, if not by its name.
    pub alias: Option<Name<'a>>,
    /// Its name.
    pub name: Name<'a>,
    /// Its arguments.
    pub arguments: Vec<Argument<'a>>,
    /// Its directives.
    pub directives: Vec<Directive<'a>>,
    /// What is selected of it.
    pub selections: Option<Vec<Selection<'a>>>,
}

impl<'a> Field<'a> {
    /// What it is called in the answer.
    #[must_use]
    pub fn key(&self) -> Name<'a> {
        self.alias.unwrap_or(self.name)
    }
}

/// A fragment that is spread.
#[derive(Debug)]
pub struct Spread<'a> {
    /// Where it begins.
    pub at: Pos,
    /// The fragment's name.
    pub name: Name<'a>,
    /// Its directives.
    pub directives: Vec<Directive<'a>>,
}

/// A fragment without a name.
#[derive(Debug)]
pub struct Inline<'a> {
    /// Where it begins.
    pub at: Pos,
    /// The type that it is about.
    pub on: Option<Name<'a>>,
    /// Its directives.
    pub directives: Vec<Directive<'a>>,
    /// What it selects; never empty.
    pub selections: Vec<Selection<'a>>,
}

/// A directive.
#[derive(Debug)]
pub struct Directive<'a> {
    /// Where it begins.
    pub at: Pos,
    /// Its name, without the `@`.
    pub name: Name<'a>,
    /// Its arguments.
    pub arguments: Vec<Argument<'a>>,
}

/// An argument, or a member of an object.
#[derive(Debug)]
pub struct Argument<'a> {
    /// Its name.
    pub name: Name<'a>,
    /// Its value.
    pub value: Value<'a>,
}

/// A value and its place.
#[derive(Debug)]
pub struct Value<'a> {
    /// Where it begins.
    pub at: Pos,
    /// What it is.
    pub kind: Literal<'a>,
}

/// A value.
#[derive(Debug)]
pub enum Literal<'a> {
    /// `$name`.
    Variable(&'a str),
    /// Digits as they were written.
    Int(&'a str),
    /// Digits as they were written.
    Float(&'a str),
    /// A text, with its escapes undone.
    String(Cow<'a, str>),
    /// A text between three quotes, without its indentation.
    Block(String),
    /// `true` or `false`.
    Boolean(bool),
    /// `null`.
    Null,
    /// Any other name.
    Enum(&'a str),
    /// `[…]`.
    List(Vec<Value<'a>>),
    /// `{…}`.
    Object(Vec<Argument<'a>>),
}

impl Value<'_> {
    /// Whether two values are written alike, the order of an object's members apart.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Literal::Variable(a), Literal::Variable(b))
            | (Literal::Int(a), Literal::Int(b))
            | (Literal::Float(a), Literal::Float(b))
            | (Literal::Enum(a), Literal::Enum(b)) => a == b,
            (Literal::String(a), Literal::String(b)) => a == b,
            (Literal::Block(a), Literal::Block(b)) => a == b,
            (Literal::Boolean(a), Literal::Boolean(b)) => a == b,
            (Literal::Null, Literal::Null) => true,
            (Literal::List(a), Literal::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_same_as(b))
            }
            (Literal::Object(a), Literal::Object(b)) => are_same(a, b),
            (
                Literal::Variable(_)
                | Literal::Int(_)
                | Literal::Float(_)
                | Literal::Enum(_)
                | Literal::String(_)
                | Literal::Block(_)
                | Literal::Boolean(_)
                | Literal::Null
                | Literal::List(_)
                | Literal::Object(_),
                _,
            ) => false,
        }
    }

    /// The value as an error names it: a short piece of what was written.
    #[must_use]
    pub fn shown(&self) -> String {
        let short = |text: &str| text.chars().take(LONGEST_PIECE).collect::<String>();
        match &self.kind {
            Literal::Variable(name) => format!("${}", short(name)),
            Literal::Int(text) | Literal::Float(text) | Literal::Enum(text) => short(text),
            Literal::String(_) | Literal::Block(_) => "a text".to_owned(),
            Literal::Boolean(value) => value.to_string(),
            Literal::Null => "null".to_owned(),
            Literal::List(_) => "a list".to_owned(),
            Literal::Object(_) => "an object".to_owned(),
        }
    }
}

/// How much of the document an error repeats, in characters.
pub const LONGEST_PIECE: usize = 60;

/// Whether two lists of arguments are the same, in whatever order.
#[must_use]
pub fn are_same(a: &[Argument<'_>], b: &[Argument<'_>]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let by_name = |list: &[Argument<'_>]| {
        let mut order: Vec<usize> = (0..list.len()).collect();
        order.sort_by_key(|at| list.get(*at).map_or("", |argument| argument.name.text).to_owned());
        order
    };
    // Most have at most a few, and in the same order.
    let alike = |a: &Argument<'_>, b: &Argument<'_>| {
        a.name.text == b.name.text && a.value.is_same_as(&b.value)
    };
    if a.iter().zip(b).all(|(a, b)| a.name.text == b.name.text) {
        return a.iter().zip(b).all(|(a, b)| alike(a, b));
    }
    let pairs = by_name(a).into_iter().zip(by_name(b));
    pairs.into_iter().all(|(left, right)| match (a.get(left), b.get(right)) {
        (Some(left), Some(right)) => alike(left, right),
        (Some(_) | None, _) => false,
    })
}
