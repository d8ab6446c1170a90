package federation

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
)

func TestPublic(t *testing.T) {
	tests := []struct {
		addr string
		want bool
	}{
		{"203.162.0.1", true}, {"8.8.8.8", true}, {"2405:4800::1", true},
		{"127.0.0.1", false}, {"127.255.255.254", false}, {"0.0.0.0", false}, {"0.1.2.3", false},
		{"10.0.0.1", false}, {"172.16.0.1", false}, {"172.31.255.255", false}, {"192.168.1.1", false},
		{"169.254.169.254", false}, {"100.64.0.1", false}, {"100.127.255.255", false}, {"100.128.0.1", true},
		{"192.0.0.8", false}, {"192.0.2.1", false}, {"198.18.0.1", false}, {"198.19.255.255", false},
		{"198.51.100.1", false}, {"203.0.113.1", false}, {"224.0.0.1", false}, {"239.1.1.1", false},
		{"240.0.0.1", false}, {"255.255.255.255", false},
		{"::1", false}, {"::", false}, {"::ffff:127.0.0.1", false}, {"::ffff:8.8.8.8", true}, {"::7f00:1", false},
		{"fe80::1", false}, {"fe80::1%eth0", false}, {"fc00::1", false}, {"fd12::1", false}, {"fec0::1", false},
		{"ff02::1", false}, {"64:ff9b::7f00:1", false}, {"64:ff9b:1::1", false}, {"100::1", false},
		{"2001::1", false}, {"2001:db8::1", false}, {"2002:7f00:1::", false}, {"3fff::1", false},
	}
	for _, tt := range tests {
		if got := public(netip.MustParseAddr(tt.addr)); got != tt.want {
			t.Errorf("public(%s) = %v, want %v", tt.addr, got, tt.want)
		}
	}
}

func client(t *testing.T, allow ...string) *http.Client {
	t.Helper()
	c, err := HTTPClient(allow)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func serve(t *testing.T, h http.HandlerFunc) (url, hostport string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL, s.Listener.Addr().String()
}

func TestHTTPClientRefusesInnerAddresses(t *testing.T) {
	var reached atomic.Int64
	url, addr := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	allowed, err := ParseDestinations([]string{"127.0.0.1:1", "elsewhere:" + port})
	if err != nil {
		t.Fatal(err)
	}
	out := NewOutbound(allowed)
	for _, target := range []string{
		url,
		"http://localhost:" + port, // a name that resolves inward is seen at dial
		"http://[::ffff:127.0.0.1]:" + port,
		"http://0.0.0.0:" + port,
	} {
		for name, c := range map[string]*http.Client{"Client": out.Client(), "Patient": out.Patient()} {
			res, err := c.Get(target)
			if err == nil {
				_ = res.Body.Close()
			}
			if !errors.Is(err, ErrForbiddenAddress) {
				t.Errorf("%s().Get(%s) = %v, want %v", name, target, err, ErrForbiddenAddress)
			}
		}
	}
	if got := reached.Load(); got != 0 {
		t.Errorf("server was reached %d times, want 0", got)
	}
}

// TestPatientWaits: nothing but the context of a call ends it, and it shows and trusts what
// the others do.
func TestPatientWaits(t *testing.T) {
	conf := &tls.Config{ServerName: "sms.example.vn", MinVersion: tls.VersionTLS12}
	c := NewOutboundTLS(Destinations{}, conf).Patient()
	transport, ok := c.Transport.(*http.Transport)
	if !ok || c.Timeout != 0 || transport.ResponseHeaderTimeout != 0 || transport.TLSClientConfig.ServerName != conf.ServerName {
		t.Errorf("Patient() = %+v, want no bound in time, and TLS as configured", c)
	}
}

func TestHTTPClientIgnoresProxyOfEnvironment(t *testing.T) {
	var reached atomic.Int64
	proxy, _ := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	t.Setenv("HTTP_PROXY", proxy)
	if tr := client(t).Transport.(*Outbound).transport.Load(); tr.Proxy != nil {
		t.Error("HTTPClient() uses a proxy, want none")
	}
}

func TestHTTPClientAllowsListedDestinations(t *testing.T) {
	url, addr := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") })
	res, err := client(t, addr).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "here" {
		t.Errorf("Get() = %q, %v, want %q, nil", body, err, "here")
	}
}

func TestHTTPClientRefusesRedirects(t *testing.T) {
	var inner atomic.Int64
	other, otherAddr := serve(t, func(http.ResponseWriter, *http.Request) { inner.Add(1) })
	url, addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/other":
			http.Redirect(w, r, other, http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/same":
			http.Redirect(w, r, "/end", http.StatusFound)
		}
	})
	c := client(t, addr, otherAddr)
	for path, want := range map[string]error{"/other": ErrRedirected, "/loop": ErrRedirected, "/same": nil} {
		res, err := c.Get(url + path)
		if err == nil {
			_ = res.Body.Close()
		}
		if !errors.Is(err, want) {
			t.Errorf("Get(%s) = %v, want %v", path, err, want)
		}
	}
	if got := inner.Load(); got != 0 {
		t.Errorf("other origin was reached %d times, want 0", got)
	}
}

func TestHTTPClientCapsBodies(t *testing.T) {
	var bomb bytes.Buffer
	zw := gzip.NewWriter(&bomb)
	_, _ = zw.Write(make([]byte, MaxBody+1))
	_ = zw.Close()
	url, addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/exact":
			_, _ = io.WriteString(w, strings.Repeat("a", MaxBody))
		case "/over":
			_, _ = io.WriteString(w, strings.Repeat("a", MaxBody+1))
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes())
		}
	})
	c := client(t, addr)
	for path, want := range map[string]error{"/exact": nil, "/over": ErrBodyTooLarge, "/bomb": ErrBodyTooLarge} {
		res, err := c.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if !errors.Is(err, want) || n > MaxBody {
			t.Errorf("Get(%s) read %d bytes, %v, want at most %d, %v", path, n, err, MaxBody, want)
		}
	}
}

func TestHTTPClientRefusesAllowList(t *testing.T) {
	for _, dest := range []string{"", "localhost", ":80", "localhost:", "http://localhost:80"} {
		if _, err := HTTPClient([]string{dest}); err == nil {
			t.Errorf("HTTPClient(%q) = nil, want an error", dest)
		}
	}
}

// TestOutboundForgetsDestinations: what may not be called any more is not called
// over a connection of before either.
func TestOutboundForgetsDestinations(t *testing.T) {
	url, addr := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") })
	allowed, err := ParseDestinations([]string{addr})
	if err != nil {
		t.Fatal(err)
	}
	o := NewOutbound(Destinations{})
	c := o.Client()
	get := func() error {
		res, err := c.Get(url)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		_, err = io.ReadAll(res.Body)
		return err
	}
	if err := get(); !errors.Is(err, ErrForbiddenAddress) {
		t.Errorf("Get() = %v, want %v", err, ErrForbiddenAddress)
	}
	o.Allow(allowed)
	if err := get(); err != nil {
		t.Errorf("Get() = %v after the destination was allowed", err)
	}
	o.Allow(Destinations{})
	if err := get(); !errors.Is(err, ErrForbiddenAddress) {
		t.Errorf("Get() = %v, want %v over the old connection too", err, ErrForbiddenAddress)
	}
}
