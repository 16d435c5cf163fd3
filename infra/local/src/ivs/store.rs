//! The file that the channels are kept in. Streams, metadata and the log of calls are not.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

use super::state::State;

/// What `file` holds; nothing, when it is not there.
pub(super) fn read(file: &Path) -> Result<State> {
    let text = match fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(State::default()),
        Err(error) => return Err(error).with_context(|| format!("reading {}", file.display())),
    };
    let channels = serde_json::from_slice(&text);
    let channels = channels.with_context(|| format!("reading {}", file.display()))?;
    Ok(State { channels, ..State::default() })
}

/// Replaces the file as a whole, so that a kill leaves the old one or the new one.
pub(super) fn write(file: &Path, state: &State) -> Result<()> {
    let new = file.with_extension("json.new");
    fs::write(&new, serde_json::to_vec(&state.channels)?)?;
    fs::rename(&new, file).with_context(|| format!("writing {}", file.display()))
}
