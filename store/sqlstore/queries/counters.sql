-- name: AddCount :exec
INSERT INTO counters (day, name, n) VALUES (@day, @name, @n)
ON CONFLICT (day, name) DO UPDATE SET n = counters.n + excluded.n;

-- name: CountOf :one
SELECT n FROM counters WHERE day = @day AND name = @name;
