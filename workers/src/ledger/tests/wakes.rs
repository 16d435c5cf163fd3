//! Wake-ups on real Redis: whether they are heard, and who is woken when that changes.

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::sequencer::until;
use super::*;
use crate::ledger::keys::Outlet;
use crate::limits::WAKE_SILENCE_MAX;

/// Processes that listen at the same Redis.
struct Listeners {
    bench: Bench,
    wakes: Vec<Wakes>,
    _tasks: JoinSet<()>,
}

impl Listeners {
    async fn start(count: usize) -> Self {
        let bench = Bench::start().await;
        let (mut wakes, mut tasks) = (Vec::new(), JoinSet::new());
        for _ in 0..count {
            let url = gavel_local::redis::url(&bench.service);
            let redis = connect(&url, false, SHARDS).await.unwrap();
            let own = Wakes::new(&redis);
            let stop = CancellationToken::new();
            tasks.spawn(listen(redis.clone(), own.clone(), WAKE_SILENCE_MAX, stop.clone()));
            tasks.spawn(tell(redis, own.clone(), stop));
            until("it listens", async || own.heard()).await;
            wakes.push(own);
        }
        let listeners = Self { bench, wakes, _tasks: tasks };
        for wakes in &listeners.wakes {
            // What the beginning itself woke.
            woken(wakes).await;
        }
        listeners
    }
}

/// Waits until everybody is woken.
async fn woken(wakes: &Wakes) {
    let all = async {
        wakes.schedule().await;
        for shard in 0..SHARDS {
            wakes.deadlines(shard).await;
            for outlet in Outlet::ALL {
                wakes.outbox(shard, outlet).await;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.expect("everybody is woken");
}

#[tokio::test]
async fn a_subscription_that_is_cut_is_known_to_be_lost_and_everybody_looks_for_themselves() {
    let listeners = Listeners::start(1).await;
    let wakes = &listeners.wakes[0];
    gavel_local::redis::ask::<u64>(&listeners.bench.service, &["CLIENT", "KILL", "TYPE", "pubsub"])
        .await
        .unwrap();
    until("it is known", async || !wakes.heard()).await;
    woken(wakes).await;
    until("it listens again", async || wakes.heard()).await;
    // What was published in between is looked for.
    woken(wakes).await;
}

#[tokio::test]
async fn a_subscription_that_falls_silent_is_known_to_be_lost() {
    let mut listeners = Listeners::start(1).await;
    listeners.bench.service.pause().unwrap();
    let (since, wakes) = (std::time::Instant::now(), &listeners.wakes[0]);
    until("it is known", async || !wakes.heard()).await;
    let took = since.elapsed();
    assert!(took < WAKE_SILENCE_MAX * 4, "known after {took:?}");
    listeners.bench.service.resume().unwrap();
    until("it listens again", async || wakes.heard()).await;
}

#[tokio::test]
async fn what_one_process_has_scheduled_wakes_the_timers_of_all() {
    let listeners = Listeners::start(2).await;
    listeners.wakes[0].schedule_changed();
    for wakes in &listeners.wakes {
        let told = tokio::time::timeout(Duration::from_secs(20), wakes.schedule()).await;
        assert!(told.is_ok(), "a timer was not told");
    }
}
