//! The open loop: requests leave when they are due, whether or not earlier ones are answered, and a
//! delay counts from when its request was due. It finds out what a bidder waits.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt as _};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use serde::Serialize;
use tokio::io::unix::AsyncFd;

use crate::answers::Answers;
use crate::client::Connection;
use crate::limits::{OPENED_BEFORE, OUTSTANDING_MAX, PERCENTILE_999_SAMPLES_MIN};
use crate::scenario::Requests;

/// What one run gave.
#[derive(Debug, Default)]
pub struct Run {
    /// The answers, to the last.
    pub answers: Answers,
    /// From when a request was due to the end of its answer, in nanoseconds, in any order.
    pub delays_ns: Vec<u64>,
}

/// Sends `requests` to `address`, each when it is due after the beginning.
pub async fn run(address: SocketAddr, requests: &Requests<'_>, due: &[Duration]) -> Run {
    let mut run = Run::default();
    let mut idle: Vec<Connection> = Vec::with_capacity(OUTSTANDING_MAX);
    idle.extend((0..OUTSTANDING_MAX).map(|_| Connection::new(address)));
    for connection in idle.iter_mut().rev().take(OPENED_BEFORE) {
        let Some(request) = requests.next() else { break };
        connection.send(request).await.ok();
    }
    let mut timer = Timer::new();
    let mut waiting = VecDeque::new();
    let mut in_flight = FuturesUnordered::new();
    let (began, mut due) = (Instant::now(), due.iter().copied().peekable());
    while due.peek().is_some() || !in_flight.is_empty() {
        tokio::select! {
            biased;
            Some((connection, answer, delay_ns)) = in_flight.next() => {
                run.answers.note(&answer);
                run.delays_ns.push(delay_ns);
                idle.push(connection);
            }
            () = timer.wait(due.peek().map(|at| began + *at)), if due.peek().is_some() => {}
        }
        while let Some(at) = due.next_if(|at| began + *at <= Instant::now()) {
            waiting.push_back(began + at);
        }
        while !waiting.is_empty()
            && let Some(mut connection) = idle.pop()
            && let Some(at) = waiting.pop_front()
        {
            let Some(request) = requests.next() else { return run };
            in_flight.push(async move {
                let answer = connection.send(request).await;
                let delay_ns = u64::try_from(at.elapsed().as_nanos()).unwrap_or(u64::MAX);
                (connection, answer, delay_ns)
            });
        }
    }
    run
}

/// A timer of the kernel: the runtime's own has a resolution of a millisecond.
struct Timer(Option<AsyncFd<OwnedFd>>);

impl Timer {
    #[allow(deprecated, reason = "its successor is unsafe code; an `OwnedFd` stays what it is")]
    fn new() -> Self {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags).ok();
        Self(timer.and_then(|timer| AsyncFd::new(timer).ok()))
    }

    /// Returns at `at`, or a little later; at once where there is no such time.
    async fn wait(&mut self, at: Option<Instant>) {
        let left = at.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return;
        }
        let once = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            },
        };
        let armed = self.0.as_ref().is_some_and(|timer| {
            timerfd_settime(timer.get_ref(), TimerfdTimerFlags::empty(), &once).is_ok()
        });
        match &self.0 {
            Some(timer) if armed => {
                if let Ok(mut ready) = timer.readable().await {
                    // How often it went off, which is once.
                    let mut count = [0; 8];
                    rustix::io::read(timer.get_ref(), &mut count).ok();
                    ready.clear_ready();
                }
            }
            _ => tokio::time::sleep(left).await,
        }
    }
}

/// The delays of a run, in nanoseconds; none where there are too few for a figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// Half of them were no longer.
    pub p50_ns: Option<u64>,
    /// 99 of 100.
    pub p99_ns: Option<u64>,
    /// 999 of 1,000.
    pub p999_ns: Option<u64>,
}

impl Percentiles {
    /// Those of `delays_ns`.
    #[must_use]
    pub fn of(mut delays_ns: Vec<u64>) -> Self {
        delays_ns.sort_unstable();
        let count = delays_ns.len();
        let at = |per_mille: usize| {
            let rank = (count * per_mille).div_ceil(1_000);
            delays_ns.get(rank.saturating_sub(1)).copied()
        };
        let enough = |samples: usize| count >= samples;
        Self {
            p50_ns: at(500),
            p99_ns: at(990).filter(|_| enough(PERCENTILE_999_SAMPLES_MIN / 10)),
            p999_ns: at(999).filter(|_| enough(PERCENTILE_999_SAMPLES_MIN)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;

    use super::*;
    use crate::cores::Cores;
    use crate::scenario::Scenario;
    use crate::schedule::arrivals;
    use crate::tokens::Issuer;
    use crate::upstream::Upstream;

    #[test]
    fn percentiles_are_of_the_nearest_rank_and_missing_where_samples_are() {
        let of = |count: u64| Percentiles::of((1..=count).rev().collect());
        let all = Percentiles { p50_ns: Some(500), p99_ns: Some(990), p999_ns: Some(999) };
        assert_eq!(of(1_000), all);
        assert_eq!(of(100), Percentiles { p50_ns: Some(50), p99_ns: Some(99), p999_ns: None });
        assert_eq!(of(3), Percentiles { p50_ns: Some(2), p99_ns: None, p999_ns: None });
        assert_eq!(of(0), Percentiles { p50_ns: None, p99_ns: None, p999_ns: None });
    }

    #[test]
    fn every_request_leaves_and_none_before_it_is_due() {
        let issuer = Issuer::new().unwrap();
        let tokens = issuer.mint(2, 0).unwrap();
        let upstream = Upstream::start(Cores::choose().unwrap().load, &issuer.key_set()).unwrap();
        let due = arrivals(200, Duration::from_secs(1));
        let requests = Requests::new(Scenario::OneToken, &tokens, "127.0.0.1:1");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (run, took) = runtime.block_on(LocalSet::new().run_until(async {
            let began = Instant::now();
            let run = run(upstream.address(), &requests, &due).await;
            (run, began.elapsed())
        }));
        assert!(took >= *due.last().unwrap());
        assert_eq!(run.delays_ns.len(), due.len());
        assert_eq!(run.answers.with(201), due.len() as u64);
    }
}
