//go:build interop

package interop_test

import "testing"

// servers are those whose people have the residents' own passwords.
type servers struct {
	authority       *authority // of the directories' certificates
	openLDAP, samba *directory
	oidcProvider    *provider
}

// make gives them their addresses and secrets.
func (s *servers) make(dir string) (err error) {
	if s.authority, err = newAuthority(dir); err != nil {
		return err
	}
	if s.openLDAP, err = newOpenLDAP(); err != nil {
		return err
	}
	if s.samba, err = newSamba(); err != nil {
		return err
	}
	s.oidcProvider, err = newProvider(dir, "oidc-provider")
	return err
}

// served are the sources that these servers are.
func served() []*upstream {
	return []*upstream{
		{
			id: "oidc-provider", kind: "openid", provider: oidcProvider, settings: oidcProviderSettings, reconcile: "link", ownPasswords: true,
			software: "oidc-provider", protocol: "OpenID Connect", level: "`acr`",
			notes: "`acrValues` there and `request_acr` here, since it says `acr` only to who asks with `acr_values`; `pkce.required`",
		},
	}
}

// subjectOf is what the source calls a resident for good.
func (u *upstream) subjectOf(t *testing.T, who *resident) string {
	t.Helper()
	if u.subject == nil {
		return who.Login
	}
	return u.subject(t, who)
}

// passwordOf is what a resident types there: demonstration backends want the login
// name again.
func (u *upstream) passwordOf(who *resident) string {
	if u.ownPasswords {
		return who.Password
	}
	return who.Login
}
