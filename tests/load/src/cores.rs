//! Which core runs what: the proxy one, the load and the upstream another.
//!
//! A child inherits the cores of the thread that starts it, so that nothing has to run between fork
//! and exec, and no thread of it ever runs elsewhere.

use std::fs;

use anyhow::{Context, Result, bail};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The two cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cores {
    /// The proxy's.
    pub proxy: usize,
    /// The load generator's and the upstream's; the same where there is only one.
    pub load: usize,
}

impl Cores {
    /// The first two that this process may use.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn choose() -> Result<Self> {
        let set = sched_getaffinity(None).context("asking which cores may be used")?;
        let usable: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect();
        Self::of(&usable)
    }

    fn of(usable: &[usize]) -> Result<Self> {
        match *usable {
            [] => bail!("no core may be used"),
            [only] => Ok(Self { proxy: only, load: only }),
            [proxy, load, ..] => Ok(Self { proxy, load }),
        }
    }

    /// Whether the proxy has a core of its own.
    #[must_use]
    pub fn are_apart(self) -> bool {
        self.proxy != self.load
    }
}

/// Keeps this thread, and whatever it starts from now on, on one core.
///
/// # Errors
/// When the kernel refuses.
pub fn pin(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).with_context(|| format!("moving to core {core}"))
}

/// The processor's name and how many cores it shows.
#[must_use]
pub fn machine() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|rest| rest.split_once(':'))
        .map_or("unknown processor", |(_, name)| name.trim());
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {cores} cores, Linux {}", kernel.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_has_a_core_of_its_own_where_there_are_two() {
        assert_eq!(Cores::of(&[0, 1, 2]).unwrap(), Cores { proxy: 0, load: 1 });
        assert_eq!(Cores::of(&[4, 9]).unwrap(), Cores { proxy: 4, load: 9 });
        let shared = Cores::of(&[3]).unwrap();
        assert_eq!(shared, Cores { proxy: 3, load: 3 });
        assert!(!shared.are_apart());
        assert!(Cores::of(&[]).is_err());
    }
}
