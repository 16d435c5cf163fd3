//! Whether the parts of a manifest fit together: what routes, components and templates name must be
//! there, and what is known before any value is given must be right already.

use std::collections::BTreeMap;

use super::fields::Reader;
use super::{Component, Located, Manifest, Trigger, Variable};
use crate::app::routes::{Pattern, RouteError};
use crate::app::variables::{DefaultText, default_of};
use crate::outbound::allowed_hosts::{AllowedHost, AllowedHostError};

impl Reader<'_> {
    pub(super) fn check(&mut self, manifest: &Manifest) {
        if manifest.triggers.is_empty() && self.problems.is_empty() {
            self.problem(1, "there is no [[trigger.http]]");
        }
        self.check_triggers(&manifest.triggers);
        for component in manifest.components.values() {
            self.check_templates(component, &manifest.variables);
        }
    }

    /// Routes differ and lead to components.
    fn check_triggers(&mut self, triggers: &[Trigger]) {
        let mut seen: Vec<Pattern> = Vec::new();
        for Trigger { route, component } in triggers {
            match Pattern::parse(&route.value) {
                Ok(pattern) if seen.contains(&pattern) => {
                    let error = RouteError::Taken(route.value.clone());
                    self.problem(route.line, error.to_string());
                }
                Ok(pattern) => seen.push(pattern),
                Err(error) => self.problem(route.line, error.to_string()),
            }
            if !self.declared.contains(&component.value) {
                self.problem(
                    component.line,
                    format!("there is no [component.{}]", component.value),
                );
            }
        }
    }

    /// Templates name variables that there are, and hosts are right as far as they are known.
    fn check_templates(&mut self, component: &Component, declared: &BTreeMap<String, Variable>) {
        for Located { line, value: template } in component.variables.values() {
            if let Err(error) = default_of(template, declared) {
                self.problem(*line, error.to_string());
            }
        }
        for Located { line, value: entry } in &component.allowed_outbound_hosts {
            let refused = match default_of(entry, declared) {
                Err(error) => Some(error.to_string()),
                Ok(DefaultText::Always(host)) => {
                    AllowedHost::parse(&host).err().map(|error| error.for_entry(entry))
                }
                // Another value may be given, but Spin takes no default that could not be used.
                Ok(DefaultText::Unless(host)) => match AllowedHost::parse(&host) {
                    Err(error @ AllowedHostError::Malformed(_)) => Some(error.for_entry(entry)),
                    _ => None,
                },
                Ok(DefaultText::Unknown) => None,
            };
            if let Some(message) = refused {
                self.problem(*line, message);
            }
        }
    }
}
