//! The sending end of the chat's queue (SQS, standard: each message stands for itself).

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;

use super::ChatError;
use super::record::Record;

/// The queue. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    client: Client,
    url: String,
}

impl Outgoing {
    /// The queue at `url`. The client should have an operation time-out.
    pub(crate) const fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    /// Sends a record; once this is `Ok` it will be kept.
    pub(super) async fn send(&self, record: &Record) -> Result<(), ChatError> {
        let body = serde_json::to_string(record).expect("records are plain structs");
        let send = self.client.send_message().queue_url(&self.url).message_body(body).send().await;
        let unavailable = |error| ChatError::Unavailable(DisplayErrorContext(&error).to_string());
        send.map(drop).map_err(unavailable)
    }
}
