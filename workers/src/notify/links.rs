//! The links in messages. One that unsubscribes carries a token: the user's id and its HMAC-SHA256.
//!
//! A token names nobody's address, never expires (a message may be read years later), and allows one
//! thing: to be told nothing more.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gavel_core::ids::{AuctionId, UserId};
use hmac_sha256::HMAC;
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::Config;

/// What is signed besides the id, so that a signature for another purpose under this key is none.
const PURPOSE: &str = "unsubscribe:";

/// Makes links and reads their tokens. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Links {
    public_url: String,
    key: SecretString,
    previous: Option<SecretString>,
}

impl Links {
    /// Links to the edge at `public_url`, without a slash at its end, signed with `key`. Those signed
    /// with `previous` hold, too.
    #[must_use]
    pub const fn new(
        public_url: String,
        key: SecretString,
        previous: Option<SecretString>,
    ) -> Self {
        Self { public_url, key, previous }
    }

    /// The links of this deployment.
    pub(crate) fn of(config: &Config) -> Self {
        let (key, previous) = (config.link_key.clone(), config.link_key_previous.clone());
        Self::new(config.public_url.clone(), key, previous)
    }

    /// Where an auction can be seen.
    pub(super) fn auction(&self, id: &AuctionId) -> String {
        format!("{}/v1/auctions/{id}", self.public_url)
    }

    /// Where this user can say that they want no more messages.
    pub(super) fn unsubscribe(&self, user: &UserId) -> String {
        format!("{}/v1/unsubscribe?token={}", self.public_url, self.token(user))
    }

    /// The token of a user.
    #[must_use]
    pub fn token(&self, user: &UserId) -> String {
        let mac = HMAC::mac(signed(user), self.key.expose_secret());
        format!("{}.{}", URL_SAFE_NO_PAD.encode(user.as_str()), URL_SAFE_NO_PAD.encode(mac))
    }

    /// Whose token this is, if it is one of ours. Compared in constant time.
    #[must_use]
    pub fn user(&self, token: &str) -> Option<UserId> {
        let (user, mac) = token.split_once('.')?;
        let user = String::from_utf8(URL_SAFE_NO_PAD.decode(user).ok()?).ok()?;
        let user = UserId::parse(&user).ok()?;
        let mac: [u8; 32] = URL_SAFE_NO_PAD.decode(mac).ok()?.try_into().ok()?;
        let holds = |key: &SecretString| HMAC::verify(signed(&user), key.expose_secret(), &mac);
        (holds(&self.key) || self.previous.as_ref().is_some_and(holds)).then_some(user)
    }
}

fn signed(user: &UserId) -> String {
    format!("{PURPOSE}{user}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(key: &str) -> Links {
        Links::new("https://bids.example.com".to_owned(), SecretString::from(key), None)
    }

    #[test]
    fn a_token_is_good_for_its_user_under_its_key_only() {
        let (ours, user) = (links("one key"), UserId::parse("user-1").unwrap());
        let token = ours.token(&user);
        assert_eq!(ours.user(&token), Some(user.clone()));
        assert_eq!(links("another key").user(&token), None);
        let rotated = Links { previous: Some(SecretString::from("one key")), ..links("a new key") };
        assert_eq!(rotated.user(&token), Some(user.clone()));
        assert_ne!(rotated.token(&user), token, "the new key signs");
        let other = ours.token(&UserId::parse("user-2").unwrap());
        let (name, _) = token.split_once('.').unwrap();
        let (_, mac) = other.split_once('.').unwrap();
        let cut = &token[..token.len() - 2];
        for forged in ["", ".", "x", &format!("{name}.{mac}"), &format!("{name}."), cut, name] {
            assert_eq!(ours.user(forged), None, "{forged}");
        }
        let link = ours.unsubscribe(&user);
        assert!(link.ends_with(&token) && !link.contains("user-1"), "{link}");
    }
}
