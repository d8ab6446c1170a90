package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/cas"
	"eidgate/federation/ldap"
	"eidgate/federation/openid"
	"eidgate/federation/saml"
	"eidgate/federation/vneid"
)

// Sources looks at sources as the gateway reaches them.
type Sources struct {
	// HTTP makes the calls, to where the gateway may call.
	HTTP *http.Client
	// Dial opens connections to directories, under the same guard.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Issuer is the gateway's own address.
	Issuer string
	Clocks *Clocks
	Now    func() time.Time
}

// Look asks one source for what it publishes, where that is anything.
func (s Sources) Look(ctx context.Context, src eid.Source) []Finding {
	now := s.Now()
	list := judgeWindow(src.Window, now)
	if !src.Window.Until.IsZero() && !now.Before(src.Window.Until) {
		return list
	}
	switch src.Kind {
	case federation.KindOpenID:
		return s.lookOpenID(ctx, src, list)
	case federation.KindLDAP:
		return s.lookLDAP(ctx, src, list)
	case federation.KindVNeID:
		return s.lookWeb(list, "vneid", "userinfo", "any token", func(client *http.Client) error {
			settings, err := vneid.ParseSettings(src.Settings)
			if err != nil {
				return err
			}
			return vneid.Examine(ctx, client, settings)
		})
	case federation.KindSAML:
		return s.lookWeb(list, "saml", "metadata_url", "", func(client *http.Client) error {
			settings, err := saml.ParseSettings(src.Settings)
			if err != nil {
				return err
			}
			return saml.Examine(ctx, settings, saml.Deps{HTTP: client, Now: s.Now, Entity: s.Issuer + "/source/" + src.ID + "/metadata"})
		})
	case federation.KindCAS:
		return s.lookWeb(list, "cas", "server", "any ticket", func(client *http.Client) error {
			settings, err := cas.ParseSettings(src.Settings)
			if err != nil {
				return err
			}
			return cas.Examine(ctx, client, settings)
		})
	}
	return list
}

// lookWeb examines a source at an address of its block. takes is what a source
// takes from anybody that is not to be trusted.
func (s Sources) lookWeb(list []Finding, block, key, takes string, examine func(client *http.Client) error) []Finding {
	switch err := examine(s.HTTP); {
	case errors.Is(err, federation.ErrUntrusted):
		return append(list, fault("tell its owner at once, and switch the source off", "it takes %s from anybody", takes))
	case err != nil:
		return append(list, unreached(err, block+"."+key))
	}
	list[0].Found = "answers as its protocol wants; " + list[0].Found
	return list
}

// lookLDAP signs nobody in at a directory.
func (s Sources) lookLDAP(ctx context.Context, src eid.Source, list []Finding) []Finding {
	settings, err := ldap.ParseSettings(src.Settings)
	if err != nil {
		return append(list, fault("mend its block ldap", "%v", err))
	}
	switch err := ldap.Examine(ctx, settings, s.Dial); {
	case errors.Is(err, federation.ErrUntrusted):
		return append(list, fault("tell its owner at once, and switch the source off", "it takes any password for anybody"))
	case err != nil:
		return append(list, unreachedDirectory(err))
	}
	list[0].Found = "answers, and refuses who does not exist; " + list[0].Found
	return list
}

// unreachedDirectory is what keeps a directory from being used.
func unreachedDirectory(err error) Finding {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	switch {
	case errors.Is(err, federation.ErrForbiddenAddress):
		return fault("add its host:port to outbound.allow, if it is meant to lie in your own network", "its name leads to an address that is not public")
	case errors.As(err, &unknown):
		return fault("name its authority in ldap.ca_file", "its certificate leads to no authority that is named")
	case errors.As(err, &host):
		return fault("name it in ldap.url as its certificate does, or tell its owner", "its certificate does not fit: %v", err)
	}
	return fault("compare its block ldap with what its owner says", "it cannot be used: %v", err)
}

func (s Sources) lookOpenID(ctx context.Context, src eid.Source, list []Finding) []Finding {
	settings, err := openid.ParseSettings(src.Settings)
	if err != nil {
		return append(list, fault("mend its block openid", "%v", err))
	}
	var answer *http.Response
	client := *s.HTTP
	client.Transport = keeping{noting{s.HTTP.Transport, s.Clocks, "source " + src.ID, s.Now}, func(res *http.Response) { answer = res }}
	if err := openid.Examine(ctx, &client, settings); err != nil {
		return append(list, unreached(err, "openid.issuer"))
	}
	if answer != nil && answer.TLS != nil && len(answer.TLS.PeerCertificates) > 0 {
		if leaf := answer.TLS.PeerCertificates[0]; leaf.NotAfter.Sub(s.Now()) < expiresNow {
			list = append(list, warning("tell its owner", "its certificate expires on %s", day(leaf.NotAfter)))
		}
	}
	if !slices.ContainsFunc(list, func(f Finding) bool { return f.Status != OK }) {
		list[0].Found = "answers with its issuer and usable keys; " + list[0].Found
	}
	return list
}

// keeping hands on every answer.
type keeping struct {
	http.RoundTripper
	keep func(*http.Response)
}

// RoundTrip implements http.RoundTripper.
func (k keeping) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := k.RoundTripper.RoundTrip(r)
	if err == nil {
		k.keep(res)
	}
	return res, err
}

func judgeWindow(w eid.Window, now time.Time) []Finding {
	switch {
	case !w.Until.IsZero() && !now.Before(w.Until):
		return []Finding{ok("its window ended on %s; holders are told so", day(w.Until))}
	case now.Before(w.From):
		return []Finding{ok("its window opens on %s", day(w.From))}
	case !w.Until.IsZero() && w.Until.Sub(now) <= ahead:
		return []Finding{warning("tell its portals and holders, or set a later window.until", "its window ends on %s", day(w.Until))}
	case w.Until.IsZero():
		return []Finding{ok("its window is open, without an end")}
	}
	return []Finding{ok("its window is open until %s", day(w.Until))}
}

// unreached is what keeps a source from being used. key is that of its address.
func unreached(err error, key string) Finding {
	var call *url.Error
	var name *net.DNSError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var socket *net.OpError
	why := err
	if errors.As(err, &call) {
		why = call.Err // the address stands in the configuration
	}
	switch {
	case errors.Is(err, federation.ErrForbiddenAddress):
		return fault("add its host:port to outbound.allow, if it is meant to lie in your own network", "its name leads to an address that is not public")
	case errors.As(err, &name):
		return fault("check "+key+", and the name servers of this machine", "its name does not resolve")
	case errors.As(err, &unknown):
		return fault("have its owner send the intermediates; for an authority of their own, SSL_CERT_FILE names it to the gateway", "its certificate leads to no authority that this machine knows")
	case errors.As(err, &host), errors.As(err, &invalid):
		return fault("tell its owner", "its certificate does not fit: %v", why)
	case errors.Is(err, context.DeadlineExceeded), call != nil && call.Timeout():
		return fault("look for a firewall between here and there, and tell its owner", "it does not answer in time")
	case call != nil, errors.As(err, &socket):
		return fault("look for a firewall between here and there, and tell its owner", "it cannot be reached: %v", why)
	}
	return fault("compare "+key+" with what its owner says, and tell them", "it answers, but not in a way that sign-ins could use: %v", err)
}

// Allowed looks whether the destinations of outbound.allow can be found.
func Allowed(ctx context.Context, list []string, lookup func(ctx context.Context, host string) ([]string, error)) []Finding {
	var found []Finding
	for _, destination := range list {
		host, _, err := net.SplitHostPort(destination)
		if err == nil {
			_, err = lookup(ctx, host)
		}
		if err != nil {
			found = append(found, warning("check the name, and the name servers of this machine", "%s does not resolve", destination))
		}
	}
	if len(found) == 0 {
		found = append(found, ok("%s, found", counted(len(list), "destination")))
	}
	return found
}
