-- Once: asked again, the first time stays.
update users set
  deleted_at = coalesce(deleted_at, now()),
  display_name = null, notify_channel = 'none', push_endpoint_arn = null, email_bounced_at = null
where user_id = $1
returning deleted_at
