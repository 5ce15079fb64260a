//! Who may import whom: the arrows of ARCHITECTURE.md, read off the source.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The layers from the ground up. A module may use those of its own line and of the lines above.
const LAYERS: [&[&str]; 8] = [
    &["clock", "error", "ids", "money", "caller", "scalar", "paging", "user_error"],
    &["database", "document", "mono", "events", "access", "seal", "server"],
    &["lifecycle"],
    &["transaction", "handover"],
    &["account"],
    &["reauth", "link", "job", "webhook", "demo"],
    &["schema", "transport", "telemetry"],
    &["head", "http", "config", "app", "command", "main", "lib"],
];

/// Faces are a layer of their own above all domains, and may use each other.
const FACES: usize = 6;

struct Source {
    path: PathBuf,
    module: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of src") {
            let path = entry.expect("an entry of src").path();
            if path.is_dir() {
                // Tests may look wherever they like.
                if path.file_name().is_some_and(|name| name != "tests") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && path.file_name().is_some_and(|name| name != "tests.rs")
            {
                let inner = path.strip_prefix(&root).expect("inside src");
                let first = inner.components().next().expect("a name");
                let module = first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
                let text = fs::read_to_string(&path).expect("a source file");
                found.push(Source { path: inner.to_owned(), module, text });
            }
        }
    }
    assert!(found.len() > 40, "{} files", found.len());
    found
}

/// `graphql.rs` of a domain, or a file of its folder `graphql`.
fn is_face(source: &Source) -> bool {
    let mut parts = source.path.iter().map(|part| part.to_string_lossy());
    parts.any(|part| part == "graphql.rs" || part == "graphql")
}

fn layer(module: &str) -> usize {
    let line = LAYERS.iter().position(|layer| layer.contains(&module));
    line.unwrap_or_else(|| panic!("{module} stands in no layer; give it one in tests/layers.rs"))
}

/// Code alone: without comments, and without tests that stand under it.
fn code(text: &str) -> String {
    let production = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = production.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules that a text names after `crate::`, also inside braces.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut name = String::new();
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => found.push(std::mem::take(&mut name)),
                    _ if depth == 0 => name.push(c),
                    _ => {}
                }
            }
            found.push(name);
        } else {
            found.push(rest.to_owned());
        }
    }
    let first = |path: String| {
        let path = path.trim().to_owned();
        let end = path.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(path.len());
        path[..end].to_owned()
    };
    let modules = found.into_iter().map(first);
    modules.filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase())).collect()
}

#[test]
fn no_module_uses_one_above_it() {
    for source in sources() {
        let is_face = is_face(&source);
        let own = if is_face { FACES } else { layer(&source.module) };
        for used in imports(&code(&source.text)) {
            let face = source.text.contains(&format!("{used}::graphql"))
                || source.text.contains(&format!("{used}::{{graphql"));
            assert!(
                layer(&used) <= own || (is_face && face),
                "{} uses crate::{used}, which lies above it",
                source.path.display()
            );
        }
    }
}

fn only_in(word: &str, allowed: impl Fn(&str) -> bool) {
    for source in sources() {
        let path = source.path.to_string_lossy().replace('\\', "/");
        let used = code(&source.text).contains(word);
        assert!(!used || allowed(&path), "{path} names {word}, which belongs elsewhere");
    }
}

#[test]
fn each_library_stays_where_it_belongs() {
    only_in("sea_orm", |path| {
        path.contains("store")
            || path.ends_with("service.rs")
            || path.starts_with("events/")
            || path.starts_with("database/")
            || path.starts_with("lifecycle/writer/")
            || path == "telemetry.rs"
    });
    only_in("reqwest", |path| {
        path.starts_with("mono/") || path.starts_with("demo/") || path == "telemetry.rs"
    });
    only_in("axum::", |path| {
        path.starts_with("transport/")
            || path.starts_with("document/")
            || path == "http.rs"
            || path == "head.rs"
            || path == "app.rs"
            || path.ends_with("/http.rs")
    });
    only_in("hyper::", |path| {
        path.starts_with("server/") || path.starts_with("transport/websocket/")
    });
    only_in("hyper_util", |path| {
        path.starts_with("server/") || path.starts_with("transport/websocket/")
    });
    only_in("async_graphql", |path| {
        path.ends_with("graphql.rs") || path.contains("/graphql/") || path.ends_with("loader.rs") || path.starts_with("transport/") || path.starts_with("document/")
            || ["schema.rs", "error.rs", "money.rs", "scalar.rs", "paging.rs", "user_error.rs"].contains(&path)
            // `derive(Enum)` on plain enums of a domain.
            || ["lifecycle/mod.rs", "lifecycle/session.rs", "lifecycle/job.rs", "lifecycle/link/mod.rs", "transaction/mod.rs"].contains(&path)
    });
    only_in("Utc::now", |path| path == "clock.rs");
    only_in("env::var(", |path| path.starts_with("config/"));
}

#[test]
fn an_uncoded_error_cannot_reach_a_client() {
    only_in("async_graphql::Result", |path| path == "error.rs");
    only_in("impl std::fmt::Display for ApiError", |_| false);
}

#[test]
fn a_face_leaves_sql_and_mono_to_its_service() {
    for source in sources() {
        let is_face = is_face(&source);
        let text = code(&source.text);
        assert!(!is_face || !text.contains("sea_orm"), "{} reads rows", source.path.display());
        let asks = text.contains("mono::Client");
        assert!(!is_face || !asks, "{} asks Mono itself", source.path.display());
    }
}

#[test]
fn only_the_command_line_names_the_simulator() {
    only_in("mono_simulator", |path| path == "command/simulator.rs");
}

#[test]
fn every_file_says_what_it_is_for() {
    for source in sources() {
        let opens = source.text.trim_start().starts_with("//!");
        assert!(opens, "{} does not open with //!", source.path.display());
    }
}
