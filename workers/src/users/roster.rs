//! Making profiles for those who are seen for the first time, without keeping them waiting.
//!
//! A request only looks into memory and, for somebody new, leaves a note for [`Greeter`]. Where there
//! is no room for the note, or the profile could not be made, the next request leaves another. No
//! request waits for PostgreSQL here, or fails because of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gavel_core::ids::UserId;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Users;
use super::seen::{Look, Seen, Standing};
use crate::limits::{GREETING_PAUSE, NEWCOMERS_BATCH_MAX, NEWCOMERS_WAITING_MAX};

/// Who was seen by this process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Roster {
    seen: Arc<Mutex<Seen>>,
    newcomers: mpsc::Sender<UserId>,
}

/// Makes the profiles.
pub struct Greeter {
    users: Users,
    roster: Roster,
    newcomers: mpsc::Receiver<UserId>,
}

impl Greeter {
    /// A greeter, and the roster that tells it of newcomers.
    #[must_use]
    pub fn new(users: Users) -> (Self, Roster) {
        let (sender, newcomers) = mpsc::channel(NEWCOMERS_WAITING_MAX);
        let seen = Arc::new(Mutex::new(Seen::new(Instant::now())));
        let roster = Roster { seen, newcomers: sender };
        (Self { users, roster: roster.clone(), newcomers }, roster)
    }

    /// Makes profiles until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        while let Some(Some(first)) = stop.run_until_cancelled(self.newcomers.recv()).await {
            let mut batch = vec![first];
            while let Some(next) =
                self.newcomers.try_recv().ok().filter(|_| batch.len() < NEWCOMERS_BATCH_MAX)
            {
                batch.push(next);
            }
            match self.users.see(&batch).await {
                Ok(standing) => {
                    let now = Instant::now();
                    let mut seen = self.roster.lock();
                    for (user, standing) in &standing {
                        seen.known(user, *standing, now);
                    }
                }
                Err(error) => {
                    metrics::counter!("gavel_users_greeting_failures_total").increment(1);
                    tracing::warn!(?error, users = batch.len(), "profiles not made");
                    stop.run_until_cancelled(tokio::time::sleep(GREETING_PAUSE)).await;
                }
            }
        }
    }
}

impl Roster {
    /// Notes that somebody was seen, and says how they stand, as far as is known here.
    #[must_use]
    pub fn greet(&self, user: &UserId) -> Option<Standing> {
        let now = Instant::now();
        let mut seen = self.lock();
        match seen.look(user, now) {
            Look::Known(standing) => return Some(standing),
            Look::Asked => {}
            Look::New => match self.newcomers.try_send(user.clone()) {
                Ok(()) => seen.asked(user, now),
                Err(_full) => {
                    metrics::counter!("gavel_users_greetings_dropped_total").increment(1);
                }
            },
        }
        None
    }

    /// Notes that somebody's profile was deleted.
    pub(crate) fn deleted(&self, user: &UserId) {
        self.lock().known(user, Standing::Deleted, Instant::now());
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // Each change is one insertion: a panic elsewhere cannot leave it half done.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
