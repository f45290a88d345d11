package signin

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Person is a person who can sign in.
type Person struct {
	UserID    string
	AccountID string // of a user, or the agency that an auditor audits; "" for an operator
	Role      string // one role, or several separated by commas
}

// IsUser reports whether the person is a user in the directory, not only an auditor or operator.
func (p Person) IsUser() bool {
	isUser := func(role string) bool { return role == RoleAgency || role == RoleClient }
	return slices.ContainsFunc(strings.Split(p.Role, ","), isUser)
}

// Session is a signed-in browser.
type Session struct {
	Person

	KnownAs   []string // further names of the person when the session began, from [Identity.Names] or a token
	ID        string   // identifies the session in a person's list; grants no access
	Way       string   // how the person signed in
	BegunAt   time.Time
	SeenAt    time.Time // time of the last request of the person, to the minute
	ExpiresAt time.Time
	// ProviderSession is the provider's ID of the session there (sid); "": the provider names none.
	ProviderSession string
	// CheckedAt is when the provider was last asked whether the session there goes on, or the session
	// began; nil if it cannot be asked. It is only returned by the store, never given to it.
	CheckedAt *time.Time
	// Refresh is the provider's refresh token, with which [Provider.Renew] asks whether the session
	// there goes on; "": none. It is only given to the store, never returned by it.
	Refresh string `db:"-"`
}

// The roles of people: those of users in the directory, and those of [Staff].
const (
	RoleAgency   = "agency"
	RoleClient   = "client"
	roleAuditor  = "auditor"
	roleOperator = "operator"
)

// Staff is the list of auditors and operators. They need not be in the directory. The zero value is
// an empty list.
type Staff struct{ members map[string]Person } // by subject or email address

// ParseStaff parses entries of the forms operator:WHO and auditor:AGENCY:WHO. WHO is an email
// address if it contains an @, and otherwise a subject of the provider. The error lists every
// invalid entry.
func ParseStaff(entries []string) (Staff, error) {
	staff := Staff{members: map[string]Person{}}
	var errs []error
	for _, entry := range entries {
		if err := staff.add(strings.TrimSpace(entry)); err != nil {
			errs = append(errs, err)
		}
	}
	return staff, errors.Join(errs...)
}

func (s Staff) add(entry string) error {
	role, who, _ := strings.Cut(entry, ":")
	agency := ""
	if role == roleAuditor {
		var ok bool
		agency, who, _ = strings.Cut(who, ":")
		if agency, ok = domain.HexID(agency); !ok {
			who = ""
		}
	}
	if who == "" || role != roleAuditor && role != roleOperator {
		return fmt.Errorf("%q is neither operator:WHO nor auditor:AGENCY:WHO, where AGENCY is 24 hex digits "+
			"and WHO is an email address or a subject", entry)
	}
	if strings.Contains(who, "@") {
		who = lowerASCII(who)
	}
	existing, listed := s.members[who]
	switch {
	case !listed:
		sum := sha256.Sum256([]byte("ledgerboard staff\x00" + who))
		s.members[who] = Person{UserID: hex.EncodeToString(sum[:domain.HexIDLength/2]), AccountID: agency, Role: role}
	case slices.Contains(strings.Split(existing.Role, ","), role):
		return fmt.Errorf("%q: %s is already listed as %s; list each person once per role", entry, who, role)
	default:
		s.members[who] = Person{
			UserID: existing.UserID, AccountID: existing.AccountID + agency, Role: roleAuditor + "," + roleOperator,
		}
	}
	return nil
}

// Empty reports whether the list is empty.
func (s Staff) Empty() bool { return len(s.members) == 0 }

// Find returns the person who is listed under the subject of an identity or else under its verified
// address.
func (s Staff) Find(i Identity) (Person, bool) {
	if !strings.Contains(i.Subject, "@") {
		if m, listed := s.members[i.Subject]; listed {
			return m, true
		}
	}
	if !strings.Contains(i.Email, "@") {
		return Person{}, false
	}
	m, listed := s.members[i.Email]
	return m, listed
}

// Has reports whether the person is listed for the same agency with at least the same roles.
func (s Staff) Has(p Person) bool {
	for _, m := range s.members {
		if m.UserID == p.UserID {
			listed := strings.Split(m.Role, ",")
			isNew := func(role string) bool { return !slices.Contains(listed, role) }
			return m.AccountID == p.AccountID && !slices.ContainsFunc(strings.Split(p.Role, ","), isNew)
		}
	}
	return false
}

// Identity is a person as reported by the provider.
type Identity struct {
	Issuer  string
	Subject string   // the provider's ID of the person
	Email   string   // in lower case; "" unless it counts as verified
	Narrows bool     // whether Roles limits the roles that the person may have here
	Roles   []string // the roles that the provider allows
	Session string   // the provider's ID of the person's session there (sid); "": it names none
	Refresh string   // refresh token of the sign-in; "": none
}

// Names returns the names by which the list of withdrawn people can name the person.
func (i Identity) Names() []string {
	names := []string{i.Issuer + " " + i.Subject, i.Subject}
	if i.Email != "" {
		names = append(names, i.Email)
	}
	return names
}

// Narrowed returns those of the given roles that the provider allows.
func (i Identity) Narrowed(roles []string) []string {
	if !i.Narrows {
		return roles
	}
	return slices.DeleteFunc(slices.Clone(roles), func(role string) bool { return !slices.Contains(i.Roles, role) })
}

const rolesClaim = "ledgerboard_roles"

// claims are the claims that are used in addition to those with which the token is verified.
type claims struct {
	Email         string          `json:"email"`
	EmailVerified json.RawMessage `json:"email_verified"`
	// DomainVerified is Entra ID's statement that the domain of the address belongs to the person's
	// organization. Entra ID sends it instead of email_verified, if it is configured to.
	DomainVerified json.RawMessage `json:"xms_edov"`
	Party          string          `json:"azp"`
	Session        string          `json:"sid"`
	Roles          json.RawMessage `json:"ledgerboard_roles"`
}

// isTrue reports whether a claim is true. Providers send it as a boolean, a number or a text.
func isTrue(claim json.RawMessage) bool {
	text := strings.ToLower(strings.Trim(string(claim), `"`))
	return text == "true" || text == "1"
}

// identity returns the identity of a subject. trusted means that all addresses of the provider
// count as verified.
func (c claims) identity(issuer, subject string, trusted bool) Identity {
	i := Identity{Issuer: issuer, Subject: subject, Narrows: c.Roles != nil, Session: c.Session}
	if trusted || isTrue(c.EmailVerified) || c.EmailVerified == nil && isTrue(c.DomainVerified) {
		i.Email = lowerASCII(c.Email)
	}
	var one string
	if json.Unmarshal(c.Roles, &i.Roles) != nil && json.Unmarshal(c.Roles, &one) == nil {
		i.Roles = strings.Fields(one)
	}
	return i
}

func lowerASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, text)
}

// Flow contains the values that bind a sign-in to a browser. They are derived from a secret that
// only the browser keeps. No value reveals the secret or another value.
type Flow struct {
	State    string // the provider returns it with the code
	Nonce    string // the provider includes it in the token
	Verifier string // proves that we requested the code (PKCE)
}

// FlowOf derives the flow from a secret, which must be random.
func FlowOf(secret string) Flow {
	part := func(name string) string {
		sum := sha256.Sum256([]byte("ledgerboard sign-in\x00" + name + "\x00" + secret))
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return Flow{State: part("state"), Nonce: part("nonce"), Verifier: part("verifier")}
}
