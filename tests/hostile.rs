//! Documents that mean harm, and documents that only might: whatever comes, the answer is a document
//! or coded faults, after little work.
//!
//! `SEED` and `DOCUMENTS` choose other and more documents. The worst time is printed: with
//! `cargo test --release --test hostile -- --nocapture` it is that of a build as it is shipped.

#![expect(clippy::disallowed_methods, reason = "SEED and DOCUMENTS are no settings of the gateway")]
#![expect(clippy::print_stdout, reason = "whoever asks for the figures reads them there")]

use std::{fmt::Write as _, fs, panic::AssertUnwindSafe};

use apollo_compiler::{ExecutableDocument, Schema as ApolloSchema};
use mono_gateway::{
    document::{Checks, Fault, Limits, Questions, Suggestions},
    error::ErrorCode,
    schema::{GatewayMode, definitions},
};
use proptest::{
    prelude::any,
    test_runner::{Config, TestRunner},
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// No document may cost so much processor time, in nanoseconds, in a build for tests, which is some
/// twenty times slower than one that is shipped. What grows with the square of a document's size, or
/// worse, is far beyond it.
const TOO_MUCH: u64 = 1_000_000_000;

fn checks() -> Checks {
    Checks::new(&definitions(GatewayMode::Demo), Suggestions::On, Questions::Answered)
        .expect("the schema is read")
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// How long this thread has run on a processor, in nanoseconds.
fn cpu_time() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells");
    text.split(' ').next().and_then(|text| text.parse().ok()).expect("a number")
}

#[derive(Default)]
struct Worst {
    nanoseconds: u64,
    name: String,
    documents: u64,
}

impl Worst {
    /// Checks a document, and that checking it costs little and is answered.
    fn check(&mut self, checks: &Checks, name: &str, text: &str) -> Result<(), Vec<Fault>> {
        // A thread of a server has a stack of 2 MiB, of which an executor's frames take some.
        let before = cpu_time();
        let verdict = std::panic::catch_unwind(AssertUnwindSafe(|| checks.check(text).map(drop)));
        let taken = cpu_time() - before;
        let verdict = verdict.unwrap_or_else(|_| panic!("{name}: {}", start(text)));
        assert!(taken < TOO_MUCH, "{name} took {} ms: {}", taken / 1_000_000, start(text));
        self.documents += 1;
        if taken > self.nanoseconds {
            self.nanoseconds = taken;
            self.name = name.to_owned();
        }
        if let Err(faults) = &verdict {
            assert!(!faults.is_empty() && faults.len() <= 100, "{name}: {} faults", faults.len());
            for fault in faults {
                let known = [
                    ErrorCode::GraphqlParseFailed,
                    ErrorCode::GraphqlValidationFailed,
                    ErrorCode::DocumentTooComplex,
                ];
                assert!(known.contains(&fault.code), "{name}: {fault:?}");
                assert!(fault.message.chars().count() <= 400, "{name}: {fault:?}");
            }
        }
        verdict
    }

    fn report(&self, what: &str) {
        println!(
            "{what}: {} documents, the worst took {:.2} ms: {}",
            self.documents,
            self.nanoseconds as f64 / 1e6,
            self.name
        );
    }
}

fn start(text: &str) -> String {
    text.chars().take(200).collect()
}

/// Repeats a piece as often as it fits what a document may be.
fn fill(piece: &str, around: usize) -> String {
    piece.repeat((Limits::DEFAULT.bytes - around) / piece.len())
}

fn numbered(from: usize, to: usize, one: impl Fn(usize) -> String) -> String {
    (from..to).fold(String::new(), |mut text, number| {
        let _ = write!(text, "{}", one(number));
        text
    })
}

/// Documents of every shape that costs a careless reader dearly, as large as they may be.
fn hostile() -> Vec<(&'static str, String)> {
    let account = "account(id: \"a\")";
    let mut shapes = vec![
        ("nothing", String::new()),
        ("blanks", fill(" ", 0)),
        ("commas", fill(",", 0)),
        ("line ends", fill("\n", 0)),
        ("comments", fill("#\n", 0)),
        ("one comment", format!("{{ __typename }} #{}", fill("é", 40))),
        ("byte order marks", fill("\u{feff}", 0)),
        ("braces", fill("{", 0)),
        ("brackets", format!("{{ a(b: {}", fill("[", 10))),
        ("types", format!("query($a: {}", fill("[", 12))),
        ("parentheses", fill("(", 0)),
        ("members", format!("{{ a(b: {}", fill("{a:", 10))),
        ("fields within each other", format!("{{ {}", fill("a{", 4))),
        ("dots", fill("...", 0)),
        ("inline fragments", format!("{{ {}", fill("... {", 4))),
        ("one long name", format!("{{ {} }}", fill("a", 10))),
        ("one long number", format!("{{ a(b: {}) }}", fill("9", 20))),
        ("one long fraction", format!("{{ a(b: 0.{}) }}", fill("9", 20))),
        ("one long exponent", format!("{{ a(b: 1e{}) }}", fill("9", 20))),
        ("one long text", format!("{{ a(b: \"{}\") }}", fill("a", 20))),
        ("a text without an end", format!("{{ a(b: \"{}", fill("a", 20))),
        ("escapes", format!("{{ a(b: \"{}\") }}", fill("\\u0041", 20))),
        ("surrogates", format!("{{ a(b: \"{}\") }}", fill("\\uD83D\\uDE00", 20))),
        ("half surrogates", format!("{{ a(b: \"{}\") }}", fill("\\uD83D", 20))),
        ("a block", format!("{{ a(b: \"\"\"{}\"\"\") }}", fill("a\n", 20))),
        ("an indented block", format!("{{ a(b: \"\"\"{}\"\"\") }}", fill(" \n", 20))),
        ("a block of quotes", format!("{{ a(b: \"\"\"{}\"\"\") }}", fill("\\\"\"\"", 20))),
        ("a block without an end", format!("{{ a(b: \"\"\"{}", fill("a", 20))),
        ("many fields", format!("{{ {} }}", fill("a ", 4))),
        ("the same good field", format!("{{ gateway {{ {} }} }}", "mode ".repeat(10_050))),
        ("unknown fields", format!("{{ {} }}", numbered(0, 9_000, |n| format!("a{n} ")))),
        (
            "fields nearly known",
            format!("{{ {account} {{ {} }} }}", numbered(0, 6_000, |n| format!("transaction{n} "))),
        ),
        (
            "aliases",
            format!("{{ gateway {{ {} }} }}", numbered(0, 4_900, |n| format!("a{n}:mode "))),
        ),
        (
            "aliases of the root",
            format!("{{ {} }}", numbered(0, 3_000, |n| format!("a{n}:__typename "))),
        ),
        (
            "the same alias of other fields",
            format!("{{ gateway {{ {} }} }}", "a:mode a:version ".repeat(1_600)),
        ),
        (
            "the same field with other arguments",
            format!("{{ {} }}", numbered(0, 1_000, |n| format!("account(id:\"{n}\"){{id}} "))),
        ),
        (
            "the same field with many sets",
            format!("{{ {} }}", format!("{account} {{ reauth {{ required }} }} ").repeat(900)),
        ),
        (
            "arguments in another order",
            format!(
                "{{ {} }}",
                "accounts(first: 1, after: \"a\"){totalCount} accounts(after: \"a\", first: 1){totalCount} "
                    .repeat(600)
            ),
        ),
        (
            "arguments",
            format!("{{ accounts({}) {{ totalCount }} }}", numbered(0, 3_300, |n| {
                format!("a{n}:1 ")
            })),
        ),
        (
            "the same argument",
            format!("{{ accounts({}) {{ totalCount }} }}", "first:1 ".repeat(3_300)),
        ),
        (
            "members of an object",
            format!("{{ accounts(filter: {{ {} }}) {{ totalCount }} }}", numbered(0, 3_000, |n| {
                format!("a{n}:1 ")
            })),
        ),
        ("a long list", format!("{{ accounts(filter: [{}]) {{ totalCount }} }}", "1 ".repeat(9_000))),
        ("directives", format!("{{ gateway {} {{ mode }} }}", "@skip(if: true) ".repeat(1_600))),
        (
            "unknown directives",
            format!("{{ gateway {} {{ mode }} }}", numbered(0, 4_000, |n| format!("@a{n} "))),
        ),
        ("directives of the operation", format!("query {} {{ __typename }}", "@a ".repeat(4_900))),
        (
            "directives of a variable",
            format!("query ($a: ID! {}) {{ node(id: $a) {{ id }} }}", "@a ".repeat(4_900)),
        ),
        (
            "directives of spreads",
            format!("{{ {} }} fragment F on Query {{ __typename }}", "...F @a ".repeat(2_400)),
        ),
        (
            "variables",
            format!("query ({}) {{ __typename }}", numbered(0, 2_400, |n| format!("$a{n}:ID "))),
        ),
        (
            "undefined variables",
            format!("{{ {} }}", numbered(0, 1_200, |n| format!("a{n}:node(id:$a{n}){{id}} "))),
        ),
        (
            "operations",
            numbered(0, 1_900, |n| format!("query a{n}{{__typename}} ")),
        ),
        ("operations of one name", "query a{__typename}".repeat(1_900)),
        ("operations without a name", "{__typename}".repeat(3_000)),
        (
            "subscriptions",
            numbered(0, 1_200, |n| format!("subscription a{n}{{dataStatusChanged{{kind}}}} ")),
        ),
        (
            "unused fragments",
            format!("{{ __typename }} {}", numbered(0, 1_300, |n| {
                format!("fragment F{n} on Query{{__typename}} ")
            })),
        ),
        (
            "a chain of fragments",
            format!("{{ ...F0 }} {} fragment F1300 on Query {{ __typename }}", numbered(0, 1_300, |n| {
                format!("fragment F{n} on Query{{...F{}}} ", n + 1)
            })),
        ),
        (
            "a ring of fragments",
            format!("{{ ...F0 }} {} fragment F1000 on Query {{ ...F0 }}", numbered(0, 1_000, |n| {
                format!("fragment F{n} on Query{{...F{}}} ", n + 1)
            })),
        ),
        (
            "fragments that double",
            format!("{{ ...F0 }} {} fragment F40 on Query {{ __typename }}", numbered(0, 40, |n| {
                format!("fragment F{n} on Query{{...F{0} ...F{0}}} ", n + 1)
            })),
        ),
        (
            "fragments that double by fields",
            format!(
                "query {{ {account} {{ ...F0 }} }} {} fragment F30 on Account {{ id }}",
                numbered(0, 30, |n| format!(
                    "fragment F{n} on Account{{reauth{{active{{account{{...F{0}}}}}}} b:reauth{{active{{account{{...F{0}}}}}}}}} ",
                    n + 1
                ))
            ),
        ),
        (
            "every fragment spreads every later one",
            format!("{{ ...F0 }} {} fragment F120 on Query {{ __typename }}", numbered(0, 120, |n| {
                format!("fragment F{n} on Query{{{}}} ", numbered(n + 1, 121, |m| format!("...F{m} ")))
            })),
        ),
        (
            "many operations over the same fragments",
            format!(
                "{} {}",
                numbered(0, 300, |n| format!("query q{n}($a:ID!){{{}}} ", "...F0 ...F1 ...F2 ...F3 ".repeat(2))),
                numbered(0, 4, |n| format!("fragment F{n} on Query{{a{n}:node(id:$a){{id}}}} "))
            ),
        ),
        (
            "fragments of objects and interfaces",
            format!(
                "{{ node(id: \"a\") {{ {} }} }}",
                "... on Account { a: id } ... on ReauthSession { a: id } ... on Node { a: id } ".repeat(250)
            ),
        ),
        (
            "fields that overlap at every level",
            {
                let mut inner = "required".to_owned();
                for _ in 0..10 {
                    inner = format!("active {{ account {{ reauth {{ {inner} }} reauth {{ {inner} }} }} }}");
                    if inner.len() > 20_000 {
                        break;
                    }
                }
                format!("{{ {account} {{ reauth {{ {inner} }} }} }}")
            },
        ),
        (
            "questions within questions",
            format!("{{ __schema {{ types {{ {}name{} }} }} }}", "fields{type{".repeat(20), "}}".repeat(20)),
        ),
        ("questions", format!("{{ {} }}", numbered(0, 90, |n| format!("a{n}:__schema{{types{{name}}}} ")))),
        ("a schema", fill("type A { b: Int } ", 0)),
        ("nulls", fill("\0", 0)),
        ("wide characters", fill("\u{1F600}", 0)),
        ("descriptions", format!("{} {{ __typename }}", fill("\"\" ", 20))),
    ];
    // Too large by one byte, and by much.
    shapes.push(("one byte too many", format!("{{ a }}{}", " ".repeat(Limits::DEFAULT.bytes - 4))));
    shapes.push(("four times too large", "{ a }".repeat(52_000)));
    shapes
}

#[test]
fn hostile_documents_are_answered_after_little_work() {
    let checks = checks();
    let mut worst = Worst::default();
    for (name, text) in hostile() {
        let _ = worst.check(&checks, name, &text);
    }
    worst.report("hostile shapes");
    assert!(worst.documents > 60);
}

#[test]
fn what_is_too_much_is_said_to_be() {
    let checks = checks();
    let mut worst = Worst::default();
    let code = |worst: &mut Worst, name: &str| {
        let text = hostile().into_iter().find(|(shape, _)| *shape == name).expect(name).1;
        worst.check(&checks, name, &text).expect_err(name)[0].code
    };
    for name in [
        "brackets",
        "types",
        "members",
        "fields within each other",
        "inline fragments",
        "the same good field",
        "aliases",
        "aliases of the root",
        "directives",
        "directives of the operation",
        "directives of a variable",
        "directives of spreads",
        "a chain of fragments",
        "fragments that double",
        "fragments that double by fields",
        "every fragment spreads every later one",
        "questions",
        "one byte too many",
        "four times too large",
    ] {
        assert_eq!(code(&mut worst, name), ErrorCode::DocumentTooComplex, "{name}");
    }
    for name in ["operations of one name", "a schema"] {
        assert_eq!(code(&mut worst, name), ErrorCode::GraphqlValidationFailed, "{name}");
    }
}

#[test]
fn damaged_documents_are_answered() {
    let checks = checks();
    let mut worst = Worst::default();
    let mut random = StdRng::seed_from_u64(setting("SEED", 1));
    let seeds: Vec<String> = hostile()
        .into_iter()
        .map(|(_, text)| text.chars().take(400).collect())
        .chain([include_str!("../schema.graphql").chars().take(2_000).collect(), STORY.to_owned()])
        .collect();
    for _ in 0..setting("DOCUMENTS", 3_000) {
        let mut bytes = seeds[random.random_range(0..seeds.len())].clone().into_bytes();
        for _ in 0..random.random_range(1..8_usize) {
            let at = random.random_range(0..=bytes.len());
            match random.random_range(0..5_u8) {
                0 if at < bytes.len() => bytes[at] = random.random(),
                1 if at < bytes.len() => {
                    bytes.remove(at);
                }
                2 => {
                    bytes.insert(at, b"{}()[]!$@:=|&#\"\\.,\n \0-0e1aF"[random.random_range(0..27)])
                }
                3 => {
                    let other = seeds[random.random_range(0..seeds.len())].as_bytes();
                    let from = random.random_range(0..=other.len());
                    let to = other.len().min(from + 30);
                    bytes.splice(at..at, other[from..to].iter().copied());
                }
                _ => bytes.truncate(at),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let _ = worst.check(&checks, "a damaged document", &text);
    }
    worst.report("damaged documents");
}

const STORY: &str = "query Story($id: ID!, $first: Int = 3) { account(id: $id) { ...Status \
    transactions(first: $first) @include(if: true) { nodes { id amount { minor } } } } } \
    fragment Status on Account { dataStatus reauth { required active { url status } } }";

#[test]
fn any_text_is_answered() {
    let checks = checks();
    let config = Config { cases: 2_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let text = any::<String>();
    let run = runner.run(&text, |text| {
        let _ = Worst::default().check(&checks, "any text", &text);
        Ok(())
    });
    run.expect("every text is answered");
}

/// A second opinion: documents that are made to fit the schema, judged by a validator of others.
#[test]
fn documents_that_fit_are_taken() {
    let checks = checks();
    let sdl = definitions(GatewayMode::Live);
    let schema = ApolloSchema::parse_and_validate(&sdl, "schema.graphql").expect("it is valid");
    // The generator knows no scalars but the specification's.
    let known = ["DateTime", "Date", "MinorUnits"];
    let plain = sdl.lines().fold(String::new(), |text, line| {
        let line = known
            .iter()
            .fold(line.to_owned(), |line, scalar| line.replace(&format!(": {scalar}"), ": String"));
        text + &line + "\n"
    });
    let tree = apollo_parser::Parser::new(&plain).parse();
    assert_eq!(tree.errors().count(), 0);
    let mut random = StdRng::seed_from_u64(setting("SEED", 1));
    let mut worst = Worst::default();
    let (mut fitting, mut too_much) = (0, 0);
    for _ in 0..setting("DOCUMENTS", 600) {
        let mut bytes = vec![0_u8; random.random_range(64..4096)];
        random.fill(bytes.as_mut_slice());
        // It gives up on some kinds of input.
        let made = std::panic::catch_unwind(|| {
            let mut source = arbitrary::Unstructured::new(&bytes);
            let known = apollo_smith::Document::try_from(tree.document()).expect("a schema");
            let builder = apollo_smith::DocumentBuilder::with_document(&mut source, known);
            builder.ok()?.operation_definition().ok()?.map(String::from)
        });
        let Ok(Some(text)) = made else { continue };
        let theirs = ExecutableDocument::parse_and_validate(&schema, &text, "document.graphql");
        let ours = worst.check(&checks, "a generated document", &text);
        match (theirs, ours) {
            (Ok(_), Ok(())) => fitting += 1,
            (Ok(_), Err(faults)) if faults[0].code == ErrorCode::DocumentTooComplex => {
                too_much += 1
            }
            // Ours alone: a mutation's root field is named once.
            (Ok(_), Err(faults)) if faults[0].message.starts_with("a mutation names each") => {}
            (Ok(_), Err(faults)) => panic!("{faults:?}: {text}"),
            (Err(_), Err(_)) => {}
            // It counts a subscription's root field once for each time that it is named, where
            // graphql-js counts names.
            (Err(_), Ok(())) if text.starts_with("subscription") => {}
            (Err(theirs), Ok(())) => panic!("{}: {text}", theirs.errors),
        }
    }
    worst.report("generated documents");
    println!("{fitting} fit, {too_much} fit and are too much");
    assert!(fitting > 10, "{fitting} of {} fit", worst.documents);
}
