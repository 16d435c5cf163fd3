-- Somebody without a profile gets one, with a name that says nothing. The deleted stay deleted.
insert into users (user_id, display_name, notify_channel)
values ($1, 'user-' || left(encode(sha256(convert_to($1, 'UTF8')), 'hex'), 20), 'none')
on conflict (user_id) do update set notify_channel = 'none'
