-- name: SubjectsByParty :many
SELECT client, count(*) AS subjects FROM granted WHERE last_at >= @since GROUP BY client ORDER BY client;
