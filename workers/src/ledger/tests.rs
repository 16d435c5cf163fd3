//! The commit on real Redis: what it refuses, and that a refusal writes nothing.

use std::path::PathBuf;

use gavel_core::auction::{Auction, Event};
use gavel_core::time::Timestamp;
use gavel_local::{Port, Service};

use super::batch::tests::{bid, scheduled};
use super::batch::{Draft, draft};
use super::store::{Committed, Store};
use super::*;

/// A Redis of the test's own, and an auction opened on it.
struct Bench {
    _redis: Service,
    dir: PathBuf,
    store: Store,
    connection: redis::aio::ConnectionManager,
    state: Auction,
}

impl Bench {
    async fn start() -> Self {
        let dir = std::env::temp_dir().join(format!("gavel-ledger-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut service = gavel_local::redis::service(&dir, &dir, Port::free().unwrap()).unwrap();
        service.start().await.unwrap();
        let redis = connect(&gavel_local::redis::url(&service), 4).await.unwrap();
        let (store, connection) = (redis.store(), redis.connection.clone());
        let mut bench = Self { _redis: service, dir, store, connection, state: scheduled(0) };
        let opened = bench.drafted(&Command::Open(OpenCause::Seller)).await;
        assert_eq!(bench.commit(&opened, None).await, Committed::Ok);
        bench.state = opened.after;
        bench
    }

    async fn drafted(&self, command: &Command) -> Draft {
        let now = self.store.time().await.unwrap();
        draft(&self.state, &HashMap::new(), [command], now)
    }

    async fn commit(&self, draft: &Draft, not_after: Option<Timestamp>) -> Committed {
        let now = self.store.time().await.unwrap();
        self.commit_at(draft, now, not_after).await
    }

    async fn commit_at(
        &self,
        draft: &Draft,
        now: Timestamp,
        not_after: Option<Timestamp>,
    ) -> Committed {
        let expected = self.state.position;
        let commit = self.store.commit(expected, &draft.after, &draft.events, now, not_after);
        commit.await.unwrap().0
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

impl Drop for Bench {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.dir);
    }
}

#[tokio::test]
async fn a_commit_after_the_end_or_by_a_wrong_clock_writes_nothing() {
    let bench = Bench::start().await;
    let draft = bench.drafted(&Command::Bid(bid(&bench.state, "a", 100))).await;
    let now = bench.store.time().await.unwrap();
    assert_eq!(bench.commit(&draft, Some(now)).await, Committed::Late);
    for wrong in [now.plus_ms(5_000), Timestamp::from_ms(now.as_ms() - 5_000)] {
        assert_eq!(bench.commit_at(&draft, wrong, None).await, Committed::Skew, "{wrong}");
    }
    bench.untouched().await;
    assert_eq!(bench.commit(&draft, draft.not_after).await, Committed::Ok);
    assert_eq!(bench.store.state(&bench.state.id).await.unwrap(), Some(draft.after));
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
    let key = keys::Keys::new(4).state(&bench.state.id);
    let old = serde_json::to_string(&bench.state).unwrap();
    let put_back: Result<(), _> = redis::cmd("HSET")
        .arg(key)
        .arg(&["p", &bench.state.position.to_string(), "s", &old])
        .query_async(&mut bench.connection.clone())
        .await;
    put_back.unwrap();
    let other = bench.drafted(&Command::Bid(bid(&bench.state, "b", 100))).await;
    let now = bench.store.time().await.unwrap();
    let commit = bench.store.commit(1, &other.after, &other.events, now, None).await;
    assert!(commit.is_err(), "fails closed");
    assert_eq!(bench.log().await.len(), 2);
}

#[tokio::test]
async fn a_closed_auction_waits_to_be_recorded_and_a_replayed_request_is_known() {
    let bench = Bench::start().await;
    let (store, id) = (&bench.store, &bench.state.id);
    let later = store.time().await.unwrap().plus_ms(120_000);
    assert_eq!(store.due(later).await.unwrap(), std::slice::from_ref(id));
    let closed = bench.drafted(&Command::Close(CloseCause::Hammer)).await;
    assert_eq!(bench.commit(&closed, None).await, Committed::Ok);
    assert!(store.due(later).await.unwrap().is_empty());
    assert_eq!(store.unrecorded(later).await.unwrap(), std::slice::from_ref(id));
    store.recorded(id).await.unwrap();
    assert!(store.unrecorded(later).await.unwrap().is_empty());

    assert!(store.first_use("a-request").await.unwrap());
    assert!(!store.first_use("a-request").await.unwrap());
}
