-- Also when it was superseded meanwhile: what was sent was sent.
update notifications
set status = $2, reason = $3, message_id = $4, leased_until = null,
    sent_at = case when $2 = 'sent' then now() end
where id = $1
