-- The device stays, so that SNS is told to forget it when another takes its place, or its owner goes.
update users set notify_channel = 'email'
where user_id = $1 and push_endpoint_arn = $2 and notify_channel = 'push' and deleted_at is null
