//! Amazon IVS, as far as channels need it. The only file that knows its SDK.
//!
//! No call is repeated here: the SDK's own retries are off, because a repeated `CreateChannel` makes
//! a second channel, and late metadata is worse than none. Errors are told apart by their code as
//! text: the SDK does not model throttling for most of these calls. Stream keys are kept in
//! a type that does not print them.

use std::collections::HashMap;
use std::future::Future;

use aws_sdk_ivs::Client;
use aws_sdk_ivs::error::{ProvideErrorMetadata, SdkError};
use secrecy::SecretString;
use uuid::Uuid;

use super::pacer::Pacer;
use crate::catalog::channels::Made;
use crate::limits::IVS_PAGE_CHANNELS;

/// The tag that names the deployment a channel belongs to.
const DEPLOYMENT_TAG: &str = "gavel:deployment";
/// The tag that names the slot a channel was made for.
const SLOT_TAG: &str = "gavel:slot";

/// Why a call did not do what it is for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IvsError {
    /// No such channel or key.
    #[error("no such channel or key")]
    NotFound,
    /// Nobody sends to the channel.
    #[error("the channel is not live")]
    NotBroadcasting,
    /// Somebody sends to the channel.
    #[error("the channel is live")]
    Live,
    /// Too many calls, ours or the account's.
    #[error("too many calls")]
    Throttled,
    /// As many as the account may have.
    #[error("the account's quota is used up")]
    Quota,
    /// It did not work, now or at all: code and message.
    #[error("the call failed: {0}")]
    Failed(String),
}

/// A channel in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) arn: String,
    pub(super) slot: Option<Uuid>,
    pub(super) private: bool,
}

/// IVS, in the name of one deployment. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Ivs {
    client: Client,
    deployment: String,
    pacer: Pacer,
}

impl Ivs {
    pub(super) fn new(client: Client, deployment: String) -> Self {
        Self { client, deployment, pacer: Pacer::default() }
    }

    /// The channels made for a slot: none or one, or more after an answer was lost.
    pub(super) async fn made_for(&self, slot: Uuid) -> Result<Vec<Listed>, IvsError> {
        let mut found = self.listed(Some(name(slot))).await?;
        found.retain(|channel| channel.slot == Some(slot));
        found.sort_by(|one, other| one.arn.cmp(&other.arn));
        Ok(found)
    }

    /// Every channel of this deployment.
    pub(super) async fn list(&self) -> Result<Vec<Listed>, IvsError> {
        self.listed(None).await
    }

    /// All pages: nothing says that a page is filled after it was filtered.
    async fn listed(&self, name: Option<String>) -> Result<Vec<Listed>, IvsError> {
        let (mut found, mut next) = (Vec::new(), None);
        loop {
            let list = self.client.list_channels().max_results(IVS_PAGE_CHANNELS);
            let list = list.set_filter_by_name(name.clone());
            let page = self.call("ListChannels", list.set_next_token(next).send()).await?;
            found.extend(page.channels.iter().filter_map(|channel| self.ours(channel)));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    fn ours(&self, channel: &aws_sdk_ivs::types::ChannelSummary) -> Option<Listed> {
        let tag = |name: &str| channel.tags.as_ref().and_then(|tags| tags.get(name));
        (tag(DEPLOYMENT_TAG) == Some(&self.deployment)).then(|| Listed {
            arn: channel.arn.clone().unwrap_or_default(),
            slot: tag(SLOT_TAG).and_then(|slot| slot.parse().ok()),
            private: channel.authorized,
        })
    }

    /// Makes a channel. Asking twice makes two.
    pub(super) async fn create(&self, slot: Uuid, private: bool) -> Result<Made, IvsError> {
        let tags = HashMap::from([
            (DEPLOYMENT_TAG.to_owned(), self.deployment.clone()),
            (SLOT_TAG.to_owned(), slot.to_string()),
        ]);
        let create = self.client.create_channel().name(name(slot)).authorized(private);
        let created = self.call("CreateChannel", create.set_tags(Some(tags)).send()).await?;
        made(created.channel)
    }

    /// A channel, or [`IvsError::NotFound`].
    pub(super) async fn get(&self, arn: &str) -> Result<Made, IvsError> {
        made(self.call("GetChannel", self.client.get_channel().arn(arn).send()).await?.channel)
    }

    /// Deletes a channel; [`IvsError::Live`] while somebody sends to it.
    pub(super) async fn delete(&self, arn: &str) -> Result<(), IvsError> {
        let delete = self.client.delete_channel().arn(arn).send();
        self.call("DeleteChannel", delete).await.map(drop)
    }

    /// The ARNs of a channel's keys.
    pub(super) async fn keys(&self, arn: &str) -> Result<Vec<String>, IvsError> {
        let list = self.client.list_stream_keys().channel_arn(arn).send();
        let keys = self.call("ListStreamKeys", list).await?.stream_keys;
        Ok(keys.into_iter().filter_map(|key| key.arn).collect())
    }

    /// What an encoder shows to be let in.
    pub(super) async fn key(&self, key_arn: &str) -> Result<SecretString, IvsError> {
        let get = self.client.get_stream_key().arn(key_arn).send();
        value(self.call("GetStreamKey", get).await?.stream_key)
    }

    /// Makes a key; [`IvsError::Quota`] when there is one already.
    pub(super) async fn create_key(&self, arn: &str) -> Result<SecretString, IvsError> {
        let create = self.client.create_stream_key().channel_arn(arn).send();
        value(self.call("CreateStreamKey", create).await?.stream_key)
    }

    /// Deletes a key. One that is gone already is fine.
    pub(super) async fn delete_key(&self, key_arn: &str) -> Result<(), IvsError> {
        let delete = self.client.delete_stream_key().arn(key_arn).send();
        match self.call("DeleteStreamKey", delete).await {
            Ok(_) | Err(IvsError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Ends the connection of whoever sends. One that is over already is fine.
    pub(super) async fn stop(&self, arn: &str) -> Result<(), IvsError> {
        let stop = self.client.stop_stream().channel_arn(arn).send();
        match self.call("StopStream", stop).await {
            Ok(_) | Err(IvsError::NotBroadcasting) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether somebody sends. Only the documented error says no: a stream's state may lag.
    pub(super) async fn is_live(&self, arn: &str) -> Result<bool, IvsError> {
        let get = self.client.get_stream().channel_arn(arn).send();
        match self.call("GetStream", get).await {
            Ok(_) => Ok(true),
            Err(IvsError::NotBroadcasting) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts a text of at most 1 KB into the stream.
    pub(super) async fn put_metadata(&self, arn: &str, text: &str) -> Result<(), IvsError> {
        let put = self.client.put_metadata().channel_arn(arn).metadata(text).send();
        self.call("PutMetadata", put).await.map(drop)
    }

    /// Ends what a viewer watches.
    pub(super) async fn revoke(&self, arn: &str, viewer: &str) -> Result<(), IvsError> {
        let revoke = self.client.start_viewer_session_revocation().channel_arn(arn);
        let revoke = revoke.viewer_id(viewer).send();
        self.call("StartViewerSessionRevocation", revoke).await.map(drop)
    }

    async fn call<T, E: ProvideErrorMetadata>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> Result<T, IvsError> {
        if !self.pacer.turn(operation).await {
            return Err(IvsError::Throttled);
        }
        let answer = call.await.map_err(|error| told_apart(&error));
        let outcome = match &answer {
            Ok(_) => "ok",
            Err(IvsError::Throttled) => "throttled",
            Err(IvsError::Failed(_)) => "failed",
            Err(_) => "refused",
        };
        let labels = [("operation", operation), ("outcome", outcome)];
        metrics::counter!("gavel_video_calls_total", &labels).increment(1);
        answer
    }
}

/// What the channel of a slot is called, so that it can be found by its name alone.
fn name(slot: Uuid) -> String {
    format!("gavel-{slot}")
}

fn told_apart<E: ProvideErrorMetadata>(error: &SdkError<E>) -> IvsError {
    let status = error.raw_response().map(|response| response.status().as_u16());
    match (error.code().unwrap_or_default(), status) {
        ("ResourceNotFoundException", _) => IvsError::NotFound,
        ("ChannelNotBroadcasting", _) => IvsError::NotBroadcasting,
        ("ConflictException", _) => IvsError::Live,
        ("ServiceQuotaExceededException", _) => IvsError::Quota,
        (
            "ThrottlingException"
            | "Throttling"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "LimitExceededException",
            _,
        )
        | (_, Some(429)) => IvsError::Throttled,
        ("", None) => IvsError::Failed("no answer".to_owned()),
        (code, _) => {
            let message = error.message().unwrap_or_default();
            let status = status.unwrap_or(0);
            IvsError::Failed(format!("{status} {code} {message}").trim_end().to_owned())
        }
    }
}

fn made(channel: Option<aws_sdk_ivs::types::Channel>) -> Result<Made, IvsError> {
    let whole = channel.and_then(|channel| {
        Some(Made {
            arn: channel.arn?,
            ingest_endpoint: channel.ingest_endpoint?,
            playback_url: channel.playback_url?,
        })
    });
    whole.ok_or_else(|| IvsError::Failed("a channel that lacks something".to_owned()))
}

fn value(key: Option<aws_sdk_ivs::types::StreamKey>) -> Result<SecretString, IvsError> {
    let value = key.and_then(|key| key.value).map(SecretString::from);
    value.ok_or_else(|| IvsError::Failed("a stream key without its value".to_owned()))
}
