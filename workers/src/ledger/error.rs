//! Why the ledger did not do as asked. Variants are what a caller can do about it.

use gavel_core::auction::Refusal;

use super::store::StoreError;

/// How a full Redis begins its refusal. It refuses the first write of a script or none.
const OUT_OF_MEMORY: &str = "OOM";

/// Why the ledger did not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The rules say no. The caller's to mend.
    #[error("refused")]
    Refused(#[source] Refusal),
    /// The idempotency key stands for another offer. The caller's to mend.
    #[error("the idempotency key was used for another offer")]
    IdempotencyConflict,
    /// It was never opened.
    #[error("no such live auction")]
    UnknownAuction,
    /// Too much waits for this auction. Try again soon.
    #[error("too many requests wait for this auction")]
    Busy,
    /// There is no room for new bids. Nothing happened, and nothing will.
    #[error("no new bids are taken now")]
    Suspended,
    /// It was not decided in time and will not be any more, unless the decision is on its way now. Try
    /// again with the same key.
    #[error("no decision in time")]
    TimedOut,
    /// The bid counts and will be delivered, but did not reach the acknowledgement level in time.
    #[error("accepted as number {seq}, but not acknowledged in time")]
    Unconfirmed {
        /// Its number among the accepted bids of the auction.
        seq: u64,
    },
    /// Redis is in trouble, and it may or may not have happened. The text is for the log only. Try again
    /// with the same key.
    #[error("the live state is unavailable")]
    Unavailable(String),
}

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        if let StoreError::Redis(full) = &error
            && full.code() == Some(OUT_OF_MEMORY)
        {
            return Self::Suspended;
        }
        Self::Unavailable(format!("{error}: {:?}", std::error::Error::source(&error)))
    }
}
