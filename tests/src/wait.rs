//! Waiting for a condition with a deadline; never a bare sleep.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often a condition is looked at, in milliseconds.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks until `good` holds; after `within` it fails with what was seen last.
pub async fn eventually<T: Debug, F: Future<Output = Result<T>>>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> F,
    good: impl Fn(&T) -> bool,
) -> Result<T> {
    let since = Instant::now();
    loop {
        let seen = look().await;
        match &seen {
            Ok(value) if good(value) => return seen,
            _ if since.elapsed() > within => bail!("{what}: not within {within:?}, saw {seen:?}"),
            _ => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}
