//! Configuration: embedded defaults, then a file, then the environment. Unknown settings are refused
//! and every fault is reported at once, before anything is opened.

mod reader;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use gavel_core::ids::RegionCode;
use gavel_core::wire::Level;
use secrecy::SecretString;

use self::reader::{Reader, settings};
use crate::limits::{EMAIL_RATE_MAX, SHARDS_MAX};
use crate::video::PlaybackKey;

/// Every setting with its default: also the documentation.
pub const DEFAULTS: &str = include_str!("config/defaults.toml");

/// What names a deployment.
const TAG_VALUE: &str = "1 to 64 letters, digits, dashes, dots or underscores";

/// A setting and the environment variable that overrides it.
const SETTINGS: [(&str, &str); 33] = [
    ("listen", "GAVEL_LISTEN"),
    ("region", "GAVEL_REGION"),
    ("acknowledge", "GAVEL_ACKNOWLEDGE"),
    ("shards", "GAVEL_SHARDS"),
    ("require_seller_group", "GAVEL_REQUIRE_SELLER_GROUP"),
    ("log_format", "GAVEL_LOG_FORMAT"),
    ("log_filter", "RUST_LOG"),
    ("postgres_connections", "GAVEL_POSTGRES_CONNECTIONS"),
    ("chat_interval_ms", "GAVEL_CHAT_INTERVAL_MS"),
    ("database_url", "DATABASE_URL"),
    ("redis_url", "REDIS_URL"),
    ("redis_cluster", "GAVEL_REDIS_CLUSTER"),
    ("redis_full_percent", "GAVEL_REDIS_FULL_PERCENT"),
    ("sqs_bid_queue_url", "SQS_BID_QUEUE_URL"),
    ("sqs_notification_queue_url", "SQS_NOTIFICATION_QUEUE_URL"),
    ("sqs_chat_queue_url", "SQS_CHAT_QUEUE_URL"),
    ("sqs_email_feedback_queue_url", "SQS_EMAIL_FEEDBACK_QUEUE_URL"),
    ("dynamodb_bids_table", "DYNAMODB_BIDS_TABLE"),
    ("dynamodb_chat_table", "DYNAMODB_CHAT_TABLE"),
    ("cognito_user_pool_id", "COGNITO_USER_POOL_ID"),
    ("public_url", "GAVEL_PUBLIC_URL"),
    ("email_from", "GAVEL_EMAIL_FROM"),
    ("email_configuration_set", "GAVEL_EMAIL_CONFIGURATION_SET"),
    ("email_rate_per_s", "GAVEL_EMAIL_RATE_PER_S"),
    ("link_key", "GAVEL_LINK_KEY"),
    ("link_key_previous", "GAVEL_LINK_KEY_PREVIOUS"),
    ("push_application_arn", "GAVEL_SNS_PUSH_APPLICATION_ARN"),
    ("deployment", "GAVEL_DEPLOYMENT"),
    ("video_pool", "GAVEL_VIDEO_POOL"),
    ("video_private_pool", "GAVEL_VIDEO_PRIVATE_POOL"),
    ("playback_key", "GAVEL_PLAYBACK_KEY"),
    ("edge_key", "GAVEL_EDGE_KEY"),
    ("edge_key_previous", "GAVEL_EDGE_KEY_PREVIOUS"),
];

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// A valid configuration. Its `Debug` shows no secret.
#[derive(Debug)]
#[allow(missing_docs, reason = "each setting is explained in defaults.toml")]
pub struct Config {
    pub listen: SocketAddr,
    pub region: RegionCode,
    pub acknowledge: Level,
    pub shards: u16,
    pub require_seller_group: bool,
    pub log_format: LogFormat,
    pub log_filter: String,
    pub postgres_connections: u32,
    pub chat_interval_ms: u32,
    pub database_url: SecretString,
    pub redis_url: SecretString,
    pub redis_cluster: bool,
    pub redis_full_percent: u64,
    pub sqs_bid_queue_url: String,
    pub sqs_notification_queue_url: String,
    pub sqs_chat_queue_url: String,
    pub sqs_email_feedback_queue_url: Option<String>,
    pub dynamodb_bids_table: String,
    pub dynamodb_chat_table: String,
    pub cognito_user_pool_id: String,
    pub public_url: String,
    pub email_from: String,
    pub email_configuration_set: Option<String>,
    pub email_rate_per_s: u32,
    pub link_key: SecretString,
    pub link_key_previous: Option<SecretString>,
    pub push_application_arn: Option<String>,
    pub deployment: String,
    pub video_pool: u32,
    pub video_private_pool: u32,
    pub playback_key: Option<SecretString>,
    pub edge_key: SecretString,
    pub edge_key_previous: Option<SecretString>,
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the configuration is not valid:\n  {}", .0.join("\n  "))]
pub struct InvalidConfig(pub Vec<String>);

impl Config {
    /// Reads a configuration. `file` is the text of the file, if any; `environment` looks a
    /// variable up.
    pub fn read(
        file: Option<&str>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, InvalidConfig> {
        let mut faults = Vec::new();
        let mut values = settings(DEFAULTS, "the defaults", &mut faults);
        if let Some(file) = file {
            values.extend(settings(file, "the file", &mut faults));
        }
        for (name, variable) in SETTINGS {
            if let Some(value) = environment(variable).filter(|value| !value.is_empty()) {
                values.insert(name.to_owned(), value);
            }
        }
        let mut reader = Reader { values, faults };
        let config = reader.config();
        match config {
            Some(config) if reader.faults.is_empty() => Ok(config),
            _ => Err(InvalidConfig(reader.faults)),
        }
    }
}

impl Reader {
    fn config(&mut self) -> Option<Config> {
        let listen = self.parsed("listen", "an address such as 127.0.0.1:8081");
        let region = self.checked("region", "2 to 8 lower-case letters and digits", |text| {
            RegionCode::parse(text).ok()
        });
        let acknowledge = self.checked("acknowledge", "`memory` or `queue`", |text| match text {
            "memory" => Some(Level::Memory),
            "queue" => Some(Level::Queue),
            _ => None,
        });
        let shards = self.checked("shards", "a number from 1 to 256", |text| {
            text.parse().ok().filter(|shards| (1..=SHARDS_MAX).contains(shards))
        });
        let require_seller_group = self.parsed("require_seller_group", "true or false");
        let log_format = self.checked("log_format", "`json` or `text`", |text| match text {
            "json" => Some(LogFormat::Json),
            "text" => Some(LogFormat::Text),
            _ => None,
        });
        let log_filter = self.parsed("log_filter", "a filter such as `info`");
        let postgres_connections =
            self.checked("postgres_connections", "a number from 1 to 1000", |text| {
                text.parse().ok().filter(|most| (1..=1_000).contains(most))
            });
        let chat_interval_ms =
            self.checked("chat_interval_ms", "a number from 1 to 3600000", |text| {
                text.parse().ok().filter(|interval| (1..=3_600_000).contains(interval))
            });
        let database_url = self.url("database_url", &["postgres://", "postgresql://"]);
        let redis_cluster = self.parsed("redis_cluster", "true or false");
        let redis_full_percent =
            self.checked("redis_full_percent", "a number from 1 to 99", |text| {
                text.parse().ok().filter(|percent| (1..=99).contains(percent))
            });
        let redis_url = self.redis_urls(redis_cluster.unwrap_or_default());
        let sqs_bid_queue_url = self.web_url("sqs_bid_queue_url");
        let sqs_notification_queue_url = self.web_url("sqs_notification_queue_url");
        let sqs_chat_queue_url = self.web_url("sqs_chat_queue_url");
        let sqs_email_feedback_queue_url =
            self.optional("sqs_email_feedback_queue_url", Self::web_url);
        let dynamodb_bids_table = self.parsed("dynamodb_bids_table", "a table's name");
        let dynamodb_chat_table = self.parsed("dynamodb_chat_table", "a table's name");
        let cognito_user_pool_id = self.parsed("cognito_user_pool_id", "a user pool's id");
        let public_url = self.web_url("public_url");
        let email_from = self.checked("email_from", "an e-mail address", |text| {
            let (name, domain) = text.split_once('@')?;
            (!name.is_empty() && domain.contains('.')).then(|| text.to_owned())
        });
        let email_configuration_set = self.optional("email_configuration_set", |reader, name| {
            reader.parsed(name, "the name of a configuration set")
        });
        let email_rate_per_s =
            self.checked("email_rate_per_s", "a number from 1 to 1000", |text| {
                text.parse().ok().filter(|rate| (1..=EMAIL_RATE_MAX).contains(rate))
            });
        let link_key = self.key("link_key");
        let link_key_previous = self.optional("link_key_previous", Self::key);
        let push_application_arn =
            self.optional("push_application_arn", |reader, name| reader.arn(name));
        let deployment = self.checked("deployment", TAG_VALUE, |text| {
            let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            let fits = text.len() <= 64 && text.bytes().all(known);
            fits.then(|| text.to_owned())
        });
        let video_pool = self.pool("video_pool");
        let video_private_pool = self.pool("video_private_pool");
        let playback_key = self.optional("playback_key", |reader, name| {
            reader.checked(name, "a P-384 private key, PKCS#8 in PEM or base64", |text| {
                Some(SecretString::from(text)).filter(|key| PlaybackKey::parse(key).is_some())
            })
        });
        let edge_key = self.key("edge_key");
        let edge_key_previous = self.optional("edge_key_previous", Self::key);
        Some(Config {
            listen: listen?,
            region: region?,
            acknowledge: acknowledge?,
            shards: shards?,
            require_seller_group: require_seller_group?,
            log_format: log_format?,
            log_filter: log_filter?,
            postgres_connections: postgres_connections?,
            chat_interval_ms: chat_interval_ms?,
            database_url: database_url?,
            redis_url: redis_url?,
            redis_cluster: redis_cluster?,
            redis_full_percent: redis_full_percent?,
            sqs_bid_queue_url: sqs_bid_queue_url?,
            sqs_notification_queue_url: sqs_notification_queue_url?,
            sqs_chat_queue_url: sqs_chat_queue_url?,
            sqs_email_feedback_queue_url,
            dynamodb_bids_table: dynamodb_bids_table?,
            dynamodb_chat_table: dynamodb_chat_table?,
            cognito_user_pool_id: cognito_user_pool_id?,
            public_url: public_url?,
            email_from: email_from?,
            email_configuration_set,
            email_rate_per_s: email_rate_per_s?,
            link_key: link_key?,
            link_key_previous,
            push_application_arn,
            deployment: deployment?,
            video_pool: video_pool?,
            video_private_pool: video_private_pool?,
            playback_key,
            edge_key: edge_key?,
            edge_key_previous,
        })
    }
}
