//! What a process has used so far: processor time of all its threads, and memory.
//!
//! `/proc/PID/task/*/schedstat` counts in nanoseconds, but forgets threads that have ended;
//! `/proc/PID/stat` remembers them, but counts in ticks of 10 ms. The first is used as long as no
//! thread has ended, the second otherwise.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};

/// Nanoseconds in a tick of `/proc/PID/stat`: Linux shows 100 a second to user space, everywhere.
const TICK_NS: u64 = 10_000_000;

/// The processor time that a process had used at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Used {
    /// User and system time with that of ended threads, in nanoseconds, exact to a tick.
    whole_ns: u64,
    /// Each living thread's time in nanoseconds.
    threads_ns: BTreeMap<u32, u64>,
}

impl Used {
    /// What process `pid` has used until now.
    ///
    /// # Errors
    /// When it is gone.
    pub fn read(pid: u32) -> Result<Self> {
        let read =
            |path: String| fs::read_to_string(&path).with_context(|| format!("reading {path}"));
        let whole_ns = whole_ns(&read(format!("/proc/{pid}/stat"))?)
            .with_context(|| format!("understanding /proc/{pid}/stat"))?;
        let mut threads_ns = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{pid}/task")).context("reading its threads")? {
            let name = entry?.file_name();
            let thread: Option<u32> = name.to_str().and_then(|name| name.parse().ok());
            // One that has ended meanwhile is missing, and the other count is taken.
            let ns = thread
                .and_then(|id| fs::read_to_string(format!("/proc/{pid}/task/{id}/schedstat")).ok())
                .and_then(|text| thread_ns(&text));
            if let (Some(thread), Some(ns)) = (thread, ns) {
                threads_ns.insert(thread, ns);
            }
        }
        Ok(Self { whole_ns, threads_ns })
    }

    /// Nanoseconds used since `before`.
    #[must_use]
    pub fn since_ns(&self, before: &Self) -> u64 {
        let all_live = before.threads_ns.keys().all(|id| self.threads_ns.contains_key(id));
        if self.threads_ns.is_empty() || !all_live {
            return self.whole_ns.saturating_sub(before.whole_ns);
        }
        let of = |(id, ns): (&u32, &u64)| {
            ns.saturating_sub(before.threads_ns.get(id).copied().unwrap_or_default())
        };
        self.threads_ns.iter().map(of).sum()
    }
}

/// User plus system time out of `/proc/PID/stat`. The name of the program, which may hold anything, is
/// in brackets.
fn whole_ns(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    // Fields 14 and 15 of proc(5); what is left begins with field 3.
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) * TICK_NS)
}

/// The first number of `schedstat`: time on a core, in nanoseconds.
fn thread_ns(schedstat: &str) -> Option<u64> {
    schedstat.split_ascii_whitespace().next()?.parse().ok()
}

/// The memory of a process, in KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Memory {
    /// Resident now.
    pub resident_kib: u64,
    /// Resident at most, so far.
    pub peak_kib: u64,
}

impl Memory {
    /// That of process `pid`.
    ///
    /// # Errors
    /// When it is gone.
    pub fn read(pid: u32) -> Result<Self> {
        let status =
            fs::read_to_string(format!("/proc/{pid}/status")).context("reading its memory")?;
        Ok(Self { resident_kib: kib(&status, "VmRSS:"), peak_kib: kib(&status, "VmHWM:") })
    }
}

fn kib(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(whole_ns: u64, threads: &[(u32, u64)]) -> Used {
        Used { whole_ns, threads_ns: threads.iter().copied().collect() }
    }

    #[test]
    fn the_times_are_read_behind_a_name_with_brackets_and_blanks() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 900 0 3 0 250 31 0 0 20 0 4 0 99 1 2 3";
        assert_eq!(whole_ns(stat), Some(2_810_000_000));
        assert_eq!(whole_ns("7 (a"), None);
        assert_eq!(whole_ns("7 (a) S 1"), None);
        assert_eq!(thread_ns("123456 789 12\n"), Some(123_456));
        assert_eq!(thread_ns(""), None);
    }

    #[test]
    fn threads_are_summed_and_new_ones_count_from_nothing() {
        let before = used(1_000, &[(1, 100), (2, 50)]);
        assert_eq!(used(9_000, &[(1, 300), (2, 60), (3, 7)]).since_ns(&before), 217);
    }

    #[test]
    fn once_a_thread_has_ended_the_coarse_count_is_taken() {
        let before = used(10_000_000, &[(1, 100), (2, 50)]);
        assert_eq!(used(40_000_000, &[(1, 300)]).since_ns(&before), 30_000_000);
    }

    #[test]
    fn memory_is_read_from_its_lines() {
        let status = "Name:\tx\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n";
        assert_eq!(kib(status, "VmRSS:"), 1_024);
        assert_eq!(kib(status, "VmHWM:"), 2_048);
        assert_eq!(kib(status, "VmSwap:"), 0);
    }

    #[test]
    fn this_process_uses_time_and_memory() {
        let pid = std::process::id();
        let before = Used::read(pid).unwrap();
        // Each reading costs some.
        let later = (0..1_000).map(|_| Used::read(pid).unwrap()).next_back().unwrap();
        assert!(later.since_ns(&before) > 0);
        assert!(Memory::read(pid).unwrap().peak_kib > 0);
    }
}
