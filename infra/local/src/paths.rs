//! Where things are: the checkout, its built programs, and the system's programs.
//!
//! Does not build or install anything: what is missing is named together with the command that
//! brings it.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The top of the checkout this crate was built from.
#[must_use]
pub fn checkout() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The folder of the stack started by `make up`: its state, logs, lock and `stack.env`.
#[must_use]
pub fn local_dir() -> PathBuf {
    checkout().join(".local")
}

/// A program of this workspace, such as `gavel`, from the build that made the running program.
///
/// # Errors
/// When it has not been built.
pub fn built(name: &str) -> Result<PathBuf> {
    let own = env::current_exe().context("finding the running program")?;
    // A test binary sits in `<target>/<profile>/deps`, a program in `<target>/<profile>`.
    own.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .with_context(|| {
            format!("the program `{name}` is not built: run `cargo build --workspace --bins`")
        })
}

/// A program of the operating system: from the `PATH`, or from where Debian keeps PostgreSQL's.
///
/// # Errors
/// When it is not installed.
pub fn installed(name: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    if let Some(found) = env::split_paths(&path).map(|p| p.join(name)).find(|p| p.is_file()) {
        return Ok(found);
    }
    for folder in ["/usr/bin", "/usr/sbin"] {
        let program = Path::new(folder).join(name);
        if program.is_file() {
            return Ok(program);
        }
    }
    match newest_postgres_bin() {
        Some(folder) if folder.join(name).is_file() => Ok(folder.join(name)),
        _ => bail!("`{name}` is not installed: run `infra/local/install`"),
    }
}

/// `/usr/lib/postgresql/<newest version>/bin`.
fn newest_postgres_bin() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    versions
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version: u32 = path.file_name()?.to_str()?.parse().ok()?;
            Some((version, path.join("bin")))
        })
        .filter(|(_, bin)| bin.join("initdb").is_file())
        .max()
        .map(|(_, bin)| bin)
}
