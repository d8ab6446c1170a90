package main_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// officer signs in at the counter as one of the demo's officers.
func (v *visit) officer() {
	v.t.Helper()
	v.open(v.demo.Issuer + "/officer")
	v.choosePassword()
	v.submitPassword("014")
	v.submitCode("014")
	v.at(headTodo)
}

// lockRequest is how a service user's request stands, as the service user is told.
type lockRequest struct {
	ID     string `json:"id"`
	Ref    string `json:"reference"`
	Status string `json:"status"`
}

// asks has a portal ask the gateway for a lock, or how its request stands.
func (v *visit) asks(portal string, form url.Values) lockRequest {
	v.t.Helper()
	p := v.demo.portal(portal)
	r := v.demo.request(v.t, http.MethodPost, v.demo.Issuer+"/lock-requests", form.Encode())
	r.SetBasicAuth(p.ClientID, p.ClientSecret)
	answer, err := v.demo.RoundTrip(r)
	must(v.t, err)
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	must(v.t, err)
	var got lockRequest
	must(v.t, json.Unmarshal(body, &got))
	if got.ID == "" {
		v.t.Fatalf("POST /lock-requests = %d %s", answer.StatusCode, body)
	}
	return got
}

// stands fails unless the portal is told this of its request.
func (v *visit) stands(portal string, r lockRequest, want string) {
	v.t.Helper()
	if got := v.asks(portal, url.Values{"id": {r.ID}}); got.Status != want {
		v.t.Errorf("the request stands at %q, want %q", got.Status, want)
	}
}

// visitLockRequests has a portal ask for locks of somebody it knows. Officers decide, in
// the browser and at the command line; the lock is in force with the decision and ends
// with another, and both sides are told.
func visitLockRequests(v *visit) {
	v.signIn("portal-1", "002")
	v.arrived("portal-1", 1, "Trần Văn Mẫu")
	wish := func(document string) url.Values {
		return url.Values{"subject": {v.subject()}, "document": {document}, "reason": {"nghi ngờ gian lận"}}
	}
	o := v.another()
	o.officer()

	refused := v.asks("portal-1", wish("CV-1/2026"))
	o.decides(refused, "Từ chối", "Công văn không có chữ ký")
	v.stands("portal-1", refused, "rejected")
	v.demo.reads(v.t, "Yêu cầu khóa hoặc mở khóa "+refused.Ref+" đã có kết quả.")
	v.press("Hỏi mức 1")
	v.arrived("portal-1", 1, "Trần Văn Mẫu")

	asked := v.asks("portal-1", wish("CV-2/2026"))
	o.decides(asked, "Đồng ý", "Đã kiểm tra công văn")
	v.stands("portal-1", asked, "accepted")
	v.demo.reads(v.t, "Tài khoản định danh của Quý vị đã bị khóa.")
	locked := v.another()
	locked.signIn("portal-1", "002")
	locked.at(headIsLocked)
	locked.sees("theo yêu cầu của cơ quan có thẩm quyền hoặc bên sử dụng dịch vụ")
	locked.misses("CV-2/2026", "gian lận", "Mở khóa")

	end := v.asks("portal-1", url.Values{"undo": {asked.ID}, "document": {"CV-3/2026"}, "reason": {"đã làm rõ"}})
	exit, list, errs := run(v.t, "lock-requests", "list", "--data", v.demo.Dir)
	if exit != 0 || !strings.Contains(list, end.ID) || !strings.Contains(list, "unlock") || strings.Contains(list, asked.ID) {
		v.t.Errorf("lock-requests list = %d %q %q, want the one that waits", exit, list, errs)
	}
	of := []string{"--data", v.demo.Dir, "--reason", "đã xem công văn"}
	if exit, out, errs := run(v.t, append([]string{"lock-requests", "accept", end.ID}, of...)...); exit != 0 || out != "accepted: "+end.ID+"\n" {
		v.t.Fatalf("lock-requests accept = %d %q %q", exit, out, errs)
	}
	if exit, _, errs := run(v.t, append([]string{"lock-requests", "reject", end.ID}, of...)...); exit != 1 || !strings.Contains(errs, "a decision stands") {
		v.t.Errorf("lock-requests reject of what was accepted = %d %q, want 1 and why", exit, errs)
	}
	v.stands("portal-1", end, "accepted")
	v.demo.reads(v.t, "Tài khoản định danh của Quý vị đã mở khóa.")
	locked.signIn("portal-1", "002")
	locked.arrived("portal-1", 1, "Trần Văn Mẫu")

	last := v.asks("portal-1", wish("CV-4/2026"))
	if exit, out, errs := run(v.t, append([]string{"lock-requests", "reject", last.ID}, of...)...); exit != 0 || out != "rejected: "+last.ID+"\n" {
		v.t.Fatalf("lock-requests reject = %d %q %q", exit, out, errs)
	}
	v.stands("portal-1", last, "rejected")
	v.demo.reads(v.t, "Yêu cầu khóa hoặc mở khóa "+last.Ref+" đã có kết quả.")
	o.open(v.demo.Issuer + "/officer")
	o.misses(last.Ref)
}

// decides finds a request among what waits and decides on it, with a reason.
func (v *visit) decides(r lockRequest, button, why string) {
	v.t.Helper()
	v.open(v.demo.Issuer + "/officer")
	v.press("Đề nghị khóa hoặc mở khóa " + r.Ref)
	v.at("Đề nghị của bên sử dụng dịch vụ")
	v.sees("••• ••• ••• 002", "nghi ngờ gian lận", "Cổng dịch vụ thử nghiệm mức 1")
	v.misses("Trần Văn Mẫu")
	v.press(button)
	v.at("Đề nghị của bên sử dụng dịch vụ") // nothing is decided without a reason
	v.fill("reason", why)
	v.press(button)
	v.at(headTodo)
	v.misses(r.Ref)
}
