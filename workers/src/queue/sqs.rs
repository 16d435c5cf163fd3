//! The reading end of a queue (SQS, FIFO or standard). A batch call that succeeds can still have failed
//! for some entries: those are reported, never assumed.

use std::collections::HashSet;
use std::future::Future;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry,
    DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName,
};

use crate::limits::{MESSAGE_HIDDEN_S, RECEIVE_WAIT_S, SQS_BATCH_MESSAGES_MAX, SQS_CALL_MAX};

/// A queue that is read.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    client: Client,
    url: String,
}

/// A received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    /// What deletes it.
    pub(crate) receipt: String,
    /// What it says.
    pub(crate) body: String,
    /// Its group, on a FIFO queue; messages of one group come in order.
    pub(crate) group: Option<String>,
    /// How often it was received, this time included.
    pub(crate) receives: u32,
}

/// What the queue did not do, and why; for the log. The message will come again.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(super) struct QueueError {
    what: String,
    /// Which of the messages, by their place in the call, are no longer ours: somebody else has
    /// received them, or they are gone.
    pub(super) lost: HashSet<usize>,
}

impl From<String> for QueueError {
    fn from(what: String) -> Self {
        Self { what, lost: HashSet::new() }
    }
}

impl Queue {
    /// The queue at `url`.
    pub(crate) const fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    /// At most ten messages, after a wait of at most [`RECEIVE_WAIT_S`] for the first.
    pub(super) async fn receive(&self) -> Result<Vec<Received>, QueueError> {
        let batch = i32::try_from(SQS_BATCH_MESSAGES_MAX).unwrap_or(i32::MAX);
        let call = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(batch)
            .wait_time_seconds(RECEIVE_WAIT_S)
            .visibility_timeout(MESSAGE_HIDDEN_S)
            .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        let wait = Duration::from_secs(u64::from(RECEIVE_WAIT_S.unsigned_abs()));
        let reply = in_time(SQS_CALL_MAX + wait, call.send()).await?;
        Ok(reply.messages.unwrap_or_default().into_iter().map(Received::from).collect())
    }

    /// Deletes messages that are done.
    pub(super) async fn delete(&self, done: &[&Received]) -> Result<(), QueueError> {
        if done.is_empty() {
            return Ok(());
        }
        let mut call = self.client.delete_message_batch().queue_url(&self.url);
        for (index, message) in done.iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(&message.receipt)
                .build();
            call = call.entries(entry.map_err(|error| QueueError::from(error.to_string()))?);
        }
        failures(in_time(SQS_CALL_MAX, call.send()).await?.failed())
    }

    /// Hides messages from everybody for `seconds` from now on; 0 gives them back at once.
    pub(super) async fn hide(&self, held: &[&Received], seconds: i32) -> Result<(), QueueError> {
        if held.is_empty() {
            return Ok(());
        }
        let mut call = self.client.change_message_visibility_batch().queue_url(&self.url);
        for (index, message) in held.iter().enumerate() {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(&message.receipt)
                .visibility_timeout(seconds)
                .build();
            call = call.entries(entry.map_err(|error| QueueError::from(error.to_string()))?);
        }
        failures(in_time(SQS_CALL_MAX, call.send()).await?.failed())
    }
}

impl From<Message> for Received {
    fn from(message: Message) -> Self {
        let attribute = |name| message.attributes().and_then(|all| all.get(&name)).cloned();
        let receives = attribute(MessageSystemAttributeName::ApproximateReceiveCount);
        let group = attribute(MessageSystemAttributeName::MessageGroupId);
        Self {
            receives: receives.and_then(|count| count.parse().ok()).unwrap_or(1),
            group,
            receipt: message.receipt_handle.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
        }
    }
}

fn failures(failed: &[BatchResultErrorEntry]) -> Result<(), QueueError> {
    match failed.first() {
        None => Ok(()),
        Some(first) => Err(QueueError {
            what: format!(
                "{} entries failed, the first with {}: {}",
                failed.len(),
                first.code(),
                first.message().unwrap_or_default()
            ),
            // All that can be wrong with our entries is the receipt, and its error code differs
            // between kinds of queues.
            lost: failed
                .iter()
                .filter(|entry| entry.sender_fault())
                .filter_map(|entry| entry.id().parse().ok())
                .collect(),
        }),
    }
}

async fn in_time<T, E: std::error::Error + 'static>(
    longest: Duration,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, QueueError> {
    match tokio::time::timeout(longest, call).await {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(error)) => Err(DisplayErrorContext(&error).to_string().into()),
        Err(_elapsed) => Err(format!("no answer in {longest:?}").into()),
    }
}
