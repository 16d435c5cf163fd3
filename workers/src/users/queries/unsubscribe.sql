update users set notify_channel = 'none' where user_id = $1
