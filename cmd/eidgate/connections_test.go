package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// serveBounded serves h with at most so many connections and gives its address.
func serveBounded(t *testing.T, h http.Handler, most int) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- serveHTTP(ctx, l, h, most, slog.New(slog.DiscardHandler), func() {}) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("serveHTTP() = %v", err)
		}
	})
	return l.Addr().String()
}

func dial(t *testing.T, address, text string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Hundreds of half-open connections, whatever they hold back, keep nobody out who
// sends a whole request.
func TestHalfOpenConnections(t *testing.T) {
	for name, text := range map[string]string{
		"silent":       "",
		"slow line":    "GE",
		"slow headers": "GET / HTTP/1.1\r\nHost: x\r\n",
		"slow body":    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx",
		"slow chunks":  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
		"idle":         "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			address := serveBounded(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(w, r.Body)
			}), 64)
			for range 300 {
				dial(t, address, text)
			}
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for i := range 20 {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address, strings.NewReader(fmt.Sprint(i)))
				if err != nil {
					t.Fatal(err)
				}
				res, err := client.Do(req)
				if err != nil {
					t.Fatalf("request %d: %v", i, err)
				}
				body, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err != nil || string(body) != fmt.Sprint(i) {
					t.Errorf("request %d = %q, %v", i, body, err)
				}
			}
		})
	}
}

// A connection on which something is being answered is never ended for another.
func TestAnswersAreNotCutOff(t *testing.T) {
	release, inside := make(chan struct{}), make(chan struct{}, 64)
	address := serveBounded(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			inside <- struct{}{}
			<-release
		}
		_, _ = io.WriteString(w, "answered")
	}), 64)
	conns := make([]net.Conn, 0, 64)
	for range 64 {
		conns = append(conns, dial(t, address, "GET /wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
	}
	for range 64 {
		<-inside
	}
	for range 100 { // these find no room and give way
		late := dial(t, address, "GET /")
		if b, err := io.ReadAll(late); len(b) > 0 {
			t.Errorf("a connection too many got %q, %v, want its end", b, err)
		}
	}
	close(release)
	for i, conn := range conns {
		if b, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(b), "answered") {
			t.Errorf("connection %d got %q, %v", i, b, err)
		}
	}
}

// One connection carries a bounded number of requests at a time: a limit on
// connections would bound nothing otherwise. The server's first frame says it
// (RFC 9113 §3.4, §6.5.2).
func TestStreamsAreBounded(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	s := startTLS(t, key, time.Hour)
	conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: s.authority.roots, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13}}).DialContext(t.Context(), "tcp", s.addr)
	check(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	check(t, err)
	var head [9]byte
	_, err = io.ReadFull(conn, head[:])
	check(t, err)
	settings := make([]byte, int(head[1])<<8|int(head[2]))
	_, err = io.ReadFull(conn, settings)
	check(t, err)
	const frameSettings, maxConcurrentStreams = 4, 3
	most := uint32(0)
	for ; len(settings) >= 6; settings = settings[6:] {
		if binary.BigEndian.Uint16(settings) == maxConcurrentStreams {
			most = binary.BigEndian.Uint32(settings[2:])
		}
	}
	if head[3] != frameSettings || most != maxStreams {
		t.Errorf("frame of type %d allows %d streams, want 4 and %d", head[3], most, maxStreams)
	}
}
