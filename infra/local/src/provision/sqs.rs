//! A queue with its dead-letter queue, with the attributes a deployment gives it.

use std::collections::HashMap;

use anyhow::{Context, Result};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Attribute;

use crate::limits;

pub(super) struct Queues {
    pub(super) url: String,
    pub(super) dead_letter_url: String,
}

/// Whether a queue keeps an order.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Within a group; its name ends in `.fifo`.
    Fifo,
    /// None.
    Standard,
}

/// Makes the queue `name` and `<name>-dlq`, both of `kind`: the dead-letter queue of a FIFO queue must
/// be one too.
pub(super) async fn with_dead_letters(client: &Client, name: &str, kind: Kind) -> Result<Queues> {
    let ending = match kind {
        Kind::Fifo => ".fifo",
        Kind::Standard => "",
    };
    let dead_letter_url = create(client, &format!("{name}-dlq{ending}"), attributes(kind)).await?;
    let redrive = serde_json::json!({
        "deadLetterTargetArn": arn(client, &dead_letter_url).await?,
        "maxReceiveCount": limits::QUEUE_RECEIVES_MAX,
    });
    let mut attributes = attributes(kind);
    attributes.insert(Attribute::RedrivePolicy, redrive.to_string());
    let url = create(client, &format!("{name}{ending}"), attributes).await?;
    Ok(Queues { url, dead_letter_url })
}

/// The ARN of a queue.
pub(super) async fn arn(client: &Client, url: &str) -> Result<String> {
    let get = client.get_queue_attributes().queue_url(url);
    let got = get.attribute_names(Attribute::QueueArn).send().await.context("a queue's ARN")?;
    let arn = got.attributes().and_then(|all| all.get(&Attribute::QueueArn));
    arn.cloned().context("the queue has no ARN")
}

fn attributes(kind: Kind) -> HashMap<Attribute, String> {
    let mut attributes = HashMap::from([
        (Attribute::MessageRetentionPeriod, limits::QUEUE_RETENTION_S.to_string()),
        (Attribute::VisibilityTimeout, limits::QUEUE_VISIBILITY_S.to_string()),
    ]);
    if matches!(kind, Kind::Fifo) {
        // High throughput takes both of the latter; any other value falls back without a word.
        attributes.extend([
            (Attribute::FifoQueue, "true".to_owned()),
            (Attribute::DeduplicationScope, "messageGroup".to_owned()),
            (Attribute::FifoThroughputLimit, "perMessageGroupId".to_owned()),
        ]);
    }
    attributes
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
