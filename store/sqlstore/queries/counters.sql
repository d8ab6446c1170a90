-- name: AddCount :exec
INSERT INTO counters (day, name, n) VALUES (@day, @name, 1)
ON CONFLICT (day, name) DO UPDATE SET n = counters.n + 1;

-- name: CountOf :one
SELECT n FROM counters WHERE day = @day AND name = @name;
