select user_id from notifications where id = $1
