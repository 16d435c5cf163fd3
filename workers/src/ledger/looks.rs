//! Looking at all shards for auctions that wait for something, without letting a shard in trouble
//! hold up the others.
//!
//! Each shard is asked by a call of its own. One that takes long is left to go on while the others'
//! auctions are handed out; what it finds comes with a later look. No shard is asked twice at once.

use std::collections::HashSet;
use std::future::Future;

use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::LedgerError;
use super::keys::Shard;
use super::store::{StoreError, Waiting};
use crate::limits::LOOK_PATIENCE;

type Found = Result<Vec<Waiting>, StoreError>;

/// The looks that are under way.
#[derive(Default)]
pub(super) struct Looks {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    calls: JoinSet<(Shard, Found)>,
    asked: HashSet<Shard>,
}

impl Looks {
    /// What is found in `shards` by now. An error, when every answer so far is one.
    pub(super) async fn all<F: Future<Output = Found> + Send + 'static>(
        &self,
        shards: impl Iterator<Item = Shard>,
        look: impl Fn(Shard) -> F,
    ) -> Result<Vec<Waiting>, LedgerError> {
        let mut state = self.state.lock().await;
        let State { calls, asked } = &mut *state;
        for shard in shards.filter(|shard| asked.insert(*shard)).collect::<Vec<_>>() {
            let looking = look(shard);
            calls.spawn(async move { (shard, looking.await) });
        }
        let (mut auctions, mut answered, mut failure) = (Vec::new(), false, None);
        let patience = Instant::now() + LOOK_PATIENCE;
        while let Ok(Some(ended)) = timeout_at(patience, calls.join_next()).await {
            let Ok((shard, found)) = ended else {
                // A call that panicked does not tell its shard: all are asked again.
                calls.abort_all();
                asked.clear();
                continue;
            };
            asked.remove(&shard);
            match found {
                Ok(found) => {
                    answered = true;
                    auctions.extend(found);
                }
                Err(error) => {
                    tracing::warn!(shard, ?error, "a shard could not be looked at");
                    failure = Some(error);
                }
            }
        }
        match failure {
            Some(error) if !answered => Err(error.into()),
            _ => Ok(auctions),
        }
    }
}
