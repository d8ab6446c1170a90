package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"eidgate/cmd/eidgate/doctor"
	"eidgate/config"
)

// lookTime is what each check has. Those that come last wait for nobody, so that a
// run takes less than 5 s.
const lookTime = 4 * time.Second

// newDoctor makes `eidgate doctor`.
func newDoctor() *cobra.Command {
	c := &cobra.Command{
		Use: "doctor", Short: "look over an installation, and say how to mend what is wrong", Args: noArgs,
		Long: `doctor looks at what a gateway depends on: its configuration, data and keys, the
clock, certificates, Redis, its public address and the proxies before it, sources,
and what the machine has to give. Each finding comes with its mend. Nothing is made,
written or migrated, and a gateway may run meanwhile.

It exits 1 where there is a fault, and 0 with warnings alone. Run it as the
gateway's user, with the gateway's environment.`,
	}
	path := configFlag(c)
	asJSON := c.Flags().Bool("json", false, "print one JSON document, for monitoring")
	via := c.Flags().String("url", "", "where to reach the gateway, as http(s)://host:port, if its name does not lead there from here")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := checkVia(*via); err != nil {
			return usageError{fmt.Errorf("--url: %w", err)}
		}
		report := diagnose(c.Context(), *path, *via, progress(c.ErrOrStderr(), *asJSON))
		write := report.Text
		if *asJSON {
			write = report.JSON
		}
		if err := write(c.OutOrStdout()); err != nil {
			return err
		}
		if report.Status == doctor.Fault {
			return errors.New("the installation has faults")
		}
		return nil
	}
	return c
}

// checkVia wants an address to connect to, and nothing that a request would drop.
func checkVia(raw string) error {
	if raw == "" {
		return nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return errors.New("want http(s)://host:port")
	}
	return nil
}

// diagnose loads the configuration and runs the checks that it calls for.
func diagnose(ctx context.Context, path, via string, told func(all int) func(ended int)) doctor.Report {
	cfg, err := config.Load(path, os.Environ())
	if err != nil {
		return doctor.NewReport(configFaults(err), time.Now())
	}
	checks, err := checksOf(cfg, via, time.Now)
	if err != nil {
		return doctor.NewReport([]doctor.Finding{{Check: "configuration", Status: doctor.Fault, Found: err.Error(), Mend: "mend the file; eidgate check names each fault"}}, time.Now())
	}
	report := doctor.NewReport(doctor.Run(ctx, checks, lookTime, told(len(checks))), time.Now())
	report.Issuer, report.Version = cfg.Issuer, cfg.Version()
	return report
}

// configFaults are the findings of a configuration that cannot be used, which leaves
// nothing else to look at.
func configFaults(err error) []doctor.Finding {
	faults := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		faults = joined.Unwrap()
	}
	var list []doctor.Finding
	for _, each := range faults {
		f := doctor.Finding{Check: "configuration", Status: doctor.Fault, Found: each.Error(), Mend: "mend the file; eidgate config schema helps an editor to"}
		var fault *config.Fault
		if errors.As(each, &fault) && fault.Remedy != "" {
			f.Found, f.Mend = fault.Path+": "+fault.Problem, fault.Remedy
		}
		list = append(list, f)
	}
	return list
}

// progress shows people how far the checks are: on a terminal, and nowhere else.
func progress(w io.Writer, quiet bool) func(all int) func(ended int) {
	file, isFile := w.(*os.File)
	if isFile {
		info, err := file.Stat()
		isFile = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return func(all int) func(int) {
		if quiet || !isFile {
			return nil
		}
		fmt.Fprintf(w, "\rlooking … 0 of %d", all)
		return func(ended int) {
			fmt.Fprintf(w, "\rlooking … %d of %d", ended, all)
			if ended == all {
				fmt.Fprint(w, "\r\x1b[K")
			}
		}
	}
}

func evaluations(limits config.Limits) int {
	if limits.PasswordEvaluations > 0 {
		return limits.PasswordEvaluations
	}
	return max(runtime.GOMAXPROCS(0)-1, 1) // as package credential does
}

// redisChecks looks at Redis as the gateway would before it uses it.
func redisChecks(ctx context.Context, cfg *config.Config, server config.StateServer) []doctor.Finding {
	store, err := newRedisState(cfg, server, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return []doctor.Finding{{Status: doctor.Fault, Found: err.Error(), Mend: "mend state and redis in the configuration"}}
	}
	defer func() { _ = store.Close() }()
	found, err := store.Inspect(ctx)
	if err != nil {
		return []doctor.Finding{{Status: doctor.Fault, Found: err.Error(), Mend: "start Redis, and check the address, user, password and TLS of state and redis"}}
	}
	if len(found) == 0 {
		return []doctor.Finding{{Status: doctor.OK, Found: "Redis is fit for passing state: version, eviction, role, persistence, clock and answering time"}}
	}
	list := make([]doctor.Finding, len(found))
	for i, f := range found {
		list[i] = doctor.Finding{Status: doctor.Warning, Found: "Redis at " + f.Node + ": " + f.Problem, Mend: f.Mend}
		if f.Refuses {
			list[i].Status = doctor.Fault
		}
	}
	return list
}

// machineAddresses are those of this machine.
func machineAddresses() ([]net.Addr, error) { return net.InterfaceAddrs() }
