//go:build interop

package interop_test

import (
	"path/filepath"
	"testing"
)

// servers are those whose people have the residents' own passwords.
type servers struct {
	authority       *authority // of the directories' certificates
	openLDAP, samba *directory
	oidcProvider    *provider
	keys            [2]string // files of the gateway's keys there: to sign with, to be encrypted to
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
	if s.oidcProvider, err = newProvider(dir, "oidc-provider"); err != nil {
		return err
	}
	for i, name := range []string{"sign.pem", "decrypt.pem"} {
		s.keys[i] = filepath.Join(s.oidcProvider.dir, name)
		newKey(s.keys[i])
	}
	return nil
}

// addrs are where the gateway calls them.
func (s *servers) addrs() []string {
	return []string{s.openLDAP.addr, s.openLDAP.plain, s.samba.addr, s.oidcProvider.addr()}
}

// served are the sources that these servers are.
func served() []*upstream {
	return []*upstream{
		{
			id: "openldap", kind: "ldap", settings: overTLS, subject: subjectIn(openLDAP), ownPasswords: true,
			software: "OpenLDAP", protocol: "LDAPS", level: "attribute",
			notes: "`access` lets people read themselves and write nothing, and the service account read; `security simple_bind=128`, `disallow bind_anon`; " +
				"`overlay ppolicy`, whose word on passwords that must be changed is heeded",
		},
		{
			id: "openldap-starttls", kind: "ldap", settings: overStartTLS, subject: subjectIn(openLDAP), ownPasswords: true,
			software: "OpenLDAP", protocol: "LDAP with StartTLS", level: "attribute", notes: "`start_tls: true`",
		},
		{
			id: "samba-ad", kind: "ldap", settings: overSamba, subject: subjectIn(samba), ownPasswords: true,
			software: "Samba domain controller", protocol: "LDAPS", level: "attribute",
			notes: "people type `sAMAccountName` or `userPrincipalName`; `subject: objectGUID`; the level stands in `employeeType`, because people write the " +
				"attributes of the property set Personal Information, such as `msDS-cloudExtensionAttribute1`, of themselves",
		},
		{
			id: "oidc-provider", kind: "openid", provider: oidcProvider, settings: oidcProviderSettings, ownPasswords: true,
			software: "oidc-provider", protocol: "OpenID Connect", level: "`acr`",
			notes: "`private_key_jwt` with the keys at `/source/oidc-provider/metadata`; userinfo signed and encrypted; `acrValues` there and `request_acr` here, " +
				"since it says `acr` only to who asks with `acr_values`; `backchannelLogout`",
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
