//! From text to tokens.
//!
//! Source: GraphQL specification, September 2025, §2.1, as graphql-js 16 reads it.

use std::borrow::Cow;

use async_graphql::Pos;

use super::Fault;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The end of the document.
    End,
    /// `!`
    Bang,
    /// `$`
    Dollar,
    /// `&`
    Ampersand,
    /// `(`
    ParenOpen,
    /// `)`
    ParenClose,
    /// `...`
    Spread,
    /// `:`
    Colon,
    /// `=`
    Equals,
    /// `@`
    At,
    /// `[`
    BracketOpen,
    /// `]`
    BracketClose,
    /// `{`
    BraceOpen,
    /// `|`
    Pipe,
    /// `}`
    BraceClose,
    /// A name.
    Name,
    /// A whole number.
    Int,
    /// A number with a fraction or an exponent.
    Float,
    /// A text.
    String,
    /// A text between three quotes.
    Block,
}

impl Kind {
    /// The token as an error names it.
    #[must_use]
    pub const fn shown(self) -> &'static str {
        match self {
            Self::End => "the end of the document",
            Self::Bang => "`!`",
            Self::Dollar => "`$`",
            Self::Ampersand => "`&`",
            Self::ParenOpen => "`(`",
            Self::ParenClose => "`)`",
            Self::Spread => "`...`",
            Self::Colon => "`:`",
            Self::Equals => "`=`",
            Self::At => "`@`",
            Self::BracketOpen => "`[`",
            Self::BracketClose => "`]`",
            Self::BraceOpen => "`{`",
            Self::Pipe => "`|`",
            Self::BraceClose => "`}`",
            Self::Name => "a name",
            Self::Int | Self::Float => "a number",
            Self::String | Self::Block => "a text",
        }
    }
}

/// A token.
#[derive(Clone, Debug)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Where it begins.
    pub at: Pos,
    /// A name, a number's digits, or what a text says.
    pub text: Cow<'a, str>,
}

/// Reads a document's tokens one after the other.
#[derive(Debug)]
pub struct Lexer<'a> {
    text: &'a str,
    /// How far it has read, in bytes.
    next: usize,
    line: usize,
    line_start: usize,
    /// Bytes of this line that are no characters of their own.
    continued: usize,
}

fn wrong<T>(at: Pos, what: impl std::fmt::Display) -> Result<T, Fault> {
    Err(Fault::syntax(at, what))
}

impl<'a> Lexer<'a> {
    /// Begins at the start of a text.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self { text, next: 0, line: 1, line_start: 0, continued: 0 }
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.next + ahead).copied()
    }

    fn here(&self) -> Pos {
        Pos { line: self.line, column: self.next - self.line_start - self.continued + 1 }
    }

    fn slice(&self, from: usize) -> &'a str {
        self.text.get(from..self.next).unwrap_or_default()
    }

    /// Goes one byte on, counting what is no character.
    fn step(&mut self) {
        if self.byte(0).is_some_and(|byte| byte & 0xC0 == 0x80) {
            self.continued += 1;
        }
        self.next += 1;
    }

    /// Goes over the end of a line.
    fn new_line(&mut self) {
        let pair = self.byte(0) == Some(b'\r') && self.byte(1) == Some(b'\n');
        self.next += if pair { 2 } else { 1 };
        self.line += 1;
        self.line_start = self.next;
        self.continued = 0;
    }

    /// The next token.
    ///
    /// # Errors
    /// [`Fault`] for a character that begins none, or a number or text that is none.
    pub fn token(&mut self) -> Result<Token<'a>, Fault> {
        self.skip();
        let at = self.here();
        let from = self.next;
        let simple = |kind| Token { kind, at, text: Cow::Borrowed("") };
        let Some(byte) = self.byte(0) else { return Ok(simple(Kind::End)) };
        let kind = match byte {
            b'!' => Kind::Bang,
            b'$' => Kind::Dollar,
            b'&' => Kind::Ampersand,
            b'(' => Kind::ParenOpen,
            b')' => Kind::ParenClose,
            b':' => Kind::Colon,
            b'=' => Kind::Equals,
            b'@' => Kind::At,
            b'[' => Kind::BracketOpen,
            b']' => Kind::BracketClose,
            b'{' => Kind::BraceOpen,
            b'|' => Kind::Pipe,
            b'}' => Kind::BraceClose,
            b'.' if self.byte(1) == Some(b'.') && self.byte(2) == Some(b'.') => {
                self.next += 3;
                return Ok(simple(Kind::Spread));
            }
            b'.' => return wrong(at, "a single dot means nothing; a spread has three"),
            b'_' | b'A'..=b'Z' | b'a'..=b'z' => {
                while self.byte(0).is_some_and(continues_name) {
                    self.next += 1;
                }
                return Ok(Token { kind: Kind::Name, at, text: Cow::Borrowed(self.slice(from)) });
            }
            b'-' | b'0'..=b'9' => return self.number(at),
            b'"' if self.byte(1) == Some(b'"') && self.byte(2) == Some(b'"') => {
                return self.block(at);
            }
            b'"' => return self.string(at),
            _ => {
                let character = self.text.get(from..).and_then(|rest| rest.chars().next());
                let shown = character.unwrap_or_default().escape_default().to_string();
                return wrong(at, format_args!("the character `{shown}` begins nothing"));
            }
        };
        self.next += 1;
        Ok(simple(kind))
    }

    /// Goes over what has no meaning: blanks, commas, line ends, byte order marks, comments.
    fn skip(&mut self) {
        while let Some(byte) = self.byte(0) {
            match byte {
                b' ' | b'\t' | b',' => self.next += 1,
                b'\n' | b'\r' => self.new_line(),
                0xEF if self.byte(1) == Some(0xBB) && self.byte(2) == Some(0xBF) => {
                    self.next += 3;
                    self.continued += 2;
                }
                b'#' => {
                    while self.byte(0).is_some_and(|byte| !matches!(byte, b'\n' | b'\r')) {
                        self.step();
                    }
                }
                _ => return,
            }
        }
    }

    fn digits(&mut self) -> Result<(), Fault> {
        if !self.byte(0).is_some_and(|byte| byte.is_ascii_digit()) {
            return wrong(self.here(), "a digit is missing in a number");
        }
        while self.byte(0).is_some_and(|byte| byte.is_ascii_digit()) {
            self.next += 1;
        }
        Ok(())
    }

    fn number(&mut self, at: Pos) -> Result<Token<'a>, Fault> {
        let from = self.next;
        let mut kind = Kind::Int;
        if self.byte(0) == Some(b'-') {
            self.next += 1;
        }
        if self.byte(0) == Some(b'0') {
            self.next += 1;
            if self.byte(0).is_some_and(|byte| byte.is_ascii_digit()) {
                return wrong(self.here(), "a number does not begin with a zero before digits");
            }
        } else {
            self.digits()?;
        }
        if self.byte(0) == Some(b'.') {
            kind = Kind::Float;
            self.next += 1;
            self.digits()?;
        }
        if matches!(self.byte(0), Some(b'e' | b'E')) {
            kind = Kind::Float;
            self.next += 1;
            if matches!(self.byte(0), Some(b'+' | b'-')) {
                self.next += 1;
            }
            self.digits()?;
        }
        if self.byte(0).is_some_and(|byte| byte == b'.' || begins_name(byte)) {
            return wrong(self.here(), "a number is followed by a letter or a dot");
        }
        Ok(Token { kind, at, text: Cow::Borrowed(self.slice(from)) })
    }

    fn string(&mut self, at: Pos) -> Result<Token<'a>, Fault> {
        self.next += 1;
        let mut from = self.next;
        let mut unescaped: Option<String> = None;
        loop {
            match self.byte(0) {
                None | Some(b'\n' | b'\r') => return wrong(at, "a text has no end"),
                Some(b'"') => break,
                Some(b'\\') => {
                    let piece = self.slice(from);
                    let character = self.escape()?;
                    let text = unescaped.get_or_insert_default();
                    text.push_str(piece);
                    text.push(character);
                    from = self.next;
                }
                Some(_) => self.step(),
            }
        }
        let piece = self.slice(from);
        self.next += 1;
        let text = match unescaped {
            None => Cow::Borrowed(piece),
            Some(text) => Cow::Owned(text + piece),
        };
        Ok(Token { kind: Kind::String, at, text })
    }

    /// The character that an escape stands for. Ends behind it.
    fn escape(&mut self) -> Result<char, Fault> {
        let at = self.here();
        let simple = match self.byte(1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.next += 2;
                let found =
                    if self.byte(0) == Some(b'{') { self.braced() } else { self.four_digits() };
                return found.map_or_else(|| wrong(at, "a text has an escape that is none"), Ok);
            }
            Some(_) | None => return wrong(at, "a text has an escape that is none"),
        };
        self.next += 2;
        Ok(simple)
    }

    /// `{…}` with up to eight hexadecimal digits.
    fn braced(&mut self) -> Option<char> {
        self.next += 1;
        let from = self.next;
        while self.byte(0).is_some_and(|byte| byte.is_ascii_hexdigit()) {
            self.next += 1;
        }
        let digits = self.slice(from);
        if self.byte(0) != Some(b'}') || digits.len() > 8 {
            return None;
        }
        self.next += 1;
        char::from_u32(u32::from_str_radix(digits, 16).ok()?)
    }

    /// Four hexadecimal digits, or twice `\u` and four that are a surrogate pair.
    fn four_digits(&mut self) -> Option<char> {
        let first = self.unit()?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(first);
        }
        if self.byte(0) != Some(b'\\') || self.byte(1) != Some(b'u') {
            return None;
        }
        self.next += 2;
        let second = self.unit().filter(|unit| (0xDC00..0xE000).contains(unit))?;
        char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = self.text.as_bytes().get(self.next..self.next + 4)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let unit = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        self.next += 4;
        Some(unit)
    }

    fn block(&mut self, at: Pos) -> Result<Token<'a>, Fault> {
        self.next += 3;
        let mut lines = vec![String::new()];
        let mut from = self.next;
        let mut take = |lexer: &Self, from: usize, more: &str, ends: bool| {
            if let Some(line) = lines.last_mut() {
                line.push_str(lexer.slice(from));
                line.push_str(more);
            }
            if ends {
                lines.push(String::new());
            }
        };
        loop {
            match self.byte(0) {
                None => return wrong(at, "a text has no end"),
                Some(b'"') if self.byte(1) == Some(b'"') && self.byte(2) == Some(b'"') => break,
                Some(b'\\')
                    if self.text.get(self.next..).is_some_and(|t| t.starts_with("\\\"\"\"")) =>
                {
                    take(self, from, "\"\"\"", false);
                    self.next += 4;
                    from = self.next;
                }
                Some(b'\n' | b'\r') => {
                    take(self, from, "", true);
                    self.new_line();
                    from = self.next;
                }
                Some(_) => self.step(),
            }
        }
        take(self, from, "", false);
        self.next += 3;
        Ok(Token { kind: Kind::Block, at, text: Cow::Owned(without_indentation(&lines)) })
    }
}

fn begins_name(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphabetic()
}

fn continues_name(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

/// Takes away what all lines but the first are indented by, and blank lines at either end.
fn without_indentation(lines: &[String]) -> String {
    let indentation =
        |line: &String| line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let is_blank = |line: &String| indentation(line) == line.len();
    let common = lines.iter().skip(1).filter(|line| !is_blank(line)).map(indentation).min();
    let common = common.unwrap_or_default();
    let first = lines.iter().position(|line| !is_blank(line)).unwrap_or(lines.len());
    let last = lines.iter().rposition(|line| !is_blank(line)).map_or(0, |last| last + 1);
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate().take(last).skip(first) {
        if number > first {
            text.push('\n');
        }
        let cut = if number == 0 { 0 } else { common };
        text.push_str(line.get(cut..).unwrap_or_default());
    }
    text
}
