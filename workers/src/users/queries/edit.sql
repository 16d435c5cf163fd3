-- A device belongs to whoever registered it last: it may have been handed on. Choosing e-mail says that
-- the address is right, also when mail had come back from it. Gives the device before.
with let_go as (
  update users set push_endpoint_arn = null,
    notify_channel = case notify_channel when 'push' then 'email' else notify_channel end
  where $4::text is not null and push_endpoint_arn = $4 and user_id <> $1
), before as (
  select push_endpoint_arn from users where user_id = $1 for update
)
update users set
  display_name = coalesce($2, display_name),
  keyed_name = coalesce($2, keyed_name),
  name_spelling = case when $2::text is null then name_spelling else $5 end,
  name_look = case when $2::text is null then name_look else $6 end,
  notify_channel = coalesce($3, notify_channel),
  push_endpoint_arn = coalesce($4, users.push_endpoint_arn),
  email_bounced_at = case when $3 = 'email' then null else email_bounced_at end
from before
where user_id = $1 and deleted_at is null
returning before.push_endpoint_arn
