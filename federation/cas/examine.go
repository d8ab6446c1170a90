package cas

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"

	"eidgate/federation"
)

// Examine has a server look at a ticket that nobody was given, and wants it
// refused. The error says what is wrong with the server; it is
// federation.ErrUntrusted for one that takes any ticket.
func Examine(ctx context.Context, client *http.Client, settings Settings) error {
	s, err := New(settings, Deps{HTTP: client})
	if err != nil {
		return err
	}
	body, err := s.validate(ctx, "https://eidgate.invalid/", "ST-"+rand.Text(), false)
	if err != nil {
		return err
	}
	switch _, err = readAnswer(body); {
	case err == nil:
		return distrust("it takes a ticket that nobody was given")
	case errors.Is(err, federation.ErrDown):
		return err
	}
	return nil
}
