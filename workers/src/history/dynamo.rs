//! The bid history in DynamoDB: queries by the table's key and by the index. Writing is in `write`.
//!
//! Cursors hold no key of the caller's choosing: the partition is always that of the request, so
//! none can read somebody else's.

mod write;

use std::collections::HashSet;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use gavel_core::auction::{AcceptedBid, Event};
use gavel_core::ids::{AuctionId, BidId, UserId};
use gavel_core::time::Timestamp;
use gavel_core::wire::{BidItem, OwnBidItem, Page};
use serde::{Deserialize, Serialize};

use super::item::{self, AUCTION, BID, Item, SORT, STAMP, USER};
use super::{BidHistory, HistoryError};
use crate::cursor;
use crate::limits::FIND_PAGES_MAX;

/// The index of a bidder's own bids.
const OWN_BIDS: &str = "user_id-timestamp-index";

/// The bid history in one DynamoDB table. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DynamoBidHistory {
    client: Client,
    table: String,
}

/// Where a page of an auction's bids ended: a stamp names one bid.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InAuction {
    stamp: Timestamp,
}

/// Where a page of a bidder's bids ended: two auctions may have given out the same stamp.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InOwn {
    stamp: Timestamp,
    auction: AuctionId,
}

impl DynamoBidHistory {
    /// The history in `table`. The client should have an operation time-out.
    #[must_use]
    pub const fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    fn query(&self, limit: u32) -> QueryFluentBuilder {
        // One more than asked for tells whether there is a next page.
        let limit = i32::try_from(limit).unwrap_or(i32::MAX).saturating_add(1);
        self.client.query().table_name(&self.table).scan_index_forward(false).limit(limit)
    }

    /// The bids on one page, at most `limit`, and whether there are more.
    async fn read(
        query: QueryFluentBuilder,
        limit: u32,
    ) -> Result<(Vec<(Event, AcceptedBid)>, bool), HistoryError> {
        let reply = query.send().await.map_err(|error| unavailable(&error))?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = reply.items().len() > limit || reply.last_evaluated_key().is_some();
        let bids = reply.items().iter().take(limit).map(event).collect::<Result<_, _>>()?;
        Ok((bids, more))
    }

    async fn read_auction(
        &self,
        auction: &AuctionId,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<BidItem>, HistoryError> {
        let list = format!("bids of {auction}");
        let mut query =
            self.query(limit).expression_attribute_values(":auction", text(auction.as_str()));
        query = match position::<InAuction>(&list, cursor)? {
            None => query.key_condition_expression(format!("{AUCTION} = :auction")),
            // Just before the stamp: every sort key with that stamp is longer, hence greater.
            Some(after) => query
                .key_condition_expression(format!("{AUCTION} = :auction and #sort < :stamp"))
                .expression_attribute_names("#sort", SORT)
                .expression_attribute_values(":stamp", text(&item::sort_stamp(after.stamp))),
        };
        let (bids, more) = Self::read(query, limit).await?;
        let last = bids.last().filter(|_| more);
        let next_cursor =
            last.map(|(_, bid)| cursor::encode(&list, &InAuction { stamp: bid.stamp }));
        let items = bids.iter().map(|(event, bid)| shown(event, bid)).collect();
        Ok(Page { items, next_cursor })
    }

    async fn read_own(
        &self,
        user: &UserId,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<OwnBidItem>, HistoryError> {
        let list = format!("bids by {user}");
        let after = position::<InOwn>(&list, cursor)?;
        let query = self
            .query(limit)
            .index_name(OWN_BIDS)
            .key_condition_expression(format!("{USER} = :user"))
            .expression_attribute_values(":user", text(user.as_str()))
            .set_exclusive_start_key(after.map(|after| own_key(user, &after)));
        let (bids, more) = Self::read(query, limit).await?;
        let next_cursor = bids.last().filter(|_| more).map(|(event, bid)| {
            let after = InOwn { stamp: bid.stamp, auction: event.auction_id.clone() };
            cursor::encode(&list, &after)
        });
        let own = |(event, bid): &(Event, AcceptedBid)| OwnBidItem {
            auction_id: event.auction_id.clone(),
            max: bid.max,
            bid: BidItem { amount: bid.amount, ..shown(event, bid) },
        };
        Ok(Page { items: bids.iter().map(own).collect(), next_cursor })
    }

    async fn search(&self, user: &UserId, bid: &BidId) -> Result<Option<Event>, HistoryError> {
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(OWN_BIDS)
            .scan_index_forward(false)
            .key_condition_expression(format!("{USER} = :user"))
            .expression_attribute_values(":user", text(user.as_str()))
            .filter_expression(format!("{BID} = :bid"))
            .expression_attribute_values(":bid", text(bid.as_str()));
        for _ in 0..FIND_PAGES_MAX {
            let reply = query.clone().send().await.map_err(|error| unavailable(&error))?;
            if let Some(found) = reply.items().first() {
                return event(found).map(|(event, _)| Some(event));
            }
            let Some(last) = reply.last_evaluated_key else { return Ok(None) };
            query = query.set_exclusive_start_key(Some(last));
        }
        // Not "no": an accepted bid must never be denied.
        Err(HistoryError::Unavailable(format!("not found in {FIND_PAGES_MAX} pages")))
    }
}

impl BidHistory for DynamoBidHistory {
    fn record<'a>(&'a self, events: &'a [&'a Event]) -> BoxFuture<'a, HashSet<BidId>> {
        self.write(events).boxed()
    }

    fn page<'a>(
        &'a self,
        auction: &'a AuctionId,
        cursor: Option<&'a str>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Page<BidItem>, HistoryError>> {
        self.read_auction(auction, cursor, limit).boxed()
    }

    fn own<'a>(
        &'a self,
        user: &'a UserId,
        cursor: Option<&'a str>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Page<OwnBidItem>, HistoryError>> {
        self.read_own(user, cursor, limit).boxed()
    }

    fn find<'a>(
        &'a self,
        user: &'a UserId,
        bid: &'a BidId,
    ) -> BoxFuture<'a, Result<Option<Event>, HistoryError>> {
        self.search(user, bid).boxed()
    }
}

fn position<P: serde::de::DeserializeOwned>(
    list: &str,
    cursor: Option<&str>,
) -> Result<Option<P>, HistoryError> {
    cursor.map(|text| cursor::decode(list, text).ok_or(HistoryError::InvalidCursor)).transpose()
}

fn own_key(user: &UserId, after: &InOwn) -> Item {
    [
        (USER, text(user.as_str())),
        (STAMP, AttributeValue::N(after.stamp.as_ms().to_string())),
        (AUCTION, text(after.auction.as_str())),
        (SORT, AttributeValue::S(item::sort_key(after.stamp, user))),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// A bid as anybody may see it. A leader who raises their maximum offers more than the price, and
/// what is more than the price is nobody else's business.
fn shown(event: &Event, bid: &AcceptedBid) -> BidItem {
    BidItem {
        seq: event.seq,
        bid_id: bid.bid_id.clone(),
        bidder: event.auction_id.public_name(&bid.bidder),
        amount: bid.amount.min(bid.price),
        price: bid.price,
        status: bid.status,
        placed_at: event.at,
    }
}

fn event(item: &Item) -> Result<(Event, AcceptedBid), HistoryError> {
    item::event(item).map_err(|corrupt| HistoryError::Broken(corrupt.into()))
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn unavailable(error: &(impl std::error::Error + 'static)) -> HistoryError {
    HistoryError::Unavailable(DisplayErrorContext(error).to_string())
}

#[cfg(test)]
mod tests;
