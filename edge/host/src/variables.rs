//! Values of the manifest's variables, and `{{ name }}` templates.
//!
//! A value comes from `--variable`, else from `SPIN_VARIABLE_<NAME>`, else from its default: the
//! order Spin uses. All values are fixed at start; there is no provider that changes them later.
//! The invariant: a value is handed to components and never printed, secret or not.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use crate::manifest::Manifest;

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
/// variable. An unknown `SPIN_VARIABLE_*` is no error, as in Spin: one environment may serve several
/// applications.
///
/// # Errors
/// Every variable without a value and every unknown name, at once.
pub fn resolve(
    manifest: &Manifest,
    given: &[(String, String)],
    env: impl Fn(&str) -> Option<String>,
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
        let value = given
            .get(name.as_str())
            .map(|value| (*value).to_owned())
            .or_else(|| env(&env_name(name)))
            .or_else(|| variable.default.clone());
        match value {
            Some(value) => drop(values.insert(name.clone(), value)),
            None => errors.push(VariableError::Missing { name: name.clone() }),
        }
    }
    if errors.is_empty() { Ok(Values(values)) } else { Err(errors) }
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
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{{") {
            filled.push_str(before);
            let Some((name, tail)) = after.split_once("}}") else {
                return Err(TemplateError::Unclosed(template.to_owned()));
            };
            let name = name.trim();
            let value = self.get(name).ok_or_else(|| TemplateError::Undeclared {
                template: template.to_owned(),
                name: name.to_owned(),
            })?;
            filled.push_str(value);
            rest = tail;
        }
        filled.push_str(rest);
        Ok(filled)
    }
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
        let manifest = crate::manifest::parse(DECLARED).unwrap();
        let own = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        let given: Vec<_> = given.iter().map(own).collect();
        let env: HashMap<String, String> = env.iter().map(own).collect();
        resolve(&manifest, &given, |name| env.get(name).cloned())
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
