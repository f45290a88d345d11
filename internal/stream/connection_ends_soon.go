package stream

import "time"

// EndsSoonEvent tells that a person must sign in for a connection before long; its payload is [EndsSoon]. It is told on
// [EndsSoonDays] before.
const EndsSoonEvent = "connection_ends_soon"

// EndsSoonDays are how many days before the end of a connection [EndsSoonEvent] is told.
func EndsSoonDays() []int { return []int{14, 7, 1} }

// EndsSoon names a connection that will be read no more unless a person signs in before an instant.
type EndsSoon struct {
	SignIn

	SignInBefore time.Time `json:"sign_in_before"` // UTC
}
