package provider

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
)

// TestNetwork: X-Forwarded-For counts from a trusted proxy only, and only as far
// back as trusted proxies vouch for it.
func TestNetwork(t *testing.T) {
	for _, tt := range []struct {
		name    string
		proxies []string
		peer    string
		lines   []string // of X-Forwarded-For
		want    string
	}{
		{"no proxy", nil, "203.0.113.9:1", nil, "203.0.113.0/24"},
		{"IPv6", nil, "[2001:db8:1:2::9]:1", nil, "2001:db8:1::/48"},
		{"IPv4 in IPv6", nil, "[::ffff:203.0.113.9]:1", nil, "203.0.113.0/24"},
		{"forged, nobody trusted", nil, "203.0.113.9:1", []string{"198.51.100.7"}, "203.0.113.0/24"},
		{"forged from elsewhere", []string{"10.0.0.0/24"}, "203.0.113.9:1", []string{"198.51.100.7"}, "203.0.113.0/24"},
		{"the proxy's word", []string{"10.0.0.0/24"}, "10.0.0.5:1", []string{"198.51.100.7"}, "198.51.100.0/24"},
		{"one address trusted", []string{"10.0.0.5"}, "10.0.0.5:1", []string{"2001:db8:1:2::9"}, "2001:db8:1::/48"},
		{"forged through the proxy", []string{"10.0.0.0/24"}, "10.0.0.5:1", []string{"192.0.2.1, 198.51.100.7"}, "198.51.100.0/24"},
		{"forged in a line of its own", []string{"10.0.0.0/24"}, "10.0.0.5:1", []string{"192.0.2.1", "198.51.100.7"}, "198.51.100.0/24"},
		{"two proxies", []string{"10.0.0.0/24"}, "10.0.0.5:1", []string{"198.51.100.7, 10.0.0.6"}, "198.51.100.0/24"},
		{"no address", []string{"10.0.0.0/24"}, "10.0.0.5:1", []string{"unknown"}, "10.0.0.0/24"},
		{"line break", []string{"10.0.0.0/24"}, "10.0.0.5:1", []string{"198.51.100.7\nforged=1"}, "10.0.0.0/24"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			gin.SetMode(gin.ReleaseMode)
			r := gin.New()
			if err := trustProxies(r, tt.proxies); err != nil {
				t.Fatal(err)
			}
			got := ""
			r.GET("/", func(c *gin.Context) {
				joinForwarded(c)
				got = network(c)
			})
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			req.RemoteAddr = tt.peer
			for _, line := range tt.lines {
				req.Header.Add("X-Forwarded-For", line)
			}
			for _, name := range []string{"X-Real-IP", "Forwarded", "CF-Connecting-IP"} {
				req.Header.Set(name, "192.0.2.77")
			}
			r.ServeHTTP(httptest.NewRecorder(), req)
			if got != tt.want {
				t.Errorf("network() = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestTrustProxiesRefuses(t *testing.T) {
	if err := trustProxies(gin.New(), []string{"not an address"}); err == nil {
		t.Error("trustProxies() = nil, want an error")
	}
}

// TestFromProxy: only the connection itself says who a proxy is.
func TestFromProxy(t *testing.T) {
	for _, tt := range []struct {
		name    string
		proxies []string
		peer    string
		want    bool
	}{
		{"nobody trusted", nil, "127.0.0.1:1", false},
		{"in the network", []string{"10.0.0.0/24"}, "10.0.0.5:1", true},
		{"beside it", []string{"10.0.0.0/24"}, "10.0.1.5:1", false},
		{"one address", []string{"10.0.0.5"}, "10.0.0.5:1", true},
		{"IPv4 in IPv6", []string{"10.0.0.5"}, "[::ffff:10.0.0.5]:1", true},
		{"IPv6", []string{"2001:db8::1"}, "[2001:db8::1]:1", true},
		{"no address", []string{"10.0.0.5"}, "@", false},
	} {
		proxies, err := networks(tt.proxies)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr = tt.peer
		r.Header.Set("X-Forwarded-For", "10.0.0.5")
		if got := (&Provider{proxies: proxies}).fromProxy(r); got != tt.want {
			t.Errorf("%s: fromProxy() = %v, want %v", tt.name, got, tt.want)
		}
	}
	if _, err := networks([]string{"proxy.example"}); err == nil {
		t.Error("networks() of a name = nil, want an error")
	}
}
