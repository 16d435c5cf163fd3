//! One round at an outbox: read on, send at most one message for each of ten auctions, take out what the
//! queue has.
//!
//! What the queue refuses of one auction waits alone. What cannot be read is set aside, and nothing waits
//! for it.

use std::convert::Infallible;

use tokio::time::{Instant, sleep};

use super::entry::{Entry, EntryId};
use super::message::Message;
use super::outbox::{Lease, Outbox};
use super::queue::{EventQueue, Failure, Sent};
use super::waiting::Waiting;
use super::{failed, set_aside};
use crate::limits::{OUTBOX_ENTRIES_MAX, RELAY_RENEW_EVERY, SQS_BATCH_MESSAGES_MAX};

/// The relay of one outbox.
pub(super) struct Relay {
    pub(super) outbox: Outbox,
    queue: EventQueue,
    waiting: Waiting,
    /// Messages in one call. One after a call failed as a whole: the fault may be one message's.
    at_once: usize,
}

/// How a round went.
pub(super) enum Round {
    /// There may be more to do.
    More,
    /// There is nothing to send before this time.
    Idle { until: Option<Instant> },
    /// Another relay works on this shard.
    NotOurs,
}

/// Why a round failed. Always worth another try: the entries are still there.
#[derive(Debug, thiserror::Error)]
pub(super) enum RelayError {
    #[error("the outbox could not be read or trimmed")]
    Redis(#[from] redis::RedisError),
    #[error("the queue could not be sent {sent} messages: {reason}")]
    Queue { sent: usize, reason: String },
}

impl Relay {
    pub(super) fn new(outbox: Outbox, queue: EventQueue) -> Self {
        Self { outbox, queue, waiting: Waiting::default(), at_once: SQS_BATCH_MESSAGES_MAX }
    }

    pub(super) async fn round(&mut self) -> Result<Round, RelayError> {
        let turn = self.turn().await;
        if let Ok(Round::NotOurs) | Err(RelayError::Redis(_)) = &turn {
            // What is known to wait may be gone.
            self.waiting = Waiting::default();
        }
        turn
    }

    async fn turn(&mut self) -> Result<Round, RelayError> {
        match self.outbox.own().await? {
            Lease::Anothers => return Ok(Round::NotOurs),
            Lease::Taken => self.waiting = Waiting::default(),
            Lease::Kept => {}
        }
        let more = self.read().await?;
        let messages = self.waiting.messages(self.at_once, Instant::now());
        if messages.is_empty() {
            let idle = Round::Idle { until: self.waiting.next_try() };
            return Ok(if more { Round::More } else { idle });
        }
        let sent = tokio::select! {
            sent = self.queue.send(&messages) => sent,
            never = self.keep() => match never {},
        };
        self.settle(&messages, sent).await?;
        Ok(Round::More)
    }

    /// Reads on; tells whether there may be more to read.
    async fn read(&mut self) -> Result<bool, RelayError> {
        let mut more = false;
        if let Some(seen) = self.waiting.unread() {
            let (entries, last, full) = self.page(seen.next()).await?;
            if let Some(last) = last {
                self.waiting.read(entries, last);
            }
            more |= full;
        }
        if let Some((auction, from)) = self.waiting.emptied() {
            let (entries, last, full) = self.page(from).await?;
            self.waiting.read_on(&auction, entries, last.filter(|_| full));
            more |= self.waiting.emptied().is_some();
        }
        Ok(more)
    }

    /// What can be read of the entries from this one on, the last of them, and whether there may be more.
    async fn page(&self, from: EntryId) -> Result<(Vec<Entry>, Option<EntryId>, bool), RelayError> {
        let page = self.outbox.page(from).await?;
        let (full, last) = (page.len() >= OUTBOX_ENTRIES_MAX, page.last().map(|(id, _)| *id));
        let mut entries = Vec::with_capacity(page.len());
        for (id, fields) in page {
            match Entry::read(id, &fields) {
                Ok(entry) => entries.push(entry),
                Err(cause) => {
                    self.outbox.set_aside(id).await?;
                    let (shard, outlet) = (self.outbox.shard, self.outbox.outlet.name());
                    set_aside(self.outbox.outlet).increment(1);
                    tracing::error!(shard, outlet, %id, cause, "unreadable event set aside");
                }
            }
        }
        Ok((entries, last, full))
    }

    /// Takes out what the queue has, and has the others wait.
    async fn settle(&mut self, messages: &[Message], sent: Sent) -> Result<(), RelayError> {
        let answered = !matches!(sent.failure, Some(Failure::Call(_)));
        self.at_once = if answered { SQS_BATCH_MESSAGES_MAX } else { 1 };
        for (index, message) in messages.iter().enumerate() {
            if sent.accepted.contains(&index) {
                self.outbox.relayed(message).await?;
                self.waiting.sent(message);
                metrics::counter!("gavel_relay_messages_total").increment(1);
            } else if answered || messages.len() == 1 {
                self.waiting.refused(message, Instant::now());
            }
        }
        match sent.failure {
            None => {}
            Some(Failure::Call(reason)) => {
                return Err(RelayError::Queue { sent: messages.len(), reason });
            }
            Some(Failure::Messages(reason)) => {
                failed(self.outbox.outlet);
                let (shard, outlet) = (self.outbox.shard, self.outbox.outlet.name());
                tracing::warn!(shard, outlet, reason, "messages refused, trying these again");
            }
        }
        Ok(())
    }

    /// Keeps the lease for as long as the queue takes over a batch: else another relay would send it, too.
    async fn keep(&self) -> Infallible {
        loop {
            sleep(RELAY_RENEW_EVERY).await;
            if let Err(error) = self.outbox.own().await {
                tracing::warn!(shard = self.outbox.shard, ?error, "lease on an outbox not renewed");
            }
        }
    }
}
