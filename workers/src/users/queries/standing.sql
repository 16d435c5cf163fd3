select user_id, deleted_at is not null from users where user_id = any($1)
