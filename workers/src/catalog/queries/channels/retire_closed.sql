-- Channels whose auction has been known to be over for longer than $1 seconds.
update channels
set state = 'retiring', due_at = now(), failures = 0
where state = 'assigned' and over_since < now() - make_interval(secs => $1)
