//! An auction as the catalogue knows it, and what that says about its state.

use gavel_core::auction::{Auction, OpenCause, Outcome, Phase, Terms};
use gavel_core::ids::{AuctionId, IdempotencyKey, UserId};
use gavel_core::money::Amount;
use gavel_core::time::Timestamp;
use gavel_core::wire::{CreateAuction, Status};

/// An auction to be created.
#[derive(Debug, Clone)]
pub struct NewAuction<'a> {
    /// Its id, if it is new.
    pub id: AuctionId,
    /// Who sells.
    pub seller: &'a UserId,
    /// What they ask for.
    pub request: &'a CreateAuction,
    /// What makes a repeat recognisable.
    pub idempotency_key: &'a IdempotencyKey,
    /// Digest of the body: the same key with another one is a conflict.
    pub request_sha256: &'a str,
}

/// A created auction.
#[derive(Debug, Clone)]
pub struct Created {
    /// As it is now.
    pub record: AuctionRecord,
    /// Whether the same request had created it before.
    pub repeated: bool,
}

/// A scheduled auction that should be open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueToOpen {
    /// Which.
    pub id: AuctionId,
    /// Why: its time has come, or its seller had begun to open it.
    pub cause: OpenCause,
}

/// An auction in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is that of the request, or says itself")]
pub struct AuctionRecord {
    pub id: AuctionId,
    pub seller: UserId,
    pub title: String,
    pub description: Option<String>,
    pub category: Option<String>,
    pub condition: Option<String>,
    pub image_urls: Vec<String>,
    pub private: bool,
    pub terms: Terms,
    /// As of the last change the catalogue was told.
    pub status: Status,
    /// Whether it was handed to the ledger: its terms are fixed then.
    pub opening: bool,
    /// How often its seller changed it.
    pub revision: u64,
    pub created_at: Timestamp,
    /// As of the last change the catalogue was told: bids that extend a live auction do not count.
    pub ends_at: Option<Timestamp>,
    pub result: Option<AuctionResult>,
    /// Where anybody can watch it: of a public auction that has a channel.
    pub playback_url: Option<String>,
}

/// How a closed auction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuctionResult {
    /// The outcome.
    pub outcome: Outcome,
    /// When.
    pub closed_at: Timestamp,
    /// The last visible price, if anybody bid.
    pub price: Option<Amount>,
    /// How many bids were accepted.
    pub bid_count: u64,
}

impl AuctionRecord {
    /// Bytes of all that the seller wrote.
    pub(super) fn text_bytes(&self) -> usize {
        let labels = [&self.description, &self.category, &self.condition];
        let labels = labels.into_iter().flatten();
        std::iter::once(&self.title).chain(labels).chain(&self.image_urls).map(String::len).sum()
    }

    /// The request that would create it.
    #[must_use]
    pub fn request(&self) -> CreateAuction {
        CreateAuction {
            title: self.title.clone(),
            description: self.description.clone(),
            category: self.category.clone(),
            condition: self.condition.clone(),
            image_urls: self.image_urls.clone(),
            terms: self.terms.clone(),
            private: self.private,
        }
    }

    /// The auction as it was scheduled, for the ledger to open.
    #[must_use]
    pub fn scheduled(&self) -> Auction {
        Auction::scheduled(self.id.clone(), self.seller.clone(), self.terms.clone())
    }

    /// The state that the catalogue alone can vouch for: scheduled, or closed with its result but
    /// without its log. `None` while only the ledger knows.
    #[must_use]
    pub fn state(&self) -> Option<Auction> {
        let scheduled = self.scheduled();
        match (&self.result, self.status) {
            (Some(result), _) => Some(Auction {
                phase: Phase::Closed { outcome: result.outcome.clone(), at: result.closed_at },
                price: result.price,
                seq: result.bid_count,
                ..scheduled
            }),
            (None, Status::Scheduled) => Some(scheduled),
            (None, _) => None,
        }
    }
}

/// What to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only these.
    pub status: Option<Status>,
    /// Only these.
    pub category: Option<String>,
}
