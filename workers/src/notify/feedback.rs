//! What became of mail: SES's reports of bounces and complaints, by way of SNS and SQS. An address
//! that mail came back from for good, or whose owner complained, is never written to again.
//!
//! Reports name addresses; only the notification's id is taken from them.

use std::time::Duration;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::post::NOTIFICATION_TAG;
use super::store::Notifications;
use crate::queue::{Handler, Job, Queue, Reader, Received, Verdict};

/// Reads the queue of reports.
pub struct FeedbackConsumer {
    reader: Reader<Feedback>,
}

impl FeedbackConsumer {
    /// A consumer of the queue at `url`.
    #[must_use]
    pub fn new(sqs: aws_sdk_sqs::Client, url: String, notifications: Notifications) -> Self {
        Self { reader: Reader::new(Queue::new(sqs, url), Feedback(notifications), 1) }
    }

    /// Consumes until `stop`; then finishes what is at hand.
    pub async fn run(self, stop: CancellationToken) {
        self.reader.run(stop).await;
    }
}

struct Feedback(Notifications);

/// As SNS wraps a report, unless it is told to deliver it raw.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "Message")]
    message: String,
}

/// As much of a report as matters.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    #[serde(alias = "notificationType")]
    event_type: String,
    bounce: Option<Bounce>,
    mail: Mail,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    bounce_type: String,
}

#[derive(Deserialize)]
struct Mail {
    #[serde(default)]
    tags: std::collections::BTreeMap<String, Vec<String>>,
}

impl Report {
    /// Reads a report; none, when it is SNS's or SES's own greeting, which is a sentence.
    fn read(body: &str) -> Result<Option<Self>, serde_json::Error> {
        let Ok(Envelope { message }) = serde_json::from_str(body) else {
            return serde_json::from_str(body).map(Some);
        };
        match message.trim_start().starts_with('{') {
            true => serde_json::from_str(&message).map(Some),
            false => Ok(None),
        }
    }

    /// The notification whose reader's address is lost; `None` when it is not, or not of ours.
    fn lost(&self) -> Option<i64> {
        let for_good = match self.event_type.as_str() {
            "Bounce" => {
                self.bounce.as_ref().is_some_and(|bounce| bounce.bounce_type == "Permanent")
            }
            "Complaint" => true,
            _ => false,
        };
        let id = self.mail.tags.get(NOTIFICATION_TAG)?.first()?.parse().ok()?;
        for_good.then_some(id)
    }
}

impl Handler for Feedback {
    type Said = Option<i64>;
    const QUEUE: &'static str = "email feedback";

    fn read(message: &Received) -> Option<Option<i64>> {
        // The error of serde may quote an address, so only its place is logged.
        let read = Report::read(&message.body);
        let read = read.inspect_err(|error| {
            tracing::error!(line = error.line(), column = error.column(), "unreadable report");
        });
        read.ok().map(|report| report?.lost())
    }

    async fn attempt(&self, jobs: &[Job<Option<i64>>], pause: Duration) -> Vec<Verdict> {
        let mut verdicts = Vec::with_capacity(jobs.len());
        for job in jobs {
            verdicts.push(match job.said {
                None => Verdict::DeadLetter,
                Some(None) => Verdict::Done,
                Some(Some(notification)) => match self.0.bounced(notification).await {
                    Ok(()) => {
                        metrics::counter!("gavel_notify_bounces_total").increment(1);
                        Verdict::Done
                    }
                    Err(error) => {
                        tracing::warn!(notification, ?error, "lost address not noted");
                        Verdict::RetryAfter(pause)
                    }
                },
            });
        }
        verdicts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(kind: &str, bounce: &str, tag: &str) -> Option<i64> {
        let report = serde_json::json!({
            "eventType": kind,
            "bounce": { "bounceType": bounce, "bouncedRecipients": [{ "emailAddress": "a@b.c" }] },
            "mail": { "messageId": "m", "tags": { tag: ["42"], "ses:operation": ["SendEmail"] } },
        });
        let wrapped = serde_json::json!({ "Type": "Notification", "Message": report.to_string() });
        let raw = Report::read(&report.to_string()).unwrap().unwrap().lost();
        assert_eq!(Report::read(&wrapped.to_string()).unwrap().unwrap().lost(), raw);
        raw
    }

    #[test]
    fn only_what_is_for_good_loses_an_address() {
        assert_eq!(lost("Bounce", "Permanent", NOTIFICATION_TAG), Some(42));
        assert_eq!(lost("Complaint", "-", NOTIFICATION_TAG), Some(42));
        assert_eq!(lost("Bounce", "Transient", NOTIFICATION_TAG), None);
        assert_eq!(lost("Delivery", "Permanent", NOTIFICATION_TAG), None);
        assert_eq!(lost("Bounce", "Permanent", "somebody-else's"), None);
    }

    #[test]
    fn a_report_that_is_none_is_unreadable() {
        assert!(Report::read("{}").is_err());
        assert!(Report::read("{\"Message\": \"{}\"}").is_err());
    }

    #[test]
    fn a_greeting_of_sns_is_no_report_and_no_fault() {
        let greeting = "{\"Message\": \"Successfully validated SNS topic for event publishing.\"}";
        assert!(Report::read(greeting).unwrap().is_none());
    }
}
