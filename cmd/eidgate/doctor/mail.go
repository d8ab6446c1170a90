package doctor

import "context"

// Mail reaches for the mail server that takes notices to holders, without sending any.
// portals says whether somebody's old account stops on a day.
func Mail(ctx context.Context, address string, portals bool, ping func(context.Context) error) []Finding {
	switch {
	case address == "" && portals:
		return []Finding{warning("name a mail server in notify.smtp, or have the portals write to their holders",
			"holders of old accounts are told on pages only: no mail server is named")}
	case address == "":
		return []Finding{ok("no mail server is named: holders are told by no mail")}
	}
	if err := ping(ctx); err != nil {
		return []Finding{fault("see to it that the server runs, offers TLS with a certificate that notify.smtp trusts, and takes our account; until then notices wait, three days at most",
			"%s: %v", address, err)}
	}
	return []Finding{ok("%s answers and takes us", address)}
}

// SMS reaches for who takes SMS, without sending any. ping is nil where there is nothing
// to ask.
func SMS(ctx context.Context, at string, ping func(context.Context) error) []Finding {
	switch {
	case at == "":
		return []Finding{ok("nobody is named to send SMS: holders get none")}
	case ping == nil:
		return []Finding{ok("SMS go to %s; `eidgate notices test --sms NUMBER` shows whether it takes them", at)}
	}
	if err := ping(ctx); err != nil {
		return []Finding{fault("see to it that the SMSC runs and takes our account, with TLS that notify.sms.smpp trusts where it is not none; until then nobody gets a code by SMS",
			"%s: %v", at, err)}
	}
	return []Finding{ok("%s answers and takes us", at)}
}
