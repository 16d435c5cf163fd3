//! The price in the stream: rarely enough, and never without the last one.

use gavel_core::auction::{CloseCause, Command, OpenCause, PlaceBid};
use gavel_core::ids::BidId;
use gavel_core::money::Amount;
use gavel_core::wire::Level;
use gavel_local::Service;
use gavel_local::ivs::Cue;
use serde_json::Value;

use super::*;
use crate::ledger::Wakes;
use crate::lifecycle;
use crate::redis::connect;
use crate::video::tell;

async fn redis(bench: &Bench) -> (Service, Ledger) {
    let port = Port::free().unwrap();
    let mut service = gavel_local::redis::service(&bench._dir.0, &bench._dir.0, port).unwrap();
    service.start().await.unwrap();
    let redis = connect(&gavel_local::redis::url(&service), false, 2).await.unwrap();
    let ledger = Ledger::new(&redis, Wakes::new(&redis), Level::Memory);
    (service, ledger)
}

async fn bid(ledger: &Ledger, auction: &AuctionId, minor: u64) {
    let bidder = if minor.is_multiple_of(200) { "ann" } else { "bob" };
    let bidder = UserId::parse(bidder).unwrap();
    let key = IdempotencyKey::parse(&format!("key-{minor}")).unwrap();
    let amount = Amount::new(minor).unwrap();
    let bid = PlaceBid {
        bid_id: BidId::derive(auction, &bidder, &key),
        bidder,
        amount,
        max: amount,
        currency: None,
        arrived_at: None,
    };
    ledger.bid(auction, bid).await.unwrap();
}

async fn until_told(bench: &Bench, arn: &str, what: &str, good: impl Fn(&Value) -> bool) {
    let since = Instant::now();
    loop {
        let last = bench.fake.cues(arn).pop().map(|cue| read(&cue)).unwrap_or_default();
        if good(&last) {
            return;
        }
        assert!(since.elapsed() < WITHIN, "{what}: the last is {last}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn read(cue: &Cue) -> Value {
    serde_json::from_str(&cue.metadata).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_price_changes_in_a_second_are_at_most_five_cues_and_the_last_is_the_last() {
    let bench = Bench::start().await;
    let (_redis, ledger) = redis(&bench).await;
    let auction = bench.auction(false).await;
    let arn = arn(&bench.channel_of(&auction).await);
    let (stop, mut telling) = (CancellationToken::new(), JoinSet::new());
    // Two workers: only one of them tells.
    for _ in 0..2 {
        let Video { channels, ivs, .. } = bench.video();
        telling.spawn(tell::run(channels, ivs, ledger.clone(), stop.clone()));
    }
    bench.fake.go_live(&arn, false);
    let opened = lifecycle::open(&bench.catalog, &ledger, &auction.id, OpenCause::Seller).await;
    assert!(opened.is_ok(), "{opened:?}");
    until_told(&bench, &arn, "it is live", |cue| cue["status"] == "live").await;

    let since = Instant::now();
    for n in 1..=50_u64 {
        bid(&ledger, &auction.id, 1_000 + n * 100).await;
        tokio::time::sleep_until((since + Duration::from_millis(n * 18)).into()).await;
    }
    until_told(&bench, &arn, "the last bid", |cue| cue["seq"] == 50).await;
    let last = bench.fake.cues(&arn).pop().map(|cue| read(&cue)).unwrap();
    assert_eq!(last["price"], 6_000);
    assert_eq!(last["auction_id"], auction.id.as_str());
    assert!(last["ends_at"].is_string(), "{last}");

    let closed = ledger.drive(&auction.id, Command::Close(CloseCause::Hammer)).await.unwrap();
    lifecycle::follow(&bench.catalog, &closed).await.unwrap();
    until_told(&bench, &arn, "the end", |cue| cue["status"] == "closed" && cue["seq"] == 50).await;

    let cues = bench.fake.cues(&arn);
    let seqs: Vec<u64> = cues.iter().map(|cue| read(cue)["seq"].as_u64().unwrap()).collect();
    assert!(seqs.is_sorted(), "{seqs:?}");
    // Two more: that it opened, and that it closed.
    let most = since.elapsed().as_secs() * 5 + 5 + 2;
    assert!(u64::try_from(cues.len()).unwrap() <= most, "{} cues, not {most}", cues.len());
    for cue in &cues {
        let second = cue.at_ms..cue.at_ms + 1_000;
        let within = cues.iter().filter(|other| second.contains(&other.at_ms)).count();
        assert!(within <= 5, "{within} cues in a second: {cues:?}");
        assert!(cue.metadata.len() <= 1_024);
    }
    assert!(!bench.calls("PutMetadata").contains(&"ThrottlingException".to_owned()));
    stop.cancel();
    telling.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_begins_late_is_told_the_price_of_then() {
    let bench = Bench::start().await;
    let (_redis, ledger) = redis(&bench).await;
    let auction = bench.auction(false).await;
    let arn = arn(&bench.channel_of(&auction).await);
    let (stop, mut telling) = (CancellationToken::new(), JoinSet::new());
    let Video { channels, ivs, .. } = bench.video();
    telling.spawn(tell::run(channels, ivs, ledger.clone(), stop.clone()));
    let opened = lifecycle::open(&bench.catalog, &ledger, &auction.id, OpenCause::Seller).await;
    assert!(opened.is_ok(), "{opened:?}");
    bid(&ledger, &auction.id, 1_100).await;
    let since = Instant::now();
    let asked = || -> Vec<(u64, String)> {
        let calls = bench.fake.calls().into_iter().filter(|call| call.operation == "PutMetadata");
        calls.map(|call| (call.at_ms, call.code)).collect()
    };
    while asked().len() < 2 {
        assert!(since.elapsed() < WITHIN, "nobody asks whether there is a stream");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let asked = asked();
    assert!(asked.iter().all(|(_, code)| code == "ChannelNotBroadcasting"), "{asked:?}");
    assert!(asked[1].0 > asked[0].0 + 1_000, "asked without a pause: {asked:?}");
    bench.fake.go_live(&arn, false);
    until_told(&bench, &arn, "the price", |cue| cue["seq"] == 1 && cue["price"] == 1_100).await;
    stop.cancel();
    telling.join_all().await;
}
