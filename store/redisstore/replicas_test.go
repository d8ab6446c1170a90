package redisstore

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"eidgate/store"
	"eidgate/store/storetest"
)

// replicaOf starts a server that follows another.
func replicaOf(t *testing.T, master *storetest.Redis) *storetest.Redis {
	t.Helper()
	host, port, err := net.SplitHostPort(master.Addr)
	if err != nil {
		t.Fatal(err)
	}
	replica := storetest.StartRedis(t, "--replicaof", host, port, "--repl-diskless-load", "swapdb", "--repl-diskless-sync-delay", "0")
	eventually(t, "the replica to follow", func() bool {
		return strings.Contains(master.CLI("INFO", "replication"), "port="+portOf(replica)+",state=online") && master.CLI("WAIT", "1", "100") == "1"
	})
	return replica
}

func portOf(r *storetest.Redis) string { return r.Addr[strings.LastIndexByte(r.Addr, ':')+1:] }

func TestWaitsForReplicas(t *testing.T) {
	master := storetest.StartRedis(t, "--repl-diskless-sync-delay", "0")
	replica := replicaOf(t, master)
	cfg := at(master)
	cfg.WaitReplicas, cfg.WaitTimeout = 1, 300*time.Millisecond
	s := open(t, cfg)
	eventually(t, "the first acknowledgement", works(t, s))
	apply(t, s, store.PutIfAbsent("code", []byte("v"), time.Hour))
	// What counted is on the replica already.
	if n := replica.CLI("KEYS", "*code"); !strings.HasSuffix(n, ":code") {
		t.Errorf("the replica has %q, want the code", n)
	}
	replica.Pause()
	fails(t, "a write that no replica has", s, store.PutIfAbsent("code2", nil, time.Hour))
	if got := apply(t, s, store.Get("code")); !got[0].OK {
		t.Error("reading fails without a replica")
	}
	replica.Resume()
	eventually(t, "the replica to follow again", works(t, s))
	replica.Kill()
	fails(t, "a write without a replica", s, store.Take("code"))
}

// TestSentinel: a fail-over keeps what was burned burned.
func TestSentinel(t *testing.T) {
	master := storetest.StartRedis(t, "--repl-diskless-sync-delay", "0")
	replica := replicaOf(t, master)
	sentinel := startSentinel(t, master.Addr)
	cfg := Config{
		Topology: Sentinel, Addrs: []string{sentinel.Addr}, Master: "main",
		WaitReplicas: 1, WaitTimeout: 300 * time.Millisecond,
	}
	s := tended(t, open(t, cfg))
	eventually(t, "the first acknowledgement", works(t, s))
	everything(t, s)
	apply(t, s, store.PutIfAbsent("code", nil, time.Hour), store.PutIfAbsent("session", nil, time.Hour), store.Take("code"))
	master.Kill()
	fails(t, "a write to a master that is gone", s, store.Take("session"))
	eventually(t, "the fail-over", func() bool {
		said, err := replica.TryCLI("INFO", "replication")
		return err == nil && strings.Contains(said, "role:master")
	})
	// The new master has no replica to wait for: writes go on once it has one.
	replicaOf(t, replica)
	eventually(t, "the new master", works(t, s))
	got := apply(t, s, store.Get("code"), store.Get("session"))
	if got[0].OK || !got[1].OK || s.number() != 1 {
		t.Errorf("after the fail-over: %+v in epoch %d, want the session alone, in the first", got, s.number())
	}
}

// startSentinel starts a sentinel that watches a master named main.
func startSentinel(t *testing.T, master string) *storetest.Redis {
	t.Helper()
	host, port, err := net.SplitHostPort(master)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	text := "sentinel monitor main " + host + " " + port + " 1\nsentinel down-after-milliseconds main 1000\n" +
		"sentinel failover-timeout main 5000\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel := storetest.StartSentinel(t, file)
	eventually(t, "the sentinel to know the replica", func() bool {
		return strings.Contains(sentinel.CLI("SENTINEL", "MASTER", "main"), "num-slaves\n1")
	})
	return sentinel
}

func TestCluster(t *testing.T) {
	var nodes []*storetest.Redis
	create := []string{"--cluster", "create"}
	for range 3 {
		n := storetest.StartRedis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
		nodes, create = append(nodes, n), append(create, n.Addr)
	}
	cli := exec.CommandContext(t.Context(), "redis-cli", append(create, "--cluster-replicas", "0", "--cluster-yes")...)
	if out, err := cli.CombinedOutput(); err != nil {
		t.Fatalf("making the cluster: %v\n%s", err, out)
	}
	for _, n := range nodes {
		eventually(t, "the cluster", func() bool { return strings.Contains(n.CLI("CLUSTER", "INFO"), "cluster_state:ok") })
	}
	cfg := Config{Topology: Cluster, Addrs: []string{nodes[0].Addr}}
	storetest.State(t, grain, func(t *testing.T, clock *storetest.Clock) store.State {
		for _, n := range nodes {
			n.CLI("FLUSHALL")
			clock.Follow(n.Age)
		}
		return storetest.InTurn(open(t, cfg), open(t, cfg))
	})

	for _, n := range nodes {
		n.CLI("FLUSHALL")
	}
	s, other := open(t, cfg), open(t, cfg)
	for i := range 50 {
		if _, err := s.Apply(t.Context(), "s"+strconv.Itoa(i), store.PutIfAbsent("k", nil, time.Hour)); err != nil {
			t.Fatalf("Apply(): %v", err)
		}
	}
	for i, n := range nodes {
		if n.CLI("DBSIZE") == "0" {
			t.Errorf("node %d holds nothing: slots are not spread", i)
		}
	}
	// One node that loses its records ends the epoch of all of them.
	nodes[1].CLI("FLUSHALL")
	if err := s.tend(t.Context(), 1); err != nil {
		t.Fatalf("looking after the cluster: %v", err)
	}
	for i := range 50 {
		got, err := other.Apply(t.Context(), "s"+strconv.Itoa(i), store.Take("k"))
		if err != nil || got[0].OK {
			t.Fatalf("slot %d after a node was emptied: %+v, %v, want nothing", i, got, err)
		}
	}
	if s.number() != 2 || other.number() != 2 {
		t.Errorf("epochs = %d and %d, want 2", s.number(), other.number())
	}
	// A hash slot that moves is followed, and nothing is done twice.
	moveSlot(t, nodes, other)
	if _, err := closed(t, at(nodes[0]), &notes{}).Admit(t.Context()); err == nil {
		t.Error("redis:// to a node of a cluster is not refused")
	}
}

// moveSlot moves the hash slot of one part to another node and counts on.
func moveSlot(t *testing.T, nodes []*storetest.Redis, s *Store) {
	t.Helper()
	count := func() int64 {
		got, err := s.Apply(t.Context(), "moves", store.Count("n", 9, time.Hour))
		if err != nil {
			t.Fatalf("counting: %v", err)
		}
		return got[0].N
	}
	if n := count(); n != 1 {
		t.Fatalf("first count = %d", n)
	}
	e := s.epoch.Load()
	key := e.place(e.part("moves")).count
	slot := nodes[0].CLI("CLUSTER", "KEYSLOT", key)
	from := -1
	for i, n := range nodes {
		if n.CLI("CLUSTER", "COUNTKEYSINSLOT", slot) != "0" {
			from = i
		}
	}
	if from < 0 {
		t.Fatal("no node has the key")
	}
	to := (from + 1) % len(nodes)
	source, target := nodes[from].CLI("CLUSTER", "MYID"), nodes[to].CLI("CLUSTER", "MYID")
	nodes[to].CLI("CLUSTER", "SETSLOT", slot, "IMPORTING", source)
	nodes[from].CLI("CLUSTER", "SETSLOT", slot, "MIGRATING", target)
	host, port, err := net.SplitHostPort(nodes[to].Addr)
	if err != nil {
		t.Fatal(err)
	}
	keys := strings.Fields(nodes[from].CLI("CLUSTER", "GETKEYSINSLOT", slot, "100"))
	nodes[from].CLI(append([]string{"MIGRATE", host, port, "", "0", "5000", "KEYS"}, keys...)...)
	for _, i := range []int{to, from} {
		nodes[i].CLI("CLUSTER", "SETSLOT", slot, "NODE", target)
	}
	if n := count(); n != 2 {
		t.Errorf("after the slot has moved the count is %d, want 2", n)
	}
}
