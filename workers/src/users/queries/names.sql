select user_id, display_name from users where user_id = any($1) and deleted_at is null
