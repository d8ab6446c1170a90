package openid

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"

	"eidgate/federation"
)

// maxClaim bounds a claim of the person, in bytes.
const maxClaim = 255

// askPerson gathers what the provider says of the person: from userinfo where it is
// asked for, else, and for what is not there, from the ID token. None of it decides
// a level.
func (s *Source) askPerson(ctx context.Context, provider metadata, accessToken string, t idToken, now time.Time) (federation.Person, error) {
	told := []claims{t.all}
	if s.settings.UserInfo {
		info, err := s.userInfo(ctx, provider, accessToken, t.Subject, now)
		if err != nil {
			return federation.Person{}, err
		}
		told = []claims{info, t.all}
	}
	var person federation.Person
	for _, want := range []struct {
		name string
		into *string
	}{{s.settings.Person.Number, &person.Number}, {s.settings.Person.Name, &person.Name}, {s.settings.Person.BirthDate, &person.BirthDate}} {
		text, err := textOf(told, want.name)
		if err != nil {
			return federation.Person{}, err
		}
		*want.into = text
	}
	return person, nil
}

// textOf finds a claim in the first place that has it. A claim that is no plain
// text is not one that may be compared with anything: a number has lost its zeros.
func textOf(places []claims, name string) (string, error) {
	for _, place := range places {
		raw, ok := place[name]
		if name == "" || !ok || string(raw) == "null" {
			continue
		}
		var text string
		if stdjson.Unmarshal(raw, &text) != nil || len(text) > maxClaim || !federation.Printable(text) {
			return "", distrust("a claim of the person is malformed")
		}
		return text, nil
	}
	return "", nil
}

// userInfo asks the userinfo endpoint (OpenID Connect Core §5.3). Its answer speaks
// of the subject of the ID token, or it is not believed (§5.3.2).
func (s *Source) userInfo(ctx context.Context, provider metadata, accessToken, subject string, now time.Time) (claims, error) {
	if err := federation.CheckURL(provider.UserInfoEndpoint); err != nil {
		return nil, down(fmt.Errorf("userinfo_endpoint: %w", err))
	}
	kind, body, err := s.fetchUserInfo(ctx, provider.UserInfoEndpoint, accessToken)
	if err != nil {
		return nil, err
	}
	if kind == "application/jwt" {
		if body, err = s.openUserInfo(ctx, string(body), now); err != nil {
			return nil, err
		}
	}
	var info claims
	var who struct {
		Subject string `json:"sub"`
	}
	if json.Unmarshal(body, &info) != nil || json.Unmarshal(body, &who) != nil {
		if kind == "application/json" {
			return nil, down(errors.New("asking for userinfo: malformed JSON"))
		}
		return nil, distrust("userinfo malformed")
	}
	if who.Subject == "" || who.Subject != subject {
		return nil, distrust("userinfo is another person's")
	}
	return info, nil
}

// fetchUserInfo gives the media type of the answer and its body. Errors hold
// nothing of the token.
func (s *Source) fetchUserInfo(ctx context.Context, address, accessToken string) (kind string, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, federation.CallTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", nil, errors.New("asking for userinfo: malformed address")
	}
	req.Header.Set("Authorization", "Bearer "+accessToken)
	req.Header.Set("Accept", "application/json, application/jwt")
	res, err := s.http.Do(req)
	if err != nil {
		var unreached *url.Error
		if errors.As(err, &unreached) {
			err = unreached.Err
		}
		return "", nil, down(fmt.Errorf("asking for userinfo: %w", err))
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode > http.StatusInternalServerError: // see exchange
		return "", nil, down(fmt.Errorf("asking for userinfo: status %d", res.StatusCode))
	case res.StatusCode != http.StatusOK:
		return "", nil, fmt.Errorf("asking for userinfo: status %d", res.StatusCode)
	}
	kind, _, err = mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" && kind != "application/jwt" {
		return "", nil, down(errors.New("asking for userinfo: neither JSON nor a JWT"))
	}
	body, err = io.ReadAll(io.LimitReader(res.Body, federation.MaxBody+1))
	if err != nil || len(body) > federation.MaxBody {
		return "", nil, down(errors.New("asking for userinfo: unreadable answer"))
	}
	return kind, body, nil
}

// openUserInfo decrypts and verifies userinfo that is a JWT (OpenID Connect Core
// §5.3.2): encrypted to a key of ours, signed by the provider, or the second inside
// the first. What is encrypted alone is as good as the connection that it came on.
func (s *Source) openUserInfo(ctx context.Context, raw string, now time.Time) ([]byte, error) {
	raw = strings.TrimSpace(raw)
	if strings.Count(raw, ".") == 4 {
		plain, err := s.decrypt(raw)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(strings.TrimSpace(string(plain)), "{") {
			return plain, nil
		}
		raw = string(plain)
	}
	payload, _, err := s.verifySigned(ctx, "userinfo", raw, federation.SigningAlgs())
	if err != nil {
		return nil, err
	}
	var t struct {
		Issuer   string                 `json:"iss"`
		Audience jwt.Audience           `json:"aud"`
		Expires  federation.NumericDate `json:"exp"`
	}
	switch err := json.Unmarshal(payload, &t); {
	case err != nil:
		return nil, distrust("userinfo malformed")
	case t.Issuer != s.settings.Issuer || !t.Audience.Contains(s.settings.ClientID):
		return nil, distrust("issuer or audience of userinfo is another one")
	case !t.Expires.IsZero() && !now.Before(t.Expires.Add(maxClock)):
		return nil, distrust("userinfo expired")
	}
	return payload, nil
}

// decrypt opens a JWE to one of our keys. Why it cannot is not told: one error for
// every failure.
func (s *Source) decrypt(raw string) ([]byte, error) {
	sealed, err := jose.ParseEncryptedCompact(raw,
		[]jose.KeyAlgorithm{jose.RSA_OAEP_256, jose.ECDH_ES}, []jose.ContentEncryption{jose.A128GCM, jose.A256GCM})
	if err == nil {
		for _, key := range s.own.Decryption() {
			if sealed.Header.Algorithm != string(opens(key)) || sealed.Header.KeyID != "" && sealed.Header.KeyID != key.ID {
				continue
			}
			if plain, err := sealed.Decrypt(key.Private); err == nil {
				return plain, nil
			}
		}
	}
	return nil, distrust("userinfo cannot be decrypted")
}
