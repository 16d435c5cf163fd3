//! Playback tokens of private channels: JWTs signed with ES384, as Amazon IVS demands.
//!
//! Source of the claims and their limits: "Setting up private channels" in the IVS user guide. With a
//! viewer's id a token may live ten minutes at most; `exp` is in seconds. The id is the viewer's name
//! in the auction, never who they are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gavel_core::time::Timestamp;
use jwt_simple::prelude::{ECDSAP384KeyPairLike as _, ES384KeyPair, JWTClaims, UnixTimeStamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::limits::PLAYBACK_TOKEN_LIFE_S;

/// The version of every viewer's session. A revocation is for good, so one is enough: the service
/// revokes up to version 0 unless it is told another one.
const SESSION_VERSION: u32 = 0;

/// What a token says besides when it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    #[serde(rename = "aws:channel-arn")]
    pub(super) channel_arn: String,
    #[serde(rename = "aws:viewer-id")]
    pub(super) viewer_id: String,
    #[serde(rename = "aws:viewer-session-version")]
    pub(super) session_version: u32,
}

/// The key that signs tokens. Its public half is imported into IVS.
pub(crate) struct PlaybackKey(ES384KeyPair);

impl std::fmt::Debug for PlaybackKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// A token and when it ends.
pub(super) struct Signed {
    pub(super) token: String,
    pub(super) expires_at: Timestamp,
}

impl PlaybackKey {
    /// Reads a private key: PKCS#8, in PEM or in what stands between its first line and its last,
    /// on one line. `None`: it is none.
    pub(crate) fn parse(text: &SecretString) -> Option<Self> {
        let text = text.expose_secret().trim();
        let pair = if text.starts_with("-----BEGIN") {
            ES384KeyPair::from_pem(text)
        } else {
            ES384KeyPair::from_der(&STANDARD.decode(text).ok()?)
        };
        pair.ok().map(Self)
    }

    /// A token for one viewer of one channel, good from `now` on. `None`: it could not be signed.
    pub(super) fn sign(
        &self,
        channel_arn: &str,
        viewer_id: &str,
        now: Timestamp,
    ) -> Option<Signed> {
        let now_s = u64::try_from(now.as_ms()).ok()? / 1_000;
        let expires_s = now_s + PLAYBACK_TOKEN_LIFE_S;
        let claims = JWTClaims {
            issued_at: Some(UnixTimeStamp::from_secs(now_s)),
            expires_at: Some(UnixTimeStamp::from_secs(expires_s)),
            invalid_before: None,
            issuer: None,
            subject: None,
            audiences: None,
            jwt_id: None,
            nonce: None,
            custom: Claims {
                channel_arn: channel_arn.to_owned(),
                viewer_id: viewer_id.to_owned(),
                session_version: SESSION_VERSION,
            },
        };
        let token = self.0.sign(claims).ok()?;
        let expires_at = Timestamp::from_ms(i64::try_from(expires_s).ok()?.checked_mul(1_000)?);
        Some(Signed { token, expires_at })
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jwt_simple::prelude::{ECDSAP384PublicKeyLike as _, VerificationOptions};
    use serde_json::{Value, json};

    use super::*;

    const ARN: &str = "arn:aws:ivs:us-east-1:000000000000:channel/abc";

    fn part(token: &str, index: usize) -> Value {
        let part = token.split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn a_token_has_the_header_and_the_claims_that_ivs_wants_and_no_more() {
        let pair = ES384KeyPair::generate();
        let public = pair.public_key();
        let now = Timestamp::from_ms(1_795_411_020_999);
        let signed = PlaybackKey(pair).sign(ARN, "bidder-0123abcd", now).unwrap();
        assert_eq!(part(&signed.token, 0), json!({ "alg": "ES384", "typ": "JWT" }));
        let claims = part(&signed.token, 1);
        assert_eq!(
            claims,
            json!({ "iat": 1_795_411_020, "exp": 1_795_411_020 + PLAYBACK_TOKEN_LIFE_S, "aws:channel-arn": ARN,
                    "aws:viewer-id": "bidder-0123abcd", "aws:viewer-session-version": 0 })
        );
        assert_eq!(signed.expires_at.as_ms(), (1_795_411_020 + 570) * 1_000);
        let options = VerificationOptions {
            artificial_time: Some(UnixTimeStamp::from_secs(1_795_411_021)),
            ..VerificationOptions::default()
        };
        let read = public.verify_token::<Claims>(&signed.token, Some(options)).unwrap();
        assert_eq!(read.custom.viewer_id, "bidder-0123abcd");
    }

    #[test]
    fn a_key_is_read_in_pem_and_bare_and_never_shown() {
        let pem = ES384KeyPair::generate().to_pem().unwrap();
        let bare: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        for text in [pem, bare] {
            let key = PlaybackKey::parse(&SecretString::from(text)).unwrap();
            assert_eq!(format!("{key:?}"), "***");
        }
        assert!(PlaybackKey::parse(&SecretString::from("no key")).is_none());
    }
}
