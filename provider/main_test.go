package provider_test

import (
	"log/slog"
	"os"
	"testing"
)

// The library logs refusals to the default logger, as main keeps it from doing.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}
