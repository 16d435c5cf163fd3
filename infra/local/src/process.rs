//! One child process: started in a process group of its own, logged to a file, stopped by pid.
//!
//! The group keeps a Ctrl-C in the terminal from reaching the child, so that its owner can stop
//! things in order. `setpriv --pdeathsig` (util-linux) has the kernel stop the child when the owner
//! is killed; asking for that in this process would take unsafe code.
//!
//! Invariant: only processes started here, and their descendants, are ever signalled.

pub mod tree;

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};

use crate::{limits, paths};

/// What to start and how to stop it.
#[derive(Clone, Debug)]
pub struct Spec {
    /// What people call it; also the name of its log.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its whole environment beside `PATH`, `HOME`, `LANG`, `TMPDIR` and `RUST_*`.
    pub env: Vec<(String, String)>,
    /// The account it runs as, when not ours (needs root).
    pub account: Option<String>,
    /// Its working directory.
    pub dir: PathBuf,
    /// Where its output goes; added to when it is started again.
    pub log: PathBuf,
    /// The signal that asks it to stop in good order.
    pub stop_signal: Signal,
    /// The signal for when nobody waits for good order but the least must be tidied up.
    pub abandon_signal: Signal,
}

impl Spec {
    /// A program that SIGTERM stops and SIGKILL does not hurt.
    #[must_use]
    pub fn new(name: &str, program: PathBuf, dir: PathBuf, logs: &std::path::Path) -> Self {
        Self {
            name: name.to_owned(),
            program,
            args: Vec::new(),
            env: Vec::new(),
            account: None,
            dir,
            log: logs.join(format!("{name}.log")),
            stop_signal: Signal::TERM,
            abandon_signal: Signal::KILL,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds variables; a later one replaces an earlier one of its name.
    #[must_use]
    pub fn env<K: Into<String>, V: Into<String>>(
        mut self,
        env: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.env.extend(env.into_iter().map(|(k, v)| (k.into(), v.into())));
        self
    }
}

/// How a process ended when it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It ended by itself in time, with this success.
    Gracefully,
    /// It ended by itself in time, but said that something failed.
    WithFailure,
    /// It did not end in time and was killed.
    Killed,
    /// It was not running.
    NotRunning,
}

/// A child process, or the place of one that can be started (again).
#[derive(Debug)]
pub struct Process {
    /// What it runs. Changes take effect at the next start.
    pub spec: Spec,
    child: Option<Child>,
}

impl Process {
    /// A process that is not started yet.
    #[must_use]
    pub fn new(spec: Spec) -> Self {
        Self { spec, child: None }
    }

    /// Starts it. Does not wait for it to be ready.
    ///
    /// # Errors
    /// When it runs already, or the program or its log cannot be opened.
    pub fn start(&mut self) -> Result<()> {
        if self.is_running() {
            bail!("{} is already running", self.spec.name);
        }
        let spec = &self.spec;
        let mut log = OpenOptions::new();
        let log = log.create(true).append(true).mode(0o600).open(&spec.log);
        let log = log.with_context(|| format!("opening {}", spec.log.display()))?;
        let mut command = Command::new(paths::installed("setpriv")?);
        command.args(["--pdeathsig", if spec.stop_signal == Signal::INT { "INT" } else { "TERM" }]);
        if let Some(account) = &spec.account {
            let (user, group) = (format!("--reuid={account}"), format!("--regid={account}"));
            command.args([&user, &group, "--clear-groups"]);
        }
        command.arg("--").arg(&spec.program).args(&spec.args);
        command.env_clear().envs(std::env::vars_os().filter(|(name, _)| {
            let name = name.to_string_lossy();
            ["PATH", "HOME", "LANG", "TMPDIR"].contains(&&*name) || name.starts_with("RUST_")
        }));
        command.envs(spec.env.iter().map(|(k, v)| (k, v))).current_dir(&spec.dir);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.process_group(0);
        self.child = Some(command.spawn().with_context(|| format!("starting {}", spec.name))?);
        Ok(())
    }

    /// Starts it and waits until it ends by itself.
    ///
    /// # Errors
    /// When it fails or takes longer than `limit`; the end of its log is part of the message.
    pub async fn run(&mut self, limit: Duration) -> Result<()> {
        self.start()?;
        let child = self.child.as_mut().expect("it was started on the line above");
        match tokio::time::timeout(limit, child.wait()).await {
            Ok(status) if status.as_ref().is_ok_and(ExitStatus::success) => Ok(()),
            Ok(status) => Err(self.failure(&format!("failed ({})", status?))),
            Err(_) => Err(self.failure(&format!("did not end within {} s", limit.as_secs()))),
        }
    }

    /// Its process id while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Whether it runs. A paused process runs.
    pub fn is_running(&mut self) -> bool {
        self.child.is_some() && self.ended().is_none()
    }

    /// How it ended, if it was started and has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().and_then(|child| child.try_wait().ok().flatten())
    }

    /// Asks it to stop, waits, and kills it when it takes too long.
    ///
    /// # Errors
    /// When its end cannot be waited for.
    pub async fn stop(&mut self) -> Result<Stopped> {
        if !self.is_running() {
            return Ok(Stopped::NotRunning);
        }
        self.signal(self.spec.stop_signal)?;
        // A paused process would not notice; one that is gone already need not.
        self.resume().ok();
        let child = self.child.as_mut().expect("it runs, as checked above");
        match tokio::time::timeout(limits::STOP_WITHIN, child.wait()).await {
            Ok(status) => match status?.success() {
                true => Ok(Stopped::Gracefully),
                false => Ok(Stopped::WithFailure),
            },
            Err(_) => self.kill().await.map(|()| Stopped::Killed),
        }
    }

    /// Kills it and everything it started, at once (SIGKILL).
    ///
    /// # Errors
    /// When its end cannot be waited for.
    pub async fn kill(&mut self) -> Result<()> {
        if self.is_running() {
            self.signal_all(Signal::KILL)?;
            self.child.as_mut().expect("it runs, as checked above").wait().await?;
        }
        Ok(())
    }

    /// Freezes it and everything it started: connections stay open and nothing answers.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pause(&mut self) -> Result<()> {
        self.signal_all(Signal::STOP)
    }

    /// Lets it go on after [`Process::pause`].
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&mut self) -> Result<()> {
        self.signal_all(Signal::CONT)
    }

    /// Sends a signal to the process itself.
    ///
    /// # Errors
    /// When it does not run.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        let pid = self.live_pid()?;
        rustix::process::kill_process(pid, signal)
            .with_context(|| format!("signalling {}", self.spec.name))
    }

    /// The last lines of its log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        read_tail(&self.spec.log).unwrap_or_else(|error| format!("(no log: {error})"))
    }

    /// An error that says what happened to it, with the end of its log.
    #[must_use]
    pub fn failure(&self, what: &str) -> anyhow::Error {
        let (name, log, tail) = (&self.spec.name, self.spec.log.display(), self.log_tail());
        anyhow!("{name} {what}; the end of {log}:\n{tail}")
    }

    fn signal_all(&mut self, signal: Signal) -> Result<()> {
        let descendants = tree::descendants(self.live_pid()?);
        // First itself: it may end on its own as soon as what it waits for is gone.
        self.signal(signal)?;
        for descendant in descendants {
            // It may have ended since it was listed.
            rustix::process::kill_process(descendant, signal).ok();
        }
        Ok(())
    }

    fn live_pid(&mut self) -> Result<Pid> {
        let pid = if self.is_running() { self.pid() } else { None };
        pid.and_then(|pid| i32::try_from(pid).ok())
            .and_then(Pid::from_raw)
            .with_context(|| format!("{} is not running", self.spec.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.is_running() {
            return;
        }
        self.signal_all(self.spec.abandon_signal).ok();
        self.resume().ok();
        let since = Instant::now();
        while self.is_running() && since.elapsed() < limits::ABANDON_WITHIN {
            std::thread::sleep(Duration::from_millis(5));
        }
        if self.is_running() {
            self.signal_all(Signal::KILL).ok();
        }
    }
}

fn read_tail(path: &std::path::Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(limits::LOG_TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(limits::LOG_TAIL_LINES);
    Ok(lines[from..].join("\n"))
}

#[cfg(test)]
mod tests;
