update users set erased_at = now(), push_endpoint_arn = null
where user_id = $1 and deleted_at is not null
