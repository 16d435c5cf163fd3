//! The descendants of a process and the CPU time they have used, from `/proc`.
//!
//! PostgreSQL's backends put themselves into sessions of their own, so a signal to the process group
//! misses them.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Pid;

/// How long the unit of CPU time in `/proc` is: `USER_HZ`, which is 100 a second wherever Debian runs.
const CLOCK_TICK: Duration = Duration::from_millis(10);

/// The processes that `parent` started itself, and how they are called.
#[must_use]
pub fn children(parent: i32) -> Vec<(i32, String)> {
    let children = all().into_iter().filter(|(_, of)| *of == parent);
    children.map(|(pid, _)| (pid, name(pid))).collect()
}

/// The CPU time used by `root` and everything it started, also by what has ended since.
///
/// # Errors
/// When there is no such process.
pub fn cpu_time(root: i32) -> Result<Duration> {
    let pid = Pid::from_raw(root).context("no process id")?;
    let ticks = ticks(root).with_context(|| format!("process {root} has ended"))?;
    // A descendant may have ended since it was listed: its parent counts it then.
    let others = descendants(pid).into_iter().filter_map(|pid| self::ticks(pid.as_raw_pid()));
    Ok(CLOCK_TICK.saturating_mul(others.fold(ticks, u32::saturating_add)))
}

/// Everything started by `root`, directly or not, without `root` itself.
pub(crate) fn descendants(root: Pid) -> Vec<Pid> {
    let all = all();
    let mut found = vec![root.as_raw_nonzero().get()];
    let mut next = 0;
    while let Some(&of) = found.get(next) {
        found.extend(all.iter().filter(|(_, parent)| *parent == of).map(|(pid, _)| *pid));
        next += 1;
    }
    found.into_iter().skip(1).filter_map(Pid::from_raw).collect()
}

/// Every process and its parent.
fn all() -> Vec<(i32, i32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        Some((pid, stat(pid)?.get(1)?.parse().ok()?))
    };
    entries.filter_map(read).collect()
}

/// CPU time in user and kernel mode, its own and that of children which have ended.
fn ticks(pid: i32) -> Option<u32> {
    stat(pid)?.get(11..15)?.iter().map(|field| field.parse::<u32>().ok()).sum()
}

/// The fields of `/proc/<pid>/stat` from the third on; the second, a name in parentheses, may hold
/// anything.
fn stat(pid: i32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// The program and its first argument that is no option, without their folders.
fn name(pid: i32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line);
    let words = line.split('\0').filter(|word| !word.is_empty() && !word.starts_with('-')).take(2);
    let words = words.map(|word| word.rsplit('/').next().unwrap_or(word));
    words.collect::<Vec<_>>().join(" ")
}
