//! From the bid queue into the history: write what a message says, then let it be deleted.

use std::collections::HashSet;
use std::time::Duration;

use gavel_core::auction::{Event, EventKind};
use gavel_core::ids::BidId;
use tokio_util::sync::CancellationToken;

use super::BidHistory;
use crate::limits::CONSUMERS;
use crate::queue::{Handler, Job, Queue, Reader, Received, Verdict};
use crate::relay::EventBatch;

/// Reads the bid queue into a history.
pub struct Consumer<H> {
    reader: Reader<Writer<H>>,
}

impl<H: BidHistory + 'static> Consumer<H> {
    /// A consumer of the queue at `url`.
    #[must_use]
    pub fn new(sqs: aws_sdk_sqs::Client, url: String, history: H) -> Self {
        Self { reader: Reader::new(Queue::new(sqs, url), Writer(history), CONSUMERS) }
    }

    /// Consumes until `stop`; then finishes what is at hand, within
    /// [`DRAIN_MAX`](crate::limits::DRAIN_MAX).
    pub async fn run(self, stop: CancellationToken) {
        self.reader.run(stop).await;
    }
}

struct Writer<H>(H);

impl<H: BidHistory + 'static> Handler for Writer<H> {
    type Said = EventBatch;
    const QUEUE: &'static str = "bids";

    fn read(message: &Received) -> Option<EventBatch> {
        EventBatch::read(&message.body, Self::QUEUE)
    }

    async fn attempt(&self, jobs: &[Job<EventBatch>], pause: Duration) -> Vec<Verdict> {
        let batches = jobs.iter().filter_map(|job| job.said.as_ref());
        let events: Vec<&Event> = batches.flat_map(|batch| &batch.events).collect();
        let unwritten = self.0.record(&events).await;
        jobs.iter().map(|job| judge(job, &unwritten, pause)).collect()
    }
}

/// What becomes of a message, given the bids that are not written.
fn judge(job: &Job<EventBatch>, unwritten: &HashSet<BidId>, pause: Duration) -> Verdict {
    let Some(batch) = &job.said else { return Verdict::DeadLetter };
    let written = batch.events.iter().all(|event| match &event.kind {
        EventKind::Bid(bid) => !unwritten.contains(&bid.bid_id),
        _ => true,
    });
    if written { Verdict::Done } else { Verdict::RetryAfter(pause) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::bid_event;
    use super::*;

    fn received(body: String) -> Received {
        Received { receipt: String::new(), body, group: None, receives: 1 }
    }

    #[test]
    fn a_message_is_done_when_all_of_its_bids_are_written() {
        let batch = EventBatch { events: vec![bid_event(1), bid_event(2)] };
        let message = received(serde_json::to_string(&batch).unwrap());
        let said = Writer::<super::super::DynamoBidHistory>::read(&message);
        let (job, pause) = (Job { message, said }, Duration::from_secs(1));
        for (seq, expected) in [(2, Verdict::RetryAfter(pause)), (7, Verdict::Done)] {
            let EventKind::Bid(bid) = bid_event(seq).kind else { panic!("not a bid: {seq}") };
            assert_eq!(judge(&job, &HashSet::from([bid.bid_id]), pause), expected, "{seq}");
        }
    }

    #[test]
    fn an_unreadable_message_is_a_dead_letter() {
        for body in ["", "{", "{}", r#"{"events":[{"kind":"bid"}]}"#, "null"] {
            let message = received(body.to_owned());
            let said = Writer::<super::super::DynamoBidHistory>::read(&message);
            let verdict = judge(&Job { message, said }, &HashSet::new(), Duration::ZERO);
            assert_eq!(verdict, Verdict::DeadLetter, "{body}");
        }
    }
}
