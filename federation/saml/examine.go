package saml

import (
	"context"
	"errors"
)

// Examine reads the provider's metadata as a sign-in would. The error says what is
// wrong with them.
func Examine(ctx context.Context, settings Settings, d Deps) error {
	s, err := New(settings, d)
	if err != nil {
		return err
	}
	p, err := s.directory.get(ctx)
	switch {
	case err != nil:
		return err
	case len(p.signing) == 0:
		return errors.New("its metadata name no signing certificate that can be used")
	case p.ssoRedirect == "" && p.ssoPost == "":
		return errors.New("its metadata name no address for sign-ins")
	}
	return nil
}
