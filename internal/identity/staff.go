package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// The roles that the list gives.
const (
	roleAuditor  = "auditor"
	roleOperator = "operator"
)

// Staff is the list of auditors and operators by subject, or by e-mail address: they need be nobody of the directory. The zero value lists nobody.
type Staff struct{ members map[string]Person }

// ParseStaff reads entries operator:WHO and auditor:AGENCY:WHO. WHO is an e-mail address, or a subject of the provider; what has an @ is an
// address. Its error names every entry that is wrong.
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
		return fmt.Errorf("%q is neither operator:WHO nor auditor:AGENCY:WHO, where AGENCY is 24 hex digits, and WHO an e-mail address or a subject", entry)
	}
	if strings.Contains(who, "@") {
		who = lowerASCII(who)
	}
	before, listed := s.members[who]
	switch {
	case !listed:
		sum := sha256.Sum256([]byte("ledgerboard staff\x00" + who))
		// The user id is computed from the entry; an auditor's account is the agency that it looks at.
		s.members[who] = Person{UserID: hex.EncodeToString(sum[:domain.HexIDLength/2]), AccountID: agency, Role: role}
	case slices.Contains(strings.Split(before.Role, ","), role):
		return fmt.Errorf("%q: %s is listed as %s before; list each person once for a role", entry, who, role)
	default:
		s.members[who] = Person{UserID: before.UserID, AccountID: before.AccountID + agency, Role: roleAuditor + "," + roleOperator}
	}
	return nil
}

// Empty tells whether nobody is listed.
func (s Staff) Empty() bool { return len(s.members) == 0 }

// Find returns whom the list has for an identity: by its subject, else by its verified address.
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

// Has tells whether somebody is listed for the same agency with at least these roles.
func (s Staff) Has(of Person) bool {
	for _, m := range s.members {
		if m.UserID == of.UserID {
			return m.AccountID == of.AccountID && !slices.ContainsFunc(strings.Split(of.Role, ","), func(role string) bool {
				return !slices.Contains(strings.Split(m.Role, ","), role)
			})
		}
	}
	return false
}
