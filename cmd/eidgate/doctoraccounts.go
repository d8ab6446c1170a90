package main

import (
	"context"
	"net/http"
	"slices"
	"time"

	"eidgate/cmd/eidgate/doctor"
	"eidgate/config"
	"eidgate/eid"
	"eidgate/eid/notify"
	"eidgate/federation"
)

// accountSystemChecks look at what the built-in account system works with, where it is a
// source.
func accountSystemChecks(cfg *config.Config, sources []eid.Source) []doctor.Check {
	i := slices.IndexFunc(sources, func(s eid.Source) bool { return s.Kind == federation.KindAccount })
	if i < 0 {
		return nil
	}
	carries, to := sources[i].Carries(), channels(cfg)
	return []doctor.Check{
		{Name: "messages to new people", Look: func(context.Context) []doctor.Finding { return doctor.Reach(to.SMS, to.Email) }},
		{Name: "passkeys", Look: func(context.Context) []doctor.Finding { return doctor.Passkeys(cfg.Issuer, carries.Passkey) }},
	}
}

// registryChecks look at each registry through the guard that the gateway's calls pass.
func registryChecks(cfg *config.Config) []doctor.Check {
	var checks []doctor.Check
	add := func(key string, r *config.Registry, without string) {
		look := func(ctx context.Context) []doctor.Finding {
			client, err := registryClient(cfg, key, r)
			if err != nil {
				return []doctor.Finding{{Status: doctor.Fault, Found: err.Error(), Mend: "mend it in the configuration"}}
			}
			return doctor.Registry{
				Key: key, URL: r.URL, Token: r.Token, Without: without, Invented: r.PeopleFile != "", Public: !cfg.Local(), HTTP: notFollowing(client),
			}.Look(ctx)
		}
		checks = append(checks, doctor.Check{Name: key, Look: look})
	}
	r := &cfg.Registries
	add("registries.population", &r.Population, "no citizen registers, and sources that compare with it sign nobody in")
	add("registries.citizen_card", &r.CitizenCard, "no citizen reaches level 2 at a counter")
	add("registries.immigration", &r.Immigration, "no foreigner registers")
	if r.DevelopmentMatcher {
		return append(checks, doctor.Check{Name: "registries.matcher", Look: func(context.Context) []doctor.Finding {
			return []doctor.Finding{{Status: doctor.OK, Found: "captures match though nothing is compared: for a test bed"}}
		}})
	}
	add("registries.matcher", &r.Matcher, "nobody reaches level 2 at a counter")
	return checks
}

// notFollowing is a client that takes a redirection for the answer.
func notFollowing(client *http.Client) *http.Client {
	once := *client
	once.Timeout = lookTime
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &once
}

// noticeChecks look at who takes mails and SMS to holders.
func noticeChecks(ctx context.Context, cfg *config.Config, sources []eid.Source, now func() time.Time) []doctor.Finding {
	by, err := senders(cfg, now)
	if err != nil {
		return []doctor.Finding{{Status: doctor.Fault, Found: err.Error(), Mend: "mend notify in the configuration"}}
	}
	for _, s := range by {
		defer s.Close(ctx)
	}
	portals := slices.ContainsFunc(sources, func(s eid.Source) bool { return s.Portal != nil && now().Before(s.Portal.VerifyBy) })
	return append(doctor.Mail(ctx, cfg.Notify.SMTP.Address, portals, pinger(by[notify.Email])), doctor.SMS(ctx, smsAt(cfg), pinger(by[notify.SMS]))...)
}

// pinger is a sender that can be asked without sending; nil where there is none.
func pinger(s notify.Sender) doctor.Pinger {
	p, _ := s.(doctor.Pinger)
	return p
}
