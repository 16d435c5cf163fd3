update users set erased_at = now() where user_id = $1 and deleted_at is not null
