//! Sending e-mail: the sender's identity, and the way that bounces and complaints come back
//! (configuration set → topic → queue).

use anyhow::{Context, Result};
use aws_sdk_sesv2::types::{EventDestinationDefinition, EventType, SnsDestination};

use super::sqs::{self, Kind};
use crate::aws::Clients;

/// The address messages come from. `example` is a name that nobody can own.
const FROM: &str = "auctions@gavel.example";

pub(super) struct Email {
    pub(super) from: String,
    pub(super) configuration_set: String,
    pub(super) feedback_queue_url: String,
}

/// Makes the identity, and a configuration set, a topic and a queue with this name.
pub(super) async fn sender(clients: &Clients, name: &str) -> Result<Email> {
    let Clients { sns, sqs, ses, .. } = clients;
    match ses.create_email_identity().email_identity(FROM).send().await {
        Err(e) if e.as_service_error().is_some_and(|e| e.is_already_exists_exception()) => {}
        made => drop(made.context("making the sender's identity")?),
    }
    let queues = sqs::with_dead_letters(sqs, name, Kind::Standard).await?;
    // Making a topic or a subscription that exists answers the one that is there.
    let topic = sns.create_topic().name(name).send().await.context("making the topic")?;
    let topic = topic.topic_arn().context("the new topic has no ARN")?;
    let subscribe = sns.subscribe().topic_arn(topic).protocol("sqs");
    let subscribe = subscribe.attributes("RawMessageDelivery", "true");
    let queue = sqs::arn(sqs, &queues.url).await?;
    subscribe.endpoint(queue).send().await.context("subscribing the queue to the topic")?;

    match ses.create_configuration_set().configuration_set_name(name).send().await {
        Err(e) if e.as_service_error().is_some_and(|e| e.is_already_exists_exception()) => {}
        made => drop(made.context("making the configuration set")?),
    }
    let destination = EventDestinationDefinition::builder()
        .enabled(true)
        .matching_event_types(EventType::Bounce)
        .matching_event_types(EventType::Complaint)
        .sns_destination(SnsDestination::builder().topic_arn(topic).build()?)
        .build();
    let create = ses.create_configuration_set_event_destination().configuration_set_name(name);
    let create = create.event_destination_name(name).event_destination(destination);
    match create.send().await {
        Err(e) if e.as_service_error().is_some_and(|e| e.is_already_exists_exception()) => {}
        made => drop(made.context("making the way back of bounces")?),
    }
    Ok(Email {
        from: FROM.to_owned(),
        configuration_set: name.to_owned(),
        feedback_queue_url: queues.url,
    })
}
