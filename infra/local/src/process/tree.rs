//! The descendants of a process, from `/proc`.
//!
//! PostgreSQL's backends put themselves into sessions of their own, so a signal to the process group
//! misses them.

use std::fs;

use rustix::process::Pid;

/// Everything started by `root`, directly or not, without `root` itself.
pub(super) fn descendants(root: Pid) -> Vec<Pid> {
    let all: Vec<(i32, i32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            Some((pid, parent(pid)?))
        })
        .collect();
    let mut found = vec![root.as_raw_nonzero().get()];
    let mut next = 0;
    while let Some(&of) = found.get(next) {
        found.extend(all.iter().filter(|(_, parent)| *parent == of).map(|(pid, _)| *pid));
        next += 1;
    }
    found.into_iter().skip(1).filter_map(Pid::from_raw).collect()
}

/// The fourth field of `/proc/<pid>/stat`; the second, a name in parentheses, may hold anything.
fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}
