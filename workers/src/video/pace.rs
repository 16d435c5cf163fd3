//! How fast and how patiently channels are worked on. A value, so that tests need not wait.

use std::time::Duration;

use super::ivs::IvsError;
use crate::limits;
use crate::queue::jittered;

/// Durations of the work on channels.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    /// How often is looked for work.
    pub(crate) tick: Duration,
    /// How long a worker has a step for itself.
    pub(crate) lease: Duration,
    /// First and longest pause before a step is tried again.
    pub(crate) pause_min: Duration,
    /// See [`Pace::pause_min`].
    pub(crate) pause_max: Duration,
    /// How long a channel outlives its auction: for the last word, and its echo.
    pub(crate) farewell: Duration,
    /// How often channels and rows are compared.
    pub(crate) sweep_every: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            tick: limits::VIDEO_TICK,
            lease: limits::VIDEO_LEASE,
            pause_min: limits::VIDEO_PAUSE_MIN,
            pause_max: limits::VIDEO_PAUSE_MAX,
            farewell: limits::VIDEO_FAREWELL,
            sweep_every: limits::VIDEO_SWEEP_EVERY,
        }
    }
}

impl Pace {
    /// How long to wait after a failure that is not the first: twice as long each time, somewhere in
    /// the upper half of that, so that those who failed together do not come back together.
    pub(super) fn pause(&self, failures: u32, error: &IvsError) -> Duration {
        let longest = match error {
            // A quota is raised or freed by people.
            IvsError::Quota => return jittered(self.pause_max),
            // Not a failure: whoever waits for the end wants to hear of it soon.
            IvsError::Live => self.pause_min * 8,
            _ => self.pause_max,
        };
        let doubled = self.pause_min.saturating_mul(1 << failures.min(16));
        jittered(doubled.min(longest))
    }
}
