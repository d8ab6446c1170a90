package civil

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"eidgate/eid"
)

// envelope is an answer as the exchange writes it.
func envelope(people string) string {
	return `{"soapenv:Envelope":{"soapenv:Body":{"dancuRes:CongdanCollection":` + people + `}}}`
}

const (
	anWhole = `{"dancuRes:SoDinhDanh":"011090000001","dancuRes:HoVaTen":{"dancuRes:Ho":"Nguyễn","dancuRes:ChuDem":"Văn","dancuRes:Ten":"An"},"dancuRes:NgayThangNamSinh":{"dancuRes:NgayThangNam":"19900302","dancuRes:Nam":"1990"}}`
	anYear  = `{"SoDinhDanh":"011090000001","HoVaTen":"NGUYỄN VĂN AN","NgayThangNamSinh":{"Nam":"1990"}}`
)

func TestExchange(t *testing.T) {
	an := personOf(t, "011090000001", "Nguyễn Văn An", "02/03/1990")
	for _, tt := range []struct {
		name, answer string
		status       int
		want         Verdict
		err          error
	}{
		{name: "whole", answer: envelope(`{"dancuRes:CongDan":` + anWhole + `}`), want: Match},
		{name: "list of one", answer: envelope(`{"CongDan":[` + anWhole + `]}`), want: Match},
		{name: "year only", answer: envelope(`{"CongDan":` + anYear + `}`), want: Review},
		{name: "two of one number", answer: envelope(`{"CongDan":[` + anWhole + `,` + anYear + `]}`), want: Review},
		{name: "nobody", answer: envelope(`{}`), want: Mismatch},
		{name: "empty collection", answer: envelope(`null`), want: Mismatch},
		{name: "another number", answer: envelope(`{"CongDan":` + strings.Replace(anWhole, "0001\"", "0002\"", 1) + `}`), want: Mismatch},
		{name: "fault", answer: `{"Envelope":{"Body":{"Fault":{"faultstring":"x"}}}}`, err: ErrDown},
		{name: "number without quotes", answer: envelope(`{"CongDan":` + strings.Replace(anYear, `"011090000001"`, `11090000001`, 1) + `}`), err: ErrDown},
		{name: "no date", answer: envelope(`{"CongDan":{"SoDinhDanh":"011090000001","HoVaTen":"Nguyễn Văn An"}}`), err: ErrDown},
		{name: "garbage", answer: `<html>`, err: ErrDown},
		{name: "not an envelope", answer: `[]`, err: ErrDown},
		{name: "failing", answer: `{}`, status: http.StatusBadGateway, err: ErrDown},
		{name: "endless", answer: strings.Repeat(" ", maxAnswer) + envelope(`{}`), err: ErrDown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var asked question
				if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || asked.Number != "011090000001" || asked.Name != "NGUYENVANAN" || asked.Birth.Year != "1990" {
					t.Errorf("asked with %d letters of a name, err %v; want number, NGUYENVANAN and 1990", len(asked.Name), err)
				}
				if r.Header.Get("Authorization") != "Bearer token-of-the-exchange" {
					t.Errorf("no bearer token")
				}
				if tt.status != 0 {
					w.WriteHeader(tt.status)
				}
				_, _ = io.WriteString(w, tt.answer)
			}))
			t.Cleanup(server.Close)
			registry, err := NewExchange(server.URL, eid.NewSecret("token-of-the-exchange"), server.Client())
			if err != nil {
				t.Fatal(err)
			}
			got, err := Compare(t.Context(), registry, an)
			if got.Verdict != tt.want || !errors.Is(err, tt.err) || tt.err == nil && err != nil {
				t.Errorf("Compare() = %v, %v; want %v, %v", got.Verdict, err, tt.want, tt.err)
			}
			if err != nil && (strings.Contains(err.Error(), "011090000001") || strings.Contains(err.Error(), "An")) {
				t.Errorf("the error tells of the person")
			}
		})
	}
}

// The certificate is the gateway's word towards the exchange: without it nothing
// is answered, and a server that nobody vouches for is not asked.
func TestExchangeSpeaksMutualTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, envelope(`{"CongDan":`+anWhole+`}`))
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	client := func(c *tls.Config) *http.Client { return &http.Client{Transport: &http.Transport{TLSClientConfig: c}} }
	for _, tt := range []struct {
		name string
		tls  *tls.Config
		want Verdict
		err  error
	}{
		{"both sides", &tls.Config{RootCAs: roots, Certificates: server.TLS.Certificates}, Match, nil},
		{"no certificate of ours", &tls.Config{RootCAs: roots}, Mismatch, ErrDown},
		{"unknown server", &tls.Config{Certificates: server.TLS.Certificates}, Mismatch, ErrDown},
	} {
		registry, err := NewExchange(server.URL, eid.Secret{}, client(tt.tls))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Compare(t.Context(), registry, personOf(t, "011090000001", "Nguyễn Văn An", "02/03/1990"))
		if got.Verdict != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: Compare() = %v, %v; want %v, %v", tt.name, got.Verdict, err, tt.want, tt.err)
		}
	}
}

func TestExchangeIsLeftAloneWhileItFails(t *testing.T) {
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
	}))
	t.Cleanup(server.Close)
	registry, err := NewExchange(server.URL, eid.Secret{}, server.Client())
	if err != nil {
		t.Fatal(err)
	}
	an := personOf(t, "011090000001", "Nguyễn Văn An", "02/03/1990")
	for range 30 {
		if _, err := registry.Find(t.Context(), an); !errors.Is(err, ErrDown) {
			t.Fatalf("Find() = %v, want %v", err, ErrDown)
		}
	}
	if got := calls.Load(); got > breakerCalls+1 {
		t.Errorf("a failing registry was called %d times, want %d at most", got, breakerCalls+1)
	}
	if registry.client.breaker.RemainingDelay() > breakerPause+time.Second {
		t.Errorf("it is left alone for %v", registry.client.breaker.RemainingDelay())
	}
}

func FuzzParseAnswer(f *testing.F) {
	for _, seed := range []string{envelope(`{"CongDan":` + anWhole + `}`), envelope(`{"CongDan":[` + anYear + `]}`), envelope(`null`), `{`, `{"a:Envelope":{"b:Body":[]}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := parseAnswer(raw)
		if err == nil && (p.Number.IsZero() || fold(p.Name) == "" || p.BirthDate.Year == 0) {
			t.Errorf("parseAnswer() believes a person without number, name or date")
		}
	})
}
