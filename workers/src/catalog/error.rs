//! What can go wrong with the catalogue, by what a caller can do about it.

use crate::limits::CATALOG_QUERY_MAX;

/// What PostgreSQL said; for the log only.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why the catalogue did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is no such auction.
    #[error("no such auction")]
    NotFound,
    /// The seller has used the idempotency key for another auction. The caller's to mend.
    #[error("the idempotency key was used for another auction")]
    Conflict,
    /// Not a cursor of this list. The caller's to mend.
    #[error("not a cursor of this list")]
    InvalidCursor,
    /// PostgreSQL is in trouble. Asking again is safe.
    #[error("the catalogue is unavailable")]
    Unavailable(#[source] Cause),
    /// A row or a statement is not what it should be. Ours to mend.
    #[error("the catalogue is not in order")]
    Broken(#[source] Cause),
}

impl CatalogError {
    /// No answer within [`CATALOG_QUERY_MAX`].
    pub(super) fn no_answer() -> Self {
        Self::Unavailable(format!("no answer in {CATALOG_QUERY_MAX:?}").into())
    }
}

/// Classes of SQLSTATE that pass by themselves: connection exceptions, rolled back transactions,
/// insufficient resources, operator intervention (which a statement time-out is), system errors.
const PASSING_CLASSES: [&str; 5] = ["08", "40", "53", "57", "58"];

impl From<sqlx::Error> for CatalogError {
    fn from(error: sqlx::Error) -> Self {
        let passing = match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            sqlx::Error::Database(refusal) => refusal
                .code()
                .is_some_and(|code| PASSING_CLASSES.iter().any(|class| code.starts_with(class))),
            _ => false,
        };
        if passing { Self::Unavailable(error.into()) } else { Self::Broken(error.into()) }
    }
}
