//! Every address and credential of a running stack, and the file it is written to.
//!
//! `.local/stack.env` holds `KEY=value` lines that a shell can source; `make smoke` and `gavel-local
//! token` read it back. It is readable by its owner only. Invariant: what is written and read back
//! is equal.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};

macro_rules! settings {
    ($($(#[$doc:meta])* $field:ident = $key:literal,)*) => {
        /// The settings, one field a line of the file.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Settings {
            $($(#[$doc])* pub $field: String,)*
        }

        impl Settings {
            /// Name and value of every setting, in the order of the file.
            #[must_use]
            pub fn pairs(&self) -> Vec<(&'static str, &str)> {
                vec![$(($key, self.$field.as_str()),)*]
            }

            fn from_map(mut map: BTreeMap<String, String>) -> Result<Self> {
                Ok(Self {
                    $($field: map.remove($key).context(concat!($key, " is missing"))?,)*
                })
            }
        }
    };
}

settings! {
    /// Where clients talk to: the edge.
    edge_url = "GAVEL_EDGE_URL",
    /// The (first) worker, which answers only what the edge has signed.
    workers_url = "GAVEL_WORKERS_URL",
    /// Code of the home region, the prefix of its auctions' ids.
    region = "GAVEL_REGION",
    /// The secret between edge and workers.
    edge_key = "GAVEL_EDGE_KEY",
    /// Redis; of a cluster all nodes, with commas between them.
    redis_url = "REDIS_URL",
    /// Whether Redis is a cluster.
    redis_cluster = "GAVEL_REDIS_CLUSTER",
    /// PostgreSQL, with user, password and database.
    database_url = "DATABASE_URL",
    /// The AWS emulator.
    aws_endpoint_url = "AWS_ENDPOINT_URL",
    /// The fake of Amazon IVS, which the emulator lacks.
    aws_ivs_endpoint_url = "AWS_ENDPOINT_URL_IVS",
    /// The region that AWS clients sign for.
    aws_region = "AWS_REGION",
    /// Any value: the emulator does not check it.
    aws_access_key_id = "AWS_ACCESS_KEY_ID",
    /// Any value: the emulator does not check it.
    aws_secret_access_key = "AWS_SECRET_ACCESS_KEY",
    /// The user pool.
    user_pool_id = "COGNITO_USER_POOL_ID",
    /// The app client whose tokens the edge accepts.
    app_client_id = "COGNITO_APP_CLIENT_ID",
    /// An app client of the same pool whose tokens the edge must refuse.
    other_app_client_id = "COGNITO_OTHER_APP_CLIENT_ID",
    /// The pool's region.
    cognito_region = "COGNITO_REGION",
    /// `iss` of its tokens: an address of the real Cognito, although the keys are at the emulator's.
    issuer = "COGNITO_ISSUER",
    /// The queue from the ledger to the bid history.
    bid_queue_url = "SQS_BID_QUEUE_URL",
    /// Where messages of that queue end up that could not be handled.
    bid_dead_letter_queue_url = "SQS_BID_DEAD_LETTER_QUEUE_URL",
    /// The queue of events that people are told of.
    notification_queue_url = "SQS_NOTIFICATION_QUEUE_URL",
    /// The queue of chat messages to keep.
    chat_queue_url = "SQS_CHAT_QUEUE_URL",
    /// The queue of what became of e-mail.
    email_feedback_queue_url = "SQS_EMAIL_FEEDBACK_QUEUE_URL",
    /// The table of the bid history.
    bids_table = "DYNAMODB_BIDS_TABLE",
    /// The table of chat messages.
    chat_table = "DYNAMODB_CHAT_TABLE",
    /// The address that messages come from.
    email_from = "GAVEL_EMAIL_FROM",
    /// The configuration set that reports what became of e-mail.
    email_configuration_set = "GAVEL_EMAIL_CONFIGURATION_SET",
    /// The address of the edge in messages.
    public_url = "GAVEL_PUBLIC_URL",
    /// Signs the links in messages.
    link_key = "GAVEL_LINK_KEY",
    /// The key that signs playback tokens.
    playback_key = "GAVEL_PLAYBACK_KEY",
    /// The sample seller (in the group `seller`).
    seller = "GAVEL_SELLER",
    /// The first sample bidder.
    bidder_1 = "GAVEL_BIDDER_1",
    /// The second sample bidder.
    bidder_2 = "GAVEL_BIDDER_2",
    /// A sample administrator (in the group `admin`).
    admin = "GAVEL_ADMIN",
    /// The password of all sample accounts.
    password = "GAVEL_PASSWORD",
}

impl Settings {
    /// Writes the file, readable by its owner only.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let new = path.with_extension("env.new");
        let mut file = fs::OpenOptions::new();
        let file = file.create(true).truncate(true).write(true).mode(0o600).open(&new);
        let mut file = file.with_context(|| format!("writing {}", new.display()))?;
        writeln!(
            file,
            "# Every address and password of a running stack of Gavel: keep it private."
        )?;
        for (key, value) in self.pairs() {
            writeln!(file, "{key}={value}")?;
        }
        fs::rename(&new, path).with_context(|| format!("writing {}", path.display()))
    }

    /// Reads the file that [`Settings::write`] wrote.
    ///
    /// # Errors
    /// When it is not there, or a line of it is missing.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| {
            format!("no {}: does a stack run? Start one with `make up`", path.display())
        })?;
        Self::parse(&text).with_context(|| format!("reading {}", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self::from_map(
            lines
                .filter_map(|line| line.split_once('='))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = std::env::temp_dir().join(format!("gavel-settings-{}", crate::secret::suffix()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("stack.env");
        let settings = Settings {
            database_url: "postgres://a:b=c@127.0.0.1/d".into(),
            password: crate::secret::password(),
            ..Settings::default()
        };
        settings.write(&path).unwrap();
        assert_eq!(Settings::read(&path).unwrap(), settings);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_missing_line_is_named() {
        let error = Settings::parse("GAVEL_EDGE_URL=x\n").unwrap_err().to_string();
        assert_eq!(error, "GAVEL_WORKERS_URL is missing");
    }
}
