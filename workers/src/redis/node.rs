//! One node of Redis: a multiplexed connection with time-outs, which reconnects by itself and never
//! repeats a command on its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use redis::aio::{ConnectionManager, ConnectionManagerConfig, PubSub};
use redis::{
    Client, Cmd, ConnectionInfo, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind,
    Value,
};
use tokio::time::timeout;

use super::error::timed_out;
use crate::limits::{REDIS_CALL_MAX, REDIS_CONNECT_MAX, REDIS_RESPONSE_MAX, RETRY_PAUSE_MAX};

/// A node. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Node {
    client: Client,
    current: Arc<Mutex<Current>>,
}

/// The connection in use.
struct Current {
    connection: ConnectionManager,
    made: Instant,
}

impl Node {
    /// A node that is connected to when it is first needed.
    pub(super) fn new(info: ConnectionInfo) -> RedisResult<Self> {
        let client = Client::open(info)?;
        let current = Current { connection: lazy(&client)?, made: Instant::now() };
        Ok(Self { client, current: Arc::new(Mutex::new(current)) })
    }

    /// Tells why it cannot be reached, if it cannot: a wrong password or certificate is more than the
    /// silence that calls notice while the connection is tried again and again.
    pub(super) async fn reached(&self) -> RedisResult<()> {
        let Err(error) = self.send_in_time(&redis::cmd("PING")).await else { return Ok(()) };
        let connecting = timeout(REDIS_CONNECT_MAX, self.client.get_multiplexed_async_connection());
        let connected = connecting.await.unwrap_or_else(|_elapsed| Err(timed_out()));
        Err(connected.err().unwrap_or(error))
    }

    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let mut connection = self.lock().connection.clone();
        let answer = connection.send_packed_command(command).await.and_then(Value::extract_error);
        answer.inspect_err(|error| self.renew_after(error))
    }

    /// Sends a command about a slot that is being moved to this node. One write carries both parts,
    /// so no other command of this connection comes in between.
    pub(super) async fn send_asking(&self, command: &Cmd) -> RedisResult<Value> {
        let mut both = Pipeline::new();
        both.cmd("ASKING").add_command(command.clone());
        let mut connection = self.lock().connection.clone();
        let answers = connection.send_packed_commands(&both, 0, 2).await?;
        answers.into_iter().next_back().unwrap_or(Value::Nil).extract_error()
    }

    /// Sends a command and waits no longer than a call may take.
    pub(super) async fn send_in_time(&self, command: &Cmd) -> RedisResult<Value> {
        let sending = timeout(REDIS_CALL_MAX, self.send(command));
        sending.await.unwrap_or_else(|_elapsed| Err(timed_out()))
    }

    /// A connection of its own for what is published.
    pub(super) async fn pubsub(&self) -> RedisResult<PubSub> {
        self.client.get_async_pubsub().await
    }

    /// Connects anew where the connection cannot mend itself: the manager gives up for good once it
    /// was refused entry, and it stays with a node that was made a replica, although the name may
    /// lead to another one by now.
    fn renew_after(&self, error: &RedisError) {
        use ServerErrorKind::{MasterDown, ReadOnly};
        let replaced = [MasterDown, ReadOnly].map(ErrorKind::Server);
        let kind = error.kind();
        if kind != ErrorKind::AuthenticationFailed && !replaced.contains(&kind) {
            return;
        }
        let mut current = self.lock();
        if current.made.elapsed() < RETRY_PAUSE_MAX {
            return;
        }
        if let Ok(connection) = lazy(&self.client) {
            tracing::warn!(?error, "connecting to redis anew");
            *current = Current { connection, made: Instant::now() };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        // It is replaced in one piece: a panic elsewhere cannot leave it half changed.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is made when it is first needed.
fn lazy(client: &Client) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(REDIS_CONNECT_MAX))
        .set_response_timeout(Some(REDIS_RESPONSE_MAX))
        .set_max_delay(RETRY_PAUSE_MAX);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}
