//! Removing what is left of those who deleted their profiles: later, and again until it is done. Their
//! device in SNS, what they followed and were told, and last their account in Cognito.
//!
//! The tombstone in PostgreSQL is the note of what is to be done, so neither an outage of Cognito nor
//! a crash at any line loses it. Deleting twice is harmless, so two who claim the same do no harm.

use std::sync::Arc;
use std::time::Duration;

use gavel_core::ids::UserId;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Accounts, Devices, Users, UsersError};
use crate::catalog::{Cause, in_time};
use crate::limits::{ERASURE_CLAIM, ERASURE_TICK, ERASURES_AT_ONCE_MAX};
use crate::notify::Notifications;

/// Removes people.
pub(crate) struct Eraser {
    users: Users,
    left: Left,
    wake: Arc<Notify>,
}

/// Where something of a person is left when their profile is gone.
pub(crate) struct Left {
    pub(crate) accounts: Accounts,
    /// None where this deployment sends no push notifications.
    pub(crate) devices: Option<Devices>,
    pub(crate) notifications: Notifications,
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
    pub(crate) fn new(users: Users, left: Left) -> (Self, Erasures) {
        let wake = Arc::new(Notify::new());
        (Self { users, left, wake: wake.clone() }, Erasures(wake))
    }

    /// Works until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.erase().await {
                tracing::warn!(?error, "people to remove not known");
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
            let device = self.users.device_of_deleted(&user).await?;
            match self.left.remove(&user, device.as_deref()).await {
                Ok(()) => {
                    self.users.erased(&user).await?;
                    metrics::counter!("gavel_users_erased_total").increment(1);
                }
                Err(cause) => {
                    metrics::counter!("gavel_users_erasure_failures_total").increment(1);
                    tracing::warn!(%user, cause, "a person not removed");
                }
            }
        }
        Ok(())
    }
}

impl Left {
    /// Removes all of it, as much as can be; again, it changes nothing. The error is for the log only.
    async fn remove(&self, user: &UserId, device: Option<&str>) -> Result<(), String> {
        let device = match (&self.devices, device) {
            (Some(devices), Some(arn)) => devices.forget(arn).await,
            _ => Ok(()),
        };
        let told = self.notifications.forget(user).await.map_err(|error| format!("{error:?}"));
        let account = self.accounts.delete(user).await;
        device.and(told).and(account)
    }
}

impl Users {
    /// Deleted users of whom something may be left; nobody else gets them for `claim`.
    async fn claim_erasures(&self, claim: Duration, most: i64) -> Result<Vec<UserId>, UsersError> {
        let query = sqlx::query_scalar(include_str!("queries/claim_erasures.sql"))
            .bind(i32::try_from(claim.as_secs()).unwrap_or(i32::MAX))
            .bind(most);
        let ids: Vec<String> = in_time(query.fetch_all(&self.pool)).await?;
        let read = |id: &String| UserId::parse(id).map_err(Cause::from);
        ids.iter().map(read).collect::<Result<_, _>>().map_err(UsersError::Broken)
    }

    /// The device that SNS still knows of a deleted user.
    async fn device_of_deleted(&self, user: &UserId) -> Result<Option<String>, UsersError> {
        let query = sqlx::query_scalar(include_str!("queries/device.sql")).bind(user.as_str());
        let device: Option<Option<String>> = in_time(query.fetch_optional(&self.pool)).await?;
        Ok(device.flatten())
    }

    async fn erased(&self, user: &UserId) -> Result<(), UsersError> {
        let query = sqlx::query(include_str!("queries/erased.sql")).bind(user.as_str());
        in_time(query.execute(&self.pool)).await?;
        Ok(())
    }
}
