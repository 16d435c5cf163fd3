//! A program that is measured: started on its core, logged to a file, stopped by its id.
//!
//! `setpriv --pdeathsig` has the kernel stop it when the bench is killed.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::cores::{self, Cores};
use crate::cpu::{Memory, Used};
use crate::limits::{READY_POLL, STOP_WITHIN};

/// What to start.
#[derive(Debug, Default)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// What it finds in its environment beside ours.
    pub env: Vec<(String, String)>,
}

/// A running program. Dropped, it is stopped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it on the proxy's core, in `dir`, where its log will be too.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(launch: &Launch, cores: Cores, dir: &Path) -> Result<Self> {
        let log = dir.join("log");
        let out = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--"]).arg(&launch.program).args(&launch.args);
        command.envs(launch.env.iter().cloned()).current_dir(dir);
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        // By this thread, which lives as long as the bench: the kernel's signal goes with the thread.
        cores::pin(cores.proxy)?;
        let child = command.spawn();
        cores::pin(cores.load)?;
        let name = launch.program.display();
        Ok(Self { child: child.with_context(|| format!("starting {name}"))?, log })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it listens at `address` by now.
    ///
    /// # Errors
    /// When it has ended; the end of its log is part of the message.
    pub fn listens(&mut self, address: SocketAddr) -> Result<bool> {
        if let Some(status) = self.child.try_wait()? {
            bail!("it ended with {status}:\n{}", self.log_end());
        }
        Ok(std::net::TcpStream::connect_timeout(&address, READY_POLL).is_ok())
    }

    /// The last lines of its log.
    #[must_use]
    pub fn log_end(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    /// It and what it has started: `spin up` serves in a child.
    #[must_use]
    pub fn family(&self) -> Vec<u32> {
        let mut family = vec![self.id()];
        let parents = parents();
        let mut at = 0;
        while let Some(parent) = family.get(at).copied() {
            family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
            at += 1;
        }
        family
    }

    /// The processor time of it and its children until now.
    ///
    /// # Errors
    /// When it is gone.
    pub fn used(&self) -> Result<Vec<(u32, Used)>> {
        self.family().into_iter().map(|id| Ok((id, Used::read(id)?))).collect()
    }

    /// The memory of it and its children.
    ///
    /// # Errors
    /// When it is gone.
    pub fn memory(&self) -> Result<Memory> {
        let mut all = Memory::default();
        for id in self.family() {
            let one = Memory::read(id)?;
            all.resident_kib += one.resident_kib;
            all.peak_kib += one.peak_kib;
        }
        Ok(all)
    }
}

/// Nanoseconds between two readings; one that began in between counts whole.
#[must_use]
pub fn used_between_ns(before: &[(u32, Used)], after: &[(u32, Used)]) -> u64 {
    let none = Used::default();
    let of = |(id, used): &(u32, Used)| {
        let earlier = before.iter().find(|(other, _)| other == id).map_or(&none, |(_, used)| used);
        used.since_ns(earlier)
    };
    after.iter().map(of).sum()
}

impl Drop for Process {
    fn drop(&mut self) {
        let until = Instant::now() + STOP_WITHIN;
        // Its functions' names, where it wrote them for `perf`.
        fs::remove_file(format!("/tmp/perf-{}.map", self.id())).ok();
        if let Some(pid) = i32::try_from(self.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM).ok();
        }
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(READY_POLL);
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Lines of a log that say why a program did not start.
const LOG_LINES: usize = 20;

/// Every process that is ours and its parent.
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let own = rustix::process::getuid().as_raw();
    let parent = |id: u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // Field 4 of proc(5), behind the name in brackets and the state.
        stat.rsplit_once(") ")?.1.split_ascii_whitespace().nth(1)?.parse().ok()
    };
    entries
        .filter_map(|entry| {
            let entry = entry.ok().filter(|e| e.metadata().is_ok_and(|meta| meta.uid() == own))?;
            let id = entry.file_name().to_str()?.parse().ok()?;
            Some((id, parent(id)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, dir: &Path) -> Process {
        let args = vec!["-c".to_owned(), script.to_owned()];
        let launch = Launch { program: "/bin/sh".into(), args, env: Vec::new() };
        Process::start(&launch, Cores::choose().unwrap(), dir).unwrap()
    }

    #[test]
    fn a_program_that_ends_at_once_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let mut process = sh("echo no such option; exit 3", dir.path());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let until = Instant::now() + STOP_WITHIN;
        let error = loop {
            match process.listens(address) {
                Err(error) => break error.to_string(),
                Ok(_) => assert!(Instant::now() < until, "it never ended"),
            }
        };
        assert!(error.contains("exit status: 3") && error.contains("no such option"), "{error}");
    }

    #[test]
    fn children_count_and_a_dropped_program_is_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let process = sh("sleep 60 & child=$!; trap 'kill $child; exit' TERM; wait", dir.path());
        let until = Instant::now() + STOP_WITHIN;
        while process.family().len() < 2 {
            assert!(Instant::now() < until, "{:?}", process.family());
        }
        let before = process.used().unwrap();
        assert_eq!(used_between_ns(&before, &before), 0);
        let family = process.family();
        drop(process);
        assert!(!Path::new(&format!("/proc/{}", family[0])).exists());
    }
}
