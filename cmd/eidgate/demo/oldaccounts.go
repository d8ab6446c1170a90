package demo

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
)

// Sources of the accounts that the first portal made itself: with a date to verify
// them by that is still ahead, and with one that has passed.
const (
	SourceOldAccounts     = "portal-1-old"
	SourceOverdueAccounts = "portal-1-old-2022"
)

// OldAccount is an account that the first portal made itself, and where it stands
// when the demonstration begins. All of it is made up.
type OldAccount struct {
	Source string
	Login  string
	Hash   string // of Password, as one of the programs that portals run on made it
	// Number, Name and BirthDate (dd/MM/yyyy) are what the portal knew; empty: nothing.
	Number    string
	Name      string
	BirthDate string
	Subject   string // by which the portal knew the person
	// Verified: it is linked to the account of Number. Rejected: officers refused it.
	Verified, Rejected bool
	Note               Note
}

// Hashes of Password.
const (
	hashBcrypt  = "$2y$08$WbDtq3jlw.pmdFr9v8rAMeM/bxZ6.r62YfXSmjXfBjoIJcpj/4QN2"
	hashSHA512  = "$6$syntheticdemo$YDHZsfgGpqGxiiadx.zHGd.eMdJ6fnJ/28lOWPrcTLY7ph8g0Sz6zY6j5zv2Qe2xo0B76RKFQHz8VP3OkqCxA0"
	hashMD5     = "$1$demosalt$SekniRepwEZkSr3JGjiGz."
	hashDjango  = "pbkdf2_sha256$20000$syntheticdemo$oFV2Q0TgFgiDsQpSyX47xIK/yjVdHNkW8h31pKRlBu4="
	hashSaltSHA = "{SSHA}Z4xd7qQ1ovS7+fG/+5grBO1T0EhkZW1vc2FsdA=="
)

// OldAccounts lists them, one or more in every state.
func OldAccounts() []OldAccount {
	return []OldAccount{
		old("mau.mot", hashBcrypt, "001188000001").verified().
			noted("đã xác minh: vào được, mức 1", "verified: goes on, level 1"),
		old("mau.hai", hashDjango, "001090000002").
			noted("chờ xác minh, dữ liệu khớp: vào được đến hạn; số 001090000002 xác minh", "waits, details match: gets in until the date; 001090000002 verifies it"),
		old("mau.ba", hashSHA512, "").
			noted("chờ xác minh, cổng không có số định danh: xác minh ngay", "waits, the portal knew no number: has to verify at once"),
		old("mau.khac", hashSaltSHA, "079192000003").noted(
			"chờ xác minh; người khác (001090000002) nhận: chờ cán bộ xem", "waits; claimed by somebody else (001090000002) it goes to officers"),
		old("mau.bon", hashMD5, "048085000004").
			noted("hai tài khoản cũ cùng một số: chờ cán bộ xem", "two old accounts with one number: wait for officers"),
		old("mau.bon.hai", hashBcrypt, "048085000004").
			noted("hai tài khoản cũ cùng một số: chờ cán bộ xem", "two old accounts with one number: wait for officers"),
		old("mau.nam", hashBcrypt, "079080000005").noted("chờ xác minh, chưa vào lần nào", "waits"),
		old("mau.nam.hai", hashBcrypt, "079080000005").rejected().
			noted("cán bộ đã từ chối: như không có", "refused by officers: as if it was not there"),

		overdue("cu.hai", hashBcrypt, "001090000002").
			noted("quá hạn: phải xác minh; số 001090000002 xác minh", "overdue: refused, with the way to verify; 001090000002 verifies it"),
		overdue("cu.ba", hashBcrypt, "079192000003").verified().
			noted("đã xác minh trước hạn: vào được, mức 1", "verified in time: goes on, level 1"),
	}
}

// OldAccountsOf lists those of one source.
func OldAccountsOf(source string) []OldAccount {
	return slices.DeleteFunc(OldAccounts(), func(a OldAccount) bool { return a.Source != source })
}

// WriteOldAccounts writes the file that the portal hands over of one source.
func WriteOldAccounts(to io.Writer, source string) error {
	w := csv.NewWriter(to)
	rows := [][]string{{"login", "number", "name", "birth_date", "email", "password_hash", "subject"}}
	for _, a := range OldAccountsOf(source) {
		rows = append(rows, []string{a.Login, a.Number, a.Name, a.BirthDate, a.Login + "@example.test", a.Hash, a.Subject})
	}
	if err := w.WriteAll(rows); err != nil {
		return fmt.Errorf("writing old accounts: %w", err)
	}
	return nil
}

// old is an account of the first portal, of a holder or of nobody that it knew.
func old(login, hash, number string) OldAccount {
	a := OldAccount{Source: SourceOldAccounts, Login: login, Hash: hash, Number: number, Subject: "demo-old-" + login}
	for _, p := range People() {
		if number != "" && p.Identifier.Reveal() == number {
			a.Name, a.BirthDate = p.Name, Written(p.BirthDate)
		}
	}
	return a
}

func overdue(login, hash, number string) OldAccount {
	a := old(login, hash, number)
	a.Source = SourceOverdueAccounts
	return a
}

func (a OldAccount) verified() OldAccount {
	a.Verified = true
	return a
}

func (a OldAccount) rejected() OldAccount {
	a.Rejected = true
	return a
}

func (a OldAccount) noted(vi, en string) OldAccount {
	a.Note = Note{Vietnamese: vi, English: en}
	return a
}
