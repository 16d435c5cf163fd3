//! `gavel-local down`: asks a running stack to stop, and waits until it has.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use gavel_local::limits;
use rustix::process::{Pid, Signal, kill_process};

use crate::lock::{self, Lock};

pub(crate) async fn run() -> Result<()> {
    let Lock::Theirs(pid) = lock::take()? else {
        println!("No stack is running.");
        return Ok(());
    };
    println!("Stopping the stack (process {pid})");
    let owner = Pid::from_raw(pid).context("the lock file holds no process id")?;
    kill_process(owner, Signal::TERM).with_context(|| format!("stopping process {pid}"))?;
    let since = Instant::now();
    while let Lock::Theirs(_) = lock::take()? {
        if since.elapsed() > limits::DOWN_WITHIN {
            bail!("process {pid} has not stopped within {} s", limits::DOWN_WITHIN.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("Stopped in {:.1} s.", since.elapsed().as_secs_f64());
    Ok(())
}
