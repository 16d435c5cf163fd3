//! From the bid queue into the history: receive, write, delete what was written.
//!
//! A message whose bids cannot be written now stays in this consumer's hands, hidden from others,
//! and is tried again: an outage of DynamoDB costs a receive an hour, not a few in a minute, after
//! which the queue would give up on it. An unreadable message is given back at once each time, so that the queue's
//! redrive policy soon moves it to the dead-letter queue.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gavel_core::auction::Event;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::BidHistory;
use super::dynamo::jittered;
use super::queue::{Queue, QueueError, Received};
use super::verdict::{Job, Verdict, judge};
use crate::limits::{
    CONSUMERS, DEAD_LETTER_RECEIVES_MAX, HOLD_MAX, HOLD_PAUSE_MAX, HOLD_PAUSE_MIN, MESSAGE_HIDDEN_S,
};

/// Reads the bid queue into a history.
pub struct Consumer<H> {
    queue: Queue,
    history: Arc<H>,
}

impl<H: BidHistory + 'static> Consumer<H> {
    /// A consumer of the queue at `url`.
    #[must_use]
    pub fn new(sqs: aws_sdk_sqs::Client, url: String, history: H) -> Self {
        Self { queue: Queue::new(sqs, url), history: Arc::new(history) }
    }

    /// Consumes until `stop`; then finishes what is at hand, within
    /// [`DRAIN_MAX`](crate::limits::DRAIN_MAX).
    pub async fn run(self, stop: CancellationToken) {
        let mut consumers = JoinSet::new();
        for _ in 0..CONSUMERS {
            let (queue, history) = (self.queue.clone(), self.history.clone());
            let stop = stop.clone();
            consumers.spawn(async move { Worker { queue, history, stop }.run().await });
        }
        consumers.join_all().await;
    }
}

struct Worker<H> {
    queue: Queue,
    history: Arc<H>,
    stop: CancellationToken,
}

impl<H: BidHistory> Worker<H> {
    async fn run(&self) {
        let mut pause = HOLD_PAUSE_MIN;
        while !self.stop.is_cancelled() {
            // Not given up when told to stop: what it may bring would stay hidden from everybody.
            match self.queue.receive().await {
                Ok(received) => {
                    pause = HOLD_PAUSE_MIN;
                    self.settle(received).await;
                }
                Err(error) => {
                    note("bid queue not read", &error);
                    self.sleep(jittered(pause)).await;
                    pause = (pause * 2).min(HOLD_PAUSE_MAX);
                }
            }
        }
    }

    /// Sees every message to its end.
    async fn settle(&self, received: Vec<Received>) {
        let since = Instant::now();
        let mut jobs: Vec<Job> = received.into_iter().map(Job::read).collect();
        let mut pause = HOLD_PAUSE_MIN;
        while !jobs.is_empty() {
            let verdicts = self.attempt(&jobs, pause).await;
            jobs = self.carry_out(jobs, &verdicts).await;
            let Some(retry_after) = verdicts.iter().find_map(|verdict| match verdict {
                Verdict::RetryAfter(pause) => Some(*pause),
                Verdict::Done | Verdict::DeadLetter => None,
            }) else {
                return;
            };
            let held: Vec<&Received> = jobs.iter().map(|job| &job.message).collect();
            if self.stop.is_cancelled() || since.elapsed() > HOLD_MAX {
                let seconds = i32::try_from(retry_after.as_secs()).unwrap_or(MESSAGE_HIDDEN_S);
                self.hide(&held, seconds).await;
                return;
            }
            metrics::counter!("gavel_history_held_messages_total").increment(count(held.len()));
            let lost = self.hide(&held, MESSAGE_HIDDEN_S).await;
            // Whoever has them now writes them; to go on here would only use up receives.
            jobs = without(jobs, &lost);
            self.sleep(jittered(retry_after)).await;
            pause = (pause * 2).min(HOLD_PAUSE_MAX);
        }
    }

    async fn attempt(&self, jobs: &[Job], pause: Duration) -> Vec<Verdict> {
        let events: Vec<&Event> = jobs
            .iter()
            .filter_map(|job| job.batch.as_ref())
            .flat_map(|batch| &batch.events)
            .collect();
        let unwritten = self.history.record(&events).await;
        judge(jobs, &unwritten, pause)
    }

    /// Deletes what is done, gives back what is dead; keeps the rest.
    async fn carry_out(&self, jobs: Vec<Job>, verdicts: &[Verdict]) -> Vec<Job> {
        let with = |wanted: Verdict| {
            let judged = jobs.iter().zip(verdicts);
            judged.filter(move |(_, verdict)| **verdict == wanted).map(|(job, _)| &job.message)
        };
        let done: Vec<&Received> = with(Verdict::Done).collect();
        metrics::counter!("gavel_history_messages_total").increment(count(done.len()));
        if let Err(error) = self.queue.delete(&done).await {
            // They come again, and are written again, which changes nothing.
            note("written messages not deleted", &error);
        }
        let dead = with(Verdict::DeadLetter);
        let (fresh, stale): (Vec<_>, Vec<_>) =
            dead.partition(|message| message.receives < DEAD_LETTER_RECEIVES_MAX);
        metrics::counter!("gavel_history_dead_letters_total").increment(count(fresh.len()));
        self.hide(&fresh, 0).await;
        self.hide(&stale, MESSAGE_HIDDEN_S).await;
        jobs.into_iter()
            .zip(verdicts)
            .filter(|(_, verdict)| matches!(verdict, Verdict::RetryAfter(_)))
            .map(|(job, _)| job)
            .collect()
    }

    /// Gives the places of those that are no longer ours to hide.
    async fn hide(&self, messages: &[&Received], seconds: i32) -> HashSet<usize> {
        let hidden = self.queue.hide(messages, seconds).await;
        let noted = hidden.inspect_err(|error| {
            note("messages not kept hidden as long as wanted", error);
        });
        noted.err().map(|error| error.lost).unwrap_or_default()
    }

    async fn sleep(&self, pause: Duration) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Logs what the queue did not do. The messages concerned come again by themselves.
fn note(what: &'static str, error: &QueueError) {
    metrics::counter!("gavel_history_queue_failures_total").increment(1);
    tracing::warn!(%error, what, "bid queue in trouble");
}

/// The jobs without those at the places `lost`.
fn without(jobs: Vec<Job>, lost: &HashSet<usize>) -> Vec<Job> {
    let kept = jobs.into_iter().enumerate().filter(|(place, _)| !lost.contains(place));
    kept.map(|(_, job)| job).collect()
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
