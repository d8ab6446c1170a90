package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"eidgate/eid"
)

// TestEveryKeyTakesEffect: whoever adds a key says when a change of it counts.
func TestEveryKeyTakesEffect(t *testing.T) {
	var keys []string
	var walk func(path string, typ reflect.Type)
	walk = func(path string, typ reflect.Type) {
		for i, name := range keysOf(typ) {
			at := member(path, name)
			if field := typ.Field(i).Type; isBlock(field) {
				walk(at, field)
				continue
			}
			keys = append(keys, at)
		}
	}
	walk("", reflect.TypeFor[Config]())
	slices.Sort(keys)
	if diff := cmp.Diff(keys, slices.Sorted(maps.Keys(effects()))); diff != "" {
		t.Errorf("effects() (-keys +listed)\n%s", diff)
	}
}

func TestChanges(t *testing.T) {
	load := func() *Config {
		t.Helper()
		c, err := Load(example, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, tt := range []struct {
		name    string
		change  func(*Config)
		want    []string
		restart []string
	}{
		{"nothing", func(*Config) {}, nil, nil},
		{"a new order", func(c *Config) { slices.Reverse(c.Clients) }, nil, nil},
		{"blocks", func(c *Config) { c.Lifetimes.Code, c.Limits.Guesses, c.Proxies = time.Second, 1, []string{"10.0.0.1"} },
			[]string{"proxies", "lifetimes.code", "limits.guesses"}, nil},
		{"log", func(c *Config) { c.Log.Level, c.Log.Format = "debug", "text" }, []string{"log.level", "log.format"}, []string{"log.format"}},
		{"restart", func(c *Config) { c.Issuer, c.Keys.RSABits, c.ACR.Level1 = "https://other.example.vn", 3072, "x" },
			[]string{"issuer", "acr.level1", "keys.rsa_bits"}, []string{"issuer", "keys.rsa_bits"}},
		{"clients", func(c *Config) {
			c.Clients[0].Logout.BackchannelURI, c.Clients[0].MinLevel = "https://x.example.vn/", eid.Level1
			c.Clients[1].ID = "neu"
		}, []string{"clients[cong-dvc-dien-bien].min_level", "clients[cong-dvc-dien-bien].logout.backchannel_uri", "clients[neu]", "clients[ung-dung-tra-cuu]"}, nil},
		{"secrets", func(c *Config) {
			c.Clients[0].Secrets[0] = eid.NewSecret("hunter2")
			c.Sources[1].OpenID.ClientSecret = eid.NewSecret("hunter2")
		}, []string{"clients[cong-dvc-dien-bien].client_secrets", "sources[dinh-danh-cu].openid.client_secret"}, nil},
		{"sources", func(c *Config) {
			c.Sources[1].GrantsAtMost[1].Level, c.Sources[0].Window.Until = eid.Level2, time.Now()
			c.Sources[1].OpenID = nil
		}, []string{"sources[dinh-danh-cu].grants_at_most", "sources[dinh-danh-cu].openid", "sources[tai-khoan].window.until"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to := load()
			tt.change(to)
			changes := Changes(load(), to)
			if got := Paths(changes, 10); !slices.Equal(got, tt.want) {
				t.Errorf("Changes() = %v, want %v", got, tt.want)
			}
			err := NeedsRestart(changes)
			if (err != nil) != (tt.restart != nil) {
				t.Errorf("NeedsRestart() = %v, want %v", err, tt.restart)
			}
			if err != nil && len(strings.Split(err.Error(), "\n")) != len(tt.restart) {
				t.Errorf("NeedsRestart() = %v, want it to name %v alone", err, tt.restart)
			}
			for _, path := range tt.restart {
				if !strings.Contains(err.Error(), path+": changed, and takes effect at a start only") {
					t.Errorf("NeedsRestart() = %v, want it to name %s", err, path)
				}
			}
		})
	}
	if got := Paths([]Change{{Path: "a"}, {Path: "b"}, {Path: "c"}}, 2); !slices.Equal(got, []string{"a", "b", "…"}) {
		t.Errorf("Paths() = %v, want two and an ellipsis", got)
	}
}
