//! A FIFO queue with its dead-letter queue, with the attributes a deployment gives it.

use std::collections::HashMap;

use anyhow::{Context, Result};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Attribute;

use crate::limits;

pub(super) struct Queues {
    pub(super) url: String,
    pub(super) dead_letter_url: String,
}

/// Makes `<name>.fifo` and `<name>-dlq.fifo`; the dead-letter queue of a FIFO queue must be one too.
pub(super) async fn fifo_with_dead_letters(client: &Client, name: &str) -> Result<Queues> {
    let dead_letter_url = create(client, &format!("{name}-dlq.fifo"), fifo()).await?;
    let get = client.get_queue_attributes().queue_url(&dead_letter_url);
    let got = get.attribute_names(Attribute::QueueArn).send().await.context("a queue's ARN")?;
    let arn = got.attributes().and_then(|a| a.get(&Attribute::QueueArn));
    let redrive = serde_json::json!({
        "deadLetterTargetArn": arn.context("the dead-letter queue has no ARN")?,
        "maxReceiveCount": limits::QUEUE_RECEIVES_MAX,
    });
    let mut attributes = fifo();
    attributes.insert(Attribute::RedrivePolicy, redrive.to_string());
    let url = create(client, &format!("{name}.fifo"), attributes).await?;
    Ok(Queues { url, dead_letter_url })
}

/// High-throughput FIFO: both attributes are needed, any other value falls back without a word.
fn fifo() -> HashMap<Attribute, String> {
    HashMap::from([
        (Attribute::FifoQueue, "true".to_owned()),
        (Attribute::DeduplicationScope, "messageGroup".to_owned()),
        (Attribute::FifoThroughputLimit, "perMessageGroupId".to_owned()),
        (Attribute::MessageRetentionPeriod, limits::QUEUE_RETENTION_S.to_string()),
        (Attribute::VisibilityTimeout, limits::QUEUE_VISIBILITY_S.to_string()),
    ])
}

/// Creating a queue that exists with the same attributes answers its URL.
async fn create(
    client: &Client,
    name: &str,
    attributes: HashMap<Attribute, String>,
) -> Result<String> {
    let create = client.create_queue().queue_name(name).set_attributes(Some(attributes));
    let made = create.send().await.with_context(|| format!("making the queue {name}"))?;
    made.queue_url().map(str::to_owned).context("the new queue has no URL")
}
