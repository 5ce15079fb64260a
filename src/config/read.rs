//! Reads flags, variables and the file that `--config` names.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

use clap::{CommandFactory as _, FromArgMatches as _};

use super::{Cli, ConfigError, wrong};

impl Cli {
    /// Reads flags, variables and the file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, ConfigError> {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        let mut command = Self::command();
        if let Some(file) = config_file(&arguments) {
            for (id, value) in read_file(&file)? {
                let known =
                    command.get_arguments().any(|argument| argument.get_id() == id.as_str());
                if !known {
                    return Err(wrong(format!(
                        "{} sets {id}, which is no setting; `mono-gateway --help` lists them",
                        file.display()
                    )));
                }
                command = command.mut_arg(id, |argument| {
                    // Shown in no help: it may be a secret.
                    argument.default_value(value).hide_default_value(true)
                });
            }
        }
        let matches = command
            .try_get_matches_from(arguments)
            .map_err(|error| ConfigError::CommandLine(Box::new(error)))?;
        Self::from_arg_matches(&matches).map_err(|error| ConfigError::CommandLine(Box::new(error)))
    }
}

/// The file that `--config` names, found before the command line is read.
fn config_file(arguments: &[OsString]) -> Option<PathBuf> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == "--config" {
            return arguments.next().map(PathBuf::from);
        }
        if let Some(file) = argument.to_str().and_then(|text| text.strip_prefix("--config=")) {
            return Some(PathBuf::from(file));
        }
    }
    None
}

/// The settings of a file, by the id of their flag.
fn read_file(file: &PathBuf) -> Result<BTreeMap<String, String>, ConfigError> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| wrong(format!("--config {shown} cannot be read: {error}")))?;
    let table: toml::Table =
        text.parse().map_err(|error| wrong(format!("--config {shown} is not TOML: {error}")))?;
    let mut settings = BTreeMap::new();
    for (name, value) in table {
        let id = name.to_ascii_lowercase().replace('-', "_");
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(truth) => truth.to_string(),
            toml::Value::Array(list) => {
                let words: Option<Vec<_>> = list.iter().map(toml::Value::as_str).collect();
                words.map(|words| words.join(",")).ok_or_else(|| {
                    wrong(format!("{name} in {shown} must be a text or a list of texts"))
                })?
            }
            toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => {
                return Err(wrong(format!("{name} in {shown} must be a text, a number or a list")));
            }
        };
        settings.insert(id, text);
    }
    Ok(settings)
}
