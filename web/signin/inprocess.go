package signin

import (
	"bytes"
	"errors"
	"io"
	"net/http"
)

// inProcess carries the calls of a gate to the gateway's own handler: no network, and
// no address but the issuer's.
type inProcess struct {
	gateway      http.Handler
	scheme, host string
}

var _ http.RoundTripper = inProcess{}

// RoundTrip answers a call. The handler ends it when its context does.
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != t.scheme || r.URL.Host != t.host {
		return nil, errors.New("a gate calls nobody but the gateway")
	}
	in := r.Clone(r.Context())
	in.RequestURI, in.Host, in.RemoteAddr = r.URL.RequestURI(), r.URL.Host, "127.0.0.1:0"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer func() { _ = in.Body.Close() }()
	a := &answer{header: http.Header{}}
	t.gateway.ServeHTTP(a, in)
	return &http.Response{
		Status: http.StatusText(a.status()), StatusCode: a.status(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}, nil
}

// maxAnswer bounds what the gateway answers itself, in bytes.
const maxAnswer = 1 << 20

// answer takes what a handler writes.
type answer struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

var _ http.ResponseWriter = (*answer)(nil)

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(code int) {
	if a.code == 0 {
		a.code = code
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.body.Len()+len(b) > maxAnswer {
		return 0, errors.New("the answer is too large")
	}
	return a.body.Write(b)
}

func (a *answer) status() int {
	if a.code == 0 {
		return http.StatusOK
	}
	return a.code
}
