//! A stack with nobody there, and one whose parts cannot wake each other.

use std::time::{Duration, Instant};

use anyhow::Result;
use gavel_core::time::Timestamp;
use gavel_local::redis::{ask, commands_processed, url};
use gavel_local::{Options, Service, WorkerOptions};
use gavel_tests::client::millis;
use gavel_tests::{World, evidence};
use serde_json::json;

/// Commands a second that a stack at rest may send to Redis.
const COMMANDS_PER_S_MAX: u64 = 100;
/// How long is counted at a time.
const SPAN: Duration = Duration::from_secs(4);
/// Spans of which one has to be quiet. A machine that stands still for a second is a subscription that
/// falls silent, and then workers look oftener for a while, as they should.
const SPANS_MAX: u32 = 8;

/// How much later than it should anything may happen here, where everything shares two busy cores.
const WITHIN: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_stack_at_rest_asks_little_of_redis() -> Result<()> {
    let world = World::start().await?;
    // One auction that is over, one that is live: at rest is not only an empty ledger.
    let over = world.live_auction(json!({})).await?;
    world.bid(&over, &world.bidders[0], 100).await?;
    world.edge.act(&format!("/v1/auctions/{over}/close"), &world.seller.token).await?;
    evidence::result(&world.stack, &over).await?;
    world.live_auction(json!({"duration_s": 600})).await?;
    let redis = url(&world.stack.redis);
    let mut counted = Vec::new();
    for _ in 0..SPANS_MAX {
        let (since, before) = (Instant::now(), commands_processed(&redis).await?);
        tokio::time::sleep(SPAN).await;
        let commands = commands_processed(&redis).await? - before;
        let millis = u64::try_from(since.elapsed().as_millis())?;
        counted.push(commands * 1_000 / millis);
        if counted.last() <= Some(&COMMANDS_PER_S_MAX) {
            return world.stack.stop().await;
        }
    }
    anyhow::bail!("commands a second, span by span: {counted:?}");
}

#[tokio::test]
async fn auctions_open_take_bids_and_close_although_no_subscription_lives() -> Result<()> {
    let mut world = World::start().await?;
    world.stack.add_worker(&WorkerOptions::named("second")).await?;
    let cutting = cut_subscriptions(&world.stack.redis);
    let auctioning = async {
        let opens_at = now().plus_ms(700);
        let fixed = json!({"window_s": 0, "extension_s": 0, "max_extensions": 0});
        let terms = json!({"opens_at": opens_at.to_string(), "duration_s": 5, "soft_close": fixed});
        let auction = world.auction(terms).await?;
        let live = world.until(&auction, WITHIN, |state| state["status"] == "live").await?;
        for (bidder, amount) in [(0, 100), (1, 200), (0, 300)] {
            let placed = world.bid(&auction, &world.bidders[bidder], amount).await?;
            assert_eq!((placed.status, &placed.body["acknowledged"]), (201, &json!("queue")));
        }
        let within = Duration::from_secs(5) + WITHIN;
        world.until(&auction, within, |state| state["status"] == "closed").await?;
        let result = evidence::result(&world.stack, &auction).await?;
        assert_eq!((result.outcome.as_deref(), result.hammer_price), (Some("sold"), Some(300)));
        let shown = world.edge.get(&format!("/v1/auctions/{auction}"), "").await?.body;
        let late_ms = millis(&shown["ends_at"]).checked_sub(millis(&live["ends_at"]));
        assert!(late_ms.is_some_and(|ms| u128::from(ms) <= WITHIN.as_millis()), "{late_ms:?} late");
        evidence::whole_history(&world.stack, &auction, 3).await?;
        anyhow::Ok(())
    };
    tokio::select! {
        cut = cutting => cut?,
        done = auctioning => done?,
    }
    world.stack.stop().await
}

#[tokio::test]
async fn auctions_open_on_time_by_a_timer_that_is_another_process() -> Result<()> {
    let roles = |name: &str, roles: &str| WorkerOptions {
        roles: roles.to_owned(),
        ..WorkerOptions::named(name)
    };
    let workers =
        vec![roles("workers", "api,relay,history,notify,chat"), roles("timer", "timer,video")];
    let world = World::start_with(Options { workers, ..Options::for_tests()? }).await?;
    // At once, in a moment, later than any look of the timer's; and one that is brought forward.
    for ahead_ms in [0, 300, 2_500] {
        let opens_at = now().plus_ms(ahead_ms);
        let auction = world.auction(json!({"opens_at": opens_at.to_string()})).await?;
        opens(&world, &auction, opens_at, ahead_ms).await?;
    }
    let later = now().plus_ms(3_600_000);
    let auction = world.auction(json!({"opens_at": later.to_string()})).await?;
    let opens_at = now().plus_ms(300);
    let sooner = json!({"opens_at": opens_at.to_string()});
    let path = format!("/v1/auctions/{auction}");
    let edited = world.edge.patch(&path, &world.seller.token, &sooner).await?;
    assert_eq!(edited.status, 200, "{edited:?}");
    opens(&world, &auction, opens_at, 300).await?;
    world.stack.stop().await
}

/// Waits until an auction has opened; checks that it was not before its time.
async fn opens(world: &World, auction: &str, at: Timestamp, ahead_ms: u64) -> Result<()> {
    let within = Duration::from_millis(ahead_ms) + WITHIN;
    let state = world.until(auction, within, |state| state["status"] == "live").await?;
    let opened = i64::try_from(millis(&state["ends_at"]))? - 60_000;
    assert!(opened >= at.as_ms(), "opened {} ms early", at.as_ms() - opened);
    Ok(())
}

/// Cuts every subscription as soon as it is there, for ever.
async fn cut_subscriptions(redis: &Service) -> Result<()> {
    loop {
        ask::<u64>(redis, &["CLIENT", "KILL", "TYPE", "pubsub"]).await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// This machine's clock, which Redis shares here.
fn now() -> Timestamp {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("it is later than 1970");
    Timestamp::from_ms(since.as_millis().try_into().expect("and before the year 9999"))
}
