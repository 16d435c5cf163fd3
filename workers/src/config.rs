//! Configuration: embedded defaults, then a file, then the environment. Unknown settings are refused
//! and every fault is reported at once, before anything is opened.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::str::FromStr;

use gavel_core::ids::RegionCode;
use gavel_core::wire::Level;
use secrecy::{ExposeSecret, SecretString};

use crate::limits::{EMAIL_RATE_MAX, SHARDS_MAX, VIDEO_POOL_MAX};
use crate::video::PlaybackKey;

/// Every setting with its default: also the documentation.
pub const DEFAULTS: &str = include_str!("config/defaults.toml");

/// Shortest key that signs identities, in characters: 256 bits of hex is 64, of base64 44.
const EDGE_KEY_CHARS_MIN: usize = 32;

/// What names a deployment.
const TAG_VALUE: &str = "1 to 64 letters, digits, dashes, dots or underscores";

/// A setting, the environment variable that overrides it, and whether it is secret.
const SETTINGS: [(&str, &str, bool); 31] = [
    ("listen", "GAVEL_LISTEN", false),
    ("region", "GAVEL_REGION", false),
    ("acknowledge", "GAVEL_ACKNOWLEDGE", false),
    ("shards", "GAVEL_SHARDS", false),
    ("require_seller_group", "GAVEL_REQUIRE_SELLER_GROUP", false),
    ("log_format", "GAVEL_LOG_FORMAT", false),
    ("log_filter", "RUST_LOG", false),
    ("postgres_connections", "GAVEL_POSTGRES_CONNECTIONS", false),
    ("chat_interval_ms", "GAVEL_CHAT_INTERVAL_MS", false),
    ("database_url", "DATABASE_URL", true),
    ("redis_url", "REDIS_URL", true),
    ("redis_cluster", "GAVEL_REDIS_CLUSTER", false),
    ("sqs_bid_queue_url", "SQS_BID_QUEUE_URL", false),
    ("sqs_notification_queue_url", "SQS_NOTIFICATION_QUEUE_URL", false),
    ("sqs_chat_queue_url", "SQS_CHAT_QUEUE_URL", false),
    ("sqs_email_feedback_queue_url", "SQS_EMAIL_FEEDBACK_QUEUE_URL", false),
    ("dynamodb_bids_table", "DYNAMODB_BIDS_TABLE", false),
    ("dynamodb_chat_table", "DYNAMODB_CHAT_TABLE", false),
    ("cognito_user_pool_id", "COGNITO_USER_POOL_ID", false),
    ("public_url", "GAVEL_PUBLIC_URL", false),
    ("email_from", "GAVEL_EMAIL_FROM", false),
    ("email_configuration_set", "GAVEL_EMAIL_CONFIGURATION_SET", false),
    ("email_rate_per_s", "GAVEL_EMAIL_RATE_PER_S", false),
    ("link_key", "GAVEL_LINK_KEY", true),
    ("push_application_arn", "GAVEL_SNS_PUSH_APPLICATION_ARN", false),
    ("deployment", "GAVEL_DEPLOYMENT", false),
    ("video_pool", "GAVEL_VIDEO_POOL", false),
    ("video_private_pool", "GAVEL_VIDEO_PRIVATE_POOL", false),
    ("playback_key", "GAVEL_PLAYBACK_KEY", true),
    ("edge_key", "GAVEL_EDGE_KEY", true),
    ("edge_key_previous", "GAVEL_EDGE_KEY_PREVIOUS", true),
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
        for (name, variable, _) in SETTINGS {
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

/// The settings of one TOML text, as texts.
fn settings(text: &str, origin: &str, faults: &mut Vec<String>) -> BTreeMap<String, String> {
    let table: toml::Table = match toml::from_str(text) {
        Ok(table) => table,
        Err(error) => {
            faults.push(format!("{origin}: {}", error.message()));
            return BTreeMap::new();
        }
    };
    let mut values = BTreeMap::new();
    for (name, value) in table {
        if !SETTINGS.iter().any(|(known, ..)| *known == name) {
            faults.push(format!("{origin}: `{name}` is not a setting"));
            continue;
        }
        match value {
            toml::Value::String(text) => values.insert(name, text),
            toml::Value::Integer(number) => values.insert(name, number.to_string()),
            toml::Value::Boolean(flag) => values.insert(name, flag.to_string()),
            _ => {
                faults.push(format!("{origin}: `{name}` must be a text, a number or a flag"));
                None
            }
        };
    }
    values
}

struct Reader {
    values: BTreeMap<String, String>,
    faults: Vec<String>,
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
            push_application_arn,
            deployment: deployment?,
            video_pool: video_pool?,
            video_private_pool: video_private_pool?,
            playback_key,
            edge_key: edge_key?,
            edge_key_previous,
        })
    }

    fn parsed<T: FromStr>(&mut self, name: &str, what: &str) -> Option<T> {
        self.checked(name, what, |text| text.parse().ok())
    }

    /// A setting that may be left out; `read` is asked only if it is there.
    fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self, &str) -> Option<T>,
    ) -> Option<T> {
        let there = self.values.get(name).is_some_and(|text| !text.is_empty());
        if there { read(self, name) } else { None }
    }

    /// A web address, without the slash at its end.
    fn web_url(&mut self, name: &str) -> Option<String> {
        let url = self.url(name, &["http://", "https://"])?;
        Some(url.expose_secret().trim_end_matches('/').to_owned())
    }

    fn arn(&mut self, name: &str) -> Option<String> {
        self.checked(name, "an ARN", |text| text.starts_with("arn:").then(|| text.to_owned()))
    }

    fn pool(&mut self, name: &str) -> Option<u32> {
        self.checked(name, "a number from 0 to 100", |text| {
            text.parse().ok().filter(|channels| *channels <= VIDEO_POOL_MAX)
        })
    }

    fn url(&mut self, name: &str, schemes: &[&str]) -> Option<SecretString> {
        self.checked(name, &format!("a URL that begins with {}", schemes.join(" or ")), |text| {
            let known = schemes.iter().any(|scheme| text.starts_with(scheme));
            known.then(|| SecretString::from(text))
        })
    }

    /// One URL, or of a cluster several with commas between them; all with TLS or none.
    fn redis_urls(&mut self, cluster: bool) -> Option<SecretString> {
        let what = match cluster {
            true => {
                "URLs with commas between them that all begin with redis:// or all with rediss://"
            }
            false => "one URL that begins with redis:// or rediss://",
        };
        self.checked("redis_url", what, |text| {
            let all = |scheme| text.split(',').all(|url| url.trim().starts_with(scheme));
            let known = all("redis://") || all("rediss://");
            (known && (cluster || !text.contains(','))).then(|| SecretString::from(text))
        })
    }

    fn key(&mut self, name: &str) -> Option<SecretString> {
        let what = format!("at least {EDGE_KEY_CHARS_MIN} characters");
        self.checked(name, &what, |text| {
            (text.len() >= EDGE_KEY_CHARS_MIN).then(|| SecretString::from(text))
        })
    }

    /// Reads one setting; the fault never repeats the value, which may be secret.
    fn checked<T>(
        &mut self,
        name: &str,
        what: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let variable = SETTINGS.iter().find(|(known, ..)| *known == name).map_or("", |row| row.1);
        let Some(text) = self.values.get(name).filter(|text| !text.is_empty()) else {
            self.faults.push(format!("`{name}` is required: set {variable} to {what}"));
            return None;
        };
        let value = read(text);
        if value.is_none() {
            self.faults.push(format!("`{name}` ({variable}) must be {what}"));
        }
        value
    }
}

#[cfg(test)]
mod tests;
