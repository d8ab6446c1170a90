package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisServer is a Redis that keeps nothing on disk.
type redisServer struct {
	*process
	addr    string
	version string
	rdb     *redis.Client
}

func startRedis(ctx context.Context, dir, whose string) (*redisServer, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errors.New("redis-server is not here; on Debian: apt-get install redis-server")
	}
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	s := &redisServer{addr: addr}
	s.process, err = start(ctx, "redis-server of "+whose, filepath.Join(dir, "redis-"+whose+".log"), nil, program,
		"--bind", host, "--port", port, "--dir", dir, "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction")
	if err != nil {
		return nil, err
	}
	s.rdb = redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1})
	for started := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if err = s.rdb.Ping(ctx).Err(); err == nil {
			break
		}
		if time.Since(started) > startTime {
			return nil, errors.Join(fmt.Errorf("redis-server does not answer: %w\n%s", err, s.tail()), s.stop())
		}
	}
	info, err := s.rdb.Info(ctx, "server").Result()
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if m := regexp.MustCompile(`redis_version:(\S+)`).FindStringSubmatch(info); m != nil {
		s.version = m[1]
	}
	return s, nil
}

func (s *redisServer) url() string { return "redis://" + s.addr }

// commands counts what the server has run so far, those inside scripts included.
func (s *redisServer) commands(ctx context.Context) (int64, error) {
	info, err := s.rdb.Info(ctx, "commandstats").Result()
	if err != nil {
		return 0, fmt.Errorf("asking Redis for its counts: %w", err)
	}
	return parseCommands(info), nil
}

// parseCommands adds up the calls of INFO commandstats but INFO's own.
func parseCommands(info string) int64 {
	var sum int64
	for line := range strings.Lines(info) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), ":calls=")
		if !ok || name == "cmdstat_info" {
			continue
		}
		calls, _, _ := strings.Cut(rest, ",")
		n, err := strconv.ParseInt(calls, 10, 64)
		if err == nil {
			sum += n
		}
	}
	return sum
}

// empty reports whether the server holds nothing.
func (s *redisServer) empty(ctx context.Context) (bool, error) {
	n, err := s.rdb.DBSize(ctx).Result()
	return n == 0, err
}

// end closes the bench's own connections and stops the server.
func (s *redisServer) end() error { return errors.Join(s.rdb.Close(), s.stop()) }
