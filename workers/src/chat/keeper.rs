//! From the chat's queue into DynamoDB. Each message stands for itself: one that cannot be written
//! holds up none that was received with it. Its reader receives no others, though, until it is
//! written or given back to the queue after [`HOLD_MAX`](crate::limits::HOLD_MAX): what cannot be
//! written is nearly always an outage of DynamoDB, and then nothing can.

use std::time::Duration;

use aws_sdk_sqs::Client;
use futures::future::join_all;

use super::Archive;
use super::record::Record;
use crate::limits::CHAT_READERS;
use crate::queue::{Handler, Job, Queue, Reader, Received, Verdict};

/// Keeps what the queue says.
pub(crate) struct Keeper {
    archive: Archive,
}

/// A reader of the chat's queue at `url`.
pub(crate) fn keeper(sqs: Client, url: String, archive: Archive) -> Reader<Keeper> {
    Reader::new(Queue::new(sqs, url), Keeper { archive }, CHAT_READERS)
}

impl Handler for Keeper {
    type Said = Record;

    const QUEUE: &'static str = "chat";

    fn read(message: &Received) -> Option<Record> {
        let read = serde_json::from_str(&message.body);
        // The text is somebody's; it stays out of the log.
        let read = read.inspect_err(|error| tracing::error!(line = error.line(), "no chat record"));
        read.ok()
    }

    async fn attempt(&self, jobs: &[Job<Record>], pause: Duration) -> Vec<Verdict> {
        join_all(jobs.iter().map(async |job| {
            let Some(record) = &job.said else { return Verdict::DeadLetter };
            match self.archive.write(record).await {
                Ok(()) => Verdict::Done,
                Err(error) => {
                    tracing::warn!(?error, "chat message not kept");
                    Verdict::RetryAfter(pause)
                }
            }
        }))
        .await
    }
}
