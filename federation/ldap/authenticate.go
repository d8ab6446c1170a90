package ldap

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"eidgate/eid"
)

// authenticate gives the entry of who has this name and password, nil for nobody.
func (s *Source) authenticate(ctx context.Context, g *guess, name string, password eid.Secret, now time.Time) (*ldap.Entry, error) {
	if s.settings.BindAs != "" {
		return s.authenticateDirectly(ctx, name, password)
	}
	// The entry that is believed is this one, read by the service account: the person
	// does not decide what may be read, and what names the person and what is bound as
	// come from one answer.
	found, err := s.directory.find(ctx, s.settings.search(name))
	if err != nil {
		return nil, err
	}
	dn := ""
	if found != nil {
		dn = found.DN
	}
	left, err := g.countEntry(ctx, dn, name, now)
	if err != nil {
		return nil, err
	}
	if found == nil || !left {
		return nil, s.bindAsNobody(ctx)
	}
	own, right, err := s.directory.bind(ctx, found.DN, password.Reveal())
	if err != nil || !right {
		return nil, err
	}
	own.close()
	return found, nil
}

// bindAsNobody does the work of a wrong password for a name that has none, as far as
// it can be done from here: a connection and a bind. The password is not the one that
// was typed. A directory that takes it takes everything.
func (s *Source) bindAsNobody(ctx context.Context) error {
	own, right, err := s.directory.bind(ctx, "cn="+rand.Text()+","+s.settings.BaseDN, rand.Text())
	if err != nil || !right {
		return err
	}
	own.close()
	return distrust("directory takes any password")
}

// authenticateDirectly binds without looking first, where there is no service
// account. The entry is then read by the person, who is known by now, so it has to be
// the very one that was bound as: where a name is not a DN, it is bound as once more,
// by its DN.
func (s *Source) authenticateDirectly(ctx context.Context, name string, password eid.Secret) (*ldap.Entry, error) {
	as, request := s.settings.bindName(name), s.settings.search(name)
	bound, isDN := parseDN(as)
	if isDN {
		request.BaseDN, request.Scope, request.Filter = as, ldap.ScopeBaseObject, "(objectClass=*)"
	}
	own, right, err := s.directory.bind(ctx, as, password.Reveal())
	if err != nil || !right {
		return nil, err
	}
	defer own.close()
	found, err := own.find(ctx, request)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, distrust("no entry, or several, for who was bound as")
	}
	if dn, ok := parseDN(found.DN); isDN && ok && dn.EqualFold(bound) {
		return found, nil
	}
	right, err = own.bind(ctx, found.DN, password.Reveal())
	if err == nil && !right {
		err = distrust("entry is another one than was bound as")
	}
	return found, err
}

// search asks for the one entry of a name. Two are enough to know that it is not one.
func (s Settings) search(name string) *ldap.SearchRequest {
	const most, seconds = 2, 4
	filter := strings.ReplaceAll(s.Filter, placeholder, ldap.EscapeFilter(name)) // RFC 4515 §3
	return ldap.NewSearchRequest(s.BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, most, seconds, false, filter, s.attributes(), nil)
}

// bindName puts a login name into the template: escaped where that is a DN (RFC 4514
// §2.4).
func (s Settings) bindName(name string) string {
	if _, isDN := parseDN(strings.ReplaceAll(s.BindAs, placeholder, "x")); isDN {
		name = ldap.EscapeDN(name)
	}
	return strings.ReplaceAll(s.BindAs, placeholder, name)
}

// parseDN reads a name of an entry. The empty one is that of nobody: to bind as it
// is anonymous (RFC 4513 §5.1.1).
func parseDN(text string) (*ldap.DN, bool) {
	dn, err := ldap.ParseDN(text)
	return dn, err == nil && len(dn.RDNs) > 0
}
