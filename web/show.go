package web

import (
	_ "embed"
	"html/template"
)

// showScript lets a password that is being chosen be seen: it is typed once, so who sees
// no slip of theirs would be shut out by it (NIST SP 800-63B-4, §3.1.1.2). The page does
// its work without.
//
//go:embed scripts/show.js
var showScript template.JS

// Script shows a password.
func (NewPasswordData) Script() template.JS { return showScript }

// Script shows a password.
func (RecoverPasswordData) Script() template.JS { return showScript }

// Script shows a password.
func (RegisterPasswordData) Script() template.JS { return showScript }

// Script shows a password.
func (WayPasswordData) Script() template.JS { return showScript }
