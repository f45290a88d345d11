package identity

import (
	"slices"
	"strings"
	"time"
)

// Person is somebody who can be signed in.
type Person struct {
	UserID    string
	AccountID string // "" for an operator
	Role      string // or several, with commas between them
}

// IsUser tells whether the person is somebody of the directory, and not only an auditor or operator.
func (p Person) IsUser() bool {
	return slices.ContainsFunc(strings.Split(p.Role, ","), func(role string) bool { return role == "agency" || role == "client" })
}

// Session is a browser in which somebody is signed in.
type Session struct {
	Person

	ID        string // names it in the list of a person's sessions; it opens nothing
	Way       string // how the person signed in
	BegunAt   time.Time
	SeenAt    time.Time // of the last request, to the minute
	ExpiresAt time.Time
}
