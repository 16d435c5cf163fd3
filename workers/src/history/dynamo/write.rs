//! Batch writes that leave nothing unwritten in silence: what DynamoDB did not process is sent again,
//! and what is still unprocessed at the deadline is reported.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use futures::{StreamExt as _, stream};
use gavel_core::auction::{Event, EventKind};
use gavel_core::ids::BidId;

use super::DynamoBidHistory;
use crate::history::item::{self, BID};
use crate::limits::{
    BATCH_WRITES_AT_ONCE_MAX, BIDS_WRITE_MAX, DYNAMODB_BATCH_ITEMS_MAX, WRITE_PAUSE_MAX,
    WRITE_PAUSE_MIN,
};
use crate::queue::jittered;

impl DynamoBidHistory {
    /// Writes the bids among `events`; gives those that are not certainly written.
    pub(super) async fn write(&self, events: &[&Event]) -> HashSet<BidId> {
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
        // Asked before each call, the first included: a batch that waited its turn behind calls that
        // nobody answered must not begin another one.
        while Instant::now() < deadline {
            let before = pending.len();
            pending = self.write_once(pending).await;
            let written = u64::try_from(before - pending.len()).unwrap_or(u64::MAX);
            metrics::counter!("gavel_history_bids_written_total").increment(written);
            if pending.is_empty() || Instant::now() + pause >= deadline {
                break;
            }
            metrics::counter!("gavel_history_write_retries_total").increment(1);
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(WRITE_PAUSE_MAX);
        }
        pending.into_iter().map(|write| write.bid).collect()
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
