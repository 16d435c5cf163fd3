//! How people can be reached, as far as it is found out: who wants nothing more, and whose address or
//! device is lost.

use gavel_core::ids::UserId;

use super::{Users, UsersError};
use crate::catalog::in_time;

impl Users {
    /// Has `user` told nothing more, on any channel. Somebody without a profile gets one.
    pub async fn unsubscribe(&self, user: &UserId) -> Result<(), UsersError> {
        self.seen(user).await?;
        let update = sqlx::query(include_str!("queries/unsubscribe.sql")).bind(user.as_str());
        in_time(update.execute(&self.pool)).await?;
        Ok(())
    }

    /// Mail to `user` came back for good: nothing more is sent to that address, until they say that
    /// they want e-mail.
    pub(crate) async fn lost_address(&self, user: &UserId) -> Result<(), UsersError> {
        self.seen(user).await?;
        let update = sqlx::query(include_str!("queries/lost_address.sql")).bind(user.as_str());
        in_time(update.execute(&self.pool)).await?;
        Ok(())
    }

    /// SNS cannot reach the device of `user` any more: they hear by e-mail from now on.
    pub(crate) async fn lost_device(&self, user: &UserId, arn: &str) -> Result<(), UsersError> {
        let update = sqlx::query(include_str!("queries/lost_device.sql"));
        in_time(update.bind(user.as_str()).bind(arn).execute(&self.pool)).await?;
        Ok(())
    }

    /// Sees to it that `user` has a row.
    async fn seen(&self, user: &UserId) -> Result<(), UsersError> {
        match self.profile(user).await {
            Ok(_) | Err(UsersError::Deleted) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
