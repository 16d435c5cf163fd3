//! Reads `spin.toml` (manifest version 2) and refuses whatever this host cannot honour.
//!
//! It deliberately has no "ignore what I do not know": a field that would change behaviour under
//! Spin either works here or stops the start, with its line. Only what Spin itself ignores at run
//! time (`description`, `authors`, `build`, `tool`) is passed over once it has the right form. Every
//! problem is reported, not only the first. The invariant: what Spin's loader refuses is refused here,
//! and a message names `gavel-host` exactly where Spin would have taken the manifest.

mod check;
mod component;
mod fields;
mod model;
mod reader;
#[cfg(test)]
mod spin_rules;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use model::{Component, Located, Manifest, Trigger, Variable};
pub use reader::parse;

/// Something in the manifest that cannot be run, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line in the manifest, counted from 1.
    pub line: usize,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
}

impl Problem {
    /// A problem on `line`.
    pub fn new(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

/// Why a manifest cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file asked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file was read, but it asks for what this host cannot do, or is wrong.
    #[error("{}", list(path, problems))]
    Refused {
        /// The file read.
        path: PathBuf,
        /// Everything found, in the order of the lines.
        problems: Vec<Problem>,
    },
}

/// One line a problem, each beginning `file:line:`, the form editors can jump to.
fn list(path: &Path, problems: &[Problem]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("{}:{}: {}", path.display(), problem.line, problem.message))
        .collect();
    lines.join("\n")
}

/// Reads the manifest at `path`.
///
/// # Errors
/// [`ManifestError::Read`] if the file cannot be read, [`ManifestError::Refused`] with every problem
/// found in it otherwise.
pub fn load(path: &Path) -> Result<Manifest, ManifestError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ManifestError::Read { path: path.to_path_buf(), source })?;
    parse(&text).map_err(|problems| refused(path, problems))
}

/// An error for problems found in the manifest at `path` after it was read.
pub fn refused(path: &Path, mut problems: Vec<Problem>) -> ManifestError {
    problems.sort_by_key(|problem| problem.line);
    ManifestError::Refused { path: path.to_path_buf(), problems }
}
