//! What a supported `spin.toml` says, with the line each part stands on.
//!
//! Plain data. Reading and refusing happen in the parent module; templates are still unresolved.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// A value and the line of the manifest it came from (1-based).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The line, counted from 1.
    pub line: usize,
    /// The value itself.
    pub value: T,
}

/// A manifest gavel-host can run.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    /// `application.name`.
    pub name: String,
    /// `[variables]`, by name.
    pub variables: BTreeMap<String, Variable>,
    /// `[[trigger.http]]`, in the order written.
    pub triggers: Vec<Trigger>,
    /// `[component.*]`, by id.
    pub components: BTreeMap<String, Component>,
}

/// One entry of `[variables]`: either it has a default or it is required.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Where it is declared.
    pub line: usize,
    /// Its value where nobody sets one; `None` means required.
    pub default: Option<String>,
    /// Its value must never be printed.
    pub secret: bool,
}

/// One `[[trigger.http]]`: a route and the component behind it.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// The route as written, such as `/api/:id/...`.
    pub route: Located<String>,
    /// The id of the component.
    pub component: Located<String>,
}

/// One `[component.*]`.
#[derive(Debug, Clone)]
pub struct Component {
    /// Where the component is declared.
    pub line: usize,
    /// The WebAssembly file, relative to the manifest's folder.
    pub source: Located<PathBuf>,
    /// `scheme://host[:port]`, possibly with templates.
    pub allowed_outbound_hosts: Vec<Located<String>>,
    /// Labels of the key-value stores it may open.
    pub key_value_stores: Vec<Located<String>>,
    /// What it can read through `spin:variables`: name to template.
    pub variables: BTreeMap<String, Located<String>>,
}
