//go:build !race

package provider_test

// raced: see race_test.go.
const raced = false
