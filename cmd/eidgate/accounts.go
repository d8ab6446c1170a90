package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"eidgate/config"
	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
)

// newAccounts makes `eidgate accounts`.
func newAccounts() *cobra.Command {
	c := &cobra.Command{
		Use: "accounts", Short: "locks, renewed passports, old accounts of portals, accounts for tests", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newAccountsAdd(), newAccountsLink(), newAccountsImport(), newAccountsImported(), newAccountsLock(), newAccountsUnlock(), newAccountsLocks(), newAccountsRenewPaper())
	return c
}

// accountFiles are where an account to be made is read from. Secrets have no
// flag of their own: command lines are seen by everybody on the machine.
type accountFiles struct {
	person, password, totp string
	fresh                  bool // secrets are made, not read
}

func newAccountsAdd() *cobra.Command {
	c := &cobra.Command{
		Use: "add", Short: "make one account of the built-in account system", Args: noArgs,
		Long: `add makes an account at an operator's word, for test systems and synthetic people:
nothing is compared with a registry. The audit names who ran it.

The person is a JSON document:

  {"personal_number": "001188000901", "name": "Nguyễn Thị Thử", "birth_date": "1988-03-08",
   "gender": "female", "nationality": "VNM", "address": "…", "level": 2,
   "phone": "+84900000901", "phone_verified": true, "email": "thu@example.test", "email_verified": true}

What the person says of themselves may be added: "nickname", "preferred_username", and the
https URLs "profile", "picture", "website".
A foreigner has "passport_number" and "passport_country" in place of "personal_number".`,
	}
	path := configFlag(c)
	var files accountFiles
	c.Flags().StringVar(&files.person, "file", "", "file of the person (required)")
	c.Flags().StringVar(&files.password, "password-file", "", "file of the password, - for standard input; none makes an account that cannot sign in here")
	c.Flags().StringVar(&files.totp, "totp-file", "", "file of the secret of one-time codes, base32")
	c.Flags().BoolVar(&files.fresh, "new-secrets", false, "make a password and a secret of one-time codes, and print them once")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if files.person == "" {
			return usageError{errors.New("--file: name the file of the person")}
		}
		if files.fresh && files.password+files.totp != "" {
			return usageError{errors.New("--new-secrets: stands alone, without --password-file and --totp-file")}
		}
		account, password, err := files.read(c.InOrStdin())
		if err != nil {
			return err
		}
		cfg, err := config.Load(*path, os.Environ())
		if err != nil {
			return fmt.Errorf("the configuration cannot be used:\n%w", err)
		}
		if err := addAccount(c.Context(), cfg, account, password); err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "made: %s, level %s\n", account.Person.Identifier, account.Level)
		if files.fresh {
			fmt.Fprintf(c.OutOrStdout(), "password: %s\nsecret of one-time codes: %s\nThese are shown once. A code: any authenticator app, or oathtool -b --totp SECRET\n",
				password.Reveal(), account.TOTPSecret.Reveal())
		}
		return nil
	}
	return c
}

// personFile is the JSON document of a person.
type personFile struct {
	PersonalNumber  string    `json:"personal_number"`
	PassportNumber  string    `json:"passport_number"`
	PassportCountry string    `json:"passport_country"` // ISO 3166-1 alpha-3
	Name            string    `json:"name"`
	BirthDate       string    `json:"birth_date"` // 2006-01-02
	Gender          string    `json:"gender"`     // male or female
	Nationality     string    `json:"nationality"`
	Address         string    `json:"address"`
	Level           eid.Level `json:"level"`
	Phone           string    `json:"phone"`
	PhoneVerified   bool      `json:"phone_verified"`
	Email           string    `json:"email"`
	EmailVerified   bool      `json:"email_verified"`
	// What the person says of themselves.
	Nickname          string `json:"nickname"`
	PreferredUsername string `json:"preferred_username"`
	Profile           string `json:"profile"` // https URL, as the two below
	Picture           string `json:"picture"`
	Website           string `json:"website"`
}

func (f accountFiles) read(stdin io.Reader) (accounts.NewAccount, eid.Secret, error) {
	raw, err := readSmall(f.person, stdin)
	if err != nil {
		return accounts.NewAccount{}, eid.Secret{}, fmt.Errorf("--file: %w", err)
	}
	account, err := parsePerson(raw)
	if err != nil {
		return accounts.NewAccount{}, eid.Secret{}, fmt.Errorf("--file %s: %w", f.person, err)
	}
	if f.fresh {
		var password eid.Secret
		password, account.TOTPSecret = newSecrets()
		return account, password, nil
	}
	var password eid.Secret
	if f.password != "" {
		if raw, err = readSmall(f.password, stdin); err != nil {
			return accounts.NewAccount{}, eid.Secret{}, fmt.Errorf("--password-file: %w", err)
		}
		password = eid.NewSecret(strings.TrimRight(string(raw), "\r\n"))
		if password.IsZero() {
			return accounts.NewAccount{}, eid.Secret{}, errors.New("--password-file: no password in it")
		}
	}
	if f.totp != "" {
		if raw, err = readSmall(f.totp, stdin); err != nil {
			return accounts.NewAccount{}, eid.Secret{}, fmt.Errorf("--totp-file: %w", err)
		}
		account.TOTPSecret = eid.NewSecret(strings.TrimSpace(string(raw)))
		if _, _, err := credential.MatchCode(account.TOTPSecret, "", time.Now()); err != nil || account.TOTPSecret.IsZero() {
			return accounts.NewAccount{}, eid.Secret{}, errors.New("--totp-file: want a secret in base32")
		}
	}
	return account, password, nil
}

// newSecrets makes a password of 80 bits, in groups that can be read out, and a
// secret of 160 for one-time codes (RFC 4226 §4).
func newSecrets() (password, totp eid.Secret) {
	var raw [20]byte
	_, _ = rand.Read(raw[:]) // never fails
	p := strings.ToLower(rand.Text())
	return eid.NewSecret(strings.Join([]string{p[:4], p[4:8], p[8:12], p[12:16]}, "-")),
		eid.NewSecret(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw[:]))
}

// parsePerson reads the document. Its errors repeat no value: all is about a person.
func parsePerson(raw []byte) (accounts.NewAccount, error) {
	var p personFile
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return accounts.NewAccount{}, fmt.Errorf("%s: a %s is not what belongs there", wrong.Field, strings.Fields(wrong.Value)[0])
		}
		return accounts.NewAccount{}, fmt.Errorf("not the JSON of a person: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return accounts.NewAccount{}, errors.New("more than one JSON document")
	}
	person := eid.Person{Name: p.Name, BirthDate: p.BirthDate, Gender: p.Gender, Nationality: p.Nationality, Address: p.Address}
	var err error
	if person.Type, person.Identifier, err = identify(p.PersonalNumber, p.PassportNumber, p.PassportCountry); err != nil {
		return accounts.NewAccount{}, err
	}
	return accounts.NewAccount{
		Person: person, Level: p.Level, Status: eid.Active,
		Phone: eid.Contact{Value: p.Phone, Verified: p.PhoneVerified}, Email: eid.Contact{Value: p.Email, Verified: p.EmailVerified},
		Declared: eid.Declared{
			Nickname: p.Nickname, PreferredUsername: p.PreferredUsername, Profile: p.Profile, Picture: p.Picture, Website: p.Website,
		},
	}, nil
}

// identify reads the members of a document that name a person. Exactly one of the
// numbers is given.
func identify(personal, passport, country string) (eid.SubjectType, eid.Identifier, error) {
	switch {
	case personal != "" && passport == "":
		n, err := eid.ParsePersonalNumber(personal)
		if err != nil {
			return "", eid.Identifier{}, fmt.Errorf("personal_number: %w", err)
		}
		return eid.Citizen, eid.IdentifierOf(n), nil
	case passport != "" && personal == "":
		return eid.Foreigner, eid.NewIdentifier(eid.KindPassport, country, passport), nil
	}
	return "", eid.Identifier{}, errors.New("want personal_number, or passport_number with passport_country")
}

// addAccount makes the account, beside a gateway that may be running.
func addAccount(ctx context.Context, cfg *config.Config, account accounts.NewAccount, password eid.Secret) (err error) {
	if !password.IsZero() {
		passwords, err := credential.NewPasswords(1)
		if err != nil {
			return fmt.Errorf("preparing passwords: %w", err)
		}
		if account.PasswordHash, err = passwords.Hash(ctx, password); err != nil {
			return fmt.Errorf("hashing: %w", err)
		}
	}
	log := slog.New(slog.DiscardHandler)
	if err := makeDurable(ctx, cfg, log); err != nil {
		return err
	}
	d, err := openDurable(ctx, cfg, log, time.Now, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.db.Close()) }()
	if _, err = accounts.New(d.db, time.Now).Create(ctx, account, "operator:"+operator()); errors.Is(err, eid.ErrExists) {
		return errors.New("an account with this number exists already; nothing was changed")
	}
	return err
}

// readSmall reads a file, or standard input for -, of 64 KiB at most.
func readSmall(name string, stdin io.Reader) ([]byte, error) {
	const most = 64 << 10
	in := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	raw, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > most {
		return nil, fmt.Errorf("longer than %d bytes", most)
	}
	return raw, nil
}
