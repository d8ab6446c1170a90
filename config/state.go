package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"eidgate/eid"
)

// Redis says how a Redis that holds the passing state is spoken to. Its address
// is Config.State.
type Redis struct {
	Password     eid.Secret `koanf:"password"`      // where state carries none, or env:NAME for the value of a variable
	PasswordFile string     `koanf:"password_file"` // a file that holds it, instead of password, or credential:NAME
	CAFile       string     `koanf:"ca_file"`       // the authorities of the server's certificate, in PEM; without it, the system's
	CertFile     string     `koanf:"cert_file"`     // the gateway's own certificate for it, in PEM
	KeyFile      string     `koanf:"key_file"`      // the key of cert_file
	// How long one step may take, whatever it waits for.
	Timeout  time.Duration `koanf:"timeout"`
	PoolSize int           `koanf:"pool_size"` // connections to one node, at most
	// How many replicas must have a write before it counts (WAIT).
	WaitReplicas int `koanf:"wait_replicas"`
	// How long they are waited for; half of timeout at most.
	WaitTimeout time.Duration `koanf:"wait_timeout"`
}

// StateKind is what the address of passing state leads to.
type StateKind int

// The kinds.
const (
	StateFile     StateKind = iota // SQLite in Data
	StateRedis                     // one server
	StateSentinel                  // sentinels that know a master
	StateCluster                   // nodes of a Cluster
)

// StateServer is the address of passing state, read.
type StateServer struct {
	Kind             StateKind
	TLS              bool
	Addrs            []string // host:port
	Master           string   // its name at the sentinels
	DB               int
	Username         string
	Password         eid.Secret
	SentinelUsername string
	SentinelPassword eid.Secret
}

// stateSchemes are those of State, and the ports of addresses that name none.
// Each but the empty one has a form with TLS: rediss.
var stateSchemes = []struct {
	name string
	kind StateKind
	port string
}{
	{"redis", StateRedis, "6379"},
	{"redis+sentinel", StateSentinel, "26379"},
	{"redis+cluster", StateCluster, "6379"},
}

// StateServer reads State. Errors repeat nothing of it: it may hold a password.
func (c *Config) StateServer() (StateServer, error) {
	raw := c.State.Reveal()
	if raw == "" {
		return StateServer{}, nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || unfit(raw) {
		return StateServer{}, errors.New("not a URL: percent-encode what is special in user and password")
	}
	s, port, err := stateScheme(u.Scheme)
	if err != nil {
		return StateServer{}, err
	}
	if u.Fragment != "" {
		return StateServer{}, errors.New("has a fragment")
	}
	s.Username = u.User.Username()
	password, _ := u.User.Password()
	s.Password = eid.NewSecret(password)
	if s.Password.IsZero() {
		s.Password = c.Redis.Password
	}
	if err := s.readQuery(u, port); err != nil {
		return StateServer{}, err
	}
	return s, s.readPath(strings.Trim(u.Path, "/"))
}

func stateScheme(scheme string) (StateServer, string, error) {
	for _, known := range stateSchemes {
		switch scheme {
		case known.name:
			return StateServer{Kind: known.kind}, known.port, nil
		case strings.Replace(known.name, "redis", "rediss", 1):
			return StateServer{Kind: known.kind, TLS: true}, known.port, nil
		}
	}
	return StateServer{}, "", errors.New("no known scheme")
}

// readQuery reads the further addresses, and what only sentinels have.
func (s *StateServer) readQuery(u *url.URL, port string) error {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errors.New("its query cannot be read")
	}
	for name, values := range q {
		sentinels := s.Kind == StateSentinel && (name == "sentinel_username" || name == "sentinel_password")
		if !(name == "addr" && s.Kind != StateRedis) && !sentinels {
			return fmt.Errorf("its query holds what has no meaning: %s", clip(name))
		}
		if sentinels && len(values) > 1 {
			return fmt.Errorf("its query holds %s twice", name)
		}
	}
	s.SentinelUsername, s.SentinelPassword = q.Get("sentinel_username"), eid.NewSecret(q.Get("sentinel_password"))
	for _, addr := range append([]string{u.Host}, q["addr"]...) {
		full, err := withPort(addr, port)
		if err != nil {
			return err
		}
		s.Addrs = append(s.Addrs, full)
	}
	return nil
}

// withPort gives an address the port that it leaves out.
func withPort(addr, port string) (string, error) {
	u := url.URL{Host: addr}
	host := u.Hostname()
	if host == "" || unfit(host) || strings.ContainsAny(host, "/@,") {
		return "", errors.New("an address without a host")
	}
	if p := u.Port(); p != "" {
		port = p
	}
	if !validPort(port) {
		return "", errors.New("an address with a port that is none")
	}
	return net.JoinHostPort(host, port), nil
}

// readPath reads /number, /master or /master/number.
func (s *StateServer) readPath(path string) error {
	number := path
	if s.Kind == StateSentinel {
		s.Master, number, _ = strings.Cut(path, "/")
		if s.Master == "" {
			return errors.New("no name of the master: redis+sentinel://host:26379/name")
		}
	}
	if number == "" {
		return nil
	}
	n, err := strconv.ParseUint(number, 10, 8)
	if err != nil || s.Kind == StateCluster {
		return errors.New("its path is no number of a database")
	}
	s.DB = int(n)
	return nil
}

// checkState checks what passing state is kept on.
func (c *Config) checkState(f *faults) {
	r := c.Redis
	server, err := c.StateServer()
	switch certs := r.CAFile != "" || r.CertFile != "" || r.KeyFile != ""; {
	case err != nil:
		f.add("state", err.Error(), "such as redis://host:6379, rediss://host:6379, redis+sentinel://host:26379/master or redis+cluster://host:6379")
	case server.Kind == StateFile && (certs || !r.Password.IsZero()):
		f.add("redis", "given without an address", "state: redis://host:6379")
	case server.Kind != StateFile && certs && !server.TLS:
		f.add("redis", "names certificates, and state speaks no TLS", "a scheme that begins with rediss")
	}
	if (r.CertFile == "") != (r.KeyFile == "") {
		f.add("redis.cert_file", "given without redis.key_file, or the other way round", "both or neither")
	}
}
