update notifications
set leased_until = null, due_at = now() + make_interval(secs => $2)
where id = $1
