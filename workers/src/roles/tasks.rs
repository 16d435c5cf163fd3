//! The tasks of a process: started by name, watched, and waited for at the end.

use std::future::Future;

use tokio::task::JoinSet;

use crate::limits::DRAIN_MAX;

/// Named tasks that should run until they are told to stop.
#[derive(Default)]
pub(super) struct Tasks {
    running: JoinSet<&'static str>,
}

impl Tasks {
    pub(super) fn start(
        &mut self,
        name: &'static str,
        role: impl Future<Output = ()> + Send + 'static,
    ) {
        self.running.spawn(async move {
            role.await;
            name
        });
    }

    /// The first task that ends or panics.
    pub(super) async fn first_end(&mut self) -> &'static str {
        match self.running.join_next().await {
            Some(Ok(name)) => name,
            Some(Err(error)) => {
                tracing::error!(%error, "a role panicked");
                "a role"
            }
            None => std::future::pending().await,
        }
    }

    /// Waits until all have ended, for at most [`DRAIN_MAX`].
    pub(super) async fn finish(mut self) {
        drained("roles", async { while self.running.join_next().await.is_some() {} }).await;
    }
}

/// Waits for `end`, for at most [`DRAIN_MAX`].
pub(super) async fn drained(what: &'static str, end: impl Future<Output = ()>) {
    if tokio::time::timeout(DRAIN_MAX, end).await.is_err() {
        tracing::warn!(what, "not drained in time, stopping anyway");
    }
}
