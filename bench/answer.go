package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// maxAnswer bounds what is read of an answer, in bytes: a profile is the longest.
const maxAnswer = 16 << 20

// answer is an HTTP answer that was read to its end, so that its connection can
// be used again.
type answer struct {
	address *url.URL // that answered, after redirects
	status  int
	header  http.Header
	body    []byte
}

func do(client *http.Client, r *http.Request) (*answer, error) {
	res, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	return &answer{res.Request.URL, res.StatusCode, res.Header, body}, nil
}

// wrong says that the answer is not the right one.
func (a *answer) wrong() *statusError {
	return &statusError{
		path: a.address.Path, status: a.status, body: a.body,
		clear: a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "",
	}
}

// statusError is an answer with another status than the right one.
type statusError struct {
	path   string
	status int
	clear  bool // it says plainly that the gateway is busy, and when to come back
	body   []byte
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s answered %d: %.200s", e.path, e.status, e.body)
}
