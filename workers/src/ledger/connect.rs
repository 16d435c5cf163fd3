//! Connecting to Redis: one multiplexed connection a worker, with time-outs, that reconnects by
//! itself and never repeats a command on its own.

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError};

use super::keys::Keys;
use super::store::Store;
use crate::limits::{REDIS_CONNECT_MAX, REDIS_RESPONSE_MAX, RETRY_PAUSE_MAX};

/// A connected Redis and the key layout on it.
#[derive(Clone)]
pub(crate) struct Redis {
    pub(crate) client: Client,
    pub(crate) connection: ConnectionManager,
    pub(crate) keys: Keys,
}

impl Redis {
    pub(super) fn store(&self) -> Store {
        Store::new(self.connection.clone(), self.keys)
    }
}

/// Connects, or tells why not.
pub(crate) async fn connect(url: &str, shards: u16) -> Result<Redis, RedisError> {
    let client = Client::open(url)?;
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(REDIS_CONNECT_MAX))
        .set_response_timeout(Some(REDIS_RESPONSE_MAX))
        .set_max_delay(RETRY_PAUSE_MAX);
    let connection = client.get_connection_manager_with_config(config).await?;
    Ok(Redis { client, connection, keys: Keys::new(shards) })
}
