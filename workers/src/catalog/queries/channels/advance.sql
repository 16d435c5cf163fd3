-- From a state ($2) to the next ($3). A worker that comes late finds another state and does nothing.
update channels
set state = $3, due_at = now(), failures = 0
where slot = $1::uuid and state = $2
