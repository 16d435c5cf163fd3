//! Deleting the accounts of those who deleted their profiles: later, and again until it is done.
//!
//! The tombstone in PostgreSQL is the note of what is to be done, so neither an outage of Cognito nor
//! a crash at any line loses it. Deleting twice is harmless, so two who claim the same do no harm.

use std::sync::Arc;
use std::time::Duration;

use gavel_core::ids::UserId;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Accounts, Users, UsersError};
use crate::catalog::{Cause, in_time};
use crate::limits::{ERASURE_CLAIM, ERASURE_TICK, ERASURES_AT_ONCE_MAX};

/// Deletes accounts.
pub(crate) struct Eraser {
    users: Users,
    accounts: Accounts,
    wake: Arc<Notify>,
}

/// Tells an [`Eraser`] of this process that there is something to do. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Erasures(Arc<Notify>);

impl Erasures {
    /// There is something to do.
    pub(crate) fn announce(&self) {
        self.0.notify_one();
    }
}

impl Eraser {
    /// An eraser, and what wakes it when there is something to do.
    pub(crate) fn new(users: Users, accounts: Accounts) -> (Self, Erasures) {
        let wake = Arc::new(Notify::new());
        (Self { users, accounts, wake: wake.clone() }, Erasures(wake))
    }

    /// Works until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.erase().await {
                tracing::warn!(?error, "accounts to delete not known");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep(ERASURE_TICK) => {}
            }
        }
    }

    async fn erase(&self) -> Result<(), UsersError> {
        for user in self.users.claim_erasures(ERASURE_CLAIM, ERASURES_AT_ONCE_MAX).await? {
            match self.accounts.delete(&user).await {
                Ok(()) => {
                    self.users.erased(&user).await?;
                    metrics::counter!("gavel_users_erased_total").increment(1);
                }
                Err(cause) => {
                    metrics::counter!("gavel_users_erasure_failures_total").increment(1);
                    tracing::warn!(%user, cause, "account not deleted");
                }
            }
        }
        Ok(())
    }
}

impl Users {
    /// Deleted users whose accounts are not known to be gone; nobody else gets them for `claim`.
    async fn claim_erasures(&self, claim: Duration, most: i64) -> Result<Vec<UserId>, UsersError> {
        let query = sqlx::query_scalar(include_str!("queries/claim_erasures.sql"))
            .bind(i32::try_from(claim.as_secs()).unwrap_or(i32::MAX))
            .bind(most);
        let ids: Vec<String> = in_time(query.fetch_all(&self.pool)).await?;
        let read = |id: &String| UserId::parse(id).map_err(Cause::from);
        ids.iter().map(read).collect::<Result<_, _>>().map_err(UsersError::Broken)
    }

    async fn erased(&self, user: &UserId) -> Result<(), UsersError> {
        let query = sqlx::query(include_str!("queries/erased.sql")).bind(user.as_str());
        in_time(query.execute(&self.pool)).await?;
        Ok(())
    }
}
