//! The public contract: `schema.graphql` is what the code serves, and says what everything is.

use mono_gateway::schema;

#[test]
fn the_checked_in_schema_is_the_live_one() {
    let path = format!("{}/schema.graphql", env!("CARGO_MANIFEST_DIR"));
    let checked_in = std::fs::read_to_string(path).expect("schema.graphql is there");
    assert!(
        checked_in == schema::sdl(),
        "schema.graphql is not what the code serves; run `cargo run -- schema > schema.graphql`"
    );
}

#[test]
fn the_live_schema_has_nothing_of_the_demo() {
    assert!(!schema::sdl().to_lowercase().contains("simulate"));
    assert!(schema::demo_sdl().contains("simulateFault"));
}

#[test]
fn everything_is_described() {
    for sdl in [schema::sdl(), schema::demo_sdl()] {
        let lines: Vec<&str> = sdl.lines().map(str::trim).collect();
        let mut in_description = false;
        for (at, line) in lines.iter().enumerate() {
            if *line == "\"\"\"" {
                in_description = !in_description;
                continue;
            }
            let declares = ["type ", "input ", "enum ", "interface ", "scalar ", "union "]
                .iter()
                .any(|word| line.starts_with(word));
            let is_member = !line.is_empty()
                && line.starts_with(|c: char| c.is_ascii_alphabetic())
                && (line.contains(':') || line.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
            let is_root = line.starts_with("schema ")
                || lines[..at].iter().rev().any(|l| *l == "schema {")
                    && !lines[..at]
                        .iter()
                        .rev()
                        .take_while(|l| **l != "schema {")
                        .any(|l| *l == "}");
            if !in_description
                && (declares || is_member)
                && !is_root
                && !line.starts_with("directive")
            {
                let before = at.checked_sub(1).map(|i| lines[i]);
                assert_eq!(before, Some("\"\"\""), "{line} is not described");
            }
        }
    }
}
