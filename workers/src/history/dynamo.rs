//! The bid history in DynamoDB: batch writes that leave nothing unwritten in silence, and queries by
//! the table's key and by the index.
//!
//! Cursors hold no key of the caller's choosing: the partition is always that of the request, so
//! none can read somebody else's.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};
use gavel_core::auction::{AcceptedBid, Event, EventKind};
use gavel_core::ids::{AuctionId, BidId, UserId};
use gavel_core::time::Timestamp;
use gavel_core::wire::{BidItem, OwnBidItem, Page};
use serde::{Deserialize, Serialize};

use super::item::{self, AUCTION, BID, Item, SORT, STAMP, USER};
use super::{BidHistory, HistoryError};
use crate::cursor;
use crate::limits::{
    BATCH_WRITES_AT_ONCE_MAX, BIDS_WRITE_MAX, DYNAMODB_BATCH_ITEMS_MAX, FIND_PAGES_MAX,
    WRITE_PAUSE_MAX, WRITE_PAUSE_MIN,
};

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

    async fn write(&self, events: &[&Event]) -> HashSet<BidId> {
        let deadline = Instant::now() + BIDS_WRITE_MAX;
        // By key, because DynamoDB refuses a batch that names an item twice.
        let bids: BTreeMap<(&str, String), Write> =
            events.iter().filter_map(|event| Write::of(event)).collect();
        let bids: Vec<Write> = bids.into_values().collect();
        let batches: Vec<_> =
            bids.chunks(DYNAMODB_BATCH_ITEMS_MAX).map(<[Write]>::to_vec).collect();
        stream::iter(batches)
            .map(|batch| self.write_batch(batch, deadline))
            .buffer_unordered(BATCH_WRITES_AT_ONCE_MAX)
            .collect::<Vec<_>>()
            .await
            .into_iter()
            .flatten()
            .collect()
    }

    /// Writes one batch, again and again until `deadline`; gives what is not written.
    async fn write_batch(&self, mut pending: Vec<Write>, deadline: Instant) -> Vec<BidId> {
        let mut pause = WRITE_PAUSE_MIN;
        loop {
            let before = pending.len();
            pending = self.write_once(pending).await;
            let written = u64::try_from(before - pending.len()).unwrap_or(u64::MAX);
            metrics::counter!("gavel_history_bids_written_total").increment(written);
            if pending.is_empty() || Instant::now() + pause >= deadline {
                return pending.into_iter().map(|write| write.bid).collect();
            }
            metrics::counter!("gavel_history_write_retries_total").increment(1);
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(WRITE_PAUSE_MAX);
        }
    }

    async fn write_once(&self, pending: Vec<Write>) -> Vec<Write> {
        let puts = pending.iter().map(|write| write.request.clone()).collect();
        let call = self.client.batch_write_item().request_items(&self.table, puts);
        match call.send().await {
            Ok(reply) => {
                let mut left = reply.unprocessed_items.unwrap_or_default();
                let left: HashSet<String> = left
                    .remove(&self.table)
                    .unwrap_or_default()
                    .iter()
                    .filter_map(|request| Some(request.put_request()?.item()))
                    .filter_map(|item| item.get(BID)?.as_s().ok().cloned())
                    .collect();
                pending.into_iter().filter(|write| left.contains(write.bid.as_str())).collect()
            }
            Err(error) => {
                let cause = DisplayErrorContext(&error).to_string();
                tracing::warn!(items = pending.len(), cause, "bids not written");
                pending
            }
        }
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
            bid: shown(event, bid),
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

/// One item to write.
#[derive(Clone)]
struct Write {
    bid: BidId,
    request: WriteRequest,
}

impl Write {
    /// The write of an accepted bid, by its key; `None` for other events.
    fn of(event: &Event) -> Option<((&str, String), Self)> {
        let EventKind::Bid(bid) = &event.kind else { return None };
        let put = PutRequest::builder()
            .set_item(Some(item::item(event, bid)))
            .build()
            .expect("the item is set on the line above");
        let request = WriteRequest::builder().put_request(put).build();
        let key = (event.auction_id.as_str(), item::sort_key(bid.stamp, &bid.bidder));
        Some((key, Self { bid: bid.bid_id.clone(), request }))
    }
}

/// Between half of `pause` and all of it, so that many who failed together do not return together.
pub(super) fn jittered(pause: Duration) -> Duration {
    let most = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(fastrand::u64(most / 2..=most))
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

/// A bid as anybody may see it.
fn shown(event: &Event, bid: &AcceptedBid) -> BidItem {
    BidItem {
        seq: event.seq,
        bid_id: bid.bid_id.clone(),
        bidder: event.auction_id.public_name(&bid.bidder),
        amount: bid.amount,
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
