-- Whether the account of a deleted user is gone from Cognito, too, and who is at it until when.
alter table users add column erased_at timestamptz;
alter table users add column erasing_until timestamptz;
create index users_to_erase on users (deleted_at) where deleted_at is not null and erased_at is null;
