//! One's own profile: what is shown of it, and how it is changed.

use serde::{Deserialize, Serialize};

use super::characters::is_name;
use super::fields::Fields;
use super::invalid::InvalidBody;
use crate::ids::{PUBLIC_NAME_PREFIX, UserId};
use crate::limits::{NAME_CHARS_MAX, NAME_CHARS_MIN, PUSH_TOKEN_CHARS_MAX};
use crate::time::Timestamp;

/// The name a person is shown under in chats. Bids are never shown under it. Its form is checked here;
/// whether it passes for somebody else's only where names are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(String);

impl DisplayName {
    /// Reads a name; `None` when it is none that others could be shown.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // Nobody may pass for a bidder, such as the one who leads.
        let reserved = text.to_lowercase().starts_with(PUBLIC_NAME_PREFIX);
        (is_name(text) && !reserved).then(|| Self(text.to_owned()))
    }

    /// The name of somebody who has chosen none, made of a random number.
    #[must_use]
    pub fn generated(random: u32) -> Self {
        Self(format!("user-{random:08x}"))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How somebody wants to be told about their auctions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// By e-mail.
    Email,
    /// By text message.
    Sms,
    /// On a device.
    Push,
    /// Not at all.
    None,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 4] = [Self::Email, Self::Sms, Self::Push, Self::None];

    /// Its name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Push => "push",
            Self::None => "none",
        }
    }

    /// The channel of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == text)
    }
}

/// `{"display_name"?, "notifications"?: {"channel"?, "push_token"?}}`. What is not named stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EditMe {
    /// The new name.
    pub display_name: Option<DisplayName>,
    /// The new channel.
    pub channel: Option<Channel>,
    /// What the push service calls the caller's device.
    pub push_token: Option<String>,
}

impl EditMe {
    /// Reads and validates a body.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidBody> {
        let mut fields = Fields::read(body)?;
        let reason = format!(
            "must be a name of {NAME_CHARS_MIN} to {NAME_CHARS_MAX} visible characters (one is enough \
             where it is a syllable or a word) with single spaces at most, and not begin with \
             `{PUBLIC_NAME_PREFIX}`"
        );
        let display_name = fields.read_text("display_name", &reason, DisplayName::parse);
        let notifications = fields.object("notifications", |fields| {
            let reason = "must be email, sms, push or none";
            let channel = fields.read_text("channel", reason, Channel::parse);
            let reason = format!("must be 1 to {PUSH_TOKEN_CHARS_MAX} visible ASCII characters");
            let token = fields.read_text("push_token", &reason, |text| {
                let fits = (1..=PUSH_TOKEN_CHARS_MAX).contains(&text.len());
                let fits = fits && text.bytes().all(|b| b.is_ascii_graphic());
                fits.then(|| text.to_owned())
            });
            Some((channel, token))
        });
        let (channel, push_token) = notifications.unwrap_or_default();
        fields.finish(Some(Self { display_name, channel, push_token }))
    }
}

/// One's own profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MeView {
    /// Who.
    pub user_id: UserId,
    /// The name shown in chats.
    pub display_name: String,
    /// How they are told about their auctions.
    pub notifications: NotificationsView,
    /// When they were first seen.
    pub created_at: Timestamp,
}

/// How somebody is told about their auctions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NotificationsView {
    /// The way.
    pub channel: Channel,
    /// Whether a device is known for `push`. Its token is not shown again.
    pub push_device: bool,
}

/// The answer to a deletion of oneself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeletedMe {
    /// Who.
    pub user_id: UserId,
    /// When.
    pub deleted_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_what_is_wrong_with_it() {
        for (body, field) in [
            (r#"{"display_name": "x"}"#, "display_name"),
            (r#"{"display_name": "Bidder-1234"}"#, "display_name"),
            (r#"{"notifications": {"channel": "pigeon"}}"#, "notifications.channel"),
            (r#"{"notifications": {"push_token": "a b"}}"#, "notifications.push_token"),
            (r#"{"notifications": "email"}"#, "notifications"),
            (r#"{"user_id": "somebody"}"#, "user_id"),
        ] {
            match EditMe::parse(body.as_bytes()) {
                Err(InvalidBody::Fields(errors)) => assert_eq!(errors[0].field, field, "{body}"),
                other => panic!("{body}: {other:?}"),
            }
        }
        assert_eq!(EditMe::parse(b"{}"), Ok(EditMe::default()));
    }

    #[test]
    fn a_generated_name_is_one_that_could_be_chosen() {
        for random in [0, 7, u32::MAX] {
            let name = DisplayName::generated(random);
            assert_eq!(DisplayName::parse(name.as_str()), Some(name));
        }
    }
}
