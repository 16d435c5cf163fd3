//! From the notification queue into rows: who is told what. Sends nothing.
//!
//! A message's rows are written in one transaction before it is deleted, and an auction's messages in
//! their order, so that everybody who bid is known when it closes.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::store::Notifications;
use crate::limits::{NOTES_WRITE_MAX, NOTIFY_CONSUMERS};
use crate::queue::{Handler, Job, Queue, Reader, Received, Verdict};
use crate::relay::EventBatch;

/// Reads the notification queue.
pub struct Consumer {
    reader: Reader<Notes>,
}

impl Consumer {
    /// A consumer of the queue at `url`.
    #[must_use]
    pub fn new(sqs: aws_sdk_sqs::Client, url: String, notifications: Notifications) -> Self {
        Self { reader: Reader::new(Queue::new(sqs, url), Notes(notifications), NOTIFY_CONSUMERS) }
    }

    /// Consumes until `stop`; then finishes what is at hand.
    pub async fn run(self, stop: CancellationToken) {
        self.reader.run(stop).await;
    }
}

struct Notes(Notifications);

impl Handler for Notes {
    type Said = EventBatch;
    const QUEUE: &'static str = "notifications";

    fn read(message: &Received) -> Option<EventBatch> {
        EventBatch::read(&message.body, Self::QUEUE)
    }

    async fn attempt(&self, jobs: &[Job<EventBatch>], pause: Duration) -> Vec<Verdict> {
        let since = Instant::now();
        let mut waiting_groups: HashSet<&str> = HashSet::new();
        let mut verdicts = Vec::with_capacity(jobs.len());
        for Job { message, said } in jobs {
            let group = message.group.as_deref();
            let waits = group.is_some_and(|group| waiting_groups.contains(group));
            let verdict = match said {
                None => Verdict::DeadLetter,
                Some(_) if waits || since.elapsed() > NOTES_WRITE_MAX => Verdict::RetryAfter(pause),
                Some(batch) => match self.0.record(&batch.events).await {
                    Ok(()) => Verdict::Done,
                    Err(error) => {
                        tracing::warn!(?error, "who is told what not written");
                        Verdict::RetryAfter(pause)
                    }
                },
            };
            if matches!(verdict, Verdict::RetryAfter(_)) {
                waiting_groups.extend(group);
            }
            verdicts.push(verdict);
        }
        verdicts
    }
}
