//! The ledger on a real Redis Cluster of three nodes: shards at different nodes, one of them lost,
//! slots that move, a failover.

use std::time::{Duration, Instant};

use gavel_local::redis::{ask, cluster, replica, urls};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::ledger::mailboxes::Bounds;
use crate::limits::{DUE_AUCTIONS_MAX, REDIS_RESPONSE_MAX};
use crate::redis::shard::{Slot, slot};

/// More than nodes, so that each node has several.
const CLUSTER_SHARDS: u16 = 16;

/// Three nodes, and a worker's connection to them that follows changes.
struct Nodes {
    nodes: Vec<Service>,
    redis: Redis,
    ledger: Ledger,
    following: JoinSet<()>,
    dir: Dir,
}

impl Nodes {
    async fn start() -> Self {
        let dir = Dir::make();
        let ports = [(); 3].map(|()| Port::free().unwrap());
        let nodes = cluster(&dir.0, &dir.0, ports).await.unwrap();
        // One seed leads to the others.
        let redis = connect(&urls(&nodes[..1]), true, CLUSTER_SHARDS).await.unwrap();
        let wakes = Wakes::new(&redis);
        let ledger = Ledger::bounded(&redis, wakes, Level::Memory, Bounds::default());
        let mut following = JoinSet::new();
        following.spawn(redis.connection.clone().follow(CancellationToken::new()));
        Self { nodes, redis, ledger, following, dir }
    }

    /// Opens an auction in a shard whose slot is at the node with this number.
    async fn open_at(&self, node: usize) -> Auction {
        let shard = self.redis.shards.all().find(|shard| home(slot(*shard)) == node).unwrap();
        loop {
            let mut state = scheduled(0);
            let id = format!("use1_{}", uuid::Uuid::now_v7());
            state.id = AuctionId::parse(&id).unwrap();
            if self.redis.shards.of(&state.id) == shard {
                return self.ledger.open(state, OpenCause::Seller).await.unwrap();
            }
        }
    }

    /// Bids again with the same key until it is accepted.
    async fn bid_through(&self, state: &Auction, key: &str, amount: u64) -> u64 {
        let since = Instant::now();
        loop {
            match self.ledger.bid(&state.id, bid(state, key, amount)).await {
                Ok(placed) => return placed.receipt.seq,
                Err(LedgerError::Refused(refusal)) => panic!("{key}: {refusal}"),
                Err(error) => assert!(since.elapsed() < WITHIN, "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The node that has a slot at first: each has a third, in order.
fn home(slot: Slot) -> usize {
    (0..3).rev().find(|node| usize::from(slot) >= 16_384 * node / 3).unwrap()
}

#[tokio::test]
async fn a_node_of_a_cluster_is_not_taken_for_all_there_is() {
    let nodes = Nodes::start().await;
    let refused = connect(&urls(&nodes.nodes[..1]), false, CLUSTER_SHARDS).await.err().unwrap();
    assert!(format!("{refused:?}").contains("GAVEL_REDIS_CLUSTER"), "{refused:?}");
}

#[tokio::test]
async fn slots_are_computed_as_redis_does() {
    let dir = Dir::make();
    let port = Port::free().unwrap();
    let nodes = cluster(&dir.0, &dir.0, [port]).await.unwrap();
    for shard in 0..crate::limits::SHARDS_MAX {
        let key = keys::Keys::outbox(shard, keys::Outlet::Bids);
        let theirs: u16 = ask(&nodes[0], &["CLUSTER", "KEYSLOT", &key]).await.unwrap();
        assert_eq!(slot(shard), theirs, "{key}");
    }
}

#[tokio::test]
async fn auctions_at_different_nodes_open_take_bids_and_close() {
    let nodes = Nodes::start().await;
    let ledger = &nodes.ledger;
    let mut ids = Vec::new();
    for node in 0..3 {
        let state = nodes.open_at(node).await;
        for (seq, (key, amount)) in (1..).zip([("a", 100), ("b", 900)]) {
            assert_eq!(nodes.bid_through(&state, key, amount).await, seq);
        }
        let held: u64 = ask(&nodes.nodes[node], &["DBSIZE"]).await.unwrap();
        assert!(held >= 4, "node {node} has the state, the log, the ids and the outbox: {held}");
        assert!(ledger.first_use(&state.id, "a-request").await.unwrap());
        assert!(!ledger.first_use(&state.id, "a-request").await.unwrap());
        ledger.drive(&state.id, Command::Close(CloseCause::Hammer)).await.unwrap();
        ids.push(state.id);
    }
    let mut unrecorded = Vec::new();
    for shard in ledger.shards() {
        let found = ledger.unrecorded(shard, DUE_AUCTIONS_MAX).await.unwrap();
        assert_eq!(
            ledger.look(shard, DUE_AUCTIONS_MAX).await.unwrap().unrecorded,
            !found.is_empty()
        );
        unrecorded.extend(found);
    }
    ids.sort_by_key(ToString::to_string);
    unrecorded.sort_by_key(ToString::to_string);
    assert_eq!(unrecorded, ids);
    for id in &ids {
        ledger.result_recorded(id).await.unwrap();
    }
    for shard in ledger.shards() {
        assert!(ledger.unrecorded(shard, DUE_AUCTIONS_MAX).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_frozen_node_holds_up_no_auction_of_the_others_and_goes_on_afterwards() {
    let mut nodes = Nodes::start().await;
    let [lost, kept] = [nodes.open_at(1).await, nodes.open_at(2).await];
    nodes.bid_through(&lost, "before", 100).await;
    nodes.nodes[1].pause().unwrap();
    // Who waited for a frozen node would wait for ever.
    let during = bid(&lost, "during", 900);
    let unknown = tokio::time::timeout(WITHIN, nodes.ledger.bid(&lost.id, during)).await;
    let unknown = unknown.expect("an answer");
    assert!(matches!(unknown, Err(LedgerError::TimedOut | LedgerError::Unavailable(_))));
    // While calls to the lost node are under way, again and again, the others answer as ever.
    let mut callers = JoinSet::new();
    for n in 0..8 {
        let (ledger, id) = (nodes.ledger.clone(), lost.id.clone());
        let late = bid(&lost, &format!("late-{n}"), 90_000);
        callers.spawn(async move { while ledger.bid(&id, late.clone()).await.is_err() {} });
    }
    // A machine that stumbles makes one late; a node that is waited for makes many late, as it is asked
    // for again and again.
    let mut late = Vec::new();
    for n in 1..=200_u64 {
        let since = Instant::now();
        assert_eq!(nodes.bid_through(&kept, &n.to_string(), 100 * n).await, n);
        let took = since.elapsed();
        if took >= REDIS_RESPONSE_MAX {
            late.push(took);
        }
        assert!(late.len() <= 5, "bids waited for the lost node: {late:?} of {n}");
        nodes.ledger.look(nodes.redis.shards.of(&kept.id), DUE_AUCTIONS_MAX).await.unwrap();
        nodes.ledger.ping().await.unwrap();
    }
    assert!(!callers.is_empty() && callers.try_join_next().is_none(), "the lost node answered");
    callers.abort_all();
    nodes.nodes[1].resume().unwrap();
    nodes.bid_through(&lost, "after", 200_000).await;
    let log = Store::new(&nodes.redis).events_after(&lost.id, 0).await.unwrap();
    let seqs: Vec<u64> = log.iter().skip(1).map(|event| event.seq).collect();
    assert_eq!(seqs, (1..).take(seqs.len()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_killed_node_comes_back_with_its_auctions_and_without_its_scripts() {
    let mut nodes = Nodes::start().await;
    let state = nodes.open_at(0).await;
    nodes.bid_through(&state, "before", 100).await;
    nodes.nodes[0].kill().await.unwrap();
    assert!(nodes.ledger.bid(&state.id, bid(&state, "during", 900)).await.is_err());
    nodes.nodes[0].start().await.unwrap();
    assert_eq!(nodes.bid_through(&state, "during", 900).await, 2);
    assert_eq!(Store::new(&nodes.redis).events_after(&state.id, 0).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_slot_moves_to_another_node_while_bids_flow() {
    let nodes = Nodes::start().await;
    let state = nodes.open_at(0).await;
    let slot = slot(nodes.redis.shards.of(&state.id)).to_string();
    let moving = async {
        let [from, to] = [&nodes.nodes[0], &nodes.nodes[2]];
        let from_id: String = ask(from, &["CLUSTER", "MYID"]).await.unwrap();
        let to_id: String = ask(to, &["CLUSTER", "MYID"]).await.unwrap();
        let set: [(&Service, [&str; 2]); 2] =
            [(to, ["IMPORTING", &from_id]), (from, ["MIGRATING", &to_id])];
        for (node, [state, other]) in set {
            ask::<()>(node, &["CLUSTER", "SETSLOT", &slot, state, other]).await.unwrap();
        }
        // For a while the slot is at neither node alone.
        loop {
            let keys: Vec<String> =
                ask(from, &["CLUSTER", "GETKEYSINSLOT", &slot, "1"]).await.unwrap();
            let Some(key) = keys.first() else { break };
            let port = to.address().port().to_string();
            let _moved: String =
                ask(from, &["MIGRATE", "127.0.0.1", &port, key, "0", "2000"]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        for node in [to, from, &nodes.nodes[1]] {
            ask::<()>(node, &["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).await.unwrap();
        }
        let left: u64 = ask(from, &["CLUSTER", "COUNTKEYSINSLOT", &slot]).await.unwrap();
        assert_eq!(left, 0, "a bid was left behind");
    };
    let bidding = async {
        let (mut accepted, mut moved) = (0_u64, 0);
        // Until some bids are through after the move.
        while moved < 20 {
            accepted += 1;
            let key = accepted.to_string();
            assert_eq!(nodes.bid_through(&state, &key, 100 * accepted).await, accepted);
            let there: u64 =
                ask(&nodes.nodes[0], &["CLUSTER", "COUNTKEYSINSLOT", &slot]).await.unwrap();
            moved += u64::from(there == 0);
        }
        accepted
    };
    let ((), accepted) = futures::join!(moving, bidding);
    let log = Store::new(&nodes.redis).events_after(&state.id, 0).await.unwrap();
    let seqs: Vec<u64> = log.iter().skip(1).map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=accepted).collect::<Vec<_>>());
}

#[tokio::test]
async fn after_a_failover_the_new_node_is_found_and_learns_the_scripts() {
    let mut nodes = Nodes::start().await;
    let state = nodes.open_at(1).await;
    nodes.bid_through(&state, "before", 100).await;
    let (dir, port) = (&nodes.dir.0, Port::free().unwrap());
    let _replica = replica(dir, dir, port, &nodes.nodes[1]).await.unwrap();
    nodes.nodes[1].kill().await.unwrap();
    assert_eq!(nodes.bid_through(&state, "after", 900).await, 2);
    let log = Store::new(&nodes.redis).events_after(&state.id, 0).await.unwrap();
    assert_eq!(log.len(), 3, "the opening and both bids");
    assert!(nodes.following.try_join_next().is_none());
}

#[tokio::test]
async fn wake_ups_come_from_another_node_when_the_subscribed_one_falls_silent_or_goes() {
    let mut nodes = Nodes::start().await;
    let wakes = Wakes::new(&nodes.redis);
    let stop = CancellationToken::new();
    let silence = Duration::from_millis(500);
    let listening = listen(nodes.redis.clone(), wakes.clone(), silence, stop.clone());
    nodes.following.spawn(listening);
    let id = scheduled(0).id;
    let mut position = 0;
    for (lost, frozen) in [(None, false), (Some(0), true), (Some(1), true), (Some(1), false)] {
        match lost {
            Some(node) if frozen => nodes.nodes[node].pause().unwrap(),
            Some(node) => nodes.nodes[node].kill().await.unwrap(),
            None => {}
        }
        // Each is published at another node than the lost one; wherever it is subscribed, it arrives.
        wakes.relayed.follow(&id);
        let mut receiver = wakes.relayed.position(&id).unwrap();
        let published = async {
            loop {
                position += 1;
                let message = format!("r:{position}:{id}");
                ask::<u64>(&nodes.nodes[2], &["PUBLISH", keys::WAKE_CHANNEL, &message])
                    .await
                    .unwrap();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let from = *receiver.borrow_and_update();
        tokio::select! {
            () = published => {}
            woken = receiver.wait_for(|at| *at > from) => { woken.unwrap(); }
            () = tokio::time::sleep(WITHIN) => panic!("{lost:?}: not woken"),
        }
        match lost {
            Some(node) if frozen => nodes.nodes[node].resume().unwrap(),
            Some(node) => nodes.nodes[node].start().await.unwrap(),
            None => {}
        }
    }
    stop.cancel();
}
