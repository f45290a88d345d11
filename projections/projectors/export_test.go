package projectors

import "github.com/google/uuid"

// ParseUUID tells whether an id is packed as a UUID.
func ParseUUID(text string) (id uuid.UUID, canonical bool) { return parseUUID(text) }
