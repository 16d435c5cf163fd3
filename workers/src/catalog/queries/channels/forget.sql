delete from channels where slot = $1::uuid and state = $2
