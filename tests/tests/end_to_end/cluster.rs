//! A Redis Cluster of three nodes under everything: what holds on a single node holds there, and a
//! lost node takes nothing with it but its own auctions, and these only for as long as it is gone.

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use gavel_local::{Options, WorkerOptions, edge, redis, stack};
use gavel_tests::client::millis;
use gavel_tests::wait::{Tried, WITHIN, seen};
use gavel_tests::world::key;
use gavel_tests::{Spread, World, evidence};
use serde_json::{Value, json};

/// How late a close may be that no node holds up, in milliseconds.
const LATE_MS_MAX: u64 = 1_000;

/// Two workers, which requests reach by turns, on three nodes.
async fn clustered() -> Result<(World, Spread)> {
    let spread = Spread::start().await?;
    let world = World::start_with(Options {
        redis_nodes: 3,
        workers: ["workers", "more-workers"].map(WorkerOptions::named).to_vec(),
        edge_variables: edge::region(stack::REGION, std::slice::from_ref(&spread.url)),
        ..Options::for_tests()?
    })
    .await?;
    spread.over(world.stack.workers.iter().map(gavel_local::Service::address).collect());
    Ok((world, spread))
}

/// The number of the node that has an auction's state.
async fn node_of(world: &World, auction: &str) -> Result<usize> {
    for (number, node) in world.stack.redis_nodes().enumerate() {
        let keys: Vec<String> = redis::ask(node, &["KEYS", &format!("*:state:{auction}")]).await?;
        if !keys.is_empty() {
            return Ok(number);
        }
    }
    anyhow::bail!("{auction} is at no node")
}

/// A live auction at each of the three nodes.
async fn one_at_each(world: &World, changes: &Value) -> Result<[String; 3]> {
    let mut found = [const { None }; 3];
    for _ in 0..60 {
        let auction = world.live_auction(changes.clone()).await?;
        let node = node_of(world, &auction).await?;
        found[node].get_or_insert(auction);
        if let [Some(first), Some(second), Some(third)] = &found {
            return Ok([first.clone(), second.clone(), third.clone()]);
        }
    }
    anyhow::bail!("60 auctions are not spread over three nodes: {found:?}")
}

#[tokio::test]
async fn auctions_at_all_nodes_are_bid_for_closed_and_recorded_as_on_one_node() -> Result<()> {
    let (world, _spread) = clustered().await?;
    let fixed = json!({"window_s": 0, "extension_s": 0, "max_extensions": 0});
    let auctions = one_at_each(&world, &json!({"duration_s": 600, "soft_close": fixed})).await?;
    let first = &world.bidders[0];
    for auction in &auctions {
        let (placed, early) = (key(), key());
        let reply = world.bid_as(auction, first, &placed, 100).await?;
        ensure!(reply.status == 201 && reply.body["acknowledged"] == "queue", "{reply:?}");
        let again = world.bid_as(auction, first, &placed, 100).await?;
        assert_eq!((again.status, &again.body), (200, &reply.body));
        let conflict = world.bid_as(auction, first, &placed, 120).await?;
        assert_eq!((conflict.status, conflict.code()), (409, "idempotency-conflict"));
        let low = world.bid_as(auction, &world.bidders[1], &early, 100).await?;
        assert_eq!((low.status, low.code()), (409, "bid-too-low"));
    }
    let second = &world.bidders[1];
    let rush = auctions.iter().flat_map(|auction| (1..=20).map(move |n| (auction, 100 + n * 10)));
    let here = &world;
    let replies = try_join_all(rush.map(|(auction, amount)| async move {
        anyhow::Ok((auction, here.bid(auction, second, amount).await?))
    }))
    .await?;
    for auction in &auctions {
        let of_this = replies.iter().filter(|(bid_for, _)| *bid_for == auction);
        let accepted = of_this.filter(|(_, reply)| reply.status == 201).count();
        let state = world.state(auction).await?;
        assert_eq!(state["bid_count"], accepted + 1);
        let path = format!("/v1/auctions/{auction}/close");
        assert_eq!(world.edge.act(&path, &world.seller.token).await?.status, 200);
        let rows = evidence::whole_history(&world.stack, auction, accepted + 1).await?;
        let best = rows.iter().map(|row| row.amount).max();
        let result = evidence::result(&world.stack, auction).await?;
        assert_eq!((best, result.outcome.as_deref()), (Some(300), Some("sold")));
        assert_eq!(result.winner.as_ref(), Some(&second.subject));
        assert_eq!(result.bid_count, i64::try_from(rows.len())?);
    }
    world.stack.stop().await
}

#[tokio::test]
async fn a_lost_node_stops_only_its_own_auctions_and_loses_and_doubles_nothing() -> Result<()> {
    let (mut world, _spread) = clustered().await?;
    let auctions = one_at_each(&world, &json!({"duration_s": 600})).await?;
    for auction in &auctions {
        let bid = world.bid(auction, &world.bidders[1], 100).await?;
        ensure!(bid.status == 201, "{bid:?}");
    }
    let mut amount = 100;
    for frozen in [true, false] {
        // Not the first node: what every worker was told first is not special.
        let node = &mut world.stack.redis_others[1];
        if frozen {
            node.pause()?
        } else {
            node.kill().await?
        }
        amount += 100;
        let during = key();
        // Were it to hang, the client would give up.
        let reply = world.bid_as(&auctions[2], &world.bidders[0], &during, amount).await?;
        assert_eq!((reply.status, reply.code()), (503, "unavailable"), "{reply:?}");
        assert!(reply.header("retry-after").parse::<u64>()? >= 1, "{reply:?}");
        assert_eq!(world.edge.get("/readyz", "").await?.status, 200, "the others are served");

        // The others are opened, bid for and closed on time as ever.
        for auction in &auctions[..2] {
            let bid = world.bid(auction, &world.bidders[0], amount).await?;
            ensure!(bid.status == 201, "frozen: {frozen}: {bid:?}");
        }
        let what = format!("an end on time, frozen: {frozen}");
        seen(&what, |leisure| close_on_time(&world, leisure)).await?;

        let node = &mut world.stack.redis_others[1];
        if frozen {
            node.resume()?
        } else {
            node.start().await?
        }
        let bid = || world.bid_as(&auctions[2], &world.bidders[0], &during, amount);
        let settled = |reply: &gavel_tests::Reply| matches!(reply.status, 200 | 201);
        gavel_tests::eventually("a bid after", WITHIN, bid, settled).await?;
    }
    for auction in &auctions {
        let rows = evidence::whole_history(&world.stack, auction, 3).await?;
        assert_eq!(rows.iter().map(|row| row.amount).collect::<Vec<_>>(), [100, 200, 300]);
        let state = world.state(auction).await?;
        // The third only raised its bidder's own maximum.
        assert_eq!((&state["bid_count"], &state["price"]), (&json!(3), &json!(200)));
    }
    world.stack.stop().await
}

/// An auction at a node that is there is bid for and ends. Says so when it was over before the bid, or was
/// closed late, as all are when a lost node is waited for.
async fn close_on_time(world: &World, leisure: u32) -> Result<Tried> {
    let short = served_auction(world, 5 * leisure).await?;
    let bid = world.bid(&short, &world.bidders[0], 100).await?;
    if bid.code() == "auction-closed" {
        return Ok(Err("it was over before the bid".to_owned()));
    }
    ensure!(bid.status == 201, "{bid:?}");
    let closed = |state: &Value| state["status"] == "closed";
    world.until(&short, WITHIN * 2, closed).await?;
    assert_eq!(evidence::result(&world.stack, &short).await?.hammer_price, Some(100));
    let shown = world.edge.get(&format!("/v1/auctions/{short}"), "").await?;
    let late_ms = millis(&shown.body["ends_at"]).checked_sub(millis(&bid.body["ends_at"]));
    let late_ms = late_ms.context("closed before its end")?;
    Ok((late_ms < LATE_MS_MAX).then_some(()).ok_or_else(|| format!("closed {late_ms} ms late")))
}

/// A live auction without extensions at a node that is there; those whose node is lost do not open.
async fn served_auction(world: &World, duration_s: u32) -> Result<String> {
    let fixed = json!({"window_s": 0, "extension_s": 0, "max_extensions": 0});
    for _ in 0..20 {
        let auction = world.auction(json!({"duration_s": duration_s, "soft_close": fixed})).await?;
        let path = format!("/v1/auctions/{auction}/open");
        if world.edge.act(&path, &world.seller.token).await?.status == 200 {
            return Ok(auction);
        }
    }
    None.context("20 auctions are all at the lost node")
}
