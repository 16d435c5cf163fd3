update users set email_bounced_at = now() where user_id = $1 and deleted_at is null
