//! Waiting for a condition with a deadline; never a bare sleep. And what depends on who is faster, tried
//! until it was seen.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::bail;

/// How long anything may take that has no time of its own: a busy machine's minute. It bounds a test
/// that fails, and is no promise of Gavel's.
pub const WITHIN: Duration = Duration::from_secs(60);

/// At what leisure something is tried that a busy machine may miss: how many times as long as a quick
/// one needs.
pub const LEISURES: [u32; 3] = [1, 4, 16];

/// What a try came to: what it was for, or why the machine was too slow for it to prove anything.
pub type Tried<T = ()> = Result<T, String>;

/// How often a condition is looked at, in milliseconds.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks until `good` holds; after `within` it fails with what was seen last.
pub async fn eventually<T: Debug, F: Future<Output = anyhow::Result<T>>>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> F,
    good: impl Fn(&T) -> bool,
) -> anyhow::Result<T> {
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

/// Tries something at one leisure after the other until it comes about. A try that the machine was too
/// slow for gives why it proves nothing; one that proves Gavel wrong is an error. What never comes about
/// is a failure, too, with all the reasons.
///
/// # Errors
/// That of a try, or that none came about.
pub async fn seen<T, F: Future<Output = anyhow::Result<Tried<T>>>>(
    what: &str,
    mut attempt: impl FnMut(u32) -> F,
) -> anyhow::Result<T> {
    let mut missed = Vec::new();
    for leisure in LEISURES {
        match attempt(leisure).await? {
            Ok(value) => return Ok(value),
            Err(why) => missed.push(format!("at leisure {leisure}: {why}")),
        }
    }
    bail!("{what} was never seen: {missed:#?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_comes_about_at_more_leisure_is_seen() {
        let slow = |leisure| async move {
            Ok(if leisure < LEISURES[1] { Err("too soon".to_owned()) } else { Ok(leisure) })
        };
        assert_eq!(seen("a slow thing", slow).await.unwrap(), LEISURES[1]);
    }

    #[tokio::test]
    async fn what_never_comes_about_is_a_failure_with_every_reason() {
        let never = |leisure| async move { Ok(Err::<(), _>(format!("missed by {leisure}"))) };
        let told = seen("a thing", never).await.unwrap_err().to_string();
        assert!(told.contains("a thing was never seen"), "{told}");
        for leisure in LEISURES {
            assert!(told.contains(&format!("missed by {leisure}")), "{told}");
        }
    }

    #[tokio::test]
    async fn what_proves_gavel_wrong_is_not_tried_again() {
        let mut tries = 0;
        let wrong = |_| {
            tries += 1;
            async { bail!("wrong") }
        };
        assert!(seen::<(), _>("a thing", wrong).await.is_err());
        assert_eq!(tries, 1);
    }
}
