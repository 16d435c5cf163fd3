//! Walks the parsed TOML table by table, building the model and noting every problem.
//!
//! It keeps going after a problem so that all of them are reported at once; the model it builds is
//! only handed out when there was none. Components are read in [`super::component`]; whether the parts
//! fit together is looked at in the end, in [`super::check`].

use toml::de::{DeTable, DeValue};

use super::fields::{Reader, Value};
use super::{Manifest, Problem, Trigger, Variable};
use crate::app::names;

/// Parses the text of a manifest.
///
/// # Errors
/// Every problem found, in the order of the lines.
pub fn parse(text: &str) -> Result<Manifest, Vec<Problem>> {
    let mut reader = Reader::new(text);
    let manifest = match DeTable::parse(text) {
        Ok(root) => reader.manifest(root.into_inner()),
        Err(error) => {
            let line = error.span().map_or(1, |span| reader.line_at(span.start));
            return Err(vec![Problem::new(line, error.message())]);
        }
    };
    reader.check(&manifest);
    reader.problems.sort_by_key(|problem| problem.line);
    if reader.problems.is_empty() { Ok(manifest) } else { Err(reader.problems) }
}

impl Reader<'_> {
    fn manifest(&mut self, root: DeTable<'_>) -> Manifest {
        let mut manifest = Manifest::default();
        let mut version_seen = false;
        for (key, line, value) in self.entries(root) {
            match key.as_str() {
                "spin_manifest_version" => {
                    version_seen = true;
                    let is_two =
                        matches!(value.get_ref(), DeValue::Integer(n) if n.as_str() == "2");
                    if !is_two {
                        self.problem(line, "spin_manifest_version must be 2");
                    }
                }
                "application" => manifest.name = self.application(line, value),
                "variables" => {
                    for (name, line, value) in self.table_entries("variables", line, value) {
                        let variable = self.variable(&name, line, value);
                        manifest.variables.insert(name, variable);
                    }
                }
                "trigger" => manifest.triggers = self.triggers(line, value),
                "component" => {
                    for (id, line, value) in self.table_entries("component", line, value) {
                        if let Err(error) = names::check_component_id(&id) {
                            self.problem(line, format!("component {id:?} {error}"));
                        }
                        self.declared.insert(id.clone());
                        if let Some(component) = self.component(&id, line, value) {
                            manifest.components.insert(id, component);
                        }
                    }
                }
                "dependencies" => self.unsupported(line, "dependencies"),
                other => self.unknown(line, other),
            }
        }
        if !version_seen {
            self.problem(1, "spin_manifest_version = 2 is missing");
        }
        manifest
    }

    fn application(&mut self, line: usize, value: Value<'_>) -> String {
        let mut name = None;
        for (key, line, value) in self.table_entries("application", line, value) {
            match key.as_str() {
                "name" => name = self.string("application.name", line, value),
                "version" | "description" => {
                    self.string(&format!("application.{key}"), line, value);
                }
                "authors" => drop(self.strings("application.authors", line, value)),
                "tool" => self.tables("application.tool", line, value),
                "trigger" | "targets" => self.unsupported(line, &format!("application.{key}")),
                other => self.unknown(line, &format!("application.{other}")),
            }
        }
        name.unwrap_or_else(|| {
            self.problem(line, "application.name is missing");
            String::new()
        })
    }

    fn variable(&mut self, name: &str, line: usize, value: Value<'_>) -> Variable {
        if let Err(error) = names::check_variable(name) {
            self.problem(line, format!("variable {name:?} {error}"));
        }
        let (mut default, mut required, mut secret) = (None, false, false);
        for (key, line, value) in self.table_entries(&format!("variables.{name}"), line, value) {
            match key.as_str() {
                "default" => {
                    default = self.string(&format!("variables.{name}.default"), line, value)
                }
                "required" => required = self.boolean(&key, line, &value),
                "secret" => secret = self.boolean(&key, line, &value),
                "description" => {
                    self.string(&format!("variables.{name}.description"), line, value);
                }
                other => self.unknown(line, &format!("variables.{name}.{other}")),
            }
        }
        if required == default.is_some() {
            self.problem(
                line,
                format!("variable {name:?} needs either a default or required = true"),
            );
        }
        Variable { line, default, secret }
    }

    fn triggers(&mut self, line: usize, value: Value<'_>) -> Vec<Trigger> {
        let mut triggers = Vec::new();
        for (kind, line, value) in self.table_entries("trigger", line, value) {
            if kind != "http" {
                self.unsupported(line, &format!("trigger.{kind}"));
                continue;
            }
            for (line, value) in self.array("trigger.http", line, value) {
                triggers.extend(self.trigger(line, value));
            }
        }
        triggers
    }

    fn trigger(&mut self, line: usize, value: Value<'_>) -> Option<Trigger> {
        let (mut route, mut component) = (None, None);
        let mut complete = true;
        for (key, line, value) in self.table_entries("trigger.http", line, value) {
            match key.as_str() {
                "route" if matches!(value.get_ref(), DeValue::Table(_)) => {
                    self.unsupported(line, "a private route");
                    complete = false;
                }
                "route" => route = self.located("route", line, value),
                "component" if matches!(value.get_ref(), DeValue::Table(_)) => {
                    self.unsupported(line, "a component inside its trigger");
                    complete = false;
                }
                "component" => component = self.located("component", line, value),
                "id" => drop(self.string("trigger.http.id", line, value)),
                "static_response" => {
                    self.unsupported(line, "static_response");
                    complete = false;
                }
                "executor" | "dependencies" => {
                    self.unsupported(line, &format!("trigger.http.{key}"))
                }
                other => self.unknown(line, &format!("trigger.http.{other}")),
            }
        }
        match (route, component) {
            (Some(route), Some(component)) => Some(Trigger { route, component }),
            _ if !complete => None,
            _ => {
                self.problem(line, "an HTTP trigger needs a route and a component");
                None
            }
        }
    }
}
