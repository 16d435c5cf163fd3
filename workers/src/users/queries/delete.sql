-- Once: asked again, the first time stays. The device stays until SNS has forgotten it.
update users set
  deleted_at = coalesce(deleted_at, now()),
  display_name = null, keyed_name = null, name_spelling = null, name_look = null,
  notify_channel = 'none', email_bounced_at = null
where user_id = $1
returning deleted_at
