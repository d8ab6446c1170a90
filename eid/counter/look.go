package counter

import (
	"context"
	"fmt"
	"slices"

	"eidgate/eid"
)

// maxListed is how many applications a list shows.
const maxListed = 200

// Queue lists the applications of the officer's office, the ones that are due first:
// those of a status, or all that are open. It shows nothing of a person.
func (c *Counter) Queue(ctx context.Context, by By, status Status, ref string) ([]Summary, error) {
	if !c.works(by.Officer) {
		return nil, ErrTask
	}
	list, err := c.deps.Store.Applications(ctx, Filter{Office: by.Officer.Office, Status: status, Ref: ref, Most: maxListed})
	if err != nil {
		return nil, fmt.Errorf("listing applications: %w", err)
	}
	return list, nil
}

// Show gives one application with all that it holds. Each look at a person is part of an
// application, and is on record.
func (c *Counter) Show(ctx context.Context, by By, id string) (Application, error) {
	if !c.works(by.Officer) {
		return Application{}, ErrTask
	}
	a, err := c.load(ctx, id)
	if err == nil && a.Office != by.Officer.Office {
		err = eid.ErrNotFound
	}
	if err == nil {
		err = c.mayNot(ctx, &a, by.Officer)
	}
	if err == nil {
		var entry eid.AuditEntry
		if entry, err = a.entry(by, eid.ActionApplicationViewed, c.time(), ""); err == nil {
			err = c.deps.Record.Record(ctx, entry)
		}
	}
	if err != nil {
		return Application{}, fmt.Errorf("showing an application: %w", err)
	}
	return a, nil
}

// Obstacles lists what keeps an application from going on as of now.
func (c *Counter) Obstacles(a *Application) ([]Obstacle, error) {
	rules, err := c.rules(a.CreatedAt)
	if err != nil {
		return nil, err
	}
	return a.Obstacles(&rules, c.time()), nil
}

// NeedsOther reports whether an application has to be approved by another officer than
// this one.
func (c *Counter) NeedsOther(a *Application, officer eid.AccountID) (bool, error) {
	rules, err := c.rules(a.CreatedAt)
	return a.needsSecond(&rules) && a.tookIn(officer), err
}

// Rules gives the rule set that an application is under, and its level's rule names what
// can be matched with what.
func (c *Counter) Rules(a *Application) (eid.RuleSet, error) { return c.rules(a.CreatedAt) }

// works reports whether somebody is an officer of an office who takes in or approves.
func (c *Counter) works(o eid.Officer) bool {
	return o.Account != "" && o.Office != "" && (slices.Contains(o.Tasks, eid.TaskIntake) || slices.Contains(o.Tasks, eid.TaskApprove))
}
