//! One stack a checkout: a locked file that holds the process id of the stack's owner.
//!
//! The lock, not the file, says whether it runs: the kernel lets go of it however the owner ends, so
//! a stale file means nothing.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use gavel_local::paths;

/// What asking for the lock found.
#[derive(Debug)]
pub(crate) enum Lock {
    /// It is ours as long as this lives.
    Ours(#[expect(dead_code, reason = "held for its lock, never read")] File),
    /// The process with this id has it.
    Theirs(i32),
}

/// Asks for the lock without waiting.
pub(crate) fn take() -> Result<Lock> {
    let path = path();
    let folder = paths::local_dir();
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).read(true).write(true).open(&path);
    let mut file = file.with_context(|| format!("opening {}", path.display()))?;
    if file.try_lock().is_err() {
        let mut pid = String::new();
        file.read_to_string(&mut pid)?;
        let pid = pid.trim().parse().with_context(|| format!("reading {}", path.display()))?;
        return Ok(Lock::Theirs(pid));
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    Ok(Lock::Ours(file))
}

fn path() -> PathBuf {
    paths::local_dir().join("stack.pid")
}
