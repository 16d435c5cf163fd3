-- The device of a deleted user is kept until SNS has forgotten it, too.
alter table users drop constraint deleted_users_are_nobody;
alter table users add constraint deleted_users_are_nobody check (
    (deleted_at is null) = (display_name is not null)
    and (erased_at is null or push_endpoint_arn is null)
);
