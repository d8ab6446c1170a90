//go:build race

package provider_test

// raced: the race detector slows SQLite in pure Go down tenfold and more. What goes over
// every order takes a part of them here; `make test` runs all of them without it.
const raced = true
