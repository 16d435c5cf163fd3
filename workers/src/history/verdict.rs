//! What becomes of each message of a batch. Pure.

use std::collections::HashSet;
use std::time::Duration;

use gavel_core::auction::EventKind;
use gavel_core::ids::BidId;

use super::queue::Received;
use crate::relay::EventBatch;

/// The only things a job can come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Everything in it is written: delete it.
    Done,
    /// Not now: try again after this long.
    RetryAfter(Duration),
    /// Never: leave it to the queue's dead-letter queue.
    DeadLetter,
}

/// A message and what it says; `None` when that cannot be read.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) message: Received,
    pub(super) batch: Option<EventBatch>,
}

impl Job {
    pub(super) fn read(message: Received) -> Self {
        let batch = serde_json::from_str(&message.body)
            .inspect_err(|error| tracing::error!(%error, "unreadable message on the bid queue"))
            .ok();
        Self { message, batch }
    }
}

/// A verdict for each job, in order, given the bids that are not written.
///
/// Once a message of a group has to wait, so do all later ones of that group, as the queue's order
/// wants. An unreadable one holds nobody up: it will never be handled, and messages that wait behind
/// it would be received as often as it is, and go to the dead-letter queue with it.
pub(super) fn judge<'a>(
    jobs: &'a [Job],
    unwritten: &HashSet<BidId>,
    pause: Duration,
) -> Vec<Verdict> {
    let mut waiting_groups: HashSet<&'a str> = HashSet::new();
    let verdict = |Job { message, batch }: &'a Job| {
        let Some(batch) = batch else { return Verdict::DeadLetter };
        let group = message.group.as_deref();
        let written = batch.events.iter().all(|event| match &event.kind {
            EventKind::Bid(bid) => !unwritten.contains(&bid.bid_id),
            _ => true,
        });
        if written && group.is_none_or(|group| !waiting_groups.contains(group)) {
            return Verdict::Done;
        }
        waiting_groups.extend(group);
        Verdict::RetryAfter(pause)
    };
    jobs.iter().map(verdict).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::bid_event;
    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);

    /// One bid a message: its number and its group.
    fn jobs(messages: &[(u64, Option<&str>)]) -> Vec<Job> {
        let job = |&(seq, group): &(u64, Option<&str>)| {
            let body = serde_json::to_string(&EventBatch { events: vec![bid_event(seq)] }).unwrap();
            let group = group.map(str::to_owned);
            Job::read(Received { receipt: seq.to_string(), body, group, receives: 1 })
        };
        messages.iter().map(job).collect()
    }

    fn bids(seqs: &[u64]) -> HashSet<BidId> {
        let id = |seq: &u64| match bid_event(*seq).kind {
            EventKind::Bid(bid) => bid.bid_id,
            other => panic!("not a bid: {other:?}"),
        };
        seqs.iter().map(id).collect()
    }

    const RETRY: Verdict = Verdict::RetryAfter(PAUSE);

    #[test]
    fn on_fifo_the_third_of_ten_and_the_later_ones_of_its_group_are_retried() {
        let messages: Vec<_> =
            (1..=10).map(|seq| (seq, Some(if seq % 2 == 1 { "odd" } else { "even" }))).collect();
        let verdicts = judge(&jobs(&messages), &bids(&[3]), PAUSE);
        for (index, verdict) in verdicts.into_iter().enumerate() {
            let seq = index + 1;
            let expected = if seq % 2 == 1 && seq >= 3 { RETRY } else { Verdict::Done };
            assert_eq!(verdict, expected, "message {seq}");
        }
    }

    #[test]
    fn on_a_standard_queue_only_the_third_is_retried() {
        let messages: Vec<_> = (1..=10).map(|seq| (seq, None)).collect();
        let verdicts = judge(&jobs(&messages), &bids(&[3]), PAUSE);
        let retried: Vec<usize> =
            (0..10).filter(|index| verdicts[*index] != Verdict::Done).collect();
        assert_eq!(retried, [2]);
    }

    #[test]
    fn an_unreadable_message_is_a_dead_letter_and_holds_nobody_up() {
        for body in ["", "{", "{}", r#"{"events":[{"kind":"bid"}]}"#, "null"] {
            let mut all = jobs(&[(1, Some("a")), (2, Some("a")), (3, Some("a"))]);
            all[1] = Job::read(Received { body: body.to_owned(), ..all[1].message.clone() });
            let verdicts = judge(&all, &HashSet::new(), PAUSE);
            assert_eq!(verdicts, [Verdict::Done, Verdict::DeadLetter, Verdict::Done], "{body}");
        }
    }

    #[test]
    fn a_message_is_done_when_all_of_its_bids_are_written() {
        let body = serde_json::to_string(&EventBatch { events: vec![bid_event(1), bid_event(2)] })
            .unwrap();
        let received = Received { receipt: String::new(), body, group: None, receives: 1 };
        let all = [Job::read(received)];
        assert_eq!(judge(&all, &bids(&[2]), PAUSE), [RETRY]);
        assert_eq!(judge(&all, &bids(&[7]), PAUSE), [Verdict::Done]);
    }
}
