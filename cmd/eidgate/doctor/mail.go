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
		return []Finding{ok("no mail server is named: holders are told on pages only")}
	}
	if err := ping(ctx); err != nil {
		return []Finding{fault("see to it that the server runs, offers TLS with a certificate that notify.smtp trusts, and takes our account; until then notices wait, three days at most",
			"%s: %v", address, err)}
	}
	return []Finding{ok("%s answers and takes us", address)}
}
