// Package citizen owns the pages of holders: registering, activating, recovering, and
// what holders see and set themselves.
package citizen

import (
	"errors"
	"net/http"
	"time"

	"eidgate/eid/recovery"
	"eidgate/eid/registration"
	"eidgate/web"
	"eidgate/web/shell"
	"eidgate/web/signin"
)

// Deps are what the pages work with.
type Deps struct {
	Shell *shell.Shell
	Me    *signin.Gate // lets holders in to their own pages

	Registration *registration.Service
	Passwords    Hasher
	Policy       Policy
	Recovery     *recovery.Service
	Devices      Devices
	Least        int // characters of a password
	Now          func() time.Time
	My           MeDeps // what those work with
}

// Pages answer below the paths of Paths.
type Pages struct {
	d   Deps
	mux *http.ServeMux
}

// Paths are where the pages are mounted.
func Paths() []string { return []string{pathRegister, pathActivate, pathRecover, "/me"} }

// New wires the pages.
func New(d Deps) (*Pages, error) {
	if d.Shell == nil || d.Me == nil || d.Registration == nil || d.Passwords == nil || d.Policy == nil || d.Recovery == nil || d.Devices == nil || d.Now == nil {
		return nil, errors.New("citizen: every dependency is needed")
	}
	if err := d.My.check(); err != nil {
		return nil, err
	}
	p := &Pages{d: d, mux: http.NewServeMux()}
	register := &registering{shell: d.Shell, service: d.Registration, passwords: d.Passwords, policy: d.Policy, least: d.Least, now: d.Now}
	p.mux.Handle(pathRegister, register)
	p.mux.Handle(pathRegister+"/", register)
	for mode, path := range map[recovery.Mode]string{recovery.Recover: pathRecover, recovery.Activate: pathActivate} {
		back := &recovering{shell: d.Shell, service: d.Recovery, least: d.Least, mode: mode, path: path, devices: d.Devices, now: d.Now}
		p.mux.Handle(path, back.handler())
		p.mux.Handle(path+"/", back.handler())
	}
	p.mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) {
		web.VisitOf(r).Fail(http.StatusNotFound, web.ErrorNotFound, "")
	})
	p.mountMe()
	return p, nil
}

// Handler serves the pages.
func (p *Pages) Handler() http.Handler { return p.mux }
