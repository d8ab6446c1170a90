package vneid

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4/json"

	"eidgate/federation"
)

const maxToken = 16 << 10 // bytes of an access token, which goes into a header

// members are those of a JSON object. The decoder of go-jose takes names exactly
// and refuses one given twice.
type members map[string]json.RawMessage

// raw gives a member as it is written. Where there is no name for it, or it is
// null, there is none.
func (m members) raw(name string) json.RawMessage {
	if raw := m[name]; name != "" && string(raw) != "null" {
		return raw
	}
	return nil
}

// text gives a member that is a text or a number, the latter digit by digit as it
// was written; empty where there is none.
func (m members) text(name string) (value string, ok bool) {
	raw := m.raw(name)
	switch {
	case len(raw) == 0:
		return "", true
	case raw[0] == '"':
		err := json.Unmarshal(raw, &value)
		return value, err == nil
	case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
		return string(raw), true
	}
	return "", false
}

// redeem gives the access token for a code (RFC 6749 §4.1.3). Errors hold nothing
// of the code, the token or the platform's text.
func (s *Source) redeem(ctx context.Context, m memory, code string) (string, error) {
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {m.Callback}, "client_id": {s.settings.ClientID},
	}
	if m.Verifier != "" {
		form.Set("code_verifier", m.Verifier)
	}
	if s.settings.ClientAuth == Post {
		form.Set("client_secret", s.settings.ClientSecret.Reveal())
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.settings.Token, strings.NewReader(form.Encode()))
	if err != nil {
		return "", errors.New("redeeming the code: endpoint is no URL")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if s.settings.ClientAuth == Basic { // RFC 6749 §2.3.1
		req.SetBasicAuth(url.QueryEscape(s.settings.ClientID), url.QueryEscape(s.settings.ClientSecret.Reveal()))
	}
	said, err := s.call(req)
	if err != nil {
		return "", fmt.Errorf("redeeming the code: %w", err)
	}
	token, ok := said.text(s.settings.Parameters.AccessToken)
	if !ok || token == "" || len(token) > maxToken || strings.ContainsFunc(token, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
		// Some answer 200 to a wrong code: that is not the platform being away.
		return "", errors.New("redeeming the code: no token given")
	}
	return token, nil
}

// userInfo asks what the token says of the person (RFC 6750 §2.1).
func (s *Source) userInfo(ctx context.Context, token string) (members, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.settings.UserInfo, nil)
	if err != nil {
		return nil, errors.New("asking userinfo: endpoint is no URL")
	}
	req.Header.Set("Authorization", "Bearer "+token)
	said, err := s.call(req)
	if err != nil {
		return nil, fmt.Errorf("asking userinfo: %w", err)
	}
	return said, nil
}

// call makes a call and reads the JSON object of its answer, opened where the
// dialect encrypts. Bodies are bounded by the client, deadlines by the context.
func (s *Source) call(req *http.Request) (members, error) {
	req.Header.Set("Accept", "application/json")
	res, err := s.http.Do(req)
	var unreached *url.Error
	switch {
	case errors.As(err, &unreached):
		return nil, down(unreached.Err) // without the address
	case err != nil:
		return nil, down(err)
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusOK:
	case res.StatusCode >= http.StatusBadRequest && res.StatusCode <= http.StatusInternalServerError:
		// The code may be one that a browser made up, or got for less than was asked,
		// and some stumble over it: 500 tells of the request, 502 to 504 of the platform.
		return nil, fmt.Errorf("status %d", res.StatusCode)
	default:
		return nil, down(fmt.Errorf("status %d", res.StatusCode))
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, federation.MaxBody+1))
	switch {
	case err != nil:
		return nil, down(err)
	case len(body) > federation.MaxBody:
		return nil, down(federation.ErrBodyTooLarge)
	}
	return s.read(body)
}

// read reads the body of an answer.
func (s *Source) read(body []byte) (members, error) {
	var said members
	if err := json.Unmarshal(body, &said); err != nil {
		return nil, down(errors.New("unreadable answer"))
	}
	if s.opener == nil {
		return said, nil
	}
	return s.unseal(said)
}

// unseal opens an encrypted answer. Whatever is wrong with it, this is its one
// error.
func (s *Source) unseal(said members) (members, error) {
	data, ok1 := said.text(s.settings.Parameters.Data)
	key, ok2 := said.text(s.settings.Parameters.DataKey)
	opened, ok3 := s.opener.open(data, key, fitsObject)
	var inner members
	err := json.Unmarshal(opened, &inner)
	if !ok1 || !ok2 || !ok3 || err != nil {
		return nil, distrust("encrypted answer cannot be opened")
	}
	return inner, nil
}
