//! Connecting to Redis: one multiplexed connection a worker, with time-outs, that reconnects by
//! itself and never repeats a command on its own.

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo, RedisError};

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
    // A host that vanishes without a word is noticed by its silence; the kernel's own patience is a
    // quarter of an hour.
    let tcp = TcpSettings::default().set_nodelay(true).set_user_timeout(REDIS_RESPONSE_MAX);
    let client = Client::open(url.into_connection_info()?.set_tcp_settings(tcp))?;
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(REDIS_CONNECT_MAX))
        .set_response_timeout(Some(REDIS_RESPONSE_MAX))
        .set_max_delay(RETRY_PAUSE_MAX);
    let connection = client.get_connection_manager_with_config(config).await?;
    Ok(Redis { client, connection, keys: Keys::new(shards) })
}
