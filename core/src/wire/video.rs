//! Video: where an auction is watched, where its seller sends, who is shut out.

use serde::{Deserialize, Serialize};

use super::fields::Fields;
use super::invalid::InvalidBody;
use crate::ids::{AuctionId, is_public_name};
use crate::time::Timestamp;

/// Where and how an auction is watched.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlaybackView {
    /// For the player, as it is: with the token, where one is needed.
    pub url: String,
    /// The token in it, of a private auction.
    pub token: Option<String>,
    /// Until when a player can begin with it.
    pub expires_at: Option<Timestamp>,
}

/// Where the seller's encoder sends.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IngestView {
    /// The server: RTMP over TLS.
    pub endpoint: String,
    /// What lets the encoder in. Whoever has it can send.
    pub stream_key: String,
}

/// Whom to shut out of a private auction's video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeViewer {
    /// Their public name in this auction, such as `bidder-5f3a9c01`.
    pub viewer_id: String,
}

/// A viewer who was shut out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs, reason = "the fields say themselves")]
pub struct RevocationView {
    pub auction_id: AuctionId,
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::PublicName"))]
    pub viewer_id: String,
    pub revoked_at: Timestamp,
    /// Whether what they watched has ended; if not yet, it will within moments.
    pub session_ended: bool,
}

impl RevokeViewer {
    /// Reads and validates a body.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidBody> {
        let mut fields = Fields::read(body)?;
        let viewer_id = fields.required("viewer_id", |fields, name| {
            let reason = "must be a bidder's public name, such as `bidder-5f3a9c01`";
            fields.read_text(name, reason, |text| is_public_name(text).then(|| text.to_owned()))
        });
        fields.finish(viewer_id.map(|viewer_id| Self { viewer_id }))
    }
}

impl std::fmt::Debug for PlaybackView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlaybackView").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for IngestView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IngestView").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_is_named_as_the_auction_names_them() {
        let parsed = RevokeViewer::parse(br#"{"viewer_id": "bidder-5f3a9c01"}"#).unwrap();
        assert_eq!(parsed.viewer_id, "bidder-5f3a9c01");
        for body in [
            "{}",
            r#"{"viewer_id": null}"#,
            r#"{"viewer_id": "bidder-5F3A9C01"}"#,
            r#"{"viewer_id": "bidder-5f3a9c0"}"#,
            r#"{"viewer_id": "bidder-5f3a9c0123"}"#,
            r#"{"viewer_id": "5f3a9c01"}"#,
            r#"{"viewer_id": "bidder-5f3a9c01", "why": "because"}"#,
        ] {
            let refused = RevokeViewer::parse(body.as_bytes());
            assert!(matches!(refused, Err(InvalidBody::Fields(_))), "{body} {refused:?}");
        }
    }

    #[test]
    fn neither_a_stream_key_nor_a_token_is_printed() {
        let ingest = IngestView { endpoint: "rtmps://x".into(), stream_key: "sk_secret".into() };
        let token = Some("secret".to_owned());
        let url = "https://x?token=secret".to_owned();
        let playback = PlaybackView { url, token, expires_at: None };
        let printed = format!("{ingest:?} {playback:?}");
        assert!(!printed.contains("secret"), "{printed}");
    }
}
