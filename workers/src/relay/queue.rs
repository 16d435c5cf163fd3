//! Sending to a queue of events (SQS FIFO; group = auction).

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

use super::message::Message;

/// A queue of events.
#[derive(Clone)]
pub(crate) struct EventQueue {
    client: Client,
    url: String,
}

/// What became of a batch. A call that succeeds can still have failed for some entries.
pub(super) struct Sent {
    /// Indices of the messages the queue has.
    pub(super) accepted: Vec<usize>,
    /// Why it does not have the others.
    pub(super) failure: Option<Failure>,
}

/// Why the queue does not have a message; texts are for the log.
pub(super) enum Failure {
    /// The call failed, whichever message was in it.
    Call(String),
    /// The queue refused some messages, the first of them for this reason.
    Messages(String),
}

impl EventQueue {
    pub(crate) const fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    /// Sends at most ten messages in one call.
    pub(super) async fn send(&self, messages: &[Message]) -> Sent {
        let entry = |(index, message): (usize, &Message)| {
            SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_group_id(message.auction.as_str())
                .message_deduplication_id(message.deduplication_id())
                .message_body(&message.body)
                .build()
        };
        let entries: Result<Vec<_>, _> = messages.iter().enumerate().map(entry).collect();
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                let failure = Some(Failure::Call(error.to_string()));
                return Sent { accepted: Vec::new(), failure };
            }
        };
        let call = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
        match call.send().await {
            Ok(reply) => Sent {
                accepted: reply.successful().iter().filter_map(|ok| ok.id().parse().ok()).collect(),
                failure: reply.failed().first().map(|failed| {
                    let why = failed.message().unwrap_or_default();
                    Failure::Messages(format!("{}: {why}", failed.code()))
                }),
            },
            Err(error) => Sent {
                accepted: Vec::new(),
                failure: Some(Failure::Call(DisplayErrorContext(&error).to_string())),
            },
        }
    }
}
