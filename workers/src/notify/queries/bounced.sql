insert into users (user_id, display_name, email_bounced_at)
select user_id, 'user-' || left(encode(sha256(convert_to(user_id, 'UTF8')), 'hex'), 20), now()
from notifications where id = $1
on conflict (user_id) do update set email_bounced_at = now() where users.deleted_at is null
