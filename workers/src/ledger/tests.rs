//! The ledger on real Redis. Here: what the commit refuses, and that a refusal writes nothing.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use gavel_core::auction::{Auction, Event};
use gavel_core::time::Timestamp;
use gavel_local::{Port, Service};

use super::batch::tests::{bid, scheduled};
use super::batch::{Draft, draft};
use super::store::{Committed, Store};
use super::*;
use crate::redis::{Script, connect};

mod cluster;
mod sequencer;
mod wakes;

/// How long anything here may take to come true.
const WITHIN: Duration = Duration::from_secs(60);
/// Shards in these tests.
const SHARDS: u16 = 4;

/// A folder of the test's own.
struct Dir(PathBuf);

impl Dir {
    fn make() -> Self {
        let dir = std::env::temp_dir().join(format!("gavel-ledger-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}

/// A Redis of the test's own, and an auction opened on it.
struct Bench {
    service: Service,
    redis: Redis,
    store: Store,
    state: Auction,
    _dir: Dir,
}

impl Bench {
    async fn start() -> Self {
        let dir = Dir::make();
        let port = Port::free().unwrap();
        let mut service = gavel_local::redis::service(&dir.0, &dir.0, port).unwrap();
        service.start().await.unwrap();
        let redis = connect(&gavel_local::redis::url(&service), false, SHARDS).await.unwrap();
        let store = Store::new(&redis);
        let mut bench = Self { service, redis, store, state: scheduled(0), _dir: dir };
        let opened = bench.drafted(&Command::Open(OpenCause::Seller)).await;
        assert_eq!(bench.commit(&opened, None).await, Committed::Ok);
        bench.state = opened.after;
        bench
    }

    async fn drafted(&self, command: &Command) -> Draft {
        let now = time(&self.store).await;
        draft(&self.state, &HashMap::new(), [command], now)
    }

    /// Commits at the time of Redis: anew, as a worker does, while that has moved on meanwhile.
    async fn commit(&self, draft: &Draft, not_after: Option<Timestamp>) -> Committed {
        let since = Instant::now();
        loop {
            let now = time(&self.store).await;
            let committed = self.commit_at(draft, now, not_after).await;
            if committed != Committed::Skew || since.elapsed() > WITHIN {
                return committed;
            }
        }
    }

    async fn commit_at(
        &self,
        draft: &Draft,
        now: Timestamp,
        not_after: Option<Timestamp>,
    ) -> Committed {
        let draft = Draft { not_after, ..draft.clone() };
        self.store.commit(self.state.position, &draft, now).await.unwrap().0
    }

    async fn log(&self) -> Vec<Event> {
        self.store.events_after(&self.state.id, 0).await.unwrap()
    }

    /// Checks that Redis holds the opening and nothing else.
    async fn untouched(&self) {
        assert_eq!(self.store.state(&self.state.id).await.unwrap().as_ref(), Some(&self.state));
        assert_eq!(self.log().await.len(), 1);
        let loaded = self.store.load(&self.state.id).await.unwrap().unwrap();
        assert_eq!(loaded.ids.map(|ids| ids.len()), Some(0));
    }
}

async fn time(store: &Store) -> Timestamp {
    store.time(0).await.unwrap()
}

#[tokio::test]
async fn a_commit_after_the_end_or_by_a_wrong_clock_writes_nothing() {
    let bench = Bench::start().await;
    let draft = bench.drafted(&Command::Bid(bid(&bench.state, "a", 100))).await;
    let now = time(&bench.store).await;
    assert_eq!(bench.commit(&draft, Some(now)).await, Committed::Late);
    for wrong in [now.plus_ms(5_000), Timestamp::from_ms(now.as_ms() - 5_000)] {
        assert_eq!(bench.commit_at(&draft, wrong, None).await, Committed::Skew, "{wrong}");
    }
    bench.untouched().await;
    assert_eq!(bench.commit(&draft, draft.not_after).await, Committed::Ok);
    assert_eq!(bench.store.state(&bench.state.id).await.unwrap(), Some(draft.after));
}

#[tokio::test]
async fn what_waits_for_its_time_is_not_committed_before_it_by_the_clock_of_redis() {
    let bench = Bench::start().await;
    // Decided by a clock that is ahead: of that the bound on skew allows half a second.
    let end = bench.state.closes_at().unwrap();
    let close = Command::Close(CloseCause::Time);
    let closed = draft(&bench.state, &HashMap::new(), [&close], end);
    assert_eq!(closed.events.len(), 1);
    assert_eq!(bench.commit(&closed, None).await, Committed::Early);
    bench.untouched().await;
    let now = time(&bench.store).await;
    let due = Draft { not_before: Some(now), ..closed };
    assert_eq!(bench.commit(&due, None).await, Committed::Ok);
}

#[tokio::test]
async fn of_two_commits_on_one_state_the_second_writes_nothing() {
    let bench = Bench::start().await;
    let first = bench.drafted(&Command::Bid(bid(&bench.state, "a", 100))).await;
    let second = bench.drafted(&Command::Bid(bid(&bench.state, "b", 900))).await;
    assert_eq!(bench.commit(&first, None).await, Committed::Ok);
    assert_eq!(bench.commit(&second, None).await, Committed::Moved);
    assert_eq!(bench.store.state(&bench.state.id).await.unwrap(), Some(first.after));
    assert_eq!(bench.log().await.len(), 2);
}

#[tokio::test]
async fn a_state_that_fell_behind_its_log_stops_the_auction() {
    let bench = Bench::start().await;
    let first = bench.drafted(&Command::Bid(bid(&bench.state, "a", 100))).await;
    assert_eq!(bench.commit(&first, None).await, Committed::Ok);
    // The state is put back, as after a partial loss; the log still has the bid.
    let keys = keys::Keys(bench.redis.shards);
    let old = serde_json::to_string(&bench.state).unwrap();
    let mut put_back = redis::cmd("HSET");
    put_back.arg(keys.state(&bench.state.id));
    put_back.arg(&["p", &bench.state.position.to_string(), "s", &old]);
    let shard = keys.0.of(&bench.state.id);
    bench.redis.connection.query::<()>(shard, &put_back).await.unwrap();
    let other = bench.drafted(&Command::Bid(bid(&bench.state, "b", 100))).await;
    let now = time(&bench.store).await;
    let commit = bench.store.commit(1, &other, now).await;
    assert!(commit.is_err(), "fails closed");
    assert_eq!(bench.log().await.len(), 2);
}

#[tokio::test]
async fn a_closed_auction_waits_to_be_recorded_and_a_replayed_request_is_known() {
    let bench = Bench::start().await;
    let (store, id) = (&bench.store, &bench.state.id);
    let shard = store.shard(id);
    let later = time(store).await.plus_ms(120_000);
    let ends = bench.state.closes_at().unwrap();
    let age = Duration::from_millis(u64::try_from(later.as_ms() - ends.as_ms()).unwrap());
    let due = Due { auction: id.clone(), age };
    let look = Look::at(later, store.deadlines(shard, 100).await.unwrap(), false, false);
    assert_eq!(look.due, [due], "late by the clock of the shard");
    assert!(!store.any_unrecorded(shard).await.unwrap());
    let closed = bench.drafted(&Command::Close(CloseCause::Hammer)).await;
    assert_eq!(bench.commit(&closed, None).await, Committed::Ok);
    assert!(store.deadlines(shard, 100).await.unwrap().is_empty());
    let unrecorded = store.unrecorded(shard, 100).await.unwrap();
    assert_eq!(unrecorded.iter().map(|(closed, _)| closed).collect::<Vec<_>>(), [id]);
    assert!(store.any_unrecorded(shard).await.unwrap());
    store.recorded(id).await.unwrap();
    assert!(store.unrecorded(shard, 100).await.unwrap().is_empty());
    assert!(!store.any_unrecorded(shard).await.unwrap());

    assert!(store.first_use(shard, "a-request").await.unwrap());
    assert!(!store.first_use(shard, "a-request").await.unwrap());
}

#[tokio::test]
async fn what_waits_for_people_is_bounded_and_what_waits_for_the_history_is_not() {
    let bench = Bench::start().await;
    let shard = bench.store.shard(&bench.state.id);
    let count = u64::from(keys::Keys(bench.redis.shards).messages_waiting_max()) + 1_000;
    let fill = Script::new(
        "for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'e', 'old') end return 'ok'",
    );
    let [bids, messages] = [keys::Outlet::Bids, keys::Outlet::Messages]
        .map(|outlet| [keys::Keys::outbox(shard, outlet)]);
    for outbox in [&bids, &messages] {
        let mut call = fill.call(shard, outbox);
        call.arg(count).query::<()>(&bench.redis.connection).await.unwrap();
    }
    let draft = bench.drafted(&Command::Bid(bid(&bench.state, "a", 100))).await;
    assert_eq!(bench.commit(&draft, None).await, Committed::Ok);
    let length = async |outbox: &[String]| {
        let mut command = redis::cmd("XLEN");
        bench.redis.connection.query::<u64>(shard, command.arg(outbox)).await.unwrap()
    };
    // The opening and the bid have come to those that were put in. Redis trims by whole nodes.
    assert_eq!(length(&bids).await, count + 2, "a bid is never dropped");
    assert!(length(&messages).await < count, "the oldest are dropped");
    let mut newest = redis::cmd("XREVRANGE");
    newest.arg(&messages).arg("+").arg("-").arg("COUNT").arg(1);
    let newest: Vec<(String, Vec<String>)> =
        bench.redis.connection.query(shard, &newest).await.unwrap();
    assert!(newest[0].1[1].contains("bidder"), "the bid is the newest: {newest:?}");
}

#[tokio::test]
async fn scripts_that_a_restarted_redis_has_forgotten_are_sent_again() {
    let mut bench = Bench::start().await;
    for (key, amount) in [("flushed", 100), ("restarted", 900)] {
        match key {
            "flushed" => {
                gavel_local::redis::ask(&bench.service, &["SCRIPT", "FLUSH"]).await.unwrap()
            }
            _ => {
                bench.service.kill().await.unwrap();
                bench.service.start().await.unwrap();
                // The first call finds the connection lost, and nothing is repeated by itself.
                let lost = bench.store.ping().await;
                assert!(lost.is_err(), "{lost:?}");
            }
        }
        let known: Vec<u8> = gavel_local::redis::ask(
            &bench.service,
            &["SCRIPT", "EXISTS", redis::Script::new(include_str!("commit.lua")).get_hash()],
        )
        .await
        .unwrap();
        assert_eq!(known, [0], "{key}: this Redis does not know the script");
        let draft = bench.drafted(&Command::Bid(bid(&bench.state, key, amount))).await;
        assert_eq!(bench.commit(&draft, None).await, Committed::Ok, "{key}");
        bench.state = draft.after;
    }
    assert_eq!(bench.log().await.len(), 3);
}

#[tokio::test]
async fn who_cannot_connect_says_why() {
    let bench = Bench::start().await;
    gavel_local::redis::ask::<()>(&bench.service, &["CONFIG", "SET", "requirepass", "x"])
        .await
        .unwrap();
    let address = bench.service.address();
    for (user, cause) in [("", "NOAUTH"), (":wrong@", "Password authentication failed")] {
        for cluster in [false, true] {
            let url = format!("redis://{user}{address}/");
            let refused = connect(&url, cluster, SHARDS).await.err().unwrap();
            let refused = format!("{refused:?}");
            assert!(refused.contains(cause), "cluster: {cluster}: {refused}");
        }
    }
}

/// Behind the same name there may be another node by then: only a new connection finds out.
#[tokio::test]
async fn a_node_that_was_made_a_replica_is_connected_to_anew() {
    let bench = Bench::start().await;
    let ask = async |command: &[&str]| -> String {
        gavel_local::redis::ask(&bench.service, command).await.unwrap()
    };
    let nobody = Port::free().unwrap();
    ask(&["REPLICAOF", "127.0.0.1", &nobody.number().to_string()]).await;
    // Of this test's connections, those that `ask` makes come and go; a worker's stays.
    let id_of_worker = async || -> Option<String> {
        let clients = ask(&["CLIENT", "LIST", "TYPE", "normal"]).await;
        let evalsha = clients.lines().find(|line| line.contains("cmd=eval"))?;
        evalsha.split_whitespace().next().map(str::to_owned)
    };
    let draft = bench.drafted(&Command::Bid(bid(&bench.state, "a", 100))).await;
    let commit = async || bench.store.commit(1, &draft, time(&bench.store).await).await;
    assert!(commit().await.is_err(), "a replica takes no writes");
    let first = id_of_worker().await;
    let since = Instant::now();
    while id_of_worker().await == first {
        assert!(commit().await.is_err());
        assert!(since.elapsed() < WITHIN, "still the same connection");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ask(&["REPLICAOF", "NO", "ONE"]).await;
    assert_eq!(bench.commit(&draft, None).await, Committed::Ok);
}
