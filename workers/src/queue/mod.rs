//! Reading a queue: what every role that reads one has in common.
//!
//! A [`Reader`] receives, has a [`Handler`] handle, and deletes what is done, however the messages
//! come. What a message means is the handler's alone. Delivery is at least once, so handling a message
//! again must change nothing; a message is deleted only after its handler said [`Verdict::Done`].

mod reader;
mod sqs;
mod verdict;

use std::future::Future;
use std::time::Duration;

pub(crate) use self::reader::Reader;
pub(crate) use self::sqs::{Queue, Received};
pub(crate) use self::verdict::{Job, Verdict};

/// What is done with the messages of one queue.
pub(crate) trait Handler: Send + Sync + 'static {
    /// What a message says.
    type Said: Send + Sync;

    /// The queue in logs and metrics, such as `bids`.
    const QUEUE: &'static str;

    /// Reads a message; `None` when it can never be understood, which makes it a dead letter. The
    /// reason is the handler's to log.
    fn read(message: &Received) -> Option<Self::Said>;

    /// Handles what can be handled now: a verdict for each job, in order. `pause` is what
    /// [`Verdict::RetryAfter`] should say unless the handler knows better; it grows from try to try.
    ///
    /// Later messages of a group are held whenever an earlier one is, whatever is said of them. Where
    /// they must not even be handled before it, that is the handler's to see to.
    fn attempt(
        &self,
        jobs: &[Job<Self::Said>],
        pause: Duration,
    ) -> impl Future<Output = Vec<Verdict>> + Send;
}

/// Between half of `pause` and all of it, so that many who failed together do not return together.
pub(crate) fn jittered(pause: Duration) -> Duration {
    let most = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(fastrand::u64(most / 2..=most))
}
