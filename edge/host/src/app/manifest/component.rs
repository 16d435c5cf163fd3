//! Reads one `[component.*]` table.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::de::DeValue;

use super::fields::{Reader, Value};
use super::{Component, Located};
use crate::app::names;
use crate::guest::key_value::DEFAULT_STORE;

impl Reader<'_> {
    pub(super) fn component(
        &mut self,
        id: &str,
        line: usize,
        value: Value<'_>,
    ) -> Option<Component> {
        let at = format!("component.{id}");
        let mut source = None;
        let mut allowed_outbound_hosts = Vec::new();
        let mut key_value_stores = Vec::new();
        let mut variables = BTreeMap::new();
        let problems_before = self.problems.len();
        for (key, line, value) in self.table_entries(&at, line, value) {
            let field = format!("{at}.{key}");
            match key.as_str() {
                "source" if matches!(value.get_ref(), DeValue::Table(_)) => {
                    self.unsupported(line, &format!("{field} from a URL or registry"));
                }
                "source" => source = self.located(&field, line, value),
                "allowed_outbound_hosts" => {
                    allowed_outbound_hosts = self.strings(&field, line, value)
                }
                "key_value_stores" => key_value_stores = self.stores(&field, line, value),
                "variables" => variables = self.component_variables(&field, line, value),
                "description" => drop(self.string(&field, line, value)),
                "tool" => self.tables(&field, line, value),
                "build" => self.build(&field, line, value),
                "environment"
                | "files"
                | "exclude_files"
                | "sqlite_databases"
                | "ai_models"
                | "dependencies"
                | "dependencies_inherit_configuration"
                | "targets"
                | "profile"
                | "allowed_http_hosts" => {
                    self.unsupported(line, &field);
                }
                _ => self.unknown(line, &field),
            }
        }
        if source.is_none() && self.problems.len() == problems_before {
            self.problem(line, format!("{at} has no source"));
        }
        let source = source?;
        let source = Located { line: source.line, value: PathBuf::from(source.value) };
        Some(Component { line, source, allowed_outbound_hosts, key_value_stores, variables })
    }

    fn stores(&mut self, field: &str, line: usize, value: Value<'_>) -> Vec<Located<String>> {
        let stores = self.strings(field, line, value);
        for Located { line, value: label } in &stores {
            match names::check_label(label) {
                Err(error) => self.problem(*line, format!("{field}: {label:?} {error}")),
                Ok(()) if label != DEFAULT_STORE => self.unsupported(
                    *line,
                    &format!("the key-value store {label:?}, but only {DEFAULT_STORE:?}"),
                ),
                Ok(()) => {}
            }
        }
        stores
    }

    fn component_variables(
        &mut self,
        field: &str,
        line: usize,
        value: Value<'_>,
    ) -> BTreeMap<String, Located<String>> {
        let mut variables = BTreeMap::new();
        for (name, line, value) in self.table_entries(field, line, value) {
            if let Err(error) = names::check_variable(&name) {
                self.problem(line, format!("{field}: {name:?} {error}"));
            }
            variables.extend(self.located(&name, line, value).map(|value| (name, value)));
        }
        variables
    }

    /// How it is built: of no use here, but Spin reads it before it starts.
    fn build(&mut self, field: &str, line: usize, value: Value<'_>) {
        let mut is_complete = false;
        for (key, line, value) in self.table_entries(field, line, value) {
            let what = format!("{field}.{key}");
            match (key.as_str(), value.get_ref()) {
                ("command", DeValue::Array(_)) => {
                    is_complete = true;
                    self.strings(&what, line, value);
                }
                ("command", _) => {
                    is_complete = true;
                    self.string(&what, line, value);
                }
                ("workdir", _) => drop(self.string(&what, line, value)),
                ("watch", _) => drop(self.strings(&what, line, value)),
                _ => self.unknown(line, &what),
            }
        }
        if !is_complete {
            self.problem(line, format!("{field} has no command"));
        }
    }
}
