package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Finding is something about a server that an operator should know.
type Finding struct {
	Refuses bool   // the server must not be used as it is
	Node    string // its address
	Problem string
	Mend    string
}

// What is worth a finding.
const (
	minVersion  = 7
	slowAnswer  = 20 * time.Millisecond
	clocksApart = 2 * time.Second
)

// Inspect asks every master for what passing state depends on. An error means
// that one could not be asked.
func (s *Store) Inspect(ctx context.Context) ([]Finding, error) {
	findings, _, err := s.inspect(ctx)
	return findings, err
}

// inspect also gives the run ids of the servers.
func (s *Store) inspect(ctx context.Context) (all []Finding, servers string, err error) {
	var mu sync.Mutex
	var ids []string
	err = s.nodes(ctx, func(ctx context.Context, node redis.UniversalClient) error {
		found, id, err := s.inspectNode(ctx, node)
		mu.Lock()
		defer mu.Unlock()
		all, ids = append(all, found...), append(ids, id)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("looking at Redis: %w", err)
	}
	slices.Sort(ids)
	slices.SortFunc(all, func(a, b Finding) int { return strings.Compare(a.Node+a.Problem, b.Node+b.Problem) })
	return all, strings.Join(ids, " "), nil
}

func (s *Store) inspectNode(ctx context.Context, node redis.UniversalClient) (found []Finding, runID string, err error) {
	name := strings.Join(s.cfg.Addrs, ",")
	if single, ok := node.(*redis.Client); ok && s.cfg.Topology != Sentinel {
		name = single.Options().Addr
	}
	add := func(refuses bool, problem, mend string) {
		found = append(found, Finding{Refuses: refuses, Node: name, Problem: problem, Mend: mend})
	}
	asked := time.Now()
	serverTime, err := node.Time(ctx).Result()
	took := time.Since(asked)
	switch {
	case redis.HasErrorPrefix(err, "NOPERM"):
		add(false, "the user may not ask for the server's time", "ACL SETUSER … +time")
	case err != nil:
		return nil, "", err
	default:
		if took > slowAnswer {
			add(false, fmt.Sprintf("an answer takes %v", took.Round(time.Millisecond)), "run Redis near the gateway")
		}
		if apart := serverTime.Sub(asked).Abs(); apart > clocksApart+took {
			add(false, fmt.Sprintf("its clock and this one are %v apart", apart.Round(time.Second)), "keep both by NTP")
		}
	}
	text, err := node.Info(ctx, "everything").Result()
	if redis.HasErrorPrefix(err, "NOPERM") {
		add(true, "the user may not run INFO, so that nobody knows whether Redis evicts", "ACL SETUSER … +info")
		return found, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	info := parseInfo(text)
	s.judge(info, add)
	if s.cfg.Topology == Cluster {
		if state, err := node.ClusterInfo(ctx).Result(); err == nil && !strings.Contains(state, "cluster_state:ok") {
			add(true, "the cluster is not whole", "see redis-cli --cluster check")
		}
	}
	return found, info["run_id"], nil
}

// judge says what is wrong with a server by its INFO.
func (s *Store) judge(info map[string]string, add func(refuses bool, problem, mend string)) {
	version := info["redis_version"]
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err != nil || n < minVersion {
		add(true, "its version is "+version, "Redis 7.0 or later")
	}
	if policy := info["maxmemory_policy"]; policy != "noeviction" {
		add(true, fmt.Sprintf("maxmemory-policy is %q: a full Redis would throw away marks of what was used up", policy),
			"maxmemory-policy noeviction in redis.conf, and CONFIG SET for the one that runs")
	}
	if info["maxmemory"] == "0" {
		add(false, "maxmemory is not set: Redis may grow until the system ends it", "set maxmemory below the machine's memory")
	}
	if role := info["role"]; role != "master" {
		add(true, "its role is "+role, "name the master, or the sentinels with redis+sentinel://")
	}
	if clustered := info["cluster_enabled"] == "1"; clustered != (s.cfg.Topology == Cluster) {
		add(true, "redis+cluster:// is for a Cluster, and for nothing else", "the scheme that fits the server")
	}
	if replicas, err := strconv.Atoi(info["connected_slaves"]); err == nil && replicas < s.cfg.WaitReplicas {
		add(false, fmt.Sprintf("%d replicas are connected, and writes wait for %d", replicas, s.cfg.WaitReplicas),
			"bring the replicas back, or lower redis.wait_replicas")
	}
	if info["aof_enabled"] == "0" && info["connected_slaves"] == "0" {
		add(false, "it has neither an append-only file nor a replica: everybody signs in again after it restarts", "appendonly yes")
	}
}

// parseInfo reads the lines name:value of INFO.
func parseInfo(text string) map[string]string {
	info := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			info[name] = value
		}
	}
	return info
}
