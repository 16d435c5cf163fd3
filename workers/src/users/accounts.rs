//! The accounts behind the profiles, in Cognito. Only deletes them; signing in is not our business.

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::error::DisplayErrorContext;
use gavel_core::ids::UserId;

/// The accounts of one user pool. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Accounts {
    client: Client,
    pool_id: String,
}

impl Accounts {
    /// The accounts of this pool. The client should have an operation time-out.
    pub(crate) const fn new(client: Client, pool_id: String) -> Self {
        Self { client, pool_id }
    }

    /// Deletes an account, or finds that it is gone. The error is for the log only.
    pub(super) async fn delete(&self, user: &UserId) -> Result<(), String> {
        let Some(name) = self.name(user).await? else { return Ok(()) };
        let delete = self.client.admin_delete_user().user_pool_id(&self.pool_id).username(name);
        match delete.send().await {
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_user_not_found_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(DisplayErrorContext(&error).to_string()),
            Ok(_) => Ok(()),
        }
    }

    /// What Cognito calls the account whose tokens have this `sub`.
    async fn name(&self, user: &UserId) -> Result<Option<String>, String> {
        // No user id has a quote or a backslash.
        let filter = format!("sub = \"{user}\"");
        let list = self.client.list_users().user_pool_id(&self.pool_id).filter(filter).limit(1);
        let listed = list.send().await.map_err(|error| DisplayErrorContext(&error).to_string())?;
        Ok(listed.users().first().and_then(|user| user.username()).map(str::to_owned))
    }
}
