package config

import (
	"path/filepath"
	"strconv"
)

// Audit says what becomes of the audit.
type Audit struct {
	// How many years rows are kept, five or more (Decree 59/2022, Art. 21). A row under a
	// legal hold stays for longer.
	RetentionYears int `koanf:"retention_years"`
	// Where checkpoints are brought, out of reach of whoever owns the database.
	Ship Ship `koanf:"ship"`
}

// Ship says where checkpoints are brought.
type Ship struct {
	// The file that checkpoints are appended to, one line each, such as on a disk of
	// another machine; empty ships none.
	File string `koanf:"file"`
	// An address that checkpoints are posted to, a line each (application/x-ndjson), by
	// itself or beside file. Whatever it answers but 2xx is tried again.
	URL string `koanf:"url"`
	// A file that holds the bearer token for url, or credential:NAME. It is read at each
	// try.
	TokenFile string `koanf:"token_file"`
	CAFile    string `koanf:"ca_file"` // the authorities of its certificate, in PEM; without it, the system's
}

// Bounds of retention, in years. The gateway never removes what the law of the day
// wants kept, whatever stands here.
const (
	leastRetention = 5
	mostRetention  = 100
)

func (c *Config) checkAudit(f *faults) {
	if y := c.Audit.RetentionYears; y < leastRetention || y > mostRetention {
		f.add("audit.retention_years", "keeps rows for "+strconv.Itoa(y)+" years", "5 to 100; Decree 59/2022, Art. 21 wants five")
	}
	if file := c.Audit.Ship.File; file != "" && !filepath.IsAbs(file) {
		f.add("audit.ship.file", "a path that depends on where the gateway was started", "an absolute path")
	}
	switch s := &c.Audit.Ship; {
	case s.URL != "":
		checkAddress(f, "audit.ship.url", s.URL, address{})
		checkReachable(f, "audit.ship.url", s.URL, c.Outbound.Allow)
	case s.TokenFile != "" || s.CAFile != "":
		f.add("audit.ship.url", "missing", "the address that token_file and ca_file are for")
	}
}
