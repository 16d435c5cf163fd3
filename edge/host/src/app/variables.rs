//! Values of the manifest's variables, and `{{ name }}` templates.
//!
//! A value comes from `--variable`, else from `SPIN_VARIABLE_<NAME>` in the environment, else from that
//! in the file `.env` of the current folder, else from its default: the order Spin uses. All values are
//! fixed at start; there is no provider that changes them later. The invariant: a value is handed to
//! components and never printed, secret or not.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use crate::app::manifest::{Manifest, Variable};

/// Resolved values by name. `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Values(HashMap<String, String>);

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Something wrong with the values given for the variables.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VariableError {
    /// A required variable nobody set.
    #[error("variable {name} is required: give --variable {name}=… or {}", env_name(name))]
    Missing {
        /// The variable.
        name: String,
    },
    /// `--variable` names something the manifest does not declare.
    #[error("--variable {name}: the manifest declares no such variable")]
    Unknown {
        /// The name given.
        name: String,
    },
    /// What the environment says is not text.
    #[error("{} is not UTF-8", env_name(name))]
    NotText {
        /// The variable.
        name: String,
    },
    /// The file `.env` cannot be read. Without what is wrong, since that quotes the line.
    #[error("{path} is there, but not of lines NAME=VALUE that can be read")]
    DotEnv {
        /// Where it is.
        path: String,
    },
}

/// A template that cannot be filled in. Messages show the template, never a value.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TemplateError {
    /// `{{` without `}}`.
    #[error("template {0:?} has {{{{ without }}}}")]
    Unclosed(String),
    /// A name that is no variable.
    #[error("template {template:?} uses {name:?}, which [variables] does not declare")]
    Undeclared {
        /// The template as written.
        template: String,
        /// The name in it.
        name: String,
    },
}

/// Resolves every declared variable.
///
/// `given` are the pairs of `--variable`, the last of a name winning; `env` looks up an environment
/// variable, see [`environment`]. An unknown `SPIN_VARIABLE_*` is no error, as in Spin: one environment
/// may serve several applications.
///
/// # Errors
/// Every variable without a value and every unknown name, at once.
pub fn resolve(
    manifest: &Manifest,
    given: &[(String, String)],
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<Values, Vec<VariableError>> {
    let mut errors = Vec::new();
    for (name, _) in given {
        if !manifest.variables.contains_key(name) {
            errors.push(VariableError::Unknown { name: name.clone() });
        }
    }
    let given: BTreeMap<&str, &str> = given.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let mut values = HashMap::new();
    for (name, variable) in &manifest.variables {
        let value = match (given.get(name.as_str()), env(&env_name(name))) {
            (Some(value), _) => Ok((*value).to_owned()),
            (None, Some(value)) => {
                value.into_string().map_err(|_| VariableError::NotText { name: name.clone() })
            }
            (None, None) => variable
                .default
                .clone()
                .ok_or_else(|| VariableError::Missing { name: name.clone() }),
        };
        match value {
            Ok(value) => drop(values.insert(name.clone(), value)),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(Values(values)) } else { Err(errors) }
}

/// The environment of this process and, for what is not set there, the lines of `file`, if it is there.
///
/// # Errors
/// [`VariableError::DotEnv`] if the file cannot be read.
pub fn environment(file: &Path) -> Result<impl Fn(&str) -> Option<OsString>, VariableError> {
    let lines = match dotenvy::from_path_iter(file) {
        Ok(lines) => lines.collect::<Result<HashMap<String, String>, _>>(),
        Err(error) if error.not_found() => Ok(HashMap::new()),
        Err(error) => Err(error),
    };
    let lines = lines.map_err(|_| VariableError::DotEnv { path: file.display().to_string() })?;
    Ok(move |name: &str| {
        std::env::var_os(name)
            .or_else(|| lines.get(name).map(|value| OsString::from(value.as_str())))
    })
}

impl Values {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Fills in every `{{ name }}` of `template`.
    ///
    /// # Errors
    /// [`TemplateError`] for an unclosed or unknown name.
    pub fn fill(&self, template: &str) -> Result<String, TemplateError> {
        let mut filled = String::with_capacity(template.len());
        for part in parts(template) {
            match part? {
                Part::Text(text) => filled.push_str(text),
                Part::Name(name) => {
                    filled.push_str(self.get(name).ok_or_else(|| undeclared(template, name))?);
                }
            }
        }
        Ok(filled)
    }
}

/// A piece of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'t> {
    Text(&'t str),
    /// What stands between `{{` and `}}`.
    Name(&'t str),
}

/// The pieces of `template` in their order; an error is the last of them.
fn parts(template: &str) -> impl Iterator<Item = Result<Part<'_>, TemplateError>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(expression) = rest.strip_prefix("{{") else {
            let (text, after) = rest.split_at(rest.find("{{").unwrap_or(rest.len()));
            rest = after;
            return Some(Ok(Part::Text(text)));
        };
        let Some((name, after)) = expression.split_once("}}") else {
            rest = "";
            return Some(Err(TemplateError::Unclosed(template.to_owned())));
        };
        rest = after;
        Some(Ok(Part::Name(name.trim())))
    })
}

fn undeclared(template: &str, name: &str) -> TemplateError {
    TemplateError::Undeclared { template: template.to_owned(), name: name.to_owned() }
}

/// What a template of the manifest says before anyone has given a value.
#[derive(Debug, PartialEq, Eq)]
pub enum DefaultText {
    /// This, whatever values are given.
    Always(String),
    /// This, as long as nobody sets one of its variables.
    Unless(String),
    /// Nothing yet: one of its variables is required.
    Unknown,
}

/// Checks a template against the variables that the manifest declares.
///
/// # Errors
/// [`TemplateError`] for an unclosed or unknown name.
pub fn default_of(
    template: &str,
    declared: &BTreeMap<String, Variable>,
) -> Result<DefaultText, TemplateError> {
    let (mut filled, mut is_literal) = (Some(String::new()), true);
    for part in parts(template) {
        let text = match part? {
            Part::Text(text) => Some(text),
            Part::Name(name) => {
                is_literal = false;
                let variable = declared.get(name).ok_or_else(|| undeclared(template, name))?;
                variable.default.as_deref()
            }
        };
        filled = filled.zip(text).map(|(filled, text)| filled + text);
    }
    Ok(match filled {
        Some(text) if is_literal => DefaultText::Always(text),
        Some(text) => DefaultText::Unless(text),
        None => DefaultText::Unknown,
    })
}

impl FromIterator<(String, String)> for Values {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// The environment variable Spin reads for a manifest variable.
fn env_name(name: &str) -> String {
    format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    const DECLARED: &str = r#"
        spin_manifest_version = 2
        application = { name = "t" }
        trigger.http = [{ route = "/...", component = "c" }]
        component.c.source = "c.wasm"
        [variables]
        a = { default = "default" }
        b = { required = true, secret = true }
        c = { required = true }
    "#;

    fn resolve_with(
        given: &[(&str, &str)],
        env: &[(&str, &str)],
    ) -> Result<Values, Vec<VariableError>> {
        let manifest = crate::app::manifest::parse(DECLARED).unwrap();
        let own = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        let given: Vec<_> = given.iter().map(own).collect();
        let env: HashMap<String, String> = env.iter().map(own).collect();
        resolve(&manifest, &given, |name| env.get(name).map(OsString::from))
    }

    #[test]
    fn the_command_line_beats_the_environment_and_that_beats_the_default() {
        let env =
            [("SPIN_VARIABLE_A", "env"), ("SPIN_VARIABLE_B", "env"), ("SPIN_VARIABLE_C", "env")];
        let values = resolve_with(&[("b", "first"), ("b", "cli")], &env).unwrap();
        assert_eq!(values.fill("{{a}} {{ b }} {{ c }}").unwrap(), "env cli env");
        let values = resolve_with(&[("b", ""), ("c", "x")], &[]).unwrap();
        assert_eq!(values.fill("{{ a }}|{{ b }}|").unwrap(), "default||");
    }

    #[test]
    fn every_missing_and_every_unknown_variable_is_named() {
        let errors = resolve_with(&[("nope", "x")], &[]).unwrap_err();
        let text: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "--variable nope: the manifest declares no such variable",
                "variable b is required: give --variable b=… or SPIN_VARIABLE_B",
                "variable c is required: give --variable c=… or SPIN_VARIABLE_C",
            ]
        );
    }

    #[test]
    fn an_environment_that_is_not_text_is_an_error_and_not_the_default() {
        let manifest = crate::app::manifest::parse(DECLARED).unwrap();
        let given = [("b".to_owned(), "x".to_owned()), ("c".to_owned(), "x".to_owned())];
        let bytes = OsString::from_vec(vec![0xff]);
        let env = |name: &str| (name == "SPIN_VARIABLE_A").then(|| bytes.clone());
        let errors = resolve(&manifest, &given, env).unwrap_err();
        assert_eq!(errors, [VariableError::NotText { name: "a".to_owned() }]);
    }

    #[test]
    fn a_file_of_lines_stands_behind_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".env");
        let look_up = |name: &str| environment(&file).map(|env| env(name));
        assert_eq!(look_up("SPIN_VARIABLE_NOWHERE"), Ok(None), "no file is no error");
        std::fs::write(&file, "SPIN_VARIABLE_NOWHERE='a b' # c\nPATH=/nowhere\n").unwrap();
        assert_eq!(look_up("SPIN_VARIABLE_NOWHERE"), Ok(Some("a b".into())));
        assert_ne!(look_up("PATH"), Ok(Some("/nowhere".into())), "the environment comes first");
        std::fs::write(&file, "SPIN_VARIABLE_EDGE_KEY hunter2\n").unwrap();
        let error = look_up("PATH").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn values_are_never_printed() {
        let values = resolve_with(&[("b", "hunter2"), ("c", "hunter3")], &[]).unwrap();
        assert!(!format!("{values:?}").contains("hunter"));
        let error = values.fill("{{ b }}{{ nope }}").unwrap_err();
        assert!(!error.to_string().contains("hunter"), "{error}");
    }

    #[test]
    fn broken_templates_are_refused() {
        let values = Values::default();
        assert_eq!(values.fill("plain }} text").unwrap(), "plain }} text");
        assert_eq!(values.fill("x {{ a"), Err(TemplateError::Unclosed("x {{ a".into())));
        let undeclared = TemplateError::Undeclared { template: "{{ a }}".into(), name: "a".into() };
        assert_eq!(values.fill("{{ a }}"), Err(undeclared));
    }
}
