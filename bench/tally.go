package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// loadOperations are those of a load, in the order of its report.
var loadOperations = []string{"flow", "userinfo", "refresh", "sign-in"}

// maxKinds bounds the lists of what went wrong.
const maxKinds = 50

// tally is what a load showed.
type tally struct {
	mu       sync.Mutex
	took     map[string][]time.Duration // operations that went well
	shed     map[string]int             // operations that met a clear 503
	failures map[string]int             // anything else, by what it was
	statuses map[string]int             // answers by path and status
}

func newTally() *tally {
	return &tally{took: map[string][]time.Duration{}, shed: map[string]int{}, failures: map[string]int{}, statuses: map[string]int{}}
}

// add notes the end of one operation.
func (t *tally) add(operation string, took time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var status *statusError
	switch {
	case err == nil:
		t.took[operation] = append(t.took[operation], took)
	case errors.As(err, &status) && status.clear:
		t.shed[operation]++
	case errors.As(err, &status):
		// Not the body: a page would fill the screen.
		count(t.failures, fmt.Sprintf("%s: %s answered %d", operation, status.path, status.status))
	default:
		count(t.failures, operation+": "+err.Error())
	}
}

func count(kinds map[string]int, kind string) {
	if _, known := kinds[kind]; !known && len(kinds) >= maxKinds {
		kind = "others"
	}
	kinds[kind]++
}

// counting counts the answers that pass through it.
type counting struct {
	http.RoundTripper
	*tally
}

// RoundTrip implements http.RoundTripper.
func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := c.RoundTripper.RoundTrip(r)
	if err == nil {
		c.mu.Lock()
		count(c.statuses, fmt.Sprintf("%s %s %d", r.Method, r.URL.Path, res.StatusCode))
		c.mu.Unlock()
	}
	return res, err
}

// verdict is an error where the gateway failed other than by a clear 503, or
// refused what was right.
func (t *tally) verdict() error {
	var errs []error
	for _, kind := range slices.Sorted(maps.Keys(t.failures)) {
		errs = append(errs, fmt.Errorf("%d × %s", t.failures[kind], kind))
	}
	for _, kind := range slices.Sorted(maps.Keys(t.statuses)) {
		if status := kind[strings.LastIndexByte(kind, ' ')+1:]; status[0] == '5' && status != "503" {
			errs = append(errs, fmt.Errorf("%d × %s", t.statuses[kind], kind))
		}
	}
	if len(t.took["flow"]) == 0 {
		errs = append(errs, errors.New("not one flow went well"))
	}
	return errors.Join(errs...)
}

// print writes rates, percentiles and counts.
func (t *tally) print(out io.Writer, duration time.Duration) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "operation\tdone\tper s\tp50 ms\tp95 ms\tp99 ms\tmost ms\tshed\t")
	for _, op := range loadOperations {
		took := slices.Sorted(slices.Values(t.took[op]))
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%d\t\n", op, len(took), float64(len(took))/duration.Seconds(),
			ms(percentile(took, 50)), ms(percentile(took, 95)), ms(percentile(took, 99)), ms(percentile(took, 100)), t.shed[op])
	}
	_ = w.Flush() // a terminal that is gone reads nothing
	fmt.Fprintln(out, "\nanswers:")
	for _, kind := range slices.Sorted(maps.Keys(t.statuses)) {
		fmt.Fprintf(out, "%8d  %s\n", t.statuses[kind], kind)
	}
}
