//! What the fake knows, and what each operation does to it.
//!
//! No HTTP here: an operation takes the members of a body and gives a status and a body, or a
//! refusal with AWS's code.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::failure::Failure;
use super::quota::Quotas;

/// The account and region all ARNs are in.
const HOME: &str = "arn:aws:ivs:us-east-1:000000000000";
/// Longest metadata, in bytes.
const METADATA_BYTES_MAX: usize = 1_024;
/// Channels an account may have.
const CHANNELS_MAX: usize = 5_000;
/// Channels on one page of a list, unless the caller wants another number.
const PAGE_CHANNELS: usize = 100;

/// A channel with its stream key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Channel {
    pub(super) name: String,
    pub(super) authorized: bool,
    pub(super) tags: BTreeMap<String, String>,
    /// ARN and value of its one key.
    pub(super) key: Option<(String, String)>,
    #[serde(skip)]
    pub(super) stream: Option<Stream>,
    #[serde(skip)]
    pub(super) cues: VecDeque<Cue>,
    #[serde(skip)]
    pub(super) revoked: Vec<String>,
}

/// A stream being sent to a channel.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) started: String,
    /// Whether the encoder comes back after a stop for as long as its key is good.
    pub(super) stubborn: bool,
    /// When it is over, once it was stopped: a channel stays live for a moment.
    pub(super) ends: Option<Instant>,
}

/// Metadata put into a stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cue {
    /// Milliseconds since the fake started.
    pub at_ms: u64,
    /// The text.
    pub metadata: String,
}

/// A call that arrived.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    /// Milliseconds since the fake started.
    pub at_ms: u64,
    /// The operation, such as `CreateChannel`.
    pub operation: String,
    /// The channel or key it was about.
    pub arn: String,
    /// `ok`, or the code of the error.
    pub code: String,
}

/// A refusal: status, code, message.
pub(super) type Refused = (u16, &'static str, &'static str);
type Answer = Result<(u16, Value), Refused>;

const NO_CHANNEL: Refused = (404, "ResourceNotFoundException", "Resource not found");
const NOT_LIVE: Refused = (404, "ChannelNotBroadcasting", "The channel isn't currently live");
const INVALID: Refused = (400, "ValidationException", "Invalid request");
const QUOTA: Refused = (402, "ServiceQuotaExceededException", "Your request would exceed a quota");

/// How long a stopped stream goes on.
const LINGER: Duration = Duration::from_millis(300);
/// Calls, and cues of a channel, that are remembered.
const REMEMBERED_MAX: usize = 10_000;

/// Adds to what is remembered.
pub(super) fn keep<T>(all: &mut VecDeque<T>, one: T) {
    if all.len() >= REMEMBERED_MAX {
        all.pop_front();
    }
    all.push_back(one);
}

/// Everything.
#[derive(Debug)]
pub(super) struct State {
    pub(super) channels: BTreeMap<String, Channel>,
    pub(super) calls: VecDeque<Call>,
    pub(super) failures: Vec<Failure>,
    pub(super) quotas: Quotas,
    pub(super) since: Instant,
}

impl Default for State {
    fn default() -> Self {
        Self {
            channels: BTreeMap::new(),
            calls: VecDeque::new(),
            failures: Vec::new(),
            quotas: Quotas::default(),
            since: Instant::now(),
        }
    }
}

impl State {
    /// Does what `operation` does.
    pub(super) fn act(&mut self, operation: &str, body: &Value) -> Answer {
        match operation {
            "CreateChannel" => self.create_channel(body),
            "GetChannel" => {
                let arn = text(body, "arn")?;
                Ok((200, json!({ "channel": shown(arn, self.channel(arn)?) })))
            }
            "ListChannels" => self.list_channels(body),
            "DeleteChannel" => {
                let arn = text(body, "arn")?;
                if self.live(arn)? {
                    return Err((409, "ConflictException", "The channel is live"));
                }
                self.channels.remove(arn);
                self.quotas.forget(arn);
                Ok((204, Value::Null))
            }
            "CreateStreamKey" => {
                let arn = text(body, "channelArn")?;
                let channel = self.channel_mut(arn)?;
                if channel.key.is_some() {
                    return Err(QUOTA);
                }
                channel.key = Some(new_key());
                Ok((200, json!({ "streamKey": key_shown(arn, self.channel(arn)?) })))
            }
            "GetStreamKey" => {
                let (channel, arn) = self.key_owner(text(body, "arn")?)?;
                Ok((200, json!({ "streamKey": key_shown(arn, channel) })))
            }
            "DeleteStreamKey" => {
                let key = text(body, "arn")?;
                let (_, arn) = self.key_owner(key)?;
                let arn = arn.to_owned();
                self.channel_mut(&arn)?.key = None;
                Ok((204, Value::Null))
            }
            "ListStreamKeys" => {
                let arn = text(body, "channelArn")?;
                let channel = self.channel(arn)?;
                let keys: Vec<Value> = channel
                    .key
                    .iter()
                    .map(|(key, _)| json!({ "arn": key, "channelArn": arn, "tags": {} }))
                    .collect();
                Ok((200, json!({ "streamKeys": keys })))
            }
            "StopStream" => self.stop_stream(text(body, "channelArn")?),
            "GetStream" => self.get_stream(text(body, "channelArn")?),
            "PutMetadata" => self.put_metadata(body),
            "StartViewerSessionRevocation" => {
                let viewer = text(body, "viewerId")?.to_owned();
                if viewer.len() > 40 {
                    return Err(INVALID);
                }
                self.channel_mut(text(body, "channelArn")?)?.revoked.push(viewer);
                Ok((200, json!({})))
            }
            _ => Err((404, "UnknownOperationException", "The fake does not know this operation")),
        }
    }

    fn create_channel(&mut self, body: &Value) -> Answer {
        let name = body["name"].as_str().unwrap_or_default();
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.len() > 128 || !name.chars().all(allowed) {
            return Err(INVALID);
        }
        if self.channels.len() >= CHANNELS_MAX {
            return Err(QUOTA);
        }
        let arn = format!("{HOME}:channel/{}", word());
        let channel = Channel {
            name: name.to_owned(),
            authorized: body["authorized"].as_bool().unwrap_or(false),
            tags: serde_json::from_value(body["tags"].clone()).unwrap_or_default(),
            key: Some(new_key()),
            stream: None,
            cues: VecDeque::new(),
            revoked: Vec::new(),
        };
        let made =
            json!({ "channel": shown(&arn, &channel), "streamKey": key_shown(&arn, &channel) });
        self.channels.insert(arn, channel);
        Ok((200, made))
    }

    fn list_channels(&self, body: &Value) -> Answer {
        let wanted = body["filterByName"].as_str();
        let most = body["maxResults"].as_u64().and_then(|most| usize::try_from(most).ok());
        let after = body["nextToken"].as_str().unwrap_or_default();
        let mut found = self
            .channels
            .iter()
            .filter(|(_, channel)| wanted.is_none_or(|name| channel.name == name))
            .skip_while(|(arn, _)| arn.as_str() <= after);
        let page: Vec<_> = found.by_ref().take(most.unwrap_or(PAGE_CHANNELS)).collect();
        let last = page.last().map(|(arn, _)| arn.as_str());
        let next = found.next().and(last);
        let channels: Vec<Value> = page
            .iter()
            .map(|(arn, channel)| {
                json!({ "arn": arn, "name": channel.name, "authorized": channel.authorized,
                        "latencyMode": "LOW", "tags": channel.tags })
            })
            .collect();
        Ok((200, json!({ "channels": channels, "nextToken": next })))
    }

    fn stop_stream(&mut self, arn: &str) -> Answer {
        if !self.live(arn)? {
            return Err(NOT_LIVE);
        }
        let channel = self.channel_mut(arn)?;
        let has_key = channel.key.is_some();
        if let Some(stream) = &mut channel.stream
            && !(stream.stubborn && has_key)
        {
            stream.ends.get_or_insert_with(|| Instant::now() + LINGER);
        }
        Ok((200, json!({})))
    }

    fn get_stream(&mut self, arn: &str) -> Answer {
        if !self.live(arn)? {
            return Err(NOT_LIVE);
        }
        let channel = self.channel(arn)?;
        let started = channel.stream.as_ref().map(|stream| stream.started.clone());
        Ok((
            200,
            json!({ "stream": { "channelArn": arn, "state": "LIVE", "health": "HEALTHY",
                                "viewerCount": 0, "startTime": started } }),
        ))
    }

    fn put_metadata(&mut self, body: &Value) -> Answer {
        let (arn, metadata) = (text(body, "channelArn")?, text(body, "metadata")?);
        if metadata.is_empty() || metadata.len() > METADATA_BYTES_MAX {
            return Err(INVALID);
        }
        if !self.live(arn)? {
            return Err(NOT_LIVE);
        }
        let cue = Cue { at_ms: self.now_ms(), metadata: metadata.to_owned() };
        keep(&mut self.channel_mut(arn)?.cues, cue);
        Ok((204, Value::Null))
    }

    /// Milliseconds since the fake started.
    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether a channel has a stream right now.
    pub(super) fn live(&mut self, arn: &str) -> Result<bool, Refused> {
        let channel = self.channel_mut(arn)?;
        let over = |stream: &Stream| stream.ends.is_some_and(|ends| ends <= Instant::now());
        if channel.stream.as_ref().is_some_and(over) {
            channel.stream = None;
        }
        Ok(channel.stream.is_some())
    }

    pub(super) fn channel_mut(&mut self, arn: &str) -> Result<&mut Channel, Refused> {
        self.channels.get_mut(arn).ok_or(NO_CHANNEL)
    }

    fn channel(&self, arn: &str) -> Result<&Channel, Refused> {
        self.channels.get(arn).ok_or(NO_CHANNEL)
    }

    fn key_owner(&self, key: &str) -> Result<(&Channel, &str), Refused> {
        let owns = |channel: &Channel| channel.key.as_ref().is_some_and(|(arn, _)| arn == key);
        let found = self.channels.iter().find(|(_, channel)| owns(channel));
        found.map(|(arn, channel)| (channel, arn.as_str())).ok_or(NO_CHANNEL)
    }
}

/// A member that must be there.
fn text<'a>(body: &'a Value, name: &str) -> Result<&'a str, Refused> {
    body[name].as_str().ok_or(INVALID)
}

fn word() -> String {
    Uuid::new_v4().simple().to_string()[..12].to_owned()
}

fn new_key() -> (String, String) {
    let arn = format!("{HOME}:stream-key/{}", word());
    (arn, format!("sk_us-east-1_{}", Uuid::new_v4().simple()))
}

fn shown(arn: &str, channel: &Channel) -> Value {
    let id = arn.rsplit('/').next().unwrap_or_default();
    json!({
        "arn": arn,
        "name": channel.name,
        "authorized": channel.authorized,
        "insecureIngest": false,
        "latencyMode": "LOW",
        "type": "STANDARD",
        "ingestEndpoint": format!("{id}.global-contribute.live-video.net"),
        "playbackUrl": format!(
            "https://{id}.us-east-1.playback.live-video.net/api/video/v1/us-east-1.000000000000.channel.{id}.m3u8"
        ),
        "tags": channel.tags,
    })
}

fn key_shown(arn: &str, channel: &Channel) -> Value {
    let (key, value) = channel.key.clone().unwrap_or_default();
    json!({ "arn": key, "value": value, "channelArn": arn, "tags": {} })
}
