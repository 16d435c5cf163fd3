//! One scenario against one peer: warm up, send, and set the processor time against the answers.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::closed::{self, Run};
use crate::cpu::{Memory, Used};
use crate::limits::{BUSY_PERCENT_MIN, OPEN_RATE_MIN, SETTLE, USERS, WARM_UP_MAX};
use crate::open::{self, Percentiles};
use crate::peers::Running;
use crate::process::used_between_ns;
use crate::scenario::{Requests, Scenario};
use crate::schedule;
use crate::tokens::Tokens;
use crate::upstream::Upstream;

/// What a bid cost in a closed loop.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// Which peer.
    pub peer: &'static str,
    /// Processor time for each answer, in nanoseconds.
    pub cpu_ns_per_bid: u64,
    /// Answers a second.
    pub bids_per_s: u64,
    /// How much of its core it used, in percent.
    pub busy_percent: u64,
    /// Processor time of the load and the upstream together for each answer, in nanoseconds.
    pub bench_ns_per_bid: u64,
    /// Answers by status.
    pub answers: BTreeMap<u16, u64>,
    /// What makes the figures doubtful; empty where nothing does.
    pub notes: Vec<String>,
}

/// Runs `scenario` against `running` for `length`.
///
/// # Errors
/// When the peer has gone.
pub async fn closed_loop(
    running: &Running,
    scenario: Scenario,
    tokens: &Tokens,
    upstream: &Upstream,
    length: Duration,
) -> Result<Measured> {
    let host = running.address.to_string();
    let warm_up = Requests::new(scenario.warm_up(), tokens, &host);
    closed::run(running.address, &warm_up, WARM_UP_MAX, USERS).await;
    tokio::time::sleep(SETTLE).await;

    let requests = Requests::new(scenario, tokens, &host);
    let own = Used::read(std::process::id())?;
    let (used, forwarded) = (running.process.used()?, upstream.bids());
    let run = closed::run(running.address, &requests, length, usize::MAX).await;
    tokio::time::sleep(SETTLE).await;
    let used_ns = used_between_ns(&used, &running.process.used()?);
    let own_ns = Used::read(std::process::id())?.since_ns(&own);
    let forwarded = upstream.bids() - forwarded;

    let took_ns = u64::try_from(run.took.as_nanos()).unwrap_or(u64::MAX).max(1);
    let count = run.answers.count();
    let busy_percent = used_ns.saturating_mul(100) / took_ns;
    Ok(Measured {
        peer: running.peer.title(),
        cpu_ns_per_bid: used_ns / count.max(1),
        bids_per_s: u64::try_from(u128::from(count) * 1_000_000_000 / u128::from(took_ns))?,
        busy_percent,
        bench_ns_per_bid: own_ns / count.max(1),
        answers: run.answers.by_status(),
        notes: notes(scenario, &run, forwarded, busy_percent),
    })
}

/// How long a bid took in an open loop at half the rate of the closed one.
#[derive(Debug, Clone, Serialize)]
pub struct Delayed {
    /// Which peer.
    pub peer: &'static str,
    /// Bids a second.
    pub rate_per_s: u64,
    /// Through the peer.
    pub through: Percentiles,
    /// The same requests at the same times to the upstream itself.
    pub direct: Percentiles,
    /// What makes the figures doubtful; empty where nothing does.
    pub notes: Vec<String>,
}

/// What a peer holds, with the high limits.
#[derive(Debug, Clone, Serialize)]
pub struct Rested {
    /// Which peer.
    pub peer: &'static str,
    /// From its start until it forwarded a bid, in milliseconds.
    pub ready_after_ms: u64,
    /// Its memory then.
    pub at_start: Memory,
    /// Its memory after all scenarios.
    pub at_end: Memory,
}

impl Rested {
    /// That of `running`, now.
    ///
    /// # Errors
    /// When it has gone.
    pub fn read(running: &Running) -> Result<Self> {
        Ok(Self {
            peer: running.peer.title(),
            ready_after_ms: u64::try_from(running.ready_after.as_millis())?,
            at_start: running.at_start,
            at_end: running.process.memory()?,
        })
    }
}

/// Sends bids to `running` for `length`, at half of what it reached in the closed loop.
pub async fn open_loop(
    running: &Running,
    scenario: Scenario,
    tokens: &Tokens,
    upstream: &Upstream,
    length: Duration,
    reached_per_s: u64,
) -> Delayed {
    let rate_per_s = (reached_per_s / 2).max(OPEN_RATE_MIN);
    let due = schedule::arrivals(rate_per_s, length);
    let host = running.address.to_string();
    let through = Requests::new(scenario, tokens, &host);
    let through = open::run(running.address, &through, &due).await;
    tokio::time::sleep(SETTLE).await;
    let direct = Requests::new(scenario, tokens, &host);
    let direct = open::run(upstream.address(), &direct, &due).await;
    let notes = through.answers.doubts(through.answers.with(scenario.status()));
    Delayed {
        peer: running.peer.title(),
        rate_per_s,
        through: Percentiles::of(through.delays_ns),
        direct: Percentiles::of(direct.delays_ns),
        notes,
    }
}

fn notes(scenario: Scenario, run: &Run, forwarded: u64, busy_percent: u64) -> Vec<String> {
    let mut notes = Vec::new();
    let answers = &run.answers;
    if busy_percent < BUSY_PERCENT_MIN {
        notes.push(format!("used {busy_percent} % of its core: not the limit"));
    }
    let accepted = answers.with(201);
    if accepted != forwarded {
        notes.push(format!("{accepted} × 201, but {forwarded} reached the upstream"));
    }
    let passes_first = scenario == Scenario::TooFast;
    let expected = answers.with(scenario.status()) + if passes_first { accepted } else { 0 };
    notes.extend(answers.doubts(expected));
    if run.reopened > 0 {
        notes.push(format!("{} connections opened again", run.reopened));
    }
    notes
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;
    use crate::answers::Answers;

    fn run(answers: &[Result<u16>]) -> Run {
        let counted = Answers::default();
        answers.iter().for_each(|answer| counted.note(answer));
        Run { answers: counted, took: Duration::from_secs(1), reopened: 0 }
    }

    #[test]
    fn a_run_as_expected_has_no_notes() {
        assert!(notes(Scenario::OneToken, &run(&[Ok(201), Ok(201)]), 2, 100).is_empty());
        assert!(notes(Scenario::TooFast, &run(&[Ok(201), Ok(429)]), 1, 95).is_empty());
        assert!(notes(Scenario::Forged, &run(&[Ok(401)]), 0, 95).is_empty());
    }

    #[test]
    fn what_makes_figures_doubtful_is_noted() {
        let noted = |scenario, answers: &[Result<u16>], forwarded, busy, words: &str| {
            let notes = notes(scenario, &run(answers), forwarded, busy).join("\n");
            assert!(notes.contains(words), "{notes}");
        };
        noted(Scenario::OneToken, &[Ok(201)], 1, 60, "used 60 % of its core");
        noted(Scenario::OneToken, &[Ok(201)], 2, 99, "2 reached the upstream");
        noted(Scenario::OneToken, &[Ok(201), Ok(503)], 1, 99, "503: 1");
        noted(Scenario::Forged, &[Ok(201)], 1, 99, "201: 1");
        noted(Scenario::OneToken, &[Err(anyhow!("closed"))], 0, 99, "1 without an answer (closed)");
    }
}
