package domain

import "time"

// DeletionRequest is what a person asked Meta for: that what one of our apps has of them be deleted.
type DeletionRequest struct {
	Code     string   // by which the person looks after it; it names nobody
	Platform Platform // where the person signed in: [Facebook] or [Instagram]
	Person   string   // the platform's id of the person; "" when it is done
	AskedAt  time.Time
	DoneAt   *time.Time // nil: not done yet
}

// CoversUntil is the instant from which on a consent is none that the request is about, and what it brought stays. Meta says the second of
// a request alone.
func (r DeletionRequest) CoversUntil() time.Time { return r.AskedAt.Add(time.Second) }
