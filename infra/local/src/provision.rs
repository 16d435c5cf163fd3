//! The AWS resources a stack needs, made if they are not there.
//!
//! Runs at every start: the emulator keeps its state only when it is stopped in good order. Does not
//! change a resource that exists, except that the sample accounts get the password of this start.
//! Invariant: running it twice equals running it once.

mod cognito;
mod dynamodb;
mod email;
mod sqs;

use std::fmt;
use std::pin::Pin;

use anyhow::Result;

pub use cognito::{add_user, sign_in};

use self::sqs::Kind;
use crate::aws::Clients;

/// The sample accounts and the groups they are in.
pub const ACCOUNTS: [(&str, &[&str]); 4] =
    [("seller", &["seller"]), ("bidder-1", &[]), ("bidder-2", &[]), ("admin", &["admin"])];

/// The groups of the pool.
pub const GROUPS: [&str; 2] = ["seller", "admin"];

/// What the resources are called.
#[derive(Clone, Debug)]
pub struct Names {
    /// The user pool.
    pub user_pool: String,
    /// The table of the bid history.
    pub bids_table: String,
    /// The table of chat messages.
    pub chat_table: String,
    /// The queue to the bid history, without `.fifo`.
    pub bid_queue: String,
    /// The queue of events that people are told of, without `.fifo`.
    pub notification_queue: String,
    /// The queue of chat messages to keep.
    pub chat_queue: String,
    /// The queue of what became of e-mail, the topic before it and the configuration set before that.
    pub email_feedback: String,
}

impl Names {
    /// The names a deployment uses; a suffix (such as `-a1b2`) keeps several sets apart in one emulator.
    #[must_use]
    pub fn new(suffix: &str) -> Self {
        Self {
            user_pool: format!("gavel{suffix}"),
            bids_table: format!("bids_history{suffix}"),
            chat_table: format!("chat_messages{suffix}"),
            bid_queue: format!("bid-persistence-queue{suffix}"),
            notification_queue: format!("notification-queue{suffix}"),
            chat_queue: format!("chat-persistence-queue{suffix}"),
            email_feedback: format!("email-feedback-queue{suffix}"),
        }
    }
}

/// The ids and addresses of what was made.
#[derive(Clone, Debug)]
pub struct Resources {
    /// The user pool.
    pub user_pool_id: String,
    /// What follows the names of the sample accounts: nothing, or a domain where the pool takes mail
    /// addresses only.
    pub account_suffix: String,
    /// The app client the edge accepts.
    pub app_client_id: String,
    /// Another app client of the pool, which it must refuse.
    pub other_app_client_id: String,
    /// `iss` of the pool's tokens.
    pub issuer: String,
    /// The queue to the bid history.
    pub bid_queue_url: String,
    /// Its dead-letter queue.
    pub bid_dead_letter_queue_url: String,
    /// The queue of events that people are told of.
    pub notification_queue_url: String,
    /// The queue of chat messages to keep.
    pub chat_queue_url: String,
    /// The queue of what became of e-mail.
    pub email_feedback_queue_url: String,
    /// The configuration set that reports to it.
    pub email_configuration_set: String,
    /// The address that messages come from.
    pub email_from: String,
    /// The table of the bid history.
    pub bids_table: String,
    /// The table of chat messages.
    pub chat_table: String,
}

/// Who makes the resources of a stack.
#[derive(Default)]
pub enum Maker {
    /// [`provision`].
    #[default]
    Ours,
    /// Somebody else, such as a test of the deployment's templates. The emulator then offers every
    /// service it has, not only those that Gavel calls.
    Other(OtherMaker),
}

/// Told the emulator's address and the password of the accounts, it makes the resources.
pub type OtherMaker = Box<dyn FnOnce(String, String) -> Making + Send>;

/// Resources in the making.
pub type Making = Pin<Box<dyn Future<Output = Result<Resources>> + Send>>;

impl fmt::Debug for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "Ours",
            Self::Other(_) => "Other",
        })
    }
}

/// Makes whatever is missing; the sample accounts get `password`.
///
/// # Errors
/// When the emulator cannot be reached or refuses.
pub async fn provision(clients: &Clients, names: &Names, password: &str) -> Result<Resources> {
    let (pool, bids, notifications, chat, email, (), ()) = tokio::try_join!(
        cognito::pool(&clients.cognito, &names.user_pool, password),
        sqs::with_dead_letters(&clients.sqs, &names.bid_queue, Kind::Fifo),
        sqs::with_dead_letters(&clients.sqs, &names.notification_queue, Kind::Fifo),
        sqs::with_dead_letters(&clients.sqs, &names.chat_queue, Kind::Standard),
        email::sender(clients, &names.email_feedback),
        dynamodb::bids_table(&clients.dynamodb, &names.bids_table),
        dynamodb::chat_table(&clients.dynamodb, &names.chat_table),
    )?;
    Ok(Resources {
        issuer: format!("https://cognito-idp.{}.amazonaws.com/{}", crate::aws::REGION, pool.id),
        user_pool_id: pool.id,
        account_suffix: String::new(),
        app_client_id: pool.app_client_id,
        other_app_client_id: pool.other_app_client_id,
        bid_queue_url: bids.url,
        bid_dead_letter_queue_url: bids.dead_letter_url,
        notification_queue_url: notifications.url,
        chat_queue_url: chat.url,
        email_feedback_queue_url: email.feedback_queue_url,
        email_configuration_set: email.configuration_set,
        email_from: email.from,
        bids_table: names.bids_table.clone(),
        chat_table: names.chat_table.clone(),
    })
}
