//! Whole ledgers on one Redis: several at once, full, idle, with a wrong clock, with a slow network.

use std::sync::Mutex as StdMutex;
use std::time::{Duration, Instant};

use gavel_core::auction::{BidStatus, SoftClose};
use gavel_core::ids::UserId;
use gavel_core::money::Amount;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, tcp};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::*;
use crate::ledger::mailboxes::Bounds;
use crate::limits::{CACHE_AGE_MAX, CLOCK_AGE_MAX, REDIS_RESPONSE_MAX, SKEW_MS_MAX};

/// How often something is tried that takes a machine which does not stumble just then.
const TRIES: usize = 5;

impl Bench {
    /// Another worker: a ledger with a connection of its own. Bids are answered once Redis has them.
    async fn ledger(&self, bounds: Bounds) -> Ledger {
        ledger_at(&gavel_local::redis::url(&self.service), bounds).await
    }

    /// How many commands Redis has executed, this question not counted.
    async fn commands(&self) -> u64 {
        let info: String =
            gavel_local::redis::ask(&self.service, &["INFO", "commandstats"]).await.unwrap();
        let calls =
            info.lines().filter(|line| !line.starts_with("cmdstat_info")).filter_map(|line| {
                let calls = line.split_once("calls=")?.1.split_once(',')?.0;
                calls.parse::<u64>().ok().filter(|_| !line.contains("cmdstat_client"))
            });
        calls.sum()
    }

    /// How often Redis has executed a command.
    async fn calls(&self, command: &str) -> u64 {
        let info: String =
            gavel_local::redis::ask(&self.service, &["INFO", "commandstats"]).await.unwrap();
        let line = info.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:")));
        let calls = line.and_then(|line| line.strip_prefix("calls=")?.split_once(','));
        calls.map_or(0, |(calls, _)| calls.parse().unwrap())
    }
}

async fn ledger_at(url: &str, bounds: Bounds) -> Ledger {
    let redis = connect(url, false, SHARDS).await.unwrap();
    Ledger::bounded(&redis, Wakes::new(&redis), Level::Memory, bounds)
}

pub(super) async fn until(what: &str, good: impl AsyncFn() -> bool) {
    let since = Instant::now();
    while !good().await {
        assert!(since.elapsed() < WITHIN, "{what}: not within {WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_workers_on_one_auction_all_make_progress_and_numbers_have_no_gaps() {
    const WORKERS: u64 = 3;
    const BIDS_EACH: u64 = 40;
    let bench = Bench::start().await;
    let id = &bench.state.id;
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let (ledger, state) = (bench.ledger(Bounds::default()).await, bench.state.clone());
        workers.spawn(async move {
            let (mut accepted, mut tries) = (Vec::new(), 0);
            while accepted.len() < usize::try_from(BIDS_EACH).unwrap() {
                tries += 1;
                assert!(tries < 10_000, "worker {worker} makes no progress: {accepted:?}");
                // What it thinks the least bid is; by the time it is decided it may be too low.
                let state = ledger.state(&state.id).await.unwrap().unwrap();
                let least = state.minimum_next().unwrap();
                let key = format!("{worker}-{tries}");
                // Everybody bids once: the price rises with every accepted bid.
                let bidder = UserId::parse(&key).unwrap();
                let placed = PlaceBid { bidder, ..bid(&state, &key, least.minor()) };
                match ledger.bid(&state.id, placed).await {
                    Ok(placed) => accepted.push(placed.receipt.seq),
                    Err(LedgerError::Refused(Refusal::BidTooLow { .. })) => {}
                    Err(error) => panic!("worker {worker}: {error:?}"),
                }
            }
            accepted
        });
    }
    let mut numbers: Vec<u64> = workers.join_all().await.into_iter().flatten().collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=WORKERS * BIDS_EACH).collect::<Vec<_>>());
    let (mut price, log) = (None, bench.log().await);
    for (event, position) in log.iter().zip(1..) {
        assert_eq!((event.position, event.seq), (position, position - 1));
        if let EventKind::Bid(bid) = &event.kind {
            assert!(Some(bid.price) > price, "{event:?}");
            price = Some(bid.price);
        }
    }
    let state = bench.store.state(id).await.unwrap().unwrap();
    assert_eq!((state.seq, state.price), (WORKERS * BIDS_EACH, price));
}

#[tokio::test]
async fn a_full_mailbox_is_busy_at_once_and_what_was_taken_is_still_decided() {
    // A pause of Redis that lasts longer than anybody waits for it proves nothing.
    for _ in 0..TRIES {
        if fill_a_mailbox().await < REDIS_RESPONSE_MAX / 2 {
            return;
        }
    }
    panic!("this machine never went on with Redis within {:?}", REDIS_RESPONSE_MAX / 2);
}

/// Fills a mailbox while Redis is frozen. Gives how long that was; unless it was long, all is well.
async fn fill_a_mailbox() -> Duration {
    let mut bench = Bench::start().await;
    let id = bench.state.id.clone();
    let ledger = bench.ledger(Bounds { mailbox_depth: 1, ..Bounds::default() }).await;
    let paused = Instant::now();
    bench.service.pause().unwrap();
    let asked = |key: &'static str, amount| {
        let (ledger, id, bid) = (ledger.clone(), id.clone(), bid(&bench.state, key, amount));
        async move { ledger.bid(&id, bid).await }
    };
    let mut waiting = JoinSet::new();
    // One is with the sequencer, which waits for Redis; one is in the mailbox.
    waiting.spawn(asked("a", 100));
    until("the first bid is taken", async || ledger.inner.mailboxes.waiting(&id) == Some(0)).await;
    waiting.spawn(asked("b", 100_000));
    until("the second bid waits", async || ledger.inner.mailboxes.waiting(&id) == Some(1)).await;
    // At once: whoever waits for Redis is told that it timed out.
    assert_eq!(asked("c", 100_000).await, Err(LedgerError::Busy));
    bench.service.resume().unwrap();
    let paused = paused.elapsed();
    for answer in waiting.join_all().await {
        assert!(answer.is_ok() || paused >= REDIS_RESPONSE_MAX / 2, "{paused:?}: {answer:?}");
    }
    if paused >= REDIS_RESPONSE_MAX / 2 {
        return paused;
    }
    assert_eq!(bench.log().await.len(), 3, "the opening and two bids");
    assert!(asked("c", 500_000).await.is_ok(), "there is room again");
    paused
}

#[tokio::test]
async fn beyond_the_auctions_a_worker_can_hold_it_is_busy() {
    let bench = Bench::start().await;
    let ledger = bench.ledger(Bounds { active_auctions: 1, ..Bounds::default() }).await;
    ledger.bid(&bench.state.id, bid(&bench.state, "a", 100)).await.unwrap();
    let mut other = scheduled(0);
    other.id = AuctionId::parse("use1_01928e2c-7f3e-7abc-8def-0123456789ac").unwrap();
    assert_eq!(ledger.open(other, OpenCause::Seller).await, Err(LedgerError::Busy));
    ledger.bid(&bench.state.id, bid(&bench.state, "b", 900)).await.unwrap();
}

#[tokio::test]
async fn refusals_that_an_old_state_proves_cost_no_call_to_redis() {
    let bench = Bench::start().await;
    let (ledger, id) = (bench.ledger(Bounds::default()).await, &bench.state.id);
    for round in 1..=20_u64 {
        let high = bid(&bench.state, &format!("high-{round}"), 1_000 * round);
        ledger.bid(id, high.clone()).await.unwrap();
        let (before, since) = (bench.commands().await, Instant::now());
        // The slower the machine, the fewer fit in.
        for n in 0..(100 >> (round / 3)) {
            let low = bid(&bench.state, &format!("{round}-{n}"), 100);
            let refused = ledger.bid(id, low).await;
            assert!(matches!(refused, Err(LedgerError::Refused(Refusal::BidTooLow { .. }))));
            // A repeat of what was accepted is answered from memory, too, and as it was.
            assert!(ledger.bid(id, high.clone()).await.unwrap().repeated);
        }
        let took = since.elapsed();
        let after = bench.commands().await;
        // Past the age of the cache and of the clock both are read again, as they should be.
        if took < CACHE_AGE_MAX / 2 {
            assert_eq!(before, after, "{} calls in round {round}", after - before);
            return;
        }
    }
    panic!("this machine never answered two bids within {:?}", CACHE_AGE_MAX / 2);
}

#[tokio::test]
async fn a_worker_with_a_wrong_clock_decides_again_by_the_time_of_redis() {
    let bench = Bench::start().await;
    let (ledger, id) = (bench.ledger(Bounds::default()).await, &bench.state.id);
    let shard = bench.store.shard(id);
    for (key, amount, ahead_ms) in [("slow", 100, -400_000_i64), ("fast", 900, 20_000)] {
        let now = time(&bench.store).await;
        let wrong = now.as_ms().saturating_add(ahead_ms);
        ledger.inner.clock.note(shard, Timestamp::from_ms(wrong));
        ledger.bid(id, bid(&bench.state, key, amount)).await.unwrap();
        let placed_at = bench.log().await.pop().unwrap().at;
        let after = time(&bench.store).await.plus_ms(SKEW_MS_MAX);
        assert!(placed_at.plus_ms(SKEW_MS_MAX) >= now, "{key}: decided at {placed_at}, not {now}");
        assert!(placed_at <= after, "{key}: decided at {placed_at}, not {after}");
    }
}

#[tokio::test]
async fn an_idle_auction_leaves_nothing_in_memory_and_the_next_bid_starts_it_again() {
    let bench = Bench::start().await;
    let bounds = Bounds { idle: Duration::from_millis(50), ..Bounds::default() };
    let (ledger, id) = (bench.ledger(bounds).await, &bench.state.id);
    for (key, amount, seq) in [("a", 100, 1), ("b", 900, 2)] {
        let placed = ledger.bid(id, bid(&bench.state, key, amount)).await.unwrap();
        assert_eq!(placed.receipt.seq, seq);
        until("it is forgotten", async || {
            ledger.inner.mailboxes.active() == 0 && ledger.inner.wakes.relayed.followed() == 0
        })
        .await;
    }
    let again = ledger.bid(id, bid(&bench.state, "a", 100)).await.unwrap();
    assert!(again.repeated, "what was forgotten is read back");
}

#[tokio::test]
async fn an_extension_between_reading_the_time_and_the_state_is_seen() {
    let mut missed = Vec::new();
    for _ in 0..TRIES {
        match extend_between().await {
            Ok(()) => return,
            Err(why) => missed.push(why),
        }
    }
    panic!("nobody was ever held back just then: {missed:#?}");
}

/// Extends an auction between two questions of a worker. Says so when the first end was over before, or
/// the worker was held back for longer than it waits for Redis.
async fn extend_between() -> Result<(), String> {
    let mut bench = Bench::start().await;
    let mut state = scheduled(0);
    state.id = AuctionId::parse("use1_01928e2c-7f3e-7abc-8def-0123456789ad").unwrap();
    state.terms.duration_ms = 1_500;
    state.terms.soft_close =
        SoftClose { window_ms: 5_000, extension_ms: 20_000, max_extensions: 5 };
    bench.state = state.clone();
    let direct = bench.ledger(Bounds::default()).await;
    let opened = direct.open(state.clone(), OpenCause::Seller).await.unwrap();
    let end = opened.ends_at().unwrap();

    // A worker whose second question to Redis is held back until the auction has been extended, and
    // the first end is over.
    let network = SlowNetwork::start(&bench.service).await;
    let slow = ledger_at(&network.url, Bounds::default()).await;
    network.hold_second_question();
    let (id, late) = (state.id.clone(), bid(&state, "late", 90_000));
    let mut bidding = JoinSet::new();
    bidding.spawn(async move { slow.bid(&id, late).await });
    network.held.notified().await;
    let asked = network.asked.lock().unwrap().clone();
    let held = Instant::now();
    let extending = direct.bid(&state.id, bid(&state, "in-time", 100)).await;
    let extending = extending.map_err(|error| format!("not in time: {error:?}"))?;
    if !extending.receipt.extended {
        return Err(format!("held back before the end: {asked:?}"));
    }
    until("the first end is over", async || time(&bench.store).await > end).await;
    network.release.notify_one();
    if held.elapsed() >= REDIS_RESPONSE_MAX {
        return Err(format!("held back for {:?}", held.elapsed()));
    }
    let placed = bidding.join_next().await.unwrap().unwrap();
    let placed = placed.unwrap_or_else(|error| panic!("the auction is open: {error:?}, {asked:?}"));
    assert_eq!((placed.receipt.seq, placed.receipt.status), (2, BidStatus::Leading));
    assert_eq!(placed.receipt.amount, Amount::new(90_000).unwrap());
    Ok(())
}

#[tokio::test]
async fn a_bid_whose_bidder_was_told_that_time_ran_out_is_never_accepted_afterwards() {
    let bench = Bench::start().await;
    let network = SlowNetwork::start(&bench.service).await;
    let (slow, direct) =
        (ledger_at(&network.url, Bounds::default()).await, bench.ledger(Bounds::default()).await);
    let (id, late) = (&bench.state.id, bid(&bench.state, "late", 100));
    network.delay_answers(Duration::from_millis(1_100));
    let since = Instant::now();
    assert_eq!(slow.bid(id, late.clone()).await, Err(LedgerError::TimedOut));
    assert_eq!(direct.accepted(&late.bid_id).await, Ok(None), "the bidder looks it up");
    // Redis recovers after six seconds. Whatever still waits is served before the next bid.
    tokio::time::sleep(Duration::from_secs(6).saturating_sub(since.elapsed())).await;
    network.delay_answers(Duration::ZERO);
    until("the next bid is decided", async || {
        matches!(
            slow.bid(id, bid(&bench.state, "next", 90_000)).await,
            Ok(_) | Err(LedgerError::IdempotencyConflict)
        )
    })
    .await;
    assert_eq!(direct.accepted(&late.bid_id).await, Ok(None), "what was said stays true");
}

#[tokio::test]
async fn a_bid_that_was_settled_before_it_came_is_not_decided_any_more() {
    let bench = Bench::start().await;
    let (ledger, id) = (bench.ledger(Bounds::default()).await, &bench.state.id);
    let now = time(&bench.store).await.as_ms();
    for (key, age_ms, accepted) in [("late", 15_000, false), ("old", 10_000, true)] {
        let arrived_at = Some(Timestamp::from_ms(now - age_ms));
        let bid = PlaceBid { arrived_at, ..bid(&bench.state, key, 100) };
        let answer = ledger.bid(id, bid.clone()).await;
        assert_eq!(answer.is_ok(), accepted, "{key}: {answer:?}");
        assert!(accepted || answer == Err(LedgerError::TimedOut), "{key}: {answer:?}");
        assert_eq!(ledger.accepted(&bid.bid_id).await.unwrap().is_some(), accepted, "{key}");
    }
}

#[tokio::test]
async fn a_bid_that_counts_but_is_not_in_the_queue_is_unconfirmed_and_told_its_number() {
    let bench = Bench::start().await;
    // Nobody relays here.
    let ledger = Ledger::new(&bench.redis, Wakes::new(&bench.redis), Level::Queue);
    let unconfirmed = Err(LedgerError::Unconfirmed { seq: 1 });
    let bid = bid(&bench.state, "a", 100);
    assert_eq!(ledger.bid(&bench.state.id, bid.clone()).await, unconfirmed);
    let (event, level) = ledger.accepted(&bid.bid_id).await.unwrap().unwrap();
    assert_eq!((event.seq, level), (1, Level::Memory));
}

#[tokio::test]
async fn a_redis_that_gets_everything_too_late_is_tried_twice_and_the_cache_is_kept() {
    let bench = Bench::start().await;
    let network = SlowNetwork::start(&bench.service).await;
    let (slow, id) = (ledger_at(&network.url, Bounds::default()).await, &bench.state.id);
    slow.bid(id, bid(&bench.state, "a", 100)).await.unwrap();
    let loaded = bench.calls("hgetall").await;
    // Until what it knows of Redis's clock is too old, and so is asked for by the slow way.
    tokio::time::sleep(CLOCK_AGE_MAX).await;
    network.delay_answers(Duration::from_millis(SKEW_MS_MAX + 20));
    assert_eq!(slow.bid(id, bid(&bench.state, "b", 300)).await, Err(LedgerError::Busy));
    network.delay_answers(Duration::ZERO);
    slow.bid(id, bid(&bench.state, "c", 500)).await.unwrap();
    assert_eq!(bench.calls("hgetall").await, loaded, "nothing is loaded again");
    assert_eq!(bench.log().await.len(), 3, "the opening and two bids");
}

#[tokio::test]
async fn a_new_epoch_in_the_log_is_loaded_and_nobody_is_told_to_come_again() {
    let bench = Bench::start().await;
    let (ledger, id) = (bench.ledger(Bounds::default()).await, &bench.state.id);
    ledger.bid(id, bid(&bench.state, "a", 100)).await.unwrap();
    // Somebody else begins an epoch, in which another bid is accepted.
    let mut other = bench.store.state(id).await.unwrap().unwrap();
    other.epoch += 1;
    let (position, command) = (other.position, Command::Bid(bid(&other, "b", 300)));
    let now = time(&bench.store).await;
    let draft = draft(&other, &HashMap::new(), [&command], now);
    assert_eq!(bench.store.commit(position, &draft, now).await.unwrap().0, Committed::Ok);
    let placed = ledger.bid(id, bid(&other, "c", 500)).await.unwrap();
    assert_eq!((placed.receipt.seq, bench.log().await.pop().unwrap().epoch), (3, other.epoch));
}

/// A way to Redis that can hold back what a worker asks, and what it is answered.
struct SlowNetwork {
    url: String,
    /// How much later than it comes an answer is passed on.
    delay: Arc<StdMutex<Duration>>,
    /// Whether to hold the second question back, and the questions so far.
    asked: Arc<StdMutex<Vec<String>>>,
    armed: Arc<StdMutex<bool>>,
    held: Arc<Notify>,
    release: Arc<Notify>,
    _carrying: JoinSet<()>,
}

impl SlowNetwork {
    async fn start(redis: &Service) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}/", listener.local_addr().unwrap());
        let mut network = Self {
            url,
            delay: Arc::default(),
            asked: Arc::default(),
            armed: Arc::default(),
            held: Arc::default(),
            release: Arc::default(),
            _carrying: JoinSet::new(),
        };
        let (asked, armed) = (network.asked.clone(), network.armed.clone());
        let delay = network.delay.clone();
        let (held, release, address) =
            (network.held.clone(), network.release.clone(), redis.address());
        network._carrying.spawn(async move {
            loop {
                let (worker, _) = listener.accept().await.unwrap();
                let (mut questions, mut to_worker) = worker.into_split();
                let (mut answers, mut to_redis) =
                    TcpStream::connect(address).await.unwrap().into_split();
                let (passing, mut passed) = tokio::sync::mpsc::channel(1_000);
                let take = async {
                    while let Some(answer) = next(&mut answers).await {
                        let due = tokio::time::Instant::now() + *delay.lock().unwrap();
                        passing.send((due, answer)).await.unwrap();
                    }
                };
                let back = async {
                    while let Some((due, answer)) = passed.recv().await {
                        tokio::time::sleep_until(due).await;
                        to_worker.write_all(&answer).await.unwrap();
                    }
                };
                let forth = async {
                    while let Some(question) = next(&mut questions).await {
                        if *armed.lock().unwrap() {
                            let count = {
                                let mut asked = asked.lock().unwrap();
                                asked.push(String::from_utf8_lossy(&question).into_owned());
                                asked.len()
                            };
                            if count == 2 {
                                held.notify_one();
                                release.notified().await;
                            }
                        }
                        to_redis.write_all(&question).await.unwrap();
                    }
                };
                let _ended = futures::join!(take, back, forth);
            }
        });
        network
    }

    fn delay_answers(&self, by: Duration) {
        *self.delay.lock().unwrap() = by;
    }

    fn hold_second_question(&self) {
        *self.armed.lock().unwrap() = true;
    }
}

async fn next(questions: &mut tcp::OwnedReadHalf) -> Option<Vec<u8>> {
    let mut chunk = vec![0; 65_536];
    let bytes = questions.read(&mut chunk).await.ok().filter(|bytes| *bytes > 0)?;
    chunk.truncate(bytes);
    Some(chunk)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_timers_exactly_one_closes_and_nothing_follows() {
    let bench = Bench::start().await;
    let id = bench.state.id.clone();
    let (first, second) =
        (bench.ledger(Bounds::default()).await, bench.ledger(Bounds::default()).await);
    let hammer = Command::Close(CloseCause::Hammer);
    let closings = (0..8).map(|n| {
        let ledger = if n % 2 == 0 { &first } else { &second };
        ledger.drive(&id, hammer.clone())
    });
    let states = futures::future::try_join_all(closings).await.unwrap();
    assert!(states.iter().all(|state| *state == states[0]), "all are told the same end");
    assert_eq!(first.close_if_due(&id).await.unwrap().as_ref(), Some(&states[0]));
    let closed = |event: &&Event| matches!(event.kind, EventKind::Closed { .. });
    let log = bench.log().await;
    assert_eq!(log.iter().filter(closed).count(), 1, "{log:?}");
    assert!(log.last().as_ref().is_some_and(closed), "{log:?}");
}
