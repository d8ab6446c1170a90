package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"eidgate/eid"
)

// seen is a StateServer with its secrets in the open, to compare.
type seen struct {
	Kind                    StateKind
	TLS                     bool
	Addrs                   []string
	Master                  string
	DB                      int
	User, Password          string
	SentinelUser, SentinelP string
}

func TestStateServer(t *testing.T) {
	for _, tt := range []struct {
		state string
		want  seen
	}{
		{"", seen{}},
		{"redis://127.0.0.1", seen{Kind: StateRedis, Addrs: []string{"127.0.0.1:6379"}}},
		{"redis://:p%40ss@h:1/3", seen{Kind: StateRedis, Addrs: []string{"h:1"}, Password: "p@ss", DB: 3}},
		{"rediss://u:p@[::1]:7000", seen{Kind: StateRedis, TLS: true, Addrs: []string{"[::1]:7000"}, User: "u", Password: "p"}},
		{
			"redis+sentinel://u:p@a/main/2?addr=b&addr=c:1&sentinel_username=s&sentinel_password=q",
			seen{
				Kind: StateSentinel, Addrs: []string{"a:26379", "b:26379", "c:1"}, Master: "main", DB: 2,
				User: "u", Password: "p", SentinelUser: "s", SentinelP: "q",
			},
		},
		{"rediss+sentinel://a/main", seen{Kind: StateSentinel, TLS: true, Addrs: []string{"a:26379"}, Master: "main"}},
		{"redis+cluster://a?addr=b:2", seen{Kind: StateCluster, Addrs: []string{"a:6379", "b:2"}}},
		{"rediss+cluster://a", seen{Kind: StateCluster, TLS: true, Addrs: []string{"a:6379"}}},
	} {
		c := Default()
		c.State = eid.NewSecret(tt.state)
		s, err := c.StateServer()
		if err != nil {
			t.Errorf("StateServer(%s): %v", tt.state, err)
			continue
		}
		got := seen{
			s.Kind, s.TLS, s.Addrs, s.Master, s.DB, s.Username, s.Password.Reveal(),
			s.SentinelUsername, s.SentinelPassword.Reveal(),
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("StateServer(%s) (-want +got)\n%s", tt.state, diff)
		}
	}
}

func TestStateServerRefuses(t *testing.T) {
	for _, tt := range []struct{ state, want string }{
		{"127.0.0.1:6379", "not a URL"},
		{"localhost:6379", "not a URL"},
		{"redis:hunter2", "not a URL"},
		{"redis://u:hunter2%@h", "not a URL"},
		{"redis://u:hunter2@h:port", "not a URL"},
		{"redis://u:hunter2@h:99999", "port"},
		{"redis://u:hunter2@h h", "not a URL"},
		{"http://u:hunter2@h", "scheme"},
		{"redis+sentinels://u:hunter2@h/main", "scheme"},
		{"redis://u:hunter2@", "host"},
		{"redis://u:hunter2@/0", "host"},
		{"redis://u:hunter2@h/x", "database"},
		{"redis://u:hunter2@h/-1", "database"},
		{"redis+cluster://u:hunter2@h/1", "database"},
		{"redis+sentinel://u:hunter2@h", "master"},
		{"redis+sentinel://u:hunter2@h/m?sentinel_password=a&sentinel_password=b", "twice"},
		{"redis://u:hunter2@h?addr=other", "no meaning"},
		{"redis+cluster://u:hunter2@h?addr=", "host"},
		{"redis+cluster://u:hunter2@h?addr=a,b", "host"},
		{"redis://u:hunter2@h?max_retries=3", "no meaning"},
		{"redis://u:hunter2@h?%zz", "query"},
		{"redis://u:hunter2@h#f", "fragment"},
	} {
		c := Default()
		c.Issuer, c.State = "http://127.0.0.1:8400", eid.NewSecret(tt.state)
		err := c.Check()
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "state: ") {
			t.Errorf("Check() with state %s = %v, want a fault of state that says %q", tt.state, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the fault shows the password: %v", err)
		}
	}
}

func TestStateByEnvironmentAndFile(t *testing.T) {
	path := write(t, map[string]string{
		"eidgate.yaml": "issuer: https://dangnhap.example.vn\nredis: {password_file: redis.txt, ca_file: ca.pem}\n",
		"redis.txt":    "hunter2\n",
	})
	c, err := Load(path, []string{"EIDGATE_STATE=rediss://redis.example.vn", "EIDGATE_REDIS__WAIT_REPLICAS=1"})
	if err != nil {
		t.Fatalf("Load(): %v", err)
	}
	s, err := c.StateServer()
	if err != nil || s.Password.Reveal() != "hunter2" {
		t.Errorf("StateServer() = %v, %v, want the file's password", s.Password.Reveal(), err)
	}
	if c.Redis.WaitReplicas != 1 || !strings.HasSuffix(c.Redis.CAFile, "/ca.pem") || c.Redis.CAFile[0] != '/' {
		t.Errorf("redis = %+v, want the variable's replicas and an absolute path", c.Redis)
	}
}
