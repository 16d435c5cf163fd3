//! What can go wrong with profiles, by what a caller can do about it.

use crate::catalog::{CatalogError, Cause};

/// Why a profile is not there, or not as asked.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// Somebody else has that name. The caller's to mend.
    #[error("somebody else has that name")]
    NameTaken,
    /// The name passes for somebody in charge. The caller's to mend.
    #[error("that name is reserved")]
    NameReserved,
    /// The person asked to be forgotten. Final.
    #[error("the account was deleted")]
    Deleted,
    /// PostgreSQL is in trouble. Asking again is safe.
    #[error("the profiles are unavailable")]
    Unavailable(#[source] Cause),
    /// A row or a statement is not what it should be. Ours to mend.
    #[error("the profiles are not in order")]
    Broken(#[source] Cause),
}

impl From<CatalogError> for UsersError {
    fn from(error: CatalogError) -> Self {
        match error {
            // All that is unique besides the key is of the display name.
            CatalogError::Broken(cause) if is_unique_violation(&cause) => Self::NameTaken,
            CatalogError::Unavailable(cause) => Self::Unavailable(cause),
            CatalogError::Broken(cause) => Self::Broken(cause),
            other => Self::Broken(other.into()),
        }
    }
}

fn is_unique_violation(cause: &Cause) -> bool {
    let database = cause.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error);
    database.is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}
