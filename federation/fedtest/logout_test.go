package fedtest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"eidgate/federation/fedtest"
)

// signIn signs the browser in afresh and gives the ID token.
func signIn(t *testing.T, p *fedtest.OpenID, browser *http.Client) string {
	t.Helper()
	client := oauth2.Config{ClientID: "c", ClientSecret: "s+/ %", RedirectURL: callback, Scopes: []string{"openid"},
		Endpoint: oauth2.Endpoint{AuthURL: p.Issuer() + fedtest.PathAuthorize, TokenURL: p.Issuer() + fedtest.PathToken}}
	verifier := oauth2.GenerateVerifier()
	res, err := browser.Get(client.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("prompt", "login")))
	res, _ = submit(t, p, browser, read(t, res, err), url.Values{"username": {"one"}, "password": {"pw"}})
	back, err := res.Location()
	if err != nil {
		t.Fatal(err)
	}
	token, err := client.Exchange(t.Context(), back.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	return raw
}

func TestLogout(t *testing.T) {
	p, browser := start(t)
	token := signIn(t, p, browser)
	for name, tt := range map[string]struct {
		params url.Values
		status int
		to     string
	}{
		"client":             {url.Values{"client_id": {"c"}, "post_logout_redirect_uri": {signedOut}, "state": {"s t"}}, http.StatusSeeOther, signedOut + "&state=s+t"},
		"hint":               {url.Values{"id_token_hint": {token}, "post_logout_redirect_uri": {signedOut}}, http.StatusSeeOther, signedOut},
		"both":               {url.Values{"id_token_hint": {token}, "client_id": {"c"}}, http.StatusOK, ""},
		"nothing":            {nil, http.StatusOK, ""},
		"another client":     {url.Values{"id_token_hint": {token}, "client_id": {"x"}}, http.StatusBadRequest, ""},
		"edited hint":        {url.Values{"id_token_hint": {token[:len(token)-8] + "AAAAAAAA"}}, http.StatusBadRequest, ""},
		"not a hint":         {url.Values{"id_token_hint": {"x"}}, http.StatusBadRequest, ""},
		"unknown client":     {url.Values{"client_id": {"x"}}, http.StatusBadRequest, ""},
		"not registered":     {url.Values{"client_id": {"c"}, "post_logout_redirect_uri": {callback}}, http.StatusBadRequest, ""},
		"nobody's":           {url.Values{"post_logout_redirect_uri": {signedOut}}, http.StatusBadRequest, ""},
		"registered, longer": {url.Values{"client_id": {"c"}, "post_logout_redirect_uri": {signedOut + "&x"}}, http.StatusBadRequest, ""},
	} {
		t.Run(name, func(t *testing.T) {
			signIn(t, p, browser)
			res, err := browser.Get(p.Issuer() + fedtest.PathLogout + "?" + tt.params.Encode())
			read(t, res, err)
			if res.StatusCode != tt.status || res.Header.Get("Location") != tt.to {
				t.Errorf("logout = %d to %q, want %d to %q", res.StatusCode, res.Header.Get("Location"), tt.status, tt.to)
			}
			res, err = browser.Get(authorizeURL(p, nil))
			asks := strings.Contains(read(t, res, err), "<form")
			if over := tt.status != http.StatusBadRequest; asks != over {
				t.Errorf("a login is asked for: %v, want %v", asks, over)
			}
		})
	}
}
