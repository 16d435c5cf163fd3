//! From a queue to its handler: receive, attempt, delete what is done.
//!
//! A message that cannot be handled now stays in this reader's hands, hidden from others, and is tried
//! again: an outage of what the handler needs costs a receive an hour, not a few in a minute, after
//! which the queue would give up on it. A dead letter is given back at once each time, so that the
//! queue's redrive policy soon moves it to the dead-letter queue.
//!
//! While the queue is empty, one reader of a process waits at it and the others wait for that one: as
//! soon as it has received something, the next one asks. So a queue at rest costs one poll at a time, and
//! no message waits for a reader that is free.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::sqs::{Queue, QueueError, Received};
use super::verdict::{Job, Verdict, in_order};
use super::{Handler, jittered};
use crate::limits::{
    DEAD_LETTER_RECEIVES_MAX, HOLD_MAX, HOLD_PAUSE_MAX, HOLD_PAUSE_MIN, MESSAGE_HIDDEN_S,
};

/// Reads one queue for one handler.
pub(crate) struct Reader<H> {
    queue: Queue,
    handler: Arc<H>,
    workers: usize,
}

impl<H: Handler> Reader<H> {
    /// A reader with this many batches at hand at once. A group's messages go to one of them at a time.
    pub(crate) fn new(queue: Queue, handler: H, workers: usize) -> Self {
        Self { queue, handler: Arc::new(handler), workers }
    }

    /// Reads until `stop`; then finishes what is at hand, within
    /// [`DRAIN_MAX`](crate::limits::DRAIN_MAX) if one attempt takes no longer.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let (mut workers, idle) = (JoinSet::new(), Arc::new(Mutex::new(())));
        for _ in 0..self.workers {
            let (queue, handler) = (self.queue.clone(), self.handler.clone());
            let (idle, stop) = (idle.clone(), stop.clone());
            workers.spawn(async move { Worker { queue, handler, idle, stop }.run().await });
        }
        workers.join_all().await;
    }
}

struct Worker<H> {
    queue: Queue,
    handler: Arc<H>,
    /// Held by whoever waits at a queue that was empty.
    idle: Arc<Mutex<()>>,
    stop: CancellationToken,
}

impl<H: Handler> Worker<H> {
    async fn run(&self) {
        let (mut pause, mut empty) = (HOLD_PAUSE_MIN, true);
        while !self.stop.is_cancelled() {
            let waiting = match empty {
                true => self.stop.run_until_cancelled(self.idle.lock()).await,
                false => None,
            };
            if self.stop.is_cancelled() {
                return;
            }
            // Given up when told to stop, which cannot wait so long: what it would have brought comes again.
            let received = self.stop.run_until_cancelled(self.queue.receive()).await;
            drop(waiting);
            let Some(received) = received else { return };
            match received {
                Ok(received) => {
                    (pause, empty) = (HOLD_PAUSE_MIN, received.is_empty());
                    self.settle(received).await;
                }
                Err(error) => {
                    self.note("queue not read", &error);
                    self.sleep(jittered(pause)).await;
                    pause = (pause * 2).min(HOLD_PAUSE_MAX);
                }
            }
        }
    }

    /// Sees every message to its end.
    async fn settle(&self, received: Vec<Received>) {
        let since = Instant::now();
        let read = |message| Job { said: H::read(&message), message };
        let mut jobs: Vec<Job<H::Said>> = received.into_iter().map(read).collect();
        let mut pause = HOLD_PAUSE_MIN;
        while !jobs.is_empty() {
            let verdicts = self.handler.attempt(&jobs, pause).await;
            let verdicts = in_order(&jobs, verdicts, pause);
            let put_off =
                verdicts.iter().filter(|verdict| matches!(verdict, Verdict::RetryAfter(_)));
            failures::<H>(count(put_off.count()));
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
            metrics::counter!("gavel_queue_held_messages_total", "queue" => H::QUEUE)
                .increment(count(held.len()));
            let lost = self.hide(&held, MESSAGE_HIDDEN_S).await;
            // Whoever has them now handles them; to go on here would only use up receives.
            jobs = without(jobs, &lost);
            self.sleep(jittered(retry_after)).await;
            pause = (pause * 2).min(HOLD_PAUSE_MAX);
        }
    }

    /// Deletes what is done, gives back what is dead; keeps the rest.
    async fn carry_out(&self, jobs: Vec<Job<H::Said>>, verdicts: &[Verdict]) -> Vec<Job<H::Said>> {
        let with = |wanted: Verdict| {
            let judged = jobs.iter().zip(verdicts);
            judged.filter(move |(_, verdict)| **verdict == wanted).map(|(job, _)| &job.message)
        };
        let done: Vec<&Received> = with(Verdict::Done).collect();
        metrics::counter!("gavel_queue_messages_total", "queue" => H::QUEUE)
            .increment(count(done.len()));
        if let Err(error) = self.queue.delete(&done).await {
            // They come again, and are handled again, which changes nothing.
            self.note("messages that are done not deleted", &error);
        }
        let dead = with(Verdict::DeadLetter);
        let (fresh, stale): (Vec<_>, Vec<_>) =
            dead.partition(|message| message.receives < DEAD_LETTER_RECEIVES_MAX);
        metrics::counter!("gavel_queue_dead_letters_total", "queue" => H::QUEUE)
            .increment(count(fresh.len()));
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
            self.note("messages not kept hidden as long as wanted", error);
        });
        noted.err().map(|error| error.lost).unwrap_or_default()
    }

    /// Logs what the queue did not do. The messages concerned come again by themselves.
    fn note(&self, what: &'static str, error: &QueueError) {
        failures::<H>(1);
        tracing::warn!(%error, queue = H::QUEUE, what, "queue in trouble");
    }

    async fn sleep(&self, pause: Duration) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Counts calls of the queue that failed and messages that could not be handled now: what the alarm
/// about consumers goes by.
fn failures<H: Handler>(number: u64) {
    metrics::counter!("gavel_queue_failures_total", "queue" => H::QUEUE).increment(number);
}

/// The jobs without those at the places `lost`.
fn without<T>(jobs: Vec<Job<T>>, lost: &HashSet<usize>) -> Vec<Job<T>> {
    let kept = jobs.into_iter().enumerate().filter(|(place, _)| !lost.contains(place));
    kept.map(|(_, job)| job).collect()
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
