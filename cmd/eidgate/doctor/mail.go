package doctor

import "context"

// Pinger sees whether a server takes us, without sending anything.
type Pinger interface {
	Ping(ctx context.Context) error
}

// Mail reaches for the mail server that takes notices to holders, without sending any.
// portals says whether somebody's old account stops on a day.
func Mail(ctx context.Context, address string, portals bool, server Pinger) []Finding {
	switch {
	case address == "" && portals:
		return []Finding{warning("name a mail server in notify.smtp, or have the portals write to their holders",
			"holders of old accounts are told on pages only: no mail server is named")}
	case address == "":
		return []Finding{ok("no mail server is named: holders are told by no mail")}
	}
	if err := server.Ping(ctx); err != nil {
		return []Finding{fault("see to it that the server runs, offers TLS with a certificate that notify.smtp trusts, and takes our account; until then notices wait, three days at most",
			"%s: %v", address, err)}
	}
	return []Finding{ok("%s answers and takes us", address)}
}

// SMS reaches for who takes SMS, without sending any.
func SMS(ctx context.Context, at string, server Pinger) []Finding {
	if at == "" {
		return []Finding{ok("nobody is named to send SMS: holders get none")}
	}
	if err := server.Ping(ctx); err != nil {
		return []Finding{fault("see to it that it runs and takes our account, with a certificate that notify.sms trusts; until then nobody gets a code by SMS",
			"%s: %v", at, err)}
	}
	return []Finding{ok("%s answers; `eidgate notices test --sms NUMBER` shows whether it takes an SMS", at)}
}
