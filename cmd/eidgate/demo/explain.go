package demo

import (
	"fmt"
	"slices"

	"eidgate/eid"
)

// reasons tells in words why the portal took a level: what it registered, what
// it asked, what came.
func reasons(minimum eid.Level, a ask, granted eid.Level) []string {
	out := []string{fmt.Sprintf("Cổng này đã đăng ký: cần ít nhất định danh mức %v.", minimum)}
	switch {
	case len(a.levels) == 0:
		out = append(out, "Lần này cổng không hỏi thêm mức nào.")
	case len(a.levels) > 1:
		out = append(out, "Lần này cổng muốn mức 2, và cũng nhận mức 1.")
	case a.essential:
		out = append(out, fmt.Sprintf("Lần này cổng bắt buộc mức %v.", a.levels[0]))
	default:
		out = append(out, fmt.Sprintf("Lần này cổng hỏi mức %v.", a.levels[0]))
	}
	if len(a.levels) > 0 && slices.Min(a.levels) < minimum {
		out = append(out, fmt.Sprintf("Câu hỏi không hạ được mức đã đăng ký, nên vẫn cần mức %v.", minimum))
	}
	needed := a.needed(minimum)
	out = append(out, fmt.Sprintf("Hệ thống xác nhận mức %v. Cổng cần từ mức %v trở lên: đủ.", granted, needed))
	if granted > needed {
		out = append(out, "Mức cao hơn mức cần cũng được nhận.")
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
func adviseOn(f Failure, a ask, minimum eid.Level) advice {
	again := advice{Label: "Đăng nhập lại", Next: a}
	plain := advice{Label: "Đăng nhập", Next: ask{levels: a.levels, essential: a.essential}}
	say := func(ad advice, title, meaning, todo string) advice {
		ad.Title, ad.Meaning, ad.Todo = title, meaning, todo
		return ad
	}
	switch f.Code {
	case "access_denied":
		return say(again, "Chưa đăng nhập", "Việc đăng nhập đã dừng: Quý vị đã hủy, hoặc tài khoản không được dùng cho dịch vụ này.",
			"Nếu Quý vị đã hủy, hãy đăng nhập lại khi muốn.")
	case "login_required":
		return say(plain, "Cần đăng nhập", "Cổng đã hỏi mà không mở trang đăng nhập, nhưng Quý vị chưa đăng nhập ở hệ thống định danh.",
			"Hãy đăng nhập bằng nút dưới đây.")
	case "interaction_required", "consent_required", "account_selection_required":
		return say(plain, "Cần thêm một bước", "Cổng đã hỏi mà không mở trang nào, nhưng hệ thống định danh cần Quý vị thực hiện thêm một bước.",
			"Hãy tiếp tục bằng nút dưới đây.")
	case "unmet_authentication_requirements":
		needed := a.needed(minimum)
		ad := say(again, "Chưa đủ mức định danh", fmt.Sprintf("Dịch vụ này cần định danh mức %v. Cách đăng nhập vừa dùng chưa đạt.", needed),
			"Hãy chọn cách đăng nhập khác, hoặc thêm mã xác nhận. Định danh mức 2 được cấp tại cơ quan công an.")
		if needed > minimum {
			ad.Todo += fmt.Sprintf(" Phần khác của cổng vẫn dùng được với mức %v.", minimum)
		}
		return ad
	case "temporarily_unavailable", "server_error", "provider_unreachable", "token_failed", "userinfo_failed":
		return say(again, "Hệ thống đang gián đoạn", "Hệ thống định danh chưa trả lời được. Không có gì thay đổi.",
			"Hãy thử lại sau ít phút.")
	case "invalid_grant":
		return say(again, "Lượt đăng nhập đã hết hạn", "Mã của lượt đăng nhập này không còn giá trị.", "Hãy đăng nhập lại.")
	case "acr_too_low":
		return say(again, "Chưa đủ mức định danh", "Câu trả lời có mức thấp hơn mức cổng đã hỏi, nên cổng không nhận.",
			"Hãy đăng nhập lại. Nếu vẫn vậy, hãy báo cho đơn vị vận hành cổng.")
	case "auth_time_too_old":
		return say(again, "Lần đăng nhập đã cũ", "Cổng yêu cầu đăng nhập mới, nhưng câu trả lời là của lần trước, nên cổng không nhận.",
			"Hãy đăng nhập lại.")
	case "iss_mismatch", "nonce_mismatch", "id_token_invalid", "sub_mismatch":
		return say(again, "Không tin được câu trả lời", "Câu trả lời không đúng là của hệ thống định danh cho lượt này, nên cổng không nhận.",
			"Hãy đăng nhập lại. Nếu vẫn vậy, hãy báo cho đơn vị vận hành cổng.")
	case "invalid_request", "invalid_scope", "invalid_client", "unauthorized_client", "unsupported_response_type",
		"request_not_supported", "request_uri_not_supported", "registration_not_supported", "unsupported_grant_type":
		return say(advice{}, "Cổng được cài đặt chưa đúng", "Hệ thống định danh từ chối yêu cầu của cổng. Lỗi không phải của Quý vị.",
			"Hãy báo cho đơn vị vận hành cổng.")
	}
	return say(again, "Chưa đăng nhập được", "Hệ thống định danh trả lời bằng một mã lỗi mà cổng không biết.", "Hãy thử lại.")
}

// problem is a page for a request that the portal cannot serve.
type problem struct{ Title, Text, Label string }

var (
	problemAsk         = problem{"Địa chỉ không đúng", "Cổng không có yêu cầu như vậy.", "Về trang đầu"}
	problemNotFound    = problem{"Không tìm thấy trang", "Địa chỉ này không có ở cổng.", "Về trang đầu"}
	problemTooLong     = problem{"Địa chỉ quá dài", "Cổng không nhận địa chỉ dài như vậy.", "Về trang đầu"}
	problemOtherName   = problem{"Sai tên máy chủ", "Hãy mở cổng bằng địa chỉ của cổng rồi làm lại.", "Về trang đầu"}
	problemAnswer      = problem{"Câu trả lời không hợp lệ", "Cổng không nhận địa chỉ này. Không có gì thay đổi. Hãy đăng nhập lại từ trang đầu.", "Về trang đầu"}
	problemState       = problem{"Lượt đăng nhập không còn", "Lượt này đã dùng, đã quá 10 phút, hoặc bắt đầu ở trình duyệt khác. Không có gì thay đổi. Hãy đăng nhập lại từ trang đầu.", "Về trang đầu"}
	problemUnreachable = problem{"Hệ thống đang gián đoạn", "Cổng chưa liên lạc được với hệ thống định danh. Hãy thử lại sau ít giây.", "Thử lại"}
)
