-- A device belongs to whoever registered it last: it may have been handed on.
with let_go as (
  update users set push_endpoint_arn = null,
    notify_channel = case notify_channel when 'push' then 'email' else notify_channel end
  where $4::text is not null and push_endpoint_arn = $4 and user_id <> $1
)
update users set
  display_name = coalesce($2, display_name),
  notify_channel = coalesce($3, notify_channel),
  push_endpoint_arn = coalesce($4, push_endpoint_arn)
where user_id = $1 and deleted_at is null
