//! Saying what is being done and how long it took.
//!
//! Not a logger: a step is one line on standard output, printed when it ends, so that steps that run
//! at once don't garble each other. Tests keep it silent.

use std::time::Instant;

use anyhow::{Context, Result};

/// Whether steps are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Print nothing.
    Silent,
    /// One line a step.
    Print,
}

impl Progress {
    /// Runs `work`, prints `what` with the time it took, and names the step in its error.
    ///
    /// # Errors
    /// Those of `work`.
    pub async fn step<T>(self, what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
        let started = Instant::now();
        let done = work.await;
        if self == Self::Print {
            let mark = if done.is_ok() { "ok" } else { "FAILED" };
            println!("  {what:<54} {mark:>6} {:>6.2} s", started.elapsed().as_secs_f64());
        }
        done.with_context(|| what.to_owned())
    }

    /// Prints a line of its own.
    pub fn say(self, line: &str) {
        if self == Self::Print {
            println!("{line}");
        }
    }
}
