//! Giving keys to names that have none: those of releases that knew no keys, or other ones.
//!
//! Nobody loses a name by it. Of those who have one name by now, the first keeps the keys and so the
//! claim to it; the others keep the name, until they choose another.

use gavel_core::ids::UserId;

use super::name::Keys;
use super::{Users, UsersError};
use crate::catalog::{Cause, in_time};
use crate::limits::NAMES_KEYED_AT_ONCE_MAX;

impl Users {
    /// Gives every name its keys; gives how many had none. Again, it changes nothing.
    pub async fn key_names(&self) -> Result<usize, UsersError> {
        let mut done = 0;
        loop {
            let query = sqlx::query_as(include_str!("queries/without_keys.sql"))
                .bind(NAMES_KEYED_AT_ONCE_MAX);
            let rows: Vec<(String, String)> = in_time(query.fetch_all(&self.pool)).await?;
            if rows.is_empty() {
                return Ok(done);
            }
            done += rows.len();
            for (user, name) in rows {
                let user = UserId::parse(&user).map_err(Cause::from).map_err(UsersError::Broken)?;
                self.key(&user, &name).await?;
            }
        }
    }

    /// Gives a name its keys, unless somebody else has them or the name is another by now.
    pub(super) async fn key(&self, user: &UserId, name: &str) -> Result<(), UsersError> {
        let keys = Keys::of(name);
        let update = sqlx::query(include_str!("queries/key.sql"))
            .bind(user.as_str())
            .bind(name)
            .bind(&keys.spelling)
            .bind(&keys.look);
        match in_time(update.execute(&self.pool)).await.map_err(UsersError::from) {
            // Somebody took that very name a moment ago; whoever looks next sees it.
            Ok(_) | Err(UsersError::NameTaken) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
