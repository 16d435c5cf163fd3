update users set push_endpoint_arn = null, notify_channel = 'email'
where user_id = $1 and push_endpoint_arn = $2 and deleted_at is null
