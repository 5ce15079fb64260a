//! From tokens to a document. Bounded while it reads: no text is too long or too deep for it.
//!
//! Source: GraphQL specification, September 2025, §2 and appendix B, as graphql-js 16 reads it.

use std::borrow::Cow;

use async_graphql::{Pos, parser::types::OperationType};

use super::{
    Fault, Limits,
    lexer::{Kind, Lexer, Token},
    syntax::{
        Argument, Directive, Document, Field, Fragment, Inline, Literal, Name, Operation,
        Selection, Spread, TypeRef, Value, VariableDefinition,
    },
};

/// Words that begin a definition of a schema.
const TYPE_SYSTEM: [&str; 9] =
    ["schema", "scalar", "type", "interface", "union", "enum", "input", "directive", "extend"];

/// Reads a document.
///
/// # Errors
/// A fault of syntax, or one of too many tokens or too much nesting.
pub fn parse<'a>(text: &'a str, limits: &Limits) -> Result<Document<'a>, Fault> {
    let mut lexer = Lexer::new(text);
    let token = lexer.token()?;
    let mut parser = Parser { lexer, token, limits, depth: 0, tokens: 0 };
    parser.document()
}

struct Parser<'a, 'l> {
    lexer: Lexer<'a>,
    /// The token that comes next.
    token: Token<'a>,
    limits: &'l Limits,
    depth: usize,
    tokens: usize,
}

/// Whether variables may stand in a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Variables {
    Allowed,
    Refused,
}

impl<'a> Parser<'a, '_> {
    fn advance(&mut self) -> Result<Token<'a>, Fault> {
        self.tokens += 1;
        if self.tokens > self.limits.tokens {
            let most = self.limits.tokens;
            return Err(Fault::too_complex(format!("a document has at most {most} tokens")));
        }
        let next = self.lexer.token()?;
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn is(&self, kind: Kind) -> bool {
        self.token.kind == kind
    }

    fn unexpected<T>(&self, wanted: &str) -> Result<T, Fault> {
        let found = if self.is(Kind::Name) {
            format!("`{}`", self.token.text.chars().take(20).collect::<String>())
        } else {
            self.token.kind.shown().to_owned()
        };
        Err(Fault::syntax(self.token.at, format_args!("{wanted} was expected, not {found}")))
    }

    fn expect(&mut self, kind: Kind) -> Result<Token<'a>, Fault> {
        if self.is(kind) { self.advance() } else { self.unexpected(kind.shown()) }
    }

    fn take(&mut self, kind: Kind) -> Result<bool, Fault> {
        let there = self.is(kind);
        if there {
            self.advance()?;
        }
        Ok(there)
    }

    fn is_word(&self, word: &str) -> bool {
        self.is(Kind::Name) && self.token.text == word
    }

    fn name(&mut self) -> Result<Name<'a>, Fault> {
        let token = self.expect(Kind::Name)?;
        match token.text {
            Cow::Borrowed(text) => Ok(Name { at: token.at, text }),
            // Names are always pieces of the document.
            Cow::Owned(_) => self.unexpected("a name"),
        }
    }

    /// One level deeper while `inner` reads.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.depth += 1;
        if self.depth > self.limits.nesting {
            let most = self.limits.nesting;
            return Err(Fault::too_complex(format!("a document nests at most {most} levels")));
        }
        let read = inner(self);
        self.depth -= 1;
        read
    }

    /// At least one, between two tokens.
    fn many<T>(
        &mut self,
        open: Kind,
        close: Kind,
        mut one: impl FnMut(&mut Self) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        self.expect(open)?;
        let mut all = vec![one(self)?];
        while !self.take(close)? {
            all.push(one(self)?);
        }
        Ok(all)
    }

    fn document(&mut self) -> Result<Document<'a>, Fault> {
        let mut document =
            Document { operations: vec![], fragments: vec![], type_system: None, tokens: 0 };
        loop {
            let at = self.token.at;
            if self.is(Kind::BraceOpen) {
                let operation = self.operation(OperationType::Query, at)?;
                document.operations.push(operation);
            } else {
                let is_described = self.description()?;
                if !self.is(Kind::Name) {
                    return self.unexpected("an operation or a fragment");
                }
                match self.token.text.as_ref() {
                    "query" => document.operations.push(self.named(OperationType::Query)?),
                    "mutation" => document.operations.push(self.named(OperationType::Mutation)?),
                    "subscription" => {
                        document.operations.push(self.named(OperationType::Subscription)?);
                    }
                    "fragment" => document.fragments.push(self.fragment()?),
                    "extend" if is_described => {
                        return self.unexpected("an operation or a fragment");
                    }
                    word if TYPE_SYSTEM.contains(&word) => {
                        // What follows is no part of anything that could run.
                        document.type_system = Some(at);
                        return Ok(document);
                    }
                    _ => return self.unexpected("an operation or a fragment"),
                }
            }
            if self.is(Kind::End) {
                document.tokens = self.tokens;
                return Ok(document);
            }
        }
    }

    /// Goes over a description, if there is one.
    fn description(&mut self) -> Result<bool, Fault> {
        let there = self.is(Kind::String) || self.is(Kind::Block);
        if there {
            self.advance()?;
        }
        Ok(there)
    }

    /// An operation that begins with a word.
    fn named(&mut self, kind: OperationType) -> Result<Operation<'a>, Fault> {
        let at = self.token.at;
        self.advance()?;
        self.operation(kind, at)
    }

    fn operation(&mut self, kind: OperationType, at: Pos) -> Result<Operation<'a>, Fault> {
        let name = if self.is(Kind::Name) { Some(self.name()?) } else { None };
        let variables = if self.is(Kind::ParenOpen) {
            self.many(Kind::ParenOpen, Kind::ParenClose, Self::variable_definition)?
        } else {
            Vec::new()
        };
        let directives = self.directives(Variables::Allowed)?;
        let selections = self.selections()?;
        Ok(Operation { at, kind, name, variables, directives, selections })
    }

    fn variable_definition(&mut self) -> Result<VariableDefinition<'a>, Fault> {
        self.description()?;
        self.expect(Kind::Dollar)?;
        let name = self.name()?;
        self.expect(Kind::Colon)?;
        let ty = self.type_ref()?;
        let default =
            if self.take(Kind::Equals)? { Some(self.value(Variables::Refused)?) } else { None };
        let directives = self.directives(Variables::Refused)?;
        Ok(VariableDefinition { name, ty, default, directives })
    }

    fn type_ref(&mut self) -> Result<TypeRef<'a>, Fault> {
        let ty = if self.is(Kind::BracketOpen) {
            self.nested(|parser| {
                parser.advance()?;
                let inner = parser.type_ref()?;
                parser.expect(Kind::BracketClose)?;
                Ok(TypeRef::List(Box::new(inner)))
            })?
        } else {
            TypeRef::Named(self.name()?)
        };
        Ok(if self.take(Kind::Bang)? { TypeRef::NonNull(Box::new(ty)) } else { ty })
    }

    fn fragment(&mut self) -> Result<Fragment<'a>, Fault> {
        let at = self.token.at;
        self.advance()?;
        let name = self.fragment_name()?;
        if !self.is_word("on") {
            return self.unexpected("`on`");
        }
        self.advance()?;
        let on = self.name()?;
        let directives = self.directives(Variables::Allowed)?;
        let selections = self.selections()?;
        Ok(Fragment { at, name, on, directives, selections })
    }

    fn fragment_name(&mut self) -> Result<Name<'a>, Fault> {
        if self.is_word("on") { self.unexpected("a fragment's name") } else { self.name() }
    }

    fn selections(&mut self) -> Result<Vec<Selection<'a>>, Fault> {
        self.nested(|parser| parser.many(Kind::BraceOpen, Kind::BraceClose, Self::selection))
    }

    fn selection(&mut self) -> Result<Selection<'a>, Fault> {
        if !self.is(Kind::Spread) {
            return Ok(Selection::Field(self.field()?));
        }
        let at = self.token.at;
        self.advance()?;
        if self.is(Kind::Name) && !self.is_word("on") {
            let name = self.name()?;
            let directives = self.directives(Variables::Allowed)?;
            return Ok(Selection::Spread(Spread { at, name, directives }));
        }
        let on = if self.is_word("on") {
            self.advance()?;
            Some(self.name()?)
        } else {
            None
        };
        let directives = self.directives(Variables::Allowed)?;
        let selections = self.selections()?;
        Ok(Selection::Inline(Inline { at, on, directives, selections }))
    }

    fn field(&mut self) -> Result<Field<'a>, Fault> {
        let first = self.name()?;
        let (alias, name) =
            if self.take(Kind::Colon)? { (Some(first), self.name()?) } else { (None, first) };
        let arguments = self.arguments(Variables::Allowed)?;
        let directives = self.directives(Variables::Allowed)?;
        let selections = if self.is(Kind::BraceOpen) { Some(self.selections()?) } else { None };
        Ok(Field { alias, name, arguments, directives, selections })
    }

    fn arguments(&mut self, variables: Variables) -> Result<Vec<Argument<'a>>, Fault> {
        if !self.is(Kind::ParenOpen) {
            return Ok(Vec::new());
        }
        self.many(Kind::ParenOpen, Kind::ParenClose, |parser| parser.argument(variables))
    }

    fn argument(&mut self, variables: Variables) -> Result<Argument<'a>, Fault> {
        let name = self.name()?;
        self.expect(Kind::Colon)?;
        Ok(Argument { name, value: self.value(variables)? })
    }

    fn directives(&mut self, variables: Variables) -> Result<Vec<Directive<'a>>, Fault> {
        let mut all = Vec::new();
        while self.is(Kind::At) {
            let at = self.token.at;
            self.advance()?;
            let name = self.name()?;
            let arguments = self.arguments(variables)?;
            all.push(Directive { at, name, arguments });
        }
        Ok(all)
    }

    fn value(&mut self, variables: Variables) -> Result<Value<'a>, Fault> {
        let at = self.token.at;
        let kind = match self.token.kind {
            Kind::BracketOpen => self.nested(|parser| {
                parser.advance()?;
                let mut items = Vec::new();
                while !parser.take(Kind::BracketClose)? {
                    items.push(parser.value(variables)?);
                }
                Ok(Literal::List(items))
            })?,
            Kind::BraceOpen => self.nested(|parser| {
                parser.advance()?;
                let mut members = Vec::new();
                while !parser.take(Kind::BraceClose)? {
                    members.push(parser.argument(variables)?);
                }
                Ok(Literal::Object(members))
            })?,
            Kind::Dollar if variables == Variables::Allowed => {
                self.advance()?;
                Literal::Variable(self.name()?.text)
            }
            Kind::Dollar => return self.unexpected("a value without variables"),
            Kind::Name => match self.name()?.text {
                "true" => Literal::Boolean(true),
                "false" => Literal::Boolean(false),
                "null" => Literal::Null,
                name => Literal::Enum(name),
            },
            Kind::Int | Kind::Float | Kind::String | Kind::Block => {
                let token = self.advance()?;
                match (token.kind, token.text) {
                    (Kind::Int, Cow::Borrowed(digits)) => Literal::Int(digits),
                    (Kind::Float, Cow::Borrowed(digits)) => Literal::Float(digits),
                    (Kind::Block, text) => Literal::Block(text.into_owned()),
                    (_, text) => Literal::String(text),
                }
            }
            Kind::End
            | Kind::Bang
            | Kind::Ampersand
            | Kind::ParenOpen
            | Kind::ParenClose
            | Kind::Spread
            | Kind::Colon
            | Kind::Equals
            | Kind::At
            | Kind::BracketClose
            | Kind::Pipe
            | Kind::BraceClose => return self.unexpected("a value"),
        };
        Ok(Value { at, kind })
    }
}
