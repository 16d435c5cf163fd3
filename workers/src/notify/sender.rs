//! Sends what is due: claims rows, finds each reader's address, fills in the words, sends, and notes
//! how it ended.
//!
//! A message is sent once, but for one gap that nobody can close from here: SES has no token for
//! repeats, so a worker that dies between SES's answer and its note leaves a message that is sent again
//! when the lease is over. An outage of the database costs only time: while what was sent cannot be
//! noted, nothing more is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gavel_core::ids::UserId;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::directory::Directory;
use super::links::Links;
use super::post::{NotSent, Post};
use super::store::{Claimed, End, Notifications};
use super::templates::{Subject, Templates};
use crate::catalog::{CatalogError, Cause};
use crate::limits::{
    CLAIMED_MAX, NOTIFY_NET, NOTIFY_TICK, NOTING_MAX, NOTING_PAUSE, RESEND_PAUSE_MAX,
    RESEND_PAUSE_MIN,
};
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
    /// How many messages were sent whose note has failed so far.
    unnoted: AtomicUsize,
}

/// Where a message goes.
enum Way {
    Email(String),
    Sms(String),
    Push(String),
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
        let parts = Arc::new(Parts {
            notifications,
            directory,
            post,
            templates,
            unnoted: AtomicUsize::new(0),
        });
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
                let woken = async {
                    tokio::time::sleep(NOTIFY_TICK).await;
                    self.parts.notifications.written().await;
                };
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(NOTIFY_NET) => {}
                    () = woken => {}
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
        let claimed = self.parts.notifications.claim(CLAIMED_MAX.min(self.rate_per_s)).await?;
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
                    if self.parts.unnoted.load(Ordering::Relaxed) > 0 {
                        // What is not sent now is anybody's when its lease is over.
                        break;
                    }
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
        match step {
            Step::End(end @ End::Sent(_)) => self.note_sent(message.id, &end).await,
            Step::End(end) => noted(self.notifications.settle(message.id, &end).await),
            Step::PutOff(pause) => noted(self.notifications.put_off(message.id, pause).await),
        }
    }

    /// Notes that a message was sent, again and again if need be: not noted, it would be sent twice.
    async fn note_sent(&self, id: i64, end: &End) {
        let since = Instant::now();
        let mut result = self.notifications.settle(id, end).await;
        if result.is_err() {
            self.unnoted.fetch_add(1, Ordering::Relaxed);
            while result.is_err() && since.elapsed() < NOTING_MAX {
                tokio::time::sleep(NOTING_PAUSE).await;
                result = self.notifications.settle(id, end).await;
            }
            self.unnoted.fetch_sub(1, Ordering::Relaxed);
        }
        noted(result);
    }

    async fn send(&self, claimed: &Claimed) -> Step {
        if claimed.deleted || claimed.channel == "none" {
            return Step::End(End::Skipped("not wanted"));
        }
        if claimed.over {
            return Step::End(End::Skipped("it is over"));
        }
        if claimed.stale {
            return Step::End(End::Failed("too old".to_owned()));
        }
        let (auction, user, kind) = match claimed.subject() {
            Ok(subject) => subject,
            Err(error) => return unusable(claimed, &error),
        };
        let currency = match claimed.currency() {
            Ok(currency) => currency,
            Err(error) => return unusable(claimed, &error),
        };
        let subject = Subject {
            kind,
            user: &user,
            auction: &auction,
            title: &claimed.title,
            currency,
            facts: &claimed.facts,
        };
        let message = match self.templates.message(&subject) {
            Ok(message) => message,
            Err(error) => return unusable(claimed, &error.into()),
        };
        let way = match self.way(claimed, &user).await {
            Ok(way) => way,
            Err(step) => return step,
        };
        let sent = match &way {
            Way::Push(endpoint) => self.post.push(endpoint, &message).await,
            Way::Sms(phone) => self.post.sms(phone, &message).await,
            Way::Email(address) => self.post.email(claimed.id, address, &message).await,
        };
        match sent {
            Ok(message_id) => Step::End(End::Sent(message_id)),
            Err(NotSent::DeviceLost) => self.without_device(claimed, &user).await,
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

    /// To be sent at once by another way, now that the device is lost.
    async fn without_device(&self, claimed: &Claimed, user: &UserId) -> Step {
        let device = claimed.push_endpoint_arn.as_deref().unwrap_or_default();
        match self.notifications.lost_device(user, device).await {
            Ok(()) => Step::PutOff(Duration::ZERO),
            Err(error) => {
                tracing::warn!(?error, "lost device not noted");
                Step::PutOff(pause(claimed.attempts))
            }
        }
    }

    /// Where it goes: as its reader wants it, or by e-mail when there is no such address.
    async fn way(&self, claimed: &Claimed, user: &UserId) -> Result<Way, Step> {
        if let ("push", Some(endpoint)) = (claimed.channel.as_str(), &claimed.push_endpoint_arn) {
            return Ok(Way::Push(endpoint.clone()));
        }
        let contact = self.directory.find(user).await.map_err(|cause| {
            tracing::warn!(notification = claimed.id, cause, "address not known, trying again");
            Step::PutOff(pause(claimed.attempts))
        })?;
        match (claimed.channel.as_str(), contact.phone, contact.email) {
            ("sms", Some(phone), _) => Ok(Way::Sms(phone)),
            _ if claimed.bounced => Err(Step::End(End::Skipped("mail came back"))),
            (_, _, Some(address)) => Ok(Way::Email(address)),
            _ => Err(Step::End(End::Skipped("no verified e-mail address"))),
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
