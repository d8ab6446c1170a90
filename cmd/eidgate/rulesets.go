package main

import (
	"context"
	"fmt"

	"eidgate/config"
	"eidgate/eid/rules"
)

// openRules reads the rule sets that a configuration names, and those of the program.
func openRules(cfg *config.Config) (*rules.Book, error) {
	book, err := rules.Open(cfg.Rules.Directory)
	if err != nil {
		return nil, fmt.Errorf("rules.directory: %w", err)
	}
	return book, nil
}

// reloadRules is what a subject calls when files of rule sets changed. A fault leaves
// the rules in force as they are, and is looked at again.
func (g *gateway) reloadRules(ctx context.Context, _ bool) bool {
	book, err := openRules(g.front.Load().cfg)
	if err != nil {
		g.log.ErrorContext(ctx, "rule sets refused", "err", err)
		return false
	}
	g.rules.Replace(book)
	g.log.InfoContext(ctx, "rule sets live", "sets", len(book.All()))
	return true
}
