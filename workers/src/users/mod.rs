//! People: a profile for everybody who ever signed in, in PostgreSQL.
//!
//! A profile is a display name and how to be told about things. It never says who bids: bids are shown
//! under the names that `AuctionId::public_name` makes. A deleted profile is a tombstone: its id stays,
//! because auctions and bids refer to it, and nothing else does; it never comes back.

mod accounts;
mod devices;
mod erasure;
mod error;
mod keying;
mod name;
mod outline;
mod reach;
mod reserved;
mod roster;
mod seen;

use std::collections::{BTreeSet, HashMap};

use gavel_core::ids::UserId;
use gavel_core::time::Timestamp;
use gavel_core::wire::{Channel, MeView, NotificationsView};
use sqlx::PgPool;
use sqlx::types::time::OffsetDateTime;

pub(crate) use self::accounts::Accounts;
pub(crate) use self::devices::{DeviceError, Devices};
pub(crate) use self::erasure::{Eraser, Erasures, Left};
pub use self::error::UsersError;
pub use self::name::Name;
pub use self::roster::{Greeter, Roster};
pub use self::seen::Standing;
use crate::catalog::{Catalog, Cause, in_time, timestamp};
use crate::limits::NAME_ATTEMPTS_MAX;

/// The profiles. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Users {
    pool: PgPool,
}

/// What a person says about themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Who.
    pub user: UserId,
    /// The name shown in chats.
    pub display_name: String,
    /// How they want to be told about things.
    pub channel: Channel,
    /// Whether a device is known for [`Channel::Push`].
    pub push_device: bool,
    /// When they were first seen.
    pub created_at: Timestamp,
}

/// What an edit made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// As it is now.
    pub profile: Profile,
    /// The device that another one took the place of.
    pub replaced_device: Option<String>,
}

/// What changes; `None` stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change<'a> {
    /// The name.
    pub display_name: Option<&'a Name>,
    /// The way to be told.
    pub channel: Option<Channel>,
    /// The device, as the push service of this deployment knows it.
    pub push_endpoint: Option<&'a str>,
}

/// Name, channel, whether there is a device, whether the name has its keys, made when, deleted when.
type Row = (Option<String>, String, bool, bool, OffsetDateTime, Option<OffsetDateTime>);

impl Users {
    /// The profiles beside `catalog`, in the same database.
    #[must_use]
    pub fn new(catalog: &Catalog) -> Self {
        Self { pool: catalog.pool() }
    }

    /// Somebody's profile, made now if it is not there. A deleted one is [`UsersError::Deleted`].
    pub async fn profile(&self, user: &UserId) -> Result<Profile, UsersError> {
        for _ in 0..NAME_ATTEMPTS_MAX {
            match self.row(user).await? {
                Some((.., Some(_deleted_at))) => return Err(UsersError::Deleted),
                Some(row) => {
                    let keyed = row.3;
                    let profile = read(user, row).map_err(UsersError::Broken)?;
                    if !keyed {
                        // A release that knows no keys has named them since `gavel migrate` ran.
                        self.key(user, &profile.display_name).await?;
                    }
                    return Ok(profile);
                }
                None => drop(self.see(std::slice::from_ref(user)).await?),
            }
        }
        Err(UsersError::Unavailable("no free name was found".into()))
    }

    /// Changes the profile of somebody who has one.
    pub async fn edit(&self, user: &UserId, change: Change<'_>) -> Result<Edited, UsersError> {
        let update = sqlx::query_scalar(include_str!("queries/edit.sql"))
            .bind(user.as_str())
            .bind(change.display_name.map(|name| &name.shown))
            .bind(change.channel.map(Channel::as_str))
            .bind(change.push_endpoint)
            .bind(change.display_name.map(|name| &name.keys.spelling))
            .bind(change.display_name.map(|name| &name.keys.look));
        let before: Option<Option<String>> = in_time(update.fetch_optional(&self.pool)).await?;
        let replaced = |before: &String| change.push_endpoint.is_some_and(|now| now != before);
        let replaced_device = before.flatten().filter(replaced);
        Ok(Edited { profile: self.profile(user).await?, replaced_device })
    }

    /// Makes a tombstone of somebody's profile; again, it changes nothing. Gives when it was done.
    pub async fn delete(&self, user: &UserId) -> Result<Timestamp, UsersError> {
        // Also of somebody who never had one: it must not come into being afterwards.
        self.see(std::slice::from_ref(user)).await?;
        let delete = sqlx::query_scalar(include_str!("queries/delete.sql")).bind(user.as_str());
        let deleted_at: Option<OffsetDateTime> = in_time(delete.fetch_optional(&self.pool)).await?;
        let deleted_at =
            deleted_at.ok_or_else(|| UsersError::Unavailable("no free name was found".into()))?;
        timestamp(deleted_at).map_err(UsersError::Broken)
    }

    /// Whether somebody sells in an auction that is not closed.
    pub async fn sells(&self, user: &UserId) -> Result<bool, UsersError> {
        let query = sqlx::query_scalar(include_str!("queries/sells.sql")).bind(user.as_str());
        Ok(in_time(query.fetch_one(&self.pool)).await?)
    }

    /// The display names of those of `users` who are there.
    pub async fn names(
        &self,
        users: &BTreeSet<UserId>,
    ) -> Result<HashMap<UserId, String>, UsersError> {
        let ids: Vec<&str> = users.iter().map(UserId::as_str).collect();
        let query = sqlx::query_as(include_str!("queries/names.sql")).bind(ids);
        let rows: Vec<(String, String)> = in_time(query.fetch_all(&self.pool)).await?;
        let read = |(id, name): (String, String)| Ok((UserId::parse(&id)?, name));
        rows.into_iter().map(read).collect::<Result<_, Cause>>().map_err(UsersError::Broken)
    }

    /// Makes the profiles that are missing, and says how those of `users` stand who have one now. One
    /// whose made-up name was taken has none yet.
    async fn see(&self, users: &[UserId]) -> Result<HashMap<UserId, Standing>, UsersError> {
        // In one order everywhere, or two of these at once could wait for each other.
        let users: BTreeSet<&str> = users.iter().map(UserId::as_str).collect();
        let users: Vec<&str> = users.into_iter().collect();
        let known = self.standing(&users).await?;
        let new: Vec<&str> =
            users.iter().copied().filter(|user| !known.contains_key(*user)).collect();
        let mut standing = known;
        if !new.is_empty() {
            let names: Vec<Name> = new.iter().map(|_| Name::generated(fastrand::u32(..))).collect();
            let shown: Vec<&str> = names.iter().map(|name| name.shown.as_str()).collect();
            let spellings: Vec<&str> =
                names.iter().map(|name| name.keys.spelling.as_str()).collect();
            let looks: Vec<&str> = names.iter().map(|name| name.keys.look.as_str()).collect();
            let insert = sqlx::query(include_str!("queries/see.sql")).bind(&new).bind(shown);
            let insert = insert.bind(spellings).bind(looks);
            in_time(insert.execute(&self.pool)).await?;
            standing.extend(self.standing(&new).await?);
        }
        let read = |(id, standing): (String, Standing)| Ok((UserId::parse(&id)?, standing));
        standing.into_iter().map(read).collect::<Result<_, Cause>>().map_err(UsersError::Broken)
    }

    async fn standing(&self, users: &[&str]) -> Result<HashMap<String, Standing>, UsersError> {
        let query = sqlx::query_as(include_str!("queries/standing.sql")).bind(users);
        let rows: Vec<(String, bool)> = in_time(query.fetch_all(&self.pool)).await?;
        let standing = |deleted| if deleted { Standing::Deleted } else { Standing::Present };
        Ok(rows.into_iter().map(|(id, deleted)| (id, standing(deleted))).collect())
    }

    async fn row(&self, user: &UserId) -> Result<Option<Row>, UsersError> {
        let query = sqlx::query_as(include_str!("queries/get.sql")).bind(user.as_str());
        Ok(in_time(query.fetch_optional(&self.pool)).await?)
    }
}

impl From<Profile> for MeView {
    fn from(profile: Profile) -> Self {
        Self {
            user_id: profile.user,
            display_name: profile.display_name,
            notifications: NotificationsView {
                channel: profile.channel,
                push_device: profile.push_device,
            },
            created_at: profile.created_at,
        }
    }
}

fn read(user: &UserId, row: Row) -> Result<Profile, Cause> {
    let (name, channel, push_device, _keyed, created_at, _deleted_at) = row;
    Ok(Profile {
        user: user.clone(),
        display_name: name.ok_or("a profile without a name")?,
        channel: Channel::parse(&channel).ok_or("not a channel")?,
        push_device,
        created_at: timestamp(created_at)?,
    })
}
