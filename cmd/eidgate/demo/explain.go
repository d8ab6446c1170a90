package demo

import (
	"fmt"
	"slices"

	"eidgate/eid"
)

// reasons tells in words why the portal took a level: what it registered, what
// it asked, what came.
func reasons(l lang, minimum eid.Level, a ask, granted eid.Level) []string {
	out := []string{fmt.Sprintf(l.say("Cổng này đã đăng ký: cần ít nhất định danh mức %v.", "This portal has registered that it needs identity Level %v at least."), minimum)}
	switch {
	case len(a.levels) == 0:
		out = append(out, l.say("Lần này cổng không hỏi thêm mức nào.", "This time the portal asked for no level beyond that."))
	case len(a.levels) > 1:
		out = append(out, l.say("Lần này cổng muốn mức 2, và cũng nhận mức 1.", "This time the portal wanted Level 2, and takes Level 1 too."))
	case a.essential:
		out = append(out, fmt.Sprintf(l.say("Lần này cổng bắt buộc mức %v.", "This time the portal insisted on Level %v."), a.levels[0]))
	default:
		out = append(out, fmt.Sprintf(l.say("Lần này cổng hỏi mức %v.", "This time the portal asked for Level %v."), a.levels[0]))
	}
	if len(a.levels) > 0 && slices.Min(a.levels) < minimum {
		out = append(out, fmt.Sprintf(l.say("Câu hỏi không hạ được mức đã đăng ký, nên vẫn cần mức %v.", "A request cannot lower what was registered, so Level %v is still needed."), minimum))
	}
	needed := a.needed(minimum)
	out = append(out, fmt.Sprintf(l.say("Hệ thống xác nhận mức %v. Cổng cần từ mức %v trở lên: đủ.", "Level %v was confirmed. The portal needs Level %v or higher: that is enough."), granted, needed))
	if granted > needed {
		out = append(out, l.say("Mức cao hơn mức cần cũng được nhận.", "A level above what is needed is taken as well."))
	}
	return out
}

// comparison is the same in one line, for developers.
func comparison(minimum eid.Level, a ask, granted eid.Level) string {
	if len(a.levels) == 0 {
		return fmt.Sprintf("acr %v ≥ registered minimum %v", granted, minimum)
	}
	return fmt.Sprintf("acr %v ≥ max(registered minimum %v, lowest asked %v)", granted, minimum, slices.Min(a.levels))
}

// advice is what a failure means and what to do about it.
type advice struct {
	Title, Meaning, Todo string
	Label                string // of the button; empty: none
	Next                 ask    // where the button goes
}

// adviseOn explains an error code of OAuth 2.0, OpenID Connect or this portal.
func adviseOn(l lang, f Failure, a ask, minimum eid.Level) advice {
	again := advice{Label: l.say("Đăng nhập lại", "Sign in again"), Next: a}
	plain := advice{Label: l.say("Đăng nhập", "Sign in"), Next: ask{levels: a.levels, essential: a.essential}}
	say := func(ad advice, title, meaning, todo string) advice {
		ad.Title, ad.Meaning, ad.Todo = title, meaning, todo
		return ad
	}
	switch f.Code {
	case "access_denied":
		return say(again, l.say("Chưa đăng nhập", "Not signed in"), l.say("Việc đăng nhập đã dừng: Quý vị đã hủy, hoặc tài khoản không được dùng cho dịch vụ này.", "The sign-in was stopped: you cancelled it, or the account cannot be used for this service."),
			l.say("Nếu Quý vị đã hủy, hãy đăng nhập lại khi muốn.", "If you cancelled it, sign in again whenever you like."))
	case "login_required":
		return say(plain, l.say("Cần đăng nhập", "Sign-in needed"), l.say("Cổng đã hỏi mà không mở trang đăng nhập, nhưng Quý vị chưa đăng nhập ở hệ thống định danh.", "The portal asked without opening a sign-in page, but you are not signed in to the identity system."),
			l.say("Hãy đăng nhập bằng nút dưới đây.", "Sign in with the button below."))
	case "interaction_required", "consent_required", "account_selection_required":
		return say(plain, l.say("Cần thêm một bước", "One more step needed"), l.say("Cổng đã hỏi mà không mở trang nào, nhưng hệ thống định danh cần Quý vị thực hiện thêm một bước.", "The portal asked without opening a page, but the identity system needs one more step from you."),
			l.say("Hãy tiếp tục bằng nút dưới đây.", "Go on with the button below."))
	case "unmet_authentication_requirements":
		needed := a.needed(minimum)
		ad := say(again, l.say("Chưa đủ mức định danh", "Level too low"), fmt.Sprintf(l.say("Dịch vụ này cần định danh mức %v. Cách đăng nhập vừa dùng chưa đạt.", "This service needs identity Level %v. The way you signed in does not reach it."), needed),
			l.say("Hãy chọn cách đăng nhập khác, hoặc thêm mã xác nhận. Định danh mức 2 được cấp tại cơ quan công an.", "Choose another way to sign in, or add a code. Identity Level 2 is issued by the police."))
		if needed > minimum {
			ad.Todo += fmt.Sprintf(l.say(" Phần khác của cổng vẫn dùng được với mức %v.", " Other parts of the portal can be used at Level %v."), minimum)
		}
		return ad
	case "temporarily_unavailable", "server_error", "provider_unreachable", "token_failed", "userinfo_failed":
		return say(again, l.say("Hệ thống đang gián đoạn", "Down for the moment"), l.say("Hệ thống định danh chưa trả lời được. Không có gì thay đổi.", "The identity system is not answering. Nothing has changed."),
			l.say("Hãy thử lại sau ít phút.", "Try again in a few minutes."))
	case "invalid_grant":
		return say(again, l.say("Lượt đăng nhập đã hết hạn", "This sign-in has expired"), l.say("Mã của lượt đăng nhập này không còn giá trị.", "The code of this sign-in is no longer valid."), l.say("Hãy đăng nhập lại.", "Sign in again."))
	case "acr_too_low":
		return say(again, l.say("Chưa đủ mức định danh", "Level too low"), l.say("Câu trả lời có mức thấp hơn mức cổng đã hỏi, nên cổng không nhận.", "The answer has a lower level than the portal asked for, so the portal refused it."),
			l.say("Hãy đăng nhập lại. Nếu vẫn vậy, hãy báo cho đơn vị vận hành cổng.", "Sign in again. If it happens again, tell whoever runs the portal."))
	case "auth_time_too_old":
		return say(again, l.say("Lần đăng nhập đã cũ", "The sign-in is too old"), l.say("Cổng yêu cầu đăng nhập mới, nhưng câu trả lời là của lần trước, nên cổng không nhận.", "The portal asked for a new sign-in, but the answer is of an earlier one, so the portal refused it."),
			l.say("Hãy đăng nhập lại.", "Sign in again."))
	case "iss_mismatch", "nonce_mismatch", "id_token_invalid", "sub_mismatch":
		return say(again, l.say("Không tin được câu trả lời", "The answer cannot be trusted"), l.say("Câu trả lời không đúng là của hệ thống định danh cho lượt này, nên cổng không nhận.", "The answer is not the identity system’s for this sign-in, so the portal refused it."),
			l.say("Hãy đăng nhập lại. Nếu vẫn vậy, hãy báo cho đơn vị vận hành cổng.", "Sign in again. If it happens again, tell whoever runs the portal."))
	case "invalid_request", "invalid_scope", "invalid_client", "unauthorized_client", "unsupported_response_type",
		"request_not_supported", "request_uri_not_supported", "registration_not_supported", "unsupported_grant_type":
		return say(advice{}, l.say("Cổng được cài đặt chưa đúng", "The portal is set up wrongly"), l.say("Hệ thống định danh từ chối yêu cầu của cổng. Lỗi không phải của Quý vị.", "The identity system refused the portal’s request. This is not your mistake."),
			l.say("Hãy báo cho đơn vị vận hành cổng.", "Tell whoever runs the portal."))
	}
	return say(again, l.say("Chưa đăng nhập được", "The sign-in failed"), l.say("Hệ thống định danh trả lời bằng một mã lỗi mà cổng không biết.", "The identity system answered with an error code that the portal does not know."), l.say("Hãy thử lại.", "Try again."))
}

// problem is a page for a request that the portal cannot serve.
type problem struct{ Title, Text, Label words }

var (
	problemAsk         = problem{words{"Địa chỉ không đúng", "Wrong address"}, words{"Cổng không có yêu cầu như vậy.", "The portal has no such request."}, words{"Về trang đầu", "To the first page"}}
	problemNotFound    = problem{words{"Không tìm thấy trang", "Page not found"}, words{"Địa chỉ này không có ở cổng.", "The portal has no page at this address."}, words{"Về trang đầu", "To the first page"}}
	problemTooLong     = problem{words{"Địa chỉ quá dài", "Address too long"}, words{"Cổng không nhận địa chỉ dài như vậy.", "The portal takes no address of this length."}, words{"Về trang đầu", "To the first page"}}
	problemOtherName   = problem{words{"Sai tên máy chủ", "Wrong server name"}, words{"Hãy mở cổng bằng địa chỉ của cổng rồi làm lại.", "Open the portal at its own address and try again."}, words{"Về trang đầu", "To the first page"}}
	problemAnswer      = problem{words{"Câu trả lời không hợp lệ", "Invalid answer"}, words{"Cổng không nhận địa chỉ này. Không có gì thay đổi. Hãy đăng nhập lại từ trang đầu.", "The portal does not take this address. Nothing has changed. Sign in again from the first page."}, words{"Về trang đầu", "To the first page"}}
	problemState       = problem{words{"Lượt đăng nhập không còn", "This sign-in is gone"}, words{"Lượt này đã dùng, đã quá 10 phút, hoặc bắt đầu ở trình duyệt khác. Không có gì thay đổi. Hãy đăng nhập lại từ trang đầu.", "It was used, is older than 10 minutes, or began in another browser. Nothing has changed. Sign in again from the first page."}, words{"Về trang đầu", "To the first page"}}
	problemUnreachable = problem{words{"Hệ thống đang gián đoạn", "Down for the moment"}, words{"Cổng chưa liên lạc được với hệ thống định danh. Hãy thử lại sau ít giây.", "The portal cannot reach the identity system. Try again in a few seconds."}, words{"Thử lại", "Try again"}}
)
