package demo

import (
	"encoding/base32"
	"fmt"

	"eidgate/eid"
)

// Password opens every synthetic account that has a password. It may stand here
// in the clear, as the TOTP secrets do: the demonstration listens on loopback
// and knows nobody who exists.
const Password = "demo-mat-khau-1"

// Person is a synthetic holder. No such person exists: names, numbers of the
// block 000001 to 000999, phones and addresses are made up.
type Person struct {
	eid.Person
	Phone      string // E.164
	Unproved   bool   // the phone is declared only
	Email      string
	Level      eid.Level
	Status     eid.Status
	OwnFloor   eid.Level // LevelNone when never set
	Password   string    // empty: no sign-in at the built-in account system
	TOTPSecret string    // base32 without padding; RFC 6238, SHA-1, 6 digits, 30 s; empty: not enrolled
	Lock       eid.LockReason
	// Tasks and Office are an officer's.
	Tasks  []eid.Task
	Office string
	// Documents are papers that an officer compared, as if at a counter.
	Documents []eid.Document
	Note      Note
}

// Note tells in a few words what an account is there to show.
type Note struct{ Vietnamese, English string }

// Factors are the enrolled means of sign-in.
func (p Person) Factors() []eid.Factor {
	var out []eid.Factor
	if p.Password != "" {
		out = append(out, eid.Password)
	}
	if p.TOTPSecret != "" {
		out = append(out, eid.OneTimeCode)
	}
	return out
}

// People lists the synthetic holders, the one to begin with first.
func People() []Person {
	return []Person{
		holder(1, "001188000001", "Nguyễn Thị Thử", "1988-03-08", "female", eid.Level2).withTOTP().
			noted("mức 2, có mã xác nhận: vào được cả hai cổng", "level 2 with TOTP: both portals"),
		holder(2, "001090000002", "Trần Văn Mẫu", "1990-01-15", "male", eid.Level1).
			noted("mức 1, chỉ mật khẩu", "level 1, password only"),
		holder(3, "079192000003", "Lê Thị Giả", "1992-11-30", "female", eid.Level1).withTOTP().
			noted("mức 1, có mã xác nhận: mã không nâng mức định danh", "level 1 with TOTP: a second factor does not raise the level"),
		holder(4, "048085000004", "Phạm Văn Thí", "1985-06-21", "male", eid.Level2).unproved().
			noted("mức 2, chỉ mật khẩu: mật khẩu chỉ đạt mức 1", "level 2, password only: reaches level 1"),
		holder(5, "079080000005", "Hoàng Văn Ngưỡng", "1980-09-02", "male", eid.Level2).withTOTP().withOwnFloor(eid.Level2).
			noted("mức 2, tự đặt mức tối thiểu 2", "level 2 with TOTP, own floor 2"),
		holder(6, "011304000006", "Vũ Thị Chờ", "2004-02-29", "female", eid.Level1).pending().
			noted("chưa kích hoạt", "not activated yet"),
		holder(7, "001075000007", "Đặng Văn Tự Khóa", "1975-12-01", "male", eid.Level2).withTOTP().locked(eid.LockSelf).
			noted("khóa: chủ tài khoản tự khóa", "locked by the holder"),
		holder(8, "001182000008", "Bùi Thị Cơ Quan", "1982-04-17", "female", eid.Level2).locked(eid.LockAuthority).
			noted("khóa: cơ quan có thẩm quyền yêu cầu", "locked: an authority asked"),
		holder(9, "079202000009", "Đỗ Văn Điều Khoản", "2002-07-07", "male", eid.Level1).locked(eid.LockTerms).
			noted("khóa: vi phạm điều khoản", "locked: terms of service breached"),
		holder(10, "048195000010", "Hồ Thị Hủy Số", "1995-10-10", "female", eid.Level1).locked(eid.LockNumber).
			noted("khóa: số định danh bị hủy hoặc xác lập lại", "locked: number cancelled or re-established"),
		holder(11, "001040000011", "Ngô Văn Khuất", "1940-05-05", "male", eid.Level1).locked(eid.LockDeath).
			noted("khóa: người giả định đã mất", "locked: death, of a person who never lived"),
		holder(12, "011198000012", "Dương Thị Cũ", "1998-08-18", "female", eid.Level1).withoutPassword().
			noted("chỉ vào qua nhà cung cấp cũ, tối đa mức 1", "through the old portal only, level 1 at most"),
		holder(13, "048191000013", "Mai Thị Liên Thông", "1991-04-30", "female", eid.Level2).withoutPassword().
			noted("chỉ vào qua VNeID mô phỏng, mức 2", "through the stand-in of VNeID only, level 2"),
		holder(14, "001186000014", "Tạ Thị Tiếp Nhận", "1986-09-19", "female", eid.Level2).withTOTP().officer().
			noted("cán bộ ở quầy: /officer", "officer: /officer, takes applications in"),
		holder(15, "001083000015", "Cao Văn Phê Duyệt", "1983-02-11", "male", eid.Level2).withTOTP().officer().
			noted("cán bộ thứ hai: duyệt hồ sơ người khác tiếp nhận", "another officer: approves what the first took in"),
		holder(16, "079189000016", "Lý Thị Giấy Tờ", "1989-12-24", "female", eid.Level2).withTOTP().withDocuments().
			noted("mức 2, có giấy tờ để chia sẻ với cổng mức 2", "level 2 with documents, which the portal of level 2 asks for"),
	}
}

func holder(serial int, number, name, birth, gender string, level eid.Level) Person {
	return Person{
		Person: eid.Person{
			Type:        eid.Citizen,
			Identifier:  eid.NewIdentifier(eid.KindPersonalNumber, "VNM", number),
			Name:        name,
			BirthDate:   birth,
			Gender:      gender,
			Nationality: "VNM",
			Address:     fmt.Sprintf("Dữ liệu giả định, số %d phố Thử Nghiệm", serial),
		},
		Phone:    fmt.Sprintf("+849000000%02d", serial),
		Email:    fmt.Sprintf("nguoi-thu-%02d@example.test", serial),
		Level:    level,
		Status:   eid.Active,
		Password: Password,
	}
}

// unproved is a person whose phone is declared only, so that no code goes there.
func (p Person) unproved() Person {
	p.Unproved = true
	return p
}

// withTOTP enrols a secret that reads as synthetic once decoded: 160 bits, as
// RFC 4226 §4 recommends.
func (p Person) withTOTP() Person {
	number := p.Identifier.Reveal()
	secret := "demo-totp-secret-" + number[len(number)-3:]
	p.TOTPSecret = base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(secret))
	return p
}

func (p Person) withOwnFloor(l eid.Level) Person {
	p.OwnFloor = l
	return p
}

func (p Person) pending() Person {
	p.Status = eid.PendingActivation
	return p
}

func (p Person) locked(why eid.LockReason) Person {
	p.Lock = why
	return p
}

func (p Person) withoutPassword() Person {
	p.Password = ""
	return p
}

// officer lets a person act for others, whichever task comes up.
func (p Person) officer() Person {
	p.Office, p.Tasks = "Công an phường Thử Nghiệm (giả định)", eid.Tasks()
	return p
}

// withDocuments gives a person two papers, of numbers that nobody issued.
func (p Person) withDocuments() Person {
	p.Documents = []eid.Document{
		{Kind: eid.DrivingLicence, Number: eid.NewSecret("999900000016"), Issuer: "Sở Giao thông vận tải (giả định)", ExpiresOn: "2046-12-31"},
		{Kind: eid.HealthInsurance, Number: eid.NewSecret("GD4999900000016"), Issuer: "Bảo hiểm xã hội (giả định)"},
	}
	return p
}

func (p Person) noted(vi, en string) Person {
	p.Note = Note{Vietnamese: vi, English: en}
	return p
}
