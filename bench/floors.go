package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"path/filepath"
	"time"
)

// floorServer is one process of bench/floor.
type floorServer struct {
	*process
	party  *party
	counts counts
}

// startFloor starts the floor for one algorithm, with sessions in Redis.
func startFloor(ctx context.Context, dir, binary, alg string, redis *redisServer, sessions int, transport http.RoundTripper) (*floorServer, error) {
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	f := &floorServer{}
	f.party = &party{
		issuer: "http://" + addr, id: "bench", secret: secretText(), alg: alg, acr: acr2, cookie: "floor",
		http: newClient(transport), counts: &f.counts,
	}
	for range sessions {
		handle := rand.Text() + rand.Text() + rand.Text()[:8] // as long as the gateway's
		record, err := json.Marshal(map[string]any{"sub": secretText()[:43], "sid": secretText()[:43], "auth_time": time.Now().Unix()})
		if err != nil {
			return nil, err
		}
		if err := redis.rdb.Set(ctx, "session:"+handle, record, time.Hour).Err(); err != nil {
			return nil, err
		}
		f.party.sessions = append(f.party.sessions, handle)
	}
	f.process, err = start(ctx, "floor "+alg, filepath.Join(dir, "floor-"+alg+".log"), []string{"FLOOR_SECRET=" + f.party.secret},
		binary, "-listen", addr, "-redis", redis.url(), "-alg", alg, "-redirect", redirectURI)
	if err != nil {
		return nil, err
	}
	if _, err := f.answers(ctx, f.party.http, time.Now(), f.party.issuer+"/keys"); err != nil {
		return nil, err
	}
	return f, f.party.learnKeys(ctx)
}

// secretText is a client's secret, 52 characters.
func secretText() string { return rand.Text() + rand.Text() }

// newClient is a client that follows no redirect.
func newClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// newTransport keeps as many connections as there are workers.
func newTransport(workers int) *http.Transport {
	return &http.Transport{MaxIdleConnsPerHost: workers, MaxConnsPerHost: workers, IdleConnTimeout: time.Minute, DisableCompression: true}
}
