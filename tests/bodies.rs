//! Whatever comes as the body of a webhook, nothing panics, and nothing changes twice: every known
//! variant, mutants of them field by field, JSON of no form at all, and bytes.
//!
//! `SEED` gives a failing run back, `CASES` chooses how many bodies are tried. The check is that of
//! the fuzz target `fuzz/fuzz_targets/webhook.rs`, whose corpus is kept complete here: with
//! `CORPUS=write` it is written anew from the fixtures.

#![expect(clippy::disallowed_methods, reason = "these are no settings of the gateway")]
#![expect(clippy::unwrap_used, reason = "a test that meets what cannot be has failed")]

#[path = "../fuzz/check.rs"]
mod check;

use std::{collections::BTreeMap, fs, panic::AssertUnwindSafe, path::PathBuf};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;

/// Values that stand in the place of others, as they are written.
const ODD: [&str; 22] = [
    "null",
    "true",
    "0",
    "-0",
    "-1",
    "1.5",
    "1e999",
    "123456789012345678901234567890",
    "9007199254740993",
    "\"\"",
    "\" \"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\u{202e}\u{0}\"",
    "\"0000-00-00T99:99:99Z\"",
    "\"+292278994-08-17T07:12:55.807Z\"",
    "\"REAUTHORISATION_REQUIRED\"",
    "[]",
    "{}",
    "[[{\"_id\":[]}]]",
    "{\"_id\":{\"$oid\":\"x\"},\"id\":7}",
];

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every variant of a webhook that is known, by name.
fn variants() -> BTreeMap<String, Vec<u8>> {
    let folder = root().join("tests/fixtures/mono");
    let index = fs::read(folder.join("index.json")).unwrap();
    let index: Vec<Value> = serde_json::from_slice(&index).unwrap();
    let webhooks = index.iter().filter(|entry| entry["kind"] == "webhook");
    let each = webhooks.map(|entry| {
        let file = entry["file"].as_str().unwrap();
        (file.to_owned(), fs::read(folder.join(file)).unwrap())
    });
    each.collect()
}

/// Checks a body; a failure says by which seed, and by which bytes, it comes back.
fn check(seed: u64, body: &[u8]) {
    if let Err(cause) = std::panic::catch_unwind(AssertUnwindSafe(|| check::webhook(body))) {
        let text = String::from_utf8_lossy(body);
        let start: String = text.chars().take(2000).collect();
        let known = cause.downcast_ref::<String>().map(String::as_str);
        let cause = known.or(cause.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
        panic!("SEED={seed} gives this back: {cause}: {start}");
    }
}

#[test]
fn the_fuzzer_s_corpus_has_every_known_variant_and_each_is_taken() {
    let folder = root().join("fuzz/corpus/webhook");
    if std::env::var("CORPUS").is_ok_and(|text| text == "write") {
        fs::create_dir_all(&folder).unwrap();
        for (name, body) in variants() {
            fs::write(folder.join(name), body).unwrap();
        }
    }
    let variants = variants();
    assert!(variants.len() >= 87, "{} variants", variants.len());
    for (name, body) in &variants {
        let kept = fs::read(folder.join(name)).unwrap_or_default();
        assert!(&kept == body, "{name} is missing or old: CORPUS=write cargo test --test bodies");
        check(0, body);
    }
}

/// Where the values of a body are, each as the way to it.
fn places(value: &Value, way: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    found.push(way.clone());
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(n, value)| (n.to_string(), value)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (name, value) in inner {
        way.push(name);
        places(value, way, found);
        way.pop();
    }
}

const HERE: &str = "the place of something else";

/// The body with `text` in the place of one of its values, which need not be JSON.
fn with(body: &Value, way: &[String], text: &str) -> String {
    let mut body = body.clone();
    let way: String = way.iter().map(|step| format!("/{}", step.replace('~', "~0"))).collect();
    *body.pointer_mut(&way).unwrap() = Value::from(HERE);
    body.to_string().replace(&format!("\"{HERE}\""), text)
}

#[test]
fn no_value_in_the_place_of_another_makes_a_known_variant_fail() {
    let seed = setting("SEED").unwrap_or_else(rand::random);
    let mut dice = StdRng::seed_from_u64(seed);
    let deep = ["[".repeat(5000), "]".repeat(5000)].concat();
    let huge = format!("\"{}\"", "é\u{1}".repeat(3000));
    let mut odd: Vec<&str> = ODD.to_vec();
    odd.extend([deep.as_str(), huge.as_str()]);
    let mut mutants = Vec::new();
    for body in variants().into_values() {
        let Ok(body) = serde_json::from_slice::<Value>(&body) else { continue };
        let mut found = Vec::new();
        places(&body, &mut Vec::new(), &mut found);
        for way in found {
            mutants.extend(odd.iter().map(|text| (body.clone(), way.clone(), *text)));
        }
    }
    let all = mutants.len();
    assert!(all > 15_000, "{all} mutants");
    // Each known place and each odd value now and then; all of them with CASES.
    let cases = setting("CASES").unwrap_or(3000) as usize;
    for _ in 0..cases {
        let (body, way, text) = &mutants[dice.random_range(0..all)];
        check(seed, with(body, way, text).as_bytes());
    }
}

/// JSON of no form at all, though of words that Mono's has, too.
fn any_json(dice: &mut StdRng, words: &[String], depth: usize) -> String {
    let word = |dice: &mut StdRng| words[dice.random_range(0..words.len())].clone();
    match dice.random_range(0..if depth > 0 { 10 } else { 6 }) {
        0..3 => format!("\"{}\"", word(dice)),
        3..6 => ODD[dice.random_range(0..ODD.len())].to_owned(),
        6 => {
            let some = dice.random_range(0..4);
            let items: Vec<_> = (0..some).map(|_| any_json(dice, words, depth - 1)).collect();
            format!("[{}]", items.join(","))
        }
        _ => {
            // The same name may come twice.
            let some = dice.random_range(0..6);
            let field = |dice: &mut StdRng| {
                let value = any_json(dice, words, depth - 1);
                format!("\"{}\":{value}", word(dice))
            };
            let fields: Vec<_> = (0..some).map(|_| field(dice)).collect();
            format!("{{{}}}", fields.join(","))
        }
    }
}

#[test]
fn no_json_makes_anything_fail() {
    let seed = setting("SEED").unwrap_or_else(rand::random);
    let mut dice = StdRng::seed_from_u64(seed);
    let mut words: Vec<String> = ["event", "data", "account", "meta", "_id", "id", "status"]
        .into_iter()
        .chain(["data_status", "sync_status", "timestamp", "updated_at", "event_id", "job_id"])
        .map(str::to_owned)
        .collect();
    for body in variants().into_values() {
        let event = serde_json::from_slice::<Value>(&body)
            .ok()
            .and_then(|body| body["event"].as_str().map(str::to_owned));
        words.extend(event);
    }
    for _ in 0..setting("CASES").unwrap_or(3000) {
        let event = &words[dice.random_range(13..words.len())];
        let data = any_json(&mut dice, &words, 5);
        let account = any_json(&mut dice, &words, 2);
        let body = match dice.random_range(0..4) {
            0 => any_json(&mut dice, &words, 6),
            1 => format!("{{\"event\":\"{event}\",\"data\":{data}}}"),
            2 => format!(
                "{{\"event\":\"{event}\",\"data\":{{\"account\":{account},\"meta\":{data}}}}}"
            ),
            _ => format!(
                "{{\"event\":\"{event}\",\"data\":{{\"account\":{{\"_id\":\"acc\",\"x\":{account}}},\
                 \"meta\":{data},\"status\":{account}}}}}"
            ),
        };
        check(seed, body.as_bytes());
    }
}

/// One change of bytes.
fn mutate(body: &mut Vec<u8>, others: &[Vec<u8>], dice: &mut StdRng) {
    let at = dice.random_range(0..=body.len());
    let end = (at + dice.random_range(0..40)).min(body.len());
    match dice.random_range(0..7) {
        0 if at < body.len() => body[at] ^= 1 << dice.random_range(0..8),
        1 if at < body.len() => body[at] = dice.random(),
        2 => body.truncate(at),
        3 => drop(body.drain(at..end)),
        4 => {
            let piece = body[at..end].to_vec();
            body.splice(at..at, piece);
        }
        5 => {
            let other = &others[dice.random_range(0..others.len())];
            let from = dice.random_range(0..=other.len());
            let to = (from + dice.random_range(0..200)).min(other.len());
            body.splice(at..end, other[from..to].iter().copied());
        }
        _ => {
            let signs: [&[u8]; 8] =
                [b"{", b"}", b"\"", b"\\u0000", b"\\ud83d", b"\xef\xbb\xbf", b",,", b"\xff\xc0"];
            let sign = signs[dice.random_range(0..signs.len())];
            body.splice(at..at, sign.iter().copied());
        }
    }
}

#[test]
fn no_bytes_make_anything_fail() {
    let seed = setting("SEED").unwrap_or_else(rand::random);
    let mut dice = StdRng::seed_from_u64(seed);
    let variants: Vec<Vec<u8>> = variants().into_values().collect();
    for _ in 0..setting("CASES").unwrap_or(3000) {
        let mut body = variants[dice.random_range(0..variants.len())].clone();
        for _ in 0..dice.random_range(1..8) {
            mutate(&mut body, &variants, &mut dice);
        }
        check(seed, &body);
    }
}
