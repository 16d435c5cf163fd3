//! Typed access to the fields of a TOML table, noting every problem with its line.
//!
//! It knows nothing of what the fields mean.

use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Located, Problem};

/// A TOML value and where it stands.
pub(super) type Value<'i> = Spanned<DeValue<'i>>;

/// The text being read and what was found wrong with it so far.
pub(super) struct Reader<'t> {
    text: &'t str,
    /// Ids of components, including those that were refused: no need to miss them as well.
    pub(super) declared: BTreeSet<String>,
    pub(super) problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, declared: BTreeSet::new(), problems: Vec::new() }
    }

    pub(super) fn problem(&mut self, line: usize, message: impl Into<String>) {
        self.problems.push(Problem::new(line, message));
    }

    pub(super) fn unsupported(&mut self, line: usize, what: &str) {
        self.problem(line, format!("gavel-host does not support {what}; Spin does"));
    }

    pub(super) fn unknown(&mut self, line: usize, what: &str) {
        self.problem(line, format!("unknown field {what}"));
    }

    pub(super) fn line_at(&self, offset: usize) -> usize {
        1 + self.text.as_bytes()[..offset.min(self.text.len())]
            .iter()
            .filter(|b| **b == b'\n')
            .count()
    }

    pub(super) fn entries<'i>(&self, table: DeTable<'i>) -> Vec<(String, usize, Value<'i>)> {
        table
            .into_iter()
            .map(|(key, value)| {
                let line = self.line_at(key.span().start);
                (key.into_inner().into_owned(), line, value)
            })
            .collect()
    }

    pub(super) fn table_entries<'i>(
        &mut self,
        what: &str,
        line: usize,
        value: Value<'i>,
    ) -> Vec<(String, usize, Value<'i>)> {
        match value.into_inner() {
            DeValue::Table(table) => self.entries(table),
            other => {
                self.problem(line, format!("{what} must be a table, not {}", other.type_str()));
                Vec::new()
            }
        }
    }

    pub(super) fn array<'i>(
        &mut self,
        what: &str,
        line: usize,
        value: Value<'i>,
    ) -> Vec<(usize, Value<'i>)> {
        match value.into_inner() {
            DeValue::Array(array) => {
                array.into_iter().map(|value| (self.line_at(value.span().start), value)).collect()
            }
            other => {
                self.problem(line, format!("{what} must be an array, not {}", other.type_str()));
                Vec::new()
            }
        }
    }

    pub(super) fn string(&mut self, what: &str, line: usize, value: Value<'_>) -> Option<String> {
        match value.into_inner() {
            DeValue::String(text) => Some(text.into_owned()),
            other => {
                self.problem(line, format!("{what} must be a string, not {}", other.type_str()));
                None
            }
        }
    }

    pub(super) fn located(
        &mut self,
        what: &str,
        line: usize,
        value: Value<'_>,
    ) -> Option<Located<String>> {
        self.string(what, line, value).map(|value| Located { line, value })
    }

    pub(super) fn strings(
        &mut self,
        what: &str,
        line: usize,
        value: Value<'_>,
    ) -> Vec<Located<String>> {
        let items = self.array(what, line, value);
        items.into_iter().filter_map(|(line, value)| self.located(what, line, value)).collect()
    }

    /// A table of tables whose content is no concern of ours.
    pub(super) fn tables(&mut self, what: &str, line: usize, value: Value<'_>) {
        for (key, line, value) in self.table_entries(what, line, value) {
            self.table_entries(&format!("{what}.{key}"), line, value);
        }
    }

    pub(super) fn boolean(&mut self, what: &str, line: usize, value: &Value<'_>) -> bool {
        match value.get_ref() {
            DeValue::Boolean(value) => *value,
            other => {
                self.problem(
                    line,
                    format!("{what} must be true or false, not {}", other.type_str()),
                );
                false
            }
        }
    }
}
