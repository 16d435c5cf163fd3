//! What becomes of each message of a batch. Pure.

use std::collections::HashSet;
use std::time::Duration;

use super::sqs::Received;

/// The only things a job can come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All that it asks for is done: delete it.
    Done,
    /// Not now: try again after this long.
    RetryAfter(Duration),
    /// Never: leave it to the queue's dead-letter queue.
    DeadLetter,
}

/// A message and what it says; `None` when that cannot be read.
#[derive(Debug)]
pub(crate) struct Job<T> {
    /// The message as received.
    pub(crate) message: Received,
    /// What it says.
    pub(crate) said: Option<T>,
}

/// The verdicts with the queue's order kept: once a message of a group has to wait, so do all later
/// ones of that group. A dead letter holds nobody up: it will never be handled, and messages that
/// wait behind it would be received as often as it is, and go to the dead-letter queue with it.
///
/// A job without a verdict has to wait; an unreadable one is a dead letter whatever its verdict.
pub(super) fn in_order<T>(
    jobs: &[Job<T>],
    verdicts: Vec<Verdict>,
    pause: Duration,
) -> Vec<Verdict> {
    let mut waiting_groups: HashSet<&str> = HashSet::new();
    let given = verdicts.into_iter().chain(std::iter::repeat(Verdict::RetryAfter(pause)));
    let mut kept = Vec::with_capacity(jobs.len());
    for (job, given) in jobs.iter().zip(given) {
        let group = job.message.group.as_deref();
        let waits = group.is_some_and(|group| waiting_groups.contains(group));
        let verdict = match given {
            _ if job.said.is_none() => Verdict::DeadLetter,
            Verdict::Done if waits => Verdict::RetryAfter(pause),
            given => given,
        };
        if matches!(verdict, Verdict::RetryAfter(_)) {
            waiting_groups.extend(group);
        }
        kept.push(verdict);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);
    const RETRY: Verdict = Verdict::RetryAfter(PAUSE);

    fn jobs(groups: &[Option<&str>]) -> Vec<Job<()>> {
        let job = |group: &Option<&str>| {
            let group = group.map(str::to_owned);
            let message =
                Received { receipt: String::new(), body: String::new(), group, receives: 1 };
            Job { message, said: Some(()) }
        };
        groups.iter().map(job).collect()
    }

    fn third_waits() -> Vec<Verdict> {
        (1..=10).map(|place| if place == 3 { RETRY } else { Verdict::Done }).collect()
    }

    #[test]
    fn on_fifo_the_third_of_ten_and_the_later_ones_of_its_group_are_retried() {
        let groups: Vec<_> =
            (1..=10).map(|place| Some(if place % 2 == 1 { "odd" } else { "even" })).collect();
        let verdicts = in_order(&jobs(&groups), third_waits(), PAUSE);
        for (index, verdict) in verdicts.into_iter().enumerate() {
            let place = index + 1;
            let expected = if place % 2 == 1 && place >= 3 { RETRY } else { Verdict::Done };
            assert_eq!(verdict, expected, "message {place}");
        }
    }

    #[test]
    fn on_a_standard_queue_only_the_third_is_retried() {
        let verdicts = in_order(&jobs(&[None; 10]), third_waits(), PAUSE);
        assert_eq!(verdicts, third_waits());
    }

    #[test]
    fn a_dead_letter_holds_nobody_up() {
        let mut all = jobs(&[Some("a"); 3]);
        let verdicts = vec![Verdict::Done, Verdict::DeadLetter, Verdict::Done];
        assert_eq!(in_order(&all, verdicts.clone(), PAUSE), verdicts);
        all[1].said = None;
        let unread = in_order(&all, vec![Verdict::Done, RETRY, Verdict::Done], PAUSE);
        assert_eq!(unread, verdicts);
    }

    #[test]
    fn a_job_that_nobody_judged_waits() {
        assert_eq!(in_order(&jobs(&[None; 2]), vec![Verdict::Done], PAUSE), [Verdict::Done, RETRY]);
    }
}
