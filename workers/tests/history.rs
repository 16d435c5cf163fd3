//! From the bid queue into DynamoDB and out again, on the emulator.

#![allow(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use gavel_core::auction::{AcceptedBid, BidStatus, Event, EventKind, Outcome};
use gavel_core::ids::{AuctionId, BidId, IdempotencyKey, UserId};
use gavel_core::money::{Amount, Currency};
use gavel_core::time::Timestamp;
use gavel_local::provision::{Names, provision};
use gavel_local::{Options, Stack};
use gavel_workers::history::{BidHistory as _, Consumer, DynamoBidHistory, HistoryError};
use gavel_workers::relay::EventBatch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long anything here may take to come true.
const WITHIN: Duration = Duration::from_secs(60);

struct World {
    stack: Stack,
    history: DynamoBidHistory,
    stop: CancellationToken,
    consuming: JoinSet<()>,
}

async fn world() -> World {
    let options = Options::services_for_tests().expect("ports are free");
    let stack = Stack::start(options).await.expect("infra/local/install has run");
    let table = stack.settings.bids_table.clone();
    let history = DynamoBidHistory::new(stack.aws.dynamodb.clone(), table);
    World { stack, history, stop: CancellationToken::new(), consuming: JoinSet::new() }
}

impl World {
    fn consume(&mut self) {
        let (sqs, url) = (self.stack.aws.sqs.clone(), self.stack.settings.bid_queue_url.clone());
        let consumer = Consumer::new(sqs, url, self.history.clone());
        self.consuming.spawn(consumer.run(self.stop.clone()));
    }

    async fn send(&self, group: &str, deduplication: &str, body: &str) {
        let send = self.stack.aws.sqs.send_message().queue_url(&self.stack.settings.bid_queue_url);
        let send = send.message_group_id(group).message_deduplication_id(deduplication);
        send.message_body(body).send().await.unwrap();
    }

    async fn send_events(&self, deduplication: &str, events: Vec<Event>) {
        let group = events[0].auction_id.to_string();
        let body = serde_json::to_string(&EventBatch { events }).unwrap();
        self.send(&group, deduplication, &body).await;
    }

    /// The numbers of an auction's bids in the table, newest first, read page by page.
    async fn seqs(&self, auction: &AuctionId, page_items: u32) -> Result<Vec<u64>, HistoryError> {
        let (mut seqs, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.history.page(auction, cursor.as_deref(), page_items).await?;
            assert!(page.items.len() <= usize::try_from(page_items).unwrap());
            seqs.extend(page.items.iter().map(|item| item.seq));
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(seqs);
            }
        }
    }

    async fn until_seqs(&self, auction: &AuctionId, expected: &[u64]) {
        let deadline = Instant::now() + WITHIN;
        loop {
            let seqs = self.seqs(auction, 100).await;
            if seqs.as_ref().is_ok_and(|seqs| seqs == expected) {
                return;
            }
            assert!(Instant::now() < deadline, "{seqs:?} instead of {expected:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until nothing is left on the queue, visible or hidden.
    async fn until_queue_is_empty(&self) {
        let deadline = Instant::now() + WITHIN;
        loop {
            let get = self.stack.aws.sqs.get_queue_attributes();
            let get = get.queue_url(&self.stack.settings.bid_queue_url);
            let got = get.attribute_names(QueueAttributeName::All).send().await.unwrap();
            let left: Vec<String> = got
                .attributes()
                .unwrap()
                .iter()
                .filter(|(name, count)| {
                    name.as_str().starts_with("ApproximateNumberOfMessages") && *count != "0"
                })
                .map(|(name, count)| format!("{name}: {count}"))
                .collect();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "the queue still has {left:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until a consumer holds this many messages.
    async fn until_in_flight(&self, count: &str) {
        let deadline = Instant::now() + WITHIN;
        let name = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
        loop {
            let get = self.stack.aws.sqs.get_queue_attributes();
            let get = get.queue_url(&self.stack.settings.bid_queue_url);
            let got = get.attribute_names(name.clone()).send().await.unwrap();
            let found = &got.attributes().unwrap()[&name];
            if found == count {
                return;
            }
            assert!(Instant::now() < deadline, "{found} in flight instead of {count}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn dead_letters(&self) -> Vec<String> {
        let receive = self.stack.aws.sqs.receive_message();
        let receive = receive.queue_url(&self.stack.settings.bid_dead_letter_queue_url);
        let received = receive.max_number_of_messages(10).send().await.unwrap();
        received.messages().iter().filter_map(|message| message.body().map(str::to_owned)).collect()
    }
}

fn auction(number: usize) -> AuctionId {
    AuctionId::parse(&format!("use1_01928e2c-7f3e-7abc-8def-{number:012x}")).unwrap()
}

fn bidder(number: u64) -> UserId {
    UserId::parse(&format!("bidder-{number}")).unwrap()
}

fn event(auction: &AuctionId, seq: u64, kind: EventKind) -> Event {
    let at = Timestamp::from_ms(1_795_411_020_000);
    Event { auction_id: auction.clone(), position: seq + 1, seq, epoch: 1, at, kind }
}

/// Bids of two bidders in turn, all in one millisecond.
fn bid(auction: &AuctionId, seq: u64) -> Event {
    let amount = |minor| Amount::new(minor).unwrap();
    let at = Timestamp::from_ms(1_795_411_020_000);
    let bidder = bidder(seq % 2);
    let key = IdempotencyKey::parse(&format!("key-{seq}")).unwrap();
    let accepted = AcceptedBid {
        bid_id: BidId::derive(auction, &bidder, &key),
        bidder,
        amount: amount(1_000 * seq),
        max: amount(1_000 * seq + 500),
        currency: Currency::USD,
        status: BidStatus::Leading,
        outbid: None,
        price: amount(1_000 * seq),
        minimum_next: Some(amount(1_000 * seq + 100)),
        buy_now_open: false,
        ends_at: at.plus_ms(60_000),
        extended: false,
        stamp: at.plus_ms(seq),
    };
    event(auction, seq, EventKind::Bid(accepted))
}

fn bids(auction: &AuctionId, seqs: impl IntoIterator<Item = u64>) -> Vec<Event> {
    seqs.into_iter().map(|seq| bid(auction, seq)).collect()
}

fn descending(most: u64) -> Vec<u64> {
    (1..=most).rev().collect()
}

#[tokio::test]
async fn every_bid_is_in_the_history_once_whatever_is_delivered_twice() {
    let mut world = world().await;
    let (one, two) = (auction(1), auction(2));
    let closed = event(&one, 120, EventKind::Closed { outcome: Outcome::Unsold });
    world.send_events("1:1-60", bids(&one, 1..=60)).await;
    world.send_events("1:41-120", bids(&one, 41..=120)).await;
    world.send_events("2:1-3", bids(&two, [1, 2, 2, 3])).await;
    world.consume();
    world.send_events("1:41-120 again", bids(&one, 41..=120)).await;
    world.send_events("1:121-121", vec![closed]).await;
    world.until_seqs(&one, &descending(120)).await;
    world.until_seqs(&two, &[3, 2, 1]).await;
    world.until_queue_is_empty().await;
    assert_eq!(world.dead_letters().await, Vec::<String>::new());

    world.stop.cancel();
    let ended = tokio::time::timeout(WITHIN, world.consuming.join_all()).await;
    assert!(ended.is_ok(), "the consumers do not stop");
}

#[tokio::test]
async fn an_unreadable_message_goes_to_the_dead_letter_queue_and_takes_nobody_along() {
    let mut world = world().await;
    let one = auction(1);
    world.send_events("1:1-2", bids(&one, 1..=2)).await;
    world.send(one.as_str(), "poison", "{\"events\": [{\"kind\": \"unheard of\"}]}").await;
    world.send_events("1:3-4", bids(&one, 3..=4)).await;
    world.consume();
    world.until_seqs(&one, &descending(4)).await;
    world.send_events("1:5-5", bids(&one, [5])).await;
    world.until_seqs(&one, &descending(5)).await;
    world.until_queue_is_empty().await;
    let dead = world.dead_letters().await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert!(dead[0].contains("unheard of"), "{dead:?}");
}

#[tokio::test]
async fn an_outage_of_the_table_is_waited_out_without_using_up_receives() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    // The consumer runs on this thread, too.
    let _counting = metrics::set_default_local_recorder(&recorder);
    let mut world = world().await;
    let (one, table) = (auction(1), world.stack.settings.bids_table.clone());
    world.stack.aws.dynamodb.delete_table().table_name(&table).send().await.unwrap();
    world.consume();
    world.send_events("1:1-30", bids(&one, 1..=30)).await;
    // More than one try, each of which would have been a receive.
    let deadline = Instant::now() + WITHIN;
    let held = || -> u64 {
        let counted = recorder.handle().render();
        let lines = counted.lines().filter(|line| line.starts_with("gavel_queue_held_messages"));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    };
    while held() < 2 {
        assert!(Instant::now() < deadline, "held {} times", held());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    provision(&world.stack.aws, &Names::new(""), "Another-passw0rd").await.unwrap();
    world.until_seqs(&one, &descending(30)).await;
    world.until_queue_is_empty().await;
    assert_eq!(world.dead_letters().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_stop_gives_back_what_could_not_be_written() {
    let mut world = world().await;
    let (one, table) = (auction(1), world.stack.settings.bids_table.clone());
    world.stack.aws.dynamodb.delete_table().table_name(&table).send().await.unwrap();
    world.send_events("1:1-1", bids(&one, [1])).await;
    world.consume();
    world.until_in_flight("1").await;
    world.stop.cancel();
    let ended = tokio::time::timeout(WITHIN, world.consuming.join_all()).await;
    assert!(ended.is_ok(), "the consumers do not stop");

    let url = &world.stack.settings.bid_queue_url;
    let deadline = Instant::now() + WITHIN;
    let message = loop {
        let receive = world.stack.aws.sqs.receive_message().queue_url(url).wait_time_seconds(1);
        let receive = receive
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        if let Some(message) = receive.send().await.unwrap().messages.unwrap_or_default().pop() {
            break message;
        }
        assert!(Instant::now() < deadline, "the message did not come back");
    };
    let receives =
        &message.attributes().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount];
    assert_eq!(receives, "2", "the consumer's and this one");
}

#[tokio::test]
async fn pages_are_newest_first_complete_and_tell_no_ids_or_maxima_of_others() {
    let world = world().await;
    let (one, two) = (auction(1), auction(2));
    let all = [bids(&one, 1..=23), bids(&two, 1..=5)].concat();
    assert!(world.history.record(&all.iter().collect::<Vec<_>>()).await.is_empty());

    for page_items in [1, 7, 23, 24, 100] {
        assert_eq!(world.seqs(&one, page_items).await.unwrap(), descending(23), "{page_items}");
    }
    let page = world.history.page(&one, None, 2).await.unwrap();
    assert_eq!(page.items[0].bidder, one.public_name(&bidder(1)));
    let json = serde_json::to_string(&page.items).unwrap();
    assert!(!json.contains("bidder-0") && !json.contains("bidder-1\"") && !json.contains("max"));
    let cursor = page.next_cursor.unwrap();
    let other = world.history.page(&two, Some(&cursor), 2).await;
    assert!(matches!(other, Err(HistoryError::InvalidCursor)), "{other:?}");

    // Both auctions gave out the same stamps: no bid may be lost between two pages.
    for page_items in [1, 2, 5, 100] {
        let (mut own, mut cursor) = (Vec::new(), None);
        loop {
            let page = world.history.own(&bidder(1), cursor.as_deref(), page_items).await.unwrap();
            own.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(own.len(), 12 + 3, "{page_items} a page");
        let distinct: BTreeSet<_> = own.iter().map(|item| item.bid.bid_id.clone()).collect();
        assert_eq!(distinct.len(), own.len(), "{page_items} a page");
        assert!(own.iter().all(|item| item.max.minor() == item.bid.amount.minor() + 500));
        let newest_first = own.is_sorted_by_key(|item| std::cmp::Reverse(item.bid.seq));
        assert!(newest_first, "{page_items} a page");
    }

    let EventKind::Bid(wanted) = &all[2].kind else { panic!("not a bid: {:?}", all[2]) };
    let found = world.history.find(&wanted.bidder, &wanted.bid_id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&all[2]), "the whole event");
    let by_another = world.history.find(&bidder(0), &wanted.bid_id).await.unwrap();
    assert_eq!(by_another, None);
}
