package main

import (
	"container/list"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
)

// connections bounds how many connections are open, so that slow clients cannot
// use up the process's file descriptors. Where there are too many, the oldest one
// that nothing is being answered on gives way: one that says nothing, sends its
// headers or body slowly, or idles between requests. Who asks at once, a probe of
// the process among them, is answered at once even in such a flood.
type connections struct {
	most int

	mu    sync.Mutex
	open  map[net.Conn]*connection
	quiet *list.List // of *connection, the oldest first
	ended uint64     // for want of room
}

// connection is one that is open.
type connection struct {
	conn    net.Conn
	answers int           // under way on it: several with HTTP/2
	place   *list.Element // in quiet, nil while something is answered
}

func newConnections(most int) *connections {
	return &connections{most: most, open: map[net.Conn]*connection{}, quiet: list.New()}
}

type connectionKey struct{}

// context is the server's ConnContext: it makes the connection known to the
// handler.
func (c *connections) context(ctx context.Context, conn net.Conn) context.Context {
	c.mu.Lock()
	k := &connection{conn: conn}
	k.place = c.quiet.PushBack(k)
	c.open[conn] = k
	var ends net.Conn
	if len(c.open) > c.most {
		oldest := k // where all others are being answered the new one has to go
		if front, ok := c.quiet.Front().Value.(*connection); ok {
			oldest = front
		}
		c.forget(oldest)
		c.ended++
		ends = oldest.conn
	}
	c.mu.Unlock()
	if t, ok := ends.(*tls.Conn); ok {
		ends = t.NetConn() // without the farewell of TLS, which could keep us waiting
	}
	if ends != nil {
		_ = ends.Close()
	}
	return context.WithValue(ctx, connectionKey{}, k)
}

// changed is the server's ConnState.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, ok := c.open[conn]; ok {
		c.forget(k)
	}
}

func (c *connections) forget(k *connection) {
	delete(c.open, k.conn)
	if k.place != nil {
		c.quiet.Remove(k.place)
		k.place = nil
	}
}

// handler marks the connections on which a whole request is being answered.
func (c *connections) handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k, ok := r.Context().Value(connectionKey{}).(*connection)
		if !ok {
			h.ServeHTTP(w, r)
			return
		}
		c.answering(k, 1)
		defer c.answering(k, -1)
		if r.ContentLength != 0 {
			r.Body = &upload{ReadCloser: r.Body, wait: func(by int) { c.answering(k, by) }}
		}
		h.ServeHTTP(w, r)
	})
}

// answering changes how many answers are under way on a connection.
func (c *connections) answering(k *connection, by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k.answers += by
	_, open := c.open[k.conn]
	switch {
	case !open:
	case k.answers > 0 && k.place != nil:
		c.quiet.Remove(k.place)
		k.place = nil
	case k.answers == 0 && k.place == nil:
		k.place = c.quiet.PushBack(k)
	}
}

// upload is a body on its way: while the sender is waited for, nothing is being
// answered.
type upload struct {
	io.ReadCloser
	wait func(by int)
}

func (u *upload) Read(p []byte) (int, error) {
	u.wait(-1)
	defer u.wait(1)
	return u.ReadCloser.Read(p)
}
