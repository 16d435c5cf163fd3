//! The history of bids: from the bid queue into DynamoDB, and out of it in pages.
//!
//! The history never decides anything and is never ahead of the ledger. Writing is idempotent, so
//! the queue may deliver anything twice and in any order; a message is deleted only after all of its
//! bids are written.

mod consumer;
mod dynamo;
mod item;
#[cfg(test)]
mod testing;

use std::collections::HashSet;

use futures::future::BoxFuture;
use gavel_core::auction::Event;
use gavel_core::ids::{AuctionId, BidId, UserId};
use gavel_core::wire::{BidItem, OwnBidItem, Page};

pub use self::consumer::Consumer;
pub use self::dynamo::DynamoBidHistory;

/// Why the history could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Not a cursor of this list. The caller's to mend.
    #[error("not a cursor of this list")]
    InvalidCursor,
    /// DynamoDB is in trouble. The text is for the log only. Asking again is safe.
    #[error("the bid history is unavailable")]
    Unavailable(String),
    /// An item is not what was written. Ours to mend.
    #[error("the bid history is not in order")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Where accepted bids are kept.
pub trait BidHistory: Send + Sync {
    /// Writes the bids among `events` (other events are none of its business). Gives those that are
    /// not certainly written; to write one again is harmless.
    fn record<'a>(&'a self, events: &'a [&'a Event]) -> BoxFuture<'a, HashSet<BidId>>;

    /// A page of an auction's bids, newest first, of at most `limit`.
    fn page<'a>(
        &'a self,
        auction: &'a AuctionId,
        cursor: Option<&'a str>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Page<BidItem>, HistoryError>>;

    /// A page of a bidder's own bids in all auctions, newest first, of at most `limit`.
    fn own<'a>(
        &'a self,
        user: &'a UserId,
        cursor: Option<&'a str>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Page<OwnBidItem>, HistoryError>>;

    /// The event of one bid of this bidder, if it is in the history.
    fn find<'a>(
        &'a self,
        user: &'a UserId,
        bid: &'a BidId,
    ) -> BoxFuture<'a, Result<Option<Event>, HistoryError>>;
}
