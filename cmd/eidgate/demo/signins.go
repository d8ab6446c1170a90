package demo

import (
	"slices"
	"time"

	"eidgate/eid"
)

// Sources of the demonstration, one of each kind. The old portal is registered
// twice: with a window that is open today, and with the one that the law closed.
const (
	SourceNational  = "national"  // the built-in account system
	SourceVNeID     = "vneid"     // the stand-in of the national platform
	SourceOldPortal = "legacy"    // OpenID Connect
	SourceInsurance = "insurance" // SAML 2.0
	SourcePost      = "post"      // CAS
	SourceLibrary   = "library"   // LDAP
	SourceClosed    = "legacy-2022"
)

// SignIn is what a synthetic person types at a source other than the built-in
// account system, and what the source then says.
type SignIn struct {
	Source   string
	Login    string
	Password string
	// Subject is what the source calls the person.
	Subject string
	// Level is what the source states.
	Level eid.Level
	// Number, Name and BirthDate (dd/MM/yyyy) are what it says of the person. A legacy
	// provider may be wrong about them.
	Number    string
	Name      string
	BirthDate string
	// Linked is the holder the subject is linked to, zero when to nobody; Cap bounds
	// grants through that link.
	Linked eid.Identifier
	Cap    eid.Level
	Note   Note
}

// SignIns lists what to type at the sources, the one to begin with first at each.
func SignIns() []SignIn {
	return []SignIn{
		at(SourceVNeID, "048191000013", "demo-tech-0013", eid.Level2, "048191000013").noted("mức 2 ở đó và ở đây", "level 2 there and here"),
		at(SourceVNeID, "001090000002", "demo-tech-0002", eid.Level1, "001090000002").noted("mức 1 ở đó", "level 1 there"),

		at(SourceOldPortal, "nguoi-dung-cu", "legacy-0012", eid.Level1, "011198000012").noted("mức 1, không có cách nào khác", "level 1, and no other way in"),
		at(SourceOldPortal, "nguoi-dung-moi", "legacy-0001", eid.Level1, "001188000001").
			noted("mức 1; lên mức 2 bằng tài khoản định danh", "level 1; the national account leads on to level 2"),
		at(SourceOldPortal, "nguoi-dung-hai", "legacy-0013", eid.Level1, "048191000013").
			noted("mức 1; lên mức 2 bằng VNeID mô phỏng", "level 1; the stand-in of VNeID leads on to level 2"),
		at(SourceOldPortal, "nguoi-dung-chua-lien-ket", "legacy-0002", eid.Level1, "001090000002").unlinked().
			noted("chưa liên kết: tự liên kết với số 001090000002", "not linked: its holder, 001090000002, links it"),
		at(SourceOldPortal, "nguoi-dung-thu-hai", "legacy-1001", eid.Level1, "001188000001").unlinked().
			noted("tài khoản cũ thứ hai của số 001188000001: chờ cán bộ xem", "a second old account of 001188000001: waits for officers"),

		at(SourceInsurance, "bao-hiem-1", "insurance-0003", eid.Level2, "079192000003").
			noted("nguồn nói mức 2, chỉ được cấp mức 1", "states level 2, is granted level 1"),
		at(SourceInsurance, "bao-hiem-2", "insurance-0004", eid.Level1, "048085000004").named("Phạm Văn Thi").
			noted("tên khác dấu: chờ cán bộ xem", "accents differ: waits in eidgate reviews"),

		at(SourcePost, "buu-dien-1", "post-0002", eid.Level1, "001090000002").noted("mức 1, dữ liệu khớp", "level 1, details match"),
		at(SourcePost, "buu-dien-2", "post-0003", eid.Level1, "079192000003").born("01/12/1992").
			noted("ngày sinh không khớp: không được cấp mức nào", "another date of birth: no level"),

		at(SourceLibrary, "thu-vien-1", "b7d1c0de-0004-4000-8000-000000000004", eid.Level1, "048085000004").
			noted("mức 1, mật khẩu nhập ngay tại cổng", "level 1; the password is typed at the gateway"),
		stranger(SourceLibrary, "thu-vien-2", "b7d1c0de-0099-4000-8000-000000000099", "Lý Văn Chưa Liên Kết"),
	}
}

// At lists what to type at one source.
func At(source string) []SignIn {
	if source == SourceClosed {
		source = SourceOldPortal
	}
	return slices.DeleteFunc(SignIns(), func(s SignIn) bool { return s.Source != source })
}

// at is a holder as a source knows them that says the same as the registry.
func at(source, login, subject string, level eid.Level, number string) SignIn {
	s := SignIn{Source: source, Login: login, Password: Password, Subject: subject, Level: level, Number: number, Cap: eid.Level1}
	if source == SourceVNeID {
		s.Cap = eid.Level2
	}
	for _, p := range People() {
		if p.Identifier.Reveal() == number {
			s.Linked, s.Name, s.BirthDate = p.Identifier, p.Name, Written(p.BirthDate)
		}
	}
	return s
}

// stranger is somebody whom no account knows.
func stranger(source, login, subject, name string) SignIn {
	s := SignIn{
		Source: source, Login: login, Password: Password, Subject: subject, Level: eid.Level1,
		Number: "079097000099", Name: name, BirthDate: "09/09/1997",
	}
	return s.noted("chưa liên kết với tài khoản nào", "linked to no account")
}

// unlinked is a holder's account that nobody has linked yet.
func (s SignIn) unlinked() SignIn {
	s.Linked, s.Cap = eid.Identifier{}, eid.LevelNone
	return s
}

func (s SignIn) named(name string) SignIn {
	s.Name = name
	return s
}

func (s SignIn) born(date string) SignIn {
	s.BirthDate = date
	return s
}

func (s SignIn) noted(vi, en string) SignIn {
	s.Note = Note{Vietnamese: vi, English: en}
	return s
}

// Written turns yyyy-MM-dd into dd/MM/yyyy, as these sources write dates.
func Written(date string) string {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return day.Format("02/01/2006")
}
