-- People who have signed in: what others call them and how they want to hear of their auctions. E-mail
-- addresses and phone numbers are not here but in the user pool. A deleted user's row stays, emptied, so
-- that an access token that is still valid does not bring them back.
create table users (
    user_id text primary key,
    display_name text,
    notify_channel text not null default 'email'
        check (notify_channel in ('email', 'sms', 'push', 'none')),
    push_endpoint_arn text,
    -- Set when mail to their address came back for good; nothing more is sent there.
    email_bounced_at timestamptz,
    created_at timestamptz not null default date_trunc('milliseconds', now()),
    deleted_at timestamptz,

    constraint deleted_users_are_nobody check (
        (deleted_at is null) = (display_name is not null)
        and (deleted_at is null or push_endpoint_arn is null)
    )
);

-- Names are unique whatever their case.
create unique index one_user_a_name on users (lower(display_name));
