-- A channel ($1) that is not there any more although it should be. Its auction waits for another.
delete from channels where arn = $1 and state in ('ready', 'assigned')
