package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// serversKey holds the run ids of the servers that were compared.
	serversKey = "eidgate:servers"
	// compareFor is how long a process holds back from a server that it has not met:
	// every other process compares its counts three times meanwhile.
	compareFor = 3 * lookEvery
)

// meeting is with servers that this process has not met yet.
type meeting struct {
	servers string
	since   time.Time
}

// greet lets a connection be used if its server was met. A server that was
// restarted, restored or failed over to may have lost a write that another
// process alone was told of; until that one has compared, nobody may use it.
func (s *Store) greet(ctx context.Context, conn *redis.Conn) error {
	text, err := conn.Info(ctx, "server").Result()
	if err != nil {
		return fmt.Errorf("asking who the server is: %w", err)
	}
	info := parseInfo(text)
	if info["redis_mode"] == "sentinel" { // go-redis greets those too; they hold nothing
		return nil
	}
	if id := info["run_id"]; id == "" || !strings.Contains(*s.servers.Load(), id) {
		s.suspect.Store(true)
		return errors.New("the server was restarted or replaced, and what it holds is not compared yet")
	}
	return nil
}

// meet joins the epoch of servers that this process has not met. What it knows of
// their counts it compares at once; what others know it waits for. The caller has
// the turn.
func (s *Store) meet(ctx context.Context, servers string) error {
	if *s.servers.Load() == servers {
		return nil
	}
	empty, known, err := s.introduction(ctx)
	if err != nil {
		return fmt.Errorf("meeting the server: %w", err)
	}
	e := s.epoch.Load()
	begun := false // an epoch of ours, in which nothing old counts
	if e != nil {
		switch err := s.look(ctx, e); {
		case errors.Is(err, errEnded):
			if err := s.settle(ctx, e.number+1); err != nil {
				return err
			}
			begun = true
		case err != nil:
			return err
		}
	}
	if !begun && known != servers && !(e == nil && empty) && s.tooSoon(servers) {
		return errors.New("the server was restarted or replaced: the gateway's processes compare what it holds")
	}
	if e == nil {
		if err := s.settle(ctx, 1); err != nil {
			return err
		}
	}
	if err := s.looker.Set(ctx, serversKey, servers, 0).Err(); err != nil {
		return fmt.Errorf("meeting the server: %w", err)
	}
	s.servers.Store(&servers)
	return nil
}

// introduction reads whether the server has never held passing state, and the run
// ids that were written into it.
func (s *Store) introduction(ctx context.Context) (empty bool, servers string, err error) {
	err = s.looker.Get(ctx, marker).Err()
	if empty = errors.Is(err, redis.Nil); err != nil && !empty {
		return false, "", err
	}
	servers, err = s.looker.Get(ctx, serversKey).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return false, "", err
	}
	return empty, servers, nil
}

// tooSoon reports whether others may not have compared yet.
func (s *Store) tooSoon(servers string) bool {
	if s.met.servers != servers {
		s.met = meeting{servers, time.Now()}
	}
	return time.Since(s.met.since) < compareFor
}
