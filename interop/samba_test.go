//go:build interop

package interop_test

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

func TestSambaAD(t *testing.T) {
	d := gw.servers.samba
	startSamba(t, d)
	d.proves(t)
	u := upstreamOf("samba-ad")
	u.proves(t)
	t.Run("principal name", func(t *testing.T) {
		u.start(t, acr2)
		who := *residents()[0]
		by := func(name string) string {
			who.Login = name
			return u.signIn(newBrowser(t), &who).answer(t, u.rp.origin, http.StatusOK).Subject
		}
		if got, want := by(who.Login+"@vidu.example"), by(who.Login); got != want {
			t.Errorf("by the principal name somebody is %s, want %s", got, want)
		}
	})
}

func samba(g *gateway) *directory { return g.servers.samba }

func overSamba(g *gateway) map[string]any {
	return g.servers.samba.settings(g, "ldaps://"+g.servers.samba.addr)
}

// newSamba is the domain controller that samba/dc.py makes.
func newSamba() (*directory, error) {
	addr, err := freeAddr(1)
	return &directory{
		addr: addr, base: "DC=vidu,DC=example", service: "CN=svc-eidgate,CN=Users,DC=vidu,DC=example", servicePassword: password(),
		login: "sAMAccountName", filter: "(&(objectCategory=person)(|(sAMAccountName={login})(userPrincipalName={login})))", subject: "objectGUID", number: "employeeNumber", name: "displayName",
		born: "extensionName", level: "employeeType",
		levels: map[string]int{"1": 1, "2": 2},
	}, err
}

// startSamba makes a domain and serves it from namespaces of its own. A listening
// socket stays in the network namespace that it was made in: given to the
// controller's script, it is the door to the controller.
func startSamba(t *testing.T, d *directory) {
	t.Helper()
	dir := filepath.Join(gw.dir, "samba")
	must(t, os.Mkdir(dir, 0o700))
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", d.addr)
	must(t, err)
	door, err := l.(*net.TCPListener).File()
	must(t, err)
	settings, err := json.Marshal(map[string]any{
		"dir": dir, "certificate": gw.servers.authority.certificate, "key": gw.servers.authority.key, "ca": gw.servers.authority.ca,
		"service_password": d.servicePassword, "residents": everybody(),
	})
	must(t, err)

	cmd := exec.CommandContext(gw.ctx, "/usr/bin/python3", filepath.Join("samba", "dc.py"))
	cmd.Env = environment("PYTHONDONTWRITEBYTECODE=1")
	cmd.Stdin = bytes.NewReader(settings)
	cmd.ExtraFiles = []*os.File{door}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	startCommand(t, d.addr, cmd)
	// From here on the controller alone holds the door: if it ends, so do connections.
	must(t, l.Close())
	must(t, door.Close())
}
