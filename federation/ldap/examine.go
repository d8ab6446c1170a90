package ldap

import (
	"context"
	"crypto/rand"
	"net"
)

// Examine reaches a directory as a sign-in would: it looks for somebody whom nobody
// knows, and binds as such. The error says what is wrong with it.
func Examine(ctx context.Context, settings Settings, dial func(ctx context.Context, network, address string) (net.Conn, error)) error {
	d, err := newDirectory(settings, dial)
	if err != nil {
		return err
	}
	if settings.BindAs == "" {
		_, err = d.find(ctx, settings.search(rand.Text()))
		if kept := d.kept(); kept != nil {
			kept.close()
		}
		if err != nil {
			return err
		}
	}
	return (&Source{settings: settings, directory: d}).bindAsNobody(ctx)
}
