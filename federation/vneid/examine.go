package vneid

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"

	"eidgate/federation"
)

// Examine asks userinfo with a token that nobody was given, and wants it refused.
// The error says what is wrong with the platform; it is federation.ErrUntrusted
// where it takes any token.
func Examine(ctx context.Context, client *http.Client, settings Settings) error {
	d := Deps{HTTP: client}
	if settings.Managed != nil { // which are not needed to be refused
		d.Keys = federation.KeyFiles{}
	}
	s, err := New(settings, d)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, federation.CallTimeout)
	defer cancel()
	switch _, err = s.userInfo(ctx, rand.Text()); {
	case err == nil:
		return distrust("it takes a token that nobody was given")
	case errors.Is(err, federation.ErrDown):
		return err
	}
	return nil
}
