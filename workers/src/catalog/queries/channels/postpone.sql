-- To be tried again in $3 seconds.
update channels
set due_at = now() + make_interval(secs => $3), failures = failures + 1
where slot = $1::uuid and state = $2
