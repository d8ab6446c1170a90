// Command floor is the least that can answer one OpenID Connect flow in a living
// session: the HTTP exchanges of the code flow with PKCE and a client secret,
// three Redis round trips, one signature, and nothing else. It has no pages,
// rules, log or audit. The bench measures the gateway beside it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context) error {
	listen := flag.String("listen", "127.0.0.1:8499", "host and port")
	redisURL := flag.String("redis", "", "redis:// address (required)")
	alg := flag.String("alg", "ES256", "algorithm of ID tokens: RS256 or ES256")
	redirect := flag.String("redirect", "", "redirect URI of the one client (required)")
	flag.Parse()
	f, err := newFloor("http://"+*listen, *redirect, *redisURL, *alg, os.Getenv("FLOOR_SECRET"))
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *listen)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	// The same limits as the gateway's listener.
	server := &http.Server{
		Handler:           f.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    32 << 10,
	}
	go func() {
		<-ctx.Done()
		_ = server.Close() // nothing here needs an end of its own
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}
