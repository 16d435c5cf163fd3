//! Sends what is due: claims rows, finds each reader's address, fills in the words, sends, and notes
//! how it ended.
//!
//! A message is sent once, but for one gap that nobody can close from here: SES has no token for
//! repeats, so a worker that dies between SES's answer and its note leaves a message that is sent again
//! when the lease is over. An outage, in contrast, costs only time.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::directory::Directory;
use super::links::Links;
use super::post::{NotSent, Post};
use super::store::{Claimed, End, Notifications};
use super::templates::{Subject, Templates};
use crate::catalog::{CatalogError, Cause};
use crate::limits::{NOTIFY_TICK, RESEND_PAUSE_MAX, RESEND_PAUSE_MIN};
use crate::queue::jittered;

/// Sends notifications.
#[derive(Clone)]
pub struct Sender {
    parts: Arc<Parts>,
    rate_per_s: u32,
}

struct Parts {
    notifications: Notifications,
    directory: Directory,
    post: Post,
    templates: Templates,
}

/// What to do about a claimed message.
enum Step {
    End(End),
    PutOff(Duration),
}

impl Sender {
    /// A sender of at most `rate_per_s` messages a second. The error is a template that is not one.
    pub fn new(
        notifications: Notifications,
        directory: Directory,
        post: Post,
        links: Links,
        rate_per_s: u32,
    ) -> Result<Self, Cause> {
        let templates = Templates::new(links)?;
        let parts = Arc::new(Parts { notifications, directory, post, templates });
        Ok(Self { parts, rate_per_s: rate_per_s.max(1) })
    }

    /// Sends until `stop`; then lets what is on its way end, and gives the rest back.
    pub async fn run(self, stop: CancellationToken) {
        let mut pace = tokio::time::interval(Duration::from_secs(1) / self.rate_per_s);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !stop.is_cancelled() {
            let sent = self.round(&mut pace, &stop).await.unwrap_or_else(|error| {
                metrics::counter!("gavel_notify_failures_total").increment(1);
                tracing::warn!(?error, "what is due not known");
                0
            });
            if sent == 0 {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(NOTIFY_TICK) => {}
                }
            }
        }
    }

    /// Sends what is due now, at its pace; gives how many were claimed.
    async fn round(
        &self,
        pace: &mut Interval,
        stop: &CancellationToken,
    ) -> Result<usize, CatalogError> {
        let claimed = self.parts.notifications.claim().await?;
        let count = claimed.len();
        let mut sending = JoinSet::new();
        for message in claimed {
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    let back = self.parts.notifications.put_off(message.id, Duration::ZERO).await;
                    noted(back);
                }
                _ = pace.tick() => {
                    let parts = self.parts.clone();
                    sending.spawn(async move { parts.see_to(message).await });
                }
            }
        }
        while let Some(ended) = sending.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "sending a message panicked");
            }
        }
        Ok(count)
    }
}

impl Parts {
    async fn see_to(&self, message: Claimed) {
        let step = self.send(&message).await;
        let outcome = match &step {
            Step::End(End::Sent(_)) => "sent",
            Step::End(End::Skipped(_)) => "skipped",
            Step::End(End::Failed(_)) => "failed",
            Step::PutOff(_) => "put off",
        };
        metrics::counter!("gavel_notify_messages_total", "outcome" => outcome).increment(1);
        noted(match step {
            Step::End(end) => self.notifications.settle(message.id, &end).await,
            Step::PutOff(pause) => self.notifications.put_off(message.id, pause).await,
        });
    }

    async fn send(&self, claimed: &Claimed) -> Step {
        if claimed.deleted || claimed.channel == "none" {
            return Step::End(End::Skipped("not wanted"));
        }
        if claimed.stale {
            return Step::End(End::Failed("too old".to_owned()));
        }
        let (auction, user, kind) = match claimed.subject() {
            Ok(subject) => subject,
            Err(error) => return unusable(claimed, &error),
        };
        let subject = Subject {
            kind,
            user: &user,
            auction: &auction,
            title: &claimed.title,
            currency: &claimed.currency,
            facts: &claimed.facts,
        };
        let message = match self.templates.message(&subject) {
            Ok(message) => message,
            Err(error) => return unusable(claimed, &error.into()),
        };
        let sent = match claimed.channel.as_str() {
            "push" => match &claimed.push_endpoint_arn {
                Some(endpoint) => self.post.push(endpoint, &message).await,
                None => return Step::End(End::Skipped("no device")),
            },
            channel => match self.directory.find(&user).await {
                Err(cause) => Err(NotSent::Later(cause)),
                Ok(contact) if channel == "sms" => match contact.phone {
                    Some(phone) => self.post.sms(&phone, &message).await,
                    None => return Step::End(End::Skipped("no verified phone number")),
                },
                Ok(_) if claimed.bounced => return Step::End(End::Skipped("mail came back")),
                Ok(contact) => match contact.email {
                    Some(email) => self.post.email(claimed.id, &email, &message).await,
                    None => return Step::End(End::Skipped("no verified e-mail address")),
                },
            },
        };
        match sent {
            Ok(message_id) => Step::End(End::Sent(message_id)),
            Err(NotSent::Refused(cause)) => {
                tracing::warn!(notification = claimed.id, cause, "message refused for good");
                Step::End(End::Failed(cause))
            }
            Err(NotSent::Later(cause)) => {
                tracing::warn!(notification = claimed.id, cause, "message not sent, trying again");
                Step::PutOff(pause(claimed.attempts))
            }
        }
    }
}

fn unusable(claimed: &Claimed, error: &Cause) -> Step {
    tracing::error!(notification = claimed.id, %error, "a message cannot be written");
    Step::End(End::Failed("unusable".to_owned()))
}

/// How long to wait after this many tries.
fn pause(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(16);
    jittered((RESEND_PAUSE_MIN * 2_u32.pow(doublings)).min(RESEND_PAUSE_MAX))
}

/// What is not noted comes again when its lease is over.
fn noted(result: Result<(), CatalogError>) {
    if let Err(error) = result {
        metrics::counter!("gavel_notify_failures_total").increment(1);
        tracing::warn!(?error, "what became of a message not noted");
    }
}
